"""Waits for the pods of one program: until the next tick, rendering cues at their moment.

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
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.stopping import StopFlag

AHEAD_S = 0.25
"""So long before a step is due it is judged and its entry brought to the disk."""
TICK_S = 0.5
"""Pods want a tick at least once a second."""
STILL_S = 0.02
"""The last moment before a cue, in which the loop does nothing else; it wakes so late at worst."""
SPIN_S = 0.0003
"""The very last, waited out awake: longer than the kernel's timer is late."""


async def wait_for_tick(pods: Sequence[PodShell], clock: LiveTime, now_s: float, stop: StopFlag) -> None:
    """Wait until `tick` is wanted again, letting cues sound at their moment on the way.

    Parameters
    ----------
    now_s
        When `tick` was called last, sanctuary clock.
    """
    tick_s = _tick_due_s(pods, now_s)
    while not stop.is_set:
        cue_s = min((pod.sound_due_s for pod in pods), default=inf)
        if cue_s > tick_s:
            await stop.wait(max(0.0, tick_s - clock.now()))
            return
        with first_in_line():
            await stop.wait(max(0.0, cue_s - STILL_S - clock.now()))
            if clock.now() >= cue_s - STILL_S:
                render_due(pods, clock)


def render_due(pods: Sequence[PodShell], clock: LiveTime) -> None:
    """Wait out the last moment and hand over every cue that is due then; the loop stands still meanwhile."""
    due_s = min(pod.sound_due_s for pod in pods)
    if due_s - clock.now() > STILL_S:
        return
    while (left_s := due_s - clock.now()) > 0.0:
        if left_s > SPIN_S:
            time.sleep(left_s - SPIN_S)
    now_s = clock.now()
    for pod in pods:
        pod.render_due(now_s)


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


def _tick_due_s(pods: Sequence[PodShell], now_s: float) -> float:
    return min([now_s + TICK_S, *(pod.tick_due_s(now_s) for pod in pods)])
