"""Drives pods in virtual time: one that shares its gateway's clock, or one on a computer of its own.

A pod that holds no lease is looked at when its verdict changes, when a message comes and when its heartbeat
is due, and is given the newest estimate each time: those in between say the same. A pod that holds one, or
that has to prove stable REM anew, is looked at each second, as in real time, and at each step of the design.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from sanctuary.config.pod_settings import PodEntry
from sanctuary.firmware_bridge.cues import Cue
from sanctuary.gateway.site.clocks import FollowedTime, cadence_of
from sanctuary.gateway.site.cue_sink import CueSink
from sanctuary.gateway.site.own_utc import OwnUtc, PodUtc
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.remote import SameClock
from sanctuary.gateway.site.site import NoSamples, PodFittings, PodLink, Site, TimeLearner, link_pod
from sanctuary.pods.pod import events as happened
from sanctuary.pods.protocol.gateway_records import HangRecord, KeptRecord
from sanctuary.pods.protocol.records import PodRecord
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.host import LOG, HostWorld, Record, VirtualClock, VirtualHost
from sanctuary.virtual_site.virtual_network import VirtualClient
from sanctuary.virtual_site.virtual_sleeper import VirtualSleeper

SECOND_S = 1.0
HASTE_S = 1e-4
"""A pod by its own clock is looked at so much after something is due: two clocks never run quite alike."""
SOUNDS_FIRST_SHARE = 0.5
"""Share of returns from a hang in which a cue that waited is looked at before anything else."""


class Ear:
    """Hears cues in place of rendering them; a `CueSink`.

    Parameters
    ----------
    hear
        Called with each cue, and when it began.
    """

    def __init__(self, hear: Callable[[Cue, float], None] = lambda _cue, _at_s: None) -> None:
        self._hear = hear

    def open_window(self, window_id: str, now_s: float) -> None:
        """Note nothing."""

    def close_window(self, now_s: float) -> None:
        """Note nothing."""

    def play(self, cue: Cue, now_s: float) -> None:
        self._hear(cue, now_s)

    def silence(self, now_s: float) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Note nothing."""


class PodDriver:
    """Drives one pod's shell for as long as it is up.

    Parameters
    ----------
    now
        The sanctuary clock, as the pod has it.
    late_s
        Looks come so much after they are due.
    on_due
        Called when a look is due; by default it is taken.
    heartbeat_s
        Longest time between two looks.

    Attributes
    ----------
    sampled_s
        True second at which the newest estimate ended that the pod was given.
    """

    def __init__(
        self,
        shell: PodShell,
        sleeper: VirtualSleeper,
        events: EventQueue,
        heartbeat_s: float,
        now: Callable[[], float],
        late_s: float = 0.0,
        on_due: Callable[[], None] | None = None,
    ) -> None:
        self.shell, self.now = shell, now
        self._on_due = on_due or self.look
        self.sampled_s = -math.inf
        self._sleeper, self._events = sleeper, events
        self._heartbeat_s, self._late_s = heartbeat_s, late_s
        self._planned = 0

    def do(self, action: Callable[[], None]) -> None:
        """Do something with the shell once it knows the newest estimate, and plan the next look."""
        self._give_estimate()
        action()
        self.plan()

    def handle(self, event: happened.PodEvent) -> None:
        """Pass an event to the pod."""
        self.do(lambda: self.shell.handle(event, self.now()))

    def look(self) -> None:
        """Look at it now, and from now on when it is due."""
        self.do(lambda: self.shell.tick(self.now()))

    def stop(self) -> None:
        """Look no more."""
        self._planned += 1

    def plan(self) -> None:
        """Plan the next look; whatever was planned before counts no more."""
        true_s, now_s, shell = self._events.now_s, self.now(), self.shell
        due_s = min(self._sleeper.verdicts.next_change_s(true_s), true_s + self._heartbeat_s)
        wanted_s = shell.tick_due_s(now_s) if shell.pod.is_counting else now_s + shell.clock.ask_in_s(now_s)
        wanted_s = min(wanted_s, shell.sound_due_s)
        if wanted_s < math.inf:
            due_s = min(due_s, true_s + max(0.0, wanted_s - now_s) + self._late_s)
        if shell.pod.is_counting:
            due_s = min(due_s, math.floor(true_s) + SECOND_S)
        self._planned += 1
        self._events.at(due_s, partial(self._look_if, self._planned))

    def _look_if(self, planned: int) -> None:
        if planned == self._planned:
            self._on_due()

    def _give_estimate(self) -> None:
        """Give the pod the estimate of the last whole second, unless it has it."""
        true_s = self._events.now_s
        second_s = float(math.floor(true_s))
        if second_s <= self.sampled_s or not self._sleeper.is_sampled(second_s):
            return
        self.sampled_s = second_s
        now_s = self.now()
        estimate = self._sleeper.estimate()
        if now_s != true_s:
            estimate = replace(estimate, t_s=now_s - (true_s - second_s))
        self.shell.on_estimate(estimate, now_s)


