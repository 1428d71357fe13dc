r"""Signed consent entries: a grant or a withdrawal as bytes, and back.

::

    dream-ledger/v1\n
    <origin>\n
    <one JSON line>\n
    \n
    — <who> <base64 of 4-byte key id and 64-byte Ed25519 signature>\n

The first three lines are the signed text; the rest is a C2SP signed-note signature line (type 0x01).
Signatures are checked over the bytes as received; nothing is serialised anew before that. The header
keeps a consent from passing as anything else, the origin keeps it in its own sanctuary.

Signed notes: a text, an empty line, and the line of one signature (C2SP signed-note, Ed25519).

The signature covers the text as received, never a text written anew.

Ed25519 keys and the one signature rule of the sanctuary.

Every signature is judged by libsodium (through PyNaCl): it refuses small-order keys and nonces that
other libraries accept, and all peers must agree on whether a consent exists. Nothing else may verify.
A signed text is always introduced by a fixed header for its kind, so that a signature of one kind never
passes as another.

What UTC may be at a moment: between the earliest and the latest that any clock at hand says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Annotated, Literal, NamedTuple

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from sanctuary.config.errors import ProtocolError
from sanctuary.config.settings_base import Digest
from sanctuary.firmware_bridge.cues import Modality

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


HEADER = "dream-ledger/v1"
MAX_ENTRY_BYTES = 4096
"""A consent entry is one short line; anything longer is not one."""
ANY_VOTED_DESIGN = "any-voted"
EVERY_CIRCLE = "*"
FIRST = "0" * 64
"""`prev` of a person's first event."""

CircleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]

_MAX_TIME_S = 1e11


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Scope(_Model):
    """What a grant covers, beside its design and period. Caps of modalities not named must be 0."""

    circle: CircleId
    modalities: tuple[Annotated[Modality, Field(strict=False)], ...] = Field(min_length=1, max_length=3)
    max_level_dba: float = Field(0.0, ge=0.0, le=45.0)
    max_light_share: float = Field(0.0, ge=0.0, le=1.0)
    max_haptic_share: float = Field(0.0, ge=0.0, le=1.0)
    echo: bool = False
    """Whether this sleeper's eye signals in a window may be answered in other pods, and theirs here."""

    @model_validator(mode="after")
    def _caps_fit_modalities(self) -> Scope:
        if len(set(self.modalities)) != len(self.modalities):
            raise ValueError("modalities: each at most once")
        for modality in Modality:
            if modality not in self.modalities and self.max_level(modality) > 0.0:
                raise ValueError(f"modalities: {modality} has a cap but is not granted")
        return self

    def max_level(self, modality: Modality) -> float:
        """Highest level granted, in the unit of `Cue.level`; 0 where the modality is not granted."""
        caps = {
            Modality.SOUND: self.max_level_dba,
            Modality.LIGHT: self.max_light_share,
            Modality.HAPTIC: self.max_haptic_share,
        }
        return caps[modality]


class WithdrawnScope(_Model):
    """What a withdrawal ends: one circle, or ``*`` for all."""

    circle: CircleId | Literal["*"]


class _Event(_Model):
    v: Literal[1] = 1
    who: Digest
    """The sleeper's public key."""
    seq: int = Field(ge=1, le=2**53)
    """Number in this person's chain of events."""
    prev: Digest = FIRST
    """`Entry.digest` of this person's event before; 64 zeros for the first."""
    nonce: Nonce


class Grant(_Event):
    """A sleeper's yes, given awake, to one circle, design and period."""

    type: Literal["consent.grant"] = "consent.grant"
    scope: Scope
    design: Digest | Literal["any-voted"]
    nbf: float = Field(ge=0.0, le=_MAX_TIME_S)
    """UTC seconds from which it holds."""
    exp: float = Field(ge=0.0, le=_MAX_TIME_S)
    """UTC seconds at which it no longer holds."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Grant:
        if self.exp <= self.nbf:
            raise ValueError("exp must lie after nbf")
        return self


class Withdrawal(_Event):
    """A sleeper's no. It needs no reason and no period."""

    type: Literal["consent.withdraw"] = "consent.withdraw"
    scope: WithdrawnScope

    def touches(self, circle: str) -> bool:
        """Tell whether this ends consent for `circle`."""
        return self.scope.circle in (circle, EVERY_CIRCLE)


ConsentEvent = Annotated[Grant | Withdrawal, Field(discriminator="type")]
_EVENT: TypeAdapter[Grant | Withdrawal] = TypeAdapter(ConsentEvent)


class Entry(_Model):
    """A verified entry: the event, the hash of its signed text, and the bytes as received."""

    event: Grant | Withdrawal
    digest: Digest
    """SHA-256 of the signed text; what the next event's `prev` cites."""
    raw: bytes


def seal(key: SigningKey, origin: str, event: Grant | Withdrawal) -> bytes:
    """Write and sign an event as an entry.

    Raises
    ------
    ProtocolError
        The event names another person than the owner of `key`.
    """
    if event.who != key_id(key):
        raise ProtocolError(f"consent: signed by {key_id(key)[:12]}, but speaks for {event.who[:12]}")
    return seal_note(key, f"{HEADER}\n{_line(origin)}\n{event.model_dump_json()}\n")


def unseal(raw: bytes, origin: str) -> Entry:
    """Check the signature over the bytes as received, then read them.

    Raises
    ------
    ProtocolError
        Not an entry, not of this origin, not signed by the person it names, or with unknown content.
    """
    if len(raw) > MAX_ENTRY_BYTES:
        raise ProtocolError(f"consent: {len(raw)} bytes, at most {MAX_ENTRY_BYTES} expected")
    text, who = open_note(raw, "consent")
    event = _event(text, origin)
    if event.who != who:
        raise ProtocolError(f"consent: signed by {who[:12]}, but speaks for {event.who[:12]}")
    return Entry(event=event, digest=hashlib.sha256(text.encode()).hexdigest(), raw=raw)


def _event(text: str, origin: str) -> Grant | Withdrawal:
    lines = text.split("\n")
    if len(lines) != 4 or lines[0] != HEADER:
        raise ProtocolError(f"consent: header {HEADER!r}, origin and one JSON line expected")
    if lines[1] != origin:
        raise ProtocolError(f"consent: made for {lines[1][:80]!r}, not for {origin!r}")
    try:
        return _EVENT.validate_json(lines[2])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "line"
        raise ProtocolError(f"consent: {field}: {first['msg']}") from error


def _line(origin: str) -> str:
    if not origin or any(ord(char) < 0x20 for char in origin):
        raise ProtocolError(f"origin {origin!r}: one line of text expected")
    return origin


class UtcRange(NamedTuple):
    """UTC lies in here, ends included, as far as is known.

    Attributes
    ----------
    earliest_s, latest_s
        UTC seconds.
    """

    earliest_s: float
    latest_s: float
