"""What must be true of the chosen channels of a night: rates, units, calibration, values like EEG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import plausibility, uv_per_unit
from sanctuary.firmware_bridge.recordings.source import Source
from sanctuary.signal.channel_labels import is_eog

LOWEST_FS_HZ = 100.0
"""Below this rate the beta band and muscle activity are missing."""
LOWEST_EOG_HZ = 20.0
"""Below this rate the band of rapid eye movements (up to 6 Hz) is not whole."""
_PROBES = 40
"""Seconds, spread over the night, from which the plausibility of the unit is judged."""


def rates(source: Source, chosen: Sequence[int]) -> tuple[float, list[str]]:
    """Return the rate (Hz) at which the chosen channels are given, and a warning where one is resampled.

    Raises
    ------
    RecordingError
        Two EEG channels differ in rate, or a channel is too slow.
    """
    first, *others = [source.channels[index] for index in chosen]
    if first.fs_hz < LOWEST_FS_HZ:
        raise RecordingError(
            f"{source.path}: channel {first.label!r} is sampled at {first.fs_hz:g} Hz, but at least "
            f"{LOWEST_FS_HZ:g} Hz are needed; choose another channel"
        )
    differing = [channel for channel in others if channel.fs_hz != first.fs_hz]
    if not differing:
        return first.fs_hz, []
    other = differing[0]
    if not is_eog(other.label):
        raise RecordingError(
            f"{source.path}: {first.label!r} has {first.fs_hz:g} Hz and {other.label!r} has {other.fs_hz:g} "
            "Hz; choose two channels of one sampling rate, or one channel"
        )
    if slow := too_slow(source, chosen[1]):
        raise RecordingError(f"{source.path}: {slow}; choose another channel, or name the EEG alone")
    said = (
        f"channel {other.label!r} has {other.fs_hz:g} Hz and is resampled to the {first.fs_hz:g} Hz of "
        f"{first.label!r}"
    )
    return first.fs_hz, [said]


def too_slow(source: Source, index: int) -> str | None:
    """Say that an EOG's rate is too low for rapid eye movements, or None."""
    channel = source.channels[index]
    if not is_eog(channel.label) or channel.fs_hz >= LOWEST_EOG_HZ:
        return None
    return (
        f"channel {channel.label!r} is sampled at {channel.fs_hz:g} Hz, but eye movements need at least "
        f"{LOWEST_EOG_HZ:g} Hz"
    )


def unit_scale(source: Source, index: int) -> float:
    """Microvolts in one unit of a channel; a missing or unknown unit is refused, never guessed."""
    channel = source.channels[index]
    scale = uv_per_unit(channel.unit)
    if scale is None:
        unit = f"has the unit {channel.unit!r}" if channel.unit else "has no unit"
        raise RecordingError(
            f"{source.path}: channel {channel.label!r} {unit}, but EEG needs uV, mV, V or nV; choose another "
            "channel, or correct the physical dimension in the file's header"
        )
    return scale


def rail_uv(source: Source, index: int, scale: float) -> float:
    """Magnitude in microvolts at which a channel rails; infinity where the file does not tell."""
    return scale * source.rail(index)


def doubtful_units(source: Source, chosen: Sequence[int], scales: Sequence[float]) -> list[str]:
    """Warn of channels whose values are not EEG in the unit that the file names."""
    found = []
    for index, scale in zip(chosen, scales, strict=True):
        seconds = source.probe((index,), _PROBES)[0] * scale
        text = plausibility(source.channels[index].label, np.asarray(seconds))
        found += [text] if text else []
    return found
