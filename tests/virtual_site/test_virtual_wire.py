"""The wire in virtual time: delivers, delays, loses, repeats; cuts and wills as a broker has them."""

from random import Random

import pytest

from sanctuary.config.scenario_settings import WireSettings
from sanctuary.pods.mqtt.packets import Message
from sanctuary.virtual_site.network import Agenda, VirtualWire


class Room:
    """A wire with two clients."""

    def __init__(self, **settings: float) -> None:
        self.agenda, self.heard = Agenda(), []
        self.wire = VirtualWire(self.agenda, WireSettings(**settings), Random(1))
        self.wire.join("a", ["x/+"], self._hear("a"), will=Message("x/will", b"gone", 1))
        self.wire.join("b", ["x/#", "y"], self._hear("b"))

    def _hear(self, name: str):
        return lambda message: self.heard.append((name, message.payload, self.agenda.now_s))

    def say(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        for payload in payloads:
            self.wire.send("a", Message(topic, payload, 1, retain))

    def told(self, name: str) -> list[bytes]:
        return [payload for who, payload, _ in self.heard if who == name]


def test_messages_reach_who_wants_them_in_order_and_late() -> None:
    room = Room(delay_s=0.1, jitter_s=0.5)
    room.say("x/1", *(bytes([n]) for n in range(50)))
    room.say("y", b"y")
    room.agenda.run(100.0)
    assert room.told("a") == [bytes([n]) for n in range(50)]
    assert room.told("b") == [*(bytes([n]) for n in range(50)), b"y"]
    assert min(t_s for _, _, t_s in room.heard) >= 0.1


def test_a_bad_wire_loses_repeats_and_reorders_its_share() -> None:
    room = Room(jitter_s=0.5, loss=0.2, repeat=0.3, reorder=1.0)
    room.say("y", *(n.to_bytes(2) for n in range(2000)))
    room.agenda.run(1000.0)
    told = [int.from_bytes(payload) for payload in room.told("b")]
    assert 0.74 <= len(set(told)) / 2000 <= 0.86
    assert 1.2 <= len(told) / len(set(told)) <= 1.4
    assert told != sorted(told)
    assert room.wire.lost == 2000 - len(set(told))


def test_a_cut_loses_what_is_on_the_way_and_publishes_the_will_after_a_while() -> None:
    room = Room(keep_alive_s=15.0)
    room.wire.cut("a")
    room.say("y", b"never sent")
    room.agenda.run(14.0)
    assert room.heard == []
    room.agenda.run(16.0)
    assert room.told("b") == [b"gone"]
    room.wire.mend("a")
    room.say("y", b"back")
    room.agenda.run(20.0)
    assert room.told("b") == [b"gone", b"back"]


def test_a_short_cut_leaves_no_will() -> None:
    room = Room(keep_alive_s=15.0)
    room.wire.cut("a")
    room.agenda.run(10.0)
    room.wire.mend("a")
    room.agenda.run(12.0)
    room.wire.cut("a")
    room.agenda.run(26.0)  # the first cut's patience would be over, the second one's is not
    assert room.heard == []
    room.agenda.run(28.0)
    assert room.told("b") == [b"gone"]


@pytest.mark.parametrize("will", [True, False])
def test_who_leaves_is_heard_of_only_where_it_died(will: bool) -> None:
    room = Room(keep_alive_s=15.0)
    room.wire.leave("a", will=will)
    room.agenda.run(30.0)
    assert room.told("b") == ([b"gone"] if will else [])


def test_who_joins_later_gets_what_was_retained_and_the_newest_of_it() -> None:
    room = Room()
    room.say("x/1", b"old", b"new", retain=True)
    room.say("x/2", b"passing")
    room.agenda.run(10.0)
    heard: list[bytes] = []
    room.wire.join("c", ["x/#"], lambda message: heard.append(message.payload))
    room.agenda.run(20.0)
    assert heard == [b"new"]
