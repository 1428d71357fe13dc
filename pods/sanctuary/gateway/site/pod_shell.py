"""The shell around one pod: feeds it events, performs its effects, keeps what the report needs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf

from nacl.signing import VerifyKey

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.cues import Modality, Onset
from sanctuary.gateway.results.replay_result import EpochLog
from sanctuary.gateway.site.clocks import MeasuredTime, PodTime
from sanctuary.gateway.site.cue_sink import CueSink, SinkWriter
from sanctuary.gateway.site.event_log import EventSink
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.storage import ConsentKeeper, MemoryKeeper
from sanctuary.pods.clock.exchange import SPARSE
from sanctuary.pods.effects import Effect, Keep, Log, Publish, Record, Render, Silence
from sanctuary.pods.mqtt.wire_client import LinkDown, LinkEvent, MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.pods.pod.outgoing import LOG_NOT_KEPT, MEMORY_NOT_KEPT, status
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, unseal
from sanctuary.pods.protocol.gateway_records import (
    TroubleEvent,
    eye_signal_record,
    onset_record,
    output_record,
    trouble_record,
)
from sanctuary.pods.protocol.messages import HeadbandStatus
from sanctuary.pods.protocol.records import (
    ConsentRecord,
    CueRecord,
    LogRecord,
    PodRecord,
    PodWindowRecord,
)
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import StageEstimate

Send = Callable[[MqttMessage], object]
"""Hands a message to a client; does not wait for it to arrive."""


def to_message(effect: Publish) -> MqttMessage:
    """Write the effect as a message."""
    return MqttMessage(effect.topic, effect.payload, 1 if effect.qos else 0, effect.retain)


def unsealed(kind: Kind, message: MqttMessage, key: VerifyKey) -> MqttMessage:
    """Give a message without its signature, which is that of `key`.

    Raises
    ------
    ProtocolError
        As for `unseal`.
    """
    return replace(message, payload=unseal(kind, message.payload, key))


_LOG = logging.getLogger(__name__)

ON_TIME_S = 0.1
"""A moment that was missed by more than this was missed: what is said of it must be looked at anew."""
BUSY_TICK_S = 0.04
"""Devices that render a cue want a tick so often."""
TIME_EVERY_S = SPARSE.every_s
"""Seconds between two measurements of the sanctuary clock in virtual time."""


class PodShell:
    """One pod and everything around it but its headband; it waits for nothing and reads no clock.

    Whatever runs it hands events over as they come, calls `tick` at `tick_due_s` or earlier and at least once
    a second, and `render_due` at `sound_due_s`.

    Parameters
    ----------
    pod, log
        The core, and the night's event log.
    sink
        Takes what sounds.
    send
        Publishes a message.
    outputs
        The pod's devices, if it has any.
    entries
        Keeps each signed entry that the pod has taken, so that a restart forgets none.
    keeper
        Keeps the pod's memory; without, it lies in `memory` alone.
    clock
        How the pod knows the sanctuary clock; by default, as virtual time does.
    utc
        What is known of UTC; without, that of second 0 holds, as in virtual time.
    ahead_s
        The pod is asked for a step so much before it is due, and its entry is on the disk before the moment
        comes; the cue waits for `render_due`. Whatever silences the pod meanwhile takes it back.
    firmware
        What the pod's status calls the program.

    Attributes
    ----------
    memory
        What the pod asked to be kept last; None where nothing ever had to be.
    """

    def __init__(
        self,
        pod: Pod,
        log: EventSink,
        sink: CueSink,
        send: Send,
        outputs: PodOutputs | None = None,
        entries: ConsentKeeper | None = None,
        keeper: MemoryKeeper | None = None,
        *,
        clock: PodTime | None = None,
        utc: PodUtc | None = None,
        ahead_s: float = 0.0,
        firmware: str = "simulated",
    ) -> None:
        self.pod = pod
        self.id = pod.identity.pod
        self.epochs = EpochLog()
        self.openings = OpeningLog()
        self.last: StageEstimate | None = None
        self.cues = {"rendered": 0, "refused": 0}
        self.memory: PodMemory | None = None
        self.clock = clock if clock is not None else MeasuredTime(pod.identity.boot)
        self.outputs = outputs if outputs is not None else PodOutputs(self.id)
        self.outputs.on_fault = self._on_fault
        self._site = pod.identity.site
        self._log, self._track, self._send = log, SinkWriter(sink), send
        self._entries, self._keeper, self._utc = entries, keeper, utc
        self._ahead_s, self._firmware = ahead_s, firmware
        self._waiting: deque[Render] = deque()
        self._now_s = 0.0

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics that this pod listens to."""
        name = (self._site, self.id)
        ours = (topics.command(*name), topics.consent(*name), topics.time_response(*name))
        return (*ours, topics.broadcast(self._site), *self.outputs.subscriptions)

    @property
    def step_due_s(self) -> float:
        """When `tick` is wanted next for a step of the design; infinite for no step."""
        return self.pod.next_due_s - self._ahead_s

    @property
    def sound_due_s(self) -> float:
        """When `render_due` is wanted next; infinite while no cue waits."""
        return self._waiting[0].at_s if self._waiting else inf

    def tick_due_s(self, now_s: float) -> float:
        """When `tick` is wanted next: for a step, a measurement of the clock, or a device that renders."""
        if self.outputs.busy:
            return min(self.step_due_s, now_s + BUSY_TICK_S)
        return min(self.step_due_s, now_s + max(0.0, self.clock.ask_in_s(now_s)))

    # --- events ---

    def handle(self, event: happened.PodEvent, now_s: float) -> None:
        """Pass an event to the core and perform its effects, in order."""
        self._perform(self.pod.handle(event, now_s), now_s)

    def on_link(self, event: LinkEvent, now_s: float, headband: HeadbandStatus | None = None) -> None:
        """Tell the pod that the broker can be reached, or cannot; measure the clock anew where it can."""
        if isinstance(event, LinkDown):
            self.handle(happened.LinkLost(event.reason), now_s)
            return
        self.clock.hurry()
        self.publish_status(headband)
        self.handle(happened.LinkRestored(), now_s)

    def publish_status(self, headband: HeadbandStatus | None = None) -> None:
        """Tell that the pod is there, and how its headband is doing."""
        online = status(self.pod.identity, self._firmware, online=True, headband=headband)
        self._send(to_message(online))

    def on_message(self, message: MqttMessage, now_s: float) -> None:
        """Handle a message of one of the `subscriptions`."""
        if message.topic == topics.time_response(self._site, self.id):
            self._on_time(message, now_s)
        elif message.topic == topics.consent(self._site, self.id):
            self.present_consent(message.payload, now_s)
        elif not self.outputs.heard(message.topic, message.payload):
            self.handle(happened.CommandReceived(message.payload), now_s)

    def present_consent(self, entry: bytes, now_s: float) -> None:
        """Give the pod a signed entry; silence comes first where it asks for it, then the entry is kept.

        One that ends consent and cannot be kept counts as a withdrawal by hand besides: that is in the pod's
        memory, for which there is room.
        """
        effects = self.pod.handle(happened.ConsentPresented(entry), now_s)
        self._perform(effects, now_s)
        if self._entries is None or not any(_takes_consent(effect) for effect in effects):
            return
        if not self._entries.keep(entry) and Silence("withdrawn") in effects:
            self.handle(happened.WithdrawalMade(), now_s)

    def on_estimate(self, estimate: StageEstimate, now_s: float) -> None:
        """Handle what the chain says of a second that ended at `estimate.t_s` on the sanctuary clock."""
        self.last = estimate
        self.epochs.push(estimate)
        self.openings.push(estimate.t_s, estimate.stable_rem, estimate.reason)
        if estimate.eye_signal is not None:
            self._log.write(eye_signal_record(self.id, estimate.eye_signal, now_s))
        self.handle(happened.EstimateArrived(estimate), now_s)

    def tick(self, now_s: float) -> None:
        """Handle that time has passed, stopping at each step of the design that is due on the way.

        Where that was missed, as by a program that stood still, the step is judged by what is true now.
        """
        self._now_s = now_s
        self.update_utc(now_s)
        self.render_due(now_s)
        if now_s - self.pod.next_due_s > ON_TIME_S:
            self.handle(happened.Ticked(), now_s)
        while (due_s := self.pod.next_due_s) < now_s + self._ahead_s:
            self._perform(self.pod.handle(happened.Ticked(), due_s), min(due_s, now_s))
            if self.pod.next_due_s <= due_s:
                break
        self.handle(happened.Ticked(), now_s)
        self.outputs.tick(now_s)
        for keeper in (self._keeper, self._entries):
            if keeper is not None:
                keeper.retry()
        self._track.catch_up()
        request = self.clock.ask(now_s)
        if request is not None:
            self._send(MqttMessage(topics.time_request(self._site, self.id), request, 0))
        self._report_clock(now_s)

    def update_utc(self, now_s: float) -> None:
        """Tell the pod what is known of UTC, if that is news; the first thing that a pod is told."""
        heard = self._utc.news(now_s) if self._utc is not None else None
        if heard is not None:
            self.handle(heard, now_s)

    def render_due(self, now_s: float) -> None:
        """Render the cues whose moment has come; where it was missed, those that may still sound."""
        while self._waiting and (late_s := now_s - self._waiting[0].at_s) >= 0.0:
            if late_s > ON_TIME_S:
                self.handle(happened.Ticked(), now_s)
            if self._waiting and late_s > self.pod.late_s:
                self._waiting.popleft()
                self.handle(happened.CueMissed(late_s), now_s)
            elif self._waiting:
                self._hand_over(self._waiting.popleft(), now_s)

    def on_onset(self, onset: Onset) -> None:
        """Write down when a cue really began, as its device says."""
        self._log.write(onset_record(self.id, str(onset.cue.modality), onset.wanted_s, onset.happened_s))

    def silence(self) -> None:
        """Stop every output for good: the night is ending."""
        self._waiting.clear()
        self.outputs.close()

    def end(self, now_s: float) -> None:
        """Close what is open: the night is over."""
        if self.openings.is_open and self.last is not None:
            self.openings.end(self.last.t_s)
        self.silence()
        self._track.close(now_s)

    def _on_fault(self, modality: Modality, reason: str) -> None:
        event: TroubleEvent = "began" if reason else "ended"
        self._log.write(
            trouble_record(
                "output_failed", event, self._now_s, pod=self.id, about=str(modality), detail=reason
            )
        )

    def _on_time(self, message: MqttMessage, now_s: float) -> None:
        try:
            self.clock.on_answer(unsealed(Kind.TIME, message, self.pod.identity.coordinator), now_s)
        except ProtocolError as error:
            _LOG.debug("%s: %s", self.id, error)
            return
        self._report_clock(now_s)

    def _report_clock(self, now_s: float) -> None:
        measured = self.clock.news(now_s)
        if measured is not None:
            self.handle(measured, now_s)

    # --- effects ---

    def _perform(self, effects: Iterable[Effect], now_s: float) -> None:
        """Do as told, in order; a cue whose memory or entry cannot be kept is refused, and does not sound."""
        kept, logged, unheard = True, True, False
        for effect in effects:
            match effect:
                case Keep():
                    self.memory = effect.memory
                    kept = self._keeper is None or self._keeper.keep(effect.memory)
                case Publish():
                    self._send(to_message(effect))
                case Log():
                    logged = self._write_cue(effect.entry, kept=kept)
                    unheard = unheard or not (effect.entry.reason or (kept and logged))
                case Render() if kept and logged:
                    self._render(effect, now_s)
                case Silence():
                    self._waiting.clear()
                    self.outputs.stop(now_s)
                    self._track.silence(now_s)
                case Record():
                    self._record(effect.record, now_s)
        if unheard:
            self.handle(happened.CueUnkept(), now_s)

    def _write_cue(self, entry: CueRecord, *, kept: bool) -> bool:
        """Write an entry; tells whether it is on the disk. One that waits behind others is that of no cue."""
        if not kept:
            entry = entry.refused(MEMORY_NOT_KEPT)
        elif not self._log.flush():
            entry = entry.refused(LOG_NOT_KEPT)
        self.cues[entry.outcome] += 1
        self._log.write(entry)
        return self._log.flush(durable=True)

    def _render(self, effect: Render, now_s: float) -> None:
        if effect.at_s > now_s:
            self._waiting.append(effect)
            return
        self._hand_over(effect, now_s)
        if not self._ahead_s:
            self._track.catch_up()

    def _hand_over(self, effect: Render, now_s: float) -> None:
        self._log.write(output_record(self.id, effect.window, effect.step, now_s))
        self.outputs.play(effect.cue, effect.at_s)
        self._track.push(effect.cue, now_s)

    def _record(self, record: LogRecord, now_s: float) -> None:
        self._log.write(record)
        if isinstance(record, PodRecord) and record.event == "clock_doubted":
            self.clock.doubt()
        if not isinstance(record, PodWindowRecord):
            return
        if record.event == "opened":
            self._track.open_window(record.window, now_s)
        elif record.event == "left":
            self._track.close_window(now_s)


def _takes_consent(effect: Effect) -> bool:
    """Tell whether a pod has taken a consent entry."""
    record = effect.record if isinstance(effect, Record) else None
    return isinstance(record, ConsentRecord) and record.act in ("grant", "withdraw")
