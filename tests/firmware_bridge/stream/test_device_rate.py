"""The running fit of a device's rate: right to milliseconds under the delays that radios and hosts make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faulty_links import arrivals
from sanctuary.firmware_bridge.stream.sample_rate import BUCKET_S, RateFit

FS_HZ = 256.0
PER_PACKET = 12


@pytest.mark.parametrize("ppm", [0, 50, -50, 5000, -5000])
def test_an_hour_of_jittery_bluetooth_is_right_within_5_ms(ppm: int) -> None:
    fit, errors_s = RateFit(FS_HZ), []
    for n, taken_s, arrived_s in arrivals(3600.0, FS_HZ * (1 + ppm * 1e-6), PER_PACKET, seed=ppm + 5001):
        fit.observe(n, arrived_s)
        if taken_s > 60.0:
            errors_s.append(abs(fit.time_of(n) - taken_s))
    assert np.percentile(errors_s, 99) <= 0.005
    assert fit.rate_hz / FS_HZ - 1 == pytest.approx(ppm * 1e-6, abs=5e-6)


def test_nothing_is_known_before_something_arrives() -> None:
    fit = RateFit(FS_HZ)
    assert not fit.known
    assert fit.rate_hz == FS_HZ
    with pytest.raises(ValueError, match="nothing has arrived"):
        fit.time_of(0)


@given(st.floats(-0.005, 0.005), st.integers(0, 10**7), st.floats(0.0, 1e6))
def test_numbers_and_times_are_each_others_inverse(off: float, index: int, zero_s: float) -> None:
    fit = RateFit(FS_HZ)
    for n in range(0, 20 * 256, 64):
        fit.observe(n, zero_s + n / FS_HZ / (1 + off))
    assert fit.index_at(fit.time_of(index)) == pytest.approx(index, abs=0.01)


def test_a_stall_moves_nothing() -> None:
    fit = RateFit(FS_HZ)
    for n in range(0, 60 * 256, 8):
        late_s = 3.0 - (n / FS_HZ - 30.0) if 30.0 <= n / FS_HZ < 33.0 else 0.0
        fit.observe(n, n / FS_HZ + late_s)
    assert fit.time_of(60 * 256) == pytest.approx(60.0, abs=1e-3)


def test_a_clock_that_was_set_back_is_followed_in_the_end() -> None:
    fit = RateFit(FS_HZ)
    for n in range(0, 120 * 256, 8):
        fit.observe(n, n / FS_HZ - (7.0 if n / FS_HZ > 60.0 else 0.0))
    assert fit.time_of(120 * 256) == pytest.approx(113.0, abs=0.01)
    assert fit.rate_hz == pytest.approx(FS_HZ, rel=1e-4)


def test_before_the_first_stretch_is_full_the_earliest_arrival_counts() -> None:
    fit = RateFit(FS_HZ)
    for n, late_s in ((0, 0.3), (64, 0.1), (128, 0.2)):
        fit.observe(n, n / FS_HZ + late_s)
    assert 128 / FS_HZ < BUCKET_S
    assert fit.time_of(128) == pytest.approx(0.6)
