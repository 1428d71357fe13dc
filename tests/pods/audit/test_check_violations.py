"""The audit finds what the logs betray: one good night, doctored once per rule."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from fake_site import UTC_AT_ZERO_S, FakeSite
from pod_bench import estimate
from sanctuary.config.site_settings import CoordinatorSettings, LimiterSettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.pod.events import LinkLost, LinkRestored, PersonReset, StopPressed

Lines = list[dict[str, Any]]


@cache
def good_night() -> str:
    """A night with two windows, a stop, an arousal and a lost link, as it would stand in files."""
    house = FakeSite(5, settings=CoordinatorSettings(refractory_s=60.0))
    house.run(54.0)
    house.do("pod-1", StopPressed())
    house.run(80.0)
    house.do("pod-1", PersonReset())
    house.say(lambda t_s: estimate(t_s, arousal=True), "pod-2")
    house.run(85.0)
    house.say(lambda t_s: estimate(t_s), "pod-2")
    house.run(200.0)
    house.do("pod-3", LinkLost())
    house.run(210.0)
    house.do("pod-3", LinkRestored())
    house.run(240.0)
    house.say(lambda t_s: estimate(t_s, rem=False), "pod-2", "pod-3")
    house.run(250.0)
    house.say(lambda t_s: estimate(t_s), "pod-2", "pod-3")
    house.run(360.0)
    return json.dumps(house.records)


def night() -> Lines:
    lines: Lines = json.loads(good_night())
    return lines


def rules(lines: Lines) -> set[str]:
    return {violation.rule for violation in check_violations(lines)}


def cues(lines: Lines, pod: str = "pod-1") -> Lines:
    return [x for x in lines if x["kind"] == "cue" and x["outcome"] == "rendered" and x["pod"] == pod]


def before(lines: Lines, cue: dict[str, Any], kind: str) -> dict[str, Any]:
    """The last record of a kind that the cue's pod wrote before it."""
    found = [x for x in lines[: index_of(lines, cue)] if x["kind"] == kind and x["pod"] == cue["pod"]]
    return found[-1]


def index_of(lines: Lines, wanted: dict[str, Any]) -> int:
    return next(index for index, line in enumerate(lines) if line is wanted)


def test_a_good_night_has_no_violations() -> None:
    lines = night()
    assert len(cues(lines)) > 3
    assert len({x["window"] for x in lines if x["kind"] == "window" and x["event"] == "opened"}) == 3
    assert check_violations(lines) == []


def test_an_empty_night_has_no_violations() -> None:
    assert check_violations([]) == []


Doctor = Callable[[Lines], None]


def change(kind: str, **changes: Any) -> Doctor:
    """Change the record of a kind before the second cue of pod-1, or that cue itself."""

    def doctor(lines: Lines) -> None:
        cue = cues(lines)[1]
        target = cue if kind == "cue" else before(lines, cue, kind)
        target.update(changes)

    return doctor


def insert_before_cue(record: dict[str, Any]) -> Doctor:
    def doctor(lines: Lines) -> None:
        cue = cues(lines)[1]
        lines.insert(index_of(lines, cue), {"t_s": cue["t_s"] - 0.1, "pod": "pod-1", **record})

    return doctor


def without(kind: str, **having: Any) -> Doctor:
    def doctor(lines: Lines) -> None:
        gone = [
            x for x in lines if x["kind"] == kind and all(x[key] == value for key, value in having.items())
        ]
        assert gone
        lines[:] = [x for x in lines if not any(x is one for one in gone)]

    return doctor


def pod_event(name: str) -> Doctor:
    return insert_before_cue({"kind": "pod", "event": name, "detail": ""})


def consent_act(act: str, **changes: Any) -> Doctor:
    empty = {"circle": "*", "seq": 1, "design": "", "modalities": [], "caps": {}, "nbf": 0.0, "exp": 0.0}
    record = {"kind": "consent", "utc_s": UTC_AT_ZERO_S + 26.0, "act": act, "reason": "", **empty, **changes}
    return insert_before_cue(record)


def earlier_cue(lines: Lines) -> None:
    two, shift_s = cues(lines)[1], 6.0
    for line in lines:
        if line["kind"] in ("cue", "output") and line["pod"] == "pod-1" and line["step"] == two["step"]:
            line["t_s"] -= shift_s
    index = index_of(lines, two)
    lines.insert(index, {**before(lines, two, "estimate"), "sampled_s": two["t_s"] - 0.5})


def light(**changes: Any) -> Doctor:
    """Change the first light cue of pod-1."""

    def doctor(lines: Lines) -> None:
        next(cue for cue in cues(lines) if cue["modality"] == "light").update(changes)

    return doctor


def booted(**changes: Any) -> Doctor:
    """Change what pod-1 said when it booted."""

    def doctor(lines: Lines) -> None:
        boots = [x for x in lines if x["kind"] == "pod" and x["event"] == "booted" and x["pod"] == "pod-1"]
        boots[0].update(changes)

    return doctor


def both(*doctors: Doctor) -> Doctor:
    def doctor(lines: Lines) -> None:
        for one in doctors:
            one(lines)

    return doctor


def hasty(lines: Lines) -> None:
    """Let the stop of pod-1 come 5 s before a cue."""
    cue = cues(lines)[-1]
    at = index_of(lines, cue)
    record = {"t_s": cue["t_s"] - 5.0, "pod": "pod-1"}
    lines.insert(at, {**record, "kind": "silence", "reason": "low_quality"})


def repeated_command(lines: Lines) -> None:
    obeyed = next(x for x in lines if x["kind"] == "command" and x["obeyed"])
    lines.append(copy.deepcopy(obeyed))


