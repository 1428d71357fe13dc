"""A night in real time: headbands named in the settings, simulated sleepers for the rest.

The pods, chains and coordinator are those of the simulated night; only the source of samples and the clock
differ.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sanctuary.config.errors import SanctuaryError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.memories import Memories
from sanctuary.gateway.night.beat import next_beat
from sanctuary.gateway.night.fleet import Truth
from sanctuary.gateway.night.live import LiveTable, Moment
from sanctuary.gateway.night.live_pod import LivePod
from sanctuary.gateway.night.live_start import LONGEST_NIGHT_H, begin
from sanctuary.gateway.night.pod_runner import PodRunner
from sanctuary.gateway.night.pod_start import stop_pump
from sanctuary.gateway.night.result import night_result
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.stopping import StopFlag
from sanctuary.gateway.night.vigil import Vigil
from sanctuary.gateway.night.waiting import broker_is_there
from sanctuary.gateway.recorder import recover
from sanctuary.pods.troubles import trouble_record

_LOG = logging.getLogger(__name__)

Display = Callable[[Sequence[PodRunner], Callable[[str, float], str | None]], LiveTable]


@dataclass(frozen=True, slots=True)
class NightFiles:
    """The result of a night and the folder that it is in."""

    result: dict[str, Any]
    folder: Path


async def run_night(
    settings: SanctuarySettings,
    hours: float | None,
    display: Display,
    stop: StopFlag,
    *,
    capture: bool = False,
    wait_broker: bool = False,
) -> NightFiles | None:
    """Watch over one night until somebody stops it, or for `hours`.

    Parameters
    ----------
    capture
        Whether every byte of the headbands is kept.
    wait_broker
        Whether an external broker that is not there is waited for.

    Returns
    -------
    NightFiles
        None where somebody stopped it before the broker was there.

    Raises
    ------
    SanctuaryError
        Something could not be started.
    """
    store = SiteStore(settings.site.data_dir)
    if not await broker_is_there(settings.broker, stop, wait=wait_broker):
        return None
    folder = new_folder(settings)
    truth = Truth(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    with ExitStack() as files:
        async with AsyncExitStack() as stack:
            vigil = await begin(settings, store, folder, stop, stack, files, capture=capture)
            try:
                with display([pod.runner for pod in vigil.pods], truth.stage_at) as table:
                    await watch(vigil, hours, stop, table)
            finally:
                if vigil.coordinator is not None:
                    vigil.coordinator.stop(vigil.now())
                await hush(vigil)
        store.forget_clock()
        return finish(vigil, truth)


def new_folder(settings: SanctuarySettings, suffix: str = "") -> Path:
    """Finish recordings that a crash left open, and name the folder of the night that begins."""
    nights = settings.site.data_dir / settings.record.folder
    for earlier in sorted(nights.iterdir()) if nights.is_dir() else []:
        recover(earlier)
    return nights / (datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S") + suffix)


def finish(vigil: Vigil, truth: Truth) -> NightFiles:
    """Close recordings, keep what is to be kept, and put the result together."""
    for pod in vigil.pods:
        _close(pod)
    _remember(vigil)
    vigil.journal.flush()
    runners = [pod.runner for pod in vigil.pods]
    result = night_result(
        vigil.settings,
        runners,
        vigil.journal.records,
        truth.epochs,
        _extra(vigil),
        live=True,
        end_s=vigil.now(),
    )
    return NightFiles(result, vigil.folder)


async def watch(
    vigil: Vigil,
    hours: float | None,
    stop: StopFlag,
    table: LiveTable,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Let time pass: a tick every half second, and one at every step that is due; until `is_over`."""
    end_s = vigil.begun_s + hours * 3600.0 if hours is not None else None
    runners = [pod.runner for pod in vigil.pods]
    while not stop.is_set and not is_over():
        vigil.look_at_clock()
        now_s = vigil.now()
        if end_s is not None and now_s >= end_s:
            return
        for pod in vigil.pods:
            pod.runner.tick(now_s)
            pod.tell_state()
        if vigil.coordinator is not None:
            vigil.coordinator.tick(now_s)
        _look_around(vigil, now_s)
        table.update(_moment(vigil, now_s, end_s))
        await next_beat(runners, vigil.clock, now_s, stop)


def _look_around(vigil: Vigil, now_s: float) -> None:
    """See what has come to work or ceased to, and bring the log to the disk."""
    pods = [pod.now for pod in vigil.pods]
    vigil.readiness.look(time.monotonic(), pods, vigil.awaited)
    gone = [pod.id for pod in pods if pod.headband is not None and pod.headband.cause is not None]
    vigil.ports.look(time.monotonic(), gone)
    if vigil.line is not None:
        vigil.line.tell_strangers(now_s)
    _flush(vigil, now_s)
    if vigil.trouble is None and not vigil.endpoint.alive():
        vigil.trouble = f"{vigil.endpoint.description}: it died in the night; no window opened after that"
        vigil.journal.write(trouble_record("broker_died", "began", now_s))
        _LOG.warning("%s; recording goes on", vigil.trouble)


def _flush(vigil: Vigil, now_s: float) -> None:
    """Bring the log to the disk; a disk that takes none stands in it, once it takes some again."""
    written = vigil.journal.flush()
    if written == vigil.log_is_written:
        return
    vigil.log_is_written = written
    vigil.journal.write(
        trouble_record("log_unwritten", "ended" if written else "began", now_s, detail=vigil.journal.trouble)
    )


def _moment(vigil: Vigil, now_s: float, end_s: float | None) -> Moment:
    begun_s, coordinator = vigil.begun_s, vigil.coordinator
    windows, opened = (coordinator.open_windows, coordinator.opened) if coordinator is not None else ((), 0)
    end_s = end_s - begun_s if end_s is not None else None
    return Moment(now_s - begun_s, end_s, 1.0, windows, opened)


async def hush(vigil: Vigil) -> None:
    """Silence everything, and only then let the headbands go, all at once: some take their time."""
    for pod in vigil.pods:
        pod.hush()
    await asyncio.gather(*(asyncio.to_thread(stop_pump, pump) for pump in vigil.pumps))


def _remember(vigil: Vigil) -> None:
    """Keep what the night taught of those sleepers who agreed to it."""
    memories = Memories(vigil.settings.site.data_dir)
    entries = {entry.id: entry for entry in vigil.settings.pods}
    for pod in vigil.pods:
        entry = entries[pod.runner.id]
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
    now_s = vigil.now() - vigil.begun_s
    return {
        "hours": round(now_s / 3600.0, 4),
        "duration_s": round(now_s, 3),
        "broker": vigil.endpoint.description,
        "interrupted": False,
        "trouble": vigil.trouble,
        "timing": {"wall_s": round(now_s, 2), "times_real_time": 1.0},
    }
