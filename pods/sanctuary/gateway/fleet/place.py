"""One pod of a fleet in virtual time: its runner, its verdicts, and when it is looked at next.

A pod that holds no lease is looked at when its verdict changes, when a message comes and when its heartbeat
is due, and is given the newest estimate each time: those in between say the same. A pod that holds one, or
that has to prove stable REM anew, is looked at each second, as in real time, and at each step of the design.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sanctuary.gateway.fleet.bed import SECOND_S, Bed
from sanctuary.gateway.night.pod_runner import TIME_EVERY_S, PodRunner
from sanctuary.pods.pod import events as happened
from sanctuary.pods.wire.packets import Message
from sanctuary.simulator.fleets.agenda import Agenda
from sanctuary.simulator.fleets.verdicts import Verdicts


class Place(Bed):
    """One pod and who sleeps in it.

    Parameters
    ----------
    runner, verdicts
        The pod, and what its chain says.
    heartbeat_s
        Longest time between two looks.
    """

    def __init__(self, runner: PodRunner, verdicts: Verdicts, agenda: Agenda, heartbeat_s: float) -> None:
        super().__init__(verdicts, agenda)
        self.runner = runner
        self._heartbeat_s = heartbeat_s
        self._told_s = -math.inf
        self._ticked_s = -math.inf

    def message(self, message: Message) -> None:
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


def look_after(what: Callable[[], None], agenda: Agenda, every_s: float) -> None:
    """Do something again and again."""

    def again() -> None:
        what()
        agenda.after(every_s, again)

    agenda.after(every_s, again)
