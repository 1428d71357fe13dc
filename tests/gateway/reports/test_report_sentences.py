"""A report says what was: in real time or simulated, of people or not, and what did not work in it."""

from __future__ import annotations

from typing import Any

import pytest

from page_checks import Page, assert_self_contained
from report_samples import demo_result, night_html

NEVER = "/dev/ttyUSB0: cannot be opened: there is no such port"
WHOLE = "Circle tide needs 2 of its 2, and {} could take part the whole night long ({})."
UNGRANTED = "no grant was in force (no grant given)"


def problem(pod: str, what: str, reason: str = "", *, about: str = "", **more: Any) -> dict[str, Any]:
    lasting = {"times": 1, "total_s": 3600.0, "spans": [{"from_s": 0.0, "to_s": None}], "advice": "Do so."}
    return {"pod": pod, "what": what, "about": about, "reason": reason} | lasting | more


def live(simulated: tuple[bool, ...], **changes: Any) -> dict[str, Any]:
    result = demo_result(1.0, len(simulated))
    pods = {}
    for (name, night), is_simulated in zip(result["pods"].items(), simulated, strict=True):
        pods[name] = night | {"simulated": is_simulated, "headband": "cyton"}
        if not is_simulated:
            pods[name].pop("truth", None)
    return result | {"live": True, "pods": pods, "problems": []} | changes


def without_windows(**changes: Any) -> dict[str, Any]:
    circle = {"id": "tide", "members": ["pod-1", "pod-2"], "quorum": 2, "design": "tide"}
    return live((False, False), windows=[], cues=[], circles=[circle]) | changes


def test_a_night_of_people_says_nothing_of_a_simulator() -> None:
    page = Page(night_html(live((False, False), detection={})))
    assert_self_contained(page)
    assert "a night in real time" in page.prose
    assert "2 sleepers, " in page.prose
    for lie in ("simulat", "truth"):
        assert lie not in page.prose.partition("REM in truth")[0]
    assert "nobody scored this night" in page.prose


def test_a_live_night_with_some_simulated_sleepers_names_them() -> None:
    page = Page(night_html(live((False, True, True))))
    assert "1 sleeper and 2 simulated sleepers" in page.prose
    assert "in pod-2, pod-3 nobody slept" in page.prose
    assert "Where the sleeper is simulated, the thin line is the truth" in page.prose


def test_a_live_night_of_simulated_sleepers_alone_is_in_real_time_and_nobody_slept() -> None:
    page = Page(night_html(live((True, True))))
    assert "a night in real time" in page.prose
    assert "Simulated, in real time: nobody slept for this" in page.prose


def test_a_simulated_night_is_told_as_before() -> None:
    page = Page(night_html(demo_result(1.0, 2)))
    assert "a simulated night" in page.prose
    assert "2 simulated sleepers" in page.prose
    assert "Nothing that the log tells of." in page.prose


def test_a_pod_whose_headband_never_came_stands_in_the_report_with_the_reason() -> None:
    result = without_windows(problems=[problem("pod-2", "headband_missing", NEVER)])
    result["pods"]["pod-2"] |= {"epochs": [], "gate": []}
    page = Page(night_html(result))
    assert_self_contained(page)
    assert "pod-2 its headband never came" in page.prose
    assert NEVER in page.prose
    assert "0:00:00 to the end" in page.prose
    assert "Do so." in page.prose
    assert "1 thing did not work, see below" in page.prose


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "Circle tide: never were 2 of its members in stable REM at once."),
        (
            [problem("pod-2", "headband_missing", NEVER)],
            WHOLE.format("only 1", "pod-2: its headband never came"),
        ),
        (
            [problem(pod, "no_grant", "no_grant", about="tide") for pod in ("pod-1", "pod-2")],
            WHOLE.format("none", f"pod-1: {UNGRANTED}; pod-2: {UNGRANTED}"),
        ),
        (
            [problem("pod-2", "clock_unsynchronised", "")],
            "and only 1 could take part the whole night long (pod-2: no time service kept the clock).",
        ),
        (
            [problem("pod-2", "no_grant", "no_grant", about="another")],
            "Circle tide: never were 2 of its members in stable REM at once.",
        ),
        (
            [
                problem(
                    "pod-2", "headband_missing", NEVER, spans=[{"from_s": 0.0, "to_s": 60.0}], total_s=60.0
                )
            ],
            "Circle tide: never were 2 of its members in stable REM at once.",
        ),
    ],
)
def test_why_no_window_opened_is_told_as_far_as_it_is_known(found: list[Any], said: str) -> None:
    page = Page(night_html(without_windows(problems=found)))
    assert "No window opened." in page.prose
    assert said in page.prose


def test_many_losses_are_told_by_their_number_first_and_last() -> None:
    spans = [{"from_s": 60.0 * k, "to_s": 60.0 * k + 5.0} for k in range(1, 31)]
    page = Page(
        night_html(without_windows(problems=[problem("pod-1", "headband_lost", "radio", spans=spans)]))
    )
    assert "30 times; first 0:01:00 to 0:01:05, last 0:30:00 to 0:30:05" in page.prose


def test_text_of_a_driver_is_text_and_never_markup() -> None:
    page = night_html(
        without_windows(problems=[problem("pod-1", "headband_lost", "<script>alert(1)</script>")])
    )
    assert "<script>" not in page


def test_a_problem_that_we_have_no_words_for_makes_a_report_all_the_same() -> None:
    page = Page(night_html(without_windows(problems=[problem("pod-1", "news_to_us")])))
    assert_self_contained(page)
    assert "news to us" in page.prose
