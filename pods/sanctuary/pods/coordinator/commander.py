"""Builds and signs the coordinator's commands."""

from __future__ import annotations

from collections import deque
from typing import Any

from nacl.signing import SigningKey

from sanctuary.pods.effects import IdSource, Publish
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
)

REMEMBERED = 256
"""Ids of own commands kept, to know a reply to one of them."""


class Commander:
    """Speaks for one coordinator in one term of a circle."""

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
        """Offer a place in a window."""
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
        """Open the window for a pod; worth nothing once `start_at_s` is here."""
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

    def echo(self, pod: str, offer: OfferArgs, of_pod: str, now_s: float, start_at_s: float) -> Publish:
        """Ask for the answer to an eye signal of `of_pod`; worth nothing once `start_at_s` is here."""
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
