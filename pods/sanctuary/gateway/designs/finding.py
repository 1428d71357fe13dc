"""A design that a person names: a shipped one, or a file; and whether its author signed it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sanctuary.commons.designs import LoadedDesign, load_design, shipped_design
from sanctuary.commons.designs.signature import MAX_SIGNATURE_BYTES, Verdict, judge_signature
from sanctuary.config.errors import InputError
from sanctuary.config.shipped import shipped_designs

SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A design, what it is called, where it lies, and what its signature is worth."""

    name: str
    place: str
    loaded: LoadedDesign
    signature: Verdict


def find_design(named: str) -> Found:
    """Load a design by the name of a shipped one, or by its path.

    Raises
    ------
    InputError
        There is none, it cannot be read, or it has mistakes.
    """
    if named in shipped_designs():
        folder = files("sanctuary.config") / "designs"
        loaded = shipped_design(named)
        note = _note(folder / signature_name(f"{named}{SUFFIX}"))
        return Found(named, "comes with the program", loaded, judge_signature(note, loaded.hash))
    path = Path(named)
    if path.suffix != SUFFIX and not path.exists():
        names = ", ".join(shipped_designs())
        raise InputError(f"design {named!r}: neither a file nor one that is shipped; there are {names}")
    loaded = load_design(path)
    note = _note(path.with_name(signature_name(path.name)))
    return Found(path.stem, str(path), loaded, judge_signature(note, loaded.hash))


def signature_name(name: str) -> str:
    """Name of the signature of a design file, which lies beside it."""
    return f"{name}.sig"


def _note(path: Traversable) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SIGNATURE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
