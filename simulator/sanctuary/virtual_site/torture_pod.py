"""One pod under torture: its shell, its disk, its clock, its sleeper; it may crash, hang and start again.

How a tortured pod knows the time: it asks by itself, in virtual time, and notices when a clock was set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sanctuary.commons.consent import ConsentBook
from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.firmware_bridge.outputs.output import Cue, Modality
from sanctuary.gateway.site.assembly import derive_key
from sanctuary.gateway.site.pod_shell import PodRunner, to_message, unsealed
from sanctuary.gateway.site.storage import ConsentKeeper
from sanctuary.pods.clock.exchange import Offset, OffsetEstimator
from sanctuary.pods.mqtt.wire_client import LinkDown, LinkEvent, MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.identity import PodIdentity, PodMemory
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind
from sanctuary.pods.protocol.gateway_records import HangRecord, KeptRecord
from sanctuary.pods.protocol.messages import TimeResponse, read
from sanctuary.pods.protocol.records import CueRecord, EstimateRecord, LogRecord, PodRecord
from sanctuary.virtual_site.failure_trace import UTC_AT_ZERO_S
from sanctuary.virtual_site.host import SECRET, DiskJournal, Machine, World
from sanctuary.virtual_site.sleeper import SECOND_S, Bed, Ear
from sanctuary.virtual_site.torture_sleeper import DAY_S, Pen, evening_grants
from sanctuary.virtual_site.virtual_network import VirtualClient


class OwnAsking:
    """Asks nothing, for this shell asks on a clock of its own; as of `PodTime`.

    Parameters
    ----------
    doubt
        Called when the shell should trust nothing that it measured, and ask at once.
    """

    in_burst = False

    def __init__(self, doubt: Callable[[], None]) -> None:
        self.doubt = doubt

    def hurry(self) -> None:
        """Do nothing."""

    def ask(self, _now_s: float) -> None:
        """Ask for nothing."""

    def take(self, message: MqttMessage, now_s: float) -> None:
        """Take nothing."""

    def news(self, _now_s: float) -> None:
        """Give nothing."""


def contradicts(payload: bytes, known: Offset, own_s: float) -> bool:
    """Tell whether an answer leaves no room for the offset that was known."""
    answer = read(TimeResponse, payload)
    low_s, high_s = answer.t3_s - own_s, answer.t2_s - answer.t1_s
    return known.offset_s + known.uncertainty_s < low_s or known.offset_s - known.uncertainty_s > high_s


SOUNDS_FIRST_SHARE = 0.5
"""Share of returns from a hang in which a cue that waited is looked at before anything else."""
HASTE_S = 1e-4
"""A step is looked at so much after it is due: two clocks never run quite alike."""
FIRST_ASKS_EVERY_S = 1.0
"""Seconds between two tries to learn the sanctuary clock; later it is as in the settings."""


class TorturePod(Machine, Bed):
    """One pod and who sleeps in it."""

    def __init__(self, name: str, world: World) -> None:
        Machine.__init__(self, name, world)
        outline = world.outline
        Bed.__init__(self, outline.verdicts(name), world.agenda)
        self.circles = tuple(circle for circle in outline.settings.circles if name in circle.members)
        self.pen = Pen(derive_key(SECRET, "sleeper", name), outline.settings.site.id)
        self.runner: PodRunner | None = None
        self._client: VirtualClient | None = None
        self._estimator = OffsetEstimator("")
        self._offset_s: float | None = None
        self._ask_due_s = 0.0
        self._waiting: list[happened.PodEvent] = []
        self.boots_of_clock = 0
        self._unkept: PodMemory | None = None
        self._hang_next_s = 0.0
        self._told_s = self._sampled_true_s = -math.inf
        self._starved_until_s = -math.inf
        self.disk.files["consent"] = evening_grants(self.pen, self.circles, outline.designs, world.rng)

    @property
    def reckoned_s(self) -> float:
        """The sanctuary clock as this pod has it; it does nothing before it knows it."""
        assert self._offset_s is not None  # noqa: S101
        return self.clock.at(self.world.now_s) + self._offset_s

    @property
    def _knows_time(self) -> bool:
        return self._offset_s is not None

    @property
    def own_utc_s(self) -> float:
        """UTC as this pod's computer has it: set once, by somebody, and drifting since."""
        return UTC_AT_ZERO_S + self.clock.at(self.world.now_s) - self.clock.at(0.0)

    # --- on and off ---

    def boot(self) -> None:
        """Start with what the disk has kept."""
        if self.up:
            return
        self.boots += 1
        self.up = True
        self._told_s = -math.inf
        self._ask_due_s = -math.inf
        self._offset_s = None
        self._waiting = []
        self._unkept = None
        core = self._core()
        self._estimator = OffsetEstimator(core.identity.boot)
        journal = DiskJournal(self.disk, self._written, self._kept)
        send = self._send
        self.runner = PodRunner(
            core,
            journal,
            Ear(self._heard),
            send,
            None,
            ConsentKeeper(self.name, self._put_entry, lambda _level, _text: None),
            self,
            clock=OwnAsking(self._doubt_clock),
            ahead_s=self.world.outline.ahead_s,
        )
        self._connect()

    def crash(self, *, will: bool) -> None:
        """Go down in the middle of everything."""
        if not self.up:
            return
        self.stopped()
        self.runner = None
        self._look += 1
        self._end_link(self._client, will=will)
        self._tell_crashed()

    def _connect(self) -> None:
        runner = self._runner
        will = to_message(status(runner.pod.identity, "torture", online=False))
        self._client = self.world.network.client(
            self.name,
            will=will,
            on_link=lambda event: self.soon(lambda: self._on_link(event)),
            on_message=lambda message: self.soon(lambda: self.message(message)),
        )
        self._client.subscribe(*runner.subscriptions)
        self._client.connect()
        self.soon(self.wake)

    def _on_link(self, event: LinkEvent) -> None:
        if isinstance(event, LinkDown):
            self.befall(happened.LinkLost())
            return
        self._send(to_message(status(self._runner.pod.identity, "torture", online=True)))
        self.befall(happened.LinkRestored())

    def hang_at_worst(self, for_s: float) -> None:
        """Stand still between the judgement of the next step and its moment."""
        self._hang_next_s = for_s

    def on_return(self) -> None:
        """Look at once after a hang; what waits for its moment may be what comes first."""
        if self._knows_time and self.world.rng.random() < SOUNDS_FIRST_SHARE:
            self._runner.sound(self.reckoned_s)
        self.wake()

    def hang_record(self) -> HangRecord:
        """Say that this pod stands still."""
        return HangRecord(t_s=self.world.now_s, pod=self.name, until_s=self._hung_until_s)

    # --- what befalls it ---

    def befall(self, event: happened.PodEvent) -> None:
        """Let something befall the pod, now or once it no longer hangs."""
        self.soon(lambda: self._handle(event))

    def consent(self, raw: bytes, *, by_hand: bool = False) -> None:
        """Hand a signed entry over, or a withdrawal by hand, perhaps with its entry."""

        def take() -> None:
            if by_hand or not self._knows_time:
                self._handle(happened.WithdrawalMade(raw) if by_hand else happened.ConsentPresented(raw))
                return
            self._up_to_date()
            self._runner.present_consent(raw, self.reckoned_s)
            self._plan()

        self.soon(take)

    def message(self, message: MqttMessage) -> None:
        """Take a message from the wire."""
        runner = self._runner
        if message.topic == topics.time_response(self.world.outline.settings.site.id, self.name):
            self._take_time(message)
        elif self._knows_time:
            self._up_to_date()
            runner.message(message, self.reckoned_s)
        self._plan()

    def wake(self) -> None:
        """Look at it now, and from now on when it is due."""
        if not self.up or self.hangs:
            return
        if self._knows_time:
            self._up_to_date()
            self._runner.tick(self.reckoned_s)
            if self._hang_next_s and self._runner.sound_due_s < math.inf:
                for_s, self._hang_next_s = self._hang_next_s, 0.0
                self.hang(for_s)
        own_s = self.clock.at(self.world.now_s)
        if own_s >= self._ask_due_s:
            settings = self.world.outline.settings
            self._ask_due_s = own_s + (settings.clock.every_s if self._knows_time else FIRST_ASKS_EVERY_S)
            topic = topics.time_request(settings.site.id, self.name)
            self._send(MqttMessage(topic, self._estimator.request(own_s), 0))
        self._plan()

    def starve(self, for_s: float) -> None:
        """Let nothing come from the headband for a while, without a word that it is gone."""
        self._starved_until_s = self.world.now_s + for_s

    def grant_anew(self) -> None:
        """Grant everything anew, as after a withdrawal."""
        utc_s = UTC_AT_ZERO_S + self.world.now_s
        for circle in self.circles:
            design = self.world.outline.designs[circle.design].hash
            self.consent(self.pen.grant(circle.id, design, tuple(Modality), utc_s + 0.5, utc_s + DAY_S))

    # --- inside ---

    @property
    def _runner(self) -> PodRunner:
        assert self.runner is not None  # noqa: S101  only called while it is up
        return self.runner

    def _handle(self, event: happened.PodEvent) -> None:
        if not self._knows_time:
            self._waiting.append(event)
            return
        self._up_to_date()
        self._runner.handle(event, self.reckoned_s)
        self._plan()

    def keep(self, memory: PodMemory) -> bool:
        """Keep the pod's memory, as a `Keeper`."""
        stamped = memory.model_copy(update={"kept_own_utc_s": self.own_utc_s})
        self._unkept = None if self._write("memory", stamped.to_json()) else memory
        return self._unkept is None

    def retry(self) -> None:
        """Try again to keep what could not be kept."""
        if self._unkept is not None:
            self.keep(self._unkept)

    def _put_entry(self, entry: bytes) -> None:
        if not self._write("consent", (*self.disk.files.get("consent", ()), entry)):
            raise InputError("consent: the disk is full")

    def _write(self, name: str, content: Any) -> bool:
        try:
            self.disk.keep(name, content)
        except OSError:
            self.world.watch.counts["writes refused by a full disk"] += 1
            return False
        return True

    def _core(self) -> Pod:
        settings, files = self.world.outline.settings, self.disk.files
        kept = files.get("memory")
        memory = PodMemory.model_validate_json(kept) if kept else None
        identity = PodIdentity(
            site=settings.site.id,
            pod=self.name,
            boot=f"{self.name}-{self.boots}",
            key=derive_key(SECRET, "pod", self.name),
            coordinator=derive_key(SECRET, "coordinator", settings.site.id).verify_key,
            circles=tuple(circle.id for circle in self.circles),
        )
        book = ConsentBook(settings.site.id, self.pen.who)
        for raw in files.get("consent", ()):
            book.add(raw)
        return Pod(
            identity,
            consent=book,
            designs=self.world.outline.designs.values(),
            utc_at_zero_s=UTC_AT_ZERO_S,
            settings=settings.pod,
            limiter_settings=settings.limiter,
            light_cleared=True,
            memory=memory,
            own_utc_s=self.own_utc_s,
        )

    def _send(self, message: MqttMessage) -> None:
        if self._client is not None:
            self._client.publish(message)

    def _take_time(self, message: MqttMessage) -> None:
        """Take the time, and go by it from now on; begin in earnest with the first."""
        own_s = self.clock.at(self.world.now_s)
        before = self._estimator.offset(own_s)
        try:
            payload = unsealed(Kind.TIME, message, self._runner.pod.identity.coordinator).payload
            self._estimator.take(payload, own_s)
        except ProtocolError:
            return
        if before is not None and contradicts(payload, before, own_s):
            self._measure_afresh()
            return
        offset = self._estimator.offset(own_s)
        if offset is None:
            return
        first, self._offset_s = not self._knows_time, offset.offset_s
        self._runner.handle(happened.ClockMeasured(offset.offset_s, offset.uncertainty_s), self.reckoned_s)
        self._up_to_date()
        if first:
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                self._handle(event)

    def _doubt_clock(self) -> None:
        self.boots_of_clock += 1
        self._estimator = OffsetEstimator(f"{self._runner.pod.identity.boot}-{self.boots_of_clock}")
        self._ask_due_s = -math.inf

    def _measure_afresh(self) -> None:
        """Forget what was measured: a clock was set. Until something is known again, this pod is not sure."""
        self._doubt_clock()
        unsure = happened.ClockMeasured(self._offset_s or 0.0, math.inf)
        self._runner.handle(unsure, self.reckoned_s)
        self.wake()

    def _up_to_date(self) -> None:
        """Give the pod the estimate of the last whole second, unless it has it."""
        true_s = self.world.now_s
        second_s = float(math.floor(true_s))
        if not self._worn or second_s < max(1.0, self._starved_until_s) or second_s <= self._told_s:
            return
        self._told_s = self._sampled_true_s = second_s
        now_s = self.reckoned_s
        self._runner.estimate(replace(self._estimate(), t_s=now_s - (true_s - second_s)), now_s)

    def _plan(self) -> None:
        """Plan the next look; whatever was planned before counts no more."""
        if not self.up:
            return
        now_s = self.world.now_s
        if not self._knows_time:
            self._look_at(now_s + FIRST_ASKS_EVERY_S)
            return
        heartbeat_s = self.world.outline.settings.pod.heartbeat_s
        ask_s = now_s + max(0.0, self._ask_due_s - self.clock.at(now_s)) + HASTE_S
        due_s = min(self.verdicts.next_change_s(now_s), now_s + heartbeat_s, ask_s)
        pod = self._runner.pod
        if pod.is_counting:
            step_s = now_s + max(0.0, self._runner.due_s - self.reckoned_s) + HASTE_S
            due_s = min(due_s, math.floor(now_s) + SECOND_S, step_s)
        if (sound_s := self._runner.sound_due_s) < math.inf:
            due_s = min(due_s, now_s + max(0.0, sound_s - self.reckoned_s) + HASTE_S)
        self._look_at(due_s)

    # --- what the monitors hear ---

    def _written(self, record: LogRecord) -> None:
        watch, true_s = self.world.watch, self.world.now_s
        if isinstance(record, EstimateRecord):
            watch.record(record, true_s, sampled_s=self._sampled_true_s)
        else:
            watch.record(record, true_s)

    def _kept(self, record: CueRecord) -> None:
        self.world.watch.true_record(
            KeptRecord(t_s=self.world.now_s, pod=self.name, window=record.window, step=record.step)
        )

    def _tell_crashed(self) -> None:
        self.world.watch.true_record(PodRecord(t_s=self.world.now_s, pod=self.name, event="crashed"))

    def _heard(self, _cue: Cue, _at_s: float) -> None:
        """Hear a cue: what it does to the sleeper is drawn with the other faults."""
