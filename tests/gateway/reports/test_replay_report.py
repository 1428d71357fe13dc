"""The replay report: complete, self-contained, honest about what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from page_checks import Page, assert_self_contained
from report_samples import replay_html, replay_result, replay_traces
from sanctuary.config.errors import InputError
from sanctuary.gateway.reports.curves import ReplayTraces
from sanctuary.gateway.reports.replay_report import write_replay_report
from sanctuary.gateway.results.replay_result import ReplayResult

SECTIONS = [
    "The night in stages",
    "REM and the gate",
    "What the headband saw",
    "Against the expert",
    "How to read this",
    "How it was made",
]


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return replay_result(2.0)


@pytest.fixture(scope="module")
def page(result: dict[str, Any]) -> Page:
    return Page(replay_html(result, replay_traces(result)))


def test_it_is_complete_in_itself(page: Page) -> None:
    assert_self_contained(page)


def test_every_section_and_figure_is_there(page: Page) -> None:
    assert page.headings[1:] == SECTIONS
    names = ("hypnograms", "rem-gate", "spectrogram", "eyes-muscle", "quality")
    assert set(page.labels) == {f"{name}-label" for name in names}
    assert "No hypnogram" not in page.prose
    assert {"Time in each stage", "Gate openings", "Per stage", "Confusion"} <= set(page.captions)


def test_the_numbers_of_the_result_appear(page: Page, result: dict[str, Any]) -> None:
    scores = result["scores"]
    assert f"κ = {scores['kappa']:.2f}" in page.prose
    assert f"{100 * scores['per_stage']['N2']['recall']:.0f} %" in page.prose
    for row in scores["confusion"]:
        assert all(str(cell) in page.words for cell in row)
    assert "1 min 22 s" in page.prose
    assert "2,028 times as fast as the night itself" in page.prose
    assert "AF7, AF8 at 256 Hz" in page.prose
    assert "AF8: 12 s without samples at 4:31:07" in page.prose


def test_gate_openings_are_listed_with_their_reasons(page: Page, result: dict[str, Any]) -> None:
    first = result["gate"][0]
    hours, rest = divmod(round(first["open_s"]), 3600)
    assert f"{hours}:{rest // 60:02d}:{rest % 60:02d}" in page.words
    assert "REM ended" in page.prose


def test_the_same_values_give_the_same_bytes(result: dict[str, Any], page: Page) -> None:
    assert replay_html(json.loads(json.dumps(result)), replay_traces(result)) == page.text


def test_without_a_hypnogram_it_says_so_and_scores_nothing() -> None:
    result = replay_result(1.0, scored=False)
    page = Page(replay_html(result, replay_traces(result)))
    assert_self_contained(page)
    assert "none given" in page.prose
    assert "No hypnogram given: this night was read, but not scored." in page.prose
    assert "Per stage" not in page.captions
    assert "κ =" not in page.prose


def test_a_known_start_turns_the_axes_to_clock_time() -> None:
    result = replay_result(3.0, started_at="2026-03-14T22:47:12")
    page = Page(replay_html(result, replay_traces(result)))
    assert "14 March 2026, 22:47" in page.prose
    assert "clock time" in page.words
    assert "00:00" in page.words


def test_a_night_of_nothing_still_makes_an_honest_page() -> None:
    page = Page(replay_html(replay_result(0.0, scored=False, duration_s=0.0), ReplayTraces()))
    assert_self_contained(page)
    assert page.headings[1:] == SECTIONS
    assert page.labels == {}
    for words in (
        "No epoch was completed",
        "No estimate was made",
        "The gate never opened",
        "No spectrogram was kept",
        "Neither eye movements nor muscle tone were measured",
        "No quality was kept",
        "date not given",
    ):
        assert words in page.prose


def test_what_is_undefined_or_unscored_reads_as_a_dash() -> None:
    result = replay_result(0.5)
    result["epochs"][3]["stage"] = "unknown"
    result["truth"][5] = None
    result["scores"] |= {"kappa": None, "accuracy": None}
    page = Page(replay_html(result, replay_traces(replay_result(0.5))))
    assert_self_contained(page)
    assert "nan" not in page.prose.lower().split()
    assert "None" not in page.prose.split()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_no_result(value: float) -> None:
    result = replay_result(0.1)
    result["scores"]["kappa"] = value
    with pytest.raises(ValidationError, match="kappa"):
        ReplayResult.model_validate(result)


def test_traces_of_one_channel_without_eyes() -> None:
    result = replay_result(0.5, channels=["Fpz"])
    given = replay_traces(result, n_channels=1)
    traces = ReplayTraces(
        quality_t_s=given.quality_t_s,
        quality=given.quality[0],
        eye_t_s=given.eye_t_s,
        saccades_per_min=np.full(given.eye_t_s.shape, np.nan),
        spectrogram_db=np.full((4, 9), np.nan),
        spectrogram_freq_hz=np.arange(4.0),
        spectrogram_t_s=np.arange(9.0),
    )
    page = Page(replay_html(result, traces))
    assert set(page.labels) == {"hypnograms-label", "rem-gate-label", "quality-label"}
    assert "Fpz" in page.words
    assert "each epoch" in page.words


def test_names_from_outside_are_escaped() -> None:
    nasty = '<script>alert("x")</script>$\\frac{1}{2}$--><b>'
    result = replay_result(0.3, file=f"nights/{nasty}.edf", channels=[nasty, "東京🌙"], warnings=[nasty])
    page = Page(replay_html(result, replay_traces(result)))
    assert_self_contained(page)
    assert "<b>" not in page.text
    assert 'alert("x")' in page.prose
    assert "東京🌙" in page.prose


def test_a_result_of_another_kind_is_refused_by_field() -> None:
    with pytest.raises(ValidationError, match=r"schema\n.*sanctuary\.replay\.v1"):
        ReplayResult.model_validate(replay_result(0.1, schema="sanctuary.demo.v1"))
    with pytest.raises(ValidationError, match=r"epochs\.0\.onset_s"):
        ReplayResult.model_validate(replay_result(0.1, epochs=[{}]))


def test_it_replaces_an_older_report_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "report.html"
    for hours in (0.1, 0.2):
        result = replay_result(hours)
        write_replay_report(path, ReplayResult.model_validate(result), ReplayTraces())
        assert path.read_text() == replay_html(result, ReplayTraces())
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", ["a file/report.html", "a folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").write_text("in the way")
    (tmp_path / "a folder").mkdir()
    result = ReplayResult.model_validate(replay_result(0.1))
    with pytest.raises(
        InputError, match=r"cannot write the report here .* or choose another place"
    ) as caught:
        write_replay_report(tmp_path / place, result, ReplayTraces())
    assert str(tmp_path / place) in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a file", "a folder"]


def test_a_whole_night_stays_small() -> None:
    result = replay_result(8.0)
    assert len(replay_html(result, replay_traces(result, n_channels=4)).encode()) < 2_500_000


def test_matplotlib_is_imported_by_the_first_figure_only() -> None:
    code = (
        "import sys, sanctuary.gateway.reports.replay_report, sanctuary.gateway.reports.night_report;"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
