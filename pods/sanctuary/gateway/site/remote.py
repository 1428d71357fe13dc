"""A night of one pod as a program of its own, against a broker and a gateway that run elsewhere.

The pod waits until a gateway tells it the time, then begins. It goes by its own clock, corrected, all night.
A gateway that begins another night has another clock: this night ends then, in order, and another begins.

A coordinator alone: a second gateway that takes circles over when the first dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime

from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.assembly import (
    Vigil,
    designs_of,
    gateway_of,
    identity_of,
    make_gateway,
    sounds_of,
    warn_of_thresholds,
)
from sanctuary.gateway.site.clocks import FollowedTime, OwnClock, cadence_of
from sanctuary.gateway.site.coordinator_shell import GatewayLine
from sanctuary.gateway.site.cue_timing import CUE_TICK_S
from sanctuary.gateway.site.demo import Truth
from sanctuary.gateway.site.event_log import Journal
from sanctuary.gateway.site.headband_start import warn_of_channels
from sanctuary.gateway.site.machine_clock import SteadySeconds
from sanctuary.gateway.site.own_utc import OwnUtc, PodUtc
from sanctuary.gateway.site.pod_shell import open_outbox, unsealed
from sanctuary.gateway.site.pod_start import PodClocks, PodLink, start_pod
from sanctuary.gateway.site.run import (
    LONGEST_NIGHT_H,
    Display,
    NightFiles,
    finish,
    hush,
    new_boot,
    new_folder,
    plan_night,
    simulated_ports,
    watch,
    watch_utc,
)
from sanctuary.gateway.site.site_clock import SanctuaryClock, SystemTime, open_clock
from sanctuary.gateway.site.stopping import StopFlag, broker_is_there, run_beside
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.clock.exchange import ZERO_TOLERANCE_S, TimeSource
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind

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
            client.publish(MqttMessage(topics.time_request(site, pod), request, 0))
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


TICK_S = 0.2
_UNKEPT_MEANS = "persons are given no cue by pods whose own clock nobody keeps either"

Tell = Callable[[str], None]


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
    system = settings.clock.source == "system"
    with ExitStack() as files:
        async with AsyncExitStack() as stack:
            own = await watch_utc(gateway, settings, store, stack, _UNKEPT_MEANS)
            cadence = cadence_of(settings.clock)
            clock = open_clock(store, gateway, boot, system=system, cadence=cadence, own=own)
            endpoint = await stack.enter_async_context(open_broker(settings.broker))
            folder = settings.site.data_dir / settings.record.folder
            name = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S") + f"-{gateway}"
            journal = Journal(folder / name / "events.jsonl")
            files.callback(journal.close)
            plan = plan_night(settings, store, boot, store.term(), clock.utc_s_at_zero)
            core = make_gateway(plan, designs)
            line = GatewayLine(settings, core, endpoint, journal, clock, store.keep_term, plan.client_id)
            line.duty.follow()
            await stack.enter_async_context(line.client)
            stop.when_hurried(line.client.hurry)
            await line.open()
            run_beside(stack, line.listen(), "coordinator")
            await line.meet()
            tell(f"{gateway} coordinates at {endpoint.description}; Ctrl-C ends it")
            await _watch(line, clock, own, journal, stop, tell)
            line.runner.stop(clock.now())
        journal.flush()


async def _watch(
    line: GatewayLine, clock: SanctuaryClock, own: OwnUtc, journal: Journal, stop: StopFlag, tell: Tell
) -> None:
    """Let time pass; the coordinator begins once the sanctuary clock is known."""
    held: tuple[str, ...] = ()
    began_s: float | None = None
    while not stop.is_set:
        for record in own.records(clock.now()):
            journal.write(record)
        line.duty.tick()
        if line.duty.is_settled:
            began_s = clock.began_utc_s if began_s is None else began_s
            if abs(clock.began_utc_s - began_s) > ZERO_TOLERANCE_S:
                tell("the sanctuary clock is another; beginning anew")
                return
            line.tick()
            line.tell_strangers(clock.now())
        journal.flush()
        if line.runner.held != held:
            _tell_change(held, held := line.runner.held, tell)
        await stop.wait(TICK_S)


def _tell_change(before: tuple[str, ...], now: tuple[str, ...], tell: Tell) -> None:
    gained = [circle for circle in now if circle not in before]
    lost = [circle for circle in before if circle not in now]
    if gained:
        tell(f"holds {', '.join(gained)}")
    if lost:
        tell(f"no longer holds {', '.join(lost)}")
