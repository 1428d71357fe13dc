"""Channels at the end of an amplifier's range: no measurement, though it looks like a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sanctuary.signal.samples import FloatArray

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
