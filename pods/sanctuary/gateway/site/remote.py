"""A pod, or a coordinator, as a program of its own, against a broker and a gateway that run elsewhere.

The pod waits until a gateway tells it the time, then begins. It goes by its own clock, corrected, all night.
A gateway that begins another night has another clock: this night ends then, in order, and another begins.
The same holds for a coordinator alone: a second gateway that takes circles over when the first dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack

from sanctuary.config.errors import InputError
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.assembly import designs_of, gateway_of, sounds_of, warn_of_thresholds
from sanctuary.gateway.site.clocks import FollowedTime, OwnClock, cadence_of
from sanctuary.gateway.site.demo_night import Truth
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.headband_start import warn_of_channels
from sanctuary.gateway.site.live_night import LONGEST_NIGHT_H, simulated_ports, watch_utc
from sanctuary.gateway.site.live_site import (
    BrokerWire,
    Display,
    NightFiles,
    RunningSite,
    enter,
    finish,
    new_folder,
    night_name,
    report_strangers,
    silence,
    start_gateway,
    watch,
)
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK, HostClock, SteadySeconds
from sanctuary.gateway.site.own_utc import OwnUtc, PodUtc
from sanctuary.gateway.site.pod_start import HeadbandSamples, start_pod
from sanctuary.gateway.site.site import GatewayLink, NoSamples, PodLink, Site, TimeLearner, link_pod, new_boot
from sanctuary.gateway.site.site_clock import SanctuaryClock, SystemTime, open_clock
from sanctuary.gateway.site.stopping import StopFlag, broker_is_there, run_beside
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.clock.exchange import ZERO_TOLERANCE_S, TimeSource
from sanctuary.pods.mqtt.broker import BrokerEndpoint, open_broker
from sanctuary.pods.mqtt.client import MqttClient

_LOG = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""After so long without an answer it is told that no gateway answers."""
TICK_S = 0.2
LEARN_TICK_S = 0.02
_UNKEPT_MEANS = "persons are given no cue by pods whose own clock nobody keeps either"

Tell = Callable[[str], None]


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
    store, designs = SiteStore(settings.site.data_dir), designs_of(settings.circles)
    warn_of_channels(settings.pods)
    warn_of_thresholds(settings.model_copy(update={"pods": (entry,)}), designs)
    truth = Truth(settings.pods, LONGEST_NIGHT_H, settings.sleepers)
    with ExitStack() as files:
        async with AsyncExitStack() as stack:
            endpoint = await stack.enter_async_context(open_broker(settings.broker))
            wire, boot = BrokerWire(settings, store, endpoint, files), new_boot()
            link = link_pod(settings, store.secret(), boot, entry, wire)
            clock = make_clock(settings, entry, link.identity.boot)
            await enter(stack, link.client, stop)
            if isinstance(clock, SystemTime):
                run_beside(stack, clock.watch(), f"{entry.id} chrony")
            source = await learn_time(link, clock, stop)
            if source is None:
                return None
            own_utc = await watch_utc(entry.id, settings, store, stack)
            folder = new_folder(settings, f"-{entry.id}")
            log = EventLog(folder / "events.jsonl")
            files.callback(log.close)
            samples = HeadbandSamples(settings, designs, folder, log, clock, stack, capture=capture)
            site = Site(settings, samples, wire, SYSTEM_CLOCK, store, log=log, boot=boot, designs=designs)
            sounds = sounds_of(designs.values())
            running = RunningSite(
                site, samples, log, folder, endpoint, clock, stop, clock.now(), own_utc, sounds
            )
            samples.ports = simulated_ports(settings, (entry,), stack)
            utc = PodUtc(
                entry.id,
                own_utc,
                lambda: clock.source,
                settings.clock,
                needed=not entry.is_simulated,
                tell=_LOG.warning,
            )
            await start_pod(running, samples, entry, link, clock, utc, source.utc_s_at_zero, stack)
            try:
                with display([pod.shell for pod in running.pods], truth.stage_at) as table:
                    await watch(running, hours, table, SameClock(clock, source).is_over)
            finally:
                await silence(running)
        return finish(running, truth)


def make_clock(
    settings: SanctuarySettings, entry: PodEntry, boot: str, own: OwnClock | None = None
) -> FollowedTime | SystemTime:
    """Make the clock that the settings ask for."""
    if settings.clock.source == "system":
        return SystemTime(entry.id, boot, settings.clock, settings.pod.clock_uncertainty_limit_s)
    return FollowedTime(boot, cadence_of(settings.clock), own)


async def learn_time(
    link: PodLink[MqttClient], clock: FollowedTime | SystemTime, stop: StopFlag
) -> TimeSource | None:
    """Ask until the clock is known; None where somebody stops the pod first."""
    learner, pod = TimeLearner(link, clock), link.identity.pod
    await link.client.connected()
    began_s, told = time.monotonic(), False
    while not stop.is_set:
        for message in link.client.drain():
            learner.on_message(message)
        if (source := learner.source) is not None:
            return source
        learner.tick()
        if not told and time.monotonic() - began_s > PATIENCE_S:
            told = True
            _LOG.warning("%s: no gateway tells the time; the night begins when one does", pod)
            if learner.refused:
                text = "%s: an answer was refused (%s); is secret.key the gateway's?"
                _LOG.warning(text, pod, learner.refused)
        await stop.wait(LEARN_TICK_S)
    return None


