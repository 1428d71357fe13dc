"""Topics and filters as MQTT 3.1.1 clause 4.7 has them; queues between threads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.pods.mqtt.queues import Inbox, OutgoingQueue
from sanctuary.pods.mqtt.wire_client import FilterSet, MqttMessage, check_filter
from sanctuary.pods.protocol.topics import Qos


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 65_536])
def test_a_message_needs_a_topic_without_wildcards(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        MqttMessage(topic, b"")


def test_a_message_has_qos_0_or_1() -> None:
    with pytest.raises(ValueError, match="QoS 0 or 1 expected, not 2"):
        MqttMessage("a", b"", 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("topic_filter", ["a", "#", "+", "a/+/b", "+/+", "a/#", "/", "a//#"])
def test_filters_that_are_allowed(topic_filter: str) -> None:
    check_filter(topic_filter)


@pytest.mark.parametrize("topic_filter", ["", "a+", "a/#/b", "a#", "+a/b", "#/a", "##", "a\0"])
def test_filters_that_are_not_allowed(topic_filter: str) -> None:
    with pytest.raises(ValueError, match="topic filter"):
        FilterSet().adding(topic_filter)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "wanted"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a", "b", False),
    ],
)
def test_matching(topic_filter: str, topic: str, wanted: bool) -> None:
    filters = FilterSet([topic_filter])
    assert [filters.matches(topic), filters.matches(topic)] == [wanted, wanted]


def test_a_filter_set_never_changes() -> None:
    first = FilterSet("a")
    second = first.adding("b")
    assert (len(first), [*second]) == (1, ["a", "b"])
    assert [*second.without("a")] == ["b"]
    assert second.matches("a")


def test_a_filter_set_forgets_topics_rather_than_growing_for_ever() -> None:
    filters = FilterSet(["a/#"])
    assert all(filters.matches(f"a/{number}") for number in range(5000))
    assert len(filters._known) <= 4096


qos_levels: st.SearchStrategy[Qos] = st.sampled_from((0, 1))


@given(st.lists(qos_levels), st.integers(1, 5))
def test_a_full_inbox_gives_up_the_oldest_qos_0_first(levels: list[Qos], limit: int) -> None:
    inbox, kept = Inbox(limit), list[MqttMessage]()
    for number, qos in enumerate(levels):
        message = MqttMessage("a", b"%d" % number, qos)
        kept.append(message)
        expected = None
        if len(kept) > limit:
            expected = next((other for other in kept if other.qos == 0), kept[0])
            kept.remove(expected)
        assert inbox.put(message) is expected
    assert len(inbox) == len(kept)
    first = inbox.take()
    assert [*([first] if first else []), *inbox.drain()] == kept
    assert inbox.take() is None


def test_an_outgoing_queue_takes_no_more_than_its_limit_and_no_old_number() -> None:
    queue = OutgoingQueue(limit=2, window=1)
    queue.add(3, MqttMessage("a", b""))
    with pytest.raises(ValueError, match="message 3"):
        queue.add(3, MqttMessage("a", b""))
    queue.add(4, MqttMessage("a", b""))
    assert queue.full()
    with pytest.raises(ValueError, match="message 5"):
        queue.add(5, MqttMessage("a", b""))


class Link:
    """Carries an outgoing queue; may be lost, and may answer late."""

    def __init__(self, window: int) -> None:
        self.queue = OutgoingQueue(limit=1000, window=window)
        self.added = 0
        self.wire: list[int] = []
        self.open: list[int] = []
        self.late: list[int] = []

    def add(self) -> None:
        self.added += 1
        self.queue.add(self.added, MqttMessage("a", b"%d" % self.added))

    def send(self) -> None:
        waiting = self.queue.next_unsent()
        if waiting is not None:
            self.wire.append(waiting[0])
            self.open.append(len(self.wire))
            self.queue.sent(len(self.wire))

    def lose(self) -> None:
        self.queue.link_lost()
        self.late, self.open = self.open, []

    def answer(self) -> None:
        if self.open:
            self.queue.acknowledged(self.open.pop(0))

    def answer_late(self) -> None:
        if self.late:
            self.queue.acknowledged(self.late.pop(0))


steps = st.lists(st.sampled_from(["add", "send", "lose", "answer", "answer_late"]), max_size=80)


@given(steps, st.integers(1, 4))
def test_receivers_that_deduplicate_get_everything_once_and_in_order(steps: list[str], window: int) -> None:
    link = Link(window)
    for step in steps:
        getattr(link, step)()
        assert len(link.open) <= window
    while len(link.queue):
        link.send()
        link.answer()
    assert list(dict.fromkeys(link.wire)) == list(range(1, link.added + 1))
    assert link.queue.next_unsent() is None


def test_an_acknowledgement_counts_once() -> None:
    queue = OutgoingQueue(10, 10)
    queue.add(1, MqttMessage("a", b""))
    queue.sent("before")
    queue.link_lost()
    queue.next_unsent()
    queue.sent("after")
    assert queue.acknowledged("before") == (1, MqttMessage("a", b""))
    assert queue.acknowledged("after") is None
    assert queue.acknowledged("unknown") is None
    assert queue.clear() == []
