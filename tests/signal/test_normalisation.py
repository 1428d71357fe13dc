"""The running level: warm start, robustness, memory, and re-centring on N2."""

from __future__ import annotations

import numpy as np
import pytest

from sanctuary.config.chain_settings import NormalisationSettings
from sanctuary.signal.staging import RunningLevel

NONE = np.zeros(2)


def level(start=(0.0, 0.0), weight_min=10.0, n2_db=NONE, **changes):
    settings = NormalisationSettings(**changes)
    return RunningLevel(settings, np.array([start], dtype=float), np.array([weight_min]), n2_db)


def test_the_level_starts_at_the_population_and_moves_to_the_sleeper():
    running = level(clip_db=60.0)
    assert running.centre(np.array([[10.0, -4.0]])).tolist() == [[10.0, -4.0]]
    for _ in range(900):
        running.centre(np.array([[10.0, -4.0]]))
    np.testing.assert_allclose(running.level_db, [[10.0, -4.0]], atol=0.1)


def test_an_epoch_is_centred_before_it_is_learned():
    running = level()
    assert running.centre(np.array([[99.0, 0.0]])).tolist() == [[99.0, 0.0]]
    assert running.centre(np.array([[5.0, 0.0]]))[0, 0] < 5.0


def test_a_warm_start_yields_slower_the_longer_it_stands_for():
    short, long = level(weight_min=10.0), level(weight_min=60.0)
    for running in (short, long):
        for _ in range(20):
            running.centre(np.array([[6.0, 0.0]]))
    assert short.level_db[0, 0] > 2.0 * long.level_db[0, 0] > 0.0


def test_an_outlier_moves_the_level_no_more_than_the_clip():
    wild, clipped = level(clip_db=10.0), level(clip_db=10.0)
    wild.centre(np.array([[500.0, 0.0]]))
    clipped.centre(np.array([[10.0, 0.0]]))
    assert wild.level_db[0, 0] == clipped.level_db[0, 0]


def test_rows_that_are_not_numbers_teach_nothing():
    running = level()
    before, weight = running.level_db.copy(), running.weight_min.copy()
    assert np.isnan(running.centre(np.full((1, 2), np.nan))).all()
    assert (running.level_db == before).all()
    assert (running.weight_min == weight).all()


def test_what_is_old_is_forgotten():
    running = level(memory_min=10.0)
    for value in (8.0, 0.0):
        for _ in range(100):
            running.centre(np.array([[value, 0.0]]))
    assert abs(running.level_db[0, 0]) < 0.2


def centred_after_n2(minutes, weight):
    running = level(n2_db=np.array([4.0, 0.0]), n2_weight=weight, prior_min=1e6, weight_min=1e6)
    epoch = np.array([[7.0, 0.0]])
    for _ in range(round(2 * minutes)):
        running.centre(epoch)
        running.learn_n2(epoch, np.array([True]))
    return running.centre(epoch)[0, 0]


def test_recentring_on_n2_puts_n2_where_it_usually_lies():
    assert centred_after_n2(10.0, 1.0) == pytest.approx(4.0)
    assert centred_after_n2(10.0, 0.5) == pytest.approx(5.5, abs=0.01)


def test_recentring_waits_for_enough_n2_and_is_off_by_default():
    assert centred_after_n2(4.0, 1.0) == pytest.approx(7.0, abs=0.01)
    assert centred_after_n2(10.0, NormalisationSettings().n2_weight) == pytest.approx(7.0, abs=0.01)
