"""One sleeper's eye signal, answered in the others' pods: in virtual time, over good and bad wires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answering import ANSWERING, DENSE, DUET, MUTE
from fake_site import EVERYONE, LED_S, FakeSite, Impaired, impaired
from pod_bench import DESIGN, estimate
from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod.events import PersonReset, StopPressed

QUICK = CoordinatorSettings(refractory_s=60.0)


def house(design: LoadedDesign = ANSWERING, echo: tuple[str, ...] = EVERYONE, **options: Any) -> FakeSite:
    return FakeSite(design=design, echo=echo, **options)


def answers(of: FakeSite, outcome: str = "rendered") -> list[Mapping[str, Any]]:
    return [
        line
        for line in of.records
        if line["kind"] == "cue" and line.get("answers") and line["outcome"] == outcome
    ]


def test_a_signal_in_a_window_is_answered_in_the_others_pods_and_nowhere_else() -> None:
    site = house()
    site.run(40.0)
    site.look("pod-1")
    site.run(60.0)
    heard = answers(site)
    assert [line["pod"] for line in heard] == ["pod-2", "pod-3"]
    assert {line["answers"] for line in heard} == {"pod-1"}
    assert len({line["due_s"] for line in heard}) == 1, "in step"
    assert 1.0 <= heard[0]["due_s"] - LED_S - 41.0 <= 3.0
    rendered = [name for name, step, *_ in site.rendered() if step < 0]
    assert rendered == ["pod-2", "pod-3"]
    (event,) = site.found("window", "eye_signal")
    assert event["reason"] == "pod-1"
    assert [line["reason"] for line in site.found("window", "answered")] == ["pod-2", "pod-3"]
    assert check_violations(site.records) == []


def test_each_may_answer_the_other() -> None:
    site = house()
    site.run(40.0)
    site.look("pod-1")
    site.run(70.0)
    site.look("pod-2")
    site.run(90.0)
    assert sorted((line["answers"], line["pod"]) for line in answers(site)) == [
        ("pod-1", "pod-2"),
        ("pod-1", "pod-3"),
        ("pod-2", "pod-1"),
        ("pod-2", "pod-3"),
    ]


def test_the_audit_finds_an_answer_that_nobody_agreed_to() -> None:
    """P2, from the log alone."""
    site = house()
    site.run(40.0)
    site.look("pod-1")
    site.run(60.0)
    forged = [{**line, "echo": False} if line["kind"] == "consent" else line for line in site.records]
    assert [(found.rule, found.subject) for found in check_violations(forged)] == [
        ("P2", "pod-2"),
        ("P2", "pod-3"),
    ]


def test_without_the_grant_of_the_one_who_looks_nobody_hears_of_it() -> None:
    site = house(echo=("pod-2", "pod-3"))
    site.run(40.0)
    site.look("pod-1")
    site.run(60.0)
    assert answers(site) == []
    assert site.found("window", "eye_signal") == []
    assert [line["reason"] for line in site.records if line["kind"] == "window_signal"] == [
        "echo_not_granted"
    ]


def test_without_the_grant_of_the_one_who_would_hear_it_their_pod_refuses() -> None:
    site = house(echo=("pod-1", "pod-3"))
    site.run(40.0)
    site.look("pod-1")
    site.run(60.0)
    assert [line["pod"] for line in answers(site)] == ["pod-3"]
    refused = [line for line in site.records if line["kind"] == "command" and line["op"] == "echo"]
    assert [(line["pod"], line["reason"]) for line in refused if not line["obeyed"]] == [
        ("pod-2", "echo_not_granted")
    ]


def test_outside_a_window_nothing_is_answered() -> None:
    site = house()
    site.say(lambda t_s: estimate(t_s, rem=False), *EVERYONE)
    site.run(40.0)
    site.look("pod-1")
    site.run(80.0)
    assert answers(site, "rendered") + answers(site, "refused") == []


def test_one_who_left_the_window_neither_asks_nor_answers() -> None:
    site = house()
    site.run(40.0)
    site.do("pod-2", StopPressed())
    site.look("pod-2")
    site.run(50.0)
    site.look("pod-1")
    site.run(70.0)
    assert [(line["pod"], line["answers"]) for line in answers(site)] == [("pod-3", "pod-1")]


def test_a_design_without_an_answer_notes_the_signal_and_plays_on() -> None:
    site = house(MUTE)
    site.run(40.0)
    site.look("pod-1")
    site.run(60.0)
    assert len(site.found("window", "eye_signal")) == 1
    assert site.found("window", "answered") == []
    assert [line for line in site.records if line["kind"] == "command" and line["op"] == "echo"] == []


def test_signals_that_come_too_often_are_answered_now_and_then() -> None:
    site = house()
    site.run(30.0)
    for second in range(30, 110, 4):
        site.look("pod-1")
        site.run(float(second))
    site.run(200.0)
    for pod in ("pod-2", "pod-3"):
        due_s = [line["due_s"] for line in answers(site) if line["pod"] == pod]
        assert len(due_s) == 2, "max_per_window"
        assert due_s[1] - due_s[0] >= QUICK.echo_gap_s
    assert len(site.found("window", "eye_signal")) > 10, "each of them is an event of the window"
    assert answers(site, "refused") == [], "the coordinator asks for nothing that a limiter would refuse"


def test_a_design_without_room_is_played_as_it_is() -> None:
    """Steps every 24 s leave no answer its distance: the common cue goes first."""
    plain, asked = FakeSite(), house(DENSE)
    for site in (plain, asked):
        site.run(40.0)
        site.look("pod-1")
        site.run(120.0)
    assert DESIGN.design.steps == DENSE.design.steps
    assert [played[:2] for played in asked.rendered()] == [played[:2] for played in plain.rendered()]
    assert asked.found("window", "answered") == []


def test_a_repeated_or_old_signal_is_answered_once() -> None:
    site = house()
    sent: list[MqttMessage] = []
    site.virtual.network.taps.append(
        lambda _, message: sent.append(message) if message.topic.endswith("eye-signal") else None
    )
    site.run(40.0)
    site.look("pod-1")
    site.run(42.0)
    for t_s in (42.1, 43.0, 80.0):
        site.run(t_s)
        site.virtual.network.publish(sent[0])
    site.run(110.0)
    assert len(answers(site)) == 2
    assert [line["reason"] for line in site.records if line["kind"] == "refused_message"] == ["repeated"] * 3


def test_parts_are_shared_out_and_a_pod_that_comes_back_takes_what_is_missing() -> None:
    site = house(DUET)
    site.run(20.0)
    (run,) = site.coordinator.windows
    assert {pod: offer.part for pod, offer in run.offers.items()} == {"pod-1": 1, "pod-2": 2, "pod-3": 1}
    site.do("pod-2", StopPressed())
    site.run(25.0)
    site.do("pod-2", PersonReset())
    site.run(110.0)
    assert run.offers["pod-2"].part == 2
    played = {(name, step) for name, step, *_ in site.rendered()}
    assert played == {("pod-1", 0), ("pod-2", 0), ("pod-3", 0), ("pod-2", 1)}
    assert check_violations(site.records) == []


def test_only_those_of_the_right_part_are_asked_to_answer() -> None:
    site = house(DUET)
    site.run(90.0)
    site.look("pod-1")
    site.run(110.0)
    assert [line["pod"] for line in answers(site)] == ["pod-3"]


@pytest.mark.parametrize("design", [ANSWERING, DENSE, DUET], ids=lambda loaded: loaded.design.title)
@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32),
    wire=impaired,
    echo=st.sets(st.sampled_from(EVERYONE)),
)
def test_over_any_wire_every_answer_has_a_signal_and_two_grants(
    design: LoadedDesign, seed: int, wire: Impaired, echo: set[str]
) -> None:
    site = FakeSite(seed, wire, settings=QUICK, design=design, echo=tuple(sorted(echo)))
    for number in range(30):
        site.run(10.0 * (number + 1))
        site.look(site.random.choice(site.names))
        if site.random.random() < 0.1:
            site.do(site.random.choice(site.names), StopPressed())
        if site.random.random() < 0.2:
            site.do(site.random.choice(site.names), PersonReset())
    told = [
        (line["pod"], line["window"], line["t_s"])
        for line in site.records
        if line["kind"] == "window_signal" and line["told"]
    ]
    for line in answers(site):
        assert line["pod"] in echo
        assert line["answers"] in echo - {line["pod"]}
        assert any(
            (pod, window) == (line["answers"], line["window"]) and 1.0 <= line["t_s"] - t_s <= 25.0
            for pod, window, t_s in told
        )
    assert check_violations(site.records) == []
