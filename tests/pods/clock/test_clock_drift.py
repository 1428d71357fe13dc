"""Between exchanges the offset is carried on with its drift, and its bound stays true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.pods.clock.clock_fit import DRIFT_FLOOR, KEPT_S, MAX_DRIFT, SLOT_S, OffsetFit
from sanctuary.pods.clock.exchange import OffsetEstimator, TimeSource, respond

GATEWAY = TimeSource("gateway-1", "g1", 1.8e9)


@dataclass
class Bench:
    """A pod and a gateway whose clocks stand to each other as `true_s` says, at times of the pod's clock."""

    true_s: Callable[[float], float]
    estimator: OffsetEstimator = field(default_factory=lambda: OffsetEstimator("boot"))
    source: TimeSource = GATEWAY

    def exchange(self, now_s: float, there_s: float, back_s: float) -> float:
        """Ask once; gives when the answer came."""
        request = self.estimator.request(now_s)
        arrived_s = now_s + there_s
        t2_s = arrived_s + self.true_s(arrived_s)
        self.estimator.take(respond(request, t2_s, t2_s, self.source), arrived_s + back_s)
        return arrived_s + back_s

    def error_and_bound(self, now_s: float) -> tuple[float, float]:
        """How wrong the estimate is, and how wrong it says it can be."""
        offset = self.estimator.offset(now_s)
        assert offset is not None
        return abs(offset.offset_s - self.true_s(now_s)), offset.uncertainty_s


@dataclass
class Wandering:
    """An offset whose rate goes from place to place within `DRIFT_FLOOR` of a constant, every `pieces_s`."""

    start_s: float
    rate: float
    strays: list[float]
    piece_s: float = 17.0

    def __call__(self, t_s: float) -> float:
        offset_s, left_s = self.start_s, t_s - 1000.0
        for stray in self.strays:
            part_s = min(left_s, self.piece_s)
            offset_s += (self.rate + stray) * part_s
            left_s -= part_s
            if left_s <= 0.0:
                return offset_s
        return offset_s + self.rate * left_s


within_floor = st.floats(-0.99 * DRIFT_FLOOR, 0.99 * DRIFT_FLOOR)
rates = st.floats(-MAX_DRIFT + DRIFT_FLOOR, MAX_DRIFT - DRIFT_FLOOR)
delays = st.floats(0.0, 0.3)


@settings(max_examples=200)
@given(
    st.builds(Wandering, st.floats(-1e6, 2e9), rates, st.lists(within_floor, max_size=20)),
    st.lists(st.tuples(st.floats(0.01, 40.0), delays, delays), min_size=1, max_size=60),
    st.floats(0.0, 60.0),
)
def test_the_true_offset_is_within_the_bound_while_its_rate_strays(
    true_s: Wandering, exchanges: list[tuple[float, float, float]], wait_s: float
) -> None:
    bench, now_s = Bench(true_s), 1000.0
    for gap_s, there_s, back_s in exchanges:
        error_s, bound_s = bench.error_and_bound(now_s + gap_s) if bench.estimator.taken else (0.0, 0.0)
        assert error_s <= bound_s
        now_s = bench.exchange(now_s + gap_s, there_s, back_s)
    assert bench.estimator.steps == 0
    error_s, bound_s = bench.error_and_bound(now_s + wait_s)
    assert error_s <= bound_s


@settings(max_examples=150)
@given(
    st.lists(st.tuples(delays, delays), min_size=2, max_size=40),
    st.lists(st.tuples(delays, delays), min_size=1, max_size=40),
    rates,
    st.one_of(st.floats(-1e6, -1.0), st.floats(1.0, 1e6)),
)
def test_a_step_of_either_clock_is_seen_at_the_next_exchange(
    before: list[tuple[float, float]], after: list[tuple[float, float]], rate: float, step_s: float
) -> None:
    set_at_s = float("inf")

    def true_s(t_s: float) -> float:
        return 50.0 + rate * t_s + (step_s if t_s >= set_at_s else 0.0)

    bench, now_s = Bench(true_s), 1000.0
    for there_s, back_s in before:
        now_s = bench.exchange(now_s + 4.0, there_s, back_s)
    set_at_s = now_s + 1.0
    for number, (there_s, back_s) in enumerate(after):
        now_s = bench.exchange(now_s + 4.0, there_s, back_s)
        assert bench.estimator.steps == 1
        assert bench.estimator.taken == number + 1
        error_s, bound_s = bench.error_and_bound(now_s)
        assert error_s <= bound_s


def after_a_minute(ppm: float, *, minutes: float = 5.0, seed: int = 1) -> tuple[float, float]:
    """Exchanges every 4 s with the delays of a busy Wi-Fi, then none for 60 s."""
    rng = Random(seed)
    bench, now_s = Bench(lambda t_s: 7200.0 + ppm * 1e-6 * t_s), 1000.0
    while now_s < 1000.0 + 60.0 * minutes:
        there_s, back_s = (0.0004 + rng.expovariate(1 / 0.003) for _ in range(2))
        now_s = bench.exchange(now_s, there_s, back_s) + 4.0
    return bench.error_and_bound(now_s + 60.0)


@pytest.mark.parametrize("ppm", [-150.0, -50.0, 0.0, 50.0, 150.0])
def test_after_a_minute_of_silence_the_fit_is_far_closer_than_the_plain_bound(ppm: float) -> None:
    error_s, bound_s = after_a_minute(ppm)
    plain_error_s, plain_bound_s = abs(ppm) * 1e-6 * 60.0, MAX_DRIFT * 60.0
    assert error_s < max(0.0006, plain_error_s / 5.0)
    assert bound_s < plain_bound_s / 5.0


def test_without_drift_to_fit_the_bound_grows_by_the_worst_drift() -> None:
    bench = Bench(lambda _: 100.0)
    bench.exchange(0.0, 0.001, 0.001)
    _, bound_s = bench.error_and_bound(60.0)
    assert bound_s == pytest.approx(0.001 + MAX_DRIFT * 60.0, rel=1e-3)


def test_the_growth_told_is_the_growth_seen() -> None:
    bench, now_s = Bench(lambda t_s: 30e-6 * t_s), 0.0
    for _ in range(30):
        now_s = bench.exchange(now_s + 4.0, 0.002, 0.001)
    first, later = bench.estimator.offset(now_s), bench.estimator.offset(now_s + 100.0)
    assert first is not None
    assert later is not None
    assert DRIFT_FLOOR <= first.growth < MAX_DRIFT / 4.0
    assert later.uncertainty_s <= first.uncertainty_s + 100.0 * first.growth + 1e-9


def test_another_start_of_the_gateway_begins_afresh() -> None:
    bench = Bench(lambda _: 100.0)
    for at_s in range(5):
        bench.exchange(float(at_s), 0.001, 0.001)
    bench.source, bench.true_s = TimeSource("gateway-1", "g2", 1.8e9), lambda _: 100.3
    bench.exchange(8.0, 0.2, 0.2)
    error_s, bound_s = bench.error_and_bound(8.5)
    assert bench.estimator.source == bench.source
    assert bench.estimator.taken == 1
    assert error_s <= bound_s
    assert bound_s == pytest.approx(0.2, abs=1e-3)


def test_what_is_kept_is_bounded() -> None:
    bench, fit = Bench(lambda _: 1.0), OffsetFit()
    bench.estimator._fit = fit
    for number in range(2000):
        bench.exchange(number * 0.5, 0.001, 0.001)
    assert len(fit) <= KEPT_S / SLOT_S + 2
