"""The chain: blocks of samples in, one estimate a second out. Replay, live and simulation all use this one.

Causal by construction: cutting off or zeroing everything after t changes nothing before t, and cutting the
stream into other block sizes changes no output bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sanctuary.config.chain import ChainSettings
from sanctuary.signal.arousal import ArousalWatcher
from sanctuary.signal.emission import Emission, default_emission
from sanctuary.signal.features import TrailingFeatures
from sanctuary.signal.frontend import FrontEnd, Second
from sanctuary.signal.gate import Gate
from sanctuary.signal.samples import FloatArray, SampleBlock, Stage, StageEstimate
from sanctuary.signal.staging import Staged, Stager

LOWEST_FS_HZ = 100.0

Observer = Callable[[Second], None]
"""Called with each second's summary, for reports."""

_AWAKE = Staged((1.0, 0.0, 0.0, 0.0, 0.0), Stage.UNKNOWN, 0.0)
"""Before the first decision: somebody who just put on a headband is awake."""


class Chain:
    """Everything between one sleeper's samples and the gate's verdict.

    Parameters
    ----------
    fs_hz
        Sampling rate, at least 100 Hz.
    channels
        One or two frontal EEG channels, the left one first.
    settings, emission
        Settings, and the model; the package's own by default.
    rail_uv
        Magnitude at which each channel rails, uV; None where unknown.
    observer
        Sees each second as it passes.
    """

    def __init__(
        self,
        fs_hz: float,
        channels: Sequence[str],
        settings: ChainSettings | None = None,
        *,
        emission: Emission | None = None,
        rail_uv: Sequence[float] | None = None,
        observer: Observer | None = None,
    ) -> None:
        if not 1 <= len(channels) <= 2:
            raise ValueError(f"the chain takes one or two channels, not {len(channels)}")
        if fs_hz < LOWEST_FS_HZ:
            raise ValueError(f"the chain needs at least {LOWEST_FS_HZ:g} Hz, not {fs_hz:g}")
        settings = settings or ChainSettings()
        rails = np.full(len(channels), np.inf) if rail_uv is None else np.array(rail_uv, dtype=np.float64)
        self._usable = settings.quality.usable
        self.front_end = FrontEnd(fs_hz, len(channels), settings, rails)
        self._features = TrailingFeatures(len(channels))
        self._stager = Stager(settings, emission or default_emission())
        self._arousal = ArousalWatcher(settings.arousal)
        self._gate = Gate(settings.gate)
        self._observer = observer
        self._staged = _AWAKE
        self._quality = 0.0

    @property
    def frequencies_hz(self) -> FloatArray:
        """Frequencies of the observer's spectra."""
        return np.asarray(self.front_end.spectrum.freq_hz)

    def push(self, block: SampleBlock) -> list[StageEstimate]:
        """Take the next block; returns one estimate for each whole second that it completes."""
        return [self._second(second) for second in self.front_end.push(block)]

    def _second(self, second: Second) -> StageEstimate:
        self._features.push(second)
        if self._observer is not None:
            self._observer(second)
        if second.t_s % self._stager.hop_s == 0:
            features = self._features.now()
            self._staged, self._quality = self._stager.step(features), features.quality
        arousal = self._arousal.second(second)
        verdict = self._gate.second(second.t_s, self._staged, arousal, any(second.usable))
        return StageEstimate(
            second.t_s,
            self._staged.p,
            self._staged.stage,
            verdict.stable_rem,
            arousal,
            self._quality,
            verdict.reason,
        )
