"""The gate decides whether a sleeper is in stable REM now.

::

              ENTER                        AROUSED
    SHUT ─────────────▶ OPEN ───────────────────────────▶ REFRACTORY
      ▲  ▲                │ LEAVE, DOUBT, WAKING, STALE        │ CALM
      │  └────────────────┘                                    │
      └────────────────────────────────────────────────────────┘
    (SHUT and REFRACTORY also go to REFRACTORY on AROUSED)

Opening needs a high mean probability of REM, a low entropy, fresh evidence, enough sleep, and a usable
signal, all over a whole window that begins anew after every closing; closing needs little. Probabilities
remember; evidence (the likelihood ratio of the last 30 s alone) does not, so the gate closes as soon as what
is seen now no longer speaks for REM, long before the filter is convinced that REM ended. Precedents:
SLUMBER's mean confidence over a window; confidence and entropy together (bioRxiv 2025.09.22.677765).

`ArousalDetector` is the fast path: signs of waking up, second by second. An EMG burst, or a joint rise of
alpha and beta over their running medians, or motion of the headband. AASM wants an arousal to last three
seconds, so none is certain sooner; this flag errs on the side of silence.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, StrEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sanctuary.config.chain_settings import ArousalSettings, GateSettings
from sanctuary.signal.filters import BAND_NAMES, decibel
from sanctuary.signal.repair import hold_last
from sanctuary.signal.samples import BoolArray, FloatArray, Stage
from sanctuary.signal.scoring import GateOpening
from sanctuary.signal.state_table import StateTable, apply_listed

Probabilities = tuple[float, float, float, float, float]
EVIDENCE_LIMIT = 4.0
"""Evidence counts at most this many nats in the mean, so that one epoch cannot speak for three."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What staging says of one sleeper: a row of `staging.Staged` as plain numbers."""

    p: Probabilities
    stage: Stage
    evidence: float
    asleep_min: float


class GateState(Enum):
    """What is true in each state."""

    SHUT = "shut"
    """No stable REM; evidence is being gathered."""
    OPEN = "open"
    """Stable REM since the last transition."""
    REFRACTORY = "refractory"
    """Signs of waking were seen within `refractory_s`; nothing is gathered."""


class GateEvent(Enum):
    """What one second brings, the most urgent one only."""

    AROUSED = "aroused"
    STALE = "stale"
    WAKING = "waking"
    DOUBT = "doubt"
    LEAVE = "leave"
    ENTER = "enter"
    CALM = "calm"


class Reason(StrEnum):
    """Why the gate is open or shut."""

    STABLE_REM = "stable-rem"
    TOO_EARLY = "too-early"
    NOT_SURE = "rem-not-sure"
    AMBIGUOUS = "entropy-high"
    NO_EVIDENCE = "evidence-low"
    JUST_CLOSED = "just-closed"
    NO_SIGNAL = "no-signal"
    REM_ENDED = "rem-ended"
    DOUBT = "rem-in-doubt"
    WAKING = "waking"
    AROUSAL = "arousal"
    REFRACTORY = "refractory"
    NIGHT_ENDED = "night-ended"


TRANSITIONS: StateTable[GateState, GateEvent] = {
    GateState.SHUT: {GateEvent.ENTER: GateState.OPEN, GateEvent.AROUSED: GateState.REFRACTORY},
    GateState.OPEN: {
        GateEvent.LEAVE: GateState.SHUT,
        GateEvent.DOUBT: GateState.SHUT,
        GateEvent.WAKING: GateState.SHUT,
        GateEvent.STALE: GateState.SHUT,
        GateEvent.AROUSED: GateState.REFRACTORY,
    },
    GateState.REFRACTORY: {GateEvent.CALM: GateState.SHUT},
}
"""A finding that is not listed changes nothing."""

_CLOSING = {
    GateEvent.LEAVE: Reason.REM_ENDED,
    GateEvent.DOUBT: Reason.DOUBT,
    GateEvent.WAKING: Reason.WAKING,
    GateEvent.STALE: Reason.NO_SIGNAL,
    GateEvent.AROUSED: Reason.AROUSAL,
}


