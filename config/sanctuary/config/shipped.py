"""What comes with the program: the defaults of a sanctuary without a settings file, and dream designs."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def shipped_defaults() -> dict[str, Any]:
    """Read ``defaults.toml``, the demo circle."""
    return tomllib.loads((files("sanctuary.config") / "defaults.toml").read_text(encoding="utf-8"))


def shipped_designs() -> tuple[str, ...]:
    """Names of the shipped dream designs, in alphabetical order."""
    names = [item.name for item in (files("sanctuary.config") / "designs").iterdir()]
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def known_design(design: str) -> str:
    """Give the name of a design back.

    Raises
    ------
    ValueError
        It is neither one that is shipped nor a path.
    """
    shipped = shipped_designs()
    if design not in shipped and not design.endswith(".toml"):
        names = ", ".join(f'"{name}"' for name in shipped)
        raise ValueError(
            f"no such design comes with the program; allowed: {names}, or a path ending in .toml"
        )
    return design
