"""Sentences that several readers say.

Channels at the end of an amplifier's range: no measurement, though it looks like a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sanctuary.firmware_bridge.recordings.source import ReadingOptions
from sanctuary.signal.samples import FloatArray

EARLIEST_S, LATEST_S = 1.0e9, 4.1e9
"""Unix times from 2001 to 2099; a stamp outside counts from somewhere else."""


def start_said(unix_s: float | None) -> list[str]:
    """Say that the local time of the first sample is not known, and its UTC where that is.

    Parameters
    ----------
    unix_s
        Time stamp of the first sample, if it may be a Unix time.
    """
    if unix_s is not None and EARLIEST_S <= unix_s <= LATEST_S:
        utc = datetime.fromtimestamp(unix_s, UTC)
        said = (
            f"it begins at {utc:%Y-%m-%d %H:%M:%S} UTC and does not say in which time zone; for "
            "the wall clock name "
            "the local time with --start-time"
        )
        return [said]
    return ["it does not say when it began; name the time with --start-time where it matters"]


def unused_said(form: str, options: ReadingOptions, *used: str) -> list[str]:
    """Say which options a format has no use for."""
    named = {"board": options.board, "gain": options.gain, "stream": options.stream}
    return [
        f"--{name} {value} is not used: {form} files do not need it"
        for name, value in named.items()
        if value is not None and name not in used
    ]


def joined_said(files: Sequence[Path]) -> list[str]:
    """Say that several files are read as one, or that the first of them continues another."""
    name, _, number = files[0].stem.rpartition("_")
    if name and number.isdigit() and 0 < int(number) < 10_000:
        before = files[0].with_name(f"{name}_{int(number) - 1}{files[0].suffix}")
        if before.is_file():
            return [
                f"it continues {before.name}, which is not read; name the first file for the whole session"
            ]
    if len(files) == 1:
        return []
    more = f"{len(files) - 1} more file" + ("s" if len(files) > 2 else "")
    said = f"the session goes on in {more}, up to {files[-1].name}; they are read as one recording"
    return [said]


def local_moment(local_s: float) -> datetime | None:
    """Wall clock of seconds since 1970 by the same clock, or None where that is no date."""
    try:
        return datetime.fromtimestamp(local_s, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


CYTON_FULL_UV = 4.5e6
"""Reference voltage of an ADS1299; it rails at this much divided by its gain."""
CYTON_GAINS = (24, 12, 8, 6, 4, 2, 1)
GANGLION_RAIL_UV = 1.2e6 / 1.5 / 51.0
NEAR = 1e-5
"""Relative; files round their values."""
WORTH_SAYING = 0.01


def cyton_rail_uv(largest_uv: float) -> float:
    """Rail (uV) of the highest gain with which values of that magnitude are possible, lowered by rounding."""
    fitting = (CYTON_FULL_UV / gain for gain in CYTON_GAINS)
    rail = next((rail for rail in fitting if largest_uv <= rail * (1.0 + NEAR)), np.inf)
    return rail * (1.0 - NEAR)


def largest(values: FloatArray) -> float:
    """Largest magnitude among values, 0 where there are none."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def railed_said(labels: Sequence[str], probed: FloatArray, rails_uv: tuple[float, float]) -> list[str]:
    """Say which channels are at their rails in a part of the seconds that were looked at.

    Parameters
    ----------
    labels
        Channels.
    probed
        Shape ``(channels, n, samples)``, uV, rails and all.
    rails_uv
        At or below the first and at or above the second a sample is lost.
    """
    low, high = rails_uv
    said = []
    for label, values in zip(labels, probed, strict=True):
        finite = values[np.isfinite(values)]
        share = float(np.mean((finite <= low) | (finite >= high))) if finite.size else 0.0
        if share >= WORTH_SAYING:
            said.append(
                f"channel {label!r} is at the end of its range in about {100 * share:.0f} % of "
                "the recording, as "
                "without contact; these samples are taken as lost"
            )
    return said
