"""One gateway on a computer of its own, as `sanctuary coordinate` runs it, in virtual time."""

from __future__ import annotations

from sanctuary.gateway.site.clocks import cadence_of
from sanctuary.gateway.site.coordinator_shell import CoordinatorShell
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.site import NoSamples, Site
from sanctuary.gateway.site.site_clock import SanctuaryClock, open_clock
from sanctuary.gateway.site.storage import KeptClock
from sanctuary.pods.protocol.gateway_records import HangRecord, coordinator_record
from sanctuary.virtual_site.host import UTC_AT_ZERO_S, HostWorld, Record, VirtualClock, VirtualHost

TICK_S = 0.5


class SettableClock:
    """The clocks of a computer, of which the one that the sanctuary clock goes by may jump."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._ahead_s = 0.0

    @property
    def boot_id(self) -> str:
        return self._clock.boot_id

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s() + self._ahead_s

    def boottime_s(self) -> float:
        return self._clock.boottime_s() + self._ahead_s

    def utc_s(self) -> float:
        return self._clock.utc_s()

    def step(self, by_s: float) -> None:
        """Let it jump."""
        self._ahead_s += by_s


class VirtualGateway(VirtualHost):
    """One gateway."""

    def __init__(self, name: str, world: HostWorld, clock: VirtualClock) -> None:
        super().__init__(name, world, clock)
        self.shell: CoordinatorShell | None = None
        self._site_clock = SettableClock(clock)
        self._log: EventLog | None = None
        self._own: OwnUtc | None = None
        self._time: SanctuaryClock | None = None
        # The night has begun already, on all gateways: second 0 is true second 0.
        self.store.keep_clock(KeptClock(UTC_AT_ZERO_S, UTC_AT_ZERO_S))

    def set_clock(self, by_s: float) -> None:
        """Let its sanctuary clock jump."""
        self._site_clock.step(by_s)

    def _start(self) -> None:
        world, boot = self.world, f"{self.name}-{self.boots}"
        self._log, self._own = self.open_log(), self.own_utc()
        self._time = open_clock(
            self.store,
            self.name,
            boot,
            system=False,
            cadence=cadence_of(world.settings.clock),
            own=self._own,
            clock=self._site_clock,
        )
        site = Site(
            world.settings,
            NoSamples(),
            self,
            self.clock,
            self.store,
            log=self._log,
            boot=boot,
            secret=world.secret,
            designs=world.designs,
        )
        link = site.open_gateway(self._time, self.name, shares_time=True)
        self.shell = link.shell
        self._log.write(coordinator_record("started", self.store.term(), self._time.now(), self.name))
        link.client.subscribe(*self.shell.subscriptions)
        link.begin()
        link.client.connect()
        self._tick(self.boots)

    def _stop(self) -> None:
        self.shell = None

    def _on_return(self) -> None:
        self._look()

    def _look(self) -> None:
        if self.shell is None or self._own is None or self._log is None or self._time is None:
            return
        for record in self._own.records(self._time.now()):
            self._log.write(record)
        if self.shell.clock_was_replaced:
            self.restart_program()
            return
        self.shell.tick()
        self._log.flush()

    def _tick(self, boots: int) -> None:
        if not self.up or boots != self.boots:
            return
        if not self.hangs:
            self._look()
        self.world.events.after(TICK_S, lambda: self._tick(boots))

    def _hang_record(self, until_s: float) -> Record:
        now_s = self.world.events.now_s
        return HangRecord(t_s=now_s, pod="", gateway=self.name, until_s=until_s).to_dict()

    def _record_crash(self) -> None:
        if self._time is not None:
            died = coordinator_record("died", self.store.term(), self._time.now(), self.name)
            self.world.on_record(self.name, died.to_dict())
