"""The single values of settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from sanctuary.config.toml_lines import KeyPath


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
