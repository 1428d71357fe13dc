"""Loading settings: defaults <- file <- ``SANCTUARY_*`` environment <- command-line options, checked once.

Every mistake of every layer is listed at once. The shipped defaults of a sanctuary hold the demo circle; a
file with pods or circles of its own replaces both, since the one names the other.

Not on pydantic-settings: it ignores unknown variables at the root, cannot set an element of a list, reads
JSON where these values are TOML, coerces text leniently, and keeps no origin of a value.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from sanctuary.config.errors import ConfigError, InputError
from sanctuary.config.fields import SchemaNode
from sanctuary.config.mistakes import Mistake, find_mistakes, listing, suggestion
from sanctuary.config.origins import DEFAULT, Layer, Layers, Origin, format_path, leaves
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.settings_base import shipped_defaults
from sanctuary.config.toml_lines import KeyPath, line_index

PREFIX = "SANCTUARY_"
"""Every environment variable that begins so is a setting; an unknown one is a mistake."""
CONFIG_VARIABLE = "SANCTUARY_CONFIG"
"""The exception: it names the settings file for commands that take one."""

_INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Override:
    """One setting given as a command-line option.

    Attributes
    ----------
    option
        As the person wrote it, such as ``--port``; messages name it.
    path
        Where it belongs: ``broker.port``, ``pods[0].headband.port``.
    value
        A Python value, or text that is read as an environment variable's is.
    """

    option: str
    path: str
    value: object


def parse_override(text: str, option: str = "--set") -> Override:
    """Read ``broker.port=1884``.

    Raises
    ------
    InputError
        There is no ``=``, or nothing before it.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise InputError(f'{option} needs NAME=VALUE, such as broker.port=1884, not "{text}"')
    return Override(option, path.strip(), value.strip())


def assign_environment(env: Mapping[str, str], root: type[BaseModel], layers: Layers) -> list[Mistake]:
    """Lay every ``SANCTUARY_*`` variable over the layers.

    ``SANCTUARY_BROKER__PORT`` sets ``broker.port``: two underscores go one level down, a number chooses an
    element of an array. Values are TOML; what is no TOML value is taken as text.
    """
    mistakes = []
    for name in sorted(env):
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE:
            names = name.removeprefix(PREFIX).split("__")
            origin = Origin(Layer.ENV, name)
            mistakes += _assign(names, env[name], origin, root, layers, fold_case=True)
    return mistakes


def assign_overrides(overrides: Iterable[Override], root: type[BaseModel], layers: Layers) -> list[Mistake]:
    """Lay command-line options over the layers; a later one wins."""
    mistakes = []
    for override in overrides:
        origin = Origin(Layer.OPTION, override.option)
        mistakes += _assign(_names(override.path), override.value, origin, root, layers, fold_case=False)
    return mistakes


def _assign(
    names: list[str],
    value: object,
    origin: Origin,
    root: type[BaseModel],
    layers: Layers,
    *,
    fold_case: bool,
) -> list[Mistake]:
    try:
        path, place = _locate(names, root, fold_case=fold_case)
        layers.assign(path, _parse(value, place), origin)
    except LookupError as error:
        return [Mistake(origin, str(error.args[0]))]
    return []


def _locate(names: list[str], root: type[BaseModel], *, fold_case: bool) -> tuple[KeyPath, SchemaNode]:
    """Find the place that names from outside mean.

    Raises
    ------
    LookupError
        There is no such setting; the text names the nearest.
    """
    place = SchemaNode(root)
    path: KeyPath = ()
    for name in names:
        key: str | int = name
        if place.models:
            key = name.lower() if fold_case else name
        elif place.element is not None:
            key = _position(name, path)
        below = place.step(key)
        if below is None:
            wrong = format_path((*path, key))
            if not place.models:
                raise LookupError(f"{wrong} is not a setting; {format_path(path)} is a single value")
            raise LookupError(f"{wrong} is not a setting; {suggestion(str(key), place.names())}")
        path, place = (*path, key), below
    return path, place


def _names(path: str) -> list[str]:
    """Split ``pods[0].headband.port`` as TOML splits a dotted key; what is no key stays in one piece."""
    key = _INDEX.sub(r".\1", path)
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return [path]
    names = []
    while isinstance(table, dict) and len(table) == 1:
        ((name, table),) = table.items()
        names.append(name)
    return names if table == 0 else [path]


def _position(name: str, path: KeyPath) -> int:
    if not name.isdecimal():
        raise LookupError(
            f"{format_path(path)} is a list: choose an element by number, counted from 0, not {name}"
        )
    return int(name)


def _parse(value: object, place: SchemaNode) -> object:
    if not isinstance(value, str) or place.is_text:
        return value
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return value
    return parsed["value"] if parsed.keys() == {"value"} else value


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


_DEMO_TABLES = ("pods", "circles")


def load_settings(
    path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Iterable[Override] = (),
) -> Loaded[SanctuarySettings]:
    """Load and check everything.

    Parameters
    ----------
    path
        A settings file; without one the shipped defaults hold.
    env
        Usually ``os.environ``; only variables that begin with ``SANCTUARY_`` count.
    overrides
        Command-line options; of two for one setting the later wins.

    Raises
    ------
    InputError
        The file cannot be read.
    ConfigError
        Settings are wrong; the text lists every mistake with its file and line, variable or option.
    """
    return load_model(
        SanctuarySettings,
        shipped=shipped_defaults(),
        together=_DEMO_TABLES,
        path=path,
        env=env,
        overrides=overrides,
    )
