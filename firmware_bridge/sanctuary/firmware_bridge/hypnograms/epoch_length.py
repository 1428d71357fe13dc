"""How long the epochs of a list are: checked against the recording, asked for where it does not fit."""

from __future__ import annotations

from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.drafts import Draft
from sanctuary.firmware_bridge.hypnograms.options import HypnogramOptions, Night
from sanctuary.firmware_bridge.hypnograms.scoring import EPOCH_S

LENGTHS_S = (30.0, 20.0, 10.0, 5.0, 4.0, 2.0, 1.0, 15.0, 60.0, 40.0, 25.0, 6.0, 3.0, 0.5, 0.1)
"""Epochs that sleep is scored in, the usual ones first."""
_TOLERANCE_EPOCHS = 1.0


def epoch_length(path: Path, draft: Draft, night: Night | None, options: HypnogramOptions) -> float:
    """Length of the epochs of a listed draft (s).

    Given by the user, else by the file, else 30 s.

    Raises
    ------
    RecordingError
        The file's or the usual length does not fit the recording to one epoch, but another one does.
    """
    if options.epoch_s is not None:
        return options.epoch_s
    epoch_s = draft.epoch_s or EPOCH_S
    if night is None or not draft.rows:
        return epoch_s
    count = round(draft.rows[-1].onset) + 1
    length_s = night.duration_s - max(0.0, options.offset_s or 0.0)
    if _fits(count, epoch_s, length_s):
        return epoch_s
    fitting = [each for each in LENGTHS_S if each != epoch_s and _fits(count, each, length_s)]
    if not fitting:
        return epoch_s
    origin = "as it says itself" if draft.epoch_s else "which is usual"
    others = " or ".join(f"{count} x {each:g} s" for each in fitting)
    raise RecordingError(
        f"{path}: {count} epochs of {epoch_s:g} s, {origin}, are {count * epoch_s:g} s, but the recording "
        f"has {length_s:g} s, about {others}; say how long an epoch is, such as --epoch-s {fitting[0]:g}"
    )


def _fits(count: int, epoch_s: float, length_s: float) -> bool:
    return abs(count * epoch_s - length_s) <= _TOLERANCE_EPOCHS * epoch_s
