"""A night of one pod as a program of its own, against a broker and a gateway that run elsewhere.

The pod waits until a gateway tells it the time, then begins. It goes by its own clock, corrected, all night.
A gateway that begins another night has another clock: this night ends then, in order, and another begins.
"""

from __future__ import annotations

import logging
import time
from contextlib import AsyncExitStack, ExitStack

from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.config.fleet import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.headband_channels import warn_of_channels
from sanctuary.gateway.night.beat import CUE_TICK_S
from sanctuary.gateway.night.clocks import FollowedTime, OwnClock, cadence_of
from sanctuary.gateway.night.fleet import Truth
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live_night import Display, NightFiles, finish, hush, new_folder, watch
from sanctuary.gateway.night.live_start import (
    LONGEST_NIGHT_H,
    new_boot,
    plan_night,
    simulated_ports,
    watch_utc,
)
from sanctuary.gateway.night.people import designs_of, identity_of, sounds_of, warn_of_thresholds
from sanctuary.gateway.night.pod_start import PodClocks, PodLink, start_pod
from sanctuary.gateway.night.pod_utc import PodUtc
from sanctuary.gateway.night.sending import open_outbox, unsealed
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.steady import SteadySeconds
from sanctuary.gateway.night.stopping import StopFlag
from sanctuary.gateway.night.system_time import SystemTime
from sanctuary.gateway.night.tasks import run_beside
from sanctuary.gateway.night.vigil import Vigil
from sanctuary.gateway.night.waiting import broker_is_there
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.broker import open_broker
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.clock import ZERO_TOLERANCE_S, TimeSource
from sanctuary.pods.wire.envelope import Kind
from sanctuary.pods.wire.packets import Message

