"""Brokers and clients for tests of the wire."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import psutil

from sanctuary.config.broker import BrokerSettings
from sanctuary.pods.wire.client import MqttClient
from sanctuary.pods.wire.packets import Message

PATIENCE_S = 20.0
HOST = "127.0.0.1"


def quick(**changes: Any) -> BrokerSettings:
    """Settings with short waits."""
    return BrokerSettings(
        **{"reconnect_min_s": 0.02, "reconnect_max_s": 0.1, "connect_timeout_s": PATIENCE_S, **changes}
    )


def client(name: str, port: int, **options: Any) -> MqttClient:
    """A client with short waits."""
    settings = options.pop("settings", None) or quick()
    return MqttClient(name, HOST, port, settings=settings, **options)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads or processes bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def receive(reader: MqttClient, n: int) -> list[Message]:
    """Read the next `n` messages."""
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(reader) for _ in range(n)]


async def receive_up_to(reader: MqttClient, last: bytes) -> list[Message]:
    """Read messages up to the one with this payload."""
    messages: list[Message] = []
    async with asyncio.timeout(PATIENCE_S):
        while not messages or messages[-1].payload != last:
            messages.append(await anext(reader))
    return messages


def payloads(messages: list[Message]) -> list[bytes]:
    """Give the payloads, each once, in order of first arrival: what an application makes of duplicates."""
    return list(dict.fromkeys(message.payload for message in messages))


def leftovers() -> tuple[set[str], set[int], set[tuple[int, Any]]]:
    """Threads, child processes and sockets of this process."""
    process = psutil.Process()
    threads = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
    children = {child.pid for child in process.children(recursive=True)}
    sockets = {(connection.fd, connection.laddr) for connection in process.net_connections(kind="inet")}
    return threads, children, sockets
