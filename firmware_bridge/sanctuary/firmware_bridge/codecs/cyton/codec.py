"""The Cyton's decoder as a `Codec`: counts become microvolts and g, texts become notices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sanctuary.firmware_bridge.codecs.base import BYTE_STREAM, Notice, Run, Said
from sanctuary.firmware_bridge.codecs.cyton.decoder import CytonDecoder, MotionArray
from sanctuary.firmware_bridge.codecs.cyton.packet import ACCEL_G_PER_COUNT, DEFAULT_GAIN, uv_per_count
from sanctuary.signal.samples import FloatArray


class CytonCodec:
    """Eight channels at 250 Hz.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 8, in the order of the rows wanted.
    gain
        Gain of these inputs.
    """

    def __init__(self, inputs: Sequence[int], gain: int = DEFAULT_GAIN) -> None:
        self._scale_uv = uv_per_count(gain)
        self._decoder = CytonDecoder(tuple(inputs))
        self.bad = 0
        """A Cyton's packets have no checksum: what cannot be read is garbage."""

    @property
    def lost(self) -> int:
        """Samples found missing so far."""
        return self._decoder.lost

    @property
    def garbage(self) -> int:
        """Bytes thrown away so far."""
        return self._decoder.garbage

    @property
    def held(self) -> float:
        """Samples that wait to be confirmed."""
        return self._decoder.held

    def feed(self, chunk: bytes, _source: int = BYTE_STREAM, now_s: float | None = None) -> list[Run]:
        """Take the next bytes; see `CytonDecoder.feed`."""
        return [
            Run(run.lost, np.multiply(run.counts, self._scale_uv, dtype=np.float64), motion_g(run.motion))
            for run in self._decoder.feed(chunk, now_s)
        ]

    def notices(self) -> list[Notice]:
        """Take the texts that came between packets."""
        said, self._decoder.replies = self._decoder.replies, []
        return [Said(text) for text in said]


def motion_g(counts: MotionArray) -> FloatArray:
    """Acceleration in g, NaN where the sensor had no new reading."""
    return np.where(counts.any(axis=0), counts * ACCEL_G_PER_COUNT, np.nan)
