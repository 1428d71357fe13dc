"""What runs through a night in real time on one computer, and the loop that drives it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sanctuary.config.errors import BrokerError, SanctuaryError
from sanctuary.config.headband_settings import address_of
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary
from sanctuary.firmware_bridge.recordings.recorder import recover
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.gateway.results.night_result import NightResult
from sanctuary.gateway.results.replay_result import Timing
from sanctuary.gateway.site.advice import KEPT_S, LIVE_S, Readiness, told
from sanctuary.gateway.site.clocks import LiveTime
from sanctuary.gateway.site.cue_timing import wait_for_tick
from sanctuary.gateway.site.demo_night import Truth
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.headband_start import NewPorts
from sanctuary.gateway.site.live_pod import LivePod, stop_pump
from sanctuary.gateway.site.live_table import LiveTable, Moment
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.result import NightFacts, night_result
from sanctuary.gateway.site.site import GatewayLink, Site
from sanctuary.gateway.site.stopping import StopFlag, run_beside
from sanctuary.gateway.site.storage import SiteStore, open_outbox
from sanctuary.gateway.sleeper_memories import Memories
from sanctuary.pods.mqtt.broker import BrokerEndpoint
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage, OnLink, OnMessage
from sanctuary.pods.protocol.contract import is_lasting
from sanctuary.pods.protocol.gateway_records import TroubleEvent, trouble_record

_LOG = logging.getLogger(__name__)

Display = Callable[[Sequence[PodShell], Callable[[str, float], str | None]], LiveTable]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class NightFiles:
    """The result of a night and the folder that it is in."""

    result: NightResult
    folder: Path


class BrokerWire:
    """Makes MQTT clients of one broker, named after this installation so that no other pushes them out.

    Parameters
    ----------
    files
        Closes the files in which lasting messages wait.
    """

    def __init__(
        self, settings: SanctuarySettings, store: SiteStore, endpoint: BrokerEndpoint, files: ExitStack
    ) -> None:
        self._settings, self._endpoint, self._files = settings, endpoint, files
        self._folder = store.folder
        self._prefix = f"{settings.site.id}-{store.installation()}"

    def client(
        self,
        name: str,
        *,
        will: MqttMessage,
        on_link: OnLink,
        on_message: OnMessage,
        lasting: bool = False,
    ) -> MqttClient:
        outbox = self._files.enter_context(open_outbox(self._folder, name)) if lasting else None
        return MqttClient(
            f"{self._prefix}-{name}",
            self._endpoint.host,
            self._endpoint.port,
            settings=self._settings.broker,
            will=will,
            outbox=outbox,
            lasting=is_lasting,
            on_link=on_link,
            on_message=on_message,
        )


async def enter(stack: AsyncExitStack, client: MqttClient, stop: StopFlag) -> None:
    """Start a client, for as long as the stack lasts; it hurries with the night."""
    await stack.enter_async_context(client)
    stop.when_hurried(client.hurry)


async def start_gateway(
    link: GatewayLink[MqttClient], site: str, endpoint: BrokerEndpoint, stack: AsyncExitStack, stop: StopFlag
) -> None:
    """Start a gateway, and find out whether another sanctuary uses this site's topics.

    Raises
    ------
    BrokerError
        The broker does not answer in time, or refuses a subscription; or another sanctuary lives there.
    """
    await enter(stack, link.client, stop)
    granted = link.client.subscribe(*link.shell.subscriptions)
    await link.client.connected()
    await granted
    link.begin()
    run_beside(stack, link.client.serve(), "coordinator")
    strangers = link.shell.strangers
    if endpoint.kind != "external" or strangers is None:
        return
    await asyncio.sleep(KEPT_S)
    strangers.listening = True
    ends_s = time.monotonic() + LIVE_S
    while strangers.kept and not strangers.live and time.monotonic() < ends_s:
        await asyncio.sleep(KEPT_S / 5.0)
    if strangers.live:
        raise BrokerError(told(site, endpoint.description))


def report_strangers(
    link: GatewayLink[MqttClient], site: str, endpoint: BrokerEndpoint, log: EventLog, now_s: float
) -> None:
    """Tell once of another sanctuary that came while the night went on."""
    strangers = link.shell.strangers
    if strangers is not None and strangers.live and not strangers.reported:
        strangers.reported = True
        _LOG.error("%s", told(site, endpoint.description))
        log.write(trouble_record("site_shared", "noted", now_s, detail=site))


class LiveSamples(Protocol):
    """Feeds the pods of a running site.

    Attributes
    ----------
    pods, pumps
        Of those that are fed.
    """

    pods: list[LivePod]
    pumps: list[HeadbandReader]


@dataclass(slots=True)
class RunningSite:
    """Everything that runs."""

    site: Site[MqttClient]
    samples: LiveSamples
    log: EventLog
    folder: Path
    endpoint: BrokerEndpoint
    clock: LiveTime
    stop: StopFlag
    begun_s: float
    """Sanctuary clock when this program began; not 0 where it goes on after a crash."""
    own_utc: OwnUtc
    sounds: SoundLibrary
    """Sound files of the designs."""
    tell: Tell = _LOG.info
    gateway: GatewayLink[MqttClient] | None = None
    """None where the pods of this program are coordinated by another."""
    readiness: Readiness = field(init=False)
    ports: NewPorts = field(init=False)
    trouble: str | None = None
    log_is_written: bool = True
    """Whether the disk took the log when it was flushed last."""

    def __post_init__(self) -> None:
        """Know the ports that are there when the night begins."""
        self.readiness = Readiness(self.tell)
        named = {pod.id: address_of(pod.headband) for pod in self.settings.pods}
        serial = {pod: port for pod, (what, port) in named.items() if what == "port" and port is not None}
        self.ports = NewPorts({pod: port for pod, port in serial.items() if "://" not in port}, _LOG.warning)
        self.ports.look(time.monotonic(), ())

    @property
    def pods(self) -> list[LivePod]:
        return self.samples.pods

    @property
    def settings(self) -> SanctuarySettings:
        return self.site.settings

    @property
    def awaited(self) -> list[str]:
        """Circles that this gateway is to hold and does not yet; of several gateways, any may hold them."""
        if self.gateway is None or len(self.settings.site.gateways) > 1:
            return []
        held = self.gateway.shell.held
        return [circle.id for circle in self.settings.circles if circle.id not in held]

    def now(self) -> float:
        """Give the sanctuary clock."""
        return self.clock.now()

    def record_clock_news(self) -> None:
        """Look at this computer's clock, and write down what became of it."""
        for record in self.own_utc.records(self.now()):
            self.log.write(record)


