"""A pod in a process of its own that is killed the moment its first cue sounds: ``killed_pod.py FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pod_bench import CIRCLE, eligible_bench, estimate
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.storage import MemoryKeeper, PodMemories
from sanctuary.pods.pod.events import CommandReceived, EstimateArrived


class DeadlyTrack:
    """A cue track that kills the whole process when something is to sound."""

    def open_window(self, window_id: str, start_s: float, /) -> None:
        """Note nothing."""

    def close_window(self, end_s: float, /) -> None:
        """Note nothing."""

    def silence(self, at_s: float, /) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Note nothing."""

    def play(self, *_: object) -> None:
        """Die without a word."""
        os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    """Dream until the kill."""
    bench = eligible_bench()
    keeper = MemoryKeeper(PodMemories(folder))
    runner = PodShell(
        bench.pod, EventLog(folder / "events.jsonl"), DeadlyTrack(), lambda _: None, keeper=keeper
    )
    now_s, pen, args = bench.now_s, bench.commander, bench.offer_args()
    runner.handle(CommandReceived(pen.offer("pod-1", args, now_s, now_s + 5.0).payload), now_s)
    opened = pen.open(
        "pod-1", args, now_s, start_at_s=now_s + 2.0, zero_s=now_s + 2.0, valid_until_s=now_s + 6.0
    )
    runner.handle(CommandReceived(opened.payload), now_s)
    for _ in range(10):
        now_s += 1.0
        runner.handle(EstimateArrived(estimate(now_s)), now_s)
    print(f"still alive, in {CIRCLE}")  # noqa: T201  the test says so where the kill did not come


if __name__ == "__main__":
    main(Path(sys.argv[1]))
