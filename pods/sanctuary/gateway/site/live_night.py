"""A night in real time: headbands named in the settings, simulated sleepers for the rest.

The pods, chains and coordinator are those of the simulated night; only the source of samples and the clock
differ. Broker, coordinator, pods and headbands are started in this order.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.assembly import designs_of, gateway_of, sounds_of, warn_of_thresholds
from sanctuary.gateway.site.clocks import MeasuredTime, PodTime, cadence_of
from sanctuary.gateway.site.demo_night import Truth, sleeper_specs
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.headband_start import warn_of_channels
from sanctuary.gateway.site.live_site import (
    BrokerWire,
    Display,
    NightFiles,
    RunningSite,
    Tell,
    enter,
    finish,
    new_folder,
    silence,
    start_gateway,
    watch,
)
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK
from sanctuary.gateway.site.own_utc import HOW_TO_KEEP_IT, OwnUtc, PodUtc
from sanctuary.gateway.site.pod_start import HeadbandSamples, start_pod
from sanctuary.gateway.site.site import Site, new_boot
from sanctuary.gateway.site.site_clock import SanctuaryClock, SystemTime, open_clock
from sanctuary.gateway.site.stopping import StopFlag, broker_is_there, run_beside
from sanctuary.gateway.site.storage import PodMemories, SiteStore
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.simulator.hardware import HardwareProcess

_LOG = logging.getLogger(__name__)

LONGEST_NIGHT_H = 16.0
"""Simulated sleepers are drawn for this long; whoever runs on has them awake."""


async def run_night(
    settings: SanctuarySettings,
    hours: float | None,
    display: Display,
    stop: StopFlag,
    *,
    capture: bool = False,
    wait_broker: bool = False,
    tell: Tell = _LOG.info,
) -> NightFiles | None:
    """Watch over one night until somebody stops it, or for `hours`.

    Parameters
    ----------
    capture
        Whether every byte of the headbands is kept.
    wait_broker
        Whether an external broker that is not there is waited for.
    tell
        Called with what people want to know as the night begins.

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
            running = await _begin(settings, store, folder, stop, stack, files, tell, capture=capture)
            try:
                with display([pod.shell for pod in running.pods], truth.stage_at) as table:
                    await watch(running, hours, table)
            finally:
                if running.gateway is not None:
                    running.gateway.shell.stop()
                await silence(running)
        store.forget_clock()
        return finish(running, truth)


async def _begin(
    settings: SanctuarySettings,
    store: SiteStore,
    folder: Path,
    stop: StopFlag,
    stack: AsyncExitStack,
    files: ExitStack,
    tell: Tell,
    *,
    capture: bool,
) -> RunningSite:
    designs = designs_of(settings.circles)
    for entry in settings.pods:
        PodMemories(store.folder).load(entry.id)  # one that is damaged stops the start here
    warn_of_thresholds(settings, designs)
    warn_of_channels(settings.pods)
    boot, gateway = new_boot(), gateway_of(settings)
    own_utc = await watch_utc(gateway, settings, store, stack, unkept_means(settings))
    clock = open_clock(
        store,
        gateway,
        boot,
        system=settings.clock.source == "system",
        cadence=cadence_of(settings.clock),
        own=own_utc,
    )
    endpoint = await stack.enter_async_context(open_broker(settings.broker))
    log = EventLog(folder / "events.jsonl")
    files.callback(log.close)
    samples = HeadbandSamples(settings, designs, folder, log, clock, stack, capture=capture)
    wire = BrokerWire(settings, store, endpoint, files)
    site = Site(settings, samples, wire, SYSTEM_CLOCK, store, log=log, boot=boot, designs=designs)
    sounds = sounds_of(designs.values())
    begun_s = clock.now()
    running = RunningSite(site, samples, log, folder, endpoint, clock, stop, begun_s, own_utc, sounds, tell)
    running.record_clock_news()
    running.gateway = site.open_gateway(clock, listens_for_strangers=True)
    await start_gateway(running.gateway, settings.site.id, endpoint, stack, stop)
    samples.ports = simulated_ports(settings, settings.pods, stack)
    for entry in settings.pods:
        utc = PodUtc(entry.id, own_utc, lambda: clock.source, settings.clock, needed=not entry.is_simulated)
        link = site.link_pod(entry)
        await enter(stack, link.client, stop)
        time = _time_of(running, clock, entry, link.identity.boot, stack)
        await start_pod(running, samples, entry, link, time, utc, clock.utc_s_at_zero, stack)
    return running


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


def _time_of(
    running: RunningSite, clock: SanctuaryClock, entry: PodEntry, boot: str, stack: AsyncExitStack
) -> PodTime:
    """Let a pod of this very program prove the clock that it shares with the gateway."""
    settings = running.settings
    if settings.clock.source == "mqtt":
        return MeasuredTime(boot, cadence_of(settings.clock), clock.at)
    system = SystemTime(entry.id, boot, settings.clock, settings.pod.clock_uncertainty_limit_s)
    run_beside(stack, system.watch(), f"{entry.id} chrony")
    return system
