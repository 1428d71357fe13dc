"""A design that a person names: a shipped one, or a file; and whether its author signed it.

An author's key: 32 bytes in a file that nobody else may read.
"""

from __future__ import annotations

import secrets
import stat
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from nacl.signing import SigningKey

from sanctuary.commons.designs import LoadedDesign, load_design, shipped_design
from sanctuary.commons.designs.design_files import MAX_SIGNATURE_BYTES, Verdict, judge_signature
from sanctuary.commons.entries import signing_key
from sanctuary.config.errors import InputError
from sanctuary.config.settings_base import shipped_designs
from sanctuary.gateway.files import write_together

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


SEED_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_key(path: Path) -> SigningKey:
    """Read a key.

    Raises
    ------
    InputError
        It is not there, others may read it, or it does not hold 32 bytes.
    """
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            seed = file.read(SEED_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such key; make one with --new-key") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise InputError(f"{path}: others may read this key; make it private: chmod 600 {path}")
    if len(seed) != SEED_BYTES:
        raise InputError(f"{path}: no key; a key file holds exactly {SEED_BYTES} bytes")
    return signing_key(seed)


def make_key(path: Path) -> SigningKey:
    """Make a new key, readable by its owner alone.

    Raises
    ------
    InputError
        There is something at `path` already, or it cannot be written.
    """
    if path.exists():
        raise InputError(
            f"{path}: is there already; a key is never overwritten, leave --new-key out to use it"
        )
    seed = secrets.token_bytes(SEED_BYTES)
    write_together([(path, [seed], "the key")])
    return signing_key(seed)
