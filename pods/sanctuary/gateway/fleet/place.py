"""One pod of a fleet in virtual time: its runner, its verdicts, and when it is looked at next.

A pod that holds no lease is looked at when its verdict changes, when a message comes and when its heartbeat
is due, and is given the newest estimate each time: those in between say the same. A pod that holds one, or
that has to prove stable REM anew, is looked at each second, as in real time, and at each step of the design.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from sanctuary.gateway.night.pod_runner import TIME_EVERY_S, PodRunner
from sanctuary.pods.pod import events as happened
from sanctuary.pods.wire.packets import Message
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.fleets.agenda import Agenda
from sanctuary.simulator.fleets.verdicts import Verdicts

SECOND_S = 1.0
POOR_QUALITY = 0.2


class Place:
    """One pod and who sleeps in it.

    Parameters
    ----------
    runner, verdicts
        The pod, and what its chain says.
    heartbeat_s
        Longest time between two looks.
    """

    def __init__(self, runner: PodRunner, verdicts: Verdicts, agenda: Agenda, heartbeat_s: float) -> None:
        self.runner, self.verdicts = runner, verdicts
        self._agenda, self._heartbeat_s = agenda, heartbeat_s
        self._told_s = -math.inf
        self._ticked_s = -math.inf
        self._look = 0
        self._worn = True
        self._poor_until_s = -math.inf

    def message(self, message: Message) -> None:
        """Take a message from the wire."""
        self._up_to_date()
        self.runner.message(message, self._agenda.now_s)
        self._plan()

    def befall(self, event: happened.PodEvent) -> None:
        """Let something befall the pod."""
        self._up_to_date()
        self.runner.handle(event, self._agenda.now_s)
        self._plan()

    def wake(self) -> None:
        """Look at it now, and from now on when it is due."""
        self._up_to_date()
        now_s = self._agenda.now_s
        if self._engaged or now_s >= self._ticked_s + TIME_EVERY_S or not self._worn:
            self._ticked_s = now_s
            self.runner.tick(now_s)
        self._plan()

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
        estimate = self.verdicts.at(now_s)
        self.runner.estimate(_poor(estimate) if second_s < self._poor_until_s else estimate, now_s)

    def _plan(self) -> None:
        """Plan the next look; whatever was planned before counts no more."""
        self._look += 1
        look, now_s = self._look, self._agenda.now_s
        due_s = min(self.verdicts.next_change_s(now_s), now_s + self._heartbeat_s)
        if self._engaged:
            due_s = min(due_s, math.floor(now_s) + SECOND_S, max(now_s, self.runner.pod.next_due_s))
        self._agenda.at(due_s, lambda: self._wake_if(look))

    def _wake_if(self, look: int) -> None:
        if look == self._look:
            self.wake()


def look_after(what: Callable[[], None], agenda: Agenda, every_s: float) -> None:
    """Do something again and again."""

    def again() -> None:
        what()
        agenda.after(every_s, again)

    agenda.after(every_s, again)


def _poor(estimate: StageEstimate) -> StageEstimate:
    return replace(estimate, stage=Stage.UNKNOWN, stable_rem=False, quality=POOR_QUALITY, reason="closed")
