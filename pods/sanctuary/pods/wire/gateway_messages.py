"""What gateways say to each other: which circle is whose, and who is there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sanctuary.pods.wire.messages import Id, Message, Seconds

MAX_TERM = 2**53


class GatewayClaim(Message):
    """A gateway claims a circle, goes on holding it, or gives it up. Retained, signed like a command."""

    schema_: Literal["gateway.claim.v1"] = Field("gateway.claim.v1", alias="schema")
    site: Id
    circle: Id
    gateway: Id
    boot: Id
    """Tells this start of the gateway from others."""
    term: int = Field(ge=1, le=MAX_TERM)
    seq: int = Field(ge=1)
    """Rises with every claim of this boot."""
    released: bool
    """Given up: nothing more is commanded on the strength of this or an earlier claim of this boot."""
    good_for_s: float = Field(ge=0.0, le=60.0)
    """How long after this message was sent commands that rest on it may still be in force at a pod (seconds).
    """
    last_window_end_s: Seconds | None
    """When the circle's last window ended, as far as known: UTC seconds, so that it outlives the night."""
    issued_at_s: Seconds
    """For people and logs; nothing is decided by it."""


class GatewayStatus(Message):
    """Whether a gateway is there; its offline form is the last will. Retained."""

    schema_: Literal["gateway.status.v1"] = Field("gateway.status.v1", alias="schema")
    gateway: Id
    boot: Id
    online: bool
