"""The shell around one pod: feeds it events, performs its effects, keeps what the report needs.

From a core's wish to publish to a message on the wire, and what of it outlives a crash.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Protocol

from nacl.signing import VerifyKey

from sanctuary.config.errors import DeviceError, InputError, ProtocolError
from sanctuary.firmware_bridge.outputs.output import Cue, Modality, Onset
from sanctuary.gateway.results.replay_result import EpochLog
from sanctuary.gateway.site.clocks import MeasuredTime, PodTime
from sanctuary.gateway.site.event_log import Log as NightLog
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.pods.clock.exchange import SPARSE
from sanctuary.pods.effects import Effect, Keep, Log, Publish, Record, Render, Silence
from sanctuary.pods.mqtt.queues import Outbox
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.pods.pod.outgoing import LOG_NOT_KEPT, MEMORY_NOT_KEPT
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


def open_outbox(data_dir: Path, pod: str) -> Outbox:
    """Open where a pod's lasting messages wait for the broker, ``outbox/POD.sqlite``.

    Raises
    ------
    InputError
        The folder cannot be made.
    BrokerError
        The file cannot be used.
    """
    folder = data_dir / "outbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    return Outbox(folder / f"{pod}.sqlite")


_LOG = logging.getLogger(__name__)

ON_TIME_S = 0.1
"""A moment that was missed by more than this was missed: what is said of it must be looked at anew."""
TIME_EVERY_S = SPARSE.every_s
"""Seconds between two measurements of the sanctuary clock in virtual time."""


class Track(Protocol):
    """What a pod's loudspeaker would have played; see `CueTrack`."""

    def open_window(self, window_id: str, start_s: float, /) -> None:
        """Begin a window."""

    def close_window(self, end_s: float, /) -> None:
        """End it."""

    def play(self, cue: Cue, at_s: float, /) -> object:
        """Render a cue."""

    def silence(self, at_s: float, /) -> None:
        """Cut what sounds."""

    def close(self) -> None:
        """Finish."""


class Keeper(Protocol):
    """Where a pod's memory is kept; see `MemoryKeeper`."""

    def keep(self, memory: PodMemory, /) -> bool:
        """Keep a memory; false where it could not be."""

    def retry(self) -> None:
        """Try again to keep what could not be kept."""


class EntryKeeper(Protocol):
    """Where signed entries are kept; see `ConsentKeeper`."""

    def keep(self, entry: bytes, /) -> bool:
        """Keep an entry; false where it could not be."""

    def retry(self) -> None:
        """Try again to keep what could not be kept."""


