"""The report of a circle of recorded nights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from circle_nights import heard, together
from page_checks import Page, assert_self_contained
from report_samples import replay_result
from sanctuary.gateway.reports.night_report import circle_page, write_circle_report
from sanctuary.gateway.results.circle_result import CircleResult
from sanctuary.gateway.results.replay_result import ReplayResult

HOURS = 2.0


def result(*, scored: bool = True) -> CircleResult:
    rem = ((100, 800),)
    nights = [heard(900, rem, rem if scored else None, name=f"n_{seed}.edf") for seed in (1, 2)]
    for seed, night in enumerate(nights, start=1):
        changes = {"file": f"n_{seed}.edf", "warnings": [f"night {seed} is odd"], "duration_s": 900.0}
        made = ReplayResult.model_validate(replay_result(HOURS, scored=scored, seed=seed, **changes))
        nights[seed - 1] = replace(night, result=made)
    return CircleResult.model_validate(together(nights, [0, 120]))


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(circle_page(result()))


def test_it_is_complete_in_itself_and_names_its_nights(page: Page) -> None:
    assert_self_contained(page)
    assert "a circle of recorded nights" in page.text
    assert "2 recorded nights" in page.text
    assert "n_1" in page.text
    assert "simulat" not in page.text.casefold()


def test_it_says_what_was_shared_and_what_is_assumed(page: Page) -> None:
    assert {"REM that could be shared, and what came of it", "Scores per pod"} <= set(page.captions)
    assert "every sleeper consents" in page.text
    assert "pod-2: night 2 is odd" in page.text


def test_without_hypnograms_it_claims_nothing() -> None:
    page = Page(circle_page(result(scored=False)))
    assert "it is not known how much REM could be shared" in page.text
    assert "No scores: no hypnogram was given." in page.text
    assert "REM that could be shared, and what came of it" not in page.captions


def test_the_same_values_give_the_same_page() -> None:
    given = result()
    assert circle_page(given) == circle_page(given)


def test_it_writes_the_file(tmp_path: Path) -> None:
    given = result()
    write_circle_report(tmp_path / "out.html", given)
    assert (tmp_path / "out.html").read_text() == circle_page(given)


def test_another_result_is_refused() -> None:
    with pytest.raises(ValidationError, match="schema"):
        CircleResult.model_validate(result().to_json() | {"schema": "sanctuary.demo.v1"})
