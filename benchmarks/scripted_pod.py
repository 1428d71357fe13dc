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
from sanctuary.gateway.site.assembly import NightPlan, Vigil, identity_of
from sanctuary.gateway.site.clocks import FollowedTime, OwnClock, cadence_of
from sanctuary.gateway.site.event_log import Journal
from sanctuary.gateway.site.lacking import GrantWatch
from sanctuary.gateway.site.live_pod import LivePod
from sanctuary.gateway.site.pod_shell import PodRunner
from sanctuary.gateway.site.pod_start import PodLink
from sanctuary.gateway.site.remote import entry_of, learn_time
from sanctuary.gateway.site.run import new_boot, plan_night, watch
from sanctuary.gateway.site.stopping import stop_on_signals
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.broker import BrokerEndpoint
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.signal.samples import Stage, StageEstimate

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

Build = Callable[[NightPlan, Journal, MqttClient, FollowedTime], PodRunner]
"""Makes the runner, with what it plays and what comes of it."""
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


async def be_pod(
    settings: SanctuarySettings,
    name: str,
    journal_path: Path,
    build: Build,
    *,
    own: OwnClock = lambda monotonic_s: monotonic_s,
    phase_s: float = 0.0,
    beside: Beside | None = None,
) -> FollowedTime | None:
    """Be a pod until told to stop; gives its clock, or None where it never knew the time.

    Parameters
    ----------
    own
        The pod's own clock.
    phase_s
        When in a second its chain speaks.
    """
    entry, store, boot = entry_of(settings, name), SiteStore(settings.site.data_dir), new_boot()
    plan = plan_night(settings, store, boot, 0, 0.0)
    endpoint = BrokerEndpoint(settings.broker.host, settings.broker.port, "external", "benchmark")
    me = identity_of(plan, entry)
    clock = FollowedTime(me.boot, cadence_of(settings.clock), own)
    with stop_on_signals() as stop, ExitStack() as files:
        async with AsyncExitStack() as stack:
            link = PodLink(plan, entry, endpoint)
            await stack.enter_async_context(link.client)
            source = await learn_time(link.client, me, clock, stop)
            if source is None:
                return None
            plan = plan_night(settings, store, boot, 0, source.utc_s_at_zero)
            journal = Journal(journal_path)
            files.callback(journal.close)
            vigil = Vigil(
                settings, store, journal_path.parent, endpoint, journal, plan, clock, False, stop, clock.now()
            )
            runner = build(plan, journal, link.client, clock)
            grants = GrantWatch(runner.pod, journal, {})
            pod = LivePod(runner, NoChain(), INFO, clock, None, journal, grants)  # type: ignore[arg-type]
            vigil.pods.append(pod)
            for topic in runner.subscriptions:
                link.client.subscribe(topic)
            link.attach(pod)
            works = [pod.listen(link.client), _sleep_in_rem(runner, clock, phase_s)]
            if beside is not None:
                works.append(await beside(stack))
            tasks = [asyncio.ensure_future(work) for work in works]
            await watch(vigil, None, stop, NoTable())  # type: ignore[arg-type]
            for task in tasks:
                task.cancel()
    return clock


async def _sleep_in_rem(runner: PodRunner, clock: FollowedTime, phase_s: float) -> None:
    await asyncio.sleep(phase_s)
    while True:
        now_s = clock.now()
        p = (0.02, 0.02, 0.02, 0.02, 0.92)
        runner.estimate(StageEstimate(now_s, p, Stage.R, True, False, 0.9, "scripted"), now_s)
        await asyncio.sleep(1.0)
