"""Loading any settings model: defaults, file, environment and options laid over one another, checked once."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from sanctuary.config.assignments import Override, assign_environment, assign_overrides
from sanctuary.config.errors import ConfigError, InputError
from sanctuary.config.leaves import leaves
from sanctuary.config.mistakes import find_mistakes, listing
from sanctuary.config.origins import DEFAULT, Layer, Layers, Origin, format_path
from sanctuary.config.toml_lines import KeyPath, line_index

SettingsT = TypeVar("SettingsT", bound=BaseModel)

_POSITION = re.compile(
    r"(?P<problem>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.S
)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[SettingsT]):
    """Checked settings, and where each came from.

    Attributes
    ----------
    origins
        By path (``pods[0].headband.port``), for every value that is not itself a table or a filled list.
    """

    settings: SettingsT
    origins: Mapping[str, Origin]


def load_model(
    root: type[SettingsT],
    *,
    shipped: Mapping[str, Any] | None = None,
    together: Collection[str] = (),
    path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Iterable[Override] = (),
) -> Loaded[SettingsT]:
    """Build settings: the model's defaults <- `shipped` <- file <- environment <- options.

    Parameters
    ----------
    shipped
        Tables that come with the program.
    together
        Top-level tables that only make sense with one another: a file that holds one of them replaces
        the shipped ones of them all.
    path
        A TOML file, if there is one.
    env
        The environment; only ``SANCTUARY_*`` is looked at.

    Raises
    ------
    InputError
        The file cannot be read.
    ConfigError
        The file is not TOML, or settings are wrong: every mistake in every layer is listed.
    """
    layers = Layers()
    table, lines = read_toml(path) if path is not None else ({}, {})
    replaced = set(together) if table.keys() & set(together) else set()
    layers.lay({key: value for key, value in (shipped or {}).items() if key not in replaced}, DEFAULT, {})
    layers.lay(table, Origin(Layer.FILE, str(path)), lines)
    mistakes = assign_environment(env or {}, root, layers)
    mistakes += assign_overrides(overrides, root, layers)
    try:
        settings = root.model_validate_json(json.dumps(layers.data, default=str), strict=True)
    except ValidationError as error:
        mistakes += find_mistakes(error, root, layers)
    if mistakes:
        raise ConfigError(listing(mistakes))
    return Loaded(settings, {format_path(leaf): layers.origin_of(leaf) for leaf, _ in leaves(settings)})


def read_toml(path: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Read a TOML file and the line of everything in it.

    Raises
    ------
    InputError
        It is missing, a folder, not readable, or not UTF-8.
    ConfigError
        It is not TOML.
    """
    text = _read_text(path)
    try:
        return tomllib.loads(text), line_index(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_mistake(path, text, str(error))) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such settings file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; name the settings file in it") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _syntax_mistake(path: Path, text: str, message: str) -> str:
    found = _POSITION.fullmatch(message)
    if found is None:
        return f"{path}: not TOML: {message}"
    lines = text.split("\n")
    line = found["line"] or len(lines)
    column = found["column"] or len(lines[-1]) + 1
    problem = found["problem"]
    return f"{path}, line {line}, column {column}: not TOML: {problem[:1].lower()}{problem[1:]}"
