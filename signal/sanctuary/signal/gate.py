"""The gate decides whether a sleeper is in stable REM now.

::

              ENTER                        AROUSED
    SHUT ─────────────▶ OPEN ───────────────────────────▶ REFRACTORY
      ▲  ▲                │ LEAVE, WAKING, STALE               │ CALM
      │  └────────────────┘                                    │
      └────────────────────────────────────────────────────────┘
    (SHUT and REFRACTORY also go to REFRACTORY on AROUSED)

Opening needs a high mean probability of REM, a low entropy, enough sleep, and a usable signal, all over a
whole window that begins anew after every closing; closing needs little. Numbers and precedents: SLUMBER's
0.8 over 60 s; confidence and entropy together (bioRxiv 2025.09.22.677765).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

import numpy as np

from sanctuary.config.chain import GateSettings
from sanctuary.signal.samples import Stage
from sanctuary.signal.scoring import GateOpening
from sanctuary.signal.staging import Staged

Probabilities = tuple[float, float, float, float, float]


class GateState(Enum):
    """What is true in each state."""

    SHUT = "shut"
    """No stable REM; evidence is being gathered."""
    OPEN = "open"
    """Stable REM since the last transition."""
    REFRACTORY = "refractory"
    """Signs of waking were seen within `refractory_s`; nothing is gathered."""


class Finding(Enum):
    """What one second brings, the most urgent one only."""

    AROUSED = "aroused"
    STALE = "stale"
    WAKING = "waking"
    LEAVE = "leave"
    ENTER = "enter"
    CALM = "calm"


class Reason(StrEnum):
    """Why the gate is open or shut."""

    STABLE_REM = "stable-rem"
    TOO_EARLY = "too-early"
    NOT_SURE = "rem-not-sure"
    AMBIGUOUS = "entropy-high"
    NO_SIGNAL = "no-signal"
    REM_ENDED = "rem-ended"
    WAKING = "waking"
    AROUSAL = "arousal"
    REFRACTORY = "refractory"
    NIGHT_ENDED = "night-ended"


TRANSITIONS: Mapping[GateState, Mapping[Finding, GateState]] = {
    GateState.SHUT: {Finding.ENTER: GateState.OPEN, Finding.AROUSED: GateState.REFRACTORY},
    GateState.OPEN: {
        Finding.LEAVE: GateState.SHUT,
        Finding.WAKING: GateState.SHUT,
        Finding.STALE: GateState.SHUT,
        Finding.AROUSED: GateState.REFRACTORY,
    },
    GateState.REFRACTORY: {Finding.CALM: GateState.SHUT},
}
"""A finding that is not listed changes nothing."""

_CLOSING = {
    Finding.LEAVE: Reason.REM_ENDED,
    Finding.WAKING: Reason.WAKING,
    Finding.STALE: Reason.NO_SIGNAL,
    Finding.AROUSED: Reason.AROUSAL,
}


def entropy_share(p: Probabilities) -> float:
    """Entropy of the stage probabilities as a share of its maximum, 0 (certain) to 1 (no idea)."""
    values = np.maximum(np.array(p), 1e-12)
    return float(-(values * np.log(values)).sum() / np.log(len(p)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer for one second."""

    stable_rem: bool
    reason: Reason


class Gate:
    """One sleeper's gate; a second in, a verdict out."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._state = GateState.SHUT
        longest = max(settings.enter_window_s, settings.leave_window_s)
        self._p_rem: deque[float] = deque(maxlen=longest)
        self._entropy: deque[float] = deque(maxlen=settings.enter_window_s)
        self._waking_s = 0
        self._without_signal_s = 0
        self._aroused_at_s = -np.inf
        self._last: tuple[Staged, float] | None = None

    def second(self, t_s: float, staged: Staged, arousal: bool, usable: bool) -> Verdict:
        """Judge the second that ends at `t_s`, given the latest staging decision."""
        self._gather(staged, usable)
        finding, refusal = self._find(t_s, staged, arousal)
        target = TRANSITIONS[self._state].get(finding)
        if target is not None:
            self._move(target, t_s)
        if self._state is GateState.OPEN:
            return Verdict(True, Reason.STABLE_REM)
        if target is not None and finding in _CLOSING:
            return Verdict(False, _CLOSING[finding])
        return Verdict(False, refusal)

    def _gather(self, staged: Staged, usable: bool) -> None:
        self._without_signal_s = (
            0 if usable and staged.stage is not Stage.UNKNOWN else self._without_signal_s + 1
        )
        self._p_rem.append(staged.p[Stage.R])
        if self._last is None or self._last[0] is not staged:
            self._last = (staged, entropy_share(staged.p))
        self._entropy.append(self._last[1])
        waking = staged.p[Stage.W] + staged.p[Stage.N1] > self._settings.waking_p
        self._waking_s = self._waking_s + 1 if waking else 0

    def _find(self, t_s: float, staged: Staged, arousal: bool) -> tuple[Finding, Reason]:
        limits = self._settings
        if arousal:
            self._aroused_at_s = t_s
            return Finding.AROUSED, Reason.AROUSAL
        if self._without_signal_s >= limits.stale_s:
            return Finding.STALE, Reason.NO_SIGNAL
        if self._state is GateState.REFRACTORY:
            calm = t_s - self._aroused_at_s >= limits.refractory_s
            return (Finding.CALM, Reason.NOT_SURE) if calm else (Finding.AROUSED, Reason.REFRACTORY)
        if self._state is GateState.OPEN:
            return self._reason_to_leave(), Reason.STABLE_REM
        refusal = self._reason_to_refuse(staged)
        return (Finding.CALM, refusal) if refusal else (Finding.ENTER, Reason.STABLE_REM)

    def _reason_to_leave(self) -> Finding:
        limits = self._settings
        if self._waking_s >= limits.waking_s:
            return Finding.WAKING
        recent = list(self._p_rem)[-limits.leave_window_s :]
        return Finding.LEAVE if sum(recent) / len(recent) < limits.leave_p_rem else Finding.CALM

    def _reason_to_refuse(self, staged: Staged) -> Reason | None:
        limits = self._settings
        if self._without_signal_s:
            return Reason.NO_SIGNAL
        recent = list(self._p_rem)[-limits.enter_window_s :]
        if len(recent) < limits.enter_window_s or sum(recent) / len(recent) < limits.enter_p_rem:
            return Reason.NOT_SURE
        if sum(self._entropy) / len(self._entropy) > limits.enter_entropy:
            return Reason.AMBIGUOUS
        return Reason.TOO_EARLY if staged.asleep_min < limits.minimum_sleep_min else None

    def _move(self, target: GateState, t_s: float) -> None:
        self._state = target
        if target is GateState.REFRACTORY:
            self._aroused_at_s = t_s
        if target is not GateState.OPEN:
            self._p_rem.clear()
            self._entropy.clear()


class OpeningLog:
    """Turns verdicts into openings."""

    def __init__(self) -> None:
        self.openings: list[GateOpening] = []
        self._open_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last verdict was stable REM."""
        return self._open_s is not None

    def verdict(self, t_s: float, stable_rem: bool, reason: str) -> None:
        """Take the next verdict, in order of time."""
        if stable_rem and self._open_s is None:
            self._open_s = t_s
        elif not stable_rem and self._open_s is not None:
            self.openings.append(GateOpening(self._open_s, t_s, str(reason)))
            self._open_s = None

    def end(self, t_s: float) -> None:
        """Close what is open: the night is over."""
        self.verdict(t_s, False, Reason.NIGHT_ENDED)
