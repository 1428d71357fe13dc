"""The shell around one pod: feeds it events, performs its effects, keeps what the report needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from sanctuary.config.errors import DeviceError, ProtocolError
from sanctuary.firmware_bridge.outputs.base import Onset
from sanctuary.firmware_bridge.outputs.cue import Cue
from sanctuary.gateway.night.journal import Log as NightLog
from sanctuary.gateway.night.outputs import PodOutputs
from sanctuary.gateway.night.sending import Send, to_message
from sanctuary.gateway.replay.epochs import EpochLog
from sanctuary.pods.effects import Effect, Keep, Log, Publish, Record, Render, Silence
from sanctuary.pods.logs import CueEntry, LogRecord, eye_signal_record, onset_record, output_record
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.memory import PodMemory
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.pod.records import unkept
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.clock import OffsetEstimator
from sanctuary.pods.wire.packets import Message
from sanctuary.signal.gate import OpeningLog
from sanctuary.signal.samples import StageEstimate

_LOG = logging.getLogger(__name__)

TIME_EVERY_S = 60.0
"""Seconds between two measurements of the sanctuary clock."""


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
    keep_consent
        Keeps a signed entry that the pod has taken, so that a restart forgets none.
    keeper
        Keeps the pod's memory; without, it lies in `memory` alone.

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
        keep_consent: Callable[[bytes], object] | None = None,
        keeper: Keeper | None = None,
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
        self._track_open = False
        self._track_told = False
        self._send = send
        self._keep_consent = keep_consent
        self._keeper = keeper
        self.memory: PodMemory | None = None
        self._clock = OffsetEstimator(pod.identity.boot)
        self._ask_due_s = float("-inf")

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics that this pod listens to."""
        name = (self._site, self.id)
        ours = (topics.command(*name), topics.consent(*name), topics.time_response(*name))
        return (*ours, topics.broadcast(self._site), *self.outputs.subscriptions)

    # --- what befalls the pod ---

    def handle(self, event: happened.PodEvent, now_s: float) -> None:
        """Pass an event to the core and perform its effects, in order."""
        self._perform(self.pod.handle(event, now_s), now_s)

    def present_consent(self, entry: bytes, now_s: float) -> None:
        """Give the pod a signed entry; silence comes first where it asks for it, then the entry is kept."""
        effects = self.pod.handle(happened.ConsentPresented(entry), now_s)
        self._perform(effects, now_s)
        if self._keep_consent is not None and any(_takes_consent(effect) for effect in effects):
            self._keep_consent(entry)

    def _perform(self, effects: Iterable[Effect], now_s: float) -> None:
        """Do as told, in order; where the memory of a cue cannot be kept, it is refused here.

        A cue whose entry has not reached the disk does not sound either.
        """
        kept = logged = True
        for effect in effects:
            match effect:
                case Keep():
                    self.memory = effect.memory
                    kept = self._keeper is None or self._keeper.keep(effect.memory)
                case Publish():
                    self._send(to_message(effect))
                case Log():
                    logged = self._log(effect.entry if kept else unkept(effect.entry))
                case Render() if kept and logged:
                    self._render(effect, now_s)
                case Render():
                    self.pod.take_back()
                case Silence():
                    self._cut(now_s)
                case Record():
                    self._record(effect.record, now_s)

    def estimate(self, estimate: StageEstimate, now_s: float) -> None:
        """Take what the chain says of a second that ended at `estimate.t_s` on the sanctuary clock."""
        self.last = estimate
        self.epochs.estimate(estimate)
        self.openings.verdict(estimate.t_s, estimate.stable_rem, estimate.reason)
        if estimate.eye_signal is not None:
            self._journal.write(eye_signal_record(self.id, estimate.eye_signal, now_s))
        self.handle(happened.EstimateArrived(estimate), now_s)

    def tick(self, now_s: float) -> None:
        """Let time pass, stopping at each step of the design that is due on the way."""
        while (due_s := self.pod.next_due_s) < now_s:
            self.handle(happened.Ticked(), due_s)
            if self.pod.next_due_s <= due_s:
                break
        self.handle(happened.Ticked(), now_s)
        self.outputs.tick(now_s)
        if self._keeper is not None:
            self._keeper.retry()
        if now_s >= self._ask_due_s:
            self._ask_due_s = now_s + TIME_EVERY_S
            request = self._clock.request(now_s)
            self._send(Message(topics.time_request(self._site, self.id), request, 0))

    def message(self, message: Message, now_s: float) -> None:
        """Take a message of one of the `subscriptions`."""
        if message.topic == topics.time_response(self._site, self.id):
            self._take_time(message.payload, now_s)
        elif message.topic == topics.consent(self._site, self.id):
            self.present_consent(message.payload, now_s)
        elif not self.outputs.heard(message.topic, message.payload):
            self.handle(happened.CommandReceived(message.payload), now_s)

    def end(self, now_s: float) -> None:
        """Close what is open: the night is over."""
        if self.openings.is_open and self.last is not None:
            self.openings.end(self.last.t_s)
        self.outputs.close()
        self._close_track(now_s)
        self._on_track(self._track.close)

    def began(self, onset: Onset) -> None:
        """Hear from a device when a cue really began."""
        self._journal.write(onset_record(self.id, str(onset.cue.modality), onset.wanted_s, onset.happened_s))

    # --- effects ---

    def _log(self, entry: CueEntry) -> bool:
        """Write an entry; tells whether it is on the disk."""
        self.cues[entry["outcome"]] += 1
        self._journal.write(entry)
        return self._journal.flush(durable=True)

    def _render(self, effect: Render, now_s: float) -> None:
        self._journal.write(output_record(self.id, effect.window, effect.step, now_s))
        self.outputs.play(effect.cue, effect.at_s)
        self._on_track(lambda: self._track.play(effect.cue, now_s))

    def _record(self, record: LogRecord, now_s: float) -> None:
        self._journal.write(record)
        if record["kind"] != "pod_window":
            return
        if record["event"] == "opened" and not self._track_open:
            self._on_track(lambda: self._track.open_window(record["window"], now_s))
            self._track_open = True
        elif record["event"] == "left":
            self._close_track(now_s)

    def _cut(self, now_s: float) -> None:
        self.outputs.stop(now_s)
        if self._track_open:
            self._on_track(lambda: self._track.silence(now_s))

    def _close_track(self, now_s: float) -> None:
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

    def _take_time(self, payload: bytes, now_s: float) -> None:
        try:
            self._clock.take(payload, now_s)
        except ProtocolError as error:
            _LOG.debug("%s: %s", self.id, error)
            return
        offset = self._clock.offset(now_s)
        if offset is not None:
            self.handle(happened.ClockMeasured(offset.offset_s, offset.uncertainty_s), now_s)


def _takes_consent(effect: Effect) -> bool:
    """Tell whether a pod has taken a consent entry."""
    if not isinstance(effect, Record) or effect.record["kind"] != "consent":
        return False
    return effect.record["act"] in ("grant", "withdraw")