class PodRunner:
    """One pod and everything around it but its headband.

    Parameters
    ----------
    pod, journal, track
        The core, the night's log, and the track of what sounds.
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
        comes; the cue waits for `sound`. Whatever silences the pod meanwhile takes it back.

    Attributes
    ----------
    memory
        What the pod asked to be kept last; None where nothing ever had to be.
    """

    def __init__(
        self,
        pod: Pod,
        journal: NightLog,
        track: Track,
        send: Send,
        outputs: PodOutputs | None = None,
        entries: EntryKeeper | None = None,
        keeper: Keeper | None = None,
        *,
        clock: PodTime | None = None,
        utc: PodUtc | None = None,
        ahead_s: float = 0.0,
    ) -> None:
        self.pod = pod
        self.id = pod.identity.pod
        self.epochs = EpochLog()
        self.openings = OpeningLog()
        self.last: StageEstimate | None = None
        self.cues = {"rendered": 0, "refused": 0}
        self._site = pod.identity.site
        self._journal = journal
        self._track = track
        self.outputs = outputs if outputs is not None else PodOutputs(self.id)
        self.outputs.on_fault = self._on_fault
        self._track_open = False
        self._track_told = False
        self._send = send
        self._entries = entries
        self._keeper = keeper
        self.memory: PodMemory | None = None
        self.clock = clock if clock is not None else MeasuredTime(pod.identity.boot)
        self._utc = utc
        self._ahead_s = ahead_s
        self._waiting: deque[Render] = deque()
        self._untracked: deque[tuple[Cue, float]] = deque()
        self._now_s = 0.0

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics that this pod listens to."""
        name = (self._site, self.id)
        ours = (topics.command(*name), topics.consent(*name), topics.time_response(*name))
        return (*ours, topics.broadcast(self._site), *self.outputs.subscriptions)

    @property
    def due_s(self) -> float:
        """When `tick` is wanted next for a step of the design; infinite for no step."""
        return self.pod.next_due_s - self._ahead_s

    @property
    def sound_due_s(self) -> float:
        """When `sound` is wanted next; infinite while no cue waits."""
        return self._waiting[0].at_s if self._waiting else inf

    # --- what befalls the pod ---

    def handle(self, event: happened.PodEvent, now_s: float) -> None:
        """Pass an event to the core and perform its effects, in order."""
        self._perform(self.pod.handle(event, now_s), now_s)

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
                    logged = self._log(effect.entry, kept=kept)
                    unheard = unheard or not (effect.entry.reason or (kept and logged))
                case Render() if kept and logged:
                    self._render(effect, now_s)
                case Silence():
                    self._cut(now_s)
                case Record():
                    self._record(effect.record, now_s)
        if unheard:
            self.handle(happened.CueUnkept(), now_s)

    def estimate(self, estimate: StageEstimate, now_s: float) -> None:
        """Take what the chain says of a second that ended at `estimate.t_s` on the sanctuary clock."""
        self.last = estimate
        self.epochs.push(estimate)
        self.openings.push(estimate.t_s, estimate.stable_rem, estimate.reason)
        if estimate.eye_signal is not None:
            self._journal.write(eye_signal_record(self.id, estimate.eye_signal, now_s))
        self.handle(happened.EstimateArrived(estimate), now_s)

    def tick(self, now_s: float) -> None:
        """Let time pass, stopping at each step of the design that is due on the way.

        Where that was missed, as by a program that stood still, the step is judged by what is true now.
        """
        self._now_s = now_s
        self.hear_utc(now_s)
        self.sound(now_s)
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
        self._catch_up_track()
        request = self.clock.ask(now_s)
        if request is not None:
            self._send(MqttMessage(topics.time_request(self._site, self.id), request, 0))
        self._tell_clock(now_s)

    def hear_utc(self, now_s: float) -> None:
        """Tell the pod what is known of UTC, if that is news; first of all that befalls it."""
        heard = self._utc.news(now_s) if self._utc is not None else None
        if heard is not None:
            self.handle(heard, now_s)

    def sound(self, now_s: float) -> None:
        """Hand the cues over whose moment has come; where it was missed, those that may still sound."""
        while self._waiting and (late_s := now_s - self._waiting[0].at_s) >= 0.0:
            if late_s > ON_TIME_S:
                self.handle(happened.Ticked(), now_s)
            if self._waiting and late_s > self.pod.late_s:
                self._waiting.popleft()
                self.handle(happened.CueMissed(late_s), now_s)
            elif self._waiting:
                self._hand_over(self._waiting.popleft(), now_s)

    def hush(self) -> None:
        """Silence everything: the night is ending."""
        self._waiting.clear()
        self.outputs.close()

    def message(self, message: MqttMessage, now_s: float) -> None:
        """Take a message of one of the `subscriptions`."""
        if message.topic == topics.time_response(self._site, self.id):
            self._take_time(message, now_s)
        elif message.topic == topics.consent(self._site, self.id):
            self.present_consent(message.payload, now_s)
        elif not self.outputs.heard(message.topic, message.payload):
            self.handle(happened.CommandReceived(message.payload), now_s)

    def end(self, now_s: float) -> None:
        """Close what is open: the night is over."""
        if self.openings.is_open and self.last is not None:
            self.openings.end(self.last.t_s)
        self.hush()
        self._close_track(now_s)
        self._on_track(self._track.close)

    def began(self, onset: Onset) -> None:
        """Hear from a device when a cue really began."""
        self._journal.write(onset_record(self.id, str(onset.cue.modality), onset.wanted_s, onset.happened_s))

    def _on_fault(self, modality: Modality, reason: str) -> None:
        event: TroubleEvent = "began" if reason else "ended"
        self._journal.write(
            trouble_record(
                "output_failed", event, self._now_s, pod=self.id, about=str(modality), detail=reason
            )
        )

    # --- effects ---

    def _log(self, entry: CueRecord, *, kept: bool) -> bool:
        """Write an entry; tells whether it is on the disk. One that waits behind others is that of no cue."""
        if not kept:
            entry = entry.refused(MEMORY_NOT_KEPT)
        elif not self._journal.flush():
            entry = entry.refused(LOG_NOT_KEPT)
        self.cues[entry.outcome] += 1
        self._journal.write(entry)
        return self._journal.flush(durable=True)

    def _render(self, effect: Render, now_s: float) -> None:
        if effect.at_s > now_s:
            self._waiting.append(effect)
            return
        self._hand_over(effect, now_s)
        if not self._ahead_s:
            self._catch_up_track()

    def _hand_over(self, effect: Render, now_s: float) -> None:
        """Let a cue sound; its track is drawn later, for that takes time that other pods lack."""
        self._journal.write(output_record(self.id, effect.window, effect.step, now_s))
        self.outputs.play(effect.cue, effect.at_s)
        self._untracked.append((effect.cue, now_s))

    def _catch_up_track(self) -> None:
        while self._untracked:
            cue, at_s = self._untracked.popleft()
            self._on_track(partial(self._track.play, cue, at_s))

    def _record(self, record: LogRecord, now_s: float) -> None:
        self._journal.write(record)
        if isinstance(record, PodRecord) and record.event == "clock_doubted":
            self.clock.doubt()
        if not isinstance(record, PodWindowRecord):
            return
        if record.event == "opened" and not self._track_open:
            self._on_track(lambda: self._track.open_window(record.window, now_s))
            self._track_open = True
        elif record.event == "left":
            self._close_track(now_s)

    def _cut(self, now_s: float) -> None:
        self._waiting.clear()
        self.outputs.stop(now_s)
        self._catch_up_track()
        if self._track_open:
            self._on_track(lambda: self._track.silence(now_s))

    def _close_track(self, now_s: float) -> None:
        self._catch_up_track()
        if self._track_open:
            self._track_open = False
            self._on_track(lambda: self._track.close_window(now_s))

    def _on_track(self, do: Callable[[], object]) -> None:
        """Use the cue track; a disk that takes nothing is told once and must not end a night."""
        try:
            do()
        except DeviceError as error:
            if not self._track_told:
                _LOG.warning("%s", error)
            self._track_told = True
        else:
            self._track_told = False

    def _take_time(self, message: MqttMessage, now_s: float) -> None:
        try:
            self.clock.take(unsealed(Kind.TIME, message, self.pod.identity.coordinator), now_s)
        except ProtocolError as error:
            _LOG.debug("%s: %s", self.id, error)
            return
        self._tell_clock(now_s)

    def _tell_clock(self, now_s: float) -> None:
        measured = self.clock.news(now_s)
        if measured is not None:
            self.handle(measured, now_s)


def _takes_consent(effect: Effect) -> bool:
    """Tell whether a pod has taken a consent entry."""
    record = effect.record if isinstance(effect, Record) else None
    return isinstance(record, ConsentRecord) and record.act in ("grant", "withdraw")
