"""Signed notes: a text, an empty line, and the line of one signature (C2SP signed-note, Ed25519).

The signature covers the text as received, never a text written anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from nacl.signing import SigningKey, VerifyKey

from sanctuary.commons.keys import is_signed, key_id, sign, verify_key
from sanctuary.config.errors import ProtocolError

_KEY_TYPE = b"\x01"
_SIGNATURE_LINE = re.compile(r"— ([0-9a-f]{64}) ([A-Za-z0-9+/=]{92})")


def seal_note(key: SigningKey, text: str) -> bytes:
    """Sign a text of whole lines; the key goes by its own id."""
    who = key_id(key)
    signature = _key_hash(who, key.verify_key) + base64.b64decode(sign(key, text.encode()))
    return f"{text}\n— {who} {base64.b64encode(signature).decode('ascii')}\n".encode()


def open_note(raw: bytes, what: str) -> tuple[str, str]:
    """Give the text of a note and the id of the key that signed it.

    Parameters
    ----------
    what
        What the note is, for messages.

    Raises
    ------
    ProtocolError
        Not a note, or not signed by the key that it names.
    """
    text, line = _split(raw, what)
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise ProtocolError(f"{what}: no signature line at the end")
    who, key = match[1], verify_key(match[1])
    try:
        signature = base64.b64decode(match[2], validate=True)
    except binascii.Error as error:
        raise ProtocolError(f"{what}: signature is not base64") from error
    own_hash, signature = signature[:4], signature[4:]
    given = base64.b64encode(signature).decode()
    if own_hash != _key_hash(who, key) or not is_signed(key, text.encode(), given):
        raise ProtocolError(f"{what}: not signed by {who[:12]}")
    return text, who


def _split(raw: bytes, what: str) -> tuple[str, str]:
    try:
        note = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{what}: not UTF-8") from error
    text, gap, line = note.partition("\n\n")
    if not gap or not line.endswith("\n"):
        raise ProtocolError(f"{what}: text, empty line and signature line expected")
    return text + "\n", line[:-1]


def _key_hash(name: str, key: VerifyKey) -> bytes:
    """First four bytes of a signature, which name its key."""
    return hashlib.sha256(name.encode() + b"\n" + _KEY_TYPE + bytes(key)).digest()[:4]
