"""A recorded night of any format: one or two chosen channels, in microvolts, as a headband's blocks.

A horizontal EOG at another rate is resampled by a polyphase filter (`scipy.signal.upfirdn`) over a stream of
blocks, in pieces that overlap by its length, so that the pieces fit exactly: the outcome is that of filtering
the whole night at once (close to pauses, where the filter lacks signal, nearly that).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import firwin, upfirdn

from sanctuary.firmware_bridge.recordings.channels import (
    choose_channels,
    doubtful_units,
    rail_uv,
    rates,
    short_name,
    too_slow,
    unit_scale,
)
from sanctuary.firmware_bridge.recordings.recording_source import Annotation, RecordingSource, dense
from sanctuary.signal.samples import BoolArray, FloatArray, SampleBlock

LARGEST_DENOMINATOR = 10_000
"""Two rates are taken to be in a ratio of whole numbers up to this; it puts no night off by a sample."""
HALF_LENGTH = 10
"""Half of the filter at least, in samples of the slower rate."""
KAISER_BETA = 5.0


def ratio_of(new_hz: float, old_hz: float) -> Fraction:
    """Ratio of two rates as whole numbers."""
    return Fraction(new_hz / old_hz).limit_denominator(LARGEST_DENOMINATOR)


def resampled(blocks: Iterator[FloatArray], ratio: Fraction) -> Iterator[FloatArray]:
    """Change the rate of a signal that comes in blocks.

    Parameters
    ----------
    blocks
        Shape ``(n_channels, n)`` each; NaN for what is missing.
    ratio
        New rate by old rate.

    Yields
    ------
    Pieces at the new rate. An output sample is NaN if either of the input samples around it is. The last
    piece may hold a few samples more than the signal lasts.
    """
    up, down = ratio.numerator, ratio.denominator
    delay = -(-HALF_LENGTH * max(up, down) // down)
    window = ("kaiser", KAISER_BETA)
    taps = up * firwin(2 * delay * down + 1, 1.0 / max(up, down), window=window)
    # whole turns of both rates, so that the pieces' samples fall on the signal's
    margin = down * (delay // up + 1)
    first = next(blocks)
    buffer = np.concatenate((np.repeat(first[:, :1], margin, axis=1), first), axis=1)
    for block in blocks:
        core = (buffer.shape[1] - 2 * margin) // down * down
        if core > 0:
            yield _piece(buffer[:, : core + 2 * margin], margin, up, down, taps)
            buffer = buffer[:, core:]
        buffer = np.concatenate((buffer, block), axis=1)
    core = -(-(buffer.shape[1] - margin) // down) * down
    fill = core + 2 * margin - buffer.shape[1]
    buffer = np.concatenate((buffer, np.repeat(buffer[:, -1:], fill, axis=1)), axis=1)
    yield _piece(buffer, margin, up, down, taps)


def _piece(buffer: FloatArray, margin: int, up: int, down: int, taps: FloatArray) -> FloatArray:
    """Resample what lies between the margins of a buffer."""
    first = margin // down * up
    n = (buffer.shape[1] - 2 * margin) // down * up
    missing = np.isnan(buffer)
    whole = _bridged(buffer, missing) if missing.any() else buffer
    late = first + len(taps) // 2 // down
    out = np.array(upfirdn(taps, whole, up, down, axis=1)[:, late : late + n])
    at = np.arange(first, first + n) * down
    out[missing[:, at // up] | missing[:, -(-at // up)]] = np.nan
    return out


def _bridged(uv: FloatArray, missing: BoolArray) -> FloatArray:
    """Put straight lines over what is missing, so that the filter does not ring at its edges."""
    out = np.zeros_like(uv)
    at = np.arange(uv.shape[1])
    for row, source, gone in zip(out, uv, missing, strict=True):
        if not gone.all():
            row[:] = np.interp(at, at[~gone], source[~gone])
    return out


_PIECE_S = 30.0
"""Signal that is resampled at a time."""


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What is known of a recording before its samples are read.

    Attributes
    ----------
    fs_hz
        Sampling rate: that of the first channel.
    channels, labels
        Short names (``"AF7"``) and the labels in the file (``"EEG AF7-Ref"``), left channel first.
    n_samples, duration_s
        Length on the sample clock, pauses included.
    start
        Wall clock of the first sample as the file gives it (no time zone), or None if it is anonymous.
    rail_uv
        Magnitude (uV) at which each channel rails: the larger physical extreme of the file.
    format
        What the file is, in words.
    """

    path: Path
    fs_hz: float
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    n_samples: int
    duration_s: float
    start: datetime | None
    rail_uv: tuple[float, ...]
    format: str = "EDF"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One opened night; made by `sanctuary.firmware_bridge.recordings.readers.open_recording`.

    Attributes
    ----------
    info
        What is known before samples are read.
    warnings
        One sentence each: what is missing, doubtful or was assumed.
    annotations
        What is marked in the file, onsets in seconds since the first sample.
    implausible
        Those of the warnings that say that a channel holds no EEG in the unit that the file names.
    """

    info: RecordingInfo
    warnings: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    implausible: tuple[str, ...]
    _source: RecordingSource
    _chosen: tuple[int, ...]
    _uv_per_unit: FloatArray

    def blocks(self, block_s: float = 30.0) -> Iterator[SampleBlock]:
        """All samples in order, in blocks of `block_s` seconds (the last may be shorter), NaN in gaps.

        Raises
        ------
        RecordingError
            The file can no longer be read.
        """
        size = max(1, round(block_s * self.info.fs_hz))
        channels = [self._source.channels[index] for index in self._chosen]
        if len({channel.fs_hz for channel in channels}) == 1:
            arrays = self._dense(self._chosen, self.info.n_samples, size)
        else:
            first = self._dense(self._chosen[:1], self.info.n_samples, size)
            arrays = _beside(first, self._at_first_rate(self._chosen[1]))
        start = 0
        for values in arrays:
            yield SampleBlock(start, self.info.fs_hz, self.info.channels, values * self._uv_per_unit)
            start += values.shape[1]

    def _dense(self, chosen: Sequence[int], n_samples: int, size: int) -> Iterator[FloatArray]:
        return dense(self._source.pieces(chosen), len(chosen), n_samples, size)

    def _at_first_rate(self, index: int) -> Iterator[FloatArray]:
        """One channel at the rate of the first chosen one."""
        channel = self._source.channels[index]
        size = max(1, round(_PIECE_S * channel.fs_hz))
        own = self._dense((index,), channel.n_samples, size)
        return resampled(own, ratio_of(self.info.fs_hz, channel.fs_hz))


def _beside(first: Iterator[FloatArray], second: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Rows of two streams in arrays of the first one's sizes; NaN where the second has ended."""
    ready = np.empty((1, 0))
    for values in first:
        while ready.shape[1] < values.shape[1]:
            more = next(second, None)
            if more is None:
                more = np.full((1, values.shape[1] - ready.shape[1]), np.nan)
            ready = np.concatenate((ready, more), axis=1)
        yield np.concatenate((values, ready[:, : values.shape[1]]))
        ready = ready[:, values.shape[1] :]


