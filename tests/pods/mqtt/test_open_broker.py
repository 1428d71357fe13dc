"""Brokers come up, are where they say, and never outlive the program that started them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mqtt_support import client, quick, until
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt import broker as broker_module
from sanctuary.pods.mqtt import die_with_parent
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.pods.mqtt.wire_client import MqttMessage
from tcp_relay import Relay

_START_AND_WAIT = """
import asyncio, sys
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.broker import open_broker

async def main():
    async with open_broker(BrokerSettings(kind=sys.argv[1])) as endpoint:
        print(endpoint.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def of_kind(kind: str) -> BrokerSettings:
    return BrokerSettings.model_validate({"kind": kind, "connect_timeout_s": 20.0})


def test_a_private_broker_serves_and_ends_with_the_block(kind: str) -> None:
    async def main() -> int:
        async with open_broker(of_kind(kind)) as endpoint:
            assert (endpoint.host, endpoint.kind) == ("127.0.0.1", kind)
            assert endpoint.alive()
            assert str(endpoint.port) in endpoint.description
            assert ("not for production" in endpoint.description) == (kind == "embedded")
            async with client("pod", endpoint.port) as pod:
                await pod.publish(MqttMessage("a", b""))
            listening = psutil.Process(endpoint.pid).net_connections(kind="inet")
            assert {connection.laddr[0] for connection in listening if connection.status == "LISTEN"} == {
                "127.0.0.1"
            }
        assert not endpoint.alive()
        assert endpoint.pid is not None
        return endpoint.pid

    assert not psutil.pid_exists(asyncio.run(main()))


def test_two_private_brokers_do_not_meet(kind: str) -> None:
    async def main() -> None:
        async with open_broker(of_kind(kind)) as first, open_broker(of_kind(kind)) as second:
            assert first.port != second.port

    asyncio.run(main())


def test_a_private_broker_is_out_of_reach_of_the_terminal(kind: str) -> None:
    async def main() -> None:
        async with open_broker(of_kind(kind)) as endpoint:
            assert endpoint.pid is not None
            assert os.getsid(endpoint.pid) == endpoint.pid != os.getsid(0)

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_private_broker_dies_with_a_killed_parent(kind: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _START_AND_WAIT, kind], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        broker = psutil.Process(int(parent.stdout.readline()))
        assert broker.is_running()
        parent.send_signal(signal.SIGKILL)
    psutil.wait_procs([broker], timeout=20)
    assert not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE


def test_a_program_bound_to_its_parent_does_not_start_without_its_parent() -> None:
    started = [sys.executable, "-I", "-S", die_with_parent.__file__, "1", "echo", "started"]
    done = subprocess.run(started, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.strip(), done.returncode) == ("", "the parent is gone", 1)


def test_a_broker_that_ignores_the_request_to_end_is_killed(kind: str) -> None:
    async def main() -> None:
        async with open_broker(of_kind(kind)) as endpoint:
            assert endpoint.pid is not None
            os.kill(endpoint.pid, signal.SIGSTOP)
        assert not psutil.pid_exists(endpoint.pid)

    asyncio.run(main())


def test_auto_takes_mosquitto_where_there_is_one_and_amqtt_elsewhere(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> str:
        async with open_broker(of_kind("auto")) as endpoint:
            return endpoint.kind

    if kind == "embedded":
        monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    assert asyncio.run(main()) == kind


def test_auto_falls_back_when_mosquitto_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = script(tmp_path, "echo cannot open the frobnicator >&2; exit 3")
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: broken)

    async def main() -> str:
        async with open_broker(of_kind("auto")) as endpoint:
            return endpoint.kind

    assert asyncio.run(main()) == "embedded"
    assert "cannot open the frobnicator" in caplog.text
    with pytest.raises(BrokerError, match="cannot open the frobnicator"):
        asyncio.run(opened(of_kind("mosquitto")))


def test_mosquitto_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_SBIN", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BrokerError, match="apt install mosquitto"):
        asyncio.run(opened(of_kind("mosquitto")))


def test_mosquitto_that_never_listens_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: script(tmp_path, "exec sleep 600"))
    settings = BrokerSettings(kind="mosquitto", connect_timeout_s=0.2)
    with pytest.raises(BrokerError, match=r"did not start within 0\.2 s"):
        asyncio.run(opened(settings))


def test_mosquitto_gets_another_port_when_its_own_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    program = broker_module.find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed")

    async def main() -> None:
        async with Relay() as squatter:
            free = broker_module._free_port
            ports = iter([squatter.port])
            monkeypatch.setattr(broker_module, "_free_port", lambda: next(ports, None) or free())
            child, port = await broker_module.start_mosquitto(program, 20.0)
            assert port != squatter.port
            await child.stop()

    asyncio.run(main())


def test_an_embedded_broker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_BOOTSTRAP", "raise SystemExit('no amqtt here')")
    with pytest.raises(BrokerError, match=r"did not start within 20 s \(no amqtt here"):
        asyncio.run(opened(of_kind("embedded")))


def test_an_embedded_broker_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_BOOTSTRAP", "import time; time.sleep(600)")
    with pytest.raises(BrokerError, match=r"did not start within 0\.2 s"):
        asyncio.run(opened(BrokerSettings(kind="embedded", connect_timeout_s=0.2)))


def test_an_external_broker_is_used_as_it_is(port: int) -> None:
    async def main() -> None:
        async with open_broker(BrokerSettings(kind="external", port=port)) as endpoint:
            assert (endpoint.host, endpoint.port, endpoint.kind) == ("127.0.0.1", port, "external")
            assert endpoint.alive()

    asyncio.run(main())


def test_an_external_broker_that_is_not_there_is_named() -> None:
    async def main() -> None:
        async with Relay() as relay:
            port = relay.port
        with pytest.raises(BrokerError, match=rf"no MQTT broker can be reached at 127\.0\.0\.1:{port}"):
            await opened(BrokerSettings(kind="external", port=port, connect_timeout_s=5.0))

    asyncio.run(main())


def test_a_started_broker_is_stopped_when_the_block_is_cancelled(kind: str) -> None:
    pids: list[int] = []

    async def hold() -> None:
        async with open_broker(of_kind(kind)) as endpoint:
            assert endpoint.pid is not None
            pids.append(endpoint.pid)
            await asyncio.Event().wait()

    async def main() -> None:
        holding = asyncio.create_task(hold())
        await until(lambda: bool(pids))
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding

    asyncio.run(main())
    assert not psutil.pid_exists(pids[0])


def test_clients_of_a_stalled_broker_notice(kind: str) -> None:
    async def main() -> None:
        async with open_broker(of_kind(kind)) as endpoint:
            assert endpoint.pid is not None
            async with client("pod", endpoint.port, settings=quick(keepalive_s=1, flush_s=0.0)) as pod:
                await pod.connected()
                os.kill(endpoint.pid, signal.SIGSTOP)
                await until(lambda: not pod.is_connected)
                os.kill(endpoint.pid, signal.SIGCONT)
                await pod.connected()

    asyncio.run(main())


async def opened(settings: BrokerSettings) -> None:
    async with open_broker(settings):
        raise AssertionError("this broker should not have come up")


def script(folder: Path, body: str) -> Path:
    path = folder / "mosquitto"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path
