"""The figures that matter, at the top of a report."""

from __future__ import annotations

from typing import NamedTuple


class Card(NamedTuple):
    """One figure, what it is, and how to take it."""

    value: str
    name: str
    note: str
    alarm: bool = False
    """True where it tells of something that must not be."""
