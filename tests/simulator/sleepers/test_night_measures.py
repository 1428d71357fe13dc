"""Figures of nights that can be counted by hand."""

import numpy as np
import pytest

from night_measures import find_rem_periods, measure, transition_counts
from sanctuary.signal.samples import Stage

LETTERS = {"W": Stage.W, "1": Stage.N1, "2": Stage.N2, "3": Stage.N3, "R": Stage.R}


def night(text: str) -> np.ndarray:
    """Epochs from parts such as ``20x2``: twenty epochs of N2."""
    parts = [part.split("x") for part in text.split()]
    return np.concatenate([np.full(int(n), LETTERS[letter], dtype=np.int8) for n, letter in parts])


def test_sleep_and_waking_are_counted_from_the_first_epoch_asleep_to_the_last() -> None:
    found = measure(night("10xW 4x1 40x2 4xW 12x2 20x3 20xR 10xW"))
    assert found["sleep latency min"] == 5.0
    assert found["WASO min"] == 2.0
    assert found["sleep efficiency %"] == pytest.approx(100.0 * 96 / 120)
    assert found["maintenance %"] == pytest.approx(96.0)
    assert found["N3 share %"] == pytest.approx(100.0 * 20 / 96)
    assert found["W bout longest min"] == 2.0
    assert found["N2 bout mean min"] == 13.0
    assert found["N2 bouts per h"] == pytest.approx(2 / 0.8)
    assert found["N2 to W %"] == pytest.approx(100.0 / 52)
    assert found["N2 to N3 %"] == pytest.approx(100.0 / 52)
    assert found["REM latency min"] == 40.0


def test_rem_periods_reach_over_short_gaps_and_not_over_long_ones() -> None:
    stages = night("10x2 20xR 29x2 10xR 30x2 5xR 40x2 3xR 40x2 4xR")
    periods = find_rem_periods(stages)
    assert [(p.start, p.end, p.rem) for p in periods] == [(10, 69, 30), (99, 104, 5), (187, 191, 4)]
    found = measure(stages)
    assert found["REM periods"] == 3
    assert [found[f"cycle {k} min"] for k in (1, 2, 3)] == [34.5, 17.5, 43.5]
    assert [found[f"REM period {k} min"] for k in (1, 2, 3)] == [15.0, 2.5, 2.0]
    assert found["cycle mean min"] == pytest.approx(191 / 2 / 3)
    assert found["cycle spread min"] == pytest.approx(np.std([34.5, 17.5, 43.5], ddof=1))


def test_what_a_night_lacks_is_absent() -> None:
    found = measure(night("5xW 10x2"))
    assert "REM latency min" not in found
    assert "N3 bout mean min" not in found
    assert "N3 to N2 %" not in found
    assert found["REM periods"] == 0
    with pytest.raises(ValueError, match="without sleep"):
        measure(night("10xW"))


def test_transitions_are_counted_from_row_to_column() -> None:
    counts = transition_counts(night("2xW 1x1 2x2"))
    assert counts[Stage.W].tolist() == [1, 1, 0, 0, 0]
    assert counts[Stage.N1].tolist() == [0, 0, 1, 0, 0]
    assert counts.sum() == 4
