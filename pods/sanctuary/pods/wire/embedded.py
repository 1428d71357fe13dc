"""Starts the embedded broker.

amqtt runs in a process of its own, not in a thread of ours, where it would compete for the interpreter lock
with the signal chains of a whole fleet and with the clients that wait for it. Five bare paho clients in
rounds of four messages: median 2.3 to 2.7 ms per round as a process, 5.8 to 6.3 ms as a thread (four runs of
300 rounds each, interleaved, on four cores). `benchmarks/mqtt_rounds.py` measures our own client.
"""

from __future__ import annotations

import sys

from sanctuary.config.errors import BrokerError
from sanctuary.pods.wire import embedded_server
from sanctuary.pods.wire.child import Child

_BOOTSTRAP = "import sys, runpy; sys.path[:] = {path!r}; runpy.run_module({module!r}, run_name='__main__')"


async def start_embedded(timeout_s: float) -> tuple[Child, int]:
    """Start amqtt on loopback; give its process and port.

    Raises
    ------
    BrokerError
        It did not come up in time.
    """
    # The child sees the modules that we see, wherever they came from.
    bootstrap = _BOOTSTRAP.format(path=[*sys.path], module=embedded_server.__name__)
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
