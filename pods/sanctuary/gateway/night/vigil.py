"""What runs through a night in real time."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from sanctuary.config.headbands import place_of
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.outputs.soundfiles import SoundLibrary
from sanctuary.firmware_bridge.pump import HeadbandPump
from sanctuary.gateway.consoles import say
from sanctuary.gateway.night.clocks import LiveTime
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.gateway_line import GatewayLine
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live_pod import LivePod
from sanctuary.gateway.night.new_ports import NewPorts
from sanctuary.gateway.night.own_utc import OwnUtc
from sanctuary.gateway.night.people import NightPlan
from sanctuary.gateway.night.readiness import Readiness
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.gateway.night.stopping import StopFlag
from sanctuary.pods.wire.broker import BrokerEndpoint

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Vigil:
    """Everything that runs."""

    settings: SanctuarySettings
    store: SiteStore
    folder: Path
    endpoint: BrokerEndpoint
    journal: Journal
    plan: NightPlan
    clock: LiveTime
    capture: bool
    stop: StopFlag
    begun_s: float
    """Sanctuary clock when this program began; not 0 where it goes on after a crash."""
    pods: list[LivePod] = field(default_factory=list)
    pumps: list[HeadbandPump] = field(default_factory=list)
    coordinator: CoordinatorRunner | None = None
    """None where the pods of this program are coordinated by another."""
    line: GatewayLine | None = None
    """The link of the coordinator."""
    sounds: SoundLibrary = field(default_factory=SoundLibrary)
    """Sound files of the designs."""
    readiness: Readiness = field(default_factory=lambda: Readiness(say))
    ports: NewPorts = field(init=False)
    trouble: str | None = None
    log_is_written: bool = True
    """Whether the disk took the log when it was flushed last."""
    own_utc: OwnUtc | None = None
    """None where nobody watches it."""

    def look_at_clock(self) -> None:
        """See what became of this computer's clock, and write it down."""
        if self.own_utc is not None:
            for record in self.own_utc.records(self.now()):
                self.journal.write(record)

    def __post_init__(self) -> None:
        """Know the ports that are there when the night begins."""
        named = {pod.id: place_of(pod.headband) for pod in self.settings.pods}
        serial = {pod: port for pod, (what, port) in named.items() if what == "port" and port is not None}
        self.ports = NewPorts({pod: port for pod, port in serial.items() if "://" not in port}, _LOG.warning)
        self.ports.look(time.monotonic(), ())

    @property
    def awaited(self) -> list[str]:
        """Circles that this gateway is to hold and does not yet; of several gateways, any may hold them."""
        if self.coordinator is None or len(self.settings.site.gateways) > 1:
            return []
        held = self.coordinator.held
        return [circle.id for circle in self.settings.circles if circle.id not in held]

    def now(self) -> float:
        """Give the sanctuary clock."""
        return self.clock.now()
