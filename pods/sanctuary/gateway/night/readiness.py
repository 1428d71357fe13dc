"""Says once that everything runs, and before that what is still waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sanctuary.firmware_bridge.pump import HeadbandState

PATIENCE_S = 5.0
"""What is still missing after this is told; most nights are running by then, or wait for a circle."""


@dataclass(frozen=True, slots=True)
class PodNow:
    """How a pod stands at a moment; `headband` is None before it is looked for."""

    id: str
    linked: bool
    headband: HeadbandState | None


def awaited(pods: Iterable[PodNow], circles: Iterable[str]) -> list[str]:
    """Name what has neither come nor failed yet.

    Parameters
    ----------
    circles
        Those that this gateway is to hold and does not yet.
    """
    missing = []
    for pod in pods:
        if not pod.linked:
            missing.append(f"the broker for {pod.id}")
        state = pod.headband
        if state is None or (state.state == "connecting" and state.cause is None):
            missing.append(f"the headband of {pod.id}")
    return [*missing, *(f"circle {circle}" for circle in circles)]


def running(pods: Iterable[PodNow]) -> str:
    """Say that everything runs, and which headbands are still tried."""
    pods = list(pods)
    tried = [
        f"{pod.id} ({pod.headband.cause})"
        for pod in pods
        if pod.headband is not None and pod.headband.cause is not None
    ]
    told = f"running: {', '.join(pod.id for pod in pods)}"
    if tried:
        told += f"; headbands that are not there yet are tried again and again: {', '.join(tried)}"
    return f"{told}; Ctrl-C ends the night"


class Readiness:
    """Looks at the pods until everything runs.

    Parameters
    ----------
    tell
        Hears of it in a sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._began_s: float | None = None
        self._told = False
        self.is_complete = False

    def look(self, now_s: float, pods: Sequence[PodNow], circles: Sequence[str]) -> None:
        """Look, at monotonic seconds `now_s`."""
        if self.is_complete:
            return
        if self._began_s is None:
            self._began_s = now_s
        missing = awaited(pods, circles)
        if not missing:
            self.is_complete = True
            self._tell(running(pods))
        elif not self._told and now_s - self._began_s >= PATIENCE_S:
            self._told = True
            self._tell(f"starting; still waiting for {', '.join(missing)}")
