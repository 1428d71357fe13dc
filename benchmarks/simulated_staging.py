"""How well simulated nights can be staged: by YASA, which sees the whole night, and by the live chain.

    python benchmarks/simulated_staging.py [--yasa-python PYTHON] [--sleepers N] [--hours H] [--seed S]
        [--json OUT.json]

Writes nights as `sanctuary night` does, and judges both stagers against the hypnogram beside each. YASA runs
in the interpreter named, which reads the files with MNE, on the mean of AF7 and AF8 (EEG) and their
difference (EOG). Real nights leave an
offline stager somewhat short of agreement, so the mean kappa of YASA should lie between .55 and .85: above, a
simulated night would be too plain; below, no night that a stager of people knows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from leave_one_out import Trial, replay
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.emission import default_emission
from sanctuary.signal.samples import Stage
from sanctuary.signal.scoring import confusion, kappa, stage_scores
from sanctuary.simulator.sleepers.night_file import edf_bytes, hypnogram_csv
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper, sleeper_seeds

FS_HZ = 256.0
WANTED = (0.55, 0.85)

_PEER = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import mne, numpy as np, yasa
for path in sys.argv[1:]:
    night = mne.io.read_raw_edf(path, preload=True, verbose="error")
    marked = [note for note in night.annotations if note["description"].startswith("Sleep stage ")]
    assert sum(note["duration"] for note in marked) >= night.times[-1] - 30.0
    left, right = night.get_data()
    data = np.stack(((left + right) / 2.0, left - right))
    raw = mne.io.RawArray(data, mne.create_info(["EEG", "EOG"], night.info["sfreq"], "eeg"), verbose="error")
    names = yasa.SleepStaging(raw, eeg_name="EEG", eog_name="EOG").predict()
    names = names.hypno if hasattr(names, "hypno") else names
    print(json.dumps([str(name) for name in names]), flush=True)
"""
_CODES = {"W": 0, "WAKE": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4, "REM": 4}


def write_night(seed: int, folder: Path, hours: float) -> None:
    """Write one simulated night and its hypnogram."""
    sleeper = Sleeper(seed, hours, FS_HZ)
    path = folder / f"{seed:010d}.edf"
    path.with_suffix(".hypnogram.csv").write_text(hypnogram_csv(sleeper.truth))
    with path.open("wb") as file:
        file.writelines(edf_bytes(sleeper))


def chain(file: NightFile) -> dict[str, Any]:
    """Kappa and REM F1 of the live chain on one night."""
    found, _, _ = replay(file, default_emission(), Trial())
    return {
        "night": file.path.stem,
        "chain_kappa": found["kappa"],
        "chain_rem_f1": _rem_f1(found["per_stage"]),
    }


def yasa(files: Sequence[NightFile], python: Path) -> Iterator[dict[str, Any]]:
    """Kappa and REM F1 of YASA on each night, in one process: it takes a while to warm up."""
    command = [str(python), "-c", _PEER, *(str(file.path) for file in files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for file, line in zip(files, process.stdout, strict=True):
            detected = np.array([_CODES[name] for name in json.loads(line)], dtype=np.int8)
            assert file.hypnogram is not None
            table = confusion(read_hypnogram(file.hypnogram).epochs(len(detected)), detected)
            f1 = stage_scores(table, Stage.R)["f1"] or 0.0
            yield {"yasa_kappa": kappa(table) or 0.0, "yasa_rem_f1": f1}


def _rem_f1(per_stage: dict[str, Any]) -> float:
    return float(per_stage["R"]["f1"] or 0.0)


def _line(row: dict[str, Any]) -> str:
    line = f"{row['night']}  chain kappa {row['chain_kappa']:.3f} REM F1 {row['chain_rem_f1']:.3f}"
    if "yasa_kappa" in row:
        line += f"   YASA kappa {row['yasa_kappa']:.3f} REM F1 {row['yasa_rem_f1']:.3f}"
    return line


def main() -> int:
    """Write, stage, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--yasa-python", type=Path)
    parser.add_argument("--sleepers", type=int, default=20)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, worker_pool(2) as pool:
        folder = Path(place)
        seeds = sleeper_seeds(args.sleepers, args.seed)
        list(pool.map(partial(write_night, folder=folder, hours=args.hours), seeds))
        files = find_nights([folder])
        rows = []
        peers = yasa(files, args.yasa_python) if args.yasa_python else repeat({})
        for ours, theirs in zip(pool.map(chain, files), peers, strict=False):
            rows.append(ours | theirs)
            print(_line(rows[-1]), flush=True)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "night"}
    print("mean " + ", ".join(f"{key} {value:.3f}" for key, value in mean.items()))
    if args.json:
        args.json.write_text(json.dumps({"nights": rows, "mean": mean}, indent=1))
    if args.yasa_python is None:
        return 0
    inside = WANTED[0] <= mean["yasa_kappa"] <= WANTED[1]
    print(f"YASA's mean kappa is {'inside' if inside else 'OUTSIDE'} of {WANTED[0]:g} to {WANTED[1]:g}")
    return 0 if inside else 1


if __name__ == "__main__":
    sys.exit(main())