class VirtualPod(VirtualHost):
    """One pod on a computer of its own, as `sanctuary pod` runs it.

    Parameters
    ----------
    ahead_s
        As of `PodShell`.
    ends_with_clock
        Whether the program begins anew when the sanctuary clock is another, as `sanctuary pod` does.
    """

    def __init__(
        self,
        entry: PodEntry,
        world: HostWorld,
        clock: VirtualClock,
        sleeper: VirtualSleeper,
        ahead_s: float,
        *,
        ends_with_clock: bool = True,
        sink: CueSink | None = None,
    ) -> None:
        super().__init__(entry.id, world, clock)
        self.entry, self.sleeper = entry, sleeper
        self.driver: PodDriver | None = None
        self._ahead_s, self._ends_with_clock = ahead_s, ends_with_clock
        self._sink = sink or Ear()
        self._waiting: list[Callable[[PodShell, float], None]] = []
        self._hang_next_s = 0.0
        self._sampled_s = -math.inf

    # --- events ---

    def handle(self, event: happened.PodEvent) -> None:
        """Let something happen to the pod, now or once it no longer hangs."""
        self._do(lambda shell, now_s: shell.handle(event, now_s))

    def present_consent(self, raw: bytes) -> None:
        """Hand a signed entry over."""
        self._do(lambda shell, now_s: shell.present_consent(raw, now_s))

    def look(self) -> None:
        """Look at it now."""
        if not self.up or self.hangs:
            return
        if self.driver is None:
            self._learn()
            return
        if self._ends_with_clock and self._same_clock.is_over():
            self.driver.shell.silence()
            self.restart_program()
            return
        for record in self._own.records(self.driver.now()):
            self._log.write(record)
        self.driver.look()
        self._log.flush()
        if self._hang_next_s and self.driver.shell.sound_due_s < math.inf:
            for_s, self._hang_next_s = self._hang_next_s, 0.0
            self.hang(for_s)

    def hang_at_worst(self, for_s: float) -> None:
        """Stand still between the judgement of the next step and its moment."""
        self._hang_next_s = for_s

    def _do(self, action: Callable[[PodShell, float], None]) -> None:
        """Do something with the shell; what comes before it is there waits."""

        def now() -> None:
            driver = self.driver
            if driver is None:
                self._waiting.append(action)
            else:
                driver.do(lambda: action(driver.shell, driver.now()))

        self.soon(now)

    # --- inside ---

    def _start(self) -> None:
        world = self.world
        self._boot = f"b{self.boots}"
        self._link: PodLink[VirtualClient] = link_pod(
            world.settings, world.secret, self._boot, self.entry, self, "virtual"
        )
        self._time = FollowedTime(
            self._link.identity.boot, cadence_of(world.settings.clock), clock=self.clock
        )
        self._learner = TimeLearner(self._link, self._time)
        self._waiting = []
        self._link.client.connect()
        self._look_later(0.0)

    def _stop(self) -> None:
        if self.driver is not None:
            self._sampled_s = self.driver.sampled_s
            self.driver.stop()
        self.driver = None
        self.sleeper.driver = None

    def _learn(self) -> None:
        """Ask for the time until it is known."""
        if self._learner.source is not None:
            self._open()
            return
        self._learner.tick()
        self._look_later(max(0.0, self._time.ask_in_s()) + HASTE_S)

    def _look_later(self, after_s: float) -> None:
        boots = self.boots

        def look() -> None:
            if self.up and self.boots == boots and self.driver is None:
                self.soon(self._learn)

        self.world.events.after(after_s, look)

    def _open(self) -> None:
        """Make the pod, now that the time is known."""
        world, time, source = self.world, self._time, self._learner.source
        assert source is not None  # noqa: S101  asked by the caller
        self._own: OwnUtc = self.own_utc()
        self._log = self.open_log()
        utc = PodUtc(self.name, self._own, lambda: time.source, world.settings.clock)
        site = Site(
            world.settings,
            NoSamples(),
            self,
            self.clock,
            self.store,
            log=self._log,
            boot=self._boot,
            secret=world.secret,
            designs=world.designs,
            firmware="virtual",
        )
        fittings = PodFittings(time, self._sink, utc, None, self._ahead_s)
        shell = site.open_pod(self.entry, self._link, source.utc_s_at_zero, fittings)
        shell.update_utc(time.now())
        self._same_clock = SameClock(time, source, self.clock)
        heartbeat_s = world.settings.pod.heartbeat_s
        driver = PodDriver(shell, self.sleeper, world.events, heartbeat_s, time.now, HASTE_S, self.look)
        self.driver = self.sleeper.driver = driver
        self._link.attach(shell, time.now)
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            self._do(action)
        self.look()

    def _around(self, action: Callable[[], None]) -> None:
        if self.driver is not None:
            self.driver.do(action)
            return
        action()
        if self.driver is None and self._learner.source is not None:
            self._open()

    def _on_return(self) -> None:
        driver = self.driver
        if driver is not None and self.world.rng.random() < SOUNDS_FIRST_SHARE:
            driver.shell.render_due(driver.now())
        self.look()

    @property
    def sampled_s(self) -> float:
        """True second at which the newest estimate ended that the pod was given."""
        return self.driver.sampled_s if self.driver is not None else self._sampled_s

    def on_durable(self, path: Path, raw: bytes) -> None:
        """Tell of each cue's entry that a power failure would not take."""
        if path != LOG or b'"kind":"cue"' not in raw:
            return
        for line in raw.splitlines():
            if b'"kind":"cue"' in line:
                entry = json.loads(line)
                now_s, window, step = self.world.events.now_s, entry["window"], entry["step"]
                kept = KeptRecord(t_s=now_s, pod=self.name, window=window, step=step)
                self.world.on_truth(kept.to_dict())

    def _hang_record(self, until_s: float) -> Record:
        return HangRecord(t_s=self.world.events.now_s, pod=self.name, until_s=until_s).to_dict()

    def _record_crash(self) -> None:
        crashed = PodRecord(t_s=self.world.events.now_s, pod=self.name, event="crashed")
        self.world.on_truth(crashed.to_dict())