def obeyed_command(**changes: Any) -> Doctor:
    def doctor(lines: Lines) -> None:
        last = [x for x in lines if x["kind"] == "command" and x["obeyed"]][-1]
        last.update(changes)

    return doctor


def second_window(lines: Lines) -> None:
    opened = before(lines, cues(lines)[1], "pod_window")
    lines.insert(index_of(lines, cues(lines)[1]), {**opened, "event": "opened", "window": "another"})


def swapped_output(lines: Lines) -> None:
    cue = cues(lines)[1]
    where = index_of(lines, cue)
    output = next(x for x in lines[where:] if x["kind"] == "output" and x["pod"] == "pod-1")
    lines.remove(output)
    lines.insert(where, output)


def deaf_coordinator(lines: Lines) -> None:
    """No lease comes any more after the first window opened, yet nothing is closed."""
    opened = next(x for x in lines if x["kind"] == "window" and x["event"] == "opened")
    lines[:] = [
        x
        for x in lines
        if x["kind"] != "lease" or x["window"] != opened["window"] or x["t_s"] <= opened["t_s"]
    ]


def cue_after_the_end(lines: Lines) -> None:
    window = cues(lines)[1]["window"]
    for line in lines:
        if line["kind"] == "window" and line["window"] == window and line["valid_until_s"]:
            line["valid_until_s"] = min(line["valid_until_s"], 20.0)


@pytest.mark.parametrize(
    ("rule", "doctor"),
    [
        ("P1", change("estimate", stable_rem=False)),
        ("P1", change("estimate", arousal=True)),
        ("P1", change("estimate", quality=0.49)),
        ("P1", change("estimate", sampled_s=0.0)),
        ("P1", pod_event("headband_lost")),
        ("P1", without("estimate", pod="pod-1")),
        ("P2", without("consent", pod="pod-1")),
        ("P2", consent_act("withdraw")),
        ("P2", consent_act("withdraw", circle="tide-circle", seq=2)),
        ("P2", consent_act("withdraw_here")),
        ("P2", consent_act("grant", circle="tide-circle", seq=2, exp=9e9)),
        ("P2", change("consent", circle="another")),
        ("P2", change("consent", design="0" * 64)),
        ("P2", change("consent", exp=UTC_AT_ZERO_S + 5.0)),
        ("P2", change("consent", nbf=UTC_AT_ZERO_S + 500.0)),
        ("P2", change("consent", caps={"haptic": 0.2})),
        ("P2", change("cue", modality="sound", level=40.5)),
        ("P3", change("cue", modality="sound", level=40.5)),
        ("P3", change("cue", modality="sound", level=32.5)),
        ("P3", change("cue", modality="light", level=float("nan"))),
        ("P3", change("cue", modality="light", fade_s=0.09)),
        ("P3", change("cue", duration_s=12.5)),
        ("P3", change("cue", modality="light", flash_hz=1.1)),
        ("P3", change("cue", modality="light", flash_hz=1.0, duration_s=11.0)),
        ("P3", earlier_cue),
        ("P3", change("estimate", arousal=True)),
        ("P3", light(rgb=[255, 0, 0])),
        ("P3", light(flash_hz=1.5)),
        ("P3", light(duration_s=0.24)),
        ("P3", both(light(flash_hz=1.0), booted(lamps_in_view=2))),
        ("P3", booted(light_cleared=False)),
        ("P3", booted(carried={"in_night": 60, "woken": False, "highest": {}})),
        ("P3", booted(carried={"in_night": 1, "woken": True, "highest": {"sound": 12.0}})),
        ("P4", hasty),
        ("P4", pod_event("stop_pressed")),
        ("P4", pod_event("link_lost")),
        ("P4", consent_act("withdraw_here")),
        ("P4", without("silence", reason="stop_pressed")),
        ("P4", change("pod_window", valid_until_s=5.0, event="opened")),
        ("P5", second_window),
        ("P5", change("cue", window="another")),
        ("P5", without("pod_window", pod="pod-1", event="opened")),
        ("P6", repeated_command),
        ("P6", obeyed_command(term=0)),
        ("P6", obeyed_command(expires_at_s=1.0)),
        ("P6", obeyed_command(expires_at_s=None)),
        ("P7", without("cue", pod="pod-1", step=1)),
        ("P7", swapped_output),
        ("P7", change("cue", reason="because")),
        ("P7", change("cue", step=0)),
        ("P7", change("cue", sham=True)),
        ("C1", without("lease")),
        ("C4", deaf_coordinator),
        ("C4", cue_after_the_end),
    ],
)
def test_a_doctored_night_is_found_out(rule: str, doctor: Doctor) -> None:
    lines = night()
    doctor(lines)
    assert rule in rules(lines)


def test_a_sham_that_does_not_sound_is_in_order() -> None:
    lines = night()
    for cue in [cue for pod in ("pod-1", "pod-2", "pod-3") for cue in cues(lines, pod)]:
        cue["sham"] = True
    lines = [line for line in lines if line["kind"] != "output"]
    assert check_violations(lines) == []


def test_the_night_is_judged_by_its_own_limits() -> None:
    found = check_violations(night(), limiter_settings=LimiterSettings(night_budget=2))
    assert {violation.rule for violation in found} == {"P3"}


def test_a_violation_says_what_when_and_who() -> None:
    lines = night()
    change("estimate", quality=0.1)(lines)
    violation = next(v for v in check_violations(lines) if v.rule == "P1")
    assert violation.subject == "pod-1"
    assert violation.t_s == cues(lines)[1]["t_s"]
    assert "signal quality was 0.10" in violation.text
