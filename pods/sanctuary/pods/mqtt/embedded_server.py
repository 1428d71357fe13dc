"""The process of the embedded broker: amqtt on a loopback port of the system's choice.

Writes one line ``ready <port>`` when it serves, and ends when it is told to. Not for production: amqtt
forgets sessions and retained messages when it ends, knows no back-pressure at QoS 0, and lets everyone in; it
listens on loopback only.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from amqtt import broker as amqtt_broker
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler

_HOST = "127.0.0.1"
_LISTENER = "default"
_CONFIG = {
    # "external": amqtt lets us listen, so that we know the port
    "listeners": {_LISTENER: {"type": "external", "bind": _HOST}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


class _Handler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt's classes are untyped
    """Keeps a goodbye that comes early.

    amqtt forgets one that it reads before its own loop waits for it, right behind CONNECT on a busy machine,
    and then takes the client for lost and publishes its will (MQTT 3.1.1 clause 3.14.4 forbids that).
    """

    _goodbye: DisconnectPacket | None = None

    async def handle_disconnect(self, disconnect: DisconnectPacket | None) -> None:
        self._goodbye = self._goodbye or disconnect
        await super().handle_disconnect(disconnect)

    async def wait_disconnect(self) -> DisconnectPacket | None:
        return self._goodbye or await super().wait_disconnect() or self._goodbye


async def serve() -> None:
    """Serve for ever."""
    amqtt_broker.BrokerProtocolHandler = _Handler
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
