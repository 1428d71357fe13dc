"""Access to a broker: credentials and TLS, whether one listens, and what listens there instead."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from paho.mqtt import client as paho

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError, ConfigError
from sanctuary.pods.mqtt.link_trouble import Trouble, advice, trouble_of_error


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
        todo = advice(trouble_of_error(error, tls=False), settings)
        raise BrokerError(f"no MQTT broker can be reached at {where} ({reason}); {todo}") from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


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


async def probe(trouble: Trouble, host: str, port: int, timeout_s: float, *, tls: bool) -> Trouble:
    """Ask what listens at a port where a connection was ended without a word.

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
