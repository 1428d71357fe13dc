"""One gateway under torture: its core, its disk, its clock; it may crash, hang and start again."""

from __future__ import annotations

from sanctuary.config.errors import InputError
from sanctuary.gateway.site.assembly import NightPlan, make_gateway
from sanctuary.gateway.site.coordinator_shell import CoordinatorRunner
from sanctuary.gateway.site.pod_shell import to_message
from sanctuary.pods.mqtt.wire_client import LinkEvent, MqttMessage
from sanctuary.pods.protocol.gateway_records import HangRecord, coordinator_record
from sanctuary.pods.protocol.records import LogRecord
from sanctuary.virtual_site.failure_trace import UTC_AT_ZERO_S
from sanctuary.virtual_site.host import SECRET, Machine, World
from sanctuary.virtual_site.virtual_network import VirtualClient

TICK_S = 0.5
OFFSET_S = 0.01
"""Gateways follow one clock to within this."""


class _Journal:
    """Has the face of a `Journal`."""

    def __init__(self, gateway: TortureGateway) -> None:
        self._gateway = gateway

    def write(self, record: LogRecord) -> None:
        """Let the monitors see a record."""
        self._gateway.written(record)

    def flush(self, *, durable: bool = False) -> bool:  # noqa: ARG002  nothing is read back from it
        """Nothing waits."""
        return True


class TortureGateway(Machine):
    """One gateway."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name, world)
        self.runner: CoordinatorRunner | None = None
        self._client: VirtualClient | None = None
        self._ahead_s = world.rng.uniform(-OFFSET_S, OFFSET_S) if world.outline.clocks[name].drift else 0.0

    @property
    def reckoned_s(self) -> float:
        """The sanctuary clock as this gateway has it."""
        return self.world.now_s + self._ahead_s

    @property
    def term(self) -> int:
        """The highest that it has used, as its disk knows."""
        return int(self.disk.files.get("term", 0))

    def set_clock(self, by_s: float) -> None:
        """Let somebody set its sanctuary clock."""
        self._ahead_s += by_s

    def boot(self) -> None:
        """Start with what the disk has kept."""
        if self.up:
            return
        self.boots += 1
        self.up = True
        outline = self.world.outline
        plan = NightPlan(outline.settings, SECRET, f"{self.name}-{self.boots}", self.term, UTC_AT_ZERO_S, {})
        core = make_gateway(plan, outline.designs, self.name)
        client = self._client = self.world.network.client(
            self.name,
            will=to_message(core.will),
            on_link=lambda event: self.soon(lambda: self._on_link(event)),
            on_message=lambda message: self.soon(lambda: self._message(message)),
        )
        self.runner = CoordinatorRunner(
            outline.settings.site.id,
            core,
            _Journal(self),
            client.publish,
            lambda: self.reckoned_s,
            alive=lambda: self.clock.at(self.world.now_s),
            keep_term=self._keep_term,
        )
        started = coordinator_record("started", self.term, self.reckoned_s, self.name)
        self.written(started)
        client.subscribe(*self.runner.subscriptions)
        client.connect()
        self._tick(self.boots)

    def crash(self, *, will: bool) -> None:
        """Go down in the middle of everything."""
        if not self.up:
            return
        self.stopped()
        self.runner = None
        self._end_link(self._client, will=will)
        self.written(coordinator_record("died", self.term, self.reckoned_s, self.name))

    def on_return(self) -> None:
        """Look at once after a hang."""
        if self.runner is not None:
            self.runner.tick(self.reckoned_s)

    def hang_record(self) -> HangRecord:
        """Say that this gateway stands still."""
        return HangRecord(t_s=self.world.now_s, pod="", gateway=self.name, until_s=self._hung_until_s)

    def written(self, record: LogRecord) -> None:
        """Let the monitors see a record."""
        self.world.watch.record(record, self.world.now_s)

    def _on_link(self, event: LinkEvent) -> None:
        if self.runner is not None:
            self.runner.on_link(event)

    def _keep_term(self, term: int) -> None:
        try:
            self.disk.keep("term", term)
        except OSError as error:
            raise InputError("term: the disk is full") from error

    def _message(self, message: MqttMessage) -> None:
        if self.runner is not None:
            self.runner.message(message, self.reckoned_s)

    def _tick(self, boots: int) -> None:
        if not self.up or boots != self.boots or self.runner is None:
            return
        if not self.hangs:
            self.runner.tick(self.reckoned_s)
        self.world.agenda.after(TICK_S, lambda: self._tick(boots))
