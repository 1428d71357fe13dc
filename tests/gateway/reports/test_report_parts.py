"""Colours that everyone can tell apart, words for numbers, hypnograms as values, axes of time."""

from __future__ import annotations

from datetime import datetime
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from sanctuary.commons.consent import ConsentReason
from sanctuary.gateway.reports import page as wording
from sanctuary.gateway.reports.curves import (
    HIGHEST_HZ,
    N_COLUMNS,
    ReplayTraces,
    StageRun,
    StageTrack,
    differences,
    even_grid,
    outline,
    shade_limits,
    thinned,
)
from sanctuary.gateway.reports.figures import LEVELS, shown, time_ticks
from sanctuary.gateway.reports.page import NOTHING, PALETTE, STAGE_NAMES, css_variables
from sanctuary.gateway.results.replay_result import Epoch
from sanctuary.pods.limiter import LimitReason
from sanctuary.pods.pod.evidence import EvidenceReason
from sanctuary.signal.gate import Reason

Array = NDArray[np.float64]

# Dichromacy on linear RGB: Machado, Oliveira and Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1.
SIGHT = {
    "ordinary": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Oklab: Ottosson 2020, bottosson.github.io/posts/oklab.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(shade: str) -> Array:
    rgb = np.array([int(shade[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Array) -> Array:
    return np.asarray(TO_LAB @ np.cbrt(TO_LMS @ np.clip(rgb, 0.0, 1.0)))


def contrast(first: str, second: str) -> float:
    low, high = sorted(float(linear(shade) @ [0.2126, 0.7152, 0.0722]) for shade in (first, second))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_stages_stay_apart_for_every_kind_of_sight(theme: str, sight: str) -> None:
    seen = [oklab(SIGHT[sight] @ linear(getattr(PALETTE[f"stage-{s.lower()}"], theme))) for s in STAGE_NAMES]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 0.13


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_marks_stand_out_from_their_background(theme: str) -> None:
    def shade(part: str) -> str:
        return str(getattr(PALETTE[part], theme))

    for background in ("page", "card"):
        for part in ("ink", "muted", "accent", "alarm", "window"):
            assert contrast(shade(part), shade(background)) >= 4.5, (part, background)
    for part in PALETTE:
        if part.startswith("stage-"):
            assert contrast(shade(part), shade("card")) >= 3.0, part


def test_every_part_has_a_colour_in_both_themes() -> None:
    rules = css_variables()
    for part, shades in PALETTE.items():
        assert f"--{part}:{shades.light};" in rules
        assert f"--{part}:{shades.dark};" in rules


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, NOTHING),
        (0.0, "0 s"),
        (0.0124, "12 ms"),
        (1.5, "1.5 s"),
        (45.4, "45 s"),
        (59.6, "1 min"),
        (82.0, "1 min 22 s"),
        (3569.0, "59 min"),
        (3599.0, "1 h"),
        (28680.0, "7 h 58 min"),
    ],
)
def test_lengths_of_time(seconds: float | None, words: str) -> None:
    assert wording.span(seconds) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, NOTHING),
        (0.0, "0 %"),
        (0.834, "83 %"),
        (0.9996, "100.0 %"),
        (0.998, "99.8 %"),
        (1.0, "100 %"),
        (0.002, "0.2 %"),
    ],
)
def test_shares_never_look_more_perfect_than_they_are(share: float | None, words: str) -> None:
    assert wording.percent(share) == words


def test_moments_are_clock_time_once_the_start_is_known() -> None:
    assert wording.moment(3725.4) == "1:02:05"
    assert wording.moment(3725.4, datetime(2026, 3, 14, 23, 30)) == "00:32:05"  # noqa: DTZ001 - local by intent
    assert wording.moment(None) == NOTHING


@pytest.mark.parametrize("reasons", [Reason, LimitReason, EvidenceReason, ConsentReason])
def test_every_reason_of_gate_pod_limiter_and_consent_has_words(reasons: type[Reason]) -> None:
    assert {reason.replace("-", "_") for reason in reasons} <= set(wording.REASONS)


def test_a_reason_without_words_of_its_own_stays_readable() -> None:
    assert wording.reason("moon-too_full") == "moon too full"
    assert wording.reason("") == wording.reason(None) == NOTHING


def test_counts_agree_with_their_noun() -> None:
    assert [wording.count(n, "window") for n in (0, 1, 2)] == ["no windows", "1 window", "2 windows"]


def epoch(onset_s: float, stage: str = "unknown") -> Epoch:
    return Epoch(onset_s=onset_s, stage=stage, p={}, quality=0.9, rem_density=0.0)


