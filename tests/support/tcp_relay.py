"""A TCP relay on a port that stays while brokers behind it come and go; it can cut, and play dead."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"


class Relay:
    """Hands connections on to `target`; with no target it hangs up, and while `mute` it says nothing."""

    def __init__(self, target: int | None = None, *, mute: bool = False) -> None:
        self.target = target
        self.mute = mute
        self.hold_back = b""
        """Client id (CONNECT) that is hung up on."""
        self.port = 0
        self.connections = 0
        self._closed = False
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._closed = True
        await self.cut()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Break every connection."""
        tasks, self._tasks = self._tasks, {}
        for task, writer in tasks.items():
            task.cancel()
            writer.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # closed transports let their sockets go in the next turn of the loop

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._closed:  # one that was on its way when the server was closed
            writer.close()
            return
        self._tasks[asyncio.ensure_future(self._relay(reader, writer))] = writer

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mute:
            await reader.read()
            return
        if self.target is None:
            return
        first = await reader.read(65536)
        if self.hold_back and _client_id(first) == self.hold_back:
            return
        there_reader, there_writer = await asyncio.open_connection(HOST, self.target)
        there_writer.write(first)
        ways = [
            asyncio.ensure_future(_copy(reader, there_writer)),
            asyncio.ensure_future(_copy(there_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there_writer.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


def _client_id(connect: bytes) -> bytes:
    """Read the client id of a CONNECT packet of less than 16 kB (MQTT 3.1.1 clause 3.1)."""
    start = 2 if connect[1] < 128 else 3
    length = int.from_bytes(connect[start + 10 : start + 12])
    return connect[start + 12 : start + 12 + length]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
