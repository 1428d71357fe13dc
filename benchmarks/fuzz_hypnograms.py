"""Coverage-guided fuzzing of the readers of hypnograms: no error but `InputError`, bounded memory, in order.

    pip install atheris
    python benchmarks/fuzz_hypnograms.py SEED -max_total_time=600

SEED is a good file of ``tests/support/hypnogram_files.py`` (``csv``, ``edf``, ``nsrr``, ``annot``...),
which the fuzzer begins with, or ``any`` for all of them. What follows goes to libFuzzer; ``-rss_limit_mb``
bounds the memory. Atheris is no dependency of the project.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sanctuary.firmware_bridge.hypnograms"]):
    from sanctuary.firmware_bridge.hypnograms.hypnogram import hypnogram_options
    from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from hypnogram_files import SEEDS, FakeNight
from sanctuary.config.errors import InputError

NIGHTS = (None, FakeNight(), FakeNight(start=None))
OPTIONS = (hypnogram_options(), hypnogram_options(20.0, 30.0, "rk"))
WAYS = tuple(product(NIGHTS, OPTIONS))


def check(path: Path, data: bytes) -> None:
    """Read one input in the way that its last byte says; a `Hypnogram` must be in order, and not overlap."""
    path.write_bytes(data)
    night, options = WAYS[(data[-1] if data else 0) % len(WAYS)]
    try:
        hypnogram = read_hypnogram(path, night, options)
    except InputError:
        return
    end_s = 0.0
    for each in hypnogram.scored:
        if each.onset_s < end_s - 0.0011 or not each.duration_s > 0.0:
            raise AssertionError(f"out of order: {each}")
        end_s = each.end_s
    hypnogram.epochs(100)


def main() -> None:
    """Fuzz from the seed named on the command line."""
    if len(sys.argv) < 2 or sys.argv[1] not in (*SEEDS, "any"):
        sys.exit(f"usage: fuzz_hypnograms.py SEED [libFuzzer's options]; seeds: any, {', '.join(SEEDS)}")
    names = SEEDS if sys.argv[1] == "any" else [sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for name in names:
            (corpus / name).write_bytes(SEEDS[name]())
        path = Path(folder) / "night.any"
        atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], lambda data: check(path, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
