"""Asks what listens at a port where a link could not be made: a broker, TLS, a web server, or nobody."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sanctuary.pods.wire.refusals import Trouble

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
