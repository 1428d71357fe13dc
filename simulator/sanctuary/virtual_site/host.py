"""A computer in virtual time: clocks of its own, a disk, and that it hangs, crashes and starts again.

What runs on it is what runs on a real one: a `Site` is assembled anew at each start, from what the disk has
kept. See `virtual_pod` and `virtual_gateway`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import SanctuaryError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.machine_clock import ClockSources, KernelClock, Tracking
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.wire_client import LinkEvent, MqttMessage, OnLink, OnMessage
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.virtual_disk import VirtualDisk
from sanctuary.virtual_site.virtual_network import VirtualClient, VirtualNetwork

Record = Mapping[str, Any]

UTC_AT_ZERO_S = 1_767_304_800.0
"""2026-01-01 22:00 UTC; a simulated night needs some date, always the same."""
DATA = Path("/data")
LOG = DATA / "events.jsonl"
FIRST_SHARE = 0.5
"""Share of returns from a hang in which time is looked at before what came meanwhile."""


class VirtualClock:
    """The clocks of one virtual computer; a `HostClock`.

    Parameters
    ----------
    offset_s
        What the clock that nobody sets shows at true second 0.
    drift
        How much too fast it runs (seconds per second).
    """

    def __init__(self, events: EventQueue, offset_s: float = 0.0, drift: float = 0.0) -> None:
        self._events = events
        self._offset_s, self._rate = offset_s, 1.0 + drift
        self._utc_ahead_s = 0.0
        self._starts = 1

    @property
    def boot_id(self) -> str:
        return f"start-{self._starts}"

    def monotonic_s(self) -> float:
        return self._offset_s + self._rate * self._events.now_s

    def boottime_s(self) -> float:
        return self._offset_s + self._rate * self._events.now_s

    def utc_s(self) -> float:
        return UTC_AT_ZERO_S + self._events.now_s + self._utc_ahead_s

    def step(self, by_s: float) -> None:
        """Let the clock that nobody sets jump, as a broken one does."""
        self._offset_s += by_s

    def set_utc(self, ahead_s: float) -> None:
        """Set UTC, to so much more than it is."""
        self._utc_ahead_s = ahead_s

    def restart(self) -> None:
        """Start the computer anew: its clock begins at zero."""
        self._starts += 1
        self._offset_s = -self._rate * self._events.now_s


async def _no_chrony(_timeout_s: float) -> Tracking:
    raise SanctuaryError("no chrony here")


SYNCHRONISED = ClockSources(lambda: KernelClock(True, 0.01), _no_chrony, lambda: None)
"""Who says whether UTC is kept: a time service keeps it."""


@dataclass(frozen=True, slots=True)
class HostWorld:
    """What all virtual computers of a site share.

    Attributes
    ----------
    secret
        As of `Site`.
    will_after_s
        How long the broker takes to publish the will of a computer that died.
    on_record
        Called with the name of a host and each record that it writes.
    on_truth
        Called with records of what really happened, which nobody on the host writes.
    rng
        Chance for hosts.
    """

    settings: SanctuarySettings
    designs: Mapping[str, LoadedDesign]
    secret: bytes
    events: EventQueue
    network: VirtualNetwork
    will_after_s: float
    on_record: Callable[[str, Record], None]
    on_truth: Callable[[Record], None]
    rng: Random = field(default_factory=Random)


class VirtualHost(ABC):
    """One computer.

    Parameters
    ----------
    clock
        Its clocks.

    Attributes
    ----------
    up
        Whether it runs.
    boots
        How often it was started.
    """

    def __init__(self, name: str, world: HostWorld, clock: VirtualClock) -> None:
        self.name, self.world, self.clock = name, world, clock
        self.disk = VirtualDisk(self.on_durable)
        self.store = SiteStore(DATA, self.disk)
        self.up = False
        self.boots = 0
        self._hung_until_s = 0.0
        self._held: list[Callable[[], None]] = []
        self._client: VirtualClient | None = None

    # --- on and off ---

    def boot(self) -> None:
        """Start with what the disk has kept."""
        if self.up:
            return
        self.boots += 1
        self.up = True
        self._start()

    def crash(self, *, will: bool, power: bool = False) -> None:
        """Go down in the middle of everything.

        Parameters
        ----------
        will
            Whether the broker sees the connection break; otherwise nobody ever publishes the will.
        power
            Whether the power fails: what was not synced is lost, and the computer starts anew.
        """
        if not self.up:
            return
        self._record_crash()
        self._go_down()
        client, self._client = self._client, None
        if client is not None:
            client.abort(self.world.will_after_s) if will else client.disconnect()
        if power:
            self.disk.fail_power(self.world.rng)
            self.clock.restart()

    def restart_program(self) -> None:
        """End in order, and begin anew at once, as a program does whose sanctuary clock is another."""
        self._record_crash()
        self._go_down()
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
        self.boot()

    @property
    def hangs(self) -> bool:
        """Whether it stands still."""
        return self.world.events.now_s < self._hung_until_s

    def hang(self, for_s: float) -> None:
        """Stand still for a while, and go on as if nothing had been."""
        if not self.up or self.hangs:
            return
        self._hung_until_s = self.world.events.now_s + for_s
        self.world.on_truth(self._hang_record(self._hung_until_s))
        boots = self.boots

        def go_on() -> None:
            if self.up and self.boots == boots:
                self._go_on()

        self.world.events.at(self._hung_until_s, go_on)

    def hang_at_worst(self, for_s: float) -> None:
        """Stand still when it is worst: now, where nothing else is known of that."""
        self.hang(for_s)

    def soon(self, action: Callable[[], None]) -> None:
        """Do something now, or once it no longer hangs; nothing where it is down."""
        if not self.up:
            return
        if self.hangs:
            self._held.append(action)
        else:
            action()

    # --- what a program on it is given ---

    def client(
        self,
        name: str,
        *,
        will: MqttMessage,
        on_link: OnLink,
        on_message: OnMessage,
        lasting: bool = False,  # noqa: ARG002  what waits for the broker is lost with the link here
    ) -> VirtualClient:
        """Make a client of the network, as a `Wire`; what comes in a hang waits for its end."""

        def link(event: LinkEvent) -> None:
            self.soon(lambda: self._around(lambda: on_link(event)))

        def message(message: MqttMessage) -> None:
            self.soon(lambda: self._around(lambda: on_message(message)))

        self._client = self.world.network.client(name, will=will, on_link=link, on_message=message)
        return self._client

    def open_log(self) -> EventLog:
        """Open the event log of this start; it goes on in the file of the last one."""
        return EventLog(LOG, self.disk, lambda record: self.world.on_record(self.name, record))

    def own_utc(self) -> OwnUtc:
        """Watch the computer's UTC."""
        own = OwnUtc(self.name, self.store, self.world.settings.clock, clock=self.clock, sources=SYNCHRONISED)
        own.look()
        return own

    def on_durable(self, path: Path, raw: bytes) -> None:  # noqa: B027  of gateways nothing rests on it
        """Take note of what became durable in the event log."""

    # --- inside ---

    def _go_down(self) -> None:
        self.up = False
        self._hung_until_s = 0.0
        self._held.clear()
        self._stop()

    def _go_on(self) -> None:
        held, self._held = self._held, []
        if self.world.rng.random() < FIRST_SHARE:
            self._on_return()
        for action in held:
            action()
        self._on_return()

    def _around(self, action: Callable[[], None]) -> None:
        """Do what the network brings, and what belongs before and after it."""
        action()

    @abstractmethod
    def _start(self) -> None:
        """Start the program."""

    @abstractmethod
    def _stop(self) -> None:
        """Forget the program."""

    @abstractmethod
    def _on_return(self) -> None:
        """Do what comes first after a hang."""

    @abstractmethod
    def _hang_record(self, until_s: float) -> Record:
        """Say that it stands still, and until when."""

    @abstractmethod
    def _record_crash(self) -> None:
        """Say that it went down."""
