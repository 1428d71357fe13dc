"""What the payloads say: one model per schema, frozen, bounded, unknown fields refused.

Times ending in ``_s`` are seconds on the sanctuary clock unless they are lengths.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from sanctuary.config.errors import Cause, ProtocolError
from sanctuary.config.settings_base import Digest
from sanctuary.firmware_bridge.cues import Modality

MAX_PAYLOAD_BYTES = 8192
"""No message needs a quarter of this; a peer that sends more is not one of ours."""
MAX_TERM = 2**53
EVERY_POD = "all"
"""Addressee of a broadcast; no pod may be called so."""

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
MessageId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,128}$")]
Reason = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_:.-]{0,64}$")]
Seconds = Annotated[float, Field(ge=-1e9, le=1e11)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Message(BaseModel):
    """Base of all payloads."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    def to_bytes(self) -> bytes:
        """Write as one line of JSON."""
        return self.model_dump_json(by_alias=True).encode()


class HeadbandStatus(Message):
    """How a pod's headband is doing."""

    state: Literal["connecting", "streaming", "waiting", "stopped"]
    cause: Cause | None = None
    """Why it does not stream."""
    battery_percent: float | None = Field(None, ge=0.0, le=100.0)
    off: tuple[Annotated[str, Field(max_length=16)], ...] = Field((), max_length=64)
    """Channels whose electrodes do not touch the skin, where the headband tells."""


class PodStatus(Message):
    """Whether a pod is there; its offline form is the last will."""

    schema_: Literal["pod.status.v1"] = Field("pod.status.v1", alias="schema")
    online: bool
    boot: Id
    fw: str = Field(max_length=32)
    headband: HeadbandStatus | None = None


class PodState(Message):
    """Snapshot of a pod. No signal, no name: stage, will and window only."""

    schema_: Literal["pod.state.v1"] = Field("pod.state.v1", alias="schema")
    pod: Id
    boot: Id
    seq: int = Field(ge=0)
    t_s: Seconds
    """When this was true."""
    stage: Literal["W", "N1", "N2", "N3", "R", "UNKNOWN"]
    p: tuple[Share, Share, Share, Share, Share] | None
    """Probabilities of W, N1, N2, N3, R; null before the first estimate."""
    stable_rem: bool
    """On fresh data of sufficient quality."""
    quality: Share
    willing: tuple[Id, ...] = Field(max_length=32)
    """Circles for which a grant is in force."""
    state: Literal[
        "offline",
        "cut_off",
        "idle",
        "requalifying",
        "eligible",
        "leased",
        "in_window",
        "stopped",
        "withdrawn",
    ]
    window: Id | None
    lease: Id | None
    """The offer that the lease in force answers."""
    latch: Literal["stopped", "withdrawn"] | None


class OfferArgs(Message):
    """A window is offered; a pod that may and wants to join answers with a lease."""

    offer: Id
    window: Id
    circle: Id
    design: Digest
    modalities: tuple[Modality, ...] = Field(max_length=3)
    """Those that the design uses; none for one that is silent."""
    quorum: int = Field(ge=2, le=64)
    nonce: Id
    part: int = Field(1, ge=1, le=64)
    """Which part of the design this pod plays."""


class OpenArgs(Message):
    """The window opens for a pod that holds the lease of this offer."""

    offer: Id
    window: Id
    circle: Id
    design: Digest
    zero_s: Seconds
    """The design's zero; before `start_at_s` for a pod that joins late."""
    valid_until_s: Seconds


class ExtendArgs(Message):
    """The window stays open."""

    window: Id
    circle: Id
    valid_until_s: Seconds


class CloseArgs(Message):
    """The window is over."""

    window: Id
    circle: Id
    reason: Reason


class EchoArgs(Message):
    """Another sleeper of the window made an eye signal; the design's answer to it is to be played."""

    offer: Id
    """Whose lease brought the addressee into the window."""
    window: Id
    circle: Id
    of_pod: Id
    """The pod whose sleeper made the signal."""


class _Command(Message):
    schema_: Literal["pod.command.v1"] = Field("pod.command.v1", alias="schema")
    id: MessageId
    site: Id
    pod: Id
    """Addressee; ``all`` for a broadcast."""
    term: int = Field(ge=0, le=MAX_TERM)
    """The coordinator's, for the circle that the arguments name."""
    issued_at_s: Seconds
    expires_at_s: Seconds
    start_at_s: Seconds | None = None
    """When to begin; only `open` and `echo` have one."""


