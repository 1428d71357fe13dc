"""P1 to P7 after every step of any sequence of events, judged from inputs and effects alone."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pod_bench import (
    CIRCLE,
    ORIGIN,
    POD,
    UTC_AT_ZERO_S,
    PodBench,
    estimate,
    grant,
    make_bench,
    sealed,
    withdrawal,
)
from sanctuary.commons.entries import FIRST, signing_key, unseal
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.pods.audit import check_violations
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import Effect, IdSource, Log, Publish, Record, Render, Silence
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.evidence import UtcMark
from sanctuary.pods.pod.states import LATCHED, TRANSITIONS, PodPhase, Trigger
from sanctuary.signal.state_table import apply

FORGER = CommandWriter("harbour", signing_key(b"\x66" * 32), 99, IdSource("forger"))
names = st.sampled_from(["1", "2"])
leads = st.sampled_from([0.5, 1.0, 1.5, 2.0])
UTC_SAID = (
    *((by_s, True, True) for by_s in (0.0, 0.0, 0.0, 0.7, -0.7, 3600.0)),
    (0.0, False, False),
    (-0.7, False, True),
    (90_000.0, False, True),
)
"""By how much a clock is off, whether it is kept, whether that suffices; by the last, every grant is over."""


class AnyEvents(RuleBasedStateMachine):
    """Keeps its own books of what it told the pod; never looks into the pod."""

    def __init__(self) -> None:
        super().__init__()
        self.bench: PodBench = make_bench()
        self.fresh: list[Effect] = []
        self.last: Any = None
        self.newest_s = -inf
        self.prev = FIRST
        self.zeros: dict[str, float] = {}
        self.dreams = 0
        self.granted_seq = 0
        self.withdrawn_seq = 0
        self.link = False
        self.latched = ""
        self.sounding: tuple[float, Cue] | None = None
        self.played: list[tuple[float, Cue]] = []
        self.aroused_s = -inf
        self.inside: str | None = None
        self.valid_until_s = -inf
        self.obeyed: set[str] = set()
        self.sent: list[Publish] = []
        self.term = 1
        self.highest_term = -1
        self.crashes = 0
        self.begins_s = -inf
        self.utc: list[tuple[float, bool]] = [(0.0, True)]
        """By how much each clock that was heard is off, those of now first, and whether it is kept."""
        self.heard = False
        self.utc_suffices = True

    def do(self, event: happened.PodEvent) -> None:
        out = self.bench.handle(event)
        self.fresh = out
        self.note(out)

    def note(self, out: list[Effect]) -> None:
        """Check each effect against the books as they stand at that moment."""
        logged: Any = None
        for effect in out:
            if isinstance(effect, Silence):
                self.sounding = None
            elif isinstance(effect, Log):
                logged = effect.entry.to_dict()
            elif isinstance(effect, Render):
                self.check_render(effect, logged)
                logged = None
            elif isinstance(effect, Record):
                self.note_record(effect.record.to_dict())

    def is_silent(self) -> None:
        assert self.sounding is None or self.now_s >= self.sounding[0], "P4"

    def note_record(self, record: Any) -> None:
        if record["kind"] == "pod_window":
            if record["event"] == "opened":
                assert self.inside is None, "P5: one window at a time"
                self.inside = record["window"]
                self.valid_until_s = record["valid_until_s"]
            elif record["event"] == "extended":
                self.valid_until_s = max(self.valid_until_s, record["valid_until_s"])
            elif record["event"] == "left" and record["window"] == self.inside:
                self.inside = None
        elif record["kind"] == "command" and record["obeyed"]:
            assert record["id"] not in self.obeyed, "P6: once"
            assert self.now_s < record["expires_at_s"], "P6: in time"
            assert record["term"] >= self.highest_term, "P6: in the current term"
            assert not record["id"].startswith("forger"), "P6: of the coordinator"
            self.obeyed.add(record["id"])
            self.highest_term = record["term"]

    def check_render(self, effect: Render, logged: Any) -> None:
        now_s, cue = self.now_s, effect.cue
        said = self.last
        assert said is not None, "P1"
        assert said.stable_rem, "P1"
        assert not said.arousal, "P1"
        assert said.quality >= 0.5, "P1"
        assert now_s - said.t_s < 3.0, "P1"
        assert self.granted_seq > self.withdrawn_seq, "P2"
        assert self.utc_suffices, "P2: nobody keeps UTC"
        off = [by_s for by_s, kept in self.utc if kept] or [self.utc[0][0]]
        assert now_s + min(off) >= self.begins_s, "P2: not begun by every kept clock"
        assert now_s + max(self.utc[0][0], *off) < 86_400.0, "P2: over by some clock"
        cap = {Modality.SOUND: 38.0, Modality.LIGHT: 0.2}[cue.modality]
        assert cue.level <= cap, "P2, P3"
        assert cue.fade_s >= 0.05, "P3"
        assert not self.played or now_s - self.played[-1][0] >= 20.0, "P3"
        same = [one for _, one in self.played if one.modality is cue.modality]
        start, ramp = (30.0, 1.0) if cue.modality is Modality.SOUND else (0.05, 0.01)
        assert cue.level <= (same[-1].level + ramp if same else start) + 1e-9, "P3"
        assert now_s >= self.aroused_s + 60.0, "P3"
        assert self.link, "P4"
        assert not self.latched, "P4"
        assert effect.window == self.inside, "P5"
        assert now_s < self.valid_until_s, "P4"
        assert logged is not None, "P7"
        assert (logged["outcome"], logged["reason"], logged["step"]) == ("rendered", "", effect.step), "P7"
        self.played.append((now_s, cue))
        self.sounding = (now_s + cue.duration_s, cue)

    @property
    def now_s(self) -> float:
        return self.bench.now_s

    @initialize(ready=st.sampled_from([True, True, True, False]))
    def begin(self, ready: bool) -> None:
        if ready:
            self.restore_link()
            self.measure_clock(0.001)
            self.grant()
            self.pass_time(1.0)
            self.feel("rem", 0.0)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0]))
    def pass_time(self, seconds: float) -> None:
        self.bench.now_s += seconds
        self.do(happened.Ticked())

    @rule(seconds=st.integers(1, 40), what=st.sampled_from(["rem", "rem", "rem", "nothing"]))
    def sleep(self, seconds: int, what: str) -> None:
        """A stretch of ordinary night, kept alive by the coordinator."""
        for _ in range(seconds):
            self.bench.now_s += 1.0
            if what != "nothing":
                self.feel(what, 0.0)
            for name in ("1", "2", f"d{self.dreams}"):
                self.extend(name, 6.0)
            self.do(happened.Ticked())

    @rule(
        what=st.sampled_from(["rem", "rem", "rem", "n2", "arousal", "poor"]),
        age_s=st.sampled_from([0.0, 1.0, 9.0]),
    )
    def feel(self, what: str, age_s: float) -> None:
        said = estimate(
            self.now_s - age_s,
            rem=what != "n2",
            arousal=what == "arousal",
            quality=0.2 if what == "poor" else 0.9,
        )
        if said.t_s <= self.newest_s:
            self.do(happened.EstimateArrived(said))
            return
        self.last, self.newest_s = said, said.t_s
        if said.arousal:
            self.aroused_s = self.now_s
        self.do(happened.EstimateArrived(said))

    @rule()
    def lose_headband(self) -> None:
        self.last = None
        self.do(happened.HeadbandLost())
        self.is_silent()

    @rule()
    def lose_link(self) -> None:
        self.link = False
        self.do(happened.LinkLost())
        self.is_silent()

    @rule()
    def restore_link(self) -> None:
        self.link = True
        self.do(happened.LinkRestored())

    @rule(uncertainty_s=st.sampled_from([0.001, 0.04, 0.2]))
    def measure_clock(self, uncertainty_s: float) -> None:
        self.do(happened.ClockMeasured(0.0, uncertainty_s))

    @rule(said=st.sampled_from(UTC_SAID))
    def hear_utc(self, said: tuple[float, bool, bool]) -> None:
        """The clock is set, or kept by nobody, which may suffice."""
        by_s, kept, suffices = said
        self.utc = [(by_s, kept), *(one for one in self.utc if one[1] and self.heard)]
        self.heard, self.utc_suffices = True, suffices
        self.do(happened.UtcHeard(UtcMark(UTC_AT_ZERO_S + by_s, kept), None, suffices))

    @rule()
    def grant(self) -> None:
        """A new grant that cites what was signed before it."""
        seq = max(self.granted_seq, self.withdrawn_seq) + 1
        entry = sealed(grant(seq, prev=self.prev, max_level_dba=38.0, nbf=UTC_AT_ZERO_S + self.now_s))
        self.granted_seq, self.prev = seq, unseal(entry, ORIGIN).digest
        self.begins_s = self.now_s
        self.do(happened.ConsentPresented(entry))

    @rule(signed=st.booleans())
    def withdraw(self, signed: bool) -> None:
        seq = max(self.granted_seq, self.withdrawn_seq) + 1
        self.withdrawn_seq = seq if signed else max(self.granted_seq, self.withdrawn_seq)
        self.latched = "withdrawn"
        entry = sealed(withdrawal(seq, prev=self.prev))
        if signed:
            self.prev = unseal(entry, ORIGIN).digest
        self.do(happened.ConsentPresented(entry) if signed else happened.WithdrawalMade())
        self.is_silent()
        assert self.bench.pod.phase is PodPhase.WITHDRAWN, "P4"

    @rule()
    def stop(self) -> None:
        self.latched = self.latched or "stopped"
        self.do(happened.StopPressed())
        assert any(isinstance(effect, Silence) for effect in self.fresh), "P4"

    @rule()
    def reset(self) -> None:
        self.latched = ""
        self.do(happened.PersonReset())

    def send(self, message: Publish) -> None:
        self.sent = [*self.sent[-20:], message]
        self.do(happened.CommandReceived(message.payload))

    @rule(name=names)
    def offer(self, name: str) -> None:
        args = self.bench.offer_args(name)
        self.send(self.bench.commander.offer("pod-1", args, self.now_s, self.now_s + 5.0))

    @rule(name=names, lead_s=leads)
    def open(self, name: str, lead_s: float) -> None:
        start_s = self.now_s + lead_s
        args = self.bench.offer_args(name)
        zero_s = self.zeros.setdefault(name, start_s)
        message = self.bench.commander.open(
            "pod-1", args, self.now_s, start_at_s=start_s, zero_s=zero_s, valid_until_s=self.now_s + 6.0
        )
        self.send(message)

    @rule(name=names, ahead_s=st.sampled_from([-1.0, 6.0, 30.0]))
    def extend(self, name: str, ahead_s: float) -> None:
        self.send(self.bench.commander.extend(POD, f"w{name}", CIRCLE, self.now_s, self.now_s + ahead_s))

    @rule(name=names)
    def join(self, name: str) -> None:
        """An offer and an opening that follow each other as they should."""
        self.offer(name)
        self.open(name, 2.0)

    @rule(seconds=st.integers(1, 30), what=st.sampled_from(["rem", "rem", "nothing"]))
    def dream(self, seconds: int, what: str) -> None:
        """Everything that a cue needs, in good order, however bad the night has been."""
        for _ in range(70):
            self.pass_time(1.0)
        self.reset()
        self.restore_link()
        self.measure_clock(0.001)
        self.hear_utc((0.0, True, True))
        self.grant()
        for _ in range(12):
            self.feel("rem", 0.0)
            self.pass_time(1.0)
        self.feel("rem", 0.0)
        self.dreams += 1
        self.join(f"d{self.dreams}")
        self.sleep(2, "rem")
        self.sleep(seconds, what)

    @rule(name=names)
    def close(self, name: str) -> None:
        self.send(
            self.bench.commander.close(POD, f"w{name}", CIRCLE, self.now_s, self.now_s + 5.0, "quorum_lost")
        )

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        if self.sent:
            self.send(data.draw(st.sampled_from(self.sent)))

    @rule()
    def forge(self) -> None:
        self.send(FORGER.offer("pod-1", self.bench.offer_args("1"), self.now_s, self.now_s + 5.0))

    @rule(noise=st.binary(max_size=40))
    def make_noise(self, noise: bytes) -> None:
        self.do(happened.CommandReceived(noise))
        self.do(happened.ConsentPresented(noise))

    @rule()
    def crash(self) -> None:
        """Kill the pod at once, and start it again: what sounded is cut, what it saw is gone."""
        self.crashes += 1
        self.link, self.last, self.newest_s = False, None, -inf
        self.sounding, self.inside, self.valid_until_s = None, None, -inf
        self.utc, self.heard, self.utc_suffices = [(0.0, True)], False, True
        self.fresh = []
        self.bench.restart(f"b{self.crashes + 1}")

    @rule(newer=st.booleans())
    def change_coordinator(self, newer: bool) -> None:
        self.term = self.term + 1 if newer else max(1, self.term - 1)
        key = signing_key(b"\x77" * 32)
        self.bench.commander = CommandWriter(
            "harbour", key, self.term, IdSource(f"gw{self.term}-{len(self.bench.effects)}")
        )

    @invariant()
    def p4_nothing_sounds_that_must_not(self) -> None:
        """Every rule that lets time pass ends with a tick, so what must be silent is so by now."""
        if self.sounding is None or self.now_s >= self.sounding[0]:
            return
        assert self.link, "P4"
        assert not self.latched, "P4"
        assert self.inside is not None, "P4"
        assert self.now_s < self.valid_until_s, "P4"
        assert self.last is not None, "P4"
        assert self.last.stable_rem, "P4"
        assert not self.last.arousal, "P4"
        assert self.now_s - self.last.t_s < 3.0, "P4"

    @invariant()
    def p4_a_latch_holds(self) -> None:
        assert (self.bench.pod.phase in LATCHED) == bool(self.latched)

    @invariant()
    def p7_what_was_rendered_was_logged(self) -> None:
        for before, effect in zip([None, *self.fresh], self.fresh, strict=False):
            if isinstance(effect, Render):
                assert isinstance(before, Log)

    def teardown(self) -> None:
        assert check_violations(self.bench.lines) == []
        boots = [at for at, line in enumerate(self.bench.lines) if line.get("event") == "booted"]
        for begin, end in zip([0, *boots], [*boots, None], strict=True):
            assert check_violations(self.bench.lines[begin:end]) == [], "each start's log stands alone"


AnyEvents.TestCase.settings = settings(max_examples=50, stateful_step_count=25)
TestAnyEvents = AnyEvents.TestCase


@pytest.mark.parametrize("phase", PodPhase)
def test_stop_and_withdrawal_lead_to_a_latch_from_everywhere(phase: PodPhase) -> None:
    assert apply(TRANSITIONS, phase, Trigger.STOP, of="pod") in LATCHED
    assert apply(TRANSITIONS, phase, Trigger.WITHDRAW, of="pod") is PodPhase.WITHDRAWN


@pytest.mark.parametrize("phase", sorted(LATCHED))
def test_only_a_reset_ends_a_latch(phase: PodPhase) -> None:
    assert {trigger for trigger, to in TRANSITIONS[phase].items() if to not in LATCHED} == {Trigger.RESET}


def test_in_window_is_reached_through_a_lease_alone() -> None:
    ways = {
        (phase, trigger)
        for phase, moves in TRANSITIONS.items()
        for trigger, to in moves.items()
        if to is PodPhase.IN_WINDOW
    }
    assert ways == {(PodPhase.LEASED, Trigger.OPEN)}


@pytest.mark.parametrize(
    ("phase", "trigger"),
    [(PodPhase.IDLE, Trigger.OPEN), (PodPhase.OFFLINE, Trigger.LEASE), (PodPhase.STOPPED, Trigger.LINK_UP)],
)
def test_a_move_that_the_table_does_not_list_is_a_mistake(phase: PodPhase, trigger: Trigger) -> None:
    with pytest.raises(LookupError, match=f"pod: {trigger} does not apply in state {phase}"):
        apply(TRANSITIONS, phase, trigger, of="pod")