async def watch(
    running: RunningSite,
    hours: float | None,
    table: LiveTable,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Drive the shells: a tick every half second, and one at every step that is due; until `is_over`."""
    end_s = running.begun_s + hours * 3600.0 if hours is not None else None
    shells = [pod.shell for pod in running.pods]
    while not running.stop.is_set and not is_over():
        running.record_clock_news()
        now_s = running.now()
        if end_s is not None and now_s >= end_s:
            return
        for pod in running.pods:
            pod.shell.tick(now_s)
            pod.tell_state()
        if running.gateway is not None:
            running.gateway.shell.tick()
        _look_around(running, now_s)
        table.update(_moment(running, now_s, end_s))
        await wait_for_tick(shells, running.clock, now_s, running.stop)


def _look_around(running: RunningSite, now_s: float) -> None:
    """See what has come to work or ceased to, and bring the log to the disk."""
    pods = [pod.now for pod in running.pods]
    running.readiness.look(time.monotonic(), pods, running.awaited)
    gone = [pod.id for pod in pods if pod.headband is not None and pod.headband.cause is not None]
    running.ports.look(time.monotonic(), gone)
    if running.gateway is not None:
        report_strangers(running.gateway, running.settings.site.id, running.endpoint, running.log, now_s)
    _flush(running, now_s)
    if running.trouble is None and not running.endpoint.alive():
        running.trouble = f"{running.endpoint.description}: it died in the night; no window opened after that"
        running.log.write(trouble_record("broker_died", "began", now_s))
        _LOG.warning("%s; recording goes on", running.trouble)


def _flush(running: RunningSite, now_s: float) -> None:
    """Bring the log to the disk; a disk that takes none stands in it, once it takes some again."""
    written = running.log.flush()
    if written == running.log_is_written:
        return
    running.log_is_written = written
    event: TroubleEvent = "ended" if written else "began"
    running.log.write(trouble_record("log_unwritten", event, now_s, detail=running.log.trouble))


def _moment(running: RunningSite, now_s: float, end_s: float | None) -> Moment:
    begun_s = running.begun_s
    shell = running.gateway.shell if running.gateway is not None else None
    windows, opened = (shell.open_windows, shell.opened) if shell is not None else ((), 0)
    end_s = end_s - begun_s if end_s is not None else None
    return Moment(now_s - begun_s, end_s, 1.0, windows, opened)


async def silence(running: RunningSite) -> None:
    """Silence everything, and only then let the headbands go, all at once: some take their time."""
    for pod in running.pods:
        pod.shell.silence()
    await asyncio.gather(*(asyncio.to_thread(stop_pump, pump) for pump in running.samples.pumps))


def finish(running: RunningSite, truth: Truth) -> NightFiles:
    """Close recordings, keep what is to be kept, and put the result together."""
    for pod in running.pods:
        try:
            pod.close()
        except SanctuaryError as error:
            _LOG.error("%s", error)
    _remember(running)
    running.log.flush()
    result = night_result(
        running.settings,
        [pod.shell for pod in running.pods],
        running.log.records,
        truth.epochs,
        _facts(running),
        end_s=running.now(),
    )
    return NightFiles(result, running.folder)


def _remember(running: RunningSite) -> None:
    """Keep what the night taught of those sleepers who agreed to it."""
    memories = Memories(running.settings.site.data_dir)
    entries = {entry.id: entry for entry in running.settings.pods}
    for pod in running.pods:
        entry = entries[pod.shell.id]
        if entry.remember:
            try:
                memories.learn(entry.sleeper, pod.remember())
            except SanctuaryError as error:
                _LOG.warning("%s: %s; the night itself is complete", entry.id, error)


def _facts(running: RunningSite) -> NightFacts:
    now_s = running.now() - running.begun_s
    return NightFacts(
        live=True,
        hours=round(now_s / 3600.0, 4),
        duration_s=round(now_s, 3),
        broker=running.endpoint.description,
        interrupted=False,
        trouble=running.trouble,
        timing=Timing(wall_s=round(now_s, 2), times_real_time=1.0),
    )


def new_folder(settings: SanctuarySettings, suffix: str = "") -> Path:
    """Finish recordings that a crash left open, and name the folder of the night that begins."""
    nights = settings.site.data_dir / settings.record.folder
    for earlier in sorted(nights.iterdir()) if nights.is_dir() else []:
        recover(earlier)
    return nights / night_name(suffix)


def night_name(suffix: str = "") -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S") + suffix
