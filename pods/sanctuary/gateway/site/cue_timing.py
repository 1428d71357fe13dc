"""Lets time pass for the pods of one program: ticks, and cues at their moment.

The loop sleeps until shortly before a cue is due, and the rest in the kernel's own timer, ahead of ordinary
threads where the system allows that: so it is on time to a fraction of a millisecond, where the loop alone is
late by milliseconds on a busy computer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf

from sanctuary.gateway.site.clocks import LiveTime
from sanctuary.gateway.site.pod_shell import PodRunner
from sanctuary.gateway.site.stopping import StopFlag

AHEAD_S = 0.25
"""So long before a step is due it is judged and its entry brought to the disk."""
TICK_S = 0.5
"""Pods want a tick at least once a second."""
CUE_TICK_S = 0.04
"""Devices that render a cue, and clocks that measure in a burst, want one far more often."""
STILL_S = 0.02
"""The last moment before a cue, in which the loop does nothing else; it wakes so late at worst."""
SPIN_S = 0.0003
"""The very last, waited out awake: longer than the kernel's timer is late."""


async def next_beat(runners: Sequence[PodRunner], clock: LiveTime, now_s: float, stop: StopFlag) -> None:
    """Wait until `tick` is wanted again, letting cues sound at their moment on the way.

    Parameters
    ----------
    now_s
        When `tick` was called last, sanctuary clock.
    """
    tick_s = _tick_due_s(runners, now_s)
    while not stop.is_set:
        cue_s = min((runner.sound_due_s for runner in runners), default=inf)
        if cue_s > tick_s:
            await stop.wait(max(0.0, tick_s - clock.now()))
            return
        with first_in_line():
            await stop.wait(max(0.0, cue_s - STILL_S - clock.now()))
            if clock.now() >= cue_s - STILL_S:
                sound(runners, clock)


def sound(runners: Sequence[PodRunner], clock: LiveTime) -> None:
    """Wait out the last moment and hand over every cue that is due then; the loop stands still meanwhile."""
    due_s = min(runner.sound_due_s for runner in runners)
    if due_s - clock.now() > STILL_S:
        return
    while (left_s := due_s - clock.now()) > 0.0:
        if left_s > SPIN_S:
            time.sleep(left_s - SPIN_S)
    now_s = clock.now()
    for runner in runners:
        runner.sound(now_s)


@contextmanager
def first_in_line() -> Iterator[None]:
    """Let this thread go before ordinary ones, where the system allows that (``LimitRTPRIO``)."""
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


def _tick_due_s(runners: Sequence[PodRunner], now_s: float) -> float:
    due_s = min((runner.due_s for runner in runners), default=now_s + TICK_S)
    if any(runner.outputs.busy or runner.clock.in_burst for runner in runners):
        due_s = min(due_s, now_s + CUE_TICK_S)
    return min(now_s + TICK_S, due_s)
