"""What sleepers and their headbands do in virtual time, and what they make of cues.

Arousals and awakenings by cues follow the simulator's own model of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from sanctuary.config.sleeper_settings import ResponseSettings
from sanctuary.firmware_bridge.cues import Cue
from sanctuary.pods.pod import events as happened
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.sleepers.cue_responses import Response, Situation, draw_response, own_threshold_dba
from sanctuary.simulator.sleepers.simulated_night import TruthNight
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.verdicts import Verdicts

POOR_QUALITY = 0.2
PHASIC_SHARE = 0.4
"""Share of REM with eye movements; without signals nobody knows when they come."""
SEEN_AFTER_S = 1.0
"""An electrode that is back in place is seen with the next estimate."""


class DrivenPod(Protocol):
    """Whatever drives the pod that a sleeper lies in."""

    def look(self) -> None:
        """Look at the pod now."""

    def plan(self) -> None:
        """Plan the next look anew."""


class VirtualSleeper:
    """One sleeper with a headband.

    Parameters
    ----------
    verdicts
        What the sleeper's chain says.

    Attributes
    ----------
    driver
        Drives the pod that is fed; None while it is down.
    """

    def __init__(self, verdicts: Verdicts, events: EventQueue) -> None:
        self.verdicts = verdicts
        self.driver: DrivenPod | None = None
        self._events = events
        self._worn = True
        self._poor_until_s = self._starved_until_s = -math.inf

    def is_sampled(self, second_s: float) -> bool:
        """Tell whether an estimate of the second that ended then reaches the pod."""
        return self._worn and second_s >= max(1.0, self._starved_until_s)

    def estimate(self) -> StageEstimate:
        """Give what the chain says of the last whole second; little, where an electrode hangs in the air."""
        now_s = self._events.now_s
        estimate = self.verdicts.at(now_s)
        if math.floor(now_s) >= self._poor_until_s:
            return estimate
        return replace(estimate, stage=Stage.UNKNOWN, stable_rem=False, quality=POOR_QUALITY, reason="closed")

    def take_off(self) -> happened.HeadbandLost:
        """Lose the headband; gives what the pod is to be told."""
        self._worn = False
        return happened.HeadbandLost()

    def put_on(self) -> happened.HeadbandFound:
        """Find it again."""
        self._worn = True
        return happened.HeadbandFound()

    def loosen(self, for_s: float) -> None:
        """Let an electrode hang in the air for a while."""
        self._poor_until_s = self._events.now_s + for_s
        self._look()
        self._events.after(for_s + SEEN_AFTER_S, self._look)

    def arouse(self, for_s: float) -> None:
        """Arouse the sleeper."""
        self.verdicts.arouse(self._events.now_s, for_s)
        self._plan()

    def lie_awake(self, for_s: float) -> None:
        """Wake the sleeper up, who falls asleep again after a while."""
        self.verdicts.wake(self._events.now_s, for_s)
        self._plan()

    def starve(self, for_s: float) -> None:
        """Bring nothing from the headband for a while, without a word that it is gone."""
        self._starved_until_s = self._events.now_s + for_s

    def _look(self) -> None:
        if self.driver is not None:
            self.driver.look()

    def _plan(self) -> None:
        if self.driver is not None:
            self.driver.plan()


class CueResponses:
    """What one sleeper makes of cues.

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
        What followed from each cue so far.
    """

    def __init__(self, seed: int, truth: TruthNight, settings: ResponseSettings, events: EventQueue) -> None:
        self._seed, self._truth, self._settings, self._events = seed, truth, settings, events
        self._threshold_dba = own_threshold_dba(settings, stream(seed, Concern.RESPONSES))
        self.responses: list[Response] = []

    def on_cue(self, cue: Cue, at_s: float, sleeper: VirtualSleeper) -> None:
        """Draw what follows from a cue, and let it happen to the sleeper in time."""
        rng = stream(self._seed, Concern.RESPONSES, 1 + len(self.responses))
        stage = self._truth.stage_at(at_s)
        phasic = stage is Stage.R and bool(rng.random() < PHASIC_SHARE)
        asleep_s = float(np.count_nonzero(self._truth.stages[: int(at_s)] != Stage.W))
        situation = Situation(stage, phasic, asleep_s, self._threshold_dba)
        response = draw_response(at_s, cue.level, cue.modality, situation, self._settings, rng)
        self.responses.append(response)
        if (arousal := response.arousal) is not None:
            self._events.at(arousal.onset_s, lambda: sleeper.arouse(arousal.duration_s))
        if (awake := response.awake) is not None:
            self._events.at(awake.onset_s, lambda: sleeper.lie_awake(awake.duration_s))


OnCue = Callable[[Cue, float, VirtualSleeper], None]
"""Called with a cue, the moment it began, and the sleeper."""
