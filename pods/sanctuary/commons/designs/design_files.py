"""Reading design files: bytes in, a checked design with its hash and its sound files out.

The sound files of a design: found beside it by their hash, checked, and read into memory.

An author's signature of a design: a signed note in a file beside it, ``NAME.toml.sig``.

::

    dream-design/v1
    <SHA-256 of the design file, hexadecimal>

    — <key> <signature>

The header keeps it from passing as a consent or a command. Whose key it is, nobody can tell from the note.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nacl.signing import SigningKey
from pydantic import ValidationError

from sanctuary.commons.designs.design import DreamDesign
from sanctuary.commons.entries import open_note, seal_note
from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.config.origins import format_path
from sanctuary.config.toml_lines import line_index
from sanctuary.firmware_bridge.outputs.sound_rendering import MAX_FILE_BYTES, SoundFile, decode_wav

FOLDER = "files"
Problem = tuple[tuple[str | int, ...], str]
"""A field of the design, and what is wrong with it."""


def read_files(
    design: DreamDesign, beside: Traversable | None
) -> tuple[Mapping[str, SoundFile], list[Problem]]:
    """Read every file that a design lists.

    Parameters
    ----------
    beside
        The folder that the design lies in; None for a design that was given as bytes alone.

    Returns
    -------
    tuple
        The files by their hash, and what is wrong with the others.
    """
    found: dict[str, SoundFile] = {}
    problems: list[Problem] = []
    for index, file in enumerate(design.files):
        try:
            found[file.sha256] = _read_file(file.sha256, beside)
        except ValueError as error:
            problems.append((("files", index, "sha256"), str(error)))
    problems += _too_short(design, found)
    return MappingProxyType(found), problems


def _read_file(sha256: str, beside: Traversable | None) -> SoundFile:
    if beside is None:
        raise ValueError("the design was given without the folder that its files lie in")
    path = beside.joinpath(FOLDER, f"{sha256}.wav")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) <= MAX_FILE_BYTES and (own := hashlib.sha256(content).hexdigest()) != sha256:
        raise ValueError(f"{path} is another file: its SHA-256 is {own}")
    try:
        return decode_wav(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _too_short(design: DreamDesign, files: Mapping[str, SoundFile]) -> Iterable[Problem]:
    """Find steps that would cut their file off."""
    asks: list[tuple[tuple[str | int, ...], str | None, float]] = [
        (("steps", index), step.file_sha256, step.duration_s) for index, step in enumerate(design.steps)
    ]
    if design.answer is not None:
        asks.append((("answer",), design.answer.file_sha256, design.answer.duration_s))
    for where, sha256, duration_s in asks:
        file = files.get(sha256 or "")
        if file is not None and file.duration_s > duration_s + 1e-9:
            yield (*where, "duration_s"), f"shorter than its file, which lasts {file.duration_s:.2f} s"


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


HEADER = "dream-design/v1"
MAX_SIGNATURE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Signed:
    """Signed by the owner of this key, 64 hexadecimal digits."""

    by: str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """There is no signature."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """There is a signature, but not one of this design."""

    reason: str


Verdict = Signed | Unsigned | Misfit


def sign_design(key: SigningKey, design_hash: str) -> bytes:
    """Sign a design by its hash; the note belongs into a file beside it."""
    return seal_note(key, _text(design_hash))


def judge_signature(note: bytes | None, design_hash: str) -> Verdict:
    """Tell whether a note, if there is one, is a signature of this design."""
    if note is None:
        return Unsigned()
    if len(note) > MAX_SIGNATURE_BYTES:
        return Misfit(f"longer than {MAX_SIGNATURE_BYTES} bytes")
    try:
        text, who = open_note(note, "signature")
    except ProtocolError as error:
        return Misfit(str(error))
    if text != _text(design_hash):
        return Misfit("made for another file, or this one was changed after it was signed")
    return Signed(who)


def _text(design_hash: str) -> str:
    return f"{HEADER}\n{design_hash}\n"
