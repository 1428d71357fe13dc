"""The stage of each epoch of a night."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.firmware_bridge.hypnograms.hypnogram import Hypnogram, ScoredSpan
from sanctuary.signal.samples import Stage


@given(
    pieces=st.lists(
        st.tuples(st.floats(0.0, 50.0), st.floats(0.5, 200.0), st.sampled_from(list(Stage))), max_size=20
    ),
    n_epochs=st.integers(0, 60),
)
def test_epochs_take_the_stage_that_fills_most_of_them(
    pieces: list[tuple[float, float, Stage]], n_epochs: int
) -> None:
    scored, end_s = [], 0.0
    for gap_s, duration_s, stage in pieces:
        scored.append(ScoredSpan(end_s + gap_s, duration_s, stage))
        end_s = scored[-1].onset_s + duration_s
    epochs = Hypnogram(Path("night.csv"), tuple(scored)).epochs(n_epochs)
    assert len(epochs) == n_epochs
    for i, found in enumerate(epochs):
        filled = dict.fromkeys(Stage, 0.0)
        for piece in scored:
            overlap = min(30.0 * (i + 1), piece.onset_s + piece.duration_s) - max(30.0 * i, piece.onset_s)
            filled[piece.stage] += max(0.0, overlap)
        del filled[Stage.UNKNOWN]
        total = sum(filled.values())
        if math.isclose(total, 15.0, abs_tol=0.01):
            continue
        if total < 15.0:
            assert found == Stage.UNKNOWN
        else:
            assert filled[Stage(found)] == pytest.approx(max(filled.values()), abs=1e-6)
