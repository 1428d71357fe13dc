"""What pods and gateways have in common: a clock, a disk, and that they stop, hang and start again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from sanctuary.gateway.torture.clocks import SkewedClock
from sanctuary.gateway.torture.disk import Disk
from sanctuary.gateway.torture.world import World


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
    def hang_record(self) -> dict[str, object]:
        """Say for the monitors that it stands still, and until when."""
