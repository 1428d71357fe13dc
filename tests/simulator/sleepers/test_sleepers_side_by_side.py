"""Sleepers of one circle: independent unless their settings couple them."""

import hashlib
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.sleeper_settings import NightSettings, SleeperSettings
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.sleepers.architecture import SleepArchitecture, draw_architecture
from sanctuary.simulator.sleepers.simulated_night import couple, draw_night
from sanctuary.simulator.sleepers.simulated_sleeper import draw_circle, sleeper_seeds

FREE, BOUND = NightSettings(), NightSettings(coupling=1.0)


def outlines(seeds: range) -> list[SleepArchitecture]:
    return [draw_architecture(FREE, stream(seed, Concern.NIGHT)) for seed in seeds]


def change_s(night: SleepArchitecture) -> np.ndarray:
    return np.cumsum([duration_s for _, duration_s in night.pieces])


def test_without_coupling_neighbours_do_not_matter() -> None:
    alone, among = draw_night(3, 8.0, FREE), draw_night(3, 8.0, FREE, (1, 2, 3, 4))
    assert (alone.stages == among.stages).all()
    assert couple(outlines(range(3)), 0.0) == outlines(range(3))


def test_one_who_sleeps_alone_is_coupled_to_nobody() -> None:
    assert (draw_night(3, 8.0, BOUND).stages == draw_night(3, 8.0, FREE, (3,)).stages).all()


def test_two_changes_within_reach_meet_half_way() -> None:
    first = SleepArchitecture(((Stage.W, 600.0), (Stage.N2, 3000.0), (Stage.R, 900.0)), 0.0, ())
    second = SleepArchitecture(((Stage.W, 800.0), (Stage.N2, 3000.0), (Stage.R, 900.0)), 0.0, ())
    third = SleepArchitecture(((Stage.W, 600.0), (Stage.N2, 3700.0), (Stage.R, 900.0)), 0.0, ())
    met = couple([first, second], 1.0)
    assert [change_s(night)[:2].tolist() for night in met] == [[700.0, 3700.0], [700.0, 3700.0]]
    half = couple([first, second], 0.5)
    assert [change_s(night)[:2].tolist() for night in half] == [[650.0, 3650.0], [750.0, 3750.0]]
    apart = couple([first, third], 1.0)
    assert [change_s(night)[1] for night in apart] == [3600.0, 4300.0], "REM lies out of reach"


@given(strength=st.floats(0.01, 1.0), start=st.integers(0, 1000))
@settings(max_examples=30)
def test_coupling_keeps_the_order_of_stages_and_moves_changes_by_minutes(strength: float, start: int) -> None:
    before = outlines(range(start, start + 3))
    for old, new in zip(before, couple(before, strength), strict=True):
        assert [stage for stage, _ in new.pieces] == [stage for stage, _ in old.pieces]
        assert all(duration_s >= 0.0 for _, duration_s in new.pieces)
        assert new.lights_out_s == old.lights_out_s
        assert np.abs(change_s(new) - change_s(old)).max() < 900.0
        for was, now in zip(old.rem_periods, new.rem_periods, strict=True):
            assert abs(now.onset_s - was.onset_s) < 900.0


def test_stronger_coupling_brings_more_agreement() -> None:
    def agreement(strength: float) -> float:
        shared = []
        for start in range(0, 60, 2):
            couple_of_two = (start, start + 1)
            bound = NightSettings(coupling=strength, bedtime_jitter_min=2.0)
            a, b = (draw_night(seed, 8.0, bound, couple_of_two).stages for seed in couple_of_two)
            shared.append((a == b).mean())
        return float(np.mean(shared))

    free, half, full = agreement(0.0), agreement(0.5), agreement(1.0)
    assert free + 0.003 < half < full - 0.003


def test_neighbours_are_the_same_in_any_order_and_for_any_length_of_night() -> None:
    one, other = draw_night(5, 8.0, BOUND, (6, 7)), draw_night(5, 8.0, BOUND, (7, 5, 6))
    assert (one.stages == other.stages).all()
    assert (one.stages != draw_night(5, 8.0, FREE).stages).any()
    short = draw_night(5, 3.3, BOUND, (6, 7))
    assert (short.stages == one.stages[: short.stages.size]).all()


def test_a_circle_is_coupled_by_its_settings() -> None:
    seeds = sleeper_seeds(3, 9)
    drawn = draw_circle(3, 9, 2.0, SleeperSettings(night=BOUND))
    for seed, sleeper in zip(seeds, drawn, strict=True):
        assert (sleeper.truth.stages == draw_night(seed, 2.0, BOUND, seeds).stages).all()


def test_a_seed_means_the_same_night_in_another_process() -> None:
    script = (
        "import hashlib, sys\n"
        "from sanctuary.config.sleeper_settings import NightSettings\n"
        "from sanctuary.simulator.sleepers.simulated_night import draw_night\n"
        "n = draw_night(8, 9.0, NightSettings(coupling=0.7), (8, 9))\n"
        "print(hashlib.sha256(n.stages.tobytes()).hexdigest())\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    here = draw_night(8, 9.0, NightSettings(coupling=0.7), (8, 9))
    assert run.stdout.strip() == hashlib.sha256(here.stages.tobytes()).hexdigest()


def test_a_seed_means_the_same_night_as_ever() -> None:
    """Of 8 h with the usual settings; another Python must give these very bytes."""
    digest = hashlib.sha256(b"".join(draw_night(seed, 8.0, FREE).stages.tobytes() for seed in range(20)))
    assert digest.hexdigest()[:16] == "d9679b3cb8f5197d"


def test_pairs_of_uncoupled_sleepers_agree_no_more_than_chance() -> None:
    nights = [draw_night(seed, 8.0, FREE).stages for seed in range(12)]
    agreed = np.mean([(a == b).mean() for a, b in combinations(nights, 2)])
    assert agreed == pytest.approx(0.34, abs=0.06)
