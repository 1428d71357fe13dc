"""What the limiter answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sanctuary.firmware_bridge.outputs.cue import Cue


class LimitReason(StrEnum):
    """Why a cue was not admitted."""

    MALFORMED = "malformed"
    """A level, length, rate or colour that is negative, not a number, or out of range."""
    TOO_LONG = "too_long"
    TOO_SHORT_TO_FADE = "too_short_to_fade"
    PHOTOSENSITIVE = "photosensitive"
    """Somebody who sees this lamp may be harmed by light, or nobody has asked them."""
    SATURATED_RED = "saturated_red"
    FLASH_TOO_SHORT = "flash_too_short"
    """Lit for less than `min_lit_s` at a time."""
    FLASH_RATE = "flash_rate"
    FLASHES_PER_CUE = "flashes_per_cue"
    FLASHES_PER_HOUR = "flashes_per_hour"
    TOO_SOON = "too_soon"
    """Within `gap_s` of the start of the cue before."""
    STILL_SOUNDING = "still_sounding"
    BLOCK_FULL = "block_full"
    NIGHT_BUDGET = "night_budget"
    AROUSAL_QUIET = "arousal_quiet"
    TOO_SOFT = "too_soft"
    """After its arousals this sleeper's ceiling lies below what is worth rendering."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The cue to render: as asked for, or softer, or with longer fades."""

    cue: Cue


@dataclass(frozen=True, slots=True)
class Refused:
    """The cue must not be rendered."""

    reason: LimitReason
