"""A computer whose clock may be set, may sleep, may lose its time over a restart; nothing here waits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.site.machine_clock import ClockSources, KernelClock, Tracking
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.site_clock import SanctuaryClock, open_clock
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.clock.exchange import Cadence
from sanctuary.pods.mqtt.wire_client import MqttMessage

TRUE_UTC_S = 1_796_000_000.0
QUICK = Cadence(burst=4, gap_s=0.0, every_s=4.0, enough=4)


async def no_chrony(_timeout_s: float) -> Tracking:
    """Be a computer without chrony."""
    raise SanctuaryError("no chrony here")


@dataclass
class Computer:
    """The clocks of one computer.

    Attributes
    ----------
    true_s
        Seconds since the first moment of the test, in truth.
    wrong_by_s
        UTC as the computer has it, minus the true one.
    """

    true_s: float = 0.0
    wrong_by_s: float = 0.0
    slept_s: float = 0.0
    started_s: float = -100.0
    starts: int = 1
    synchronised: bool = True

    def utc_s(self) -> float:
        """CLOCK_REALTIME."""
        return TRUE_UTC_S + self.true_s + self.wrong_by_s

    def boottime_s(self) -> float:
        """CLOCK_BOOTTIME."""
        return self.true_s - self.started_s

    def monotonic_s(self) -> float:
        """CLOCK_MONOTONIC."""
        return self.boottime_s() - self.slept_s

    @property
    def boot_id(self) -> str:
        """Name of this start."""
        return f"start-{self.starts}"

    @property
    def sources(self) -> ClockSources:
        """What the time services say."""
        return ClockSources(lambda: KernelClock(self.synchronised, 0.01), no_chrony, lambda: None)

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.true_s += seconds

    def sleeps(self, seconds: float) -> None:
        """Sleep, as a laptop that was closed."""
        self.true_s += seconds
        self.slept_s += seconds

    def is_set(self, by_s: float) -> None:
        """Set the clock."""
        self.wrong_by_s += by_s

    def restarts(self, *, loses_s: float = 0.0, after_s: float = 30.0) -> None:
        """Lose power; without a battery the clock comes back at some earlier time."""
        self.true_s += after_s
        self.wrong_by_s -= loses_s
        self.started_s, self.slept_s = self.true_s - 5.0, 0.0
        self.starts += 1


@dataclass
class ClockHouse:
    """A gateway's clocks in one folder, over any number of starts."""

    folder: Path
    computer: Computer = field(default_factory=Computer)
    boots: int = 0
    name: str = "gateway-1"

    @property
    def store(self) -> SiteStore:
        """What is kept."""
        return SiteStore(self.folder)

    def own(self, unkept_means: str = "nothing is cued") -> OwnUtc:
        """The computer's UTC, watched from now on and looked at once."""
        computer = self.computer
        own = OwnUtc(
            self.name,
            self.store,
            None,
            unkept_means,
            clock=computer,
            sources=computer.sources,
        )
        own.look()
        return own

    def clock(self, own: OwnUtc | None = None, *, system: bool = False) -> SanctuaryClock:
        """A start of the gateway."""
        computer, self.boots = self.computer, self.boots + 1
        return open_clock(
            self.store,
            self.name,
            f"{self.name}-{self.boots}",
            system=system,
            cadence=QUICK,
            own=own or self.own(),
            clock=computer,
        )

    def wrong_by_s(self, clock: SanctuaryClock) -> float:
        """How far the UTC that is told lies from the true one."""
        return clock.utc_s_at_zero + clock.now() - TRUE_UTC_S - self.computer.true_s


def answered(clock: SanctuaryClock, request: bytes | None) -> MqttMessage:
    """Let a gateway answer a request, at once."""
    assert request is not None
    return replace(MqttMessage("b", b"", 0), payload=clock.answer(MqttMessage("a", request, 0)))
