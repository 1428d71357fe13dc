"""Scored nights to train on: folders of EDF nights with hypnograms, and files of band powers.

A band-power file is an npz with, for each night, ``<night>_band`` (epochs, channels, 5 bands of
`spectra.BAND_NAMES`; uV^2/Hz) and ``<night>_y`` (0 W, 1 N1, 2 N2, 3 N3, 4 R), 30 s each; its first channel
is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from sanctuary.config.chain import ChainSettings
from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.hypnograms.opening import read_hypnogram
from sanctuary.firmware_bridge.recordings.opening import open_recording
from sanctuary.signal.features import EPOCH_S, Features, TrailingFeatures
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.montage import Montage, montage_of
from sanctuary.signal.samples import Stage
from sanctuary.signal.spectra import BAND_NAMES, decibel
from sanctuary.signal.training import IntArray, ScoredNight, bands_only

MARGIN_EPOCHS = 60
"""Waking kept before and after sleep in band-power files: half an hour, as a sleeper in a pod would show."""
RECORDINGS = (".edf", ".bdf")
HYPNOGRAMS = (".hypnogram.csv", ".hypnogram.txt", ".csv", ".txt", "-Hypnogram.edf", ".hypnogram.edf")


@dataclass(frozen=True, slots=True)
class NightFile:
    """One night on disk: a recording with its hypnogram, or one night's arrays in a band-power file."""

    path: Path
    hypnogram: Path | None
    name: str


def find_nights(sources: Sequence[Path]) -> list[NightFile]:
    """All scored nights in the folders and band-power files.

    Raises
    ------
    InputError
        A source is missing or holds no scored night.
    """
    nights: list[NightFile] = []
    for source in sources:
        found = _in_folder(source) if source.is_dir() else _in_bands(source)
        if not found:
            raise InputError(
                f"{source}: no scored night in it; a night is an EDF or BDF file with its hypnogram beside "
                "it, such as NIGHT.edf and NIGHT.hypnogram.csv"
            )
        nights += found
    return nights


def _in_folder(folder: Path) -> list[NightFile]:
    recordings = sorted(p for p in folder.iterdir() if p.suffix.lower() in RECORDINGS)
    nights = []
    for path in recordings:
        hypnogram = hypnogram_beside(path)
        if hypnogram is not None:
            nights.append(NightFile(path, hypnogram, path.stem))
    return nights


def hypnogram_beside(path: Path) -> Path | None:
    """Give the hypnogram that lies beside a recording and has its name; None where there is none."""
    beside = [path.with_name(path.stem + ending) for ending in HYPNOGRAMS]
    return next((each for each in beside if each.is_file() and each != path), None)


def _in_bands(path: Path) -> list[NightFile]:
    try:
        with np.load(path, allow_pickle=False) as data:
            names = sorted(key[:-2] for key in data.files if key.endswith("_y"))
            return [NightFile(path, None, name) for name in names if f"{name}_band" in data.files]
    except (OSError, ValueError, BadZipFile, AttributeError) as error:
        raise InputError(f"{path}: neither a folder nor a band-power file (npz): {error}") from error


def load_night(
    file: NightFile, person: str, measures: Sequence[str], settings: ChainSettings
) -> list[ScoredNight]:
    """Features and stages of one night; of a pair also those of each side alone, as when one is lifted.

    Raises
    ------
    RecordingError, InputError
        Naming the file and what is wrong.
    """
    if file.hypnogram is None:
        return [_from_bands(file, person)]
    channels = open_recording(file.path).info.channels
    sides = [(name,) for name in channels] if montage_of(channels) is Montage.PAIR else []
    hypnogram, nights = read_hypnogram(file.hypnogram), []
    for chosen in (channels, *sides):
        features = recorded_features(file.path, chosen, measures, settings)
        stages = hypnogram.epochs(len(features))
        if not features or (stages == Stage.UNKNOWN).all():
            raise RecordingError(f"{file.hypnogram}: scores no epoch of {file.path.name}")
        bands, eyes, others = (
            np.concatenate([getattr(each, group) for each in features])
            for group in ("band_db", "eyes", "measures")
        )
        name = file.name if chosen is channels else f"{file.name} {chosen[0]}"
        nights.append(ScoredNight(name, person, bands, eyes, others, stages))
    return nights


def recorded_features(
    path: Path, channels: Sequence[str], measures: Sequence[str], settings: ChainSettings
) -> list[Features]:
    """Compute the chain's features of each 30 s epoch of these channels of a recording."""
    info = (recording := open_recording(path, channels)).info
    rail_uv = np.array([info.rail_uv], dtype=np.float64)
    front_end = FrontEnd(info.fs_hz, montage_of(info.channels), settings, rail_uv)
    trailing = TrailingFeatures(info.fs_hz, front_end.spectrum.freq_hz, measures)
    found = []
    for block in recording.blocks():
        for seconds in front_end.push(block.start, block.uv[np.newaxis]):
            trailing.seconds(seconds)
            ends = [k for k in range(seconds.count) if (seconds.first_s + k) % EPOCH_S == 0]
            found += [trailing.at(k) for k in ends]
    return found


def _from_bands(file: NightFile, person: str) -> ScoredNight:
    with np.load(file.path, allow_pickle=False) as data:
        power, stages = np.asarray(data[f"{file.name}_band"], dtype=np.float64), data[f"{file.name}_y"]
    if power.ndim != 3 or power.shape[2] != len(BAND_NAMES) or stages.shape != power.shape[:1]:
        raise InputError(
            f"{file.path}: {file.name}_band has shape {power.shape}, {file.name}_y {stages.shape}; "
            f"wanted are (epochs, channels, {len(BAND_NAMES)}) and (epochs,)"
        )
    known = np.isin(stages, range(5))
    coded: IntArray = np.where(known, stages, Stage.UNKNOWN).astype(np.int8)
    asleep = np.flatnonzero(coded > Stage.W)
    first, last = (int(asleep[0]), int(asleep[-1])) if asleep.size else (0, len(coded) - 1)
    keep = slice(max(0, first - MARGIN_EPOCHS), last + MARGIN_EPOCHS + 1)
    return bands_only(file.name, person, decibel(power[keep, 0]), coded[keep])


def sha256(path: Path) -> str:
    """Hash of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
