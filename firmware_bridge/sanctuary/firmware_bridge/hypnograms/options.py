"""What a person says about a hypnogram that its file does not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.stages import StageCodes, parse_codes

LONGEST_EPOCH_S = 600.0
LARGEST_OFFSET_S = 30 * 86400.0


class Night(Protocol):
    """The recording that a hypnogram belongs to; `RecordingInfo` is one."""

    @property
    def path(self) -> Path:
        """The recording's file."""

    @property
    def start(self) -> datetime | None:
        """Wall clock of its first sample, without time zone; None if it is not known."""

    @property
    def duration_s(self) -> float:
        """Its length."""


@dataclass(frozen=True, slots=True)
class HypnogramOptions:
    """Facts from the user; None where the file has to say them itself.

    Attributes
    ----------
    epoch_s
        Length of an epoch (s), for files with one stage a line.
    offset_s
        From the recording's first sample to the hypnogram's beginning (s), negative if it begins earlier.
    codes
        Stage of each label or number.
    """

    epoch_s: float | None = None
    offset_s: float | None = None
    codes: StageCodes | None = None


NO_OPTIONS = HypnogramOptions()


def hypnogram_options(
    epoch_s: float | None = None, offset_s: float | None = None, stages: str | None = None
) -> HypnogramOptions:
    """Check what was typed for ``--epoch-s``, ``--hypnogram-offset`` and ``--stages``.

    Raises
    ------
    InputError
        Naming the option and what it takes.
    """
    if epoch_s is not None and not 0.0 < epoch_s <= LONGEST_EPOCH_S:
        raise InputError(f"--epoch-s {epoch_s:g}: give seconds, more than 0 and at most {LONGEST_EPOCH_S:g}")
    if offset_s is not None and not (math.isfinite(offset_s) and abs(offset_s) <= LARGEST_OFFSET_S):
        raise InputError(f"--hypnogram-offset {offset_s:g}: give seconds, at most 30 days either way")
    return HypnogramOptions(epoch_s, offset_s, None if stages is None else parse_codes(stages))
