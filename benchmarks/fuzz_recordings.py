"""Fuzzing of the readers of recordings: no exception but `RecordingError`, no warning, bounded memory.

    python benchmarks/fuzz_recordings.py READER [--minutes 10] [--seed 1]
    python benchmarks/fuzz_recordings.py all --minutes 10

READER is a row of the table below. Its own good file is damaged in many ways (bytes garbled, deleted,
doubled; lines taken out or put in from other places; numbers exchanged for extreme ones), written to a
temporary folder and read whole. With ``--coverage`` the inputs come from libFuzzer, guided by coverage and
beginning with the good file; that needs atheris, which is no dependency of the project.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import laboratory_files
import night_files
import recording_files as files

try:
    import atheris
except ImportError:
    atheris = None
with atheris.instrument_imports(include=["sanctuary.firmware_bridge"]) if atheris else nullcontext():
    from sanctuary.config.errors import RecordingError
    from sanctuary.firmware_bridge.recordings.readers import open_source
    from sanctuary.firmware_bridge.recordings.recording_source import NO_READING_OPTIONS, ReadingOptions

LARGEST_RSS_MB = 400
MOST_SAMPLES = 20_000_000
"""Of a file's timeline read in one input; longer ones are read to here."""
N = 600
EXTREME = (
    b"nan",
    b"inf",
    b"1e308",
    b"-1",
    b"1e-320",
    b"99999999999999999999",
    b"0x10",
    b"",
    b" ",
    b"1_0",
    b"-",
    b".",
)
ROWS = range(N)
STAMPS = files.ticks(N, 250)


def _sd() -> bytes:
    counts = np.rint(files.eeg(8, N) / files.CYTON_STEP_UV).astype(np.int64)
    text = (
        files.sd_remark("START", 1000) + files.hex_counts(counts, range(300)) + files.sd_remark("STOP", 2200)
    )
    text += files.sd_remark("START", 2600) + files.hex_counts(counts, range(300, N))
    return text.encode() + files.sd_footer(2400, 250)


def _mind_monitor() -> bytes:
    stamps = files.ticks(N, 256)
    return files.mind_monitor(files.eeg(4, N), stamps, ROWS, events=[(50, "/muse/elements/blink")]).encode()


def _muse_lsl() -> bytes:
    return files.muse_lsl(files.eeg(4, N), files.ticks(N, 256), ROWS).encode()


def _muse() -> bytes:
    return files.brainflow_muse(files.eeg(4, N), files.ticks(N, 256), ROWS).encode()


