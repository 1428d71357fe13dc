"""A pod in a window: its sleeper's eye signal, and the answer to another's. Consent and limits first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from answering import ANSWER, ANSWERING, DENSE, DUET, MUTE, SPARSE
from fake_site import LRLR
from pod_bench import (
    CIRCLE,
    COORDINATOR_KEY,
    POD,
    SITE,
    PodBench,
    entries,
    estimate,
    grant,
    make_bench,
    pod_key,
    published,
    recorded,
    renders,
    reply_of,
    sealed,
)
from sanctuary.commons.designs import load_design
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.effects import Effect, Publish
from sanctuary.pods.pod.events import (
    ClockMeasured,
    ConsentPresented,
    EstimateArrived,
    LinkRestored,
    StopPressed,
    WithdrawalMade,
)
from sanctuary.pods.pod.states import PodPhase
from sanctuary.pods.protocol.envelope import Kind, open_eye_signal, seal
from sanctuary.pods.protocol.messages import Echo, EchoArgs


def bench_in_window(*, echo: bool = True, design: Any = ANSWERING, **changes: Any) -> PodBench:
    """A pod in window ``w1`` since second 1, whose first step is due at 3."""
    bench = make_bench(designs=(design,), **changes)
    bench.design = design
    bench.handle(LinkRestored(), 0.0)
    given = grant(design=design.hash)
    scope = given.scope.model_copy(update={"echo": echo})
    bench.handle(ConsentPresented(sealed(given.model_copy(update={"scope": scope}))))
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    bench.enter_window()
    return bench


def look(bench: PodBench, **said: Any) -> list[Effect]:
    """Let the sleeper make the signal."""
    bench.now_s += 0.5
    return bench.handle(EstimateArrived(replace(estimate(bench.now_s, **said), eye_signal=LRLR)))


def echo_message(bench: PodBench, name: str = "e1", lead_s: float = 2.0, **changes: Any) -> Publish:
    args: dict[str, Any] = {"offer": "o1", "window": "w1", "circle": CIRCLE, "of_pod": "pod-2"}
    frame: dict[str, Any] = {
        "id": name,
        "site": SITE,
        "pod": POD,
        "term": 1,
        "issued_at_s": bench.now_s,
        "expires_at_s": bench.now_s + max(lead_s, 0.5),
        "start_at_s": bench.now_s + lead_s,
    }
    for key, value in changes.items():
        (args if key in args else frame)[key] = value
    command = Echo(**frame, args=EchoArgs(**args))
    return Publish("t", seal(Kind.COMMAND, command, COORDINATOR_KEY), 1, retain=False)


def echo(bench: PodBench, name: str = "e1", lead_s: float = 2.0, **changes: Any) -> list[Effect]:
    """Ask the pod for an answer."""
    return bench.command(echo_message(bench, name, lead_s, **changes))


# --- the sleeper's own signal ---


def test_a_signal_in_a_window_is_told_with_nothing_of_its_shape() -> None:
    bench = bench_in_window()
    bench.sleep(10, extend="w1")
    effects = look(bench)
    (message,) = published(effects, "up/event/eye-signal")
    told = open_eye_signal(message.payload, pod_key(POD).verify_key)
    assert (told.window, told.circle, told.offer, told.t_s) == ("w1", CIRCLE, "o1", bench.now_s)
    assert (message.qos, message.retain) == (1, False)
    assert [record["told"] for record in recorded(effects, "window_signal")] == [True]


def test_every_signal_has_a_number_of_its_own() -> None:
    bench = bench_in_window()
    bench.sleep(5, extend="w1")
    payloads = [published(look(bench), "up/event/eye-signal")[0].payload for _ in range(3)]
    assert [open_eye_signal(each, pod_key(POD).verify_key).seq for each in payloads] == [1, 2, 3]


def test_without_the_grant_it_is_only_written_down() -> None:
    bench = bench_in_window(echo=False)
    bench.sleep(10, extend="w1")
    effects = look(bench)
    assert published(effects, "up/event/eye-signal") == []
    (record,) = recorded(effects, "window_signal")
    assert (record["told"], record["reason"]) == (False, "echo_not_granted")


def test_outside_a_window_nothing_is_told() -> None:
    bench = bench_in_window()
    bench.sleep(20)
    assert bench.pod.window is None
    effects = look(bench)
    assert published(effects, "up/event/eye-signal") == []
    assert recorded(effects, "window_signal") == []


def test_before_the_window_has_begun_nothing_is_told() -> None:
    effects = look(bench_in_window())
    assert published(effects, "up/event/eye-signal") == []
    assert recorded(effects, "window_signal")[0]["reason"] == "start_too_soon"


@pytest.mark.parametrize("said", [{"rem": False}, {"arousal": True}, {"quality": 0.2}])
def test_only_a_signal_out_of_stable_rem_is_told(said: dict[str, Any]) -> None:
    bench = bench_in_window()
    bench.sleep(10, extend="w1")
    assert published(look(bench, **said), "up/event/eye-signal") == []


# --- the answer to another's ---


def test_an_answer_sounds_when_it_is_due_and_says_whom_it_answers() -> None:
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    assert reply_of(echo(bench)).obeyed
    due_s = bench.now_s + 2.0
    assert bench.pod.next_due_s == due_s
    effects = bench.sleep(3, extend="w1")
    (cue,) = renders(effects)
    (entry,) = entries(effects)
    assert cue.at_s == due_s
    assert cue.cue.tones_hz == (330.0,)
    assert cue.cue.level <= 31.0, "the limiter's ramp goes for answers as well"
    assert (entry["answers"], entry["outcome"], entry["step"]) == ("pod-2", "rendered", -30001)
    assert check_violations(bench.lines) == []


def test_steps_and_answers_never_share_a_number() -> None:
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    for number in (1, 2):
        echo(bench, f"e{number}")
        bench.sleep(30, extend="w1")
    bench.sleep(40, extend="w1")
    steps = [entry["step"] for entry in entries(bench.effects)]
    assert len(steps) == len(set(steps)) == 4
    assert sum(step < 0 for step in steps) == 2
    assert check_violations(bench.lines) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"window": "w9"}, "not_in_window"),
        ({"offer": "o9"}, "no_such_lease"),
        ({"of_pod": POD}, "own_signal"),
        ({"lead_s": 0.9}, "start_too_soon"),
        ({"lead_s": 29.0, "expires_at_s": 33.0}, "start_too_far"),
        ({"term": 0}, "old_term"),
        ({"pod": "pod-9"}, "other_pod"),
        ({"circle": "others"}, "not_a_member"),
    ],
)
def test_an_echo_that_makes_no_sense_is_refused(changes: dict[str, Any], reason: str) -> None:
    bench = bench_in_window(settings=PodSettings(max_lead_s=20.0))
    bench.sleep(30, extend="w1")
    assert reply_of(echo(bench, **changes)).reason == reason
    assert renders(bench.sleep(30, extend="w1")) == []


def test_an_echo_is_obeyed_once() -> None:
    """P6"""
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    message = echo_message(bench)
    assert reply_of(bench.command(message)).obeyed
    assert reply_of(bench.command(message)).reason == "duplicate"
    assert len(renders(bench.sleep(5, extend="w1"))) == 1
    assert reply_of(bench.command(message)).reason == "expired"
    assert renders(bench.sleep(30, extend="w1")) == []


def test_a_forged_echo_is_refused() -> None:
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    message = echo_message(bench)
    forged = message.payload.replace(b'"of_pod":"pod-2"', b'"of_pod":"pod-3"')
    assert reply_of(bench.command(replace(message, payload=forged))).reason == "unsigned"


def test_without_the_grant_nothing_of_others_sounds_here() -> None:
    bench = bench_in_window(echo=False)
    bench.sleep(30, extend="w1")
    assert reply_of(echo(bench)).reason == "echo_not_granted"
    assert renders(bench.sleep(30, extend="w1")) == []


def test_a_design_without_an_answer_answers_nothing() -> None:
    bench = bench_in_window(design=MUTE)
    bench.sleep(30, extend="w1")
    assert reply_of(echo(bench)).reason == "no_answer"


def test_a_pod_that_is_not_in_a_window_answers_nothing() -> None:
    bench = bench_in_window()
    bench.sleep(20)
    assert reply_of(echo(bench)).reason == "not_in_window"


def test_one_answer_is_planned_at_a_time_and_the_design_says_how_many() -> None:
    bench = bench_in_window()
    bench.sleep(25, extend="w1")
    assert reply_of(echo(bench, "e1")).obeyed
    assert reply_of(echo(bench, "e2")).reason == "too_many_answers"
    bench.sleep(25, extend="w1")
    assert reply_of(echo(bench, "e3")).obeyed
    bench.sleep(25, extend="w1")
    assert reply_of(echo(bench, "e4")).reason == "too_many_answers", "max_per_window = 2"


def test_leaving_and_coming_back_gives_no_answers_anew() -> None:
    bench = bench_in_window()
    bench.sleep(25, extend="w1")
    for name in ("e1", "e2"):
        echo(bench, name)
        bench.sleep(25, extend="w1")
    bench.command(bench.commander.close(POD, "w1", CIRCLE, bench.now_s, bench.now_s + 5.0, "quorum_lost"))
    bench.sleep(1)
    bench.enter_window()
    bench.sleep(3, extend="w1")
    assert reply_of(echo(bench, "e3")).reason == "too_many_answers"


def test_the_limiter_is_the_last_stage_for_answers_too() -> None:
    """P3: within 20 s of the step before, an answer is refused."""
    bench = bench_in_window()
    bench.sleep(10, extend="w1")
    assert reply_of(echo(bench)).obeyed
    effects = bench.sleep(3, extend="w1")
    assert [(entry["outcome"], entry["reason"]) for entry in entries(effects)] == [("refused", "too_soon")]
    assert renders(effects) == []


def test_the_steps_of_the_design_go_first() -> None:
    """An answer that would cost the others' common cue its turn here is not given."""
    bench = bench_in_window()
    bench.sleep(105, extend="w1")
    assert reply_of(echo(bench)).obeyed
    effects = bench.sleep(30, extend="w1")
    assert [entry["reason"] for entry in entries(effects)] == ["step_near", ""]
    assert [cue.step for cue in renders(effects)] == [1]


