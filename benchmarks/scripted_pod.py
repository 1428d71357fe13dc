"""A pod as a process of its own whose chain is scripted: stable REM, always. All else is the product's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

from sanctuary.commons.designs import LoadedDesign, load_design
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import CircleEntry, PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.site_settings import CoordinatorSettings, LimiterSettings, SiteSettings
from sanctuary.firmware_bridge.headbands.headband import HeadbandInfo
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.gateway.site.clocks import FollowedTime, LiveTime, OwnClock, cadence_of
from sanctuary.gateway.site.cue_timing import AHEAD_S
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.lacking import GrantWatch
from sanctuary.gateway.site.live_pod import LivePod
from sanctuary.gateway.site.live_site import BrokerWire, RunningSite, enter, watch
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.remote import entry_of, learn_time
from sanctuary.gateway.site.site import PodFittings, Site, link_pod, new_boot
from sanctuary.gateway.site.stopping import stop_on_signals
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.broker import BrokerEndpoint
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.virtual_site.virtual_pod import Ear

INFO = HeadbandInfo("scripted", 250.0, ("AF7", "AF8"), (1000.0, 1000.0))
STEP = """
schema = "sanctuary.design.v1"
title = "Scripted"
author = "Benchmark"
licence = "CC0-1.0"
length_s = {length_s}
[[steps]]
at_s = 0.0
modality = "sound"
level_dba = 30.0
duration_s = {duration_s}
fade_s = 0.1
tones_hz = [220.0]
"""

Devices = Callable[[FollowedTime], PodOutputs]
"""Makes what the pod plays on, given its clock."""
Beside = Callable[[AsyncExitStack], Awaitable[Coroutine[Any, Any, None]]]
"""Makes what else is to run in the pod's process."""


class NoTable:
    """Shows nothing."""

    def update(self, _moment: object) -> None:
        """Do nothing."""


class NoChain:
    """Judges nothing; estimates are scripted."""


def steps_every(step_s: float, steps: int, duration_s: float, length_s: float) -> LoadedDesign:
    """Make a design whose steps are nearer to each other than a file may have them."""
    loaded = load_design(STEP.format(length_s=length_s, duration_s=duration_s).encode(), "scripted.toml")
    first = loaded.design.steps[0]
    every = tuple(first.model_copy(update={"at_s": step_s * number}) for number in range(steps))
    return LoadedDesign(loaded.design.model_copy(update={"steps": every}), loaded.hash)


def one_circle(folder: Path, port: int, pods: int, gap_s: float, **site: Any) -> SanctuarySettings:
    """Put pods into one circle, all of whom must be there; gaps and rests are shorter than settings allow."""
    names = [f"pod-{number}" for number in range(1, pods + 1)]
    limits = LimiterSettings().model_copy(
        update={"gap_s": gap_s, "cues_per_block": 10**6, "night_budget": 10**6, "fade_s": 0.05}
    )
    coordinator = CoordinatorSettings().model_copy(update={"refractory_s": 2.0, "offer_backoff_s": 2.0})
    return SanctuarySettings(
        site=SiteSettings(data_dir=folder / "data", **site),
        broker=BrokerSettings(kind="external", port=port, reconnect_min_s=0.2, reconnect_max_s=1.0),
        pods=tuple(
            PodEntry(id=name, sleeper=f"sleeper-{name}", headband=SimulatedHeadband(kind="simulated", seed=1))
            for name in names
        ),
        circles=(CircleEntry(id="all", members=tuple(names), quorum=pods),),
    ).model_copy(update={"limiter": limits, "coordinator": coordinator})


class Scripted:
    """Feeds one pod, whose chain says stable REM each second; its clock comes later."""

    def __init__(self, log: EventLog, clock: LiveTime, phase_s: float) -> None:
        self.pods: list[LivePod] = []
        self.pumps: list[HeadbandReader] = []
        self._log, self._clock, self._phase_s = log, clock, phase_s

    def attach(self, _entry: PodEntry, pod: PodShell) -> None:
        """Put a pod beside those that run."""
        grants = GrantWatch(pod.pod, self._log, {})
        self.pods.append(LivePod(pod, NoChain(), INFO, self._clock, None, self._log, grants))  # type: ignore[arg-type]

    async def sleep_in_rem(self) -> None:
        """Say so, for ever."""
        await asyncio.sleep(self._phase_s)
        while True:
            now_s = self._clock.now()
            p = (0.02, 0.02, 0.02, 0.02, 0.92)
            estimate = StageEstimate(now_s, p, Stage.R, True, False, 0.9, "scripted")
            self.pods[0].shell.on_estimate(estimate, now_s)
            await asyncio.sleep(1.0)


async def be_pod(
    settings: SanctuarySettings,
    name: str,
    log_path: Path,
    design: LoadedDesign,
    devices: Devices,
    *,
    own: OwnClock = lambda monotonic_s: monotonic_s,
    phase_s: float = 0.0,
    beside: Beside | None = None,
    opened: Callable[[PodShell], None] = lambda _: None,
) -> FollowedTime | None:
    """Be a pod until told to stop; gives its clock, or None where it never knew the time.

    Parameters
    ----------
    design
        What ``tide`` stands for.
    own
        The pod's own clock.
    phase_s
        When in a second its chain speaks.
    opened
        Called with the pod once it is there.
    """
    entry, store, boot = (
        entry_of(settings, name),
        SiteStore(settings.site.data_dir / "own" / name),
        new_boot(),
    )
    secret = SiteStore(settings.site.data_dir).secret()
    endpoint = BrokerEndpoint(settings.broker.host, settings.broker.port, "external", "benchmark")
    with stop_on_signals() as stop, ExitStack() as files:
        async with AsyncExitStack() as stack:
            wire = BrokerWire(settings, store, endpoint, files)
            link = link_pod(settings, secret, boot, entry, wire)
            clock = FollowedTime(link.identity.boot, cadence_of(settings.clock), own)
            await enter(stack, link.client, stop)
            source = await learn_time(link, clock, stop)
            if source is None:
                return None
            log = EventLog(log_path)
            files.callback(log.close)
            samples = Scripted(log, clock, phase_s)
            designs = {"tide": design}
            site = Site(
                settings,
                samples,
                wire,
                SYSTEM_CLOCK,
                store,
                log=log,
                boot=boot,
                secret=secret,
                designs=designs,
            )
            fittings = PodFittings(
                clock, Ear(lambda _cue, _at_s: None), outputs=devices(clock), ahead_s=AHEAD_S
            )
            shell = site.open_pod(entry, link, source.utc_s_at_zero, fittings)
            opened(shell)
            link.attach(shell, clock.now)
            own_utc = OwnUtc(name, store, settings.clock)
            running = RunningSite(
                site,
                samples,
                log,
                log_path.parent,
                endpoint,
                clock,
                stop,
                clock.now(),
                own_utc,
                SoundLibrary(),
            )
            works = [link.client.serve(), samples.sleep_in_rem()]
            if beside is not None:
                works.append(await beside(stack))
            tasks = [asyncio.ensure_future(work) for work in works]
            await watch(running, None, NoTable())  # type: ignore[arg-type]
            for task in tasks:
                task.cancel()
    return clock