def recording_of(source: RecordingSource, channels: Sequence[str] | None = None) -> Recording:
    """Choose the channels of a night and check that the chain can use them.

    Parameters
    ----------
    source
        The opened file.
    channels
        One or two channels, by label or electrode (``AF7``); None takes the best frontal ones (see
        `sanctuary.firmware_bridge.recordings.channels`). A horizontal EOG of another rate is brought to the
        EEG's.

    Raises
    ------
    RecordingError
        Nothing in the file can be used; one sentence names the file, what is wrong, and what to do.
    """
    choice = choose_channels([channel.label for channel in source.channels], channels, str(source.path))
    chosen, signs, warnings = choice.indices, choice.signs, choice.warnings
    if channels is None and len(chosen) == 2 and (slow := too_slow(source, chosen[1])):
        chosen, signs, warnings = chosen[:1], signs[:1], (*warnings, f"{slow}, so it is not used")
    fs_hz, resampling = rates(source, chosen)
    scales = [unit_scale(source, index) for index in chosen]
    labels = tuple(source.channels[index].label for index in chosen)
    n_samples = source.channels[chosen[0]].n_samples
    info = RecordingInfo(
        path=source.path,
        fs_hz=fs_hz,
        channels=_names(labels),
        labels=labels,
        n_samples=n_samples,
        duration_s=n_samples / fs_hz,
        start=source.start,
        rail_uv=tuple(rail_uv(source, index, scale) for index, scale in zip(chosen, scales, strict=True)),
        format=source.format,
    )
    implausible = tuple(doubtful_units(source, chosen, scales))
    return Recording(
        info=info,
        warnings=(*source.warnings, *warnings, *resampling, *implausible),
        annotations=source.annotations,
        implausible=implausible,
        _source=source,
        _chosen=chosen,
        _uv_per_unit=(np.array(scales) * np.array(signs))[:, np.newaxis],
    )


def _names(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Short names, or the whole labels where the short ones would be the same."""
    names = tuple(short_name(label) for label in labels)
    return names if len(set(names)) == len(names) else labels
