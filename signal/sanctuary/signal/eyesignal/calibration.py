"""A sleeper's own shift of gaze in numbers, as it is kept between the routine and the night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

LEAST_FOLLOWED = 4
"""Prompts that must have been followed."""
_MOST_UV = 1e5
_MOST_PROMPTS = 1000


@dataclass(frozen=True, slots=True)
class EyeCalibration:
    """A sleeper's own gaze in numbers.

    Attributes
    ----------
    gain_uv
        Change of AF7 - AF8 with a full shift from one side to the other, 0 if no prompt was followed.
    polarity
        +1 if AF7 - AF8 rises when the eyes go left, -1 if it falls, 0 if that is unknown.
    noise_uv
        Median change within 0.3 s while the eyes rest.
    prompts, followed
        Prompts that asked for a movement, and how many were followed in the common direction.
    reason
        Why it must not be used; empty if it may.
    """

    gain_uv: float
    polarity: int
    noise_uv: float
    prompts: int
    followed: int
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether it may be used."""
        return not self.reason

    def to_dict(self) -> dict[str, float | int | str]:
        """Plain values, for a file; see `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> EyeCalibration:
        """Make a calibration from what `to_dict` gave.

        Raises
        ------
        ValueError
            A value is missing, unknown, of another type, out of range, or does not fit the others.
        """
        names = {"gain_uv", "polarity", "noise_uv", "prompts", "followed", "reason"}
        if set(values) != names:
            odd = ", ".join(sorted(set(values) ^ names))
            raise ValueError(f"an eye calibration has the values {', '.join(sorted(names))}; not so: {odd}")
        made = cls(
            gain_uv=_number(values, "gain_uv"),
            polarity=_whole(values, "polarity", -1, 1),
            noise_uv=_number(values, "noise_uv"),
            prompts=_whole(values, "prompts", 0, _MOST_PROMPTS),
            followed=_whole(values, "followed", 0, _MOST_PROMPTS),
            reason=_text(values, "reason"),
        )
        if made.followed > made.prompts:
            raise ValueError(f"followed: {made.followed} of {made.prompts} prompts")
        if made.usable and not (made.polarity and made.gain_uv > 0.0 and made.followed >= LEAST_FOLLOWED):
            raise ValueError(
                "an eye calibration with no reason against it needs a gain, a polarity and prompts"
            )
        return made


def _number(values: Mapping[str, object], name: str) -> float:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= _MOST_UV:
        raise ValueError(f"{name}: must be a number from 0 to {_MOST_UV:g}, not {value!r}")
    return float(value)


def _whole(values: Mapping[str, object], name: str, least: int, most: int) -> int:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name}: must be a whole number from {least} to {most}, not {value!r}")
    return value


def _text(values: Mapping[str, object], name: str) -> str:
    value = values[name]
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError(f"{name}: must be a text of at most 200 characters")
    return value
