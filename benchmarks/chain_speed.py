"""How fast a night is replayed, beside the least that any program must do and beside an offline stager.

    python benchmarks/chain_speed.py [--night FILE.edf] [--hours 8] [--repeats 3] [--yasa-python PYTHON]
        [--profile N] [--json OUT.json]

Three things, each timed several times, best taken, one thread each (OMP_NUM_THREADS=1 and its kin are set
for the processes that are started):

replay
    The whole process ``sanctuary replay NIGHT.edf --json OUT.json``, starting Python included.
floor
    A fresh process that reads the same file with the same reader, filters both channels once (second-order
    sections, 0.3 Hz high-pass) and transforms the last 4 s of both every second. Imports included.
yasa
    ``yasa.SleepStaging(...).predict()`` alone, timed inside its process after loading, on the channels' mean
    (EEG) and difference (EOG).

Targets: at least 3 times faster than YASA's prediction, at most 4 times the floor. Without --night, eight
hours of pink noise (256 Hz, two channels, 20 uV) are written to a temporary folder. Wall time depends on what
else the machine does; processor time (user and system) is printed beside it.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.gateway.replay.recorded_night import open_night, replay_night

FS_HZ = 256.0
RMS_UV = 20.0
TARGETS = {"times_faster_than_yasa": ">= 3", "times_the_floor": "<= 4"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

_FLOOR = """
import sys
from pathlib import Path
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import butter, sosfilt, sosfilt_zi
from sanctuary.firmware_bridge.recordings.readers import open_recording
recording = open_recording(Path(sys.argv[1]))
fs = round(recording.info.fs_hz)
sos = butter(2, 0.3, "highpass", fs=fs, output="sos")
zi = np.repeat(sosfilt_zi(sos)[:, np.newaxis], len(recording.info.channels), axis=1)
hann = np.hanning(4 * fs + 1)[:-1]
kept = np.zeros((len(recording.info.channels), 4 * fs))
for block in recording.blocks(60.0):
    filtered, zi = sosfilt(sos, block.uv, zi=zi)
    joined = np.concatenate((kept, filtered), axis=1)
    kept = joined[:, -4 * fs :]
    np.fft.rfft(sliding_window_view(joined, 4 * fs, axis=1)[:, fs::fs] * hann)
