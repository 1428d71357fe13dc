"""Units of EEG channels, and a check that the values are EEG in those units at all.

EDF headers are ASCII by the standard, yet files hold the micro sign in several encodings; see `decode_field`.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from sanctuary.signal.samples import FloatArray

_UV_PER_UNIT = {
    "nv": 1e-3, "nanovolt": 1e-3,
    "uv": 1.0, "μv": 1.0, "microv": 1.0, "microvolt": 1.0,
    "mv": 1e3, "millivolt": 1e3,
    "v": 1e6, "volt": 1e6,
}  # fmt: skip
"""Microvolts in one unit; the keys are NFKC-folded, which turns the micro sign into the Greek letter."""

SMALLEST_SD_UV = 0.2
"""A person's EEG varies more than this within a second: amplifier noise alone comes to about as much."""
LARGEST_SD_UV = 2000.0
"""No EEG varies by this much within most seconds of a night."""


def decode_field(raw: bytes) -> str:
    """Text of a header field: ASCII as it should be, else UTF-8, else Latin-1; padded with blanks or NUL."""
    raw = raw.strip(b"\0 \t\r\n").partition(b"\0")[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def uv_per_unit(unit: str) -> float | None:
    """Microvolts in one `unit`, or None where the unit is empty or not one of voltage.

    Upper and lower case are not told apart (megavolts do not occur in EEG).
    """
    folded = unicodedata.normalize("NFKC", unit).strip().casefold()
    return _UV_PER_UNIT.get(folded, _UV_PER_UNIT.get(folded.removesuffix("s")))


def plausibility(label: str, seconds_uv: FloatArray) -> str | None:
    """Judge whether values look like EEG in microvolts.

    Parameters
    ----------
    label
        Channel, for the text.
    seconds_uv
        Shape ``(n, samples per second)``: seconds taken from all over the night, microvolts; NaN is left out.

    Returns
    -------
    A warning in one sentence, or None. The median standard deviation within a second decides, so electrode
    offsets, drifts and stretches without a headband do not.
    """
    whole = seconds_uv[np.isfinite(seconds_uv).all(axis=1)]
    if not whole.size:
        return None
    moving = whole[np.ptp(whole, axis=1) > 0.0]
    if not moving.size:
        return f"channel {label!r} is flat: it holds no signal"
    typical_uv = float(np.median(moving.std(axis=1)))
    if SMALLEST_SD_UV <= typical_uv <= LARGEST_SD_UV:
        return None
    size = "small" if typical_uv < SMALLEST_SD_UV else "large"
    return (
        f"channel {label!r} varies by {typical_uv:.3g} uV within a second, too {size} for EEG: "
        "the unit in the file's header is probably wrong, and stages from it mean nothing"
    )
