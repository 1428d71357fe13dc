"""What runs through a night in real time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.outputs.soundfiles import SoundLibrary
from sanctuary.firmware_bridge.pump import HeadbandPump
from sanctuary.gateway.night.clocks import LiveTime
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live_pod import LivePod
from sanctuary.gateway.night.own_utc import OwnUtc
from sanctuary.gateway.night.people import NightPlan
from sanctuary.gateway.night.site_store import SiteStore
from sanctuary.pods.wire.broker import BrokerEndpoint


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
    begun_s: float
    """Sanctuary clock when this program began; not 0 where it goes on after a crash."""
    pods: list[LivePod] = field(default_factory=list)
    pumps: list[HeadbandPump] = field(default_factory=list)
    coordinator: CoordinatorRunner | None = None
    """None where the pods of this program are coordinated by another."""
    sounds: SoundLibrary = field(default_factory=SoundLibrary)
    """Sound files of the designs."""
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

    def now(self) -> float:
        """Give the sanctuary clock."""
        return self.clock.now()
