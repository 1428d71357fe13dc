"""The rooms of the repository, for tests that guard how it is laid out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAMESPACE = "sanctuary"


def project() -> dict[str, Any]:
    """Read ``pyproject.toml``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def rooms() -> tuple[Path, ...]:
    """Folders that are source roots, as the build knows them."""
    return tuple(ROOT / name for name in project()["tool"]["hatch"]["build"]["dev-mode-dirs"])


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the product: its full name and its file."""
    for room in rooms():
        for file in sorted(room.rglob("*.py")):
            parts = file.relative_to(room).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def data_files() -> Iterator[Path]:
    """Every other file that belongs in the wheel, relative to its room."""
    for room in rooms():
        for file in sorted(room.rglob("*")):
            if file.is_file() and file.suffix not in {".py", ".pyc"} and "__pycache__" not in file.parts:
                yield file.relative_to(room)
