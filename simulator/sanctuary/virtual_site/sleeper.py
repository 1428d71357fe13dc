"""One pod of a fleet in virtual time: its runner, its verdicts, and when it is looked at next.

A pod that holds no lease is looked at when its verdict changes, when a message comes and when its heartbeat
is due, and is given the newest estimate each time: those in between say the same. A pod that holds one, or
that has to prove stable REM anew, is looked at each second, as in real time, and at each step of the design.

What befalls a sleeper and a headband in virtual time, and when their pod is looked at next.

What a sleeper of a fleet makes of cues: arousals and awakenings, by the simulator's own model of them.

The log of a site that exists in memory only, and the ears of its sleepers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sanctuary.config.sleeper_settings import ResponseSettings
from sanctuary.firmware_bridge.outputs.output import Cue
from sanctuary.gateway.site.pod_shell import TIME_EVERY_S, PodRunner
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.records import LogRecord
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.sleepers.cue_responses import Response, Situation, draw_response, own_threshold_dba
from sanctuary.simulator.sleepers.simulated_night import TruthNight
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.verdicts import Verdicts

SECOND_S = 1.0
POOR_QUALITY = 0.2


class Bed(ABC):
    """One sleeping place.

    Parameters
    ----------
    verdicts
        What the sleeper's chain says.
    """

    def __init__(self, verdicts: Verdicts, agenda: EventQueue) -> None:
        self.verdicts = verdicts
        self._agenda = agenda
        self._look = 0
        self._worn = True
        self._poor_until_s = -math.inf

    @abstractmethod
    def befall(self, event: happened.PodEvent) -> None:
        """Let something befall the pod."""

    @abstractmethod
    def wake(self) -> None:
        """Look at it now, and from now on when it is due."""

    @abstractmethod
    def _plan(self) -> None:
        """Plan the next look; whatever was planned before counts no more."""

    def take_off(self) -> None:
        """Lose the headband."""
        self._worn = False
        self.befall(happened.HeadbandLost())

    def put_on(self) -> None:
        """Find it again."""
        self._worn = True
        self.befall(happened.HeadbandFound())

    def loosen(self, for_s: float) -> None:
        """Let an electrode hang in the air for a while."""
        self._poor_until_s = self._agenda.now_s + for_s
        self.wake()
        self._agenda.after(for_s + SECOND_S, self.wake)

    def arouse(self, for_s: float) -> None:
        """Let the sleeper be aroused."""
        self.verdicts.arouse(self._agenda.now_s, for_s)
        self._plan()

    def lie_awake(self, for_s: float) -> None:
        """Let the sleeper wake up, and fall asleep again after a while."""
        self.verdicts.wake(self._agenda.now_s, for_s)
        self._plan()

    def _estimate(self) -> StageEstimate:
        """Give what the chain says of the last whole second; little, where an electrode hangs in the air."""
        now_s = self._agenda.now_s
        estimate = self.verdicts.at(now_s)
        if math.floor(now_s) >= self._poor_until_s:
            return estimate
        return replace(estimate, stage=Stage.UNKNOWN, stable_rem=False, quality=POOR_QUALITY, reason="closed")

    def _look_at(self, due_s: float) -> None:
        """Look at it at this moment, unless another look is planned meanwhile."""
        self._look += 1
        look = self._look
        self._agenda.at(due_s, lambda: self._wake_if(look))

    def _wake_if(self, look: int) -> None:
        if look == self._look:
            self.wake()


class Place(Bed):
    """One pod and who sleeps in it.

    Parameters
    ----------
    runner, verdicts
        The pod, and what its chain says.
    heartbeat_s
        Longest time between two looks.
    """

    def __init__(self, runner: PodRunner, verdicts: Verdicts, agenda: EventQueue, heartbeat_s: float) -> None:
        super().__init__(verdicts, agenda)
        self.runner = runner
        self._heartbeat_s = heartbeat_s
        self._told_s = -math.inf
        self._ticked_s = -math.inf

    def message(self, message: MqttMessage) -> None:
        """Take a message from the wire."""
        self._up_to_date()
        self.runner.message(message, self._agenda.now_s)
        self._plan()

    def befall(self, event: happened.PodEvent) -> None:
        """As of `Bed`."""
        self._up_to_date()
        self.runner.handle(event, self._agenda.now_s)
        self._plan()

    def wake(self) -> None:
        """As of `Bed`."""
        self._up_to_date()
        now_s = self._agenda.now_s
        if self._engaged or now_s >= self._ticked_s + TIME_EVERY_S or not self._worn:
            self._ticked_s = now_s
            self.runner.tick(now_s)
        self._plan()

    @property
    def _engaged(self) -> bool:
        return self.runner.pod.is_counting

    def _up_to_date(self) -> None:
        """Give the pod the estimate of the last whole second, unless it has it."""
        now_s = self._agenda.now_s
        second_s = math.floor(now_s)
        if not self._worn or second_s < 1 or second_s <= self._told_s:
            return
        self._told_s = second_s
        self.runner.estimate(self._estimate(), now_s)

    def _plan(self) -> None:
        """As of `Bed`."""
        now_s = self._agenda.now_s
        due_s = min(self.verdicts.next_change_s(now_s), now_s + self._heartbeat_s)
        if self._engaged:
            due_s = min(due_s, math.floor(now_s) + SECOND_S, max(now_s, self.runner.pod.next_due_s))
        self._look_at(due_s)


PHASIC_SHARE = 0.4
"""Share of REM with eye movements; without signals nobody knows when they come."""


class Hearing:
    """The ears of one sleeper.

    Parameters
    ----------
    seed
        The sleeper's.
    truth
        The sleeper's night.
    settings
        How such sleepers answer cues.

    Attributes
    ----------
    responses
        What followed from each cue heard so far.
    """

    def __init__(self, seed: int, truth: TruthNight, settings: ResponseSettings, agenda: EventQueue) -> None:
        self._seed, self._truth, self._settings, self._agenda = seed, truth, settings, agenda
        self._threshold_dba = own_threshold_dba(settings, stream(seed, Concern.RESPONSES))
        self.responses: list[Response] = []

    def hear(self, cue: Cue, at_s: float, place: Place) -> None:
        """Hear a cue, and let what follows from it befall the sleeper in time."""
        rng = stream(self._seed, Concern.RESPONSES, 1 + len(self.responses))
        stage = self._truth.stage_at(at_s)
        phasic = stage is Stage.R and bool(rng.random() < PHASIC_SHARE)
        asleep_s = float(np.count_nonzero(self._truth.stages[: int(at_s)] != Stage.W))
        situation = Situation(stage, phasic, asleep_s, self._threshold_dba)
        response = draw_response(at_s, cue.level, cue.modality, situation, self._settings, rng)
        self.responses.append(response)
        if (arousal := response.arousal) is not None:
            self._agenda.at(arousal.onset_s, lambda: place.arouse(arousal.duration_s))
        if (awake := response.awake) is not None:
            self._agenda.at(awake.onset_s, lambda: place.lie_awake(awake.duration_s))


class MemoryLog:
    """Keeps records, and nothing else; the face of a `Journal`."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def write(self, record: LogRecord) -> None:
        """Take a record."""
        self.records.append(record.to_dict())

    def flush(self, *, durable: bool = False) -> bool:  # noqa: ARG002  it is where it belongs already
        """Nothing waits."""
        return True


class Ear:
    """Hears cues in place of rendering them; has the face of a `CueTrack`.

    Parameters
    ----------
    hear
        Takes each cue, and when it began.
    """

    def __init__(self, hear: Callable[[Cue, float], None]) -> None:
        self._hear = hear

    def open_window(self, window_id: str, now_s: float) -> None:
        """Note nothing."""

    def close_window(self, now_s: float) -> None:
        """Note nothing."""

    def play(self, cue: Cue, now_s: float) -> None:
        """Hear a cue."""
        self._hear(cue, now_s)

    def silence(self, now_s: float) -> None:
        """Silence nothing."""

    def close(self) -> None:
        """Close nothing."""
