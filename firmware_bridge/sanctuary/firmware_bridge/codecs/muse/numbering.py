"""Numbers of 16 bits that go on past 65535, and are doubted where they do not fit.

::

    near the newest                taken at once
    further ahead: a long loss     taken when a second one is near the first, if the time for it has passed
    anything else                  a spoilt number; or, if many on end are near one another, a headband that
                                   has begun to count anew: its numbers then go on from the newest

A restart that falls a little ahead of the newest number looks like a loss. What is doubted is kept, and not
lost if it turns out to be right.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")

SPAN = 65_536
HALF = SPAN // 2
NEAR = 3
"""Bluetooth LE keeps the order, and a busy host nearly so."""
CONFIRMED = 2
SLACK_S = 2.0
"""How late notifications may come: the longest stall of a radio that keeps its connection, and some."""
UNTIMED_S = 30.0
"""Longest loss believed where nobody says when things arrived; no connection outlives a longer one."""


class Numbering(Generic[Item]):
    """Numbers one stream of items.

    Parameters
    ----------
    per_s
        Most numbers used up in a second.
    anew
        Items on end that show that counting began anew.
    """

    def __init__(self, per_s: float, anew: int) -> None:
        self._per_s, self._anew = per_s, anew
        self._shift = 0
        self._last_s: float | None = None
        self._doubted: list[tuple[int, Item]] = []
        self._denied = 0
        self.newest: int | None = None
        """Largest number so far."""
        self.refused = 0
        """Items that were doubted and then left out."""

    def place(self, raw: int, item: Item, now_s: float | None = None) -> list[tuple[int, Item]]:
        """Give an item its number.

        Parameters
        ----------
        raw
            Its number as sent, 0 to 65535.
        now_s
            When it arrived, monotonic seconds, if known.

        Returns
        -------
        The item with its number; or nothing while it is doubted; or all items that were doubted until now.
        """
        newest = raw if self.newest is None else self.newest
        ahead = (raw + self._shift - newest + HALF) % SPAN - HALF
        if abs(ahead) <= NEAR:
            return self._accept([(newest + ahead, item)], now_s) + self._reconsider(now_s)
        self._doubt(newest + ahead, item)
        leap = 0 < ahead <= self._longest_leap(now_s)
        if len(self._doubted) < (CONFIRMED if leap else self._anew):
            return []
        placed, self._doubted = self._doubted, []
        if not leap:
            back = newest + 1 - min(number for number, _ in placed)
            self._shift += back
            placed = [(number + back, each) for number, each in placed]
        return self._accept(placed, now_s)

    def _accept(self, placed: list[tuple[int, Item]], now_s: float | None) -> list[tuple[int, Item]]:
        largest = max(number for number, _ in placed)
        self.newest = largest if self.newest is None else max(self.newest, largest)
        self._last_s = now_s
        return placed

    def _reconsider(self, now_s: float | None) -> list[tuple[int, Item]]:
        """Look again at what is doubted: it is near by now, or refused after a while."""
        if not self._doubted or self.newest is None:
            return []
        self._denied += 1
        if all(abs(number - self.newest) <= NEAR for number, _ in self._doubted):
            placed, self._doubted = self._doubted, []
            return self._accept(placed, now_s)
        if self._denied > NEAR:
            self._refuse()
        return []

    def _doubt(self, number: int, item: Item) -> None:
        self._denied = 0
        if self._doubted and abs(number - self._doubted[-1][0]) > NEAR:
            self._refuse()
        self._doubted.append((number, item))

    def _refuse(self) -> None:
        self.refused += len(self._doubted)
        self._doubted.clear()

    def _longest_leap(self, now_s: float | None) -> float:
        if now_s is None or self._last_s is None:
            return UNTIMED_S * self._per_s
        return (now_s - self._last_s + SLACK_S) * self._per_s
