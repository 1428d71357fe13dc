"""The real program in real time: how it begins, how it is ended, and what it says of what does not work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from live_program import Bench, Program, bench
from own_mosquitto import free_port, mosquitto, needs_mosquitto

HUP, INT, TERM = signal.SIGHUP, signal.SIGINT, signal.SIGTERM


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def sleeping(house: Bench, *words: str, before: tuple[str, ...] = ()) -> Program:
    """A night that has begun: a verdict has been written."""
    program = house.start("run", *words, before=before)
    program.wait_for(lambda: house.records("estimate"))
    return program


@pytest.mark.parametrize("numbers", [(HUP,), (HUP, HUP, HUP), (INT, INT), (TERM, HUP, TERM)])
def test_a_signal_or_several_end_a_night_with_its_result(
    house: Bench, numbers: tuple[signal.Signals, ...]
) -> None:
    program = sleeping(house)
    for number in numbers:  # two that are alike would become one if they came before it is heard
        program.send(number)
        program.says("ending in order")
    assert program.ends() == 0
    assert "ending in order" in program.told
    assert ("hurrying" in program.told) == (sum(number is not HUP for number in numbers) > 1)
    assert set(house.night()["pods"]) == {"pod-1", "pod-2"}
    assert not list(house.data.glob("nights/*/*.part"))
    assert "Traceback" not in program.told


def test_under_nohup_a_terminal_that_goes_away_ends_nothing(house: Bench) -> None:
    program = sleeping(house, before=("nohup",))
    program.send(HUP)
    n = len(house.records("estimate"))
    program.says("running: ")
    assert program.process.poll() is None
    assert len(house.records("estimate")) >= n
    program.send(TERM)
    assert program.ends() == 0


def test_a_night_of_the_real_program_tells_who_has_no_headband_no_grant_and_no_output(house: Bench) -> None:
    program = sleeping(house)
    program.says("running: pod-1, pod-2; headbands that are not there yet are tried again and again: pod-1")
    assert program.told.index("starting; still waiting for circle commons") < program.told.index("running: ")
    for line in (
        "pod-1: no grant in force for circle commons (no grant given)",
        "pod-1: no device for sound and light",
        "no-such-port: cannot be opened",
    ):
        assert line in program.told
    program.send(INT)
    assert program.ends() == 0
    result = house.night()
    assert result["live"] is True
    assert {name: pod["simulated"] for name, pod in result["pods"].items()} == {"pod-1": False, "pod-2": True}
    rows = [row for row in result["problems"] if not row["what"].startswith("clock_")]  # the machine's own
    found = {(row["pod"], row["what"]): row for row in rows}
    assert set(found) == {("pod-1", "no_grant"), ("pod-1", "no_output"), ("pod-1", "headband_missing")}
    assert "no such port" in found["pod-1", "headband_missing"]["reason"]
    assert found["pod-1", "headband_missing"]["spans"][0]["to_s"] is None
    (lost,) = (record for record in house.records("pod") if record["event"] == "headband_lost")
    assert lost["cause"] == "not found"
    (page,) = house.data.glob("nights/*/report.html")
    assert "its headband never came" in page.read_text()
    assert "a simulated night" not in page.read_text()


def test_a_data_folder_is_held_by_one_program_until_it_ends_however_it_ends(house: Bench) -> None:
    first = sleeping(house)
    for words in (("run",), ("run", "--set", "broker.kind=embedded")):
        second = house.start(*words)
        assert second.ends() == 2
        assert (
            f"{house.data}: gateway is in use by sanctuary run (process {first.process.pid})" in second.told
        )
        assert "set another site.data_dir" in second.told
    first.send(signal.SIGKILL)
    first.ends()
    third = house.start("run", "--hours", "0.001")
    assert third.ends() == 0


@needs_mosquitto
def test_a_pod_is_held_by_one_program_and_its_gateway_goes_beside_it(tmp_path: Path) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        broker = f'kind = "external"\nport = {port}'
        with bench(tmp_path, broker) as house:
            pod = house.start("pod", "pod-2")
            pod.says("no gateway tells the time")
            again = house.start("pod", "pod-2")
            assert again.ends() == 2
            assert f"pod pod-2 is in use by sanctuary pod pod-2 (process {pod.process.pid})" in again.told
            gateway = house.start("coordinate")
            gateway.says("holds commons")
            pod.send(TERM)
            assert pod.ends() == 0
            gateway.send(TERM)
            assert gateway.ends() == 0


@needs_mosquitto
def test_a_broker_that_comes_late_is_waited_for_where_that_is_asked(tmp_path: Path) -> None:
    port = free_port()
    with bench(tmp_path, f'kind = "external"\nport = {port}') as house:
        hasty = house.start("run", "--hours", "0.001")
        assert hasty.ends() == 2
        assert "nothing listens there: start the broker" in hasty.told
        patient = house.start("run", "--hours", "0.001", "--wait-broker")
        patient.says("waiting for it until it is there")
        with mosquitto(tmp_path, "allow_anonymous true", port=port):
            patient.says("the broker is there")
            assert patient.ends() == 0
        assert patient.told.count("waiting for it") == 1
        assert house.night()["live"] is True


def test_waiting_for_the_broker_can_be_ended_and_makes_no_night(tmp_path: Path) -> None:
    with bench(tmp_path, f'kind = "external"\nport = {free_port()}') as house:
        program = house.start("run", "--wait-broker")
        program.says("waiting for it until it is there")
        program.send(INT)
        assert program.ends() == 130
        assert "stopped before the night began" in program.told
        assert not (house.data / "nights").exists()


def test_a_broker_of_our_own_is_not_waited_for(house: Bench) -> None:
    program = house.start("run", "--wait-broker")
    assert program.ends() == 2
    assert "--wait-broker" in program.told


@needs_mosquitto
def test_two_sanctuaries_of_one_name_at_one_broker_do_not_push_each_other_out_and_the_later_is_told(
    tmp_path: Path,
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        broker = f'kind = "external"\nport = {port}'
        with bench(tmp_path / "a", broker) as first, bench(tmp_path / "b", broker) as second:
            resident = first.start("run")
            resident.says("running: ")
            newcomer = second.start("run")
            assert newcomer.ends() == 2
            assert 'site.id = "harbour": another sanctuary of this name is at work' in newcomer.told
            resident.send(INT)
            assert resident.ends() == 0
            assert "hung up" not in resident.told
            assert not first.night()["violations"]
            alone = second.start("run", "--hours", "0.001")
            assert alone.ends() == 0


@needs_mosquitto
def test_a_lamp_is_dark_after_its_pod_was_killed_in_the_middle_of_everything(tmp_path: Path) -> None:
    import asyncio

    from sanctuary.firmware_bridge.outputs.lamps import Wled
    from sanctuary.pods.mqtt.client import MqttClient

    lamp = '[pods.devices.light]\nkind = "wled"\ntopic = "wled/bed1"'
    dark = Wled("wled/bed1", 0.2).off().payload

    async def killed(house: Bench, port: int) -> bytes:
        async with MqttClient("lamp", "127.0.0.1", port) as client:
            await client.subscribe("wled/bed1/api")
            program = await asyncio.to_thread(sleeping, house)
            client.drain()
            os.kill(program.process.pid, signal.SIGKILL)
            async with asyncio.timeout(60.0):
                return (await anext(client)).payload

    with mosquitto(tmp_path, "allow_anonymous true") as port, ExitStack() as stack:
        house = stack.enter_context(bench(tmp_path, f'kind = "external"\nport = {port}', lamp))
        assert asyncio.run(killed(house, port)) == dark
