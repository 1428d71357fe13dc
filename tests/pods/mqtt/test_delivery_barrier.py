"""A tick ends when its messages are delivered, not before, and not never."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt_support import CONNACK, PATIENCE_S, client, scripted_broker, until
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.barrier import DeliveryBarrier
from sanctuary.pods.mqtt.wire_client import FilterSet, MqttMessage
from tcp_relay import Relay

STATE = MqttMessage("s/pods/pod-1/state", b"1", 1, retain=True)


def settled(barrier: DeliveryBarrier) -> bool:
    async def main() -> bool:
        try:
            await barrier.settled(timeout_s=0)
        except BrokerError:
            return False
        return True

    return asyncio.run(main())


def missing(barrier: DeliveryBarrier) -> str:
    with pytest.raises(BrokerError) as caught:
        asyncio.run(barrier.settled(timeout_s=0))
    return str(caught.value)


def subscribed(barrier: DeliveryBarrier, client_id: str, topic_filter: str) -> None:
    filters = FilterSet([topic_filter])
    barrier.subscribed(client_id, filters, filters)


def test_nothing_sent_is_settled() -> None:
    assert settled(DeliveryBarrier())


def test_every_matching_subscriber_and_the_acknowledgement_are_waited_for() -> None:
    for left_out in range(3):
        barrier = DeliveryBarrier()
        subscribed(barrier, "coordinator", "s/pods/+/state")
        subscribed(barrier, "recorder", "s/#")
        subscribed(barrier, "pod-1", "s/pods/pod-1/cmd")
        barrier.sending("pod-1", STATE)
        acts = [
            partial(barrier.acknowledged, "pod-1", STATE),
            partial(barrier.received, "coordinator", STATE),
            partial(barrier.received, "recorder", STATE),
        ]
        last = acts.pop(left_out)
        for act in acts:
            act()
        assert barrier._under_way
        last()
        assert settled(barrier)


def test_what_is_missing_is_named_and_then_given_up() -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "coordinator", "s/#")
    barrier.sending("pod-1", STATE)
    assert missing(barrier) == (
        "not delivered within 0 s: s/pods/pod-1/state of pod-1 to coordinator; "
        "s/pods/pod-1/state of pod-1: no acknowledgement"
    )
    assert settled(barrier)


def test_many_missing_messages_are_counted() -> None:
    barrier = DeliveryBarrier()
    for number in range(8):
        barrier.sending("pod-1", MqttMessage("a", b"%d" % number))
    assert missing(barrier).endswith("and 3 more")


def test_duplicates_and_strangers_change_nothing() -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "coordinator", "s/#")
    subscribed(barrier, "recorder", "s/#")
    barrier.received("coordinator", STATE)
    barrier.sending("pod-1", STATE)
    for _ in range(2):
        barrier.received("coordinator", STATE)
        barrier.acknowledged("pod-1", STATE)
    barrier.received("recorder", MqttMessage(STATE.topic, b"another"))
    barrier.received("pod-2", STATE)
    assert "to recorder" in missing(barrier)


def test_two_equal_messages_need_two_receipts() -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "coordinator", "s/#")
    for _ in range(2):
        barrier.sending("pod-1", STATE)
        barrier.acknowledged("pod-1", STATE)
    barrier.received("coordinator", STATE)
    assert barrier._under_way
    barrier.received("coordinator", STATE)
    assert settled(barrier)


def test_a_lost_link_takes_its_expectations_with_it() -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "coordinator", "s/#")
    subscribed(barrier, "recorder", "s/#")
    barrier.sending("pod-1", STATE)
    barrier.acknowledged("pod-1", STATE)
    barrier.lost("recorder")
    assert barrier._under_way
    barrier.received("coordinator", STATE)
    assert settled(barrier)
    barrier.sending("pod-1", STATE)
    barrier.lost("pod-1")
    assert settled(barrier)
    barrier.sending("pod-1", STATE)
    barrier.acknowledged("pod-1", STATE)
    assert "to recorder" not in missing(barrier)


def test_a_new_subscriber_is_expected_to_get_what_is_retained_whatever_it_says_by_now() -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "recorder", "none")
    barrier.sending("pod-1", STATE)
    barrier.acknowledged("pod-1", STATE)
    subscribed(barrier, "coordinator", "s/#")
    assert barrier._under_way
    barrier.received("coordinator", MqttMessage(STATE.topic, b"a last will"))
    assert settled(barrier)
    barrier.sending("pod-1", MqttMessage(STATE.topic, b"", 1, retain=True))
    barrier.acknowledged("pod-1", MqttMessage(STATE.topic, b"", 1, retain=True))
    barrier.received("coordinator", MqttMessage(STATE.topic, b""))
    subscribed(barrier, "late", "s/#")
    assert settled(barrier)


def test_a_broker_that_lost_everyone_may_have_lost_what_it_retained() -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "coordinator", "none")
    barrier.sending("pod-1", STATE)
    barrier.acknowledged("pod-1", STATE)
    barrier.lost("coordinator")
    subscribed(barrier, "coordinator", "s/#")
    assert settled(barrier)


def test_a_last_will_is_expected_by_everyone_but_the_dead() -> None:
    barrier = DeliveryBarrier()
    for name in ("pod-1", "coordinator"):
        subscribed(barrier, name, "s/#")
    barrier.dying("pod-1", STATE)
    barrier.dying("pod-2", None)
    barrier.lost("pod-1")
    assert missing(barrier).endswith("s/pods/pod-1/state as retained or last will to coordinator")


@given(st.lists(st.integers(0, 3), max_size=30), st.randoms())
def test_any_order_of_answers_settles(topics: list[int], order: random.Random) -> None:
    barrier = DeliveryBarrier()
    subscribed(barrier, "all", "#")
    subscribed(barrier, "one", "t/1")
    answers = []
    for number in topics:
        message = MqttMessage(f"t/{number}", b"same")
        barrier.sending("pod", message)
        answers += [("acknowledged", "pod", message), ("received", "all", message)]
        if number == 1:
            answers.append(("received", "one", message))
    order.shuffle(answers)
    for at, (act, client_id, message) in enumerate(answers):
        assert barrier._under_way, at
        getattr(barrier, act)(client_id, message)
    assert not barrier._under_way
    assert not barrier._receipts


def test_rounds_in_lock_step_are_whole(port: int, root: str) -> None:
    async def main() -> None:
        barrier = DeliveryBarrier()
        pods = [f"{root}-{number}" for number in range(4)]
        async with AsyncExitStack() as stack:
            everyone = {
                name: await stack.enter_async_context(client(name, port, observer=barrier))
                for name in (root, *pods)
            }
            coordinator = everyone.pop(root)
            await coordinator.subscribe(f"{root}/+/up")
            await asyncio.gather(*(everyone[name].subscribe(f"{root}/{name}/down") for name in pods))
            for number in range(50):
                for name in pods:
                    everyone[name].publish(
                        MqttMessage(f"{root}/{name}/up", b"%d" % number, (0, 1)[number % 2])
                    )
                await barrier.settled(PATIENCE_S)
                up = sorted(coordinator.drain(), key=lambda message: message.topic)
                assert [(message.topic, message.payload) for message in up] == [
                    (f"{root}/{name}/up", b"%d" % number) for name in pods
                ]
                for name in pods:
                    coordinator.publish(MqttMessage(f"{root}/{name}/down", b"%d" % number))
                await barrier.settled(PATIENCE_S)
                down = [[message.payload for message in everyone[name].drain()] for name in pods]
                assert down == [[b"%d" % number]] * 4

    asyncio.run(main())


def test_retained_states_and_last_wills_are_settled_too(port: int, root: str) -> None:
    async def main() -> None:
        barrier = DeliveryBarrier()
        will = MqttMessage(f"{root}/status", b"offline", 1, retain=True)
        async with client(f"{root}-c", port, observer=barrier) as coordinator:
            await coordinator.subscribe(f"{root}/status")
            async with client(root, port, will=will, observer=barrier) as pod:
                await pod.connected()
                pod.publish(MqttMessage(f"{root}/status", b"online", 1, retain=True))
                await barrier.settled(PATIENCE_S)
                assert [message.payload for message in coordinator.drain()] == [b"online"]
                await pod.abort()
            await barrier.settled(PATIENCE_S)
            assert [message.payload for message in coordinator.drain()] == [b"offline"]
            async with client(f"{root}-l", port, observer=barrier) as late:
                await late.subscribe(f"{root}/#")
                await barrier.settled(PATIENCE_S)
                assert {message.payload for message in late.drain()} == {b"offline"}

    asyncio.run(main())


def test_messages_sent_again_over_a_new_link_settle(port: int, root: str) -> None:
    async def main() -> None:
        barrier = DeliveryBarrier()
        async with (
            Relay(port) as relay,
            client(f"{root}-c", port, observer=barrier) as coordinator,
            client(root, relay.port, observer=barrier) as pod,
        ):
            await coordinator.subscribe(f"{root}/#")
            await pod.connected()
            answers = [pod.publish(MqttMessage(f"{root}/a", b"%d" % number)) for number in range(30)]
            await relay.cut()
            await until(lambda: not pod.is_connected)
            await asyncio.gather(*answers)
            await barrier.settled(PATIENCE_S)
            got = list(dict.fromkeys(message.payload for message in coordinator.drain()))
            assert got == [b"%d" % number for number in range(30)]

    asyncio.run(main())


def test_a_stuck_broker_is_told_in_real_time(root: str) -> None:
    async def main() -> None:
        barrier = DeliveryBarrier()
        async with scripted_broker(CONNACK) as (port, _), client(root, port, observer=barrier) as pod:
            await pod.connected()
            pod.publish(MqttMessage(root, b""))
            with pytest.raises(BrokerError, match=f"{root} of {root}: no acknowledgement"):
                await barrier.settled(timeout_s=0.05)
            await pod.abort()

    asyncio.run(main())
