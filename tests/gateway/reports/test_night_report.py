"""The report of a simulated night: what the pods did together, and that nothing forbidden happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from page_checks import Page, assert_self_contained
from report_samples import demo_result, night_html, window
from sanctuary.gateway.reports.night_figures import best_window
from sanctuary.gateway.reports.night_report import spreads_s, violations_of, write_night_report
from sanctuary.gateway.results.night_result import NightCue, NightResult, NightWindow
from sanctuary.pods.audit.invariants import INVARIANTS, PROVED_FROM_LOG

SECTIONS = [
    "The night",
    "Windows",
    "What did not work",
    "Cues",
    "Shared time",
    "Detection",
    "Invariants",
    "How it works",
    "How it was made",
]


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return demo_result(4.0)


@pytest.fixture(scope="module")
def page(result: dict[str, Any]) -> Page:
    return Page(night_html(result))


def test_it_is_complete_in_itself(page: Page) -> None:
    assert_self_contained(page)


def test_every_section_and_figure_is_there(page: Page) -> None:
    assert page.headings == ["A night together", *SECTIONS]
    assert set(page.labels) == {"night-label", "close-up-label"}
    assert {
        "Pods and sleepers",
        "All windows",
        "Cues by outcome and reason",
        "Shared minutes per pair",
        "Scores per pod",
    } <= set(page.captions)


def test_the_story_counts_what_happened(page: Page, result: dict[str, Any]) -> None:
    rendered = sum(cue["outcome"] == "rendered" for cue in result["cues"])
    refused = len(result["cues"]) - rendered
    assert rendered
    assert refused
    assert f"4 simulated sleepers, 4 h of night: {len(result['windows'])} shared windows opened" in page.prose
    assert f"{rendered} cues rendered and {refused} refused; no safety invariant broken." in page.prose


def test_windows_cues_and_scores_appear(page: Page, result: dict[str, Any]) -> None:
    for opened in result["windows"]:
        assert ", ".join(opened["pods"]) in page.prose
    assert "fewer leases than the quorum" in page.prose
    assert "block of cues full, resting" in page.prose
    assert f"{result['detection']['pooled']['kappa']:.2f}" in page.words
    assert "any 3 of 4, dreaming “lantern”" in page.prose
    assert "up/state: 9120" in page.prose


def test_every_invariant_is_listed_as_kept(page: Page) -> None:
    assert all(name in page.words for name in INVARIANTS)
    assert page.words.count("none") >= len(PROVED_FROM_LOG)
    assert "none: no message has a field for samples" in page.prose


def test_the_same_values_give_the_same_bytes(result: dict[str, Any], page: Page) -> None:
    assert night_html(json.loads(json.dumps(result))) == page.text


def broken(rule: str) -> dict[str, Any]:
    return {"rule": rule, "t_s": 61.0, "subject": "pod-2", "text": "two cues within 5 s"}


def test_violations_are_loud() -> None:
    page = Page(night_html(demo_result(0.2, 2, violations=[broken("P3")])))
    assert "a safety invariant broken once" in page.prose
    assert "Broken invariants." in page.prose
    assert "two cues within 5 s" in page.prose
    assert 'class="alarm"' in page.text


def test_an_invariant_that_we_do_not_know_is_still_counted() -> None:
    page = Page(night_html(demo_result(0.2, 2, violations=[broken("Z9")] * 60)))
    assert "Z9" in page.words
    assert "60" in page.words
    assert "And 10 more." in page.prose
    assert "safety invariants broken 60 times" in page.prose


def test_every_invariant_has_a_row_of_its_own() -> None:
    assert [name for name, _, _ in violations_of(())] == list(INVARIANTS)
    assert {"P8", "C2", "C3"} <= set(INVARIANTS)
    night = NightResult.model_validate(demo_result(0.1, 2, violations=[broken("C3")]))
    assert [n for name, _, n in violations_of(night.violations) if name == "C3"] == ["1"]
    assert "see below" not in night_html(demo_result(0.1, 2, violations=[broken("C3")]))


def test_interrupted_after_seconds() -> None:
    whole = demo_result(8.0, 3)
    pods = {name: pod | {"epochs": pod["epochs"][:1], "gate": []} for name, pod in whole["pods"].items()}
    result = whole | {"interrupted": True, "pods": pods, "windows": [], "cues": [], "detection": {}}
    result["duration_s"] = 30.0
    page = Page(night_html(result))
    assert_self_contained(page)
    assert "3 simulated sleepers, 30 s of night, then interrupted: no shared windows opened" in page.prose
    for words in (
        "Interrupted.",
        "No window opened before the interruption",
        "No cue came due",
        "No two pods were in a window together",
        "No scores were given",
    ):
        assert words in page.prose


def test_a_window_still_open_at_the_end_lasts_to_the_end() -> None:
    result = demo_result(0.5, 2)
    result["windows"] = [window("w", ["pod-1", "pod-2"], 600.0, None)]
    page = Page(night_html(result))
    assert_self_contained(page)
    assert "still open at the end" in page.prose
    assert "for 20 min of REM side by side" in page.prose


def test_a_night_of_nobody() -> None:
    nothing = {"pods": {}, "circles": [], "windows": [], "cues": [], "detection": {}, "messages": {}}
    page = Page(night_html(demo_result(0.0, 1) | nothing))
    assert_self_contained(page)
    assert page.headings[1:] == SECTIONS
    assert "No pod took part." in page.prose


def test_what_is_written_is_read_by_the_same_class(result: dict[str, Any]) -> None:
    night = NightResult.model_validate(result)
    assert NightResult.model_validate(json.loads(json.dumps(night.to_json()))) == night
    assert set(night.to_json()) == set(result)
    assert "gate" not in night.to_json()["detection"]["pooled"]


def test_members_whose_pods_are_not_known() -> None:
    page = Page(night_html(demo_result(0.1, 1, windows=[window("w", ["ghost", "spirit"], 1.0, 9.0)])))
    assert_self_contained(page)
    assert "ghost, spirit" in page.prose


@pytest.mark.parametrize("n_pods", [1, 2, 16])
def test_any_number_of_pods(n_pods: int) -> None:
    page = Page(night_html(demo_result(1.0, n_pods)))
    assert_self_contained(page)
    assert page.words.count(f"pod-{n_pods}") >= 2
    assert page.tags.count("svg") >= n_pods


def test_names_from_outside_are_escaped() -> None:
    nasty = "<img src=x onerror=alert(1)>$x$"
    result = demo_result(0.3, 2, site=nasty, broker=nasty, messages={nasty: 3})
    night = result["pods"].pop("pod-1") | {"sleeper": nasty}
    result["pods"][nasty] = night
    result["windows"] = [window(nasty, [nasty], 10.0, 99.0) | {"design": nasty}]
    cue = {"t_s": 12.0, "pod": nasty, "window": nasty, "step": 0, "level": 1.0}
    result["cues"] = [cue | {"outcome": "refused", "reason": nasty, "modality": nasty}]
    page = Page(night_html(result))
    assert_self_contained(page)
    assert "img" not in page.tags
    assert nasty in page.prose


def test_long_names_are_shortened_in_figures_only() -> None:
    result = demo_result(0.1, 1)
    result["pods"]["pod-1"]["sleeper"] = "a very long pseudonym indeed"
    words = Page(night_html(result)).words
    assert "a very long ps…" in words
    assert "a very long pseudonym indeed" in words


def test_steps_are_compared_across_pods_of_one_window() -> None:
    def cue(t_s: float, pod: str, step: int, reason: str = "") -> NightCue:
        return NightCue(
            t_s=t_s,
            pod=pod,
            window="w",
            step=step,
            outcome="refused" if reason else "rendered",
            reason=reason,
            modality="sound",
            level=30.0,
        )

    cues = [
        cue(10.0, "a", 0),
        cue(10.25, "b", 0),
        cue(20.0, "a", 1),
        cue(31.0, "a", 2),
        cue(39.0, "b", 2, "too_soon"),
    ]
    assert spreads_s(cues) == [0.25]


def test_a_sham_is_named_among_the_outcomes(result: dict[str, Any]) -> None:
    cues = [{**cue, "sham": True} if cue["outcome"] == "rendered" else cue for cue in result["cues"]]
    assert "sham: nothing sounded" in Page(night_html({**result, "cues": cues})).prose
    assert "sham" not in Page(night_html(result)).prose


def test_the_close_up_shows_the_window_of_most_pods_then_the_longest() -> None:
    def read(name: str, close_s: float, pods: list[str]) -> NightWindow:
        return NightWindow.model_validate(window(name, pods, 0.0, close_s))

    few, short, long = read("few", 900, ["a"]), read("short", 60, ["a", "b"]), read("long", 90, ["a", "b"])
    assert best_window([few, short, long]) is long
    assert best_window([]) is None


def test_pods_are_listed_by_number() -> None:
    found = NightWindow.model_validate(window("w", ["pod-10", "pod-2", "attic"], 0.0, 9.0))
    assert found.pods_by_number == ["attic", "pod-2", "pod-10"]


def test_it_writes_the_file(tmp_path: Path) -> None:
    result = demo_result(0.1, 2)
    write_night_report(tmp_path / "out" / "demo.html", NightResult.model_validate(result))
    assert (tmp_path / "out" / "demo.html").read_text() == night_html(result)


def test_a_result_of_another_schema_is_not_read() -> None:
    with pytest.raises(ValidationError, match="schema"):
        NightResult.model_validate(demo_result(0.1, 2, schema="sanctuary.replay.v1"))


def test_a_whole_night_of_sixteen_stays_small() -> None:
    assert len(night_html(demo_result(8.0, 16)).encode()) < 3_000_000