def _with_pauses(*, bdf: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.edf"
        uv = night_files.eeg_like(4, 64)
        night_files.write_edf(path, uv, 64, annotations=night_files.ROOM, record_s=1, bdf=bdf)
        return night_files.make_discontinuous(path, [0, 1, 12.5, 13.5]).read_bytes()


READERS: dict[str, tuple[Callable[[], bytes], ReadingOptions]] = {
    "openbci-gui-5": (lambda: files.gui_5(files.eeg(8, N), STAMPS, ROWS).encode(), NO_READING_OPTIONS),
    "openbci-gui-2": (lambda: files.gui_4(files.eeg(8, N), STAMPS, ROWS).encode(), NO_READING_OPTIONS),
    "openbci-gui-4": (
        lambda: files.gui_4(files.eeg(4, N), STAMPS, ROWS, milliseconds=True).encode(),
        NO_READING_OPTIONS,
    ),
    "openbci-sd": (_sd, NO_READING_OPTIONS),
    "brainflow": (lambda: files.brainflow_cyton(files.eeg(8, N), STAMPS, ROWS).encode(), NO_READING_OPTIONS),
    "brainflow-muse": (_muse, ReadingOptions(board="muse-2")),
    "mind-monitor": (_mind_monitor, NO_READING_OPTIONS),
    "muse-lsl": (_muse_lsl, NO_READING_OPTIONS),
    "edf": (laboratory_files.good_edf, NO_READING_OPTIONS),
    "edf-plus": (lambda: _with_pauses(bdf=False), NO_READING_OPTIONS),
    "bdf-plus": (lambda: _with_pauses(bdf=True), NO_READING_OPTIONS),
    "xdf": (laboratory_files.good_xdf, NO_READING_OPTIONS),
    "gzip": (laboratory_files.good_gzip, NO_READING_OPTIONS),
    "zip": (laboratory_files.good_zip, NO_READING_OPTIONS),
}
"""Of each reader: its good file, and what must be told of it."""


def read_whole(path: Path, options: ReadingOptions) -> bool:
    """Read a file as `sanctuary` would; whether it could be read.

    Raises
    ------
    AssertionError
        It was read, and what came is without sense.
    """
    try:
        source = open_source(path, options)
        if not source.channels:
            return True
        rate_hz = source.channels[0].fs_hz
        chosen = [i for i, channel in enumerate(source.channels) if channel.fs_hz == rate_hz]
        end, n_samples = 0, source.channels[0].n_samples
        source.probe(chosen[:1], 40)
        for start, values in source.pieces(chosen):
            if start < end or values.ndim != 2 or len(values) != len(chosen):
                raise AssertionError(f"a piece without sense: at {start} after {end}, {values.shape}")
            end = start + values.shape[1]
            if end > n_samples:
                raise AssertionError(f"a piece beyond the end: {end} of {n_samples}")
            if end > MOST_SAMPLES:
                break
    except RecordingError:
        return False
    if not all(text and "\n" not in text for text in source.warnings):
        raise AssertionError(f"warnings without sense: {source.warnings}")
    return True


def damaged(good: bytes, chance: random.Random) -> bytes:
    """Damage a file in one to six ways."""
    data = bytearray(good)
    for _ in range(chance.randint(1, 6)):
        data = bytearray(chance.choice(WAYS)(bytes(data), chance))
    return bytes(data)


def _garbled(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _stretch(data: bytes, chance: random.Random) -> tuple[int, int]:
    at = chance.randrange(len(data) + 1)
    return at, min(len(data), at + chance.choice((1, 2, 10, 100, 1000, 10_000)))


def _deleted(data: bytes, chance: random.Random) -> bytes:
    at, end = _stretch(data, chance)
    return data[:at] + data[end:]


def _doubled(data: bytes, chance: random.Random) -> bytes:
    at, end = _stretch(data, chance)
    return data[:end] + data[at:end] * chance.randint(1, 3) + data[end:]


def _filled(data: bytes, chance: random.Random) -> bytes:
    at, end = _stretch(data, chance)
    filling = chance.choice((b"\0", b"\xff", b"\n", b",", b"\t", b" ", b"9", b"\r")) * (end - at)
    return data[:at] + filling + data[end:]


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    count = chance.choice((1, 1, 5, 50))
    if chance.random() < 0.4:
        del lines[at : at + count]
    else:
        lines[to:to] = lines[at : at + count]
    return b"\n".join(lines)


def _fields(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(lines))
        separator = b"\t" if b"\t" in lines[at] else b","
        fields = lines[at].split(separator)
        fields[chance.randrange(len(fields))] = chance.choice(
            (*EXTREME, str(chance.uniform(-2e9, 2e9)).encode())
        )
        lines[at] = separator.join(fields)
    return b"\n".join(lines)


def _column(data: bytes, chance: random.Random) -> bytes:
    """Give a whole column other numbers: a counter or a clock that does something else."""
    lines = data.split(b"\n")
    separator = b"\t" if b"\t" in data else b","
    column = chance.randrange(30)
    step, jump = chance.choice((0.0, 1.0, -1.0, 0.004, 3600.0, 1e7)), chance.choice((0.0, 1e3, 1e9, -1e6))
    for at, line in enumerate(lines):
        fields = line.split(separator)
        if column < len(fields) and at > 10:
            fields[column] = str(at * step + (jump if at > len(lines) // 2 else 0.0)).encode()
            lines[at] = separator.join(fields)
    return b"\n".join(lines)


WAYS = (_garbled, _deleted, _doubled, _filled, _lines, _fields, _column)


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Fuzzer:
    """Inputs of one reader."""

    def __init__(self, name: str, folder: Path) -> None:
        make, self._options = READERS[name]
        self.name, self.good = name, make()
        self._path = folder / f"{name}_0.dat"
        self.inputs = self.read = 0
        if not self.one(self.good):
            raise AssertionError(f"{name}: its good file cannot be read")

    def one(self, data: bytes) -> bool:
        """Try one input; whether it could be read."""
        self._path.write_bytes(data)
        self.inputs += 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            could = read_whole(self._path, self._options)
        self.read += could
        return could

    def run(self, seconds: float, seed: int) -> None:
        """Try damaged files for some time; a file that fails is kept."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seed += 1
            chance = random.Random(seed)
            data = chance.randbytes(chance.randint(0, 5000)) if seed % 50 == 0 else damaged(self.good, chance)
            try:
                self.one(data)
                if _rss_mb() > LARGEST_RSS_MB:
                    raise AssertionError(f"{_rss_mb():.0f} MB")
            except BaseException:
                kept = Path(tempfile.gettempdir()) / f"fuzz-{self.name}-{seed}"
                kept.write_bytes(data)
                print(f"{self.name}: seed {seed} fails, kept as {kept}")
                raise
        print(f"{self.name}: {self.inputs} inputs, {self.read} of them read, {_rss_mb():.0f} MB", flush=True)


def main() -> None:
    """Fuzz the readers named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reader", choices=[*READERS, "all"])
    parser.add_argument("--minutes", type=float, default=10.0, help="for all readers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coverage", action="store_true", help="by libFuzzer, with atheris")
    asked = parser.parse_args()
    names = list(READERS) if asked.reader == "all" else [asked.reader]
    with tempfile.TemporaryDirectory() as folder:
        fuzzers = [Fuzzer(name, Path(folder)) for name in names]
        if asked.coverage:
            if atheris is None or len(fuzzers) != 1:
                sys.exit("--coverage needs atheris (pip install atheris) and one reader")
            corpus = Path(folder) / "corpus"
            corpus.mkdir()
            (corpus / "good").write_bytes(fuzzers[0].good)
            limits = [f"-max_total_time={asked.minutes * 60:.0f}", f"-max_len={2 * len(fuzzers[0].good)}"]
            limits.append("-rss_limit_mb=2000")  # libFuzzer's own memory grows with its inputs
            atheris.Setup([sys.argv[0], str(corpus), *limits], lambda data: fuzzers[0].one(data) and None)
            atheris.Fuzz()
        for fuzzer in fuzzers:
            fuzzer.run(asked.minutes * 60.0 / len(fuzzers), asked.seed * 1_000_000)


if __name__ == "__main__":
    main()
