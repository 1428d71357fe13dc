"""The contract of the wire as one table: which channels there are, who says what on them, and how.

`sanctuary.pods.protocol.asyncapi` writes it as a document, the tests hold live traffic against it, and the
clients ask it which of their messages must outlive a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from sanctuary.commons.entries import Grant, Withdrawal
from sanctuary.config.errors import ProtocolError
from sanctuary.pods.protocol import messages as says
from sanctuary.pods.protocol.envelope import Kind
from sanctuary.pods.protocol.topics import ROOT, Channel, Qos, Topic, parse


class Party(StrEnum):
    """Who speaks and listens."""

    POD = "pod"
    COORDINATOR = "coordinator"
    SLEEPER = "sleeper"


@dataclass(frozen=True, slots=True)
class ChannelContract:
    """One channel.

    Attributes
    ----------
    name
        In the document.
    channel, leaf
        As in `Topic`.
    address
        Topic with its parameters in braces.
    messages
        What may be said.
    sender, receiver
        Who says it to whom.
    qos, retain
        As published.
    signed
        Kind of the signed envelope; None for plain JSON and for notes.
    note
        Whether the payload is a signed note of text, as consent entries are; the message is its third line.
    lasting
        Whether a message that the broker does not have yet is still worth sending after a crash. Leases,
        snapshots, commands and answers about the time are not: they are stale by then.
    about
        For people.
    """

    name: str
    channel: Channel
    address: str
    messages: tuple[type[BaseModel], ...]
    sender: Party
    receiver: Party
    about: str
    qos: Qos = 1
    retain: bool = False
    signed: Kind | None = None
    note: bool = False
    lasting: bool = False
    leaf: str = ""


_SITE = f"{ROOT}/{{site}}"
_POD = f"{_SITE}/pods/{{pod}}"
_UP = (Party.POD, Party.COORDINATOR)
_DOWN = (Party.COORDINATOR, Party.POD)

CONTRACT: tuple[ChannelContract, ...] = (
    ChannelContract(
        "podStatus",
        Channel.STATUS,
        f"{_POD}/up/status",
        (says.PodStatus,),
        *_UP,
        "Whether a pod is there. Its offline form is left with the broker as last will.",
        retain=True,
    ),
    ChannelContract(
        "podState",
        Channel.STATE,
        f"{_POD}/up/state",
        (says.PodState,),
        *_UP,
        "Snapshot of a pod: on change, at most once a second, and every few seconds without one.",
        retain=True,
    ),
    ChannelContract(
        "podLease",
        Channel.EVENT,
        f"{_POD}/up/event/lease",
        (says.LeaseMessage,),
        *_UP,
        "A pod's promise to stay in a window, renewed every other second. Silence ends it.",
        signed=Kind.LEASE,
        leaf="lease",
    ),
    ChannelContract(
        "podEyeSignal",
        Channel.EVENT,
        f"{_POD}/up/event/eye-signal",
        (says.EyeSignalMessage,),
        *_UP,
        "A sleeper in a window made the voluntary eye signal. Sent only where their grant says so; nothing "
        "of the signal's shape is in it.",
        signed=Kind.EYE_SIGNAL,
        lasting=True,
        leaf="eye-signal",
    ),
    ChannelContract(
        "podReply",
        Channel.REPLY,
        f"{_POD}/up/reply",
        (says.Reply,),
        *_UP,
        "What a pod did with a command, by the command's id.",
        lasting=True,
    ),
    ChannelContract(
        "podCommand",
        Channel.COMMAND,
        f"{_POD}/down/cmd",
        (says.Offer, says.Open, says.Extend, says.Close, says.Echo),
        *_DOWN,
        "Commands to one pod. Obeyed once by id, before they expire, and in the current term only. "
        "Never retained.",
        signed=Kind.COMMAND,
    ),
    ChannelContract(
        "podConsent",
        Channel.CONSENT,
        f"{_POD}/down/consent",
        (Grant, Withdrawal),
        Party.SLEEPER,
        Party.POD,
        "Grants and withdrawals, signed by the sleeper, from wherever they were made. Never retained.",
        note=True,
    ),
    ChannelContract(
        "broadcast",
        Channel.BROADCAST,
        f"{_SITE}/all/cmd",
        (says.Extend, says.Close),
        *_DOWN,
        "Commands to every pod. Pods obey them; the coordinator of this version has no need of them.",
        signed=Kind.COMMAND,
    ),
    ChannelContract(
        "timeRequest",
        Channel.TIME_REQUEST,
        f"{_SITE}/time/req/{{pod}}",
        (says.TimeRequest,),
        *_UP,
        "A pod asks for the sanctuary clock.",
        qos=0,
    ),
    ChannelContract(
        "timeResponse",
        Channel.TIME_RESPONSE,
        f"{_SITE}/time/rsp/{{pod}}",
        (says.TimeResponse,),
        *_DOWN,
        "The answer, with the times at which the request came and the answer left.",
        qos=0,
        signed=Kind.TIME,
    ),
    ChannelContract(
        "claim",
        Channel.CLAIM,
        f"{_SITE}/circles/{{circle}}/claim",
        (says.GatewayClaim,),
        Party.COORDINATOR,
        Party.COORDINATOR,
        "Which gateway's coordinator commands a circle, in which term; said anew all the time it does.",
        retain=True,
        signed=Kind.CLAIM,
    ),
    ChannelContract(
        "gatewayStatus",
        Channel.GATEWAY_STATUS,
        f"{_SITE}/gateways/{{gateway}}/status",
        (says.GatewayStatus,),
        Party.COORDINATOR,
        Party.COORDINATOR,
        "Whether a gateway is there. Its offline form is left with the broker as last will.",
        retain=True,
    ),
)
"""Every channel on which anything is said."""

_BY_PLACE = {(entry.channel, entry.leaf): entry for entry in CONTRACT}
_NAMED_BY_LEAF = frozenset({Channel.CLAIM, Channel.GATEWAY_STATUS})
"""Channels whose leaf is the name of a circle or gateway, not a kind of message."""


def channel_of(topic: str) -> ChannelContract | None:
    """Find the channel of a topic; None where it is none of ours."""
    try:
        parsed: Topic = parse(topic)
    except ProtocolError:
        return None
    leaf = "" if parsed.channel in _NAMED_BY_LEAF else parsed.leaf
    return _BY_PLACE.get((parsed.channel, leaf))


def is_lasting(topic: str) -> bool:
    """Tell whether a message on `topic` must outlive a crash of its sender."""
    entry = channel_of(topic)
    return entry is not None and entry.lasting
