"""Starts a night in real time: broker, coordinator, pods and headbands, in this order."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.fleet import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.headband_channels import warn_of_channels
from sanctuary.gateway.night.clocks import MeasuredTime, PodTime, cadence_of
from sanctuary.gateway.night.fleet import sleeper_specs
from sanctuary.gateway.night.gateway_line import GatewayLine
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.own_utc import HOW_TO_KEEP_IT, OwnUtc
from sanctuary.gateway.night.people import (
    NightPlan,
    designs_of,
    gateway_of,
    identity_of,
    make_gateway,
    sounds_of,
    warn_of_thresholds,
)
from sanctuary.gateway.night.pod_memories import PodMemories
from sanctuary.gateway.night.pod_start import PodClocks, PodLink, start_pod
from sanctuary.gateway.night.pod_utc import PodUtc
from sanctuary.gateway.night.sanctuary_clock import SanctuaryClock, open_clock
from sanctuary.gateway.night.sending import open_outbox
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.stopping import StopFlag
from sanctuary.gateway.night.system_time import SystemTime
from sanctuary.gateway.night.tasks import run_beside
from sanctuary.gateway.night.vigil import Vigil
from sanctuary.pods.wire.broker import open_broker
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