"""

_YASA = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import edfio, mne, numpy as np, yasa
signals = edfio.read_edf(sys.argv[1]).signals[:2]
uv = np.stack([signal.data for signal in signals])
data = np.stack((uv.mean(axis=0), uv[0] - uv[1])) * 1e-6
info = mne.create_info(["EEG", "EOG"], signals[0].sampling_frequency, "eeg")
staging = yasa.SleepStaging(mne.io.RawArray(data, info, verbose="error"), eeg_name="EEG", eog_name="EOG")
wall_s, cpu_s = time.perf_counter(), time.process_time()
staging.predict()
print(json.dumps([time.perf_counter() - wall_s, time.process_time() - cpu_s]))
"""


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds on the clock and of the processor."""

    wall_s: float
    cpu_s: float


def write_noise(path: Path, hours: float, seed: int = 1) -> None:
    """Write two channels of pink noise: half of the power is common to both, as in neighbouring EEG."""
    rng = np.random.default_rng(seed)
    n = round(hours * 3600.0) * round(FS_HZ)
    common, left, right = (_pink(rng, n) for _ in range(3))
    signals = [
        edfio.EdfSignal(
            (common + own) * (RMS_UV / np.sqrt(2.0)),
            FS_HZ,
            label=f"EEG {name}",
            physical_dimension="uV",
            physical_range=(-800.0, 800.0),
        )
        for name, own in (("AF7", left), ("AF8", right))
    ]
    edfio.Edf(signals).write(path)


def _pink(rng: np.random.Generator, n: int) -> Any:
    """Noise of unit power whose density falls as 1/f, level below 0.3 Hz."""
    frequencies = np.fft.rfftfreq(n, 1.0 / FS_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(n)) / np.sqrt(np.maximum(frequencies, 0.3))
    noise = np.fft.irfft(spectrum, n)
    return np.clip(noise / noise.std(), -20.0, 20.0)


def whole_process(command: Sequence[str]) -> Timed:
    """Run a command to its end."""
    before, began_s = _children_cpu_s(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=_one_thread())
    return Timed(time.perf_counter() - began_s, _children_cpu_s() - before)


def own_timing(command: Sequence[str]) -> Timed:
    """Run a command that prints its own two times last."""
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=_one_thread()).stdout
    wall_s, cpu_s = json.loads(answer.splitlines()[-1])
    return Timed(wall_s, cpu_s)


def _one_thread() -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(THREADS, "1")}


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(jobs: dict[str, Callable[[], Timed]], repeats: int) -> dict[str, Timed]:
    """Best times of each job; the jobs take turns, so that a slow minute of the machine hits all alike."""
    runs: dict[str, list[Timed]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            runs[name].append(job())
    return {
        name: Timed(min(run.wall_s for run in found), min(run.cpu_s for run in found))
        for name, found in runs.items()
    }


def ratios(best: dict[str, Timed], seconds: float) -> dict[str, float]:
    """Compute what the targets speak of, on the clock and by processor time."""
    replay, floor = best["replay"], best["floor"]
    found = {
        "times_real_time": seconds / replay.wall_s,
        "times_the_floor": replay.wall_s / floor.wall_s,
        "times_the_floor_cpu": replay.cpu_s / floor.cpu_s,
    }
    if yasa := best.get("yasa"):
        found["times_faster_than_yasa"] = yasa.wall_s / replay.wall_s
        found["times_faster_than_yasa_cpu"] = yasa.cpu_s / replay.cpu_s
    return found


def profile(night: Path, rows: int) -> None:
    """Print where the replay's time goes; the profiler itself makes small functions look dearer."""
    opened = open_night(night)
    profiler = cProfile.Profile()
    profiler.runcall(replay_night, opened, ChainSettings())
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(rows)


def run(night: Path, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time everything on one night."""
    python, result = sys.executable, folder / "replay.json"
    replay = [python, "-m", "sanctuary", "replay", str(night), "--json", str(result)]
    jobs: dict[str, Callable[[], Timed]] = {
        "replay": lambda: whole_process(replay),
        "floor": lambda: whole_process([python, "-c", _FLOOR, str(night)]),
    }
    if arguments.yasa_python is not None:
        jobs["yasa"] = lambda: own_timing([str(arguments.yasa_python), "-c", _YASA, str(night)])
    best = measure(jobs, arguments.repeats)
    seconds = open_night(night).duration_s
    found = ratios(best, seconds)
    print(f"{night.name}: {seconds / 3600:.2f} h, best of {arguments.repeats}, one thread")
    for name, timed in best.items():
        print(f"  {name:8s} {timed.wall_s:7.2f} s wall  {timed.cpu_s:7.2f} s processor")
    for name, value in found.items():
        print(f"  {name:28s} {value:8.2f}  {TARGETS.get(name.removesuffix('_cpu'), '')}")
    if arguments.profile:
        profile(night, arguments.profile)
    return {
        "targets": TARGETS,
        "night_s": seconds,
        "best": {name: {"wall_s": t.wall_s, "cpu_s": t.cpu_s} for name, t in best.items()},
        **found,
    }


def main() -> None:
    """Time, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--night", type=Path, help="an EDF night with two channels; pink noise if left out")
    parser.add_argument("--hours", type=float, default=8.0, help="length of the noise")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--yasa-python", type=Path, help="interpreter with yasa, mne and edfio")
    parser.add_argument("--profile", type=int, default=0, metavar="N", help="print the N dearest functions")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        night = arguments.night or folder / "noise.edf"
        if arguments.night is None:
            write_noise(night, arguments.hours)
        found = run(night, folder, arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
