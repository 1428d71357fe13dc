"""Settings in force, written as a TOML file in which a comment says where each value came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel, SecretStr

from sanctuary.config.layering import Loaded
from sanctuary.config.leaves import leaves
from sanctuary.config.origins import format_path
from sanctuary.config.toml_lines import KeyPath

_COMMENT_COLUMN = 44
_CONTROL = re.compile(r"\x7f")


def render_toml(loaded: Loaded[Any]) -> str:
    """Write settings so that they can be read, piped, and loaded again.

    What is not set, and secrets, stand as comments.
    """
    return "\n".join(_table(loaded.settings, (), "", loaded)).lstrip("\n") + "\n"


def toml_value(value: object) -> str:
    """Write one value of settings as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case Mapping():
            pairs = (f"{format_path((name,))} = {toml_value(item)}" for name, item in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case tuple() | list():
            return f"[{', '.join(toml_value(item) for item in value)}]"
        case PurePath():
            return toml_value(str(value))
        case _:
            return _CONTROL.sub(r"\\u007f", json.dumps(str(value), ensure_ascii=False))


def _table(table: BaseModel, path: KeyPath, header: str, loaded: Loaded[Any]) -> Iterator[str]:
    """Write a table, its own values before the tables in it, as TOML requires."""
    plain = [(name, value) for name, value in table if not _holds_tables(value)]
    if plain and header:
        yield f"\n{header}"
    for name, value in plain:
        yield _line(name, value, (*path, name), loaded)
    for name, value in table:
        if isinstance(value, BaseModel):
            yield from _table(value, (*path, name), f"[{_header((*path, name))}]", loaded)
        elif _holds_tables(value):
            for at, item in enumerate(value):
                yield from _table(item, (*path, name, at), f"[[{_header((*path, name))}]]", loaded)


def _line(name: str, value: object, path: KeyPath, loaded: Loaded[Any]) -> str:
    origins = dict.fromkeys(str(loaded.origins[format_path(leaf)]) for leaf, _ in leaves(value, path))
    comment = f"# {', '.join(origins)}"
    if value is None:
        return f"{f'# {name} is not set':<{_COMMENT_COLUMN}}{comment}"
    if isinstance(value, SecretStr):
        return f"{f'# {name} is hidden':<{_COMMENT_COLUMN}}{comment}"
    return f"{f'{format_path((name,))} = {toml_value(value)}':<{_COMMENT_COLUMN - 1}} {comment}"


def _holds_tables(value: Any) -> bool:
    return isinstance(value, BaseModel) or (
        isinstance(value, tuple) and any(isinstance(v, BaseModel) for v in value)
    )


def _header(path: KeyPath) -> str:
    """Name a table in a header: positions in arrays of tables are left out."""
    return format_path(tuple(name for name in path if isinstance(name, str)))
