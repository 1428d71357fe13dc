"""What travels through the chain: blocks of samples in, estimates of the sleep stage out; and montages.

A montage says what each channel of a headband is to the chain:

========== ======================== ========================= ===========================
kind       channels                 sleep EEG from            eye movements from
========== ======================== ========================= ===========================
PAIR       left, right frontal      mean of the usable sides  left - right, and the mean
EEG_EOG    frontal EEG, horizontal  the EEG channel           the EOG, and the EEG channel
           EOG
SINGLE     one EEG                  that channel              none
========== ======================== ========================= ===========================

AF7/AF8 and Fp1/Fp2 are pairs. What a smaller montage costs is measured in ``docs/sensing.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.channel_labels import ChannelKind, meaning_of

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EPOCH_S = 30
"""Length of an epoch of sleep scoring, seconds (AASM)."""


class Stage(IntEnum):
    """AASM stages. The numbers index probability vectors; `UNKNOWN` is never an index."""

    W = 0
    N1 = 1
    N2 = 2
    N3 = 3
    R = 4
    UNKNOWN = -1
    """Quality too low to say."""


STAGES: tuple[Stage, ...] = (Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R)


@dataclass(frozen=True, slots=True, eq=False)
class SampleBlock:
    """A stretch of samples on a headband's own sample clock.

    Attributes
    ----------
    start
        Index of the first sample since the stream began; lost samples are counted.
    fs_hz
        Nominal sampling rate.
    channels
        Names, one per row of `uv`.
    uv
        Shape ``(n_channels, n_samples)``, microvolts, NaN where a sample was lost or not connected.
    motion_g
        Shape ``(3, n_samples)``: acceleration in g, NaN where it was not measured; None without a sensor.
    end_s
        When the last sample was taken or arrived, monotonic seconds; None outside real time.
    """

    start: int
    fs_hz: float
    channels: tuple[str, ...]
    uv: FloatArray
    motion_g: FloatArray | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse a block whose arrays do not fit its channel names and each other."""
        if self.uv.ndim != 2 or self.uv.shape[0] != len(self.channels):
            raise ValueError(f"{self.uv.shape} samples for {len(self.channels)} channels")
        if self.motion_g is not None and self.motion_g.shape != (3, self.n_samples):
            raise ValueError(f"{self.motion_g.shape} accelerations for {self.n_samples} samples")

    @property
    def n_samples(self) -> int:
        return int(self.uv.shape[1])

    @property
    def end(self) -> int:
        """Index just after the last sample."""
        return self.start + self.n_samples

    @property
    def lost(self) -> BoolArray:
        """Shape ``(n_samples,)``: true where every channel is missing."""
        return np.asarray(np.isnan(self.uv).all(axis=0))


@dataclass(frozen=True, slots=True)
class EyeSignal:
    """One voluntary signal.

    Attributes
    ----------
    start_s, end_s
        When the eyes left the centre and when they were back, on the clock of the calls, as the filtered
        trace shows it (some 0.1 s late).
    found_s
        End of the second in which it was complete.
    amplitude_uv
        Mean swing of AF7 - AF8 from one side to the other.
    confidence
        0 to 1: how far the fit to the ideal signal lies from the least one allowed (0) to a perfect one (1).
        Not a probability.
    leftward_first
        Whether the first movement went left; None without calibration.
    """

    start_s: float
    end_s: float
    found_s: float
    amplitude_uv: float
    confidence: float
    leftward_first: bool | None


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """What the chain says of one sleeper at one moment, from samples up to that moment only.

    Attributes
    ----------
    t_s
        End of the samples used, seconds on the sample clock since the stream began.
    p
        Probabilities of `STAGES`, summing to 1.
    stage
        The most probable stage, or ``UNKNOWN``.
    stable_rem
        The gate's verdict.
    arousal
        True while a sign of waking up (EMG burst, alpha and beta rise) is present.
    quality
        0 (useless) to 1 (clean), over the trailing 30 s: share of the samples that were there, in seconds
        that were usable, of the better channel.
    reason
        Why the gate is open or shut, machine readable (see `sanctuary.signal.gate`).
    rem_density
        Rapid eye movements a minute over the trailing 30 s; 0 where no pair of channels sees them.
    eye_signal
        The voluntary eye signal that was complete in this second, if there was one.
    asleep_min
        Minutes asleep so far.
    """

    t_s: float
    p: tuple[float, float, float, float, float]
    stage: Stage
    stable_rem: bool
    arousal: bool
    quality: float
    reason: str
    rem_density: float = 0.0
    eye_signal: EyeSignal | None = None
    asleep_min: float = 0.0


_UNUSABLE = {
    ChannelKind.VERTICAL_EOG: (
        "is a vertical EOG, which does not show gaze to the sides; name a horizontal one"
    ),
    ChannelKind.EITHER: (
        "names the eyes and the scalp, so it could be an EOG or an EEG; give it another label"
    ),
}


class Montage(Enum):
    """Which channels there are."""

    PAIR = "pair"
    EEG_EOG = "eeg+eog"
    SINGLE = "single"

    @property
    def n_channels(self) -> int:
        return 1 if self is Montage.SINGLE else 2


def montage_of(channels: Sequence[str]) -> Montage:
    """Montage of one channel, or of two with the left (or the EEG) one first.

    Raises
    ------
    ValueError
        The chain cannot use these channels; the message says why.
    """
    if not 1 <= len(channels) <= 2:
        raise ValueError(f"the chain takes one or two channels, not {len(channels)}")
    kinds = [meaning_of(name).kind for name in channels]
    for name, kind in zip(channels, kinds, strict=True):
        if kind in (ChannelKind.VERTICAL_EOG, ChannelKind.EITHER):
            raise ValueError(f"{name} {_UNUSABLE[kind]}")
    eog = [kind is ChannelKind.EOG for kind in kinds]
    if eog[0]:
        raise ValueError(f"{channels[0]} is an EOG; name an EEG channel first, and the EOG after it")
    if len(channels) == 1:
        return Montage.SINGLE
    return Montage.EEG_EOG if eog[1] else Montage.PAIR
