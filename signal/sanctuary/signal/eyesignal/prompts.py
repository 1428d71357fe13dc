"""The standard routine "eyes left, eyes right": what to say, and when."""

from __future__ import annotations

from sanctuary.signal.eyesignal.routine import Side

SPACING_S = 3.0
"""Seconds between prompts: time to move, and to rest."""
FIRST_S = 5.0
"""Seconds before the first prompt."""
ORDER: tuple[Side, ...] = ("left", "centre", "right", "centre") * 4
"""Four rounds: enough to tell a sleeper who follows from one who does not."""
ROUTINE: tuple[tuple[float, Side], ...] = tuple(
    (FIRST_S + SPACING_S * number, side) for number, side in enumerate(ORDER)
)
"""Times in seconds from the start of the routine, and where to look."""
DURATION_S = FIRST_S + SPACING_S * (len(ORDER) + 1)
"""Seconds that the routine takes, the last rest included."""
