"""What starting the program costs before it does anything, against an interpreter that does nothing.

    python benchmarks/command_start.py [--runs 20] [--json OUT.json]

Printed for each command line: processor time in user mode, mean of all runs in milliseconds, and how many
times that of ``python -c pass``. Runs of all lines take turns, so that a busy machine slows them alike.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

LINES = ("--version", "confg", "--zzz", "config show --zzz", "--help", "demo --help")
ALLOWED = {"--version": 4.0, "confg": 4.0}
"""How many times an empty interpreter's time a line may cost."""
EMPTY = [sys.executable, "-c", "pass"]


def user_s(command: list[str]) -> float:
    """Run a command and give the seconds of user time that it took."""
    before_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s


def main() -> int:
    """Measure; exit code 1 where a line costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    program = str(Path(sys.executable).with_name("sanctuary"))
    commands = {"": EMPTY, **{line: [program, *line.split()] for line in LINES}}
    taken_s = dict.fromkeys(commands, 0.0)
    for command in commands.values():
        user_s(command)  # compiles what is not compiled yet
    for _ in range(options.runs):
        for line, command in commands.items():
            taken_s[line] += user_s(command)
    ratios = {line: taken_s[line] / taken_s[""] for line in LINES}
    print(f"{'python -c pass':28} {1e3 * taken_s[''] / options.runs:7.1f} ms")
    for line, ratio in ratios.items():
        print(f"{'sanctuary ' + line:28} {1e3 * taken_s[line] / options.runs:7.1f} ms  {ratio:5.1f} x")
    if options.json:
        options.json.write_text(json.dumps(ratios, indent=1) + "\n", encoding="utf-8")
    return int(any(ratios[line] > limit for line, limit in ALLOWED.items()))


if __name__ == "__main__":
    sys.exit(main())
