"""Where each setting came from, and how layers of settings are merged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from sanctuary.config.toml_lines import KeyPath

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


class Layer(StrEnum):
    """The layers, lowest first: each overrides those before it."""

    DEFAULT = "default"
    FILE = "file"
    ENV = "env"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value was set.

    Attributes
    ----------
    name
        The file as the caller named it, the environment variable or the option; empty for a default.
    line
        Line in the file, counted from 1; 0 for the other layers.
    """

    layer: Layer
    name: str = ""
    line: int = 0

    def __str__(self) -> str:
        if self.layer is Layer.FILE:
            return f"{self.name}:{self.line}"
        return f"{self.layer} {self.name}".rstrip()

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sort key: layers upwards, then lines downwards a file."""
        return (list(Layer).index(self.layer), self.line, self.name)


DEFAULT = Origin(Layer.DEFAULT)


def format_path(path: KeyPath) -> str:
    """Write a path as people do: ``pods[0].headband.port``."""
    text = ""
    for name in path:
        if isinstance(name, int):
            text += f"[{name}]"
        else:
            key = name if _BARE_KEY.match(name) else f'"{name}"'
            text += f".{key}" if text else key
    return text


@dataclass
class Layers:
    """Tables laid over one another, with the origin of everything in them.

    Attributes
    ----------
    data
        The merged tables.
    origins
        For every table, value and array element that some layer named.
    """

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)

    def lay(self, table: Mapping[str, Any], origin: Origin, lines: Mapping[KeyPath, int]) -> None:
        """Lay a whole table over what is there.

        Tables merge key by key; anything else, arrays too, replaces what it covers.
        """
        for key, value in table.items():
            self._put(self.data, (), key, value, origin, lines)

    def assign(self, path: KeyPath, value: object, origin: Origin) -> None:
        """Set one value, making the tables above it where needed.

        Raises
        ------
        LookupError
            The path leads through something that is no table, or to an array element that is not there.
        """
        target: Any = self.data
        for depth, name in enumerate(path[:-1], start=1):
            target = _child(target, path[:depth], name)
            self.origins.setdefault(path[:depth], origin)
        if not isinstance(target, dict):
            _child(target, path, path[-1])
        self._put(target, path[:-1], path[-1], value, origin, {})

    def origin_of(self, path: KeyPath) -> Origin:
        """Origin of a value; of one that no layer named, the default."""
        value: Any = self.data
        for depth, name in enumerate(path):
            if not isinstance(value, dict | list):
                return self.origins.get(path[:depth], DEFAULT)
            value = _member(value, name)
        return self.origins.get(path, DEFAULT)

    def nearest_origin(self, path: KeyPath) -> Origin:
        """Origin of a value or, where nothing names it, of the table that should have held it."""
        while path:
            if path in self.origins:
                return self.origins[path]
            path = path[:-1]
        return DEFAULT

    def _put(
        self,
        target: Any,
        above: KeyPath,
        key: str | int,
        value: object,
        origin: Origin,
        lines: Mapping[KeyPath, int],
    ) -> None:
        path = (*above, key)
        here = Origin(origin.layer, origin.name, lines.get(path, origin.line))
        old = target.get(key) if isinstance(target, dict) else target[key]
        if isinstance(value, Mapping) and isinstance(old, dict):
            self.origins[path] = here
            for name, item in value.items():
                self._put(old, path, name, item, here, lines)
            return
        self._forget(path)
        self.origins[path] = here
        target[key] = self._copy(path, value, here, lines)

    def _copy(self, path: KeyPath, value: object, origin: Origin, lines: Mapping[KeyPath, int]) -> object:
        """Copy a value, noting the origin of each of its parts."""
        if isinstance(value, Mapping):
            table: dict[str, Any] = {}
            for name, item in value.items():
                self._put(table, path, name, item, origin, lines)
            return table
        if isinstance(value, list | tuple):
            array: list[Any] = [None] * len(value)
            for position, item in enumerate(value):
                self._put(array, path, position, item, origin, lines)
            return array
        return value

    def _forget(self, path: KeyPath) -> None:
        """Drop what was known of a value about to be replaced, and of everything in it."""
        stale = [known for known in self.origins if known[: len(path)] == path]
        for known in stale:
            del self.origins[known]


def _member(parent: Any, name: str | int) -> Any:
    """Look into a table or array; None where it has no such member, as no TOML value is None."""
    try:
        return parent[name]
    except (LookupError, TypeError):
        return None


def _child(parent: Any, path: KeyPath, name: str | int) -> Any:
    """Step from a table or array into its member `name`, whose whole path is `path`."""
    if isinstance(parent, dict):
        return parent.setdefault(name, {})
    if isinstance(parent, list) and isinstance(name, int) and name < len(parent):
        return parent[name]
    count = len(parent) if isinstance(parent, list) else None
    reason = "is not a table" if count is None else f"has no element {name}; it has {count}, counted from 0"
    raise LookupError(f"{format_path(path[:-1])} {reason}")


def leaves(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Walk settings down to the single values; an empty list or free table counts as one."""
    members = tuple(_members(value))
    if not members and not isinstance(value, BaseModel):
        yield path, value
    for name, member in members:
        yield from leaves(member, (*path, name))


def _members(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, BaseModel):
        return value
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, tuple | list):
        return enumerate(value)
    return ()
