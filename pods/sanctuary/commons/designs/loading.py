"""Reading design files: bytes in, a checked design with its hash and its sound files out."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sanctuary.commons.designs.design import DreamDesign
from sanctuary.commons.designs.files import Problem, read_files
from sanctuary.config.errors import InputError
from sanctuary.config.origins import format_path
from sanctuary.config.toml_lines import line_index
from sanctuary.firmware_bridge.outputs.soundfiles import SoundFile

MAX_DESIGN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class LoadedDesign:
    """A design with the hash by which grants, offers and logs name it, and its sound files by theirs."""

    design: DreamDesign
    hash: str
    files: Mapping[str, SoundFile] = field(default_factory=dict, compare=False)


def design_hash(content: bytes) -> str:
    """Hash a design file: SHA-256 over its bytes, hexadecimal; through their hashes it covers its files."""
    return hashlib.sha256(content).hexdigest()


def load_design(
    source: bytes | Path, name: str = "design", beside: Traversable | None = None
) -> LoadedDesign:
    """Read and check a design and its files.

    Parameters
    ----------
    source
        The file, or its bytes.
    name
        What messages call the bytes; a file is called by its path.
    beside
        The folder that the bytes came from; a file knows its own.

    Raises
    ------
    InputError
        The file cannot be read or has mistakes; the message lists all of them with file, line and field.
    """
    content = source if isinstance(source, bytes) else _read(source)
    name = name if isinstance(source, bytes) else str(source)
    beside = beside if isinstance(source, bytes) else source.parent
    if len(content) > MAX_DESIGN_BYTES:
        raise InputError(f"{name}: too long; at most {MAX_DESIGN_BYTES} bytes allowed")
    try:
        text = content.decode("utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not TOML: {error}") from error
    try:
        design = DreamDesign.model_validate(table)
    except ValidationError as error:
        found = [(tuple(each["loc"]), _said(each)) for each in error.errors(include_url=False)]
        raise InputError(_mistakes(name, text, found)) from error
    files, problems = read_files(design, beside)
    if problems:
        raise InputError(_mistakes(name, text, problems))
    return LoadedDesign(design, design_hash(content), files)


def shipped_design(stem: str) -> LoadedDesign:
    """Load one of the designs that come with the package, such as ``tide``.

    Raises
    ------
    InputError
        There is none of that name; the message lists those there are.
    """
    folder = resources.files("sanctuary.config").joinpath("designs")
    names = sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )
    if stem not in names:
        raise InputError(f"design {stem!r}: none of that name is shipped; there are {', '.join(names)}")
    return load_design(folder.joinpath(f"{stem}.toml").read_bytes(), f"{stem}.toml", folder)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_DESIGN_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _mistakes(name: str, text: str, problems: Iterable[Problem]) -> str:
    lines = line_index(text)
    found: list[tuple[int, str]] = []
    for path, said in problems:
        line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)
        found.append((line, f"{name}:{line}: {format_path(path) or 'design'}: {said}"))
    return "\n".join(message for _, message in sorted(found))


def _said(mistake: Any) -> str:
    """Pydantic's sentence without its prefix, and with the value where it is a plain one."""
    value = mistake["input"]
    shown = f" (found {value!r})" if isinstance(value, str | int | float) else ""
    return str(mistake["msg"]).removeprefix("Value error, ") + shown
