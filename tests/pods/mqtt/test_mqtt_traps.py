"""Each known trap of paho and its peers, and that our client does not fall into it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

import sanctuary.pods.mqtt.client as client_module
from mqtt_support import PATIENCE_S, client, payloads, quick, receive, receive_up_to, until
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.pods.mqtt.paho_link import WireObserver
from sanctuary.pods.mqtt.wire_client import LinkDown, LinkEvent, MqttMessage
from tcp_relay import Relay


def numbered(topic: str, n: int) -> list[MqttMessage]:
    return [MqttMessage(topic, b"%d" % number) for number in range(n)]


def test_trap_1_nagle_is_off(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port) as pod:
            await pod.connected()
            sock = pod._link._paho.socket()
            assert isinstance(sock, socket.socket)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    asyncio.run(main())


def test_trap_2_what_is_published_while_the_link_is_down_arrives_later_in_order(port: int, root: str) -> None:
    async def main() -> None:
        async with Relay() as relay, client(f"{root}-r", port) as reader, client(root, relay.port) as pod:
            await reader.subscribe(f"{root}/#")
            answers = [pod.publish(message) for message in numbered(f"{root}/a", 100)]
            assert not any(answer.done() for answer in answers)
            relay.target = port
            await asyncio.gather(*answers)
            got = await receive_up_to(reader, b"99")
            assert payloads(got) == [b"%d" % number for number in range(100)]

    asyncio.run(main())


def test_trap_2_qos_0_without_a_link_is_refused_not_lost_silently(root: str) -> None:
    async def main() -> None:
        async with Relay() as relay, client(root, relay.port) as pod:
            with pytest.raises(BrokerError, match="QoS 0 does not wait"):
                await pod.publish(MqttMessage(f"{root}/a", b"", 0))

    asyncio.run(main())


def test_trap_3_the_queue_is_bounded_and_says_so(root: str) -> None:
    async def main() -> None:
        settings = quick(max_outgoing=50, flush_s=0)
        async with Relay() as relay, client(root, relay.port, settings=settings) as pod:
            kept = [pod.publish(message) for message in numbered(root, 50)]
            with pytest.raises(BrokerError, match="50 others wait"):
                await pod.publish(MqttMessage(root, b"one too many"))
            assert not any(answer.done() for answer in kept)
        for answer in kept:
            assert isinstance(answer.exception(), BrokerError)

    asyncio.run(main())


def test_trap_4_subscriptions_are_made_anew_at_a_broker_that_forgot_them(kind: str, root: str) -> None:
    async def main() -> None:
        settings = BrokerSettings(kind="embedded" if kind == "embedded" else "mosquitto")
        async with Relay() as relay, client(root, relay.port) as pod:
            async with open_broker(settings) as first:
                relay.target = first.port
                await pod.subscribe(f"{root}/#")
            await until(lambda: not pod.is_connected)
            async with open_broker(settings) as second, client(f"{root}-s", second.port) as sender:
                relay.target = second.port
                await pod.connected()
                await sender.publish(MqttMessage(f"{root}/a", b"still there"))
                assert [message.payload for message in await receive(pod, 1)] == [b"still there"]

    asyncio.run(main())


def test_trap_5_a_failing_callback_does_not_end_the_network_thread(
    port: int, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(WireObserver):
        def received(self, client_id: str, message: MqttMessage) -> None:
            raise ArithmeticError(client_id, message.topic)

    async def main() -> None:
        async with client(root, port, observer=Clumsy()) as pod:
            await pod.subscribe(f"{root}/#")
            for payload in (b"1", b"2"):
                await pod.publish(MqttMessage(f"{root}/a", payload))
                assert [message.payload for message in await receive(pod, 1)] == [payload]
            await until(lambda: pod.failures == 2)
            assert pod.is_connected

    asyncio.run(main())
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ArithmeticError] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_trap_5_the_watchdog_starts_a_dead_network_thread_again(
    port: int, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deadly(WireObserver):
        deaths = 0

        def received(self, client_id: str, message: MqttMessage) -> None:
            if message.payload == b"die" and not self.deaths:
                self.deaths += 1
                raise SystemExit(client_id)

    async def main() -> None:
        links: list[LinkEvent] = []
        async with client(root, port, observer=Deadly(), on_link=links.append) as pod:
            await pod.subscribe(f"{root}/#")
            await pod.publish(MqttMessage(f"{root}/a", b"die"))
            await until(lambda: any(isinstance(event, LinkDown) for event in links))
            await pod.connected()
            await pod.publish(MqttMessage(f"{root}/a", b"live"))
            assert payloads(await receive_up_to(pod, b"live"))[-1] == b"live"
            assert pod.failures

    monkeypatch.setattr(client_module, "_CHECK_S", 0.02)
    asyncio.run(main())


def test_trap_5_the_watchdog_cuts_a_link_on_which_nothing_was_read(
    port: int, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        links: list[LinkEvent] = []
        async with client(root, port, on_link=links.append) as pod:
            await pod.connected()
            pod._link._paho.last_read_s -= 1000.0
            await until(lambda: len(links) == 3)
            assert [type(event).__name__ for event in links] == ["LinkUp", "LinkDown", "LinkUp"]

    monkeypatch.setattr(client_module, "_CHECK_S", 0.02)
    asyncio.run(main())


def test_trap_5_an_idle_link_is_kept_alive_by_answers_to_pings(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port, settings=quick(keepalive_s=1)) as pod:
            await pod.connected()
            idle_since = pod._link._paho.last_read_s
            await until(lambda: pod._link._paho.last_read_s > idle_since)
            assert pod._link.check() == ""
            assert pod.is_connected

    asyncio.run(main())


def test_trap_6_publishing_and_awaiting_in_reaction_to_a_message_completes(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port) as pod, client(f"{root}-g", port) as gateway:
            await pod.subscribe(f"{root}/down")
            await gateway.subscribe(f"{root}/up")

            async def answer() -> None:
                async for message in pod:
                    await pod.publish(MqttMessage(f"{root}/up", message.payload))

            answering = asyncio.create_task(answer())
            for payload in (b"1", b"2", b"3"):
                await gateway.publish(MqttMessage(f"{root}/down", payload))
                assert payloads(await receive(gateway, 1)) == [payload]
            answering.cancel()
            await asyncio.wait([answering])

    asyncio.run(main())


def test_trap_7_a_dead_broker_is_retried_until_it_is_there(port: int, root: str) -> None:
    async def main() -> None:
        async with Relay() as relay, client(root, relay.port) as pod:
            await until(lambda: relay.connections >= 2)
            with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{relay.port} within 0 s"):
                await pod.connected(timeout_s=0)
            relay.target = port
            await pod.connected()

    asyncio.run(main())


def test_trap_8_a_new_link_gets_everything_once_and_in_order(port: int, root: str) -> None:
    async def main() -> None:
        async with Relay(port) as relay, client(f"{root}-r", port) as reader, client(root, relay.port) as pod:
            await reader.subscribe(f"{root}/#")
            await pod.connected()
            relay.target = None
            await relay.cut()
            await until(lambda: not pod.is_connected)
            answers = [pod.publish(message) for message in numbered(f"{root}/a", 200)]
            relay.target = port
            await asyncio.gather(*answers)
            got = [message.payload for message in await receive_up_to(reader, b"199")]
            assert got == [b"%d" % number for number in range(200)]

    asyncio.run(main())


def test_trap_8_paho_is_called_from_one_place() -> None:
    folder = Path(client_module.__file__).parent
    callers = {path.name for path in folder.glob("*.py") if "from paho" in path.read_text(encoding="utf-8")}
    only_names = {"broker_access.py", "wire_client.py"}  # TLS and password before the start; a pure function
    assert callers - only_names == {"paho_link.py"}


def test_trap_9_reading_goes_on_over_a_lost_link(port: int, root: str) -> None:
    async def main() -> None:
        async with Relay(port) as relay, client(f"{root}-s", port) as sender, client(root, relay.port) as pod:
            await pod.subscribe(f"{root}/#")
            reading = asyncio.ensure_future(receive_up_to(pod, b"after"))
            await sender.publish(MqttMessage(f"{root}/a", b"before"))
            await until(lambda: len(pod._inbox) == 0)
            await relay.cut()
            await until(lambda: not pod.is_connected)
            await pod.connected()
            await sender.publish(MqttMessage(f"{root}/a", b"after"))
            assert payloads(await reading)[-1] == b"after"

    asyncio.run(main())


def test_trap_10_a_goodbye_right_behind_connect_publishes_no_will(port: int, root: str) -> None:
    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    will_and_clean_session, keepalive = b"\x06", b"\x00\x3c"
    body = text("MQTT") + b"\x04" + will_and_clean_session + keepalive
    body += text("hasty") + text(f"{root}/status") + text("offline")
    connect_and_disconnect = bytes([0x10, len(body)]) + body + bytes([0xE0, 0])
    assert len(body) < 128

    def hasty() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as sock:
            sock.sendall(connect_and_disconnect)
            while sock.recv(64):
                pass

    async def main() -> None:
        async with client(f"{root}-r", port) as reader:
            await reader.subscribe(f"{root}/#")
            await reader.publish(MqttMessage(f"{root}/kept", b"what amqtt is busy with", 1, retain=True))
            await asyncio.to_thread(hasty)
            await reader.publish(MqttMessage(f"{root}/status", b"later"))
            assert payloads(await receive(reader, 2)) == [b"what amqtt is busy with", b"later"]

    asyncio.run(main())
