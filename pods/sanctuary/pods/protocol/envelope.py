r"""Signed payloads: commands and the time, claims of the gateways, leases and eye signals of the pods.

Two JSON lines::

    {"schema": ...}\n
    "<base64 Ed25519 signature>"\n

The signature covers a fixed header for the kind and the first line exactly as received; nothing is
parsed before it is checked, and nothing is serialised anew to check it.
"""

from __future__ import annotations

import re
from enum import StrEnum

from nacl.signing import SigningKey, VerifyKey

from sanctuary.commons.entries import is_signed, sign
from sanctuary.config.errors import ProtocolError
from sanctuary.pods.protocol.messages import (
    Command,
    EyeSignalMessage,
    GatewayClaim,
    LeaseMessage,
    Message,
    check_size,
    read,
    read_command,
)

_SIGNATURE_LINE = re.compile(rb'"([A-Za-z0-9+/=]{88})"\n')


class Kind(StrEnum):
    """What is signed; each kind has its own header, so that one never passes as another."""

    COMMAND = "command"
    LEASE = "lease"
    EYE_SIGNAL = "eye-signal"
    CLAIM = "claim"
    TIME = "time"

    @property
    def header(self) -> bytes:
        """What goes before the line that is signed."""
        return f"sanctuary-{self}/v1\n".encode()


def seal(kind: Kind, message: Message, key: SigningKey) -> bytes:
    """Write and sign a message."""
    return seal_line(kind, message.to_bytes(), key)


def seal_line(kind: Kind, line: bytes, key: SigningKey) -> bytes:
    """Sign a message that is written already, without its newline."""
    line += b"\n"
    return line + b'"' + sign(key, kind.header + line).encode() + b'"\n'


def unseal(kind: Kind, payload: bytes, key: VerifyKey) -> bytes:
    """Check the signature; give the JSON line.

    Raises
    ------
    ProtocolError
        Too long, not an envelope, or not signed by `key` as this kind.
    """
    check_size(payload)
    line, newline, rest = payload.partition(b"\n")
    match = _SIGNATURE_LINE.fullmatch(rest)
    if not newline or match is None:
        raise ProtocolError(f"{kind}: a JSON line and a signature line expected")
    if not is_signed(key, kind.header + line + b"\n", match[1].decode("ascii")):
        raise ProtocolError(f"{kind}: not signed by the key expected")
    return line


# What follows checks and reads; each raises `ProtocolError` as `unseal` and `read` do.


def open_command(payload: bytes, coordinator: VerifyKey) -> Command:
    return read_command(unseal(Kind.COMMAND, payload, coordinator))


def open_lease(payload: bytes, pod: VerifyKey) -> LeaseMessage:
    return read(LeaseMessage, unseal(Kind.LEASE, payload, pod))


def open_eye_signal(payload: bytes, pod: VerifyKey) -> EyeSignalMessage:
    return read(EyeSignalMessage, unseal(Kind.EYE_SIGNAL, payload, pod))


def open_claim(payload: bytes, coordinator: VerifyKey) -> GatewayClaim:
    return read(GatewayClaim, unseal(Kind.CLAIM, payload, coordinator))
