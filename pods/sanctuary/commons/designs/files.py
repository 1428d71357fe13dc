"""The sound files of a design: found beside it by their hash, checked, and read into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from types import MappingProxyType

from sanctuary.commons.designs.design import DreamDesign
from sanctuary.firmware_bridge.outputs.soundfiles import MAX_FILE_BYTES, SoundFile, decode_wav

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
            found[file.sha256] = _read(file.sha256, beside)
        except ValueError as error:
            problems.append((("files", index, "sha256"), str(error)))
    problems += _too_short(design, found)
    return MappingProxyType(found), problems


def _read(sha256: str, beside: Traversable | None) -> SoundFile:
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
