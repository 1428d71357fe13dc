"""Which gateways are there."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.pods.coordinator.choice import preference
from sanctuary.pods.protocol.messages import GatewayStatus


@dataclass(frozen=True, slots=True)
class _Seen:
    boot: str
    since_s: float


class Presence:
    """The other gateways, as their last status says; own clock.

    One that died while the broker was down may be taken for present: it costs whoever comes next in turn a
    second, nothing else.
    """

    def __init__(self, me: str, gateways: tuple[str, ...]) -> None:
        self._me = me
        self._gateways = gateways
        self._seen: dict[str, _Seen] = {}
        self._declined: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """Know nothing any more; the broker tells again when it is back."""
        self._seen.clear()

    def take(self, status: GatewayStatus, now_s: float) -> None:
        """Take the status of another gateway."""
        before = self._seen.get(status.gateway)
        if status.online and (before is None or before.boot != status.boot):
            self._seen[status.gateway] = _Seen(status.boot, now_s)
        elif not status.online and before is not None and before.boot == status.boot:
            del self._seen[status.gateway]

    def rank(self, group: str) -> int:
        """Say how many gateways that are there are wanted more for a group of circles than this one."""
        return self._order(group).index(self._me)

    def heir(self, group: str, now_s: float, settle_s: float) -> tuple[str, str] | None:
        """Name the gateway, and its start, that should hold a group instead of this one; None if none."""
        first = self._order(group)[0]
        seen = self._seen.get(first)
        if first == self._me or seen is None or now_s - seen.since_s < settle_s:
            return None
        heir = (first, seen.boot)
        return None if heir in self._declined else heir

    def settled(self, now_s: float, settle_s: float) -> list[str]:
        """Name the other gateways that have been there for `settle_s`, in the order of the settings."""
        return [
            gateway
            for gateway in self._gateways
            if gateway in self._seen and now_s - self._seen[gateway].since_s >= settle_s
        ]

    def decline(self, heir: tuple[str, str]) -> None:
        """Note that a gateway was offered a circle and did not take it; it is offered none any more."""
        self._declined.add(heir)

    def _order(self, group: str) -> list[str]:
        there = [gateway for gateway in self._gateways if gateway == self._me or gateway in self._seen]
        return preference(group, there)
