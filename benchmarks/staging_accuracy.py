"""How well the chain finds REM in recorded nights, each person judged by a model that has not seen them.

    python benchmarks/staging_accuracy.py --train FOLDER [FOLDER ...] --nights FOLDER [FOLDER ...]
        [--montages pair,single,left,eeg+eog] [--shipped] [--cache FOLDER] [--yasa-python PYTHON]
        [--json OUT.json]

Folders hold EDF nights with ``NIGHT.hypnogram.csv`` beside them; persons are told by their names, as
``sanctuary train`` does. For each person the model is trained on --train without that person, and the
person's nights are replayed through the whole chain, each 30 s epoch judged from the samples up to its end.
With --shipped the package's own model judges, which has seen them. With --yasa-python, YASA (an offline
stager that sees the whole night) runs beside it in that interpreter, on the mean (EEG) and, where the montage
shows eye movements, the difference (EOG).
"""

from __future__ import annotations

import argparse
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from leave_one_out import Trial, line, models, replay_all, summary, whose, with_rem
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.gateway.training.gathering import Recipe
from sanctuary.gateway.training.sources import NightFile, find_nights
from sanctuary.signal.emission import default_emission
from sanctuary.signal.samples import Stage
from sanctuary.signal.scoring import confusion, kappa, stage_scores

TARGETS = {
    "rem_f1": ">= .88 with eyes, >= .75 without",
    "kappa": ">= .74",
    "gate_precision": ">= .95",
    "false_openings": "<= .3 a night",
    "bouts_found": ">= .80",
    "latency": "<= 90 / <= 180 s",
    "not_called_rem": "each >= .97",
}

_PEER = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import mne, numpy as np, yasa, edfio
uv = np.stack([s.data for s in edfio.read_edf(sys.argv[1]).signals])
fs = edfio.read_edf(sys.argv[1]).signals[0].sampling_frequency
data = np.stack((uv.mean(axis=0), uv[0] - uv[-1])) * 1e-6
raw = mne.io.RawArray(data, mne.create_info(["EEG", "EOG"], fs, "eeg"), verbose="error")
names = yasa.SleepStaging(raw, eeg_name="EEG", eog_name="EOG" if sys.argv[2] == "eyes" else None).predict()
names = names.hypno if hasattr(names, "hypno") else names
print(json.dumps([str(name) for name in names]))
"""
_CODES = {"W": 0, "WAKE": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4, "REM": 4}


def peer(file: NightFile, python: Path, eyes: bool) -> tuple[float, float]:
    """REM F1 and kappa of YASA on one night."""
    command = [str(python), "-c", _PEER, str(file.path), "eyes" if eyes else "bands"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    detected = np.array([_CODES[name] for name in json.loads(answer.splitlines()[-1])], dtype=np.int8)
    assert file.hypnogram is not None
    table = confusion(read_hypnogram(file.hypnogram).epochs(len(detected)), detected)
    return stage_scores(table, Stage.R)["f1"] or 0.0, kappa(table) or 0.0


def peers(files: list[NightFile], python: Path, eyes: bool) -> dict[str, float]:
    """Mean scores of YASA."""
    with ThreadPoolExecutor(2) as pool:
        found = np.array(list(pool.map(partial(peer, python=python, eyes=eyes), files)))
    return {"rem_f1": float(found[:, 0].mean()), "kappa": float(found[:, 1].mean())}


def main() -> None:
    """Train, replay, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, nargs="+", default=[])
    parser.add_argument("--nights", type=Path, nargs="+", required=True)
    parser.add_argument("--montages", default="pair,single")
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--yasa-python", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    recipe = Recipe(ChainSettings())
    by_person = {} if args.shipped else models(args.train, recipe, args.cache)
    result: dict[str, Any] = {"targets": TARGETS, "rows": {}}
    for folder in args.nights:
        files = with_rem(find_nights([folder]))
        chosen = {whose(f): default_emission() for f in files} if args.shipped else by_person
        for montage in args.montages.split(","):
            found = summary(replay_all(files, chosen, Trial(montage=montage)))
            print(line(f"{folder.name} {montage}", found), flush=True)
            if args.yasa_python:
                found["yasa"] = peers(files, args.yasa_python, montage in ("pair", "eeg+eog"))
                yasa = found["yasa"]
                print(
                    f"{'':28s} YASA offline: F1 {yasa['rem_f1']:.3f}, kappa {yasa['kappa']:.3f}; ratios: "
                    f"F1 {found['rem_f1'] / yasa['rem_f1']:.2f}, kappa {found['kappa'] / yasa['kappa']:.2f}"
                )
            result["rows"][f"{folder.name} {montage}"] = found
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
