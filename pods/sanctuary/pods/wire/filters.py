"""What a client is subscribed to: an immutable set of topic filters that knows what it matches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from paho.mqtt.client import topic_matches_sub

from sanctuary.pods.wire.packets import Qos, check_filter

_MOST_REMEMBERED = 4096
"""Topics whose answer is kept; a sanctuary of 64 pods has some 600."""


class FilterSet:
    """Topic filters with their QoS. Never changes, so any thread may ask it.

    Parameters
    ----------
    filters
        Topic filter -> QoS of the subscription.
    """

    def __init__(self, filters: Mapping[str, Qos] = MappingProxyType({})) -> None:
        self._filters = dict(filters)
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._filters)

    def items(self) -> list[tuple[str, Qos]]:
        """All filters with their QoS, in the order in which they were added."""
        return list(self._filters.items())

    def matches(self, topic: str) -> bool:
        """Tell whether a message on `topic` is wanted."""
        known = self._known.get(topic)
        if known is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            known = any(topic_matches_sub(topic_filter, topic) for topic_filter in self._filters)
            self._known[topic] = known
        return known

    def adding(self, topic_filter: str, qos: Qos) -> FilterSet:
        """Make a set that has this filter too.

        Raises
        ------
        ValueError
            It is not a topic filter.
        """
        check_filter(topic_filter)
        return FilterSet({**self._filters, topic_filter: qos})

    def without(self, topic_filter: str) -> FilterSet:
        """Make a set that lacks this filter."""
        return FilterSet({name: qos for name, qos in self._filters.items() if name != topic_filter})
