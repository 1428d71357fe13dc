"""Single settings from outside the file: environment variables and command-line options."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sanctuary.config.errors import InputError
from sanctuary.config.fields import Place
from sanctuary.config.mistakes import Mistake, suggestion
from sanctuary.config.origins import Layer, Layers, Origin, format_path
from sanctuary.config.toml_lines import KeyPath

PREFIX = "SANCTUARY_"
"""Every environment variable that begins so is a setting; an unknown one is a mistake."""
CONFIG_VARIABLE = "SANCTUARY_CONFIG"
"""The exception: it names the settings file for commands that take one."""

_POSITION = re.compile(r"\[(\d+)\]")


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


def _locate(names: list[str], root: type[BaseModel], *, fold_case: bool) -> tuple[KeyPath, Place]:
    """Find the place that names from outside mean.

    Raises
    ------
    LookupError
        There is no such setting; the text names the nearest.
    """
    place = Place(root)
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
    key = _POSITION.sub(r".\1", path)
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


def _parse(value: object, place: Place) -> object:
    if not isinstance(value, str) or place.is_text:
        return value
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return value
    return parsed["value"] if parsed.keys() == {"value"} else value
