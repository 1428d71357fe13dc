"""Settings in words: the reference of every setting, and the settings in force as TOML.

Both are written from the models, so that they cannot differ from what is checked. In the TOML a comment says
where each value came from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sanctuary.config.fields import SchemaNode
from sanctuary.config.loading import Loaded
from sanctuary.config.mistakes import allowed
from sanctuary.config.origins import format_path, leaves
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.toml_lines import KeyPath

_COMMENT_COLUMN = 44
_CONTROL = re.compile(r"\x7f")


def render_toml(loaded: Loaded[Any]) -> str:
    """Write settings so that they can be read, piped, and loaded again.

    What is not set, and secrets, stand as comments.
    """
    return "\n".join(_table(loaded.settings, (), "", loaded)).lstrip("\n") + "\n"


def toml_value(value: object) -> str:
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


_HEAD = """\
# Configuration

Sanctuary reads one TOML file, `sanctuary.toml`. Every setting has a default, so a file holds only what
differs; `docs/sanctuary.example.toml` is a complete one to start from. Later layers override earlier ones:

1. the defaults below, and the demo circle (four simulated pods, quorum two of four), which stands in for
   `[[pods]]` and `[[circles]]` until your file names pods or circles of its own;
2. the file given with `--config FILE` or in the variable `SANCTUARY_CONFIG`;
3. environment variables: `SANCTUARY_BROKER__PORT=1884` sets `broker.port`. Two underscores go one level
   down, a number chooses an element of a list (`SANCTUARY_PODS__0__HEADBAND__PORT=/dev/ttyUSB1`), values are
   TOML, and what is no TOML value is text. Any other variable that begins with `SANCTUARY_` is a mistake;
4. options of the command, such as `--set broker.port=1884`.

Tables merge key by key; lists are replaced whole.

```
sanctuary config check FILE              every mistake at once, with line, value and what is allowed
sanctuary config show --config FILE      the settings in force, and where each came from
sanctuary config reference               this page
```

Bounds are inclusive. The bounds of `[limiter]` and `[pod]` are the safety case: no file, variable or option
can make a pod louder, faster or more trusting. Consent never stands here; sleepers sign it themselves.
"""


_PIPE = r"\|"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as the reference shows it.

    Attributes
    ----------
    table
        Header of its table: ``[chain.gate]``, ``[[pods]]``.
    path
        Full name, with ``[]`` for the position in a list: ``pods[].headband.port``.
    condition
        The member of a tagged union to which it belongs: ``kind = "cyton"``; else empty.
    default
        As TOML; empty where the setting must be given.
    """

    table: str
    path: str
    condition: str
    allowed: str
    default: str
    description: str


def reference_rows(root: type[BaseModel] = SanctuarySettings) -> list[SettingRow]:
    """List every setting, tables in the order of the models."""
    return list(_rows(root, "", "", brackets=("[", "]")))


def reference_markdown(root: type[BaseModel] = SanctuarySettings) -> str:
    """Write ``docs/configuration.md``."""
    parts = [_HEAD]
    for (table, condition), rows in groupby(reference_rows(root), key=lambda row: (row.table, row.condition)):
        parts.append(f"## `{table}`{f' with `{condition}`' if condition else ''}\n")
        parts.append("| setting | allowed | default | meaning |\n|---|---|---|---|")
        parts += [_row(row) for row in rows]
        parts.append("")
    return "\n".join(parts)


def _rows(
    model: type[BaseModel], path: str, condition: str, brackets: tuple[str, str], table: str = ""
) -> Iterator[SettingRow]:
    """List the plain settings of a table, then those of the tables in it."""
    inner = []
    for name, info in model.model_fields.items():
        place = SchemaNode(info.annotation, info)
        below = f"{path}.{name}" if path else name
        table_below = f"{table}.{name}" if table else name
        if place.models:
            inner += [_rows(m, below, _condition(m), ("[", "]"), table_below) for m in place.models]
        elif (element := SchemaNode(place.element)).models:
            inner += [
                _rows(m, f"{below}[]", _condition(m), ("[[", "]]"), table_below) for m in element.models
            ]
        else:
            header = f"{brackets[0]}{table}{brackets[1]}"
            yield SettingRow(header, below, condition, allowed(place), _default(info), info.description or "")
    for rows in inner:
        yield from rows


def _condition(model: type[BaseModel]) -> str:
    """Name the kind of a member of a tagged union; empty for a model of several kinds, which is no member."""
    kind = model.model_fields.get("kind")
    if kind is None or len(get_args(kind.annotation)) != 1:
        return ""
    return f"kind = {allowed(SchemaNode(kind.annotation))}"


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return ""
    return "not set" if value is None else toml_value(value)


def _row(row: SettingRow) -> str:
    default = {"": "must be given", "not set": "not set"}.get(row.default, f"`{row.default}`")
    cells = (f"`{row.path}`", row.allowed, default, row.description.replace("\n", " "))
    return f"| {' | '.join(cell.replace('|', _PIPE) for cell in cells)} |"
