"""Places the samples of one headband on one sample clock, over all its connections; pure.

What a device's counter tells to be lost, its codec has marked already. Two things only the time of arrival
can tell: how much went missing between two connections, and how often a short counter went round in a pause
(not at all, where the samples only came late). Both are judged after a moment in which arrivals are held
back, for the earliest of them shows how late the samples really are.

::

    STEADY --pause longer than half the counter's span, or connected again--> HELD
    HELD --in time after all, or HOLD_S passed--> STEADY
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

import numpy as np

from sanctuary.firmware_bridge.stream.sample_rate import RateFit
from sanctuary.signal.samples import SampleBlock

HOLD_S = 1.0
"""How long arrivals are held back to judge how late they are: radios that stall deliver again within this."""
LEAST_PAUSE_S = 0.3
"""Shorter pauses are a busy machine's: nothing is missing."""
IN_TIME_S = 0.02
"""Arrivals no later than this are in time, however coarse the question."""
BEHIND_S = 1.0
"""How far missing samples stay behind the clock while there is no connection, so that they never overtake
samples that were taken already and are still on their way."""
LONGEST_GAP_BLOCK_S = 10.0


class _State(Enum):
    STEADY = auto()
    HELD = auto()


class SampleClock:
    """The sample clock of one headband.

    Parameters
    ----------
    fs_hz, channels
        Nominal rate and channel names, as in its blocks.
    counter_span
        Number of samples after which the device's counter begins again, 1 where it has none; None where
        losses up to that length do not happen within a connection, or its codec tells them apart itself.
    """

    def __init__(self, fs_hz: float, channels: Sequence[str], counter_span: int | None = None) -> None:
        self.fit = RateFit(fs_hz)
        self._fs_hz, self._channels = fs_hz, tuple(channels)
        self._span = counter_span
        self._state = _State.STEADY
        self._unit = 1
        self._held: list[SampleBlock] = []
        self._held_since_s = 0.0
        self._late_s = float("inf")
        self._offset = 0
        self._next = 0
        self._phase = 0.0  # what rounding to whole samples has left over, so that it never adds up
        self._last_s: float | None = None
        self._afresh = False

    @property
    def next(self) -> int:
        """Number of the first sample that has not been placed yet."""
        return self._next

    def connected(self) -> list[SampleBlock]:
        """Begin a connection, whose samples count from 0; returns what was still held of the last one."""
        left = self.release()
        self._last_s = None
        if self.fit.known:
            self._offset = self._next
            self._hold(unit=1)
        self._afresh = True
        return left

    def place(self, block: SampleBlock) -> list[SampleBlock]:
        """Place a block that arrived at its `end_s`; returns blocks that follow one another without a gap.

        Their `end_s` is when their last sample was taken, on the line through the earliest arrivals.

        Raises
        ------
        ValueError
            The block does not say when it arrived.
        """
        if block.end_s is None:
            raise ValueError("a block without its time of arrival")
        if self._state is _State.STEADY and self._paused(block):
            self._hold(unit=self._span or 1)
        self._last_s = block.end_s
        if self._state is _State.STEADY:
            self._begin_line()
            self._learn(block)
            return [self._emit(block)]
        if not self._held:
            self._held_since_s = block.end_s
        self._held.append(block)
        self._late_s = min(self._late_s, self.fit.lateness_s(block.end + self._offset, block.end_s))
        in_time = self._late_s < max(IN_TIME_S, self._unit / self._fs_hz / 2.0)
        if in_time and not self._afresh:
            self._late_s = 0.0  # only late, and nothing is missing
            return self.release()
        return self.release() if block.end_s - self._held_since_s >= HOLD_S else []

    def release(self) -> list[SampleBlock]:
        """Judge what is held by what has come so far, and place it."""
        held, self._held = self._held, []
        late_s, self._late_s = self._late_s, float("inf")
        self._state = _State.STEADY
        if not held:
            return []
        exact = late_s * self._fs_hz + self._phase
        missing = self._unit * round(exact / self._unit)
        if self._unit == 1:
            self._phase = exact - missing
        placed = self._gap(max(0, missing))
        self._offset += missing
        self._begin_line()
        for block in held:
            self._learn(block)
        return placed + [self._emit(fresh) for block in held if (fresh := self._not_overtaken(block))]

    def fill_outage(self, now_s: float) -> list[SampleBlock]:
        """Give what is missing by `now_s`, while there is no connection; nothing before the first sample."""
        if not self.fit.known:
            return []
        missing = int(self.fit.index_at(now_s - BEHIND_S)) - self._next
        placed = self._gap(max(0, missing))
        self._offset = self._next
        return placed

    def _paused(self, block: SampleBlock) -> bool:
        if self._span is None or self._last_s is None or block.end_s is None:
            return False
        pause_s = block.end_s - self._last_s - block.n_samples / self._fs_hz
        return pause_s > max(LEAST_PAUSE_S, self._span / self._fs_hz / 2.0)

    def _hold(self, unit: int) -> None:
        self._state, self._unit = _State.HELD, unit

    def _not_overtaken(self, block: SampleBlock) -> SampleBlock | None:
        """Leave out samples whose place has been given up as lost already."""
        before = self._next - (block.start + self._offset)
        if before <= 0:
            return block
        if before >= block.n_samples:
            return None
        motion = block.motion_g[:, before:] if block.motion_g is not None else None
        return replace(block, start=block.start + before, uv=block.uv[:, before:], motion_g=motion)

    def _begin_line(self) -> None:
        if self._afresh:
            self.fit.connected()
            self._afresh = False

    def _learn(self, block: SampleBlock) -> None:
        if block.end_s is not None:
            self.fit.observe(block.end + self._offset, block.end_s)

    def _emit(self, block: SampleBlock) -> SampleBlock:
        end = block.end + self._offset
        self._next = end
        return replace(block, start=block.start + self._offset, end_s=self.fit.time_of(end))

    def _gap(self, n: int) -> list[SampleBlock]:
        longest = round(LONGEST_GAP_BLOCK_S * self._fs_hz)
        blocks = []
        while n > 0:
            size = min(n, longest)
            uv = np.full((len(self._channels), size), np.nan)
            self._next += size
            blocks.append(
                SampleBlock(
                    self._next - size,
                    self._fs_hz,
                    self._channels,
                    uv,
                    end_s=self.fit.time_of(self._next),
                )
            )
            n -= size
        return blocks


def merge_blocks(blocks: Sequence[SampleBlock]) -> list[SampleBlock]:
    """Join blocks that follow one another and have, or have not, motion alike; the last one's time counts."""
    merged: list[list[SampleBlock]] = []
    for block in blocks:
        if merged and _fits(merged[-1][-1], block):
            merged[-1].append(block)
        else:
            merged.append([block])
    return [group[0] if len(group) == 1 else _joined(group) for group in merged]


def _fits(before: SampleBlock, after: SampleBlock) -> bool:
    alike = (before.motion_g is None) == (after.motion_g is None)
    return alike and before.end == after.start and before.channels == after.channels


def _joined(group: list[SampleBlock]) -> SampleBlock:
    motion = [block.motion_g for block in group if block.motion_g is not None]
    return replace(
        group[0],
        uv=np.concatenate([block.uv for block in group], axis=1),
        motion_g=np.concatenate(motion, axis=1) if motion else None,
        end_s=group[-1].end_s,
    )
