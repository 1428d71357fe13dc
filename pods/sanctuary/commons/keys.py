"""Ed25519 keys and the one signature rule of the sanctuary.

Every signature is judged by libsodium (through PyNaCl): it refuses small-order keys and nonces that
other libraries accept, and all peers must agree on whether a consent exists. Nothing else may verify.
A signed text is always introduced by a fixed header for its kind, so that a signature of one kind never
passes as another.
"""

from __future__ import annotations

import base64
import binascii
import re

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from sanctuary.config.errors import ProtocolError

SIGNATURE_BYTES = 64
_KEY_ID = re.compile(r"[0-9a-f]{64}")


def signing_key(seed: bytes) -> SigningKey:
    """Make a signing key of its 32-byte seed; the caller found the seed, the core draws none."""
    return SigningKey(seed)


def key_id(key: SigningKey | VerifyKey) -> str:
    """Write a public key as its 64 lower-case hexadecimal digits."""
    public = key.verify_key if isinstance(key, SigningKey) else key
    return bytes(public).hex()


def verify_key(text: str) -> VerifyKey:
    """Read a key written by `key_id`.

    Raises
    ------
    ProtocolError
        `text` is not 64 lower-case hexadecimal digits.
    """
    if not _KEY_ID.fullmatch(text):
        raise ProtocolError(f"key {text[:70]!r}: 64 lower-case hexadecimal digits expected")
    return VerifyKey(bytes.fromhex(text))


def sign(key: SigningKey, text: bytes) -> str:
    """Sign `text`; base64 of the 64-byte signature."""
    return base64.b64encode(key.sign(text).signature).decode("ascii")


def is_signed(key: VerifyKey, text: bytes, signature: str) -> bool:
    """Tell whether `signature`, as written by `sign`, is `key`'s signature of exactly these bytes."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(raw) != SIGNATURE_BYTES or base64.b64encode(raw).decode("ascii") != signature:
        return False
    try:
        key.verify(text, raw)
    except CryptoError:
        return False
    return True
