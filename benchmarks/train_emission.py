"""Train the emission that ships with the package, and say how it was made.

    python benchmarks/train_emission.py --bands BANDS.npz --twins FOLDER [FOLDER ...] --out emission.json

BANDS.npz holds, for each night, ``<night>_band`` (epochs, channels, 5 bands; uV^2/Hz) and ``<night>_y`` (0
W ... 4 R). The spectral part is trained on its first channel. Each FOLDER holds EDF nights with
``NIGHT.hypnogram.csv`` beside them, from which the eye table is counted. Nights named with --without are
left out of both.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.chain import ChainSettings, NormalisationSettings
from sanctuary.firmware_bridge.recordings.edf import open_recording
from sanctuary.firmware_bridge.recordings.hypnogram import read_hypnogram
from sanctuary.signal.emission import Emission, eye_cell
from sanctuary.signal.features import EPOCH_S, Features, TrailingFeatures
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.samples import Stage
from sanctuary.signal.spectra import decibel
from sanctuary.signal.training import IntArray, ScoredBands, ScoredEyes, fit_emission

MARGIN_EPOCHS = 60
"""Waking kept before and after sleep: half an hour, as a sleeper in a pod would show."""


def load_bands(path: Path) -> dict[str, ScoredBands]:
    """Read log band powers and stages of the nights with REM, with half an hour of waking on each side."""
    nights = {}
    with np.load(path) as data:
        for name in sorted(key[:-2] for key in data.files if key.endswith("_y")):
            stages = np.asarray(data[f"{name}_y"], dtype=np.int8)
            asleep = np.flatnonzero(stages != Stage.W)
            if (stages == Stage.R).any():
                keep = slice(max(0, asleep[0] - MARGIN_EPOCHS), asleep[-1] + MARGIN_EPOCHS + 1)
                power = np.asarray(data[f"{name}_band"][keep, 0], dtype=np.float64)
                nights[name] = ScoredBands(decibel(power), stages[keep])
    return nights


def epoch_features(path: Path) -> tuple[list[Features], IntArray]:
    """Compute the chain's features of each epoch of a recorded night, beside the expert's stages."""
    recording = open_recording(path)
    front_end = FrontEnd(
        recording.info.fs_hz,
        len(recording.info.channels),
        ChainSettings(),
        np.array(recording.info.rail_uv, dtype=np.float64),
    )
    trailing, found = TrailingFeatures(len(recording.info.channels)), []
    for block in recording.blocks():
        for second in front_end.push(block):
            trailing.push(second)
            if second.t_s % EPOCH_S == 0:
                found.append(trailing.now())
    return found, read_hypnogram(path.with_suffix(".hypnogram.csv")).epochs(len(found))


def eye_cells(features: Sequence[Features], stages: IntArray) -> ScoredEyes:
    """Eye cells of the scored epochs in which two channels were usable."""
    keep = [i for i, f in enumerate(features) if f.eyes is not None and stages[i] != Stage.UNKNOWN]
    cells = np.array([eye_cell(eyes) for i in keep if (eyes := features[i].eyes) is not None], dtype=np.int64)
    return ScoredEyes(cells, stages[keep])


def night_of(path: Path) -> str:
    """Name of the night in an EDF file name."""
    return path.name.split(".")[0]


def train(
    bands: dict[str, ScoredBands],
    eyes: dict[Path, ScoredEyes],
    without: Sequence[str],
    sources: dict[str, Any],
) -> Emission:
    """Fit on every night whose name does not begin with one of `without`."""

    def kept(name: str) -> bool:
        return not name.startswith(tuple(without)) if without else True

    names = [name for name in bands if kept(name)]
    eye_nights = [night for path, night in eyes.items() if kept(night_of(path))]
    provenance = {
        "spectral": "band powers at Fpz-Cz of expert-scored nights, Sleep-EDF Expanded (Kemp et al. 2000; "
        "Goldberger et al. 2000, PhysioNet), ODC-BY 1.0",
        "eyes": "counts on raw nights re-synthesised from those spectra, with simulated eye movements",
        "made_by": "benchmarks/train_emission.py",
        "nights": names,
        "persons": len({name[:5] for name in names}),
        "epochs": int(sum(night.stages.size for night in (bands[name] for name in names))),
        "eye_epochs": int(sum(night.stages.size for night in eye_nights)),
        **sources,
    }
    return fit_emission([bands[name] for name in names], eye_nights, NormalisationSettings(), provenance)


def sha256(path: Path) -> str:
    """Hash of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def nights_in(folders: Sequence[Path]) -> list[Path]:
    """EDF nights with a hypnogram beside them and REM in it."""
    paths = [path for folder in folders for path in sorted(folder.glob("*.edf"))]
    beside = [path for path in paths if path.with_suffix(".hypnogram.csv").exists()]
    return [path for path in beside if ",R" in path.with_suffix(".hypnogram.csv").read_text()]


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bands", type=Path, required=True)
    parser.add_argument("--twins", type=Path, nargs="+", required=True)
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    paths = nights_in(args.twins)
    eyes: dict[Path, ScoredEyes] = {}
    for path in paths:
        eyes[path] = eye_cells(*epoch_features(path))
        print(path.name, np.bincount(eyes[path].stages, minlength=5).tolist(), flush=True)
    sources = {"bands_sha256": sha256(args.bands), "eye_nights_sha256": {p.name: sha256(p) for p in paths}}
    model = train(load_bands(args.bands), eyes, args.without, sources)
    args.out.write_text(model.to_json(), encoding="utf-8")
    print(f"wrote {args.out}: {model.provenance['epochs']} epochs of {model.provenance['persons']} persons")


if __name__ == "__main__":
    main()