def test_a_dense_design_never_lacks_a_step_for_an_answer() -> None:
    bench = bench_in_window(design=DENSE)
    for number in range(6):
        bench.sleep(13, extend="w1")
        echo(bench, f"e{number}")
    bench.sleep(20, extend="w1")
    assert [cue.step for cue in renders(bench.effects)] == [0, 1, 2, 3, 4]
    refused = [entry["reason"] for entry in entries(bench.effects) if entry["step"] < 0]
    assert refused
    assert set(refused) <= {"step_near", "too_soon", "still_sounding"}


@pytest.mark.parametrize(
    ("event", "phase"), [(StopPressed(), PodPhase.STOPPED), (WithdrawalMade(), PodPhase.WITHDRAWN)]
)
def test_a_planned_answer_dies_with_stop_and_withdrawal(event: Any, phase: PodPhase) -> None:
    """P4"""
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    echo(bench)
    bench.handle(event)
    assert bench.pod.phase is phase
    assert renders(bench.sleep(30)) == []


def test_a_planned_answer_waits_for_no_rem() -> None:
    """P1 is asked at the moment at which it is due."""
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    echo(bench)
    assert renders(bench.sleep(5, rem=False, extend="w1")) == []


def test_consent_taken_back_before_it_is_due_is_respected() -> None:
    """P2 is asked at the moment at which it is due: here a newer grant without `echo`."""
    bench = bench_in_window()
    bench.sleep(30, extend="w1")
    assert reply_of(echo(bench)).obeyed
    bench.handle(ConsentPresented(sealed(grant(2, design=ANSWERING.hash))))
    effects = bench.sleep(5, extend="w1")
    assert [entry["reason"] for entry in entries(effects)] == ["echo_not_granted"]
    assert renders(effects) == []