_LOG = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""After so long without an answer it is told that no gateway answers."""


async def run_pod(
    settings: SanctuarySettings,
    pod: str,
    hours: float | None,
    display: Display,
    stop: StopFlag,
    *,
    capture: bool = False,
    wait_broker: bool = False,
) -> list[NightFiles]:
    """Watch over one pod until somebody stops it, or for `hours` of each night; gives the nights.

    Raises
    ------
    SanctuaryError
        No such pod, a private broker, or something could not be started.
    """
    entry = entry_of(settings, pod)
    nights: list[NightFiles] = []
    while await broker_is_there(settings.broker, stop, wait=wait_broker):
        night = await _one_night(settings, entry, hours, display, stop, capture=capture)
        if night is not None:
            nights.append(night)
        if hours is not None:
            break
    return nights


def entry_of(settings: SanctuarySettings, pod: str) -> PodEntry:
    """Find a pod that is to run on its own in the settings.

    Raises
    ------
    InputError
        There is none of that name, or the broker is a private one of the gateway.
    """
    found = next((entry for entry in settings.pods if entry.id == pod), None)
    if found is None:
        known = ", ".join(entry.id for entry in settings.pods) or "none"
        raise InputError(f"{pod}: no such pod in the settings; there are: {known}")
    if settings.broker.kind != "external":
        raise InputError(
            f'broker.kind = "{settings.broker.kind}": a pod of its own needs the broker of its gateway; set '
            'broker.kind = "external", broker.host and broker.port'
        )
    return found


async def _one_night(
    settings: SanctuarySettings,
    entry: PodEntry,
    hours: float | None,
    display: Display,
    stop: StopFlag,
    *,
    capture: bool,
) -> NightFiles | None:
    store, designs, boot = SiteStore(settings.site.data_dir), designs_of(settings.circles), new_boot()
    warn_of_channels(settings.pods)
    warn_of_thresholds(settings.model_copy(update={"pods": (entry,)}), designs)
    truth = Truth(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    with ExitStack() as files:
        async with AsyncExitStack() as stack:
            endpoint = await stack.enter_async_context(open_broker(settings.broker))
            plan = plan_night(settings, store, boot, 0, 0.0)
            outbox = stack.enter_context(open_outbox(settings.site.data_dir, entry.id))
            link = PodLink(plan, entry, endpoint, outbox)
            me = identity_of(plan, entry)
            clock = make_clock(settings, entry, me.boot)
            await stack.enter_async_context(link.client)
            stop.when_hurried(link.client.hurry)
            if isinstance(clock, SystemTime):
                run_beside(stack, clock.watch(), f"{entry.id} chrony")
            source = await learn_time(link.client, me, clock, stop)
            if source is None:
                return None
            own_utc = await watch_utc(entry.id, settings, store, stack)
            folder = new_folder(settings, f"-{entry.id}")
            plan = plan_night(settings, store, boot, 0, source.utc_s_at_zero)
            journal = Journal(folder / "events.jsonl")
            files.callback(journal.close)
            vigil = Vigil(settings, store, folder, endpoint, journal, plan, clock, capture, stop, clock.now())
            vigil.sounds, vigil.own_utc = sounds_of(designs.values()), own_utc
            ports = simulated_ports(settings, (entry,), stack)
            utc = PodUtc(
                entry.id,
                own_utc,
                lambda: clock.source,
                settings.clock,
                needed=not entry.is_simulated,
                tell=_LOG.warning,
            )
            await start_pod(vigil, entry, designs, link, PodClocks(clock, utc), ports, stack)
            try:
                with display([each.runner for each in vigil.pods], truth.stage_at) as table:
                    await watch(vigil, hours, stop, table, SameClock(clock, source).is_over)
            finally:
                await hush(vigil)
        return finish(vigil, truth)


def make_clock(
    settings: SanctuarySettings, entry: PodEntry, boot: str, own: OwnClock | None = None
) -> FollowedTime | SystemTime:
    """Make the clock that the settings ask for."""
    if settings.clock.source == "system":
        return SystemTime(entry.id, boot, settings.clock, settings.pod.clock_uncertainty_limit_s)
    return FollowedTime(boot, cadence_of(settings.clock), own)


async def learn_time(
    client: MqttClient, me: PodIdentity, clock: FollowedTime | SystemTime, stop: StopFlag
) -> TimeSource | None:
    """Ask until the clock is known; None where somebody stops the pod first."""
    site, pod, coordinator = me.site, me.pod, me.coordinator
    client.subscribe(topics.time_response(site, pod))
    await client.connected()
    began_s, told, strange = time.monotonic(), False, ""
    while not stop.is_set:
        for message in client.drain():
            if message.topic == topics.time_response(site, pod):
                try:
                    clock.take(unsealed(Kind.TIME, message, coordinator))
                except ProtocolError as error:
                    strange = str(error)
        if clock.is_known:
            return clock.source
        request = clock.ask()
        if request is not None:
            client.publish(Message(topics.time_request(site, pod), request, 0))
        if not told and time.monotonic() - began_s > PATIENCE_S:
            told = True
            _LOG.warning("%s: no gateway tells the time; the night begins when one does", pod)
            if strange:
                _LOG.warning("%s: an answer was refused (%s); is secret.key the gateway's?", pod, strange)
        await stop.wait(CUE_TICK_S / 2.0)
    return None


class SameClock:
    """Sees when the sanctuary clock is no continuation of the one that the night began with.

    It has another name, or it jumped: a gateway came back and did not know any more when the night began. A
    pod whose time has jumped back would stand still until it is caught up. UTC that is set makes it no other.
    """

    def __init__(self, clock: FollowedTime | SystemTime, begun_with: TimeSource) -> None:
        self._clock, self._begun_with = clock, begun_with
        self._steady = SteadySeconds()
        self._apart_s = clock.now() - self._steady(time.monotonic())

    def is_over(self) -> bool:
        """Look; wanted every second or so."""
        apart_s = self._clock.now() - self._steady(time.monotonic())
        jumped = abs(apart_s - self._apart_s) > ZERO_TOLERANCE_S
        self._apart_s = apart_s
        source = self._clock.source
        moved = source is not None and (
            abs(source.began_utc_s - self._begun_with.began_utc_s) > ZERO_TOLERANCE_S
        )
        if jumped or moved:
            _LOG.warning("the sanctuary clock is another one now; this night ends, and another begins")
        return jumped or moved