class Offer(_Command):
    """`OfferArgs` as a command."""

    op: Literal["offer"] = "offer"
    args: OfferArgs


class Open(_Command):
    """`OpenArgs` as a command."""

    op: Literal["open"] = "open"
    start_at_s: Seconds
    args: OpenArgs


class Extend(_Command):
    """`ExtendArgs` as a command."""

    op: Literal["extend"] = "extend"
    args: ExtendArgs


class Close(_Command):
    """`CloseArgs` as a command."""

    op: Literal["close"] = "close"
    args: CloseArgs


class Echo(_Command):
    """`EchoArgs` as a command."""

    op: Literal["echo"] = "echo"
    start_at_s: Seconds
    args: EchoArgs


Command = Offer | Open | Extend | Close | Echo
_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="op")])


class LeaseMessage(Message):
    """A pod's promise, good for `ttl_s`: still in REM, still willing. A `ttl_s` of 0 takes it back."""

    schema_: Literal["pod.lease.v1"] = Field("pod.lease.v1", alias="schema")
    site: Id
    pod: Id
    boot: Id
    term: int = Field(ge=0, le=MAX_TERM)
    offer: Id
    window: Id
    circle: Id
    nonce: Id
    """The offer's."""
    seq: int = Field(ge=1)
    """Rises with every lease of this boot."""
    playing: bool
    """Whether `open` has arrived."""
    issued_at_s: Seconds
    ttl_s: float = Field(ge=0.0, le=10.0)


class EyeSignalMessage(Message):
    """A sleeper in a window made the voluntary eye signal; nothing of what it looked like."""

    schema_: Literal["pod.eye_signal.v1"] = Field("pod.eye_signal.v1", alias="schema")
    site: Id
    pod: Id
    boot: Id
    seq: int = Field(ge=1)
    """Rises with every such event of this boot."""
    window: Id
    circle: Id
    offer: Id
    """Whose lease brought the pod into the window."""
    t_s: Seconds
    """When the chain had found it."""


class Reply(Message):
    """What a pod did with a command."""

    schema_: Literal["pod.reply.v1"] = Field("pod.reply.v1", alias="schema")
    pod: Id
    command: MessageId | None
    """Null where the command could not be read or was not signed by the coordinator."""
    obeyed: bool
    reason: Reason
    t_s: Seconds


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


class TimeRequest(Message):
    """A pod asks for the sanctuary clock."""

    schema_: Literal["time.request.v1"] = Field("time.request.v1", alias="schema")
    id: MessageId
    t1_s: Seconds


class TimeResponse(Message):
    """The answer of the gateway whose clock is the sanctuary's."""

    schema_: Literal["time.response.v1"] = Field("time.response.v1", alias="schema")
    id: MessageId
    t1_s: Seconds
    t2_s: Seconds
    t3_s: Seconds
    gateway: Id
    boot: Id
    """Of the gateway: another start, another clock until it is measured."""
    utc_s_at_zero: Seconds
    """UTC seconds at second 0 of the sanctuary clock, as the gateway has it now; it moves when UTC is set."""
    began_utc_s: Seconds
    """The same as it was when that clock began; names it, and stays while it lasts, over restarts too."""
    synchronised: bool
    """Whether a time service keeps the UTC that is told."""


M = TypeVar("M", bound=Message)


def read(model: type[M], payload: bytes) -> M:
    """Read a payload that is not signed.

    Raises
    ------
    ProtocolError
        Too long, not JSON, or not of this schema; names the first field that is wrong.
    """
    check_size(payload)
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        raise ProtocolError(f"{model.__name__}: {_first(error)}") from error


def read_command(payload: bytes) -> Command:
    """Read a command of any kind.

    Raises
    ------
    ProtocolError
        As for `read`.
    """
    check_size(payload)
    try:
        return _COMMAND.validate_json(payload)
    except ValidationError as error:
        raise ProtocolError(f"command: {_first(error)}") from error


def check_size(payload: bytes) -> None:
    """Refuse a payload that no peer of ours would send.

    Raises
    ------
    ProtocolError
        More than `MAX_PAYLOAD_BYTES`.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"payload: {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} allowed")


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in found["loc"]) or "payload"
    return f"{field}: {found['msg']}"
