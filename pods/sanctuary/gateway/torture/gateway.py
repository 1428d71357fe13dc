"""One gateway under torture: its coordinator, its disk, its clock; it may crash, hang and start again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.people import NightPlan, make_coordinator
from sanctuary.gateway.torture.machine import Machine
from sanctuary.gateway.torture.outline import UTC_AT_ZERO_S
from sanctuary.gateway.torture.world import SECRET
from sanctuary.pods.logs import coordinator_record
from sanctuary.pods.wire.packets import Message

TICK_S = 1.0


class _Journal:
    def __init__(self, gateway: TortureGateway) -> None:
        self._gateway = gateway

    def write(self, record: Mapping[str, Any]) -> None:
        self._gateway.written(record)

    def flush(self, *, durable: bool = False) -> bool:  # noqa: ARG002
        return True


class TortureGateway(Machine):
    """One gateway."""

    runner: CoordinatorRunner | None = None
    _term = 0

    @property
    def reckoned_s(self) -> float:
        """The sanctuary clock as this gateway has it."""
        return self.world.now_s

    def boot(self) -> None:
        """Start with what the disk has kept."""
        if self.up:
            return
        self.boots += 1
        self.up = True
        outline, wire = self.world.outline, self.world.wire
        self._term = self.disk.files.get("term", 0) + 1
        self.disk.keep("term", self._term)
        plan = NightPlan(outline.settings, SECRET, f"{self.name}-{self.boots}", self._term, UTC_AT_ZERO_S, {})
        self.runner = CoordinatorRunner(
            outline.settings.site.id,
            make_coordinator(plan, outline.designs),
            _Journal(self),
            lambda message: wire.send(self.name, message),
            lambda: self.reckoned_s,
        )
        self.world.watch.record(coordinator_record("started", self._term, self.reckoned_s), self.world.now_s)
        wire.join(self.name, self.runner.subscriptions, lambda m: self.soon(lambda: self._message(m)))
        self._tick(self.boots)

    def crash(self, *, will: bool) -> None:
        """Go down in the middle of everything."""
        if not self.up:
            return
        self.stopped()
        self.runner = None
        (self.world.wire.die if will else self.world.wire.drop)(self.name)
        self.world.watch.record(coordinator_record("died", self._term, self.reckoned_s), self.world.now_s)

    def link_up(self) -> None:
        """Hear that the broker can be reached."""

    def link_lost(self) -> None:
        """Hear that it cannot."""

    def on_return(self) -> None:
        """Look at once after a hang."""
        if self.runner is not None:
            self.runner.tick(self.reckoned_s)

    def hang_record(self) -> dict[str, object]:
        """Say that this gateway stands still."""
        held = {"pod": "", "term": self._term, "until_s": self._hung_until_s}
        return {"kind": "hang", "t_s": self.world.now_s, **held}

    def written(self, record: Mapping[str, Any]) -> None:
        """Let the monitors see a record."""
        self.world.watch.record(record, self.world.now_s)

    def _message(self, message: Message) -> None:
        if self.runner is not None:
            self.runner.message(message, self.reckoned_s)

    def _tick(self, boots: int) -> None:
        if not self.up or boots != self.boots or self.runner is None:
            return
        if not self.hangs:
            self.runner.tick(self.reckoned_s)
        self.world.agenda.after(TICK_S, lambda: self._tick(boots))