class SameClock:
    """Sees when the sanctuary clock is no continuation of the one that the night began with.

    It has another name, or it jumped: a gateway came back and did not know any more when the night began. A
    pod whose time has jumped back would stand still until it is caught up. UTC that is set makes it no other.
    """

    def __init__(
        self, clock: FollowedTime | SystemTime, begun_with: TimeSource, host: HostClock = SYSTEM_CLOCK
    ) -> None:
        self._clock, self._begun_with = clock, begun_with
        self._host, self._steady = host, SteadySeconds(host)
        self._apart_s = clock.now() - self._steady(host.monotonic_s())

    def is_over(self) -> bool:
        """Look; wanted every second or so."""
        apart_s = self._clock.now() - self._steady(self._host.monotonic_s())
        jumped = abs(apart_s - self._apart_s) > ZERO_TOLERANCE_S
        self._apart_s = apart_s
        source = self._clock.source
        moved = source is not None and (
            abs(source.began_utc_s - self._begun_with.began_utc_s) > ZERO_TOLERANCE_S
        )
        if jumped or moved:
            _LOG.warning("the sanctuary clock is another one now; this night ends, and another begins")
        return jumped or moved


async def coordinate(
    settings: SanctuarySettings, tell: Tell, stop: StopFlag, *, wait_broker: bool = False
) -> None:
    """Coordinate until somebody stops it; tells in a line which circles are held from now on, or no longer.

    Raises
    ------
    SanctuaryError
        As for `check`, or something could not be started.
    """
    gateway = check(settings)
    store = SiteStore(settings.site.data_dir)
    while await broker_is_there(settings.broker, stop, wait=wait_broker):
        await _coordinate_night(settings, gateway, store, stop, tell)


def check(settings: SanctuarySettings) -> str:
    """Give the id of this gateway, where the settings are those of one that can coordinate alone.

    Raises
    ------
    InputError
        A private broker, or no secret shared with the other gateways.
    """
    gateway = gateway_of(settings)
    if settings.broker.kind != "external":
        raise InputError(
            f'broker.kind = "{settings.broker.kind}": several gateways need one broker; set '
            'broker.kind = "external", broker.host and broker.port'
        )
    secret = settings.site.data_dir / "secret.key"
    if len(settings.site.gateways) > 1 and not secret.exists():
        raise InputError(
            f"{secret}: missing; all gateways of a site need the same one: copy it from "
            "the gateway that made it, readable for its owner only"
        )
    return gateway


async def _coordinate_night(
    settings: SanctuarySettings, gateway: str, store: SiteStore, stop: StopFlag, tell: Tell
) -> None:
    """Coordinate until the sanctuary clock becomes another: what was known by the old one is worthless."""
    designs, boot = designs_of(settings.circles), new_boot()
    with ExitStack() as files:
        async with AsyncExitStack() as stack:
            own = await watch_utc(gateway, settings, store, stack, _UNKEPT_MEANS)
            clock = open_clock(
                store,
                gateway,
                boot,
                system=settings.clock.source == "system",
                cadence=cadence_of(settings.clock),
                own=own,
            )
            endpoint = await stack.enter_async_context(open_broker(settings.broker))
            folder = settings.site.data_dir / settings.record.folder / night_name(f"-{gateway}")
            log = EventLog(folder / "events.jsonl")
            files.callback(log.close)
            wire = BrokerWire(settings, store, endpoint, files)
            site = Site(settings, NoSamples(), wire, SYSTEM_CLOCK, store, log=log, boot=boot, designs=designs)
            link = site.open_gateway(clock, gateway, shares_time=True, listens_for_strangers=True)
            await start_gateway(link, settings.site.id, endpoint, stack, stop)
            tell(f"{gateway} coordinates at {endpoint.description}; Ctrl-C ends it")
            await _watch(link, clock, own, log, settings.site.id, endpoint, stop, tell)
            link.shell.stop()
        log.flush()


async def _watch(
    link: GatewayLink[MqttClient],
    clock: SanctuaryClock,
    own: OwnUtc,
    log: EventLog,
    site: str,
    endpoint: BrokerEndpoint,
    stop: StopFlag,
    tell: Tell,
) -> None:
    """Drive the shell; the coordinator begins once the sanctuary clock is known."""
    held: tuple[str, ...] = ()
    while not stop.is_set:
        for record in own.records(clock.now()):
            log.write(record)
        if link.shell.clock_was_replaced:
            tell("the sanctuary clock is another; beginning anew")
            return
        link.shell.tick()
        report_strangers(link, site, endpoint, log, clock.now())
        log.flush()
        if link.shell.held != held:
            _tell_change(held, held := link.shell.held, tell)
        await stop.wait(TICK_S)


def _tell_change(before: tuple[str, ...], now: tuple[str, ...], tell: Tell) -> None:
    gained = [circle for circle in now if circle not in before]
    lost = [circle for circle in before if circle not in now]
    if gained:
        tell(f"holds {', '.join(gained)}")
    if lost:
        tell(f"no longer holds {', '.join(lost)}")
