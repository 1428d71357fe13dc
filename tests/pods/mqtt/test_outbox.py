"""Messages outlive the process that wanted to send them."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mqtt_support import client, payloads, quick, receive, until
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.queues import Outbox
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.contract import is_lasting
from tcp_relay import Relay

_PUBLISH_AND_DIE = """
import asyncio, os, sys
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.queues import Outbox
from sanctuary.pods.mqtt.wire_client import MqttMessage

async def main(path, port, topic):
    outbox = Outbox(path)
    async with MqttClient("doomed", "127.0.0.1", port, settings=BrokerSettings(), outbox=outbox) as client:
        for number in range(5):
            client.publish(MqttMessage(topic, b"%d" % number, retain=number == 4))
        os._exit(9)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
"""


def test_what_is_kept_comes_back_in_order_and_whole(tmp_path: Path) -> None:
    first, second = MqttMessage("a/b", b"\0\xff", 1, retain=True), MqttMessage("é", b"", 0)
    with Outbox(tmp_path / "outbox") as outbox:
        numbers = [outbox.add(first), outbox.add(second)]
    with Outbox(tmp_path / "outbox") as outbox:
        assert outbox.pending() == [(numbers[0], first), (numbers[1], second)]
        outbox.remove(numbers[0])
        outbox.remove(numbers[0])
        assert outbox.pending() == [(numbers[1], second)]


def test_numbers_are_never_used_again() -> None:
    with Outbox(":memory:") as outbox:
        first = outbox.add(MqttMessage("a", b""))
        outbox.remove(first)
        assert outbox.add(MqttMessage("a", b"")) > first


def test_a_file_that_is_no_outbox_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough for SQLite to notice that " * 20)
    with pytest.raises(BrokerError, match=r"notes\.txt: the outbox cannot be used"):
        Outbox(path)


def test_an_outbox_belongs_to_one_program_at_a_time(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox"), pytest.raises(BrokerError, match="stop another program"):
        Outbox(tmp_path / "outbox")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="missing/outbox: the outbox cannot be used"):
        Outbox(tmp_path / "missing" / "outbox")


def test_messages_outlive_the_death_of_the_process(tmp_path: Path, port: int, root: str) -> None:
    async def main() -> None:
        async with Relay() as nowhere:
            dying = [
                sys.executable,
                "-c",
                _PUBLISH_AND_DIE,
                str(tmp_path / "outbox"),
                str(nowhere.port),
                root,
            ]
            done = await asyncio.to_thread(subprocess.run, dying, check=False)
            assert done.returncode == 9
        with Outbox(tmp_path / "outbox") as outbox:
            assert [message.payload for _, message in outbox.pending()] == [b"%d" % n for n in range(5)]
            async with client(f"{root}-r", port) as reader:
                await reader.subscribe(root)
                async with client("doomed", port, outbox=outbox) as reborn:
                    await reborn.publish(MqttMessage(root, b"new"))
                    # amqtt may drop what it acknowledged when the sender takes leave at once
                    got = await receive(reader, 6)
            assert payloads(got) == [b"0", b"1", b"2", b"3", b"4", b"new"]
            assert outbox.pending() == []

    asyncio.run(main())


def test_leaving_before_the_broker_answered_keeps_the_message(root: str) -> None:
    async def main() -> None:
        with Outbox(":memory:") as outbox:
            settings = quick(flush_s=0)
            async with Relay() as relay, client(root, relay.port, settings=settings, outbox=outbox) as pod:
                answer = pod.publish(MqttMessage(root, b"kept"))
            assert isinstance(answer.exception(), BrokerError)
            assert [message.payload for _, message in outbox.pending()] == [b"kept"]

    asyncio.run(main())


def test_a_disk_that_fails_refuses_new_messages_but_not_old_acknowledgements(
    port: int, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        outbox = Outbox(":memory:")
        async with Relay() as relay, client(root, relay.port, outbox=outbox) as pod:
            answers = [pod.publish(MqttMessage(root, b"%d" % number)) for number in range(2)]
            outbox.close()
            with pytest.raises(BrokerError, match="the outbox cannot be used"):
                await pod.publish(MqttMessage(root, b"no room"))
            relay.target = port
            await asyncio.gather(*answers)
            await until(lambda: len(pod._outgoing) == 0)

    asyncio.run(main())
    told = [record for record in caplog.records if "sent again after the next start" in record.getMessage()]
    assert len(told) == 1


def test_sqlite_says_no_by_its_own_error_type() -> None:
    outbox = Outbox(":memory:")
    outbox.close()
    for act in (outbox.pending, lambda: outbox.remove(1), lambda: outbox.add(MqttMessage("a", b""))):
        with pytest.raises(BrokerError) as caught:
            act()
        assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_what_is_stale_after_a_crash_is_not_kept_and_the_rest_is_sent_in_order(port: int, root: str) -> None:
    """Replies and eye signals of a pod outlive it; its leases and snapshots do not."""

    async def main() -> None:
        kept = [topics.reply("s", "p"), topics.event("s", "p", "eye-signal")]
        perishable = [topics.state("s", "p"), topics.event("s", "p", "lease"), topics.status("s", "p")]
        with Outbox(":memory:") as outbox:
            async with Relay() as nowhere:
                dying = client(root, nowhere.port, outbox=outbox, lasting=is_lasting)
                await dying.__aenter__()
                for topic in (perishable[0], kept[0], perishable[1], kept[1], perishable[2], kept[0]):
                    dying.publish(MqttMessage(topic, topic.encode()))
                await dying.abort()
            assert [message.topic for _, message in outbox.pending()] == [kept[0], kept[1], kept[0]]
            async with client(f"{root}-r", port) as reader:
                await reader.subscribe("sanctuary/v1/s/#")
                async with client(root, port, outbox=outbox, lasting=is_lasting) as reborn:
                    await reborn.publish(MqttMessage(perishable[0], b"new"))
                    got = await receive(reader, 4)
            assert [message.topic for message in got] == [kept[0], kept[1], kept[0], perishable[0]]
            assert outbox.pending() == []

    asyncio.run(main())
