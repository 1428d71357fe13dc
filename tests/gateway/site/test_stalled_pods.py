"""A pod whose program stood still plays nothing late, and nothing by proof that is old by then."""

from __future__ import annotations

import pytest

from pod_bench import CIRCLE, POD, PodBench, estimate, window_bench
from recording_output import RecordingOutput
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.cue_timing import AHEAD_S
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.states import PodPhase
from sanctuary.virtual_site.virtual_pod import Ear

DUE_S = 3.0


class Place:
    """A pod in a window whose first step is due at `DUE_S`, in a program that may stand still."""

    def __init__(self, ahead_s: float = AHEAD_S) -> None:
        self.bench: PodBench = window_bench()
        self.now_s = self.bench.now_s
        self.sound = RecordingOutput(clock=lambda: self.now_s)
        self.log = EventLog()
        self.runner = PodShell(
            self.bench.pod,
            self.log,
            Ear(lambda _cue, _at_s: None),
            lambda _: None,
            PodOutputs(POD, {Modality.SOUND: self.sound}),
            ahead_s=ahead_s,
        )

    def wake_at(self, now_s: float, *, proof: bool = False) -> None:
        """Go on at a moment, perhaps with what the chain says of it."""
        self.now_s = now_s
        if proof:
            self.extend()
            self.runner.handle(happened.EstimateArrived(estimate(now_s)), now_s)
        self.runner.tick(now_s)

    def extend(self) -> None:
        """Keep the window open."""
        pen, now_s = self.bench.commander, self.now_s
        payload = pen.extend(POD, "w1", CIRCLE, now_s, now_s + 6.0).payload
        self.runner.handle(happened.CommandReceived(payload), now_s)

    @property
    def heard_s(self) -> list[float]:
        return [each.happened_s for each in self.sound.rendered]

    def told(self, event: str) -> list[str]:
        return [line["detail"] for line in self.log.records if line.get("event") == event]


def judged_place() -> Place:
    """The step is judged and waits for its moment."""
    place = Place()
    place.wake_at(2.0, proof=True)
    place.wake_at(DUE_S - 0.2, proof=True)
    assert place.runner.sound_due_s == DUE_S
    return place


def test_a_cue_sounds_at_its_moment() -> None:
    place = judged_place()
    place.now_s = DUE_S
    place.runner.render_due(DUE_S)
    assert place.heard_s == [DUE_S]


@pytest.mark.parametrize("beat", [True, False])
def test_a_stall_after_the_judgement_takes_the_cue_back_where_the_proof_is_old(beat: bool) -> None:
    place = judged_place()
    place.now_s = DUE_S + 20.0
    (place.runner.render_due if beat else place.runner.tick)(place.now_s)
    assert place.heard_s == []
    assert place.runner.pod.phase is not PodPhase.IN_WINDOW


def test_a_stall_after_the_judgement_drops_a_cue_that_is_too_late_for_its_pods() -> None:
    place = judged_place()
    place.wake_at(DUE_S + 1.5, proof=True)
    assert place.heard_s == []
    assert place.told("cue_missed") == ["1.500 s late"]
    assert place.runner.pod.phase is PodPhase.IN_WINDOW


def test_a_short_stall_makes_a_cue_late_by_as_much_and_no_more() -> None:
    place = judged_place()
    place.wake_at(DUE_S + 0.5, proof=True)
    assert place.heard_s == [DUE_S + 0.5]
    assert place.told("cue_missed") == []


def test_a_missed_cue_raises_no_level() -> None:
    place = judged_place()
    raised = place.runner.pod.memory.limiter.lines[Modality.SOUND].next_level
    place.wake_at(DUE_S + 1.5, proof=True)
    line = place.runner.pod.memory.limiter.lines[Modality.SOUND]
    assert line.next_level < raised
    assert line.last_level is None


@pytest.mark.parametrize("ahead_s", [0.0, AHEAD_S])
def test_a_step_that_comes_due_in_a_stall_is_judged_by_what_is_true_after_it(ahead_s: float) -> None:
    place = Place(ahead_s)
    place.wake_at(2.0, proof=True)
    place.wake_at(DUE_S + 20.0)
    assert place.heard_s == []
    assert not [line for line in place.log.records if line.get("outcome") == "rendered"]


def test_a_step_that_comes_due_in_a_stall_and_is_too_late_is_refused_as_late() -> None:
    place = Place()
    place.wake_at(2.0, proof=True)
    place.wake_at(DUE_S + 1.5, proof=True)
    assert place.heard_s == []
    assert [line["reason"] for line in place.log.records if line["kind"] == "cue"] == ["late"]
