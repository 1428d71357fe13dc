"""How long a lock-step round takes: four pods publish, everything is delivered, the coordinator drains.

Run as ``python benchmarks/mqtt_rounds.py embedded 500``; the kind of broker is ``embedded`` or ``mosquitto``.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from contextlib import AsyncExitStack

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.barrier import DeliveryBarrier
from sanctuary.pods.mqtt.broker import open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage

_PODS = [f"pod-{number}" for number in range(1, 5)]
_BURST = 1000


async def measure(kind: str, rounds: int) -> None:
    """Print the figures of one kind of broker."""
    settings = BrokerSettings.model_validate({"kind": kind})
    started_s = time.perf_counter()
    async with open_broker(settings) as endpoint, AsyncExitStack() as stack:
        print(f"{endpoint.description}: up in {1e3 * (time.perf_counter() - started_s):.0f} ms")
        barrier = DeliveryBarrier()
        clients = {
            name: await stack.enter_async_context(
                MqttClient(name, endpoint.host, endpoint.port, settings=settings, observer=barrier)
            )
            for name in ("coordinator", *_PODS)
        }
        coordinator = clients.pop("coordinator")
        await coordinator.subscribe("pods/+/up")
        for name, pod in clients.items():
            await pod.subscribe(f"pods/{name}/down")
        took_ms = []
        for number in range(rounds):
            begun_s = time.perf_counter()
            for name, pod in clients.items():
                pod.publish(MqttMessage(f"pods/{name}/up", b"%08d" % number + bytes(192)))
            await barrier.settled()
            took_ms.append(1e3 * (time.perf_counter() - begun_s))
            if len(coordinator.drain()) != len(_PODS):
                raise RuntimeError(f"round {number} is not whole")
        shares = statistics.quantiles(took_ms, n=100)
        print(
            f"round of 4 x 200 bytes, QoS 1: median {shares[49]:.2f} ms, "
            f"90 % {shares[89]:.2f} ms, 99 % {shares[98]:.2f} ms"
        )
        begun_s = time.perf_counter()
        await asyncio.gather(
            *(
                clients["pod-1"].publish(MqttMessage("pods/pod-1/up", b"%d" % number))
                for number in range(_BURST)
            )
        )
        await barrier.settled()
        print(f"burst of {_BURST}: {_BURST / (time.perf_counter() - begun_s):.0f} messages/s")


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1], int(sys.argv[2])))