def test_an_answer_in_a_modality_that_was_not_granted_is_refused() -> None:
    light = ANSWER.replace('"sound"', '"haptic"').replace("level_dba = 33.0", "level_share = 0.05")
    design = load_design((SPARSE + light.replace("tones_hz = [330.0]\n", "")).encode(), "haptic.toml")
    bench = bench_in_window(design=design)
    bench.sleep(30, extend="w1")
    echo(bench)
    effects = bench.sleep(5, extend="w1")
    assert [entry["reason"] for entry in entries(effects)] == ["modality_not_granted"]


# --- parts ---


def in_part(part: int) -> PodBench:
    bench = make_bench(designs=(DUET,))
    bench.design = DUET
    bench.handle(LinkRestored(), 0.0)
    given = grant(design=DUET.hash)
    scope = given.scope.model_copy(update={"echo": True})
    bench.handle(ConsentPresented(sealed(given.model_copy(update={"scope": scope}))))
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    bench.offer(part=part)
    bench.open()
    return bench


@pytest.mark.parametrize(("part", "steps"), [(1, [0]), (2, [0, 1])])
def test_a_pod_plays_the_steps_of_its_part_and_those_of_all(part: int, steps: list[int]) -> None:
    bench = in_part(part)
    bench.sleep(100, extend="w1")
    assert [cue.step for cue in renders(bench.effects)] == steps


def test_an_answer_of_one_part_is_not_played_by_another() -> None:
    one, two = in_part(1), in_part(2)
    for bench in (one, two):
        bench.sleep(25, extend="w1")
    assert reply_of(echo(one)).obeyed
    assert reply_of(echo(two)).reason == "no_answer"


def test_a_part_that_the_design_does_not_have_is_refused() -> None:
    bench = make_bench(designs=(DUET,))
    bench.design = DUET
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(design=DUET.hash))))
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    assert reply_of(bench.offer(part=3)).reason == "no_such_part"


def test_a_restart_gives_no_answers_anew() -> None:
    bench = bench_in_window()
    bench.sleep(25, extend="w1")
    for name in ("e1", "e2"):
        assert reply_of(echo(bench, name)).obeyed
        bench.sleep(25, extend="w1")
    bench.restart("b2", designs=(ANSWERING,))
    bench.handle(LinkRestored())
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(12)
    bench.enter_window()
    bench.sleep(3, extend="w1")
    assert reply_of(echo(bench, "e3")).reason == "too_many_answers"
