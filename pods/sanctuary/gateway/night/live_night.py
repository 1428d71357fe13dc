"""A night in real time: headbands named in the settings, simulated sleepers for the rest.

The pods, chains and coordinator are those of the simulated night; only the source of samples and the clock
differ.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sanctuary.config.errors import SanctuaryError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.memories import Memories
from sanctuary.gateway.night.fleet import Truth
from sanctuary.gateway.night.live import LiveTable, Moment
from sanctuary.gateway.night.live_pod import LivePod
from sanctuary.gateway.night.live_start import LONGEST_NIGHT_H, begin, stop_pump
from sanctuary.gateway.night.pod_runner import PodRunner
from sanctuary.gateway.night.result import night_result
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.stopping import StopFlag, stop_on_signals
from sanctuary.gateway.night.vigil import Vigil
from sanctuary.gateway.recorder import recover

_LOG = logging.getLogger(__name__)

TICK_S = 0.5
"""Pods want a tick at least once a second."""
CUE_TICK_S = 0.04
"""Devices that render a cue want one far more often."""

Display = Callable[[Sequence[PodRunner], Callable[[str, float], str | None]], LiveTable]


@dataclass(frozen=True, slots=True)
class NightFiles:
    """The result of a night and the folder that it is in."""

    result: dict[str, Any]
    folder: Path


async def run_night(
    settings: SanctuarySettings, hours: float | None, display: Display, *, capture: bool = False
) -> NightFiles:
    """Watch over one night until somebody stops it, or for `hours`; keeps every byte where `capture` asks.

    Raises
    ------
    SanctuaryError
        Something could not be started.
    """
    store = SiteStore(settings.site.data_dir)
    nights = settings.site.data_dir / settings.record.folder
    for earlier in sorted(nights.iterdir()) if nights.is_dir() else []:
        recover(earlier)
    folder = nights / datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    truth = Truth(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    with stop_on_signals() as stop, ExitStack() as files:
        async with AsyncExitStack() as stack:
            vigil = await begin(settings, store, folder, stack, files, capture=capture)
            try:
                with display([pod.runner for pod in vigil.pods], truth.stage_at) as table:
                    await _watch(vigil, hours, stop, table)
            finally:
                vigil.coordinator.stop(vigil.now())
                await _hush(vigil)
        for pod in vigil.pods:
            _close(pod)
        _remember(vigil)
        vigil.journal.flush()
        runners = [pod.runner for pod in vigil.pods]
        result = night_result(settings, runners, vigil.journal.records, truth.epochs, _extra(vigil))
    return NightFiles(result, folder)


async def _watch(vigil: Vigil, hours: float | None, stop: StopFlag, table: LiveTable) -> None:
    """Let time pass: a tick every half second, and one at every step that is due."""
    end_s = hours * 3600.0 if hours is not None else None
    broker_told = False
    while not stop.is_set:
        now_s = vigil.now()
        if end_s is not None and now_s >= end_s:
            return
        for pod in vigil.pods:
            pod.runner.tick(now_s)
            pod.tell_state()
        vigil.coordinator.tick(now_s)
        vigil.journal.flush()
        if not broker_told and not vigil.endpoint.alive():
            broker_told = True
            vigil.trouble = f"{vigil.endpoint.description}: it died in the night; no window opened after that"
            _LOG.warning("%s; recording goes on", vigil.trouble)
        table.update(Moment(now_s, end_s, 1.0, vigil.coordinator.open_windows, vigil.coordinator.opened))
        due_s = min((pod.runner.pod.next_due_s for pod in vigil.pods), default=now_s + TICK_S)
        if any(pod.runner.outputs.busy for pod in vigil.pods):
            due_s = min(due_s, now_s + CUE_TICK_S)
        await stop.wait(max(0.0, min(now_s + TICK_S, due_s) - vigil.now()))


async def _hush(vigil: Vigil) -> None:
    """Silence everything, and only then let the headbands go, all at once: some take their time."""
    for pod in vigil.pods:
        pod.hush()
    await asyncio.gather(*(asyncio.to_thread(stop_pump, pump) for pump in vigil.pumps))


def _remember(vigil: Vigil) -> None:
    """Keep what the night taught of those sleepers who agreed to it."""
    memories = Memories(vigil.settings.site.data_dir)
    for entry, pod in zip(vigil.settings.pods, vigil.pods, strict=True):
        if entry.remember:
            try:
                memories.learn(entry.sleeper, pod.remember())
            except SanctuaryError as error:
                _LOG.warning("%s: %s; the night itself is complete", entry.id, error)


def _close(pod: LivePod) -> None:
    try:
        pod.close()
    except SanctuaryError as error:
        _LOG.error("%s", error)


def _extra(vigil: Vigil) -> dict[str, Any]:
    now_s = vigil.now()
    return {
        "hours": round(now_s / 3600.0, 4),
        "duration_s": round(now_s, 3),
        "broker": vigil.endpoint.description,
        "interrupted": False,
        "trouble": vigil.trouble,
        "timing": {"wall_s": round(now_s, 2), "times_real_time": 1.0},
    }
