"""The report of a simulated night: what the pods did together, and that nothing forbidden happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from page_checks import Page, assert_self_contained
from report_samples import demo_result
from sanctuary.config.errors import InputError
from sanctuary.gateway.reports.night_report import best_window, demo_page, write_demo_report
from sanctuary.gateway.reports.night_result import INVARIANTS, CueRecord, Member, Window, spreads_s

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
    return Page(demo_page(result))


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
    for window in result["windows"]:
        assert ", ".join(window["pods"]) in page.prose
    assert "fewer leases than the quorum" in page.prose
    assert "block of cues full, resting" in page.prose
    assert f"{result['detection']['pooled']['kappa']:.2f}" in page.words
    assert "any 3 of 4, dreaming “lantern”" in page.prose
    assert "up/state: 9120" in page.prose


def test_every_invariant_is_listed_as_kept(page: Page) -> None:
    assert all(name in page.words for name in INVARIANTS)
    assert page.words.count("none") >= len(INVARIANTS)


def test_the_same_values_give_the_same_bytes(result: dict[str, Any], page: Page) -> None:
    assert demo_page(json.loads(json.dumps(result))) == page.text


@pytest.mark.parametrize(
    "violation",
    [
        {"rule": "P3", "t_s": 61.0, "subject": "pod-2", "text": "two cues within 5 s"},
        "P3: two cues within 5 s at pod-2",
    ],
)
def test_violations_are_loud(violation: Any) -> None:
    page = Page(demo_page(demo_result(0.2, 2, violations=[violation])))
    assert "a safety invariant broken once" in page.prose
    assert "Broken invariants." in page.prose
    assert "two cues within 5 s" in page.prose
    assert 'class="alarm"' in page.text


def test_an_invariant_that_we_do_not_know_is_still_counted() -> None:
    page = Page(demo_page(demo_result(0.2, 2, violations=[{"rule": "Z9", "text": "odd"}] * 60)))
    assert "Z9" in page.words
    assert "60" in page.words
    assert "And 10 more." in page.prose
    assert "safety invariants broken 60 times" in page.prose


def test_an_unchecked_log_is_not_called_clean() -> None:
    page = Page(demo_page(demo_result(0.2, 2, violations=None)))
    assert "safety invariants not checked" in page.prose
    assert page.words.count("not checked") == len(INVARIANTS)
    assert "no safety invariant broken" not in page.prose


def test_interrupted_after_seconds() -> None:
    whole = demo_result(8.0, 3)
    pods = {name: pod | {"epochs": pod["epochs"][:1], "gate": []} for name, pod in whole["pods"].items()}
    result = whole | {"interrupted": True, "pods": pods, "windows": [], "cues": [], "detection": {}}
    page = Page(demo_page(result))
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
    result["windows"] = [
        {"id": "w", "circle": "tide", "open_s": 600.0, "close_s": None, "pods": ["pod-1", "pod-2"]}
    ]
    page = Page(demo_page(result))
    assert_self_contained(page)
    assert "still open at the end" in page.prose
    assert "for 20 min of REM side by side" in page.prose


def test_nothing_but_the_schema() -> None:
    page = Page(demo_page({"schema": "sanctuary.demo.v1", "pods": None, "hours": None}))
    assert_self_contained(page)
    assert page.headings[1:] == SECTIONS
    assert "No pod took part." in page.prose


def test_members_whose_pods_are_not_known() -> None:
    window = {"id": "w", "open_s": 1.0, "close_s": 9.0, "pods": ["ghost", "spirit"]}
    page = Page(demo_page(demo_result(0.1, 1, windows=[window])))
    assert_self_contained(page)
    assert "ghost, spirit" in page.prose


@pytest.mark.parametrize("n_pods", [1, 2, 16])
def test_any_number_of_pods(n_pods: int) -> None:
    page = Page(demo_page(demo_result(1.0, n_pods)))
    assert_self_contained(page)
    assert page.words.count(f"pod-{n_pods}") >= 2
    assert page.tags.count("svg") >= n_pods


def test_names_from_outside_are_escaped() -> None:
    nasty = "<img src=x onerror=alert(1)>$x$"
    result = demo_result(0.3, 2, site=nasty, broker=nasty, messages={nasty: 3})
    night = result["pods"].pop("pod-1") | {"sleeper": nasty}
    result["pods"][nasty] = night
    result["windows"] = [{"id": nasty, "open_s": 10.0, "close_s": 99.0, "pods": [nasty], "design": nasty}]
    result["cues"] = [{"t_s": 12.0, "pod": nasty, "outcome": "refused", "reason": nasty, "modality": nasty}]
    page = Page(demo_page(result))
    assert_self_contained(page)
    assert "img" not in page.tags
    assert nasty in page.prose


def test_long_names_are_shortened_in_figures_only() -> None:
    result = demo_result(0.1, 1)
    result["pods"]["pod-1"]["sleeper"] = "a very long pseudonym indeed"
    words = Page(demo_page(result)).words
    assert "a very long ps…" in words
    assert "a very long pseudonym indeed" in words


def test_steps_are_compared_across_pods_of_one_window() -> None:
    def cue(t_s: float, pod: str, step: int, outcome: str = "rendered") -> CueRecord:
        return CueRecord(t_s=t_s, pod=pod, window="w", step=step, outcome=outcome)

    cues = [
        cue(10.0, "a", 0),
        cue(10.25, "b", 0),
        cue(20.0, "a", 1),
        cue(31.0, "a", 2),
        cue(39.0, "b", 2, "refused"),
    ]
    assert spreads_s(cues) == [0.25]


def test_a_sham_is_named_among_the_outcomes(result: dict[str, Any]) -> None:
    cues = [{**cue, "sham": True} if cue["outcome"] == "rendered" else cue for cue in result["cues"]]
    assert "sham: nothing sounded" in Page(demo_page({**result, "cues": cues})).prose
    assert "sham" not in Page(demo_page(result)).prose


def test_the_close_up_shows_the_window_of_most_pods_then_the_longest() -> None:
    def window(name: str, close_s: float, pods: list[str]) -> Window:
        members = tuple(Member(pod=pod) for pod in pods)
        return Window(id=name, open_s=0.0, close_s=close_s, members=members)

    few, short, long = (
        window("few", 900, ["a"]),
        window("short", 60, ["a", "b"]),
        window("long", 90, ["a", "b"]),
    )
    assert best_window([few, short, long]) is long
    assert best_window([]) is None


def test_pods_are_listed_by_number() -> None:
    window = Window(id="w", open_s=0.0, pods=("pod-10", "pod-2", "attic"))
    assert window.who == ["attic", "pod-2", "pod-10"]


def test_it_writes_the_file(tmp_path: Path) -> None:
    result = demo_result(0.1, 2)
    write_demo_report(tmp_path / "out" / "demo.html", result)
    assert (tmp_path / "out" / "demo.html").read_text() == demo_page(result)
    with pytest.raises(InputError, match="demo result: schema"):
        write_demo_report(tmp_path / "no.html", {"schema": "sanctuary.replay.v1"})
    assert not (tmp_path / "no.html").exists()


def test_a_whole_night_of_sixteen_stays_small() -> None:
    assert len(demo_page(demo_result(8.0, 16)).encode()) < 3_000_000
