"""The commands of a coordinator, signed for one term of a circle and sent to the pods of its windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from nacl.signing import SigningKey

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.gateway_events import ClosingReason
from sanctuary.pods.coordinator.turns import CircleHistory
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import Effect, IdSource, Publish
from sanctuary.pods.pod.permission import CommandReason
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.messages import (
    EVERY_POD,
    Close,
    CloseArgs,
    Command,
    Echo,
    EchoArgs,
    Extend,
    ExtendArgs,
    Offer,
    OfferArgs,
    Open,
    OpenArgs,
    Reply,
    read,
)

REMEMBERED = 256
"""Ids of own commands kept, to know a reply to one of them."""
_OLD_TERM = CommandReason.OLD_TERM.encode()


class CommandWriter:
    """Writes and signs the commands of one coordinator in one term of a circle.

    All `now_s`, `start_at_s` and expiries are seconds on the sanctuary clock.
    """

    def __init__(self, site: str, key: SigningKey, term: int, ids: IdSource) -> None:
        self._site = site
        self._key = key
        self._term = term
        self._ids = ids
        self._sent: deque[str] = deque(maxlen=REMEMBERED)

    def has_sent(self, command: str) -> bool:
        """Tell whether `command` is the id of a recent command of this term."""
        return command in self._sent

    def offer(self, pod: str, args: OfferArgs, now_s: float, expires_at_s: float) -> Publish:
        return self._publish(Offer(**self._frame(pod, now_s, expires_at_s), args=args))

    def open(
        self,
        pod: str,
        offer: OfferArgs,
        now_s: float,
        *,
        start_at_s: float,
        zero_s: float,
        valid_until_s: float,
    ) -> Publish:
        """Open the window for a pod; void once `start_at_s` has come."""
        args = OpenArgs(
            offer=offer.offer,
            window=offer.window,
            circle=offer.circle,
            design=offer.design,
            zero_s=zero_s,
            valid_until_s=valid_until_s,
        )
        return self._publish(Open(**self._frame(pod, now_s, start_at_s), start_at_s=start_at_s, args=args))

    def extend(self, pod: str, window: str, circle: str, now_s: float, valid_until_s: float) -> Publish:
        """Keep the window open for a pod that is in it."""
        args = ExtendArgs(window=window, circle=circle, valid_until_s=valid_until_s)
        return self._publish(Extend(**self._frame(pod, now_s, valid_until_s), args=args))

    def close(
        self, pod: str, window: str, circle: str, now_s: float, expires_at_s: float, reason: str
    ) -> Publish:
        """Close the window for a pod that is, or may be, in it."""
        args = CloseArgs(window=window, circle=circle, reason=reason)
        return self._publish(Close(**self._frame(pod, now_s, expires_at_s), args=args))

    def answer(self, pod: str, offer: OfferArgs, of_pod: str, now_s: float, start_at_s: float) -> Publish:
        """Ask for the answer to an eye signal of `of_pod`; void once `start_at_s` has come."""
        # On the wire this command is named `echo`, which stays as it is.
        args = EchoArgs(offer=offer.offer, window=offer.window, circle=offer.circle, of_pod=of_pod)
        return self._publish(Echo(**self._frame(pod, now_s, start_at_s), start_at_s=start_at_s, args=args))

    def _frame(self, pod: str, now_s: float, expires_at_s: float) -> dict[str, Any]:
        self._sent.append(self._ids.next("c"))
        return {
            "id": self._sent[-1],
            "site": self._site,
            "pod": pod,
            "term": self._term,
            "issued_at_s": now_s,
            "expires_at_s": expires_at_s,
        }

    def _publish(self, command: Command) -> Publish:
        everyone = command.pod == EVERY_POD
        topic = topics.broadcast(self._site) if everyone else topics.command(self._site, command.pod)
        return Publish(topic, seal(Kind.COMMAND, command, self._key), qos=1, retain=False)


@dataclass
class HeldCircle:
    """A circle that this gateway leads.

    Attributes
    ----------
    active
        Whether commands may be sent now; not while authority has lapsed for a moment.
    """

    term: int
    writer: CommandWriter
    active: bool = True


class Invitations:
    """Lets pods into windows of held circles, keeps them there, and sends them out.

    Parameters
    ----------
    held, histories
        Of the coordinator, by circle; the former are only read.
    """

    def __init__(
        self,
        ids: IdSource,
        settings: CoordinatorSettings,
        held: Mapping[str, HeldCircle],
        histories: Mapping[str, CircleHistory],
    ) -> None:
        self._ids, self._settings = ids, settings
        self._held, self._histories = held, histories

    def offer(self, run: WindowRun, pod: str, now_s: float, out: list[Effect]) -> None:
        """Offer a place in a window, and a part in its design."""
        loaded, until_s = run.circle.design, now_s + self._settings.offer_expiry_s
        offer = OfferArgs(
            offer=self._ids.next("o"),
            window=run.id,
            circle=run.circle.id,
            design=loaded.hash,
            modalities=loaded.design.modalities,
            quorum=run.circle.quorum,
            nonce=self._ids.next("n"),
            part=part_for(run, pod, now_s),
        )
        run.offers[pod], run.offered_until_s[pod] = offer, until_s
        out.append(self._writer(run).offer(pod, offer, now_s, until_s))

    def open(self, run: WindowRun, pod: str, now_s: float, out: list[Effect]) -> None:
        """Send `open`; a joiner's place in the design is that of the others."""
        start_at_s = now_s + self._settings.lead_s
        valid_until_s = min(now_s + self._settings.valid_for_s, run.end_s)
        run.opened_s[pod] = now_s
        self._note_valid(run, valid_until_s)
        command = self._writer(run).open(
            pod,
            run.offers[pod],
            now_s,
            start_at_s=start_at_s,
            zero_s=run.zero_s,
            valid_until_s=valid_until_s,
        )
        out.append(command)

    def extend(self, run: WindowRun, now_s: float, out: list[Effect]) -> None:
        """Keep those that play in the window."""
        valid_until_s = min(now_s + self._settings.valid_for_s, run.end_s)
        self._note_valid(run, valid_until_s)
        run.extend_due_s = now_s + self._settings.extend_every_s
        writer = self._writer(run)
        out += [writer.extend(pod, run.id, run.circle.id, now_s, valid_until_s) for pod in run.playing(now_s)]

    def close(self, run: WindowRun, reason: ClosingReason, now_s: float, out: list[Effect]) -> None:
        """Tell all that were ever offered a place that the window is over."""
        until_s, writer = now_s + self._settings.valid_for_s, self._writer(run)
        out += [
            writer.close(pod, run.id, run.circle.id, now_s, until_s, reason) for pod in sorted(run.offers)
        ]

    def _note_valid(self, run: WindowRun, valid_until_s: float) -> None:
        """Note until when pods may stay on the strength of what is being sent."""
        run.valid_until_s = max(run.valid_until_s or -inf, valid_until_s)
        history = self._histories[run.circle.id]
        history.in_force_until_s = max(history.in_force_until_s, valid_until_s)

    def _writer(self, run: WindowRun) -> CommandWriter:
        return self._held[run.circle.id].writer


def part_for(run: WindowRun, pod: str, now_s: float) -> int:
    """Choose the part that a pod is offered: the one that fewest others hold, the first of several.

    So the members that are offered a window together get the parts in turn, each part has a pod if there are
    as many pods, and a pod that comes later, or comes back, gets what is missing.
    """
    parts = range(1, run.circle.design.design.parts + 1)
    held = [offer.part for other, offer in run.offers.items() if other != pod and run.holds(other, now_s)]
    return min(parts, key=held.count)


def refuses_term(pod: str, payload: bytes) -> str | None:
    """Give the id of the command that `pod` refused because it knows a higher term; None for other replies.

    Raises
    ------
    ProtocolError
        Malformed, or speaks for another pod.
    """
    if _OLD_TERM not in payload:  # most replies: not worth parsing
        return None
    reply = read(Reply, payload)
    if reply.pod != pod:
        raise ProtocolError(f"reply of {pod}: speaks for {reply.pod}")
    return reply.command if reply.reason == CommandReason.OLD_TERM else None
