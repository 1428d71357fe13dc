"""The chain of one sleeper: blocks of samples in, one estimate a second out.

Replay, live and simulation all use this one. It is a stack of one (`sanctuary.signal.stack`). Causal by
construction: cutting off or zeroing everything after t changes nothing before t, and cutting the stream into
other block sizes changes no output bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sanctuary.config.chain import ChainSettings
from sanctuary.signal.emission import Emission
from sanctuary.signal.memory import SleeperMemory
from sanctuary.signal.samples import FloatArray, SampleBlock, StageEstimate
from sanctuary.signal.stack import Observer, SleeperStack


class Chain:
    """Everything between one sleeper's samples and the gate's verdict.

    Parameters
    ----------
    fs_hz
        Sampling rate, at least 100 Hz.
    channels
        One EEG channel; or two, left and right, or EEG and EOG.
    settings, emission
        Settings, and the model; the package's own by default.
    rail_uv
        Magnitude at which each channel rails, uV; None where unknown.
    memory
        What is remembered of this sleeper.
    observer
        Sees each stretch of seconds as it passes.
    """

    def __init__(
        self,
        fs_hz: float,
        channels: Sequence[str],
        settings: ChainSettings | None = None,
        *,
        emission: Emission | None = None,
        rail_uv: Sequence[float] | None = None,
        memory: SleeperMemory | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._channels = tuple(channels)
        self._stack = SleeperStack(
            1,
            fs_hz,
            channels,
            settings,
            emission=emission,
            rail_uv=None if rail_uv is None else np.array([rail_uv], dtype=np.float64),
            memories=[memory],
            observer=observer,
        )

    @property
    def frequencies_hz(self) -> FloatArray:
        """Frequencies of the observer's spectra."""
        return np.asarray(self._stack.front_end.spectrum.freq_hz)

    def push(self, block: SampleBlock) -> list[StageEstimate]:
        """Take the next block; returns one estimate for each whole second that it completes.

        Raises
        ------
        ValueError
            The block lacks one of the chain's channels; any others are of no interest.
        """
        motion_g = None if block.motion_g is None else block.motion_g[np.newaxis]
        uv = block.only(self._channels).uv
        return [row[0] for row in self._stack.push(block.start, uv[np.newaxis], motion_g)]

    def remember(self) -> SleeperMemory:
        """Give the sleeper's memory with this night in it."""
        return self._stack.remember()[0]
