"""The network in virtual time: delivers, delays, loses, repeats; cuts and wills as a broker has them."""

from random import Random

import pytest

from sanctuary.config.scenario_settings import WireSettings
from sanctuary.pods.mqtt.wire_client import LinkDown, LinkUp, MqttMessage, WireClient
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.transforms import Leg, Loss, OneWayLoss, Stall, network_quality
from sanctuary.virtual_site.virtual_network import VirtualNetwork

UP, CUT = LinkUp(session_present=False), LinkDown("cut")


class Room:
    """A network with two clients."""

    def __init__(self, **settings: float) -> None:
        self.queue, self.received, self.links = EventQueue(), [], []
        quality = WireSettings(**settings)
        transforms = network_quality(quality, Random(1))
        self.network = VirtualNetwork(self.queue, transforms, keep_alive_s=quality.keep_alive_s)
        self.a = self.join("a", "x/+", will=MqttMessage("x/will", b"gone", 1))
        self.b = self.join("b", "x/#", "y")
        self.links.clear()

    def join(self, name: str, *filters: str, will: MqttMessage | None = None):
        client = self.network.client(
            name,
            will=will,
            on_link=lambda event: self.links.append((name, event, self.queue.now_s)),
            on_message=lambda message: self.received.append((name, message.payload, self.queue.now_s)),
        )
        client.subscribe(*filters)
        client.connect()
        return client

    def say(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        speaker: WireClient = self.a
        for payload in payloads:
            speaker.publish(MqttMessage(topic, payload, 1, retain))

    def told(self, name: str) -> list[bytes]:
        return [payload for who, payload, _ in self.received if who == name]


def test_messages_reach_who_wants_them_in_order_and_late() -> None:
    room = Room(delay_s=0.1, jitter_s=0.5)
    room.say("x/1", *(bytes([n]) for n in range(50)))
    room.say("y", b"y")
    room.queue.run(100.0)
    assert room.told("a") == [bytes([n]) for n in range(50)]
    assert room.told("b") == [*(bytes([n]) for n in range(50)), b"y"]
    assert min(t_s for _, _, t_s in room.received) >= 0.1


def test_a_bad_network_loses_repeats_and_reorders_its_share() -> None:
    room = Room(jitter_s=0.5, loss=0.2, repeat=0.3, reorder=1.0)
    room.say("y", *(n.to_bytes(2) for n in range(2000)))
    room.queue.run(1000.0)
    told = [int.from_bytes(payload) for payload in room.told("b")]
    assert 0.74 <= len(set(told)) / 2000 <= 0.86
    assert 1.2 <= len(told) / len(set(told)) <= 1.4
    assert told != sorted(told)
    assert room.network.lost == 2000 - len(set(told))


def test_a_cut_loses_what_is_on_the_way_and_publishes_the_will_after_a_while() -> None:
    room = Room(keep_alive_s=15.0)
    room.say("y", b"on the way")
    room.network.cut("b", 1.0)
    room.queue.run(2.0)
    room.network.cut("a", 18.0, noticed_after_s=3.0)
    room.say("y", b"never sent")
    room.queue.run(16.0)
    assert room.received == []
    room.queue.run(18.0)
    assert room.told("b") == [b"gone"]
    room.queue.run(20.0)
    room.say("y", b"back")
    room.queue.run(22.0)
    assert room.told("b") == [b"gone", b"back"]
    assert room.links == [("b", UP, 1.0), ("a", CUT, 5.0), ("a", UP, 20.0)]


def test_a_short_cut_leaves_no_will_and_may_go_unnoticed() -> None:
    room = Room(keep_alive_s=15.0)
    room.network.cut("a", 10.0, noticed_after_s=11.0)
    room.queue.run(12.0)
    assert room.links == [("a", UP, 10.0)]
    room.network.cut("a", 30.0)
    room.queue.run(26.0)  # the first cut's patience would be over, the second one's is not
    assert room.received == []
    room.queue.run(28.0)
    assert room.told("b") == [b"gone"]


def test_a_client_that_starts_within_a_cut_waits_for_its_end() -> None:
    room = Room()
    room.network.cut("a", 10.0)
    room.a.disconnect()
    again = room.join("a", "x/+")
    room.queue.run(9.0)
    assert not again.is_connected
    room.queue.run(11.0)
    assert again.is_connected
    assert room.links == [("a", UP, 10.0)]


@pytest.mark.parametrize("will", [True, False])
def test_the_will_of_who_ends_is_published_only_where_it_died(will: bool) -> None:
    room = Room()
    if will:
        room.a.abort(15.0)
    else:
        room.a.disconnect()
    room.say("y", b"from beyond")
    room.queue.run(30.0)
    assert room.told("b") == ([b"gone"] if will else [])


def test_who_joins_later_gets_what_was_retained_and_the_newest_of_it() -> None:
    room = Room()
    room.say("x/1", b"old", b"new", retain=True)
    room.say("x/2", b"passing")
    room.queue.run(10.0)
    late = room.join("c", "x/#")
    room.queue.run(20.0)
    assert room.told("c") == [b"new"]
    late.subscribe("x/1")
    room.queue.run(30.0)
    assert room.told("c") == [b"new", b"new"]


@pytest.mark.parametrize("forget", [True, False])
def test_a_broker_that_restarts_publishes_no_will_and_may_forget_what_it_kept(forget: bool) -> None:
    room = Room(keep_alive_s=15.0)
    room.say("x/1", b"kept", retain=True)
    room.queue.run(1.0)
    room.received.clear()
    room.network.restart_broker(30.0, Random(2), forget=forget)
    assert [room.a.is_connected, room.b.is_connected] == [False, False]
    newcomer = room.join("c", "x/#")
    room.queue.run(31.0)
    assert newcomer.is_connected
    room.queue.run(40.0)
    assert {name for name, payload, _ in room.received if payload == b"kept"} == (
        set() if forget else {"a", "b", "c"}
    )
    assert b"gone" not in room.told("b")
    assert {(name, event) for name, event, t_s in room.links if t_s <= 1.5} == {("a", CUT), ("b", CUT)}
    assert sorted(name for name, event, t_s in room.links if t_s >= 30.0 and event == UP) == ["a", "b", "c"]


def test_a_stalled_client_gets_and_sends_everything_later_and_in_order() -> None:
    room = Room()
    room.network.impose(5.0, Stall("a", 5.0))
    room.say("y", b"1", b"2")
    room.b.publish(MqttMessage("x/1", b"3"))
    room.queue.run(4.9)
    assert (room.told("a"), room.told("b")) == ([], [b"3"])
    room.queue.run(10.0)
    assert (room.told("a"), room.told("b")) == ([b"3"], [b"3", b"1", b"2"])
    assert min(t_s for name, _, t_s in room.received if name == "a") == 5.0


@pytest.mark.parametrize(("leg", "received"), [(Leg.OUT, [("a", b"in")]), (Leg.ARRIVAL, [("b", b"out")])])
def test_one_way_of_a_link_may_be_lost(leg: Leg, received: list[tuple[str, bytes]]) -> None:
    room = Room()
    room.network.impose(5.0, OneWayLoss("a", leg))
    room.say("y", b"out")
    room.network.publish(MqttMessage("x/1", b"in"))
    room.queue.run(6.0)
    both_ways = [(name, payload) for name, payload, _ in room.received if (name, payload) != ("b", b"in")]
    assert both_ways == received


def test_a_transform_is_over_in_time_and_may_spare_topics() -> None:
    room = Room()
    room.network.impose(5.0, Loss(1.0, Random(1), lambda topic: topic == "y"))
    room.say("y", b"lost")
    room.say("x/1", b"spared")
    room.queue.run(6.0)
    room.say("y", b"over")
    room.queue.run(7.0)
    assert room.told("b") == [b"spared", b"over"]


def test_who_listens_in_sees_even_what_is_lost_and_may_publish_what_nobody_sent() -> None:
    room = Room()
    seen = []
    room.network.taps.append(lambda who, message: seen.append((who, message.payload)))
    room.network.cut("a", 100.0)
    room.say("y", b"lost")
    room.network.publish(MqttMessage("y", b"forged", retain=True))
    room.queue.run(1.0)
    assert (seen, room.told("b")) == ([("a", b"lost")], [b"forged"])
