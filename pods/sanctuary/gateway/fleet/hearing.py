"""What a sleeper of a fleet makes of cues: arousals and awakenings, by the simulator's own model of them."""

from __future__ import annotations

import numpy as np

from sanctuary.config.responses import ResponseSettings
from sanctuary.firmware_bridge.outputs.cue import Cue
from sanctuary.gateway.fleet.place import Place
from sanctuary.signal.samples import Stage
from sanctuary.simulator.fleets.agenda import Agenda
from sanctuary.simulator.physiology.randomness import Concern, stream
from sanctuary.simulator.sleepers.responses import (
    Response,
    Situation,
    draw_response,
    own_threshold_dba,
)
from sanctuary.simulator.sleepers.truth import TruthNight

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

    def __init__(self, seed: int, truth: TruthNight, settings: ResponseSettings, agenda: Agenda) -> None:
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
