"""Eight hours of every kind of headband in accelerated time, with 200 disconnections, loss and garbage.

    python benchmarks/rough_nights.py [--hours 8] [--outages 200] [--kinds cyton,muse] [--json OUT.json]

The true driver, codec, pump and clock read virtual headbands whose every sample tells its own number, over a
link that is late, loses one percent and breaks. Printed for each: samples that survived, were marked as lost,
and were wrong; and the error in time of those that survived. A second, shorter night tells what the program
itself has allocated and still holds, once it is under way and at its end.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from headband_nights import RADIO_KINDS, SERIAL_KINDS, sleep, slept
from rough_night import Night, spread_outages
from sanctuary.signal.samples import SampleBlock

PPM = 200.0
SEED = 1
WEIGHED_H = 1.0
LOOK_EVERY_S = 120.0


class Scales(list[SampleBlock]):
    """Weighs now and then what the program holds, and keeps none of its blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.held_kb: list[float] = []
        self._due_s: float | None = None

    def append(self, block: SampleBlock) -> None:
        """Let a block go."""
        if self._due_s is None:
            self._due_s = block.start / block.fs_hz + LOOK_EVERY_S
        if block.start / block.fs_hz >= self._due_s:
            self._due_s = block.start / block.fs_hz + LOOK_EVERY_S
            program = tracemalloc.Filter(inclusive=True, filename_pattern="*/sanctuary/firmware_bridge/*")
            held = tracemalloc.take_snapshot().filter_traces([program]).statistics("filename")
            self.held_kb.append(sum(each.size for each in held) / 1000.0)


def rough_night(hours: float, outages: int) -> Night:
    """Describe a night."""
    return Night(hours, PPM, SEED, spread_outages(outages, hours, SEED))


def one(kind: str, hours: float, outages: int, **options: Any) -> dict[str, Any]:
    """Sleep one night."""
    night = rough_night(hours, outages)
    began_s = time.perf_counter()
    verdict = slept(kind, night, **options)
    return {
        "survived": verdict.survived,
        "marked": verdict.marked,
        "wrong": verdict.wrong,
        "error_ms": {"median": verdict.error_ms[0], "p99": verdict.error_ms[1], "worst": verdict.error_ms[2]},
        "connections": night.connections,
        "bursts": night.bursts,
        "told": len(night.said),
        "wall_s": time.perf_counter() - began_s,
        "held_kb": weigh(kind, **options),
    }


def weigh(kind: str, **options: Any) -> dict[str, float]:
    """Say what the program holds in the second and the last quarter of a shorter night, kilobytes.

    In the first it fills what it is meant to keep, above all ten minutes of arrivals.
    """
    night = rough_night(WEIGHED_H, round(WEIGHED_H * 25))
    night.blocks = scales = Scales()
    tracemalloc.start()
    try:
        sleep(kind, night, **options)
    finally:
        tracemalloc.stop()
    quarter = max(1, len(scales.held_kb) // 4)
    return {"early": max(scales.held_kb[quarter : 2 * quarter]), "late": max(scales.held_kb[-quarter:])}


def main() -> None:
    """Sleep all nights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--outages", type=int, default=200)
    parser.add_argument("--kinds", default=",".join([*SERIAL_KINDS, *RADIO_KINDS, "ganglion2"]))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for kind in options.kinds.split(","):
        firmware = {"firmware": 2} if kind == "ganglion2" else {}
        result = one(kind.removesuffix("2") if firmware else kind, options.hours, options.outages, **firmware)
        results[kind] = result
        error, held = result["error_ms"], result["held_kb"]
        print(
            f"{kind:12} survived {result['survived']:>9}  marked {result['marked']:>8}"
            f"  wrong {result['wrong']:>4}"
            f"  error {error['median']:5.1f} / {error['p99']:5.1f} / {error['worst']:6.1f} ms"
            f"  connections {result['connections']}  garbage {result['bursts']}"
            f"  holds {held['early']:.0f} -> {held['late']:.0f} kB  {result['wall_s']:.0f} s",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
