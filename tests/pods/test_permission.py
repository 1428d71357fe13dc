"""The rules of a moment: asked once a tick, and each alone what docs/safety.md says."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from house import ROOT
from pod_bench import (
    CIRCLE,
    DESIGN,
    ORIGIN,
    SLEEPER_KEY,
    PodBench,
    eligible_bench,
    entries,
    estimate,
    grant,
    make_bench,
    renders,
    window_bench,
)
from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.entries import Grant, UtcRange, key_id
from sanctuary.config.site_settings import PodSettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.pods.pod import permission as rules
from sanctuary.pods.pod.events import ClockMeasured, EstimateArrived, LinkRestored, Ticked
from sanctuary.pods.pod.evidence import ClockReason, EvidenceReason
from sanctuary.pods.pod.permission import Permission, Refusal
from sanctuary.pods.pod.states import ENGAGED, LATCHED, PodPhase


class WatchedBook(ConsentBook):
    """Counts how often it is asked for the grant in force."""

    def __init__(self) -> None:
        super().__init__(ORIGIN, key_id(SLEEPER_KEY))
        self.asked: Counter[str] = Counter()

    def in_force(self, circle: str, now: float | UtcRange) -> Grant | ConsentReason:
        self.asked[circle] += 1
        return super().in_force(circle, now)


def asked_in(bench: PodBench, now_s: float) -> tuple[Counter[str], list[Any]]:
    book = bench.pod.consent
    assert isinstance(book, WatchedBook)
    book.asked.clear()
    out = bench.handle(Ticked(), now_s)
    return book.asked, out


def test_consent_is_looked_up_once_in_a_tick_that_renders_a_cue_renews_a_lease_and_tells_the_state() -> None:
    bench = window_bench(consent=WatchedBook())
    bench.sleep(1)
    bench.handle(EstimateArrived(estimate(bench.now_s + 0.9)), bench.now_s + 0.9)
    asked, out = asked_in(bench, bench.now_s + 0.1)
    assert len(renders(out)) == 1
    assert asked == {CIRCLE: 1}


def test_consent_is_looked_up_once_in_a_tick_outside_a_window_too() -> None:
    bench = eligible_bench(consent=WatchedBook())
    asked, _ = asked_in(bench, bench.now_s + 0.5)
    assert asked == {CIRCLE: 1}


def test_each_circle_of_the_sleeper_is_looked_up_once() -> None:
    bench = eligible_bench(consent=WatchedBook(), circles=(CIRCLE, "other-circle"))
    asked, _ = asked_in(bench, bench.now_s + 0.5)
    assert asked == {CIRCLE: 1, "other-circle": 1}


def test_a_pod_says_what_it_permits_at_a_moment_and_why_not_at_another() -> None:
    bench = eligible_bench()
    now = bench.pod.permits(bench.now_s)
    assert isinstance(now, Permission)
    assert now.willing == (CIRCLE,)
    later = bench.pod.permits(bench.now_s + 3.0)
    assert isinstance(later, Refusal)
    assert later.reason is EvidenceReason.STALE
    assert later.willing == (CIRCLE,), "what speaks for a window is said although something speaks against it"


def test_the_clock_speaks_before_the_sleep_and_the_sleep_before_the_grants() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    reasons = []
    for event in (ClockMeasured(0.0, 0.002), EstimateArrived(estimate(1.0))):
        verdict = bench.pod.permits(bench.now_s)
        assert isinstance(verdict, Refusal)
        reasons.append(verdict.reason)
        bench.handle(event, 1.0)
    last = bench.pod.permits(1.0)
    assert isinstance(last, Refusal)
    assert [*reasons, last.reason] == [
        ClockReason.UNCERTAIN,
        EvidenceReason.NO_ESTIMATE,
        ConsentReason.NO_GRANT,
    ]


@pytest.mark.parametrize(
    ("changes", "age_s", "reason"),
    [
        ({}, 2.9, None),
        ({}, 3.0, EvidenceReason.STALE),
        ({"quality": 0.49}, 0.0, EvidenceReason.LOW_QUALITY),
        ({"quality": float("nan")}, 0.0, EvidenceReason.LOW_QUALITY),
        ({"rem": False}, 0.0, EvidenceReason.NOT_REM),
        ({"arousal": True}, 3.0, EvidenceReason.AROUSAL),
    ],
)
def test_p1_asks_for_rem_that_is_stable_fresh_and_clearly_seen(
    changes: dict[str, Any], age_s: float, reason: EvidenceReason | None
) -> None:
    assert rules.p1_stable_rem(estimate(10.0, **changes), 10.0 + age_s, PodSettings()) is reason


def test_p1_takes_no_estimate_for_no() -> None:
    assert rules.p1_stable_rem(None, 10.0, PodSettings()) is EvidenceReason.NO_ESTIMATE


@pytest.mark.parametrize(
    ("cue", "design", "answers", "reason"),
    [
        (Cue(Modality.SOUND, 40.0, 6.0, 2.0), DESIGN.hash, False, None),
        (Cue(Modality.SOUND, 40.1, 6.0, 2.0), DESIGN.hash, False, ConsentReason.LEVEL),
        (Cue(Modality.HAPTIC, 0.1, 6.0, 2.0), DESIGN.hash, False, ConsentReason.MODALITY),
        (Cue(Modality.SOUND, 40.0, 6.0, 2.0), "f" * 64, False, ConsentReason.DESIGN),
        (Cue(Modality.SOUND, 40.0, 6.0, 2.0), DESIGN.hash, True, ConsentReason.ECHO),
    ],
)
def test_p2_asks_the_grant_for_modality_level_design_and_answers(
    cue: Cue, design: str, answers: bool, reason: ConsentReason | None
) -> None:
    book = ConsentBook(ORIGIN, key_id(SLEEPER_KEY))
    assert rules.p2_consent(book, grant(), cue, design, answers=answers) is reason


def test_p2_passes_on_why_there_is_no_grant() -> None:
    book, cue = ConsentBook(ORIGIN, key_id(SLEEPER_KEY)), Cue(Modality.SOUND, 30.0, 6.0, 2.0)
    refused = rules.p2_consent(book, ConsentReason.EXPIRED, cue, DESIGN.hash, answers=False)
    assert refused is ConsentReason.EXPIRED


@pytest.mark.parametrize("phase", PodPhase)
def test_p5_lets_no_pod_into_a_second_window(phase: PodPhase) -> None:
    refused = rules.p5_one_window(phase)
    assert (refused is None) == (phase not in ENGAGED | LATCHED | {PodPhase.OFFLINE})


def test_a_step_is_refused_for_the_reason_of_its_moment() -> None:
    bench = window_bench()
    bench.handle(EstimateArrived(estimate(bench.now_s)), bench.now_s + 0.1)
    bench.sleep(1)
    (entry,) = entries(bench.handle(Ticked(), bench.now_s + 3.0))
    assert (entry["outcome"], entry["reason"]) == ("refused", "late")


def test_the_contract_names_functions_that_there_are() -> None:
    """What keeps P1 to P7, in docs/safety.md, as ``function`` in ``file``."""
    text = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| P[1-7] \|", line)]
    assert len(rows) == 7
    for row in rows:
        named = re.findall(r"`(\w+(?:\.\w+)?)` in `([\w/]+\.py)`", row)
        assert named, row
        for name, file in named:
            source = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf"^\s*(?:def|class) {name.split('.')[-1]}\b|^{name}\b", source, re.MULTILINE), (
                name
            )
