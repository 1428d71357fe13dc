"""The broker of a run: one that runs already, or a private one that lives as long as the block.

::

    async with open_broker(settings.broker) as endpoint:
        async with MqttClient("pod-1", endpoint.host, endpoint.port, settings=settings.broker) as client: ...

Starts a private Mosquitto: loopback, a free port, nothing kept on disk.

How a client proves who it is, and checks who the broker is.

Asks what listens at a port where a link could not be made: a broker, TLS, a web server, or nobody.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import re
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from paho.mqtt import client as paho

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError, ConfigError
from sanctuary.pods.mqtt.child import Child, start_embedded
from sanctuary.pods.mqtt.refusals import Trouble, advice, failed

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
            # Started by root, Mosquitto would change its user, and with that get rid of its tether.
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


class _ClosedOnFailure(ssl.SSLSocket):
    """A socket that does not stay open when the two sides could not agree; paho leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def set_credentials(client: paho.Client, settings: BrokerSettings) -> None:
    """Give paho the password and the TLS files.

    Raises
    ------
    ConfigError
        One of the files cannot be used.
    """
    if settings.username is not None:
        client.username_pw_set(settings.username, _password(settings))
    if settings.tls_ca_file is None:
        return
    certificate, key = [
        str(path) if path else None for path in (settings.tls_cert_file, settings.tls_key_file)
    ]
    try:
        context = ssl.create_default_context(cafile=str(settings.tls_ca_file))
        context.sslsocket_class = _ClosedOnFailure
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        client.tls_set_context(context)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"broker.tls_ca_file = {settings.tls_ca_file}: this file, or tls_cert_file and tls_key_file, "
            f"cannot be used for TLS ({error}); name PEM files that can be read"
        ) from error


def _password(settings: BrokerSettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        return settings.password_file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"broker.password_file = {settings.password_file}: cannot be read ({error}); "
            "its first line should be the password"
        ) from error


_CONNECT = bytes([0x10, 12, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 5, 0, 0])
"""MQTT 3.1.1, a clean session without a name: a broker answers it, though it may refuse us."""
_CONNACK, _TLS_ALERT, _HTTP = 0x20, 0x15, b"HTTP/"


async def look_closer(trouble: Trouble, host: str, port: int, timeout_s: float, *, tls: bool) -> Trouble:
    """Find out more where a connection was ended without a word.

    Parameters
    ----------
    trouble
        What is known; given back where nothing more is found out.
    tls
        Whether the link was to be encrypted.
    """
    if trouble not in (Trouble.HUNG_UP, Trouble.SILENT, Trouble.NOT_TLS):
        return trouble
    first = b""
    with suppress(OSError, TimeoutError):
        first = await _first_bytes(host, port, timeout_s)
    if first.startswith(_HTTP):
        return Trouble.HTTP
    if first[:1] == bytes([_CONNACK]):
        return Trouble.NOT_TLS if tls else trouble
    if first[:1] == bytes([_TLS_ALERT]):
        return trouble if tls else Trouble.NEEDS_TLS
    return trouble


async def _first_bytes(host: str, port: int, timeout_s: float) -> bytes:
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(_CONNECT)
            return await reader.read(16)
        finally:
            writer.close()
