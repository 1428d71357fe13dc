"""A night in real time: headbands named in the settings, simulated sleepers for the rest.

The pods, chains and coordinator are those of the simulated night; only the source of samples and the clock
differ.

Starts a night in real time: broker, coordinator, pods and headbands, in this order.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import SanctuaryError
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.recordings.recorder import recover
from sanctuary.gateway.results.night_result import NightResult
from sanctuary.gateway.results.replay_result import Timing
from sanctuary.gateway.site.assembly import (
    NightPlan,
    Vigil,
    designs_of,
    gateway_of,
    identity_of,
    make_gateway,
    sounds_of,
    warn_of_thresholds,
)
from sanctuary.gateway.site.clocks import MeasuredTime, PodTime, cadence_of
from sanctuary.gateway.site.coordinator_shell import GatewayLine
from sanctuary.gateway.site.cue_timing import next_beat
from sanctuary.gateway.site.demo import Truth, sleeper_specs
from sanctuary.gateway.site.event_log import Journal
from sanctuary.gateway.site.headband_start import warn_of_channels
from sanctuary.gateway.site.live_pod import LivePod
from sanctuary.gateway.site.live_table import LiveTable, Moment
from sanctuary.gateway.site.own_utc import HOW_TO_KEEP_IT, OwnUtc, PodUtc
from sanctuary.gateway.site.pod_shell import PodRunner, open_outbox
from sanctuary.gateway.site.pod_start import PodClocks, PodLink, start_pod, stop_pump
from sanctuary.gateway.site.result import NightFacts, night_result
from sanctuary.gateway.site.site_clock import SanctuaryClock, SystemTime, open_clock
from sanctuary.gateway.site.stopping import StopFlag, broker_is_there, run_beside
from sanctuary.gateway.site.storage import PodMemories, SiteStore
from sanctuary.gateway.sleeper_memories import Memories
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.pods.protocol.gateway_records import trouble_record
from sanctuary.simulator.hardware import HardwareProcess

LONGEST_NIGHT_H = 16.0
"""Simulated sleepers are drawn for this long; whoever runs on has them awake."""


async def begin(
    settings: SanctuarySettings,
    store: SiteStore,
    folder: Path,
    stop: StopFlag,
    stack: AsyncExitStack,
    files: ExitStack,
    *,
    capture: bool,
) -> Vigil:
    """Start broker, coordinator, pods and headbands, in this order."""
    designs = designs_of(settings.circles)
    for entry in settings.pods:
        PodMemories(settings.site.data_dir).load(entry.id)  # one that is damaged stops the start here
    warn_of_thresholds(settings, designs)
    warn_of_channels(settings.pods)
    boot = new_boot()
    gateway = gateway_of(settings)
    own_utc = await watch_utc(gateway, settings, store, stack, unkept_means(settings))
    clock = open_clock(
        store,
        gateway,
        boot,
        system=settings.clock.source == "system",
        cadence=cadence_of(settings.clock),
        own=own_utc,
    )
    plan = plan_night(settings, store, boot, store.term(), clock.utc_s_at_zero)
    endpoint = await stack.enter_async_context(open_broker(settings.broker))
    journal = Journal(folder / "events.jsonl")
    files.callback(journal.close)
    vigil = Vigil(settings, store, folder, endpoint, journal, plan, clock, capture, stop, clock.now())
    vigil.sounds, vigil.own_utc = sounds_of(designs.values()), own_utc
    vigil.look_at_clock()
    await start_coordinator(vigil, clock, designs, stack)
    ports = simulated_ports(settings, settings.pods, stack)
    for entry in settings.pods:
        outbox = stack.enter_context(open_outbox(settings.site.data_dir, entry.id))
        link = PodLink(plan, entry, endpoint, outbox)
        await stack.enter_async_context(link.client)
        stop.when_hurried(link.client.hurry)
        utc = PodUtc(entry.id, own_utc, lambda: clock.source, settings.clock, needed=not entry.is_simulated)
        time_of = _time_of(vigil, clock, entry, stack)
        await start_pod(vigil, entry, designs, link, PodClocks(time_of, utc), ports, stack)
    return vigil


async def watch_utc(
    name: str, settings: SanctuarySettings, store: SiteStore, stack: AsyncExitStack, unkept_means: str = ""
) -> OwnUtc:
    """Look at this computer's clock, and go on asking who keeps it until the stack is left.

    Parameters
    ----------
    name
        As of `OwnUtc`.
    unkept_means
        What it means that nobody keeps the clock; empty where that concerns nobody.
    """
    own_utc = OwnUtc(name, store, settings.clock, unkept_means)
    await own_utc.ask_chrony()
    own_utc.look()
    stack.callback(own_utc.close)
    run_beside(stack, own_utc.watch(), f"{name} clock")
    return own_utc


def unkept_means(settings: SanctuarySettings) -> str:
    """Say what it means for the sleepers of this program that no time service keeps its clock."""
    if all(entry.is_simulated for entry in settings.pods):
        return ""
    if settings.clock.allow_unsynchronised:
        return "persons are given cues all the same, as clock.allow_unsynchronised says"
    return f"no person is given a cue until one does: {HOW_TO_KEEP_IT}"


def new_boot() -> str:
    """Make an id for this start, never used before."""
    return f"n{secrets.token_hex(6)}"


def plan_night(
    settings: SanctuarySettings, store: SiteStore, boot: str, term: int, utc_at_zero_s: float
) -> NightPlan:
    """Read keys and consent."""
    consent = {entry.id: store.consent(entry.id) for entry in settings.pods if not entry.is_simulated}
    return NightPlan(settings, store.secret(), boot, term, utc_at_zero_s, consent, store.installation())


async def start_coordinator(
    vigil: Vigil, clock: SanctuaryClock, designs: Mapping[str, LoadedDesign], stack: AsyncExitStack
) -> None:
    """Start this gateway's coordinator, which also tells the time."""
    line = GatewayLine(
        vigil.settings,
        make_gateway(vigil.plan, designs),
        vigil.endpoint,
        vigil.journal,
        clock,
        vigil.store.keep_term,
        vigil.plan.client_id,
    )
    await stack.enter_async_context(line.client)
    vigil.stop.when_hurried(line.client.hurry)
    await line.open()
    vigil.coordinator = line.runner
    run_beside(stack, line.listen(), "coordinator")
    vigil.line = line
    await line.meet()


