"""An author's signature of a design: a signed note in a file beside it, ``NAME.toml.sig``.

::

    dream-design/v1
    <SHA-256 of the design file, hexadecimal>

    — <key> <signature>

The header keeps it from passing as a consent or a command. Whose key it is, nobody can tell from the note.
"""

from __future__ import annotations

from dataclasses import dataclass

from nacl.signing import SigningKey

from sanctuary.commons.notes import open_note, seal_note
from sanctuary.config.errors import ProtocolError

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
