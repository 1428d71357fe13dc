"""How many files of the product one piece of work walks through; a reader has to open as many."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest

from coordinator_bench import CoordinatorBench
from coordinator_bench import bench as coordinator_bench
from pod_bench import (
    COORDINATOR_KEY,
    DESIGN,
    ORIGIN,
    SITE,
    eligible_bench,
    playing_bench,
    pod_key,
    sealed,
    withdrawal,
)
from sanctuary.commons.entries import key_id, signing_key, unseal
from sanctuary.config.settings_base import shipped_designs
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.gateway.site.coordinator_shell import CoordinatorShell, SimulatedSiteClock
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.effects import IdSource
from sanctuary.pods.mqtt.wire_client import LinkUp, MqttMessage
from sanctuary.pods.pod.events import CommandReceived, ConsentPresented, WithdrawalMade
from sanctuary.pods.pod.outgoing import Outgoing
from sanctuary.pods.protocol import topics
from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import SampleBlock
from signals import pair
from virtual_boards import CHANNELS, plugged_in
from walks import Walk, walk


def test_the_tracer_sees_the_files_that_were_entered() -> None:
    key = signing_key(b"\x11" * 32)
    seen = walk(lambda: (key_id(key), shipped_designs(), key_id(key)))
    assert seen.files == ("commons/entries.py", "config/settings_base.py")
    assert (len(seen.files), seen.entries, seen.back) == (2, 3, 1)


class ArrivedError(Exception):
    """The walk has come to its end."""


def walk_to(monkeypatch: pytest.MonkeyPatch, owner: type, end: str, work: Callable[[], object]) -> Walk:
    """The way of some work to its first call of the method `end` of `owner`."""

    def arrive(*_: Any, **__: Any) -> NoReturn:
        raise ArrivedError

    def until_arrived() -> None:
        with pytest.raises(ArrivedError):
            work()

    monkeypatch.setattr(owner, end, arrive)
    return walk(until_arrived)


def test_from_the_open_command_to_a_pod_that_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = eligible_bench()
    bench.offer()
    command = CommandReceived(bench.open_message().payload)
    way = walk_to(monkeypatch, Outgoing, "reply", lambda: bench.handle(command))
    assert len(way.files) <= 12, str(way)


@pytest.mark.parametrize(("by_hand", "most"), [(True, 7), (False, 8)])  # a signed one is read as well
def test_from_a_withdrawal_to_silence(monkeypatch: pytest.MonkeyPatch, by_hand: bool, most: int) -> None:
    bench = playing_bench()
    entry = sealed(withdrawal(2, prev=unseal(bench.entries[0], ORIGIN).digest))
    event = WithdrawalMade() if by_hand else ConsentPresented(entry)
    way = walk_to(monkeypatch, Outgoing, "silence", lambda: bench.handle(event))
    assert len(way.files) <= most, str(way)


def test_from_a_due_step_through_the_shell_to_the_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench = eligible_bench()
    bench.offer()
    bench.open(lead_s=2.5)
    bench.sleep(2)
    runner = PodShell(bench.pod, EventLog(tmp_path / "events.jsonl"), Mock(), lambda _: None)
    way = walk_to(monkeypatch, PodOutputs, "play", lambda: runner.tick(bench.now_s + 0.5))
    assert len(way.files) <= 17, str(way)


def leading_shell(bench: CoordinatorBench) -> CoordinatorShell:
    """A gateway in its shell that leads the circle of `bench`, after offers of a window to p1 and p2."""
    members = {pod: pod_key(pod).verify_key for pod in ("p1", "p2")}
    identity = CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("gw"))
    gateway = Gateway(identity, [Circle("one", 2, members, DESIGN)])
    sent: list[MqttMessage] = []
    shell = CoordinatorShell(SITE, gateway, Mock(), sent.append, SimulatedSiteClock(lambda: bench.now_s, 0.0))
    shell.on_link(LinkUp(session_present=False))
    while not shell.held:
        bench.now_s += 0.5
        shell.tick()
        while sent:
            shell.on_message(sent.pop(0))
    bench.coordinator = gateway._coordinator
    for pod in members:
        bench.state(pod)
    return shell


def test_from_the_last_lease_through_the_shell_to_the_first_open_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = coordinator_bench(pods=("p1", "p2"))
    shell = leading_shell(bench)
    term = bench.offers["p1"].term
    bench.lease("p1", term=term)
    topic = topics.event(SITE, "p2", "lease")
    lease = MqttMessage(topic, bench.lease_payload("p2", term=term))
    way = walk_to(monkeypatch, CommandWriter, "open", lambda: shell.on_message(lease))
    assert len(way.files) <= 11, str(way)


def test_from_a_block_of_samples_to_the_gate() -> None:
    uv = pair(40, 250.0, seed=1)
    chain = Chain(250.0, ("AF7", "AF8"))
    blocks = [
        SampleBlock(a * 1250, 250.0, ("AF7", "AF8"), uv[:, a * 1250 : (a + 1) * 1250]) for a in range(8)
    ]
    for block in blocks[:-1]:
        chain.push(block)
    way = walk(lambda: chain.push(blocks[-1]))
    assert len(way.files) <= 11, str(way)


class HandedOnError(Exception):
    """Ends a walk where a block is handed on."""


def test_from_the_bytes_of_a_serial_port_to_the_block_handed_on() -> None:
    blocks: list[SampleBlock] = []

    def on_block(block: SampleBlock) -> None:
        blocks.append(block)
        if len(blocks) > 3:  # the line through the first arrivals is there
            raise HandedOnError

    def until_handed_on() -> None:
        with suppress(HandedOnError):
            while True:
                reader.step()

    with plugged_in(pacing="realtime") as port:
        headband = CytonHeadband(port.path, CHANNELS, realtime=True)
        reader = HeadbandReader(lambda: headband, on_block, lambda _: None, lambda: None)
        while len(blocks) < 3:
            reader.step()
        seen = walk(until_handed_on)
        headband.close()
    assert len(seen.files) <= 7, str(seen)