def entropy_share(p: Probabilities) -> float:
    """Entropy of the stage probabilities as a share of its maximum, 0 (certain) to 1 (no idea)."""
    return -sum(each * math.log(each) for each in p if each > 0.0) / math.log(len(p))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer for one second."""

    stable_rem: bool
    reason: Reason


_OPEN = Verdict(True, Reason.STABLE_REM)
_SHUT = {reason: Verdict(False, reason) for reason in Reason}


class Gate:
    """One sleeper's gate; a second in, a verdict out."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._state = GateState.SHUT
        longest = max(settings.enter_window_s, settings.leave_window_s)
        self._p_rem: deque[float] = deque(maxlen=longest)
        self._entropy: deque[float] = deque(maxlen=settings.enter_window_s)
        self._evidence: deque[float] = deque(maxlen=settings.enter_window_s)
        self._waking_s = 0
        self._without_signal_s = 0
        self._aroused_at_s = -math.inf
        self._closed_at_s = -math.inf
        self._last: Judgement | None = None
        self._last_entropy = 1.0

    def push(self, t_s: float, judged: Judgement, arousal: bool, usable: bool) -> Verdict:
        """Judge the second that ends at `t_s`, given the latest staging decision."""
        self._gather(judged, usable)
        finding, refusal = self._find(t_s, judged, arousal)
        target = apply_listed(TRANSITIONS, self._state, finding)
        moved = target is not self._state
        if moved:
            self._move(target, t_s)
        if self._state is GateState.OPEN:
            return _OPEN
        if moved and finding in _CLOSING:
            return Verdict(False, _CLOSING[finding])
        return _SHUT[refusal]

    def _gather(self, judged: Judgement, usable: bool) -> None:
        fresh = usable and judged.stage is not Stage.UNKNOWN
        self._without_signal_s = 0 if fresh else self._without_signal_s + 1
        if self._last is not judged:
            self._last, self._last_entropy = judged, entropy_share(judged.p)
        self._p_rem.append(judged.p[Stage.R])
        self._entropy.append(self._last_entropy)
        self._evidence.append(judged.evidence)
        waking = judged.p[Stage.W] + judged.p[Stage.N1] > self._settings.waking_p
        self._waking_s = self._waking_s + 1 if waking else 0

    def _find(self, t_s: float, judged: Judgement, arousal: bool) -> tuple[GateEvent, Reason]:
        limits = self._settings
        if arousal:
            self._aroused_at_s = t_s
            return GateEvent.AROUSED, Reason.AROUSAL
        if self._without_signal_s >= limits.stale_s:
            return GateEvent.STALE, Reason.NO_SIGNAL
        if self._state is GateState.REFRACTORY:
            calm = t_s - self._aroused_at_s >= limits.refractory_s
            return (GateEvent.CALM, Reason.NOT_SURE) if calm else (GateEvent.AROUSED, Reason.REFRACTORY)
        if self._state is GateState.OPEN:
            return self._reason_to_leave(judged), Reason.STABLE_REM
        refusal = self._reason_to_refuse(t_s, judged)
        return (GateEvent.CALM, refusal) if refusal else (GateEvent.ENTER, Reason.STABLE_REM)

    def _reason_to_leave(self, judged: Judgement) -> GateEvent:
        limits = self._settings
        if self._waking_s >= limits.waking_s:
            return GateEvent.WAKING
        if judged.evidence < limits.leave_evidence:
            return GateEvent.DOUBT
        return (
            GateEvent.LEAVE
            if _mean(self._p_rem, limits.leave_window_s) < limits.leave_p_rem
            else GateEvent.CALM
        )

    def _reason_to_refuse(self, t_s: float, judged: Judgement) -> Reason | None:
        limits = self._settings
        if self._without_signal_s:
            return Reason.NO_SIGNAL
        if len(self._evidence) < limits.enter_window_s or judged.p[Stage.R] < limits.leave_p_rem:
            return Reason.NOT_SURE
        if _mean(self._p_rem, limits.enter_window_s) < limits.enter_p_rem:
            return Reason.NOT_SURE
        if _mean(self._entropy, limits.enter_window_s) > limits.enter_entropy:
            return Reason.AMBIGUOUS
        if self._evidence_is_low():
            return Reason.NO_EVIDENCE
        if judged.asleep_min < limits.minimum_sleep_min:
            return Reason.TOO_EARLY
        return Reason.JUST_CLOSED if t_s - self._closed_at_s < limits.reopen_after_s else None

    def _evidence_is_low(self) -> bool:
        limits = self._settings
        bounded = [min(each, EVIDENCE_LIMIT) for each in self._evidence]
        return min(bounded) < limits.leave_evidence or sum(bounded) / len(bounded) < limits.enter_evidence

    def _move(self, target: GateState, t_s: float) -> None:
        if self._state is GateState.OPEN:
            self._closed_at_s = t_s
        self._state = target
        if target is GateState.REFRACTORY:
            self._aroused_at_s = t_s
        if target is not GateState.OPEN:
            for kept in (self._p_rem, self._entropy, self._evidence):
                kept.clear()


