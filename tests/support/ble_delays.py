"""When packets of a Bluetooth headband arrive: connection events, retries, stalls, bursts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

EVENT_S = 0.015


def arrivals(
    duration_s: float, rate_hz: float, per_packet: int, seed: int, zero_s: float = 0.0
) -> Iterator[tuple[int, float, float]]:
    """Samples sent so far, when the last was taken, and when it arrived; never out of order."""
    rng = np.random.default_rng(seed)
    last_s = stalled_until_s = 0.0
    for n in range(per_packet, int(duration_s * rate_hz), per_packet):
        taken_s = zero_s + n / rate_hz
        sent_s = math.ceil(taken_s / EVENT_S) * EVENT_S + rng.exponential(0.005)
        if rng.random() < 0.02:
            sent_s += rng.exponential(0.1)
        if rng.random() < 0.0005:
            stalled_until_s = sent_s + rng.uniform(0.5, 3.0)
        last_s = max(sent_s, last_s, stalled_until_s)
        yield n, taken_s, last_s
