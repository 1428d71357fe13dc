"""The report of a circle of recorded nights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from circle_nights import heard, together
from page_checks import Page, assert_self_contained
from report_samples import epochs, openings, scores, stages
from sanctuary.config.errors import InputError
from sanctuary.gateway.reports.circle_report import circle_page, write_circle_report

HOURS = 2.0


def replayed(seed: int, *, scored: bool) -> dict[str, Any]:
    """What `sanctuary replay` would say of a made-up night."""
    truth = stages(HOURS, seed)
    found = epochs(truth, seed)
    result: dict[str, Any] = {"epochs": found, "gate": openings(truth), "warnings": [f"night {seed} is odd"]}
    if scored:
        result |= {"truth": [None, *truth[1:]], "scores": scores(truth, found)}
    return result


def result(*, scored: bool = True) -> dict[str, Any]:
    rem = ((100, 800),)
    nights = [heard(900, rem, rem if scored else None, name=f"n_{seed}.edf") for seed in (1, 2)]
    for seed, night in enumerate(nights, start=1):
        night.result.update(replayed(seed, scored=scored))
    return together(nights, [0, 120])


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


def test_another_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="circle result: schema"):
        write_circle_report(tmp_path / "out.html", {"schema": "sanctuary.demo.v1"})
    assert list(tmp_path.iterdir()) == []
