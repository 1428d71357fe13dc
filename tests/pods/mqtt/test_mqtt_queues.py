"""Topics and filters as MQTT 3.1.1 clause 4.7 has them; queues between threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import BrokerError
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
    first = inbox.pop()
    assert [*([first] if first else []), *inbox.drain()] == kept
    assert inbox.pop() is None


class Link:
    """Carries an outgoing queue; may be lost, and may acknowledge late."""

    def __init__(self, limit: int, window: int) -> None:
        self.queue = OutgoingQueue("pod", limit, window, self._transmit)
        self.connection = 0
        self.sent: list[int] = []
        self.open: list[int] = []
        self.late: list[int] = []
        self.answers: list[asyncio.Future[None]] = []
        self._loop = asyncio.new_event_loop()
        self._loop.close()

    def _transmit(self, message: MqttMessage, connection: int) -> int | None:
        if not self.connection or connection != self.connection:
            return None
        self.sent.append(int(message.payload))
        self.open.append(len(self.sent))
        return len(self.sent)

    def publish(self) -> asyncio.Future[None]:
        self.answers.append(self._loop.create_future())
        self.queue.publish(MqttMessage("a", b"%d" % len(self.answers)), self.answers[-1])
        return self.answers[-1]

    def reconnect(self) -> None:
        """The link was lost, and there is a new one; what the old one acknowledged may be told yet."""
        self.late, self.open = self.open, []
        self.connection += 1
        self.queue.connected(self.connection)

    def acknowledge(self) -> None:
        if self.open:
            self.queue.acknowledged(self.open.pop(0))

    def acknowledge_late(self) -> None:
        if self.late:
            self.queue.acknowledged(self.late.pop(0))


steps = st.lists(
    st.sampled_from([Link.publish, Link.reconnect, Link.acknowledge, Link.acknowledge_late]), max_size=80
)


@given(steps, st.integers(1, 4))
def test_receivers_that_deduplicate_get_everything_once_and_in_order(
    steps: list[Callable[[Link], object]], window: int
) -> None:
    link = Link(1000, window)
    for step in steps:
        step(link)
        assert len(link.open) <= window
    link.reconnect()
    while len(link.queue):
        link.acknowledge()
    assert list(dict.fromkeys(link.sent)) == list(range(1, len(link.answers) + 1))
    assert all(answer.done() for answer in link.answers)


def test_an_outgoing_queue_takes_no_more_than_its_limit() -> None:
    link = Link(limit=2, window=1)
    assert not any(link.publish().done() for _ in range(2))
    with pytest.raises(BrokerError, match="2 others wait for the broker already"):
        link.publish().result()


def test_an_acknowledgement_counts_once() -> None:
    link = Link(10, 10)
    answer = link.publish()
    link.reconnect()
    link.reconnect()
    assert link.sent == [1, 1]
    assert link.queue.acknowledged(1) == MqttMessage("a", b"1")
    assert answer.done()
    assert link.queue.acknowledged(2) is None
    assert link.queue.acknowledged(3) is None
    assert len(link.queue) == 0
