"""What the client promises while links and brokers come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mqtt_support import (
    CONNACK,
    CONNACK_NOT_AUTHORISED,
    SUBACK_FAILURE,
    client,
    payloads,
    quick,
    receive,
    receive_up_to,
    scripted_broker,
    until,
)
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError, ConfigError
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import LinkDown, LinkEvent, LinkUp, MqttMessage
from tcp_relay import Relay


def offline(root: str) -> MqttMessage:
    return MqttMessage(f"{root}/status", b"offline", 1, retain=True)


def test_a_message_goes_from_one_client_to_another(port: int, root: str) -> None:
    async def main() -> None:
        async with client(f"{root}-r", port) as reader, client(root, port) as sender:
            await reader.subscribe(f"{root}/+/x")
            await sender.publish(MqttMessage(f"{root}/a/x", b"\0\xff", 1))
            await sender.publish(MqttMessage(f"{root}/a/y", b"not asked for", 1))
            await sender.publish(MqttMessage(f"{root}/b/x", b"", 0))
            got = await receive(reader, 2)
            assert [(message.topic, message.payload) for message in got] == [
                (f"{root}/a/x", b"\0\xff"),
                (f"{root}/b/x", b""),
            ]

    asyncio.run(main())


def test_the_will_is_published_when_a_client_dies(port: int, root: str) -> None:
    async def main() -> None:
        async with client(f"{root}-r", port) as reader:
            await reader.subscribe(f"{root}/#")
            async with client(root, port, will=offline(root)) as pod:
                await pod.connected()
                await pod.abort()
            assert payloads(await receive(reader, 1)) == [b"offline"]

    asyncio.run(main())


def test_the_will_is_published_when_the_block_is_left_by_an_exception(port: int, root: str) -> None:
    async def fail() -> None:
        async with client(root, port, will=offline(root)) as pod:
            await pod.connected()
            raise ArithmeticError

    async def main() -> None:
        async with client(f"{root}-r", port) as reader:
            await reader.subscribe(f"{root}/#")
            with pytest.raises(ArithmeticError):
                await fail()
            assert payloads(await receive(reader, 1)) == [b"offline"]

    asyncio.run(main())


def test_no_will_is_published_when_a_client_takes_leave(port: int, root: str) -> None:
    async def main() -> None:
        async with client(f"{root}-r", port) as reader:
            await reader.subscribe(f"{root}/#")
            async with client(root, port, will=offline(root)) as pod:
                await pod.connected()
            async with client(root, port) as pod:
                await pod.publish(MqttMessage(f"{root}/status", b"later"))
            assert payloads(await receive(reader, 1)) == [b"later"]

    asyncio.run(main())


def test_retained_state_is_seen_by_a_late_subscriber(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port) as pod:
            for payload in (b"old", b"new"):
                await pod.publish(MqttMessage(f"{root}/state", payload, 1, retain=True))
            await pod.publish(MqttMessage(f"{root}/event", b"not retained"))
        async with client(f"{root}-r", port) as late:
            await late.subscribe(f"{root}/#")
            message = (await receive(late, 1))[0]
            assert (message.payload, message.retain) == (b"new", True)
            async with client(root, port) as pod:
                await pod.publish(MqttMessage(f"{root}/state", b"", 1, retain=True))
            await receive_up_to(late, b"")
        async with client(f"{root}-l", port) as later:
            await later.subscribe(f"{root}/#")
            await later.publish(MqttMessage(f"{root}/a", b"nothing before this"))
            assert payloads(await receive(later, 1)) == [b"nothing before this"]

    asyncio.run(main())


def test_retained_messages_that_were_not_asked_for_are_not_shown(port: int, root: str) -> None:
    async def main() -> None:
        async with client(f"{root}-o", port) as other, client(root, port) as pod:
            await other.subscribe(f"{root}/private/#")
            await other.publish(MqttMessage(f"{root}/private/state", b"secret", 1, retain=True))
            await pod.subscribe(f"{root}/public")
            async with client(f"{root}-n", port) as newcomer:
                await newcomer.subscribe(f"{root}/public")
                await newcomer.publish(MqttMessage(f"{root}/public", b"hello"))
                assert payloads(await receive(newcomer, 1)) == [b"hello"]

    asyncio.run(main())


def test_after_a_restart_of_the_broker_all_is_delivered_once_and_in_order(kind: str, root: str) -> None:
    async def main() -> None:
        settings = BrokerSettings.model_validate({"kind": kind})
        async with (
            Relay() as relay,
            client(f"{root}-r", relay.port) as reader,
            client(root, relay.port) as pod,
        ):
            async with open_broker(settings) as first:
                relay.target = first.port
                await reader.subscribe(f"{root}/#")
                for number in range(3):
                    await pod.publish(MqttMessage(f"{root}/a", b"%d" % number))
                assert payloads(await receive(reader, 3)) == [b"0", b"1", b"2"]
            await until(lambda: not (pod.is_connected or reader.is_connected))
            answers = [pod.publish(MqttMessage(f"{root}/a", b"%d" % number)) for number in range(3, 60)]
            async with open_broker(settings) as second:
                relay.hold_back = pod.client_id.encode()
                relay.target = second.port
                await reader.connected()
                relay.hold_back = b""
                await asyncio.gather(*answers)
                got = await receive_up_to(reader, b"59")
                assert payloads(got) == [b"%d" % number for number in range(3, 60)]

    asyncio.run(main())


def test_the_link_is_reported_lost_once_and_restored_once(
    root: str, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    links: list[LinkEvent] = []

    async def main() -> None:
        async with Relay(port) as relay, client(root, relay.port, on_link=links.append) as pod:
            await pod.subscribe(root)
            relay.target = None
            await relay.cut()
            seen = relay.connections
            await until(lambda: relay.connections >= seen + 3)
            relay.target = port
            await pod.connected()

    asyncio.run(main())
    assert [type(event) for event in links] == [LinkUp, LinkDown, LinkUp]
    told = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert [text.split()[0:2] for text in told] == [["no", "link"], ["link", "to"]]
    assert told[1].endswith("restored")


def test_a_broker_that_never_answers_holds_nobody_up(root: str) -> None:
    async def main() -> None:
        settings = quick(connect_timeout_s=0.1, flush_s=0.0)
        async with Relay(mute=True) as relay:
            async with client(root, relay.port, settings=settings) as pod:
                waiting = [pod.publish(MqttMessage(root, b"")), pod.subscribe(root)]
                with pytest.raises(
                    BrokerError, match=rf"no link to the MQTT broker at 127\.0\.0\.1:{relay.port} within"
                ):
                    await pod.connected()
            for answer in waiting:
                assert "closed before" in str(answer.exception())

    asyncio.run(main())


def test_nothing_hangs_when_the_broker_dies(kind: str, root: str) -> None:
    async def main() -> None:
        async with open_broker(BrokerSettings.model_validate({"kind": kind})) as endpoint:
            async with client(root, endpoint.port, settings=quick(flush_s=0.0)) as pod:
                await pod.subscribe(root)
                assert endpoint.pid is not None
                await kill(endpoint.pid)
                await until(lambda: not pod.is_connected)
                assert not endpoint.alive()
                answer = pod.publish(MqttMessage(root, b""))
            assert isinstance(answer.exception(), BrokerError)

    async def kill(pid: int) -> None:
        killer = await asyncio.create_subprocess_exec("kill", "-9", str(pid))
        await killer.wait()

    asyncio.run(main())


def test_the_inbox_is_bounded_and_tells_once(port: int, root: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        settings = quick(max_inbox=10)
        async with client(root, port, settings=settings) as reader, client(f"{root}-s", port) as sender:
            await reader.subscribe(f"{root}/#")
            await asyncio.gather(*(sender.publish(MqttMessage(root, b"%d" % number)) for number in range(50)))
            await until(lambda: reader.dropped == 40)
            assert payloads(reader.drain()) == [b"%d" % number for number in range(40, 50)]
            assert reader.drain() == []

    asyncio.run(main())
    assert len([record for record in caplog.records if "inbox of 10 is full" in record.getMessage()]) == 1


def test_leaving_waits_for_the_last_acknowledgement(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port) as pod:
            await pod.connected()
            answers = [pod.publish(MqttMessage(root, b"%d" % number)) for number in range(100)]
        assert all(answer.exception() is None for answer in answers)

    asyncio.run(main())


def test_an_iteration_ends_with_the_client(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port) as pod:
            await pod.connected()
            reading = asyncio.ensure_future(receive(pod, 1))
            await asyncio.sleep(0)
        with pytest.raises(StopAsyncIteration):
            await anext(pod)
        with pytest.raises((StopAsyncIteration, RuntimeError)):
            await reading

    asyncio.run(main())


def test_a_closed_client_says_so(port: int, root: str) -> None:
    async def main() -> None:
        async with client(root, port) as pod:
            await pod.connected()
        for act in (pod.publish(MqttMessage(root, b"")), pod.subscribe(root)):
            with pytest.raises(BrokerError, match="closed"):
                await act
        with pytest.raises(BrokerError, match="closed"):
            await pod.connected()
        with pytest.raises(RuntimeError, match="used once"):
            await pod.__aenter__()
        await pod.__aexit__(None, None, None)

    asyncio.run(main())


def test_a_client_has_to_be_entered_first(root: str) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="enter the client first"):
            client(root, 1883).publish(MqttMessage(root, b""))

    asyncio.run(main())


def test_a_mistake_in_the_link_callback_is_told_and_survived(
    port: int, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    def clumsy(event: LinkEvent) -> None:
        raise ArithmeticError(event)

    async def main() -> None:
        async with client(root, port, on_link=clumsy) as pod:
            await pod.connected()
            await pod.publish(MqttMessage(root, b""))
            assert pod.failures == 1

    asyncio.run(main())
    assert "a mistake while handling Connected" in caplog.text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"username": "pod", "password_file": "missing"}, "broker.password_file = .*missing: cannot be read"),
        ({"tls_ca_file": "missing"}, "broker.tls_ca_file = .*missing: this file"),
    ],
)
def test_credentials_that_cannot_be_used_are_named(
    changes: dict[str, str], text: str, tmp_path: Path
) -> None:
    values = {name: tmp_path / value if name.endswith("_file") else value for name, value in changes.items()}
    settings = BrokerSettings.model_validate({"kind": "external", **values})
    with pytest.raises(ConfigError, match=text):
        MqttClient("pod", "127.0.0.1", 1883, settings=settings)


def test_a_refused_password_is_told(tmp_path: Path, root: str) -> None:
    (tmp_path / "secret").write_text("opensesame\n")
    settings = BrokerSettings.model_validate(
        {
            "kind": "external",
            "username": "pod",
            "password_file": tmp_path / "secret",
            "connect_timeout_s": 5.0,
        }
    )

    async def main() -> None:
        async with (
            scripted_broker(CONNACK_NOT_AUTHORISED) as (port, heard),
            client(root, port, settings=settings) as pod,
        ):
            await until(lambda: "Not authorized" in pod._report.reason)
            with pytest.raises(BrokerError, match="Not authorized"):
                await pod.connected(timeout_s=0.0)
            assert heard[0].endswith(b"\x00\x03pod\x00\x0aopensesame")

    asyncio.run(main())


def test_a_refused_subscription_is_told(root: str) -> None:
    async def main() -> None:
        async with (
            scripted_broker(CONNACK, SUBACK_FAILURE) as (port, _),
            client(root, port) as pod,
        ):
            with pytest.raises(BrokerError, match=f"the broker refuses {root}/secret"):
                await pod.subscribe(f"{root}/secret")

    asyncio.run(main())