def _mean(values: deque[float], latest: int) -> float:
    """Mean of the `latest` last values, or of all if there are fewer."""
    recent = list(values)[-latest:]
    return sum(recent) / len(recent)


class OpeningLog:
    """Turns verdicts into openings."""

    def __init__(self) -> None:
        self.openings: list[GateOpening] = []
        self._open_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last verdict was stable REM."""
        return self._open_s is not None

    def push(self, t_s: float, stable_rem: bool, reason: str) -> None:
        """Take the next verdict, in order of time."""
        if stable_rem and self._open_s is None:
            self._open_s = t_s
        elif not stable_rem and self._open_s is not None:
            self.openings.append(GateOpening(self._open_s, t_s, str(reason)))
            self._open_s = None

    def end(self, t_s: float) -> None:
        """Close what is open: the night is over."""
        self.push(t_s, False, Reason.NIGHT_ENDED)


ALPHA, BETA = BAND_NAMES.index("alpha"), BAND_NAMES.index("beta")
BASELINE_S = 60
"""Seconds over which the running medians are taken."""
EMG_SECONDS = 2
"""Successive seconds of raised EMG that make a burst; a REM twitch lasts a quarter of a second."""


class ArousalDetector:
    """Carries the last minute of each sleeper, and the time since the last sign."""

    def __init__(self, settings: ArousalSettings, n_sleepers: int) -> None:
        self._settings = settings
        self._known: FloatArray | None = None
        self._calm_s = np.full((n_sleepers, 1), -1.0)
        self._sign_s = np.full((n_sleepers, 1), -np.inf)

    def push(self, emg_power: FloatArray, band_power: FloatArray, motion: BoolArray) -> BoolArray:
        """Whether a sign of waking was seen within `hold_s`.

        Parameters
        ----------
        emg_power
            Shape ``(S, m)``: mean square of 25-45 Hz in each second, uV^2; NaN without a usable channel.
        band_power
            Shape ``(S, 5, m)``: uV^2/Hz, NaN likewise. A second without signal shows no sign.
        motion
            Shape ``(S, m)``: whether the headband moved.
        """
        count = emg_power.shape[1]
        index = np.arange(count, dtype=np.float64)
        rise_db = self._rise_db(np.stack((emg_power, band_power[:, ALPHA], band_power[:, BETA]), axis=1))
        with np.errstate(invalid="ignore"):
            loud = rise_db[:, 0] > self._settings.emg_rise_db
            shift = (rise_db[:, 1:] > self._settings.beta_rise_db).all(axis=1)
        calm = np.maximum.accumulate(np.where(loud, self._calm_s, index), axis=1)
        sign = (index - calm >= EMG_SECONDS) | shift | motion
        last = np.maximum.accumulate(np.where(sign, index, self._sign_s), axis=1)
        self._calm_s, self._sign_s = calm[:, -1:] - count, last[:, -1:] - count
        return np.asarray(index - last < self._settings.hold_s)

    def _rise_db(self, power: FloatArray) -> FloatArray:
        """Rise of ``(S, 3, m)`` powers over the median of the minute before each second."""
        values_db = np.where(np.isnan(power), np.nan, decibel(power))
        if self._known is None:
            self._known = np.full((*power.shape[:2], BASELINE_S), np.nan)
        known = np.concatenate((self._known, hold_last(values_db, self._known[..., -1:])), axis=2)
        self._known = known[..., -BASELINE_S:].copy()
        windows = np.ascontiguousarray(sliding_window_view(known, BASELINE_S, axis=2)[:, :, :-1])
        windows.sort(axis=-1)
        valid = np.isfinite(windows).sum(axis=-1)
        middle = np.take_along_axis(windows, (valid // 2)[..., np.newaxis].clip(0, BASELINE_S - 1), axis=-1)
        return np.asarray(values_db - middle[..., 0])
