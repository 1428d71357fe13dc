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
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from nacl.signing import SigningKey
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from sanctuary.commons.keys import key_id
from sanctuary.commons.notes import open_note, seal_note
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.outputs.cue import Modality

HEADER = "dream-ledger/v1"
MAX_ENTRY_BYTES = 4096
"""A consent entry is one short line; anything longer is not one."""
ANY_VOTED_DESIGN = "any-voted"
EVERY_CIRCLE = "*"
FIRST = "0" * 64
"""`prev` of a person's first event."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
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
