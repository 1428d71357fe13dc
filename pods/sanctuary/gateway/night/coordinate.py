"""A coordinator alone: a second gateway that takes circles over when the first dies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime

from sanctuary.config.errors import InputError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.night.clocks import cadence_of
from sanctuary.gateway.night.gateway_line import GatewayLine
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live_start import new_boot, plan_night, watch_utc
from sanctuary.gateway.night.own_utc import OwnUtc
from sanctuary.gateway.night.people import designs_of, gateway_of, make_gateway
from sanctuary.gateway.night.sanctuary_clock import SanctuaryClock, open_clock
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.stopping import StopFlag
from sanctuary.gateway.night.tasks import run_beside
from sanctuary.gateway.night.waiting import broker_is_there
from sanctuary.pods.wire.broker import open_broker
from sanctuary.pods.wire.clock import ZERO_TOLERANCE_S

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
        await _one_night(settings, gateway, store, stop, tell)


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


async def _one_night(
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
