"""The broker of a run: one that runs already, or a private one that lives as long as the block.

::

    async with open_broker(settings.broker) as endpoint:
        async with MqttClient("pod-1", endpoint.host, endpoint.port, settings=settings.broker) as client: ...

A private one is Mosquitto on loopback, on a free port, with nothing kept on disk, or else amqtt, embedded.

amqtt runs in a process of its own, not in a thread of ours, where it would compete for the interpreter lock
with the signal chains of a whole fleet and with the clients that wait for it. Five bare paho clients in
rounds of four messages: median 2.3 to 2.7 ms per round as a process, 5.8 to 6.3 ms as a thread (four runs of
300 rounds each, interleaved, on four cores). `benchmarks/mqtt_rounds.py` measures our own client.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.broker_access import reach
from sanctuary.pods.mqtt.child import Child

HOST = "127.0.0.1"
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
"""Where packages put it, and where the PATH of ordinary users does not look."""
_ATTEMPTS = 5
"""A port found free may be taken before Mosquitto binds it; rarely, and never five times in a row."""
_POLL_S = 0.005
_RUNNING = re.compile(r"^\d+: mosquitto version \S+ running$", re.MULTILINE)
_CONFIG = """\
listener {port} {host}
user {user}
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 100
max_queued_messages 100000
log_dest stderr
log_type error
log_type warning
log_type information
"""


def find_mosquitto() -> Path | None:
    """Look for the program, on PATH and where packages put it."""
    found = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_SBIN]))
    return Path(found) if found else None


async def start_mosquitto(program: Path, timeout_s: float) -> tuple[Child, int]:
    """Start Mosquitto on loopback; give its process and port.

    Raises
    ------
    BrokerError
        It did not come up in time.
    """
    complaints = ""
    for _ in range(_ATTEMPTS):
        port = _free_port()
        with tempfile.TemporaryDirectory(prefix="sanctuary-") as folder:
            # Started by root, Mosquitto would change its user, and with that lose its tie to our life.
            config = Path(folder) / "mosquitto.conf"
            config.write_text(_CONFIG.format(host=HOST, port=port, user=getpass.getuser()), encoding="utf-8")
            child = Child([str(program), "-c", str(config)], "Mosquitto")
            try:
                if await _runs(child, timeout_s):
                    return child, port
                complaints = child.complaints()
            except BaseException:
                await child.stop()
                raise
        await child.stop()
        if "in use" not in complaints:
            break
    raise BrokerError(
        f"{program} did not start within {timeout_s:g} s ({complaints or 'no reason given'}); "
        'mend it, or set broker.kind = "embedded"'
    )


async def _runs(child: Child, timeout_s: float) -> bool:
    """Wait until the child says that it runs; False if it ends, or takes too long.

    To connect would prove nothing: whoever took the port first would answer.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while child.alive():
                if _RUNNING.search(child.complaints()):
                    return True
                await asyncio.sleep(_POLL_S)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


_EMBEDDED = "sanctuary.pods.mqtt.embedded_server"
_BOOTSTRAP = "import sys, runpy; sys.path[:] = {path!r}; runpy.run_module({module!r}, run_name='__main__')"


async def start_embedded(timeout_s: float) -> tuple[Child, int]:
    """Start amqtt on loopback; give its process and port.

    Raises
    ------
    BrokerError
        It did not come up in time.
    """
    # The child sees the modules that we see, wherever they came from.
    bootstrap = _BOOTSTRAP.format(path=[*sys.path], module=_EMBEDDED)
    child = Child([sys.executable, "-I", "-c", bootstrap], "the embedded broker (amqtt)")
    try:
        word, _, port = (await child.first_line(timeout_s)).partition(" ")
        if word == "ready":
            return child, int(port)
        raise BrokerError(
            f"{child.name} did not start within {timeout_s:g} s ({child.complaints() or 'no reason given'}); "
            "install Mosquitto, or raise broker.connect_timeout_s"
        )
    except BaseException:
        await child.stop()
        raise


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


def _describe(kind: Literal["embedded", "mosquitto"], port: int) -> str:
    if kind == "mosquitto":
        return f"private Mosquitto at {HOST}:{port}"
    return f"embedded broker (amqtt) at {HOST}:{port}, for trials and tests, not for production"
