"""What befalls a sleeper and a headband in virtual time, and when their pod is looked at next."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace

from sanctuary.pods.pod import events as happened
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.fleets.agenda import Agenda
from sanctuary.simulator.fleets.verdicts import Verdicts

SECOND_S = 1.0
POOR_QUALITY = 0.2


class Bed(ABC):
    """One sleeping place.

    Parameters
    ----------
    verdicts
        What the sleeper's chain says.
    """

    def __init__(self, verdicts: Verdicts, agenda: Agenda) -> None:
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
