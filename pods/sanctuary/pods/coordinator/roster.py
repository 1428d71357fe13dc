"""What the coordinator knows of each pod, from snapshots and status."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.protocol.messages import PodState, PodStatus, read


@dataclass
class _View:
    state: PodState | None = None
    boot: str = ""
    online: bool = True


class Roster:
    """The pods' last words.

    Parameters
    ----------
    pods
        Those that may speak.
    age_limit_s
        Age from which a snapshot counts for nothing; retained ones may be of another night.
    """

    def __init__(self, pods: frozenset[str], age_limit_s: float) -> None:
        self._views = {pod: _View() for pod in sorted(pods)}
        self._age_limit_s = age_limit_s
        self.ready: set[str] = set()
        """Pods that may be eligible for some circle; all others are for none, whatever the time."""

    def take_state(self, pod: str, payload: bytes) -> None:
        """Take a snapshot; one that is older than the last of the same boot is ignored.

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

    def take_status(self, pod: str, payload: bytes) -> bool:
        """Take a status; give whether the pod is there now.

        The last will of an earlier boot may come after its successor has begun; it changes nothing.

        Raises
        ------
        ProtocolError
            Of an unknown pod, or malformed.
        """
        view, status = self._view(pod), read(PodStatus, payload)
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

    def _view(self, pod: str) -> _View:
        if pod not in self._views:
            raise ProtocolError(f"pod {pod[:70]!r}: in no circle of this sanctuary")
        return self._views[pod]
