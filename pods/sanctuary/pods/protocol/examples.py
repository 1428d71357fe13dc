"""One message of every kind, for the document of the wire; the signed ones are test vectors as well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sanctuary.commons.entries import Grant, Scope, Withdrawal, WithdrawnScope, key_id, signing_key
from sanctuary.commons.entries import seal as seal_entry
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.pods.protocol import messages as says
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.messages import Message

SEED = b"an example key, trusted nowhere."
"""Signs the examples; published here, so nobody may trust it."""
PUBLIC_KEY = key_id(signing_key(SEED))

ORIGIN = "harbour"
"""Of the consent entries."""

_DESIGN = "5d" * 32


@dataclass(frozen=True, slots=True)
class Example:
    """A message and what it says."""

    name: str
    about: str
    message: BaseModel


def _command(number: int, start_at_s: float | None = None) -> Mapping[str, Any]:
    return {
        "id": f"n1-c{number}",
        "site": "harbour",
        "pod": "pod-1",
        "term": 7,
        "issued_at_s": 4211.0,
        "expires_at_s": start_at_s or 4216.0,
        **({"start_at_s": start_at_s} if start_at_s is not None else {}),
    }


_WINDOW: Mapping[str, Any] = {"window": "n1-w3", "circle": "commons"}

EXAMPLES: tuple[Example, ...] = (
    Example(
        "online",
        "A pod with its headband on.",
        says.PodStatus(
            online=True,
            boot="n1-pod-1",
            fw="gateway",
            headband=says.HeadbandStatus(state="streaming", battery_percent=85.0),
        ),
    ),
    Example(
        "offline",
        "What the broker says for a pod that died.",
        says.PodStatus(online=False, boot="n1-pod-1", fw="gateway"),
    ),
    Example(
        "eligible",
        "In stable REM and willing to share windows of one circle.",
        says.PodState(
            pod="pod-1",
            boot="n1-pod-1",
            seq=412,
            t_s=4210.0,
            stage="R",
            p=(0.02, 0.03, 0.02, 0.01, 0.92),
            stable_rem=True,
            quality=0.94,
            willing=("commons",),
            state="eligible",
            window=None,
            lease=None,
            latch=None,
        ),
    ),
    Example(
        "lease",
        "Still in REM, still willing, for another five seconds.",
        says.LeaseMessage(
            site="harbour",
            pod="pod-1",
            boot="n1-pod-1",
            term=7,
            offer="n1-o4",
            nonce="n1-n4",
            seq=9,
            playing=True,
            issued_at_s=4220.0,
            ttl_s=5.0,
            **_WINDOW,
        ),
    ),
    Example(
        "eye-signal",
        "The sleeper looked left, right, left, right.",
        says.EyeSignalMessage(
            site="harbour", pod="pod-2", boot="n1-pod-2", seq=1, offer="n1-o5", t_s=4300.0, **_WINDOW
        ),
    ),
    Example(
        "obeyed",
        "The command was obeyed.",
        says.Reply(pod="pod-1", command="n1-c5", obeyed=True, reason="", t_s=4211.1),
    ),
    Example(
        "refused",
        "The command came too late.",
        says.Reply(pod="pod-1", command="n1-c5", obeyed=False, reason="expired", t_s=4216.4),
    ),
    Example(
        "offer",
        "A window is offered.",
        says.Offer(
            **_command(4),
            args=says.OfferArgs(
                offer="n1-o4",
                design=_DESIGN,
                modalities=(Modality.SOUND,),
                quorum=2,
                nonce="n1-n4",
                part=1,
                **_WINDOW,
            ),
        ),
    ),
    Example(
        "open",
        "The window opens two seconds from now.",
        says.Open(
            **_command(5, 4213.0),
            args=says.OpenArgs(offer="n1-o4", design=_DESIGN, zero_s=4213.0, valid_until_s=4216.0, **_WINDOW),
        ),
    ),
    Example(
        "extend",
        "The window stays open for five seconds more.",
        says.Extend(**_command(6), args=says.ExtendArgs(valid_until_s=4216.0, **_WINDOW)),
    ),
    Example(
        "close",
        "The window is over.",
        says.Close(**_command(7), args=says.CloseArgs(reason="quorum_lost", **_WINDOW)),
    ),
    Example(
        "echo",
        "Another sleeper made the eye signal; the design's answer is to be played in two seconds.",
        says.Echo(**_command(8, 4213.0), args=says.EchoArgs(offer="n1-o4", of_pod="pod-2", **_WINDOW)),
    ),
    Example(
        "grant",
        "Sound up to 38 dBA in windows of one circle, of one design, for one day.",
        Grant(
            who=PUBLIC_KEY,
            seq=1,
            nonce="a1",
            scope=Scope(circle="commons", modalities=(Modality.SOUND,), max_level_dba=38.0),
            design=_DESIGN,
            nbf=1_800_000_000.0,
            exp=1_800_086_400.0,
        ),
    ),
    Example(
        "withdrawal",
        "No more, in any circle.",
        Withdrawal(who=PUBLIC_KEY, seq=2, nonce="a2", scope=WithdrawnScope(circle="*")),
    ),
    Example(
        "claim",
        "A gateway goes on holding a circle.",
        says.GatewayClaim(
            site="harbour",
            circle="commons",
            gateway="gateway-1",
            boot="n1",
            term=7,
            seq=120,
            released=False,
            good_for_s=7.0,
            last_window_end_s=None,
            issued_at_s=4211.0,
        ),
    ),
    Example(
        "present", "A gateway is there.", says.GatewayStatus(gateway="gateway-1", boot="n1", online=True)
    ),
    Example(
        "absent",
        "What the broker says for a gateway that died.",
        says.GatewayStatus(gateway="gateway-1", boot="n1", online=False),
    ),
    Example("ask", "What time is it?", says.TimeRequest(id="n1-pod-1-3", t1_s=120.25)),
    Example(
        "tell",
        "The request came at `t2_s`; this answer left at `t3_s`.",
        says.TimeResponse(
            id="n1-pod-1-3",
            t1_s=120.25,
            t2_s=4210.5,
            t3_s=4210.5001,
            gateway="gateway-1",
            boot="n1",
            utc_s_at_zero=1_800_000_000.0,
            began_utc_s=1_800_000_000.0,
            synchronised=True,
        ),
    ),
)


def example_wire(example: Example, signed: Kind | None) -> bytes:
    """Give the payload as it goes over the wire."""
    message, key = example.message, signing_key(SEED)
    if isinstance(message, Grant | Withdrawal):
        return seal_entry(key, ORIGIN, message)
    assert isinstance(message, Message)  # noqa: S101 - narrows the type; there are no others
    return message.to_bytes() if signed is None else seal(signed, message, key)


def example_payload(example: Example, signed: Kind | None) -> Any:
    """Give the payload as parsed JSON, of a signed one the list of its two lines; of a note, its text."""
    wire = example_wire(example, signed).decode()
    if isinstance(example.message, Grant | Withdrawal):
        return wire
    lines = [json.loads(line) for line in wire.splitlines()]
    return lines[0] if signed is None else lines
