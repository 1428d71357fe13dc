"""The process of the embedded broker: amqtt on a loopback port of the system's choice.

Writes one line ``ready <port>`` when it serves, and ends when it is told to. Not for production: amqtt
forgets sessions and retained messages when it ends, knows no back-pressure at QoS 0, and lets everyone in; it
listens on loopback only.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

_HOST = "127.0.0.1"
_LISTENER = "default"
_CONFIG = {
    # "external": amqtt lets us listen, so that we know the port
    "listeners": {_LISTENER: {"type": "external", "bind": _HOST}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


async def serve() -> None:
    """Serve for ever."""
    broker = Broker(dict(_CONFIG))
    await broker.start()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)

    server = await asyncio.start_server(connected, _HOST, 0)
    sys.stdout.write(f"ready {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run the broker; its own log is of no use to anyone but its authors."""
    logging.disable(logging.CRITICAL)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
