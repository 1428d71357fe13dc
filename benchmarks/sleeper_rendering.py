"""How long it takes to render simulated sleepers.

    python benchmarks/sleeper_rendering.py [--sleepers N] [--hours H] [--fs-hz F] [--seed S]

Prints seconds per sleeper and night, on one core, and how much faster than life that is.
"""

from __future__ import annotations

import argparse
import time

from sanctuary.simulator.sleepers.simulated_sleeper import draw_circle


def main() -> None:
    """Render each sleeper's night minute by minute, as a virtual headband asks for it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sleepers", type=int, default=4)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--fs-hz", type=float, default=250.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    spent_s = []
    for sleeper in draw_circle(args.sleepers, args.seed, args.hours, fs_hz=args.fs_hz):
        begun_s = time.process_time()
        for _ in range(round(args.hours * 60)):
            sleeper.render(int(60 * args.fs_hz))
        spent_s.append(time.process_time() - begun_s)
    mean_s = sum(spent_s) / len(spent_s)
    print(
        f"{args.sleepers} sleepers x {args.hours:g} h at {args.fs_hz:g} Hz: {mean_s:.2f} s per sleeper-night "
        f"(slowest {max(spent_s):.2f} s), {args.hours * 3600.0 / mean_s:.0f} times faster than life"
    )


if __name__ == "__main__":
    main()
