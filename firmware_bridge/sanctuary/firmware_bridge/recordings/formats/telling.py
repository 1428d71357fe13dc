"""Sentences that several readers say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sanctuary.firmware_bridge.recordings.source import ReadingOptions

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
