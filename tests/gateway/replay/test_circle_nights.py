"""Recorded nights side by side in a site in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from circle_nights import estimate, heard, together
from sanctuary.config.errors import InputError
from sanctuary.config.loading import load_settings
from sanctuary.pods.pod import permission
from sanctuary.signal.samples import Stage
from sanctuary.virtual_site.recorded_circle import HeardNight, aligned, check_overlap, circle_settings
from sanctuary.virtual_site.simulated_guests import VerdictLog

LONG_S = 6500
"""Enough for the least sleep of 90 min."""
REM = ((5900, 6300),)
SHORT_S = 900
GATE = ((300, 700),)


def windows(result: dict[str, Any]) -> list[tuple[int, int]]:
    return [(round(window["open_s"]), round(window["close_s"])) for window in result["windows"]]


def nights() -> list[HeardNight]:
    return [heard(LONG_S, ((5950, 6300),), REM), heard(LONG_S, ((6000, 6200),), REM)]


@pytest.fixture(scope="module")
def pair() -> dict[str, Any]:
    return together(nights())


def test_a_window_opens_while_both_gates_are_open_and_cues_sound_in_it(pair: dict[str, Any]) -> None:
    assert len(pair["windows"]) == 1
    [(open_s, close_s)] = windows(pair)
    assert 6000 <= open_s < 6030
    assert 6195 <= close_s <= 6202, "the gate that closes ends it"
    rendered = [cue for cue in pair["cues"] if cue["outcome"] == "rendered"]
    assert {cue["pod"] for cue in rendered} == {"pod-1", "pod-2"}
    assert pair["violations"] == []


def test_the_figures_fit_the_nights(pair: dict[str, Any]) -> None:
    shared = pair["shared"]
    assert shared["possible_s"] == 400
    assert shared["open_s"] == 200
    assert 150 < shared["cued_s"] < shared["windows_s"] <= 200
    assert shared["windows_in_rem_s"] == shared["windows_s"]
    assert shared["cues"] == shared["cues_in_rem"] == sum(c["outcome"] == "rendered" for c in pair["cues"])


def test_the_same_nights_give_the_same_result(pair: dict[str, Any]) -> None:
    again, first = together(nights()), dict(pair)
    for result in (again, first):
        result.pop("timing")
    assert json.dumps(again) == json.dumps(first)


def test_an_offset_moves_a_night_and_what_comes_of_it() -> None:
    apart = [heard(SHORT_S, GATE, GATE), heard(SHORT_S, ((100, 260),), ((100, 260),))]
    assert together(apart)["windows"] == []
    moved = together(apart, [0, 250])
    [(open_s, close_s)] = windows(moved)
    assert 350 <= open_s < 380
    assert 505 <= close_s <= 512
    assert [moved["pods"][pod]["offset_s"] for pod in ("pod-1", "pod-2")] == [0, 250]
    assert moved["duration_s"] == SHORT_S + 250
    assert moved["shared"]["open_s"] == 160


def test_minimum_sleep_of_the_expert_bounds_what_is_possible() -> None:
    early = ((3000, 5500),)
    assert together([heard(LONG_S, (), early), heard(LONG_S, (), early)])["shared"]["possible_s"] == 100


def test_a_night_that_ends_in_rem_ends_its_window() -> None:
    result = together([heard(600, ((300, 601),)), heard(SHORT_S, ((300, 901),))])
    [(_, close_s)] = windows(result)
    assert 600 <= close_s <= 612
    assert all(cue["t_s"] <= 604 for cue in result["cues"] if cue["outcome"] == "rendered")
    assert result["violations"] == []


def test_windows_that_are_open_in_the_morning_close_of_themselves() -> None:
    result = together([heard(600, ((300, 601),))] * 2)
    assert [window["reason_closed"] for window in result["windows"]] == ["quorum_lost"]
    assert all(member["to_s"] is not None for member in result["windows"][0]["members"])


def test_before_a_night_begins_its_pod_has_no_signal() -> None:
    verdicts = heard(100, ((0, 101),)).verdicts.verdicts(50, 200)
    stages = [verdicts.at(float(t_s)).stage for t_s in (50, 51, 150, 151)]
    assert stages == [Stage.UNKNOWN, Stage.R, Stage.R, Stage.UNKNOWN]
    assert verdicts.stable_s == 100


def test_three_of_four_take_three_gates() -> None:
    four = [heard(SHORT_S, GATE)] * 2 + [heard(SHORT_S)] * 2
    assert together(four, quorum=3)["windows"] == []
    found = together(four, quorum=2)
    assert len(found["windows"]) == 1
    assert found["shared"]["open_s"] == 400


def test_a_design_without_cues_gives_none() -> None:
    result = together([heard(SHORT_S, GATE)] * 2, design="silence")
    assert result["windows"]
    assert (result["cues"], result["shared"]["cued_s"]) == ([], 0)
    assert result["circles"][0]["design"] == "silence"


def test_without_a_hypnogram_of_each_there_are_no_shared_figures() -> None:
    result = together([heard(SHORT_S, GATE), heard(SHORT_S, GATE, None)])
    assert result["windows"]
    assert "shared" not in result


def test_a_bug_in_a_pod_is_found_by_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permission, "p1_stable_rem", lambda *_: None)
    found = together([heard(SHORT_S, GATE), heard(SHORT_S, ((300, 400),))])
    assert {broken["rule"] for broken in found["violations"]} & {"P1", "P4"}


def test_what_is_assumed_is_said() -> None:
    two = [heard(60)] * 2
    first, consent, sleep = together(two)["assumed"]
    assert "one moment" in first
    assert "sound up to 40 dBA" in consent
    assert "no cue wakes" in sleep
    assert "offsets given" in together(two, [0, 30])["assumed"][0]


# --- settings, offsets, and the log of verdicts ---


def test_the_settings_of_the_circle_keep_bounds_and_thresholds_and_ask_for_no_answers(tmp_path: Any) -> None:
    path = tmp_path / "sanctuary.toml"
    path.write_text(
        '[site]\ngateways = ["a", "b"]\n[limiter]\nmax_level_dba = 35.0\n'
        '[[pods]]\nid = "pod-2"\nsleeper = "x"\nthreshold_dba = 21.0\nheadband = {kind = "simulated"}\n'
        '[[pods]]\nid = "other"\nsleeper = "y"\nheadband = {kind = "simulated"}\n'
        '[[circles]]\nid = "we"\nmembers = ["pod-2", "other"]\ndesign = "lantern"\n'
        "simulated_grant = {echo = true, max_level_dba = 33.0}\n"
    )
    found = circle_settings(load_settings(path, {}, []).settings, 3, 2)
    assert [pod.threshold_dba for pod in found.pods] == [None, 21.0, None]
    [circle] = found.circles
    assert (circle.id, circle.members, circle.design) == ("we", ("pod-1", "pod-2", "pod-3"), "lantern")
    assert (circle.simulated_grant.echo, circle.simulated_grant.max_level_dba) == (False, 33.0)
    assert found.limiter.max_level_dba == 35.0
    assert len(found.site.gateways) == 1


@pytest.mark.parametrize(
    ("given", "wanted"), [([0, 0], [0, 0]), ([0, -60, 30], [60, 0, 90]), ([10, 20], [10, 20])]
)
def test_the_earliest_night_begins_the_circles(given: list[int], wanted: list[int]) -> None:
    assert aligned(given) == wanted


@pytest.mark.parametrize(
    ("lengths_s", "offsets_s", "quorum", "said"),
    [
        ([100.0, 100.0], [0, 100], 2, "pod-1"),
        ([100.0, 100.0, 100.0], [0, 0, 500], 2, "pod-3"),
        ([100.0, 100.0, 100.0], [0, 60, 120], 3, "--quorum 3"),
        ([80_000.0, 80_000.0], [0, 9000], 2, "24 h"),
    ],
)
def test_nights_without_a_common_time_are_refused(
    lengths_s: list[float], offsets_s: list[int], quorum: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check_overlap(lengths_s, offsets_s, quorum)


def test_nights_that_have_a_second_in_common_are_taken() -> None:
    check_overlap([100.0, 100.0], [0, 99], 2)
    check_overlap([100.0, 300.0, 100.0], [0, 0, 200], 2)


def test_seconds_that_the_chain_skipped_are_too_poor_to_say() -> None:
    log = VerdictLog(0.5)
    for t_s in (1.0, 4.0):
        log.estimate(estimate(t_s, rem=True))
    log.estimate(estimate(5.0, rem=True, quality=0.4))
    log.estimate(estimate(6.0, rem=True, arousal=True))
    verdicts = log.verdicts()
    stable = [verdicts.at(t_s).stable_rem for t_s in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert stable == [True, False, False, True, False]
    assert verdicts.at(2.0).stage is Stage.UNKNOWN
    assert verdicts.at(6.0).arousal


def test_an_empty_night_says_nothing() -> None:
    assert VerdictLog(0.5).verdicts(2, 10).stable_s == 0