def simulated_ports(
    settings: SanctuarySettings, pods: tuple[PodEntry, ...], stack: AsyncExitStack
) -> dict[str, str]:
    """Start the simulated headbands of some of the sanctuary's pods; gives their ports."""
    names = {entry.id for entry in pods}
    specs = sleeper_specs(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    specs = [spec for spec in specs if spec.pod in names]
    if not specs:
        return {}
    return stack.enter_context(HardwareProcess(specs, pacing="realtime")).ports


def _time_of(vigil: Vigil, clock: SanctuaryClock, entry: PodEntry, stack: AsyncExitStack) -> PodTime:
    """Let a pod of this very program prove the clock that it shares with the gateway."""
    settings, boot = vigil.settings, identity_of(vigil.plan, entry).boot
    if settings.clock.source == "mqtt":
        return MeasuredTime(boot, cadence_of(settings.clock), clock.at)
    system = SystemTime(entry.id, boot, settings.clock, settings.pod.clock_uncertainty_limit_s)
    run_beside(stack, system.watch(), f"{entry.id} chrony")
    return system


_LOG = logging.getLogger(__name__)

Display = Callable[[Sequence[PodRunner], Callable[[str, float], str | None]], LiveTable]


@dataclass(frozen=True, slots=True)
class NightFiles:
    """The result of a night and the folder that it is in."""

    result: NightResult
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
        _facts(vigil),
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


def _facts(vigil: Vigil) -> NightFacts:
    now_s = vigil.now() - vigil.begun_s
    return NightFacts(
        live=True,
        hours=round(now_s / 3600.0, 4),
        duration_s=round(now_s, 3),
        broker=vigil.endpoint.description,
        interrupted=False,
        trouble=vigil.trouble,
        timing=Timing(wall_s=round(now_s, 2), times_real_time=1.0),
    )
