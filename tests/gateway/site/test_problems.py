"""What did not work in a night is found from its log alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import Cause
from sanctuary.gateway.site.advice import HEADBANDS
from sanctuary.gateway.site.problems import problems_of
from sanctuary.pods.protocol.gateway_records import trouble_record
from sanctuary.pods.protocol.records import LogRecord

END_S = 3600.0


def pod(event: str, t_s: float, detail: str = "", name: str = "pod-1", **more: Any) -> dict[str, Any]:
    return {"kind": "pod", "t_s": t_s, "pod": name, "event": event, "detail": detail} | more


def estimate(t_s: float, quality: float, name: str = "pod-1") -> dict[str, Any]:
    return {"kind": "estimate", "t_s": t_s, "pod": name, "quality": quality}


def _line(given: Any) -> Any:
    return given.to_dict() if isinstance(given, LogRecord) else given


def rows(*lines: Any) -> list[dict[str, Any]]:
    return [
        problem.model_dump(mode="json") for problem in problems_of([_line(each) for each in lines], END_S)
    ]


def test_a_quiet_night_has_none() -> None:
    assert (
        rows(pod("booted", 0.0), pod("link_restored", 0.1), estimate(1.0, 0.9), estimate(3600.0, 0.8)) == []
    )


def test_a_headband_that_never_came_is_told_with_reason_cause_and_advice() -> None:
    (row,) = rows(
        pod("booted", 0.0), pod("headband_lost", 10.0, "/dev/ttyX: no such port", cause="not found")
    )
    assert row["what"] == "headband_missing"
    assert row["reason"] == "/dev/ttyX: no such port"
    assert row["advice"] == HEADBANDS[Cause.NOT_FOUND]
    assert row["spans"] == [{"from_s": 10.0, "to_s": None}]
    assert row["total_s"] == END_S - 10.0


def test_a_clock_that_nobody_kept_is_told_from_when_to_when() -> None:
    heard = [(0.0, False), (600.0, True), (900.0, True), (3000.0, False)]
    (row,) = rows(*(pod("utc_heard", t_s, utc_suffices=suffices) for t_s, suffices in heard))
    assert (row["what"], row["total_s"]) == ("clock_unsynchronised", 1200.0)
    assert row["spans"] == [{"from_s": 0.0, "to_s": 600.0}, {"from_s": 3000.0, "to_s": None}]
    assert "timedatectl" in row["advice"]


def test_a_headband_that_comes_late_is_told_until_it_came() -> None:
    (row,) = rows(pod("headband_lost", 1.0, "off"), pod("headband_found", 601.0), estimate(602.0, 0.9))
    assert (row["what"], row["total_s"]) == ("headband_missing", 600.0)


def test_losses_for_one_reason_are_one_row_with_each_time() -> None:
    lines = [estimate(1.0, 0.9)]
    for t_s in (100.0, 200.0, 300.0):
        lines += [
            pod("headband_lost", t_s, "radio", cause="dropped"),
            pod("headband_found", t_s + 5.0),
        ]
    lines.append(pod("headband_lost", 400.0, "no samples", cause="silent"))
    first, second = rows(*lines)
    assert (first["reason"], first["times"], first["total_s"]) == ("no samples", 1, 3200.0)
    assert (second["reason"], second["times"], second["total_s"]) == ("radio", 3, 15.0)
    assert {first["what"], second["what"]} == {"headband_lost"}


def test_a_signal_that_is_unusable_for_long_is_told_and_a_moment_is_not() -> None:
    assert rows(estimate(0.0, 0.0), estimate(20.0, 0.9)) == []
    assert rows(estimate(END_S - 50.0, 0.0)) == []
    (row,) = rows(estimate(0.0, 0.9), estimate(100.0, 0.2), estimate(800.0, 0.7))
    assert (row["what"], row["total_s"]) == ("signal_unusable", 700.0)
    assert "electrodes" in row["advice"]


def test_no_signal_at_all_is_not_called_bad_contact() -> None:
    (row,) = rows(estimate(0.0, 0.1), pod("headband_lost", 1.0, "gone"))
    assert row["what"] == "headband_lost"


@pytest.mark.parametrize("lack", ["no_grant", "grant_expired", "design_not_granted", "withdrawn"])
def test_a_lack_of_a_grant_is_told_by_circle_with_its_reason(lack: str) -> None:
    (row,) = rows(trouble_record("no_grant", "began", 0.0, pod="pod-1", about="tide", detail=lack))
    assert (row["what"], row["about"], row["reason"]) == ("no_grant", "tide", lack)
    assert row["advice"]


def test_a_grant_that_comes_ends_the_lack_and_one_that_is_narrow_is_told_as_such() -> None:
    lack, narrow = rows(
        trouble_record("no_grant", "began", 0.0, pod="pod-1", about="tide", detail="no_grant"),
        trouble_record(
            "no_grant", "began", 60.0, pod="pod-1", about="tide", detail="modality_not_granted light"
        ),
        trouble_record("no_grant", "ended", 100.0, pod="pod-1", about="tide"),
    )
    assert (lack["what"], lack["total_s"]) == ("no_grant", 60.0)
    assert (narrow["what"], narrow["total_s"]) == ("grant_too_narrow", 40.0)


def test_a_pod_that_was_stopped_before_the_night_and_one_stopped_in_it() -> None:
    before, within = rows(pod("booted", 0.0, "stopped"), pod("stop_pressed", 600.0, name="pod-2"))
    assert (before["pod"], before["what"], before["total_s"]) == ("pod-1", "latched", END_S)
    assert (within["pod"], within["total_s"]) == ("pod-2", 3000.0)


def test_what_concerns_the_whole_sanctuary_comes_first() -> None:
    found = rows(
        pod("link_lost", 10.0),
        pod("link_restored", 70.0),
        trouble_record("log_unwritten", "began", 20.0, detail="No space left on device"),
    )
    assert [(row["pod"], row["what"]) for row in found] == [("", "log_unwritten"), ("pod-1", "link_lost")]
    assert found[0]["reason"] == "No space left on device"


def test_cues_refused_for_want_of_room_are_told_and_others_are_not() -> None:
    cue = {"kind": "cue", "t_s": 5.0, "pod": "pod-1", "outcome": "refused"}
    (row,) = rows(cue | {"reason": "too_soon"}, cue | {"reason": "log_not_kept"})
    assert row["what"] == "cue_refused"


EVENTS = st.sampled_from(
    [
        "booted",
        "headband_lost",
        "headband_found",
        "link_lost",
        "link_restored",
        "stop_pressed",
        "person_reset",
    ]
)


@given(st.lists(st.tuples(EVENTS, st.sampled_from(["", "a", "b"])), max_size=30))
def test_whatever_befell_spans_lie_in_the_night_in_order_and_do_not_overlap(
    events: list[tuple[str, str]],
) -> None:
    lines = [pod(event, 10.0 * at, detail) for at, (event, detail) in enumerate(events)]
    for row in rows(*lines):
        last_s = 0.0
        for span in row["spans"]:
            to_s = END_S if span["to_s"] is None else span["to_s"]
            assert last_s <= span["from_s"] <= to_s <= END_S
            last_s = to_s
        assert 0.0 <= row["total_s"] <= END_S
