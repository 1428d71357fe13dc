"""Which pods could come, and which circle is offered a window first (C2).

Circles that share a pod compete for it. Among those that could be proposed at one moment, the one that has
waited longest since the end of its last window comes first; one that never had any has waited longest of
all; ties go by id. Nothing else counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.coordinator.circle import Circle
from sanctuary.pods.protocol.messages import PodState, PodStatus, read


@dataclass
class _PodView:
    state: PodState | None = None
    boot: str = ""
    online: bool = True


class PodDirectory:
    """The newest snapshot and status of each pod.

    Parameters
    ----------
    pods
        Those that may speak.
    age_limit_s
        Age from which a snapshot counts for nothing; retained ones may be of another night.
    """

    def __init__(self, pods: frozenset[str], age_limit_s: float) -> None:
        self._views = {pod: _PodView() for pod in sorted(pods)}
        self._age_limit_s = age_limit_s
        self.ready: set[str] = set()
        """Pods that may be eligible for some circle; all others are for none, whatever the time."""

    def update_state(self, pod: str, payload: bytes) -> None:
        """Keep a snapshot; one that is older than the last of the same boot is ignored.

        Raises
        ------
        ProtocolError
            Of an unknown pod, or speaks for another, or is malformed.
        """
        view, state = self._view(pod), read(PodState, payload)
        if state.pod != pod:
            raise ProtocolError(f"state of {pod}: speaks for {state.pod}")
        if view.state is None or state.boot != view.state.boot or state.seq > view.state.seq:
            view.state = state
            (self.ready.add if state.state == "eligible" and state.stable_rem else self.ready.discard)(pod)
            if state.boot != view.boot:
                view.boot, view.online = state.boot, True

    def update_status(self, pod: str, payload: bytes) -> bool:
        """Keep a status; tell whether the pod is online now.

        Raises
        ------
        ProtocolError
            Of an unknown pod, or malformed.
        """
        view, status = self._view(pod), read(PodStatus, payload)
        # The last will of an earlier boot may come after its successor has begun; it changes nothing.
        if status.online or not view.boot or status.boot == view.boot:
            view.boot, view.online = status.boot, status.online
        return view.online

    def is_eligible(self, pod: str, circle: str, now_s: float) -> bool:
        """Tell whether `pod` says that it could lease a window of `circle` now."""
        view = self._views[pod]
        state = view.state
        if state is None or not view.online or now_s - state.t_s >= self._age_limit_s:
            return False
        return state.state == "eligible" and state.stable_rem and circle in state.willing

    def _view(self, pod: str) -> _PodView:
        if pod not in self._views:
            raise ProtocolError(f"pod {pod[:70]!r}: in no circle of this sanctuary")
        return self._views[pod]


@dataclass
class CircleHistory:
    """What outlives a circle's windows, and in part a change of gateways; seconds on the sanctuary clock.

    Attributes
    ----------
    last_end_s
        When the last window of the circle closed; None if none is known of.
    not_before_s
        Until when the circle rests.
    in_force_until_s
        Until when some pod may be in a window on a command of this gateway.
    """

    last_end_s: float | None = None
    not_before_s: float = -inf
    in_force_until_s: float = -inf

    def note_end(self, end_s: float, rest_s: float) -> None:
        """Note that a window ended that another gateway knew of; the latest end counts."""
        if self.last_end_s is None or end_s > self.last_end_s:
            self.last_end_s = end_s
            self.not_before_s = max(self.not_before_s, end_s + rest_s)

    def clock_set(self, by_s: float) -> None:
        """Move all moments with a clock that was set by `by_s`: they stay as far away as they were."""
        self.not_before_s += by_s
        # What pods were promised is never moved nearer: they may go by the clock as it was.
        self.in_force_until_s += max(0.0, by_s)
        if self.last_end_s is not None:
            self.last_end_s += by_s


def next_in_turn(last_end_s: Mapping[str, float | None]) -> str:
    """Name the circle that is to be offered next.

    Parameters
    ----------
    last_end_s
        End of the last window (seconds) of each circle that could be proposed now; None if it had none.
    """
    return min(last_end_s, key=lambda circle: (_waiting_since_s(last_end_s[circle]), circle))


def contenders(
    chosen: Circle, group: Iterable[Circle], last_end_s: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Give `last_end_s` of those that could have been proposed instead and share a pod with `chosen`."""
    return {
        other.id: last_end_s[other.id]
        for other in group
        if other.id in last_end_s
        and other.id != chosen.id
        and not chosen.members.keys().isdisjoint(other.members)
    }


def _waiting_since_s(last_end_s: float | None) -> float:
    return -inf if last_end_s is None else last_end_s
