"""What pods and gateways have in common: a clock, a disk, and that they stop, hang and start again.

Clocks that are wrong: they begin somewhere, run too fast or too slow, and are set at times.

A disk in memory: what is durable outlives a crash, the rest does not; it may be full for a while.

What everybody in a tortured night shares: true time, the wire, chance, and those who watch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from sanctuary.pods.protocol.gateway_records import HangRecord
from sanctuary.pods.protocol.records import CueRecord, LogRecord
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.failure_trace import Outline
from sanctuary.virtual_site.virtual_network import VirtualClient, VirtualNetwork
from sanctuary.virtual_site.watch import Watch


class SkewedClock:
    """One machine's own clock.

    Parameters
    ----------
    offset_s
        What it shows at true second 0.
    drift
        How much too fast it runs (seconds per second).
    """

    def __init__(self, offset_s: float = 0.0, drift: float = 0.0) -> None:
        self._offset_s, self._rate = offset_s, 1.0 + drift

    def at(self, true_s: float) -> float:
        """Read it."""
        return self._offset_s + self._rate * true_s

    def step(self, by_s: float) -> None:
        """Set it forward, or back."""
        self._offset_s += by_s


Record = Mapping[str, Any]


class Disk:
    """One machine's disk.

    Attributes
    ----------
    full
        Whether it takes nothing more.
    files
        What was written whole and durably, by name.
    """

    def __init__(self) -> None:
        self.full = False
        self.files: dict[str, Any] = {}

    def keep(self, name: str, content: Any) -> None:
        """Replace a file in one step.

        Raises
        ------
        OSError
            The disk is full; the file is as it was.
        """
        if self.full:
            raise OSError(28, "No space left on device")
        self.files[name] = content


class DiskJournal:
    """Has the face of a `Journal`; tells what is written at once, and what has become durable when it has.

    Parameters
    ----------
    written, kept
        Hear of each record when it is taken, and when it can be lost no more.
    """

    def __init__(
        self, disk: Disk, written: Callable[[LogRecord], None], kept: Callable[[CueRecord], None]
    ) -> None:
        self._disk, self._written, self._kept = disk, written, kept
        self._waiting: list[CueRecord] = []

    def write(self, record: LogRecord) -> None:
        """Take a record."""
        self._written(record)
        if isinstance(record, CueRecord):
            self._waiting.append(record)

    def flush(self, *, durable: bool = False) -> bool:
        """Bring what waits to the disk."""
        if self._disk.full:
            return False
        if durable:
            for record in self._waiting:
                self._kept(record)
            self._waiting.clear()
        return True


SECRET = b"tortured nights"
"""Keys are derived from it; the forger does not have it."""


@dataclass(frozen=True, slots=True)
class World:
    """The shared parts.

    Attributes
    ----------
    rng
        Chance for pods and gateways.
    """

    outline: Outline
    agenda: EventQueue
    network: VirtualNetwork
    watch: Watch
    rng: Random

    @property
    def now_s(self) -> float:
        """True time."""
        return self.agenda.now_s


class Machine(ABC):
    """One computer.

    Attributes
    ----------
    up
        Whether it runs.
    boots
        How often it was started.
    """

    def __init__(self, name: str, world: World) -> None:
        fault = world.outline.clocks[name]
        self.name = name
        self.world = world
        self.clock = SkewedClock(fault.offset_s, fault.drift)
        self.disk = Disk()
        self.up = False
        self.boots = 0
        self._hung_until_s = 0.0
        self._held: list[Callable[[], None]] = []

    @abstractmethod
    def boot(self) -> None:
        """Start with what the disk has kept."""

    @property
    def hangs(self) -> bool:
        """Whether it stands still."""
        return self.world.now_s < self._hung_until_s

    def hang(self, for_s: float) -> None:
        """Stand still for a while, and go on as if nothing had been."""
        if not self.up or self.hangs:
            return
        self._hung_until_s = self.world.now_s + for_s
        self.world.watch.true_record(self.hang_record())
        boots = self.boots

        def go_on() -> None:
            if self.up and self.boots == boots:
                self._go_on()

        self.world.agenda.at(self._hung_until_s, go_on)

    def hang_at_worst(self, for_s: float) -> None:
        """Stand still when it is worst: now, where nothing else is known of that."""
        self.hang(for_s)

    def soon(self, deed: Callable[[], None]) -> None:
        """Do something now, or once it no longer hangs; nothing where it is down."""
        if not self.up:
            return
        if self.hangs:
            self._held.append(deed)
        else:
            deed()

    def stopped(self) -> None:
        """Forget what was held: the machine went down."""
        self.up = False
        self._hung_until_s = 0.0
        self._held.clear()

    def _end_link(self, client: VirtualClient | None, *, will: bool) -> None:
        """Die: the broker sees the connection break, or nobody ever publishes the will."""
        assert client is not None  # noqa: S101  a machine that is up has one
        if will:
            client.abort(self.world.outline.wire.delay_s)
        else:
            client.disconnect()

    @abstractmethod
    def on_return(self) -> None:
        """Do what comes first after a hang, before what was held."""

    def _go_on(self) -> None:
        held, self._held = self._held, []
        if self.world.rng.random() < 0.5:
            self.on_return()
        for deed in held:
            deed()
        self.on_return()

    @abstractmethod
    def hang_record(self) -> HangRecord:
        """Say for the monitors that it stands still, and until when."""
