"""What runs through a night in real time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.pump import HeadbandPump
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.journal import Journal
from sanctuary.gateway.night.live_pod import LivePod
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
    zero_s: float
    capture: bool
    pods: list[LivePod] = field(default_factory=list)
    pumps: list[HeadbandPump] = field(default_factory=list)
    coordinator: CoordinatorRunner = field(init=False)
    trouble: str | None = None

    def now(self) -> float:
        """Give the sanctuary clock: monotonic seconds since the start."""
        return time.monotonic() - self.zero_s
