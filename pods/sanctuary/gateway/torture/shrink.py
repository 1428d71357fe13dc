"""Which of a night's faults a violation takes: delta debugging (Zeller and Hildebrandt 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MOST_TRIES = 250


def shrink(faults: Sequence[int], still_breaks: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...]:
    """Leave faults out while the rule still breaks.

    Parameters
    ----------
    faults
        Numbers of those that struck.
    still_breaks
        Sleeps the night with some of them; tells whether the same rule breaks.

    Returns
    -------
    tuple of int
        A set of which none can be left out, unless that took more than `MOST_TRIES` nights.
    """
    kept, parts, tries = tuple(faults), 2, 0
    if kept and still_breaks(()):
        return ()
    while kept and tries < MOST_TRIES:
        size = max(1, len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            tries += 1
            if still_breaks(rest):
                kept, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), 2 * parts)
    return kept
