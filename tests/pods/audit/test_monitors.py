"""Monitors check one record at a time; each of them is tripped once, at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sanctuary.pods.audit import Auditor, Violation, check_violations
from sanctuary.pods.audit.message_rules import WireMonitor
from sanctuary.pods.audit.monitor import in_order

Line = dict[str, Any]
CUE: Line = {
    "kind": "cue", "pod": "pod-1", "window": "w1", "circle": "c1", "design": "d", "step": 0, "due_s": 10.0,
    "outcome": "rendered", "reason": "", "modality": "sound", "level": 30.0, "duration_s": 10.0,
    "fade_s": 1.0, "flash_hz": 0.0, "rgb": [0, 0, 0],
}  # fmt: skip


def window(event: str, t_s: float, name: str, **changes: Any) -> Line:
    line = {
        "kind": "window", "t_s": t_s, "gateway": "gateway-1", "circle": "c1", "window": name, "event": event,
        "term": 1, "quorum": 0, "live": [], "valid_until_s": t_s + 5.0, "reason": "", "contenders": {},
    }  # fmt: skip
    return line | changes


def pod_window(event: str, t_s: float, pod: str, name: str, **changes: Any) -> Line:
    line = {
        "kind": "pod_window", "t_s": t_s, "pod": pod, "event": event, "window": name, "circle": "c1",
        "valid_until_s": t_s + 5.0,
    }  # fmt: skip
    return line | changes


def leadership(version: int, event: str, t_s: float, gateway: str, until_s: float | None) -> Line:
    named = (
        {"kind": "tenure", "event": "holding" if event == "leading" else event}
        if version == 1
        else {"kind": "leadership", "schema": "gateway.leadership.v2", "event": event}
    )
    return {
        **named, "t_s": t_s, "gateway": gateway, "circle": "c1", "term": 1, "reason": "",
        "authority_until_s": until_s,
    }  # fmt: skip


def told(auditor: Auditor, *lines: Line) -> list[str]:
    """The rules that the last of these records breaks; none before it may break any but P1 to P7."""
    found: list[Violation] = []
    for line in lines:
        found = auditor.push(line)
    return [violation.rule for violation in found]


def test_a_deadline_trips_when_time_passes_without_another_record() -> None:
    auditor = Auditor()
    auditor.push({**CUE, "t_s": 10.0})
    auditor.push({"kind": "pod", "t_s": 11.0, "pod": "pod-1", "event": "stop_pressed", "detail": ""})
    assert auditor.advance(12.0) == []
    assert [violation.rule for violation in auditor.advance(12.1)] == ["P4"]
    assert auditor.advance(30.0) == []


def test_a_silence_in_time_meets_the_deadline() -> None:
    auditor = Auditor()
    auditor.push({**CUE, "t_s": 10.0})
    auditor.push({"kind": "pod", "t_s": 11.0, "pod": "pod-1", "event": "stop_pressed", "detail": ""})
    auditor.push({"kind": "silence", "t_s": 11.9, "pod": "pod-1", "reason": "stop_pressed"})
    assert auditor.advance(30.0) == []


def test_what_hangs_is_given_time_until_it_goes_on() -> None:
    auditor = Auditor()
    auditor.push({**CUE, "t_s": 10.0})
    auditor.push({"kind": "hang", "t_s": 10.5, "pod": "pod-1", "until_s": 14.0})
    auditor.push({"kind": "pod", "t_s": 14.0, "pod": "pod-1", "event": "stop_pressed", "detail": ""})
    assert auditor.advance(14.9) == []
    assert [violation.rule for violation in auditor.advance(15.1)] == ["P4"]


def test_c3_two_windows_of_one_circle_at_two_pods() -> None:
    lines = pod_window("opened", 10.0, "pod-1", "w1"), pod_window("opened", 12.0, "pod-2", "w2")
    assert "C3" in told(Auditor(), *lines)
    later = pod_window("opened", 15.1, "pod-2", "w2")
    assert "C3" not in told(Auditor(), lines[0], later)


def test_c3_a_second_window_while_the_first_may_still_go_on() -> None:
    first = window("opened", 10.0, "w1")
    assert "C3" in told(Auditor(), first, window("opened", 12.0, "w2", gateway="gateway-2"))
    assert "C3" not in told(Auditor(), first, window("opened", 15.1, "w2", gateway="gateway-2"))


@pytest.mark.parametrize("version", [1, 2])
def test_c3_authority_of_two_gateways_at_once(version: int) -> None:
    lines = (
        leadership(version, "leading", 10.0, "gateway-1", 12.0),
        leadership(version, "leading", 15.0, "gateway-2", 17.0),
        leadership(version, "stepped_down", 16.0, "gateway-1", 16.0),
        leadership(version, "stepped_down", 20.0, "gateway-2", 20.0),
    )
    assert told(Auditor(), *lines) == ["C3"]
    hung = leadership(version, "suspended", 16.0, "gateway-1", 14.0)
    assert told(Auditor(), *lines[:2], hung, lines[3]) == []


@pytest.mark.parametrize("version", [1, 2])
def test_c3_a_window_of_a_gateway_that_does_not_hold_the_circle(version: int) -> None:
    leads = leadership(version, "leading", 10.0, "gateway-2", 12.0)
    assert "C3" in told(Auditor(), leads, window("opened", 11.0, "w1"))


def test_a_log_of_version_1_is_put_in_order_and_audited_like_one_of_version_2() -> None:
    def lines(version: int) -> list[Line]:
        return [
            leadership(version, "leading", 15.0, "gateway-2", 17.0),
            leadership(version, "released", 20.0, "gateway-2", 20.0),
            leadership(version, "leading", 10.0, "gateway-1", 12.0),
            window("opened", 11.0, "w1"),
            window("closed", 12.0, "w1"),
            leadership(version, "released", 16.0, "gateway-1", 16.0),
        ]

    assert list(in_order(lines(1))) == list(in_order(lines(2)))
    assert check_violations(lines(1)) == check_violations(lines(2))
    assert "C3" in [violation.rule for violation in check_violations(lines(1))]


def test_c2_a_circle_that_has_had_its_window_goes_before_one_that_had_none() -> None:
    lines = (
        window("opened", 10.0, "w1"),
        window("closed", 14.0, "w1"),
        window("proposed", 100.0, "w2", contenders={"c2": None}),
    )
    assert told(Auditor(), *lines) == ["C2"]
    other = window("proposed", 100.0, "w2", circle="c2", contenders={"c1": 14.0})
    assert told(Auditor(), *lines[:2], other) == []


def test_p6_a_window_joined_by_a_clock_that_is_not_sure() -> None:
    def measured(uncertainty_s: float) -> Line:
        detail = f"0.100000 s, sure to {uncertainty_s:.6f} s"
        return {"kind": "pod", "t_s": 9.0, "pod": "pod-1", "event": "clock_measured", "detail": detail}

    joins = pod_window("opened", 10.0, "pod-1", "w1")
    assert told(Auditor(), measured(0.01), joins) == []
    assert told(Auditor(), measured(0.2), joins) == ["P6"]
    doubted = {"kind": "pod", "t_s": 9.5, "pod": "pod-1", "event": "clock_doubted", "detail": ""}
    assert told(Auditor(), measured(0.01), doubted, joins) == ["P6"]


def test_p6_terms_are_of_each_circle() -> None:
    def obeyed(name: str, circle: str, term: int) -> Line:
        return {
            "kind": "command", "t_s": 1.0, "pod": "pod-1", "id": name, "op": "extend", "circle": circle,
            "term": term, "expires_at_s": 5.0, "obeyed": True, "reason": "",
        }  # fmt: skip

    assert told(Auditor(), obeyed("a", "c1", 7), obeyed("b", "c2", 3)) == []
    assert told(Auditor(), obeyed("a", "c1", 7), obeyed("b", "c1", 3)) == ["P6"]


def test_p7_a_cue_that_sounds_before_its_entry_is_on_the_disk() -> None:
    sounds = {"kind": "output", "t_s": 10.0, "pod": "pod-1", "window": "w1", "step": 0}
    kept = {**sounds, "kind": "kept"}
    assert told(Auditor(durable=True), {**CUE, "t_s": 10.0}, sounds) == ["P7"]
    assert told(Auditor(durable=True), {**CUE, "t_s": 10.0}, kept, sounds) == []
    assert told(Auditor(), {**CUE, "t_s": 10.0}, sounds) == []


STATE = {"schema": "pod.state.v1", "pod": "pod-1", "p": [0.1, 0.2, 0.3, 0.2, 0.2]}


@pytest.mark.parametrize(
    ("tail", "payload"),
    [
        ("pods/pod-1/up/signal/eeg", b"\x00\x01"),
        ("pods/pod-1/up/elsewhere", b"{}"),
        ("pods/pod-1/up/state", json.dumps({**STATE, "p": [0.5] * 250}).encode()),
        ("pods/pod-1/up/state", json.dumps({**STATE, "note": "A" * 400}).encode()),
        ("pods/pod-1/up/state", json.dumps({"schema": "pod.reply.v1"}).encode()),
        ("pods/pod-1/up/state", b"\x00" * 20),
        ("pods/pod-1/up/state", b"9" * 9000),
    ],
)
def test_p8_what_could_carry_a_signal(tail: str, payload: bytes) -> None:
    found = WireMonitor().check("pod-1", f"sanctuary/v1/harbour/{tail}", payload, 1.0)
    assert [violation.rule for violation in found] == ["P8"]


def test_p8_the_messages_of_the_protocol_pass() -> None:
    topic = "sanctuary/v1/harbour/pods/pod-1/up/state"
    assert WireMonitor().check("pod-1", topic, json.dumps(STATE).encode(), 1.0) == []
    assert WireMonitor().check("pod-1", topic, b"", 1.0) == [], "a retained message is cleared so"


def test_records_of_several_writers_are_put_in_order_and_those_of_one_stay_as_written() -> None:
    one = [{"kind": "silence", "pod": "pod-1", "t_s": t_s} for t_s in (1.0, 3.0, 2.9, 5.0)]
    two = [{"kind": "silence", "pod": "pod-2", "t_s": t_s} for t_s in (0.0, 4.0)]
    mixed = [*in_order([*one, *two])]
    assert [line["t_s"] for line in mixed] == [0.0, 1.0, 3.0, 2.9, 4.0, 5.0]
