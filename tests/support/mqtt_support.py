"""Brokers and clients for tests of the wire."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psutil

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage

PATIENCE_S = 20.0
HOST = "127.0.0.1"
CONNACK = bytes([0x20, 2, 0, 0])
"""Accepted (MQTT 3.1.1 clause 3.2)."""
CONNACK_NOT_AUTHORISED = bytes([0x20, 2, 0, 5])
SUBACK_FAILURE = bytes([0x90, 3, 0, 1, 0x80])
"""Of the first subscription of a connection (clause 3.9)."""


def quick(**changes: Any) -> BrokerSettings:
    """Settings with short waits."""
    return BrokerSettings(
        **{"reconnect_min_s": 0.02, "reconnect_max_s": 0.1, "connect_timeout_s": PATIENCE_S, **changes}
    )


def client(name: str, port: int, **options: Any) -> MqttClient:
    """A client with short waits."""
    settings = options.pop("settings", None) or quick()
    return MqttClient(name, HOST, port, settings=settings, **options)


@asynccontextmanager
async def scripted_broker(*answers: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve answers that are given in turn, on each connection anew; gives the port and what was heard."""
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    heard: list[bytes] = []

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not server.is_serving():
            writer.close()
            return
        serving[asyncio.ensure_future(serve(reader, writer))] = writer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting = list(answers)
        while packet := await reader.read(4096):
            heard.append(packet)
            if waiting:
                writer.write(waiting.pop(0))

    server = await asyncio.start_server(accepted, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        for task, writer in serving.items():
            task.cancel()
            writer.close()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads or processes bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def receive(reader: MqttClient, n: int) -> list[MqttMessage]:
    """Read the next `n` messages."""
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(reader) for _ in range(n)]


async def receive_up_to(reader: MqttClient, last: bytes) -> list[MqttMessage]:
    """Read messages up to the one with this payload."""
    messages: list[MqttMessage] = []
    async with asyncio.timeout(PATIENCE_S):
        while not messages or messages[-1].payload != last:
            messages.append(await anext(reader))
    return messages


def payloads(messages: list[MqttMessage]) -> list[bytes]:
    """Give the payloads, each once, in order of first arrival: what an application makes of duplicates."""
    return list(dict.fromkeys(message.payload for message in messages))


def leftovers() -> tuple[set[str], set[int], set[tuple[int, Any]]]:
    """Threads, child processes and sockets of this process."""
    process = psutil.Process()
    threads = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
    children = {child.pid for child in process.children(recursive=True)}
    sockets = {(connection.fd, connection.laddr) for connection in process.net_connections(kind="inet")}
    return threads, children, sockets