def hypnogram(stages: str, first: int = 0) -> StageTrack:
    names = tuple({"1": "N1", "2": "N2", "3": "N3", "?": "unknown"}.get(s, s) for s in stages)
    return StageTrack(tuple(30.0 * (first + i) for i in range(len(stages))), names, 30.0)


def test_runs_join_equal_neighbours_but_not_across_missing_epochs() -> None:
    assert hypnogram("WW2").runs == [StageRun(0.0, 60.0, "W"), StageRun(60.0, 90.0, "N2")]
    gap = StageTrack((0.0, 60.0), ("W", "W"), 30.0)
    assert gap.runs == [StageRun(0.0, 30.0, "W"), StageRun(60.0, 90.0, "W")]


def test_detected_epochs_are_put_in_order_and_measured() -> None:
    found = StageTrack.detected([epoch(20.0, "R"), epoch(0.0), epoch(40.0, "N2")])
    assert found == StageTrack((0.0, 20.0, 40.0), ("unknown", "R", "N2"), 20.0)
    assert found.asleep_s == 40.0
    assert StageTrack.detected([epoch(0.0)]).epoch_s == 30.0


def test_truth_lies_on_the_epochs_where_it_fits_them_and_from_zero_where_not() -> None:
    ours = hypnogram("W2", first=3)
    assert StageTrack.truth(["W", "W"], ours).onsets_s == (90.0, 120.0)
    assert StageTrack.truth(["W", "W", "W"], ours).onsets_s == (0.0, 30.0, 60.0)


def test_only_two_known_and_unlike_stages_differ() -> None:
    assert differences(hypnogram("W22R?"), hypnogram("W33?R")) == [(30.0, 90.0)]


def test_the_pen_is_lifted_where_the_stage_is_unknown() -> None:
    times_s, levels = outline(hypnogram("W?2").runs, LEVELS)
    drawn = [(t, level) for t, level in zip(times_s, levels, strict=True) if not np.isnan(level)]
    assert drawn == [(0.0, 4.0), (30.0, 4.0), (60.0, 1.0), (90.0, 1.0)]
    assert np.isnan(levels).any()


def test_ticks_fall_on_whole_hours_of_the_clock() -> None:
    start = datetime(2026, 3, 14, 22, 47, 12)  # noqa: DTZ001 - local by intent
    ticks_s, labels = time_ticks(0.0, 7200.0, start)
    assert labels[:2] == ["22:50", "23:00"]
    assert ticks_s[1] == pytest.approx(12 * 60 + 48)


@pytest.mark.parametrize("span_s", [1.0, 20.0, 100.0, 1800.0, 28800.0, 90000.0])
def test_there_are_never_too_many_ticks(span_s: float) -> None:
    ticks_s, labels = time_ticks(0.0, span_s, None)
    assert 1 <= len(ticks_s) <= 14
    assert len(set(labels)) == len(labels)


def test_thinning_averages_what_is_known() -> None:
    t_s = np.arange(8.0)
    values = np.array([1.0, 3.0, np.nan, np.nan, 5.0, np.nan, 7.0, 9.0])
    thin_t_s, thin = thinned(t_s, values, 4)
    np.testing.assert_allclose(thin, [2.0, np.nan, 5.0, 8.0])
    np.testing.assert_allclose(thin_t_s, [0.875, 2.625, 4.375, 6.125])
    assert thinned(t_s, values, 8)[1] is values


def test_a_spectrogram_keeps_its_place_in_time_and_frequency() -> None:
    freq_hz, t_s = np.arange(0.0, 100.0, 0.5), np.arange(5000.0)
    db = np.where((np.abs(freq_hz - 10.0) < 1.0)[:, None] & (np.abs(t_s - 4000.0) < 100.0), 20.0, -10.0)
    even = even_grid(ReplayTraces(spectrogram_db=db, spectrogram_freq_hz=freq_hz, spectrogram_t_s=t_s))
    assert even is not None
    grid, (start_s, end_s, low_hz, high_hz) = even
    row, column = np.unravel_index(np.argmax(grid), grid.shape)
    assert grid.shape[1] == N_COLUMNS
    assert high_hz <= HIGHEST_HZ + 1.0
    assert start_s + (column + 0.5) / grid.shape[1] * (end_s - start_s) == pytest.approx(4000.0, abs=110.0)
    assert low_hz + (row + 0.5) / grid.shape[0] * (high_hz - low_hz) == pytest.approx(10.0, abs=1.0)


def test_a_silent_spectrogram_still_has_a_scale() -> None:
    low, high = shade_limits(np.full((3, 3), -5.0))
    assert high > low


def test_names_lose_what_cannot_be_drawn() -> None:
    assert shown("a\x00b\n") == "ab"
    assert shown("x" * 40) == "x" * 14 + "…"
