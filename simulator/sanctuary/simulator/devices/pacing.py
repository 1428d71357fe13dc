"""When a virtual headband's packets are due: by a crystal of its own, and no more than its memory holds."""

from __future__ import annotations

LONGEST_S = 60.0
"""What is due after a longer pause than this is more than a headband keeps: the rest is gone."""


class Pacer:
    """Counts packets from the start of a stream.

    Parameters
    ----------
    per_s
        Packets a second.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._start_s: float | None = None
        self._made = 0

    @property
    def running(self) -> bool:
        """Whether the stream runs."""
        return self._start_s is not None

    def start(self, now_s: float) -> None:
        """Begin."""
        self._start_s, self._made = now_s, 0

    def stop(self) -> None:
        """End."""
        self._start_s = None

    def due(self, now_s: float) -> tuple[int, int]:
        """Packets that have become due: those that nobody kept, and those to be sent."""
        if self._start_s is None:
            return 0, 0
        new = int((now_s - self._start_s) * self._per_s + 1e-9) - self._made
        if new <= 0:
            return 0, 0
        self._made += new
        kept = min(new, int(LONGEST_S * self._per_s))
        return new - kept, kept

    def time_of(self, packet: int) -> float:
        """When a packet, counted from 0, is due; seconds since the start."""
        return (packet + 1) / self._per_s

    @property
    def made(self) -> int:
        """Packets so far."""
        return self._made
