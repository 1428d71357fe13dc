"""The broker of a run: one that runs already, or a private one that lives as long as the block.

::

    async with open_broker(settings.broker) as endpoint:
        async with MqttClient("pod-1", endpoint.host, endpoint.port, settings=settings.broker) as client: ...
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sanctuary.config.broker import BrokerSettings
from sanctuary.config.errors import BrokerError
from sanctuary.pods.wire.child import Child
from sanctuary.pods.wire.embedded import start_embedded
from sanctuary.pods.wire.mosquitto import HOST, find_mosquitto, start_mosquitto
from sanctuary.pods.wire.refusals import advice, failed

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerEndpoint:
    """Where a broker is, and what it is.

    Attributes
    ----------
    host, port
        For clients.
    kind
        `auto` has been decided.
    description
        One line for people.
    pid
        Process of a private broker.
    alive
        Tells whether a private broker still runs. Always true of an external one: its clients tell.
    """

    host: str
    port: int
    kind: Literal["embedded", "mosquitto", "external"]
    description: str
    pid: int | None = None
    alive: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)


@asynccontextmanager
async def open_broker(settings: BrokerSettings) -> AsyncIterator[BrokerEndpoint]:
    """Provide the broker that the settings ask for; a private one ends with the block.

    Raises
    ------
    BrokerError
        It cannot be started or reached.
    """
    if settings.kind == "external":
        await reach(settings)
        where = f"{settings.host}:{settings.port}"
        yield BrokerEndpoint(settings.host, settings.port, "external", f"MQTT broker at {where}")
        return
    kind, child, port = await _start(settings)
    try:
        yield BrokerEndpoint(HOST, port, kind, _describe(kind, port), child.pid, child.alive)
    finally:
        await child.stop()


async def _start(settings: BrokerSettings) -> tuple[Literal["embedded", "mosquitto"], Child, int]:
    timeout_s = settings.connect_timeout_s
    program = find_mosquitto() if settings.kind in ("auto", "mosquitto") else None
    if program is None and settings.kind == "mosquitto":
        raise BrokerError(
            "mosquitto is not installed, or not on PATH; install it (Debian: apt install mosquitto), or set "
            'broker.kind = "embedded"'
        )
    if program is not None:
        try:
            return "mosquitto", *await start_mosquitto(program, timeout_s)
        except BrokerError as error:
            if settings.kind == "mosquitto":
                raise
            _LOG.warning("%s; the embedded broker stands in for it", error)
    return "embedded", *await start_embedded(timeout_s)


async def reach(settings: BrokerSettings) -> None:
    """Find out whether something listens where an external broker should be.

    Raises
    ------
    BrokerError
        Nothing does; says why, and what to do.
    """
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            _, writer = await asyncio.open_connection(settings.host, settings.port)
    except (OSError, TimeoutError) as error:
        reason = str(error) or f"no answer within {settings.connect_timeout_s:g} s"
        todo = advice(failed(error, tls=False), settings)
        raise BrokerError(f"no MQTT broker can be reached at {where} ({reason}); {todo}") from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _describe(kind: Literal["embedded", "mosquitto"], port: int) -> str:
    if kind == "mosquitto":
        return f"private Mosquitto at {HOST}:{port}"
    return f"embedded broker (amqtt) at {HOST}:{port}, for trials and tests, not for production"
