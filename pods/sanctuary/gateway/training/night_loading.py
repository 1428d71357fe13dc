"""One scored night, read: the chain's features of each epoch beside the expert's stages.

What is doubtful of a scored night, from its stages alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import NO_OPTIONS, HypnogramOptions
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recording import Recording, RecordingInfo
from sanctuary.firmware_bridge.recordings.recording_source import NO_READING_OPTIONS, ReadingOptions
from sanctuary.firmware_bridge.recordings.recording_source import open_for_reading as opened
from sanctuary.gateway.training.sources import NightFile
from sanctuary.signal.emission_training import IntArray, ScoredNight, bands_only
from sanctuary.signal.features import Features, TrailingFeatures
from sanctuary.signal.filters import BAND_NAMES, decibel
from sanctuary.signal.frontend import FrontEnd
from sanctuary.signal.samples import EPOCH_S, STAGES, FloatArray, Montage, SampleBlock, Stage, montage_of

LEAST_SCORED_MIN = 20.0
EPOCH_MIN = 0.5


def hours_by_stage(stages: IntArray) -> Mapping[Stage, float]:
    """Hours of each of the five stages among 30 s epochs."""
    return {stage: int((stages == stage).sum()) * EPOCH_MIN / 60.0 for stage in STAGES}


def doubts(stages: IntArray) -> list[str]:
    """Say what is unusual of a night's stages.

    Parameters
    ----------
    stages
        Shape ``(n,)``, one of each 30 s epoch; `Stage.UNKNOWN` where nothing is scored.
    """
    scored_min = int((stages != Stage.UNKNOWN).sum()) * EPOCH_MIN
    found = []
    if scored_min < LEAST_SCORED_MIN:
        found.append(f"only {scored_min:g} min are scored")
    if not (stages == Stage.R).any():
        found.append("no REM is scored")
    shown = [stage for stage in STAGES if (stages == stage).any()]
    if len(shown) == 1 and np.size(stages) > 1:
        found.append(f"all of it is scored {shown[0].name}")
    return found


MARGIN_EPOCHS = 60
"""Waking kept before and after sleep in band-power files: half an hour, as a sleeper in a pod would show."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How nights are to be read, as the user says; the same for all of them.

    Attributes
    ----------
    channels
        As for `open_recording`.
    recording, hypnogram
        What the recordings and their hypnograms do not say of themselves.
    """

    channels: tuple[str, ...] | None = None
    recording: ReadingOptions = NO_READING_OPTIONS
    hypnogram: HypnogramOptions = NO_OPTIONS


AS_FOUND = Reading()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedNight:
    """A night that can be trained on.

    Attributes
    ----------
    nights
        The night; of a pair of channels also each side alone, as when one electrode is lifted.
    hypnogram
        The scoring that was read; None for band powers.
    warnings
        One sentence each: what is doubtful of the recording, its scoring, or both.
    hashes
        SHA-256 of the files that were read.
    """

    nights: tuple[ScoredNight, ...]
    hypnogram: Path | None
    warnings: tuple[str, ...]
    hashes: Mapping[Path, str] = field(default_factory=dict)


def load_night(
    file: NightFile,
    person: str,
    settings: ChainSettings,
    reading: Reading = AS_FOUND,
) -> LoadedNight:
    """Features and stages of one night.

    Raises
    ------
    InputError
        It cannot be trained on; names the file and what is wrong.
    """
    if file.hypnogram is None:
        night = _from_bands(file, person)
        return LoadedNight((night,), None, tuple(doubts(night.stages)), {file.path: sha256(file.path)})
    scorings = (file.hypnogram, *file.others)
    recording = open_recording(file.path, reading.channels, reading.recording)
    if recording.implausible:
        raise RecordingError("; ".join(recording.implausible))
    info = recording.info
    sides = range(2) if montage_of(info.channels) is Montage.PAIR else ()
    watches = [_Watch(recording, rows, settings) for rows in (None, *sides)]
    for block in recording.blocks():
        for watch in watches:
            watch.push(block)
    n_epochs = len(watches[0].found)
    path, stages, said = _scoring(scorings, n_epochs, info, reading.hypnogram)
    if not n_epochs or (stages == Stage.UNKNOWN).all():
        raise RecordingError(f"{path}: scores no epoch of {file.path.name}")
    nights = [
        watch.night(
            file.name if watch.row is None else f"{file.name} {info.channels[watch.row]}", person, stages
        )
        for watch in watches
    ]
    usable = [night for night in nights if _is_usable(night)]
    if nights[0] not in usable:
        raise RecordingError(f"{file.path}: no epoch that is scored has a usable signal")
    warnings = (*file.notes, *recording.warnings, *said, *doubts(stages))
    return LoadedNight(tuple(usable), path, warnings, {each: sha256(each) for each in (file.path, path)})


class _Watch:
    """Features of each 30 s epoch of a recording, of all its chosen channels or of one of them."""

    def __init__(self, recording: Recording, row: int | None, settings: ChainSettings) -> None:
        self.row, info = row, recording.info
        self._rows = slice(None) if row is None else slice(row, row + 1)
        rail_uv = np.array([info.rail_uv[self._rows]], dtype=np.float64)
        self._front_end = FrontEnd(info.fs_hz, montage_of(info.channels[self._rows]), settings, rail_uv)
        self._trailing = TrailingFeatures()
        self.found: list[Features] = []

    def push(self, block: SampleBlock) -> None:
        """Add the next samples."""
        for seconds in self._front_end.push(block.start, block.uv[np.newaxis, self._rows]):
            self._trailing.push(seconds)
            ends = [k for k in range(seconds.count) if (seconds.first_s + k) % EPOCH_S == 0]
            self.found += [self._trailing.at(k) for k in ends]

    def night(self, name: str, person: str, stages: IntArray) -> ScoredNight:
        """Give what was found beside the stages."""
        return ScoredNight(name, person, self._all("band_db"), self._all("eyes"), stages)

    def _all(self, group: str) -> FloatArray:
        return np.concatenate([getattr(each, group) for each in self.found])


def _is_usable(night: ScoredNight) -> bool:
    return bool((np.isfinite(night.band_db).all(axis=1) & (night.stages != Stage.UNKNOWN)).any())


def _scoring(
    paths: Sequence[Path], n_epochs: int, info: RecordingInfo, options: HypnogramOptions
) -> tuple[Path, IntArray, list[str]]:
    """Read a night's scoring, and every other one that has to agree with it.

    Raises
    ------
    InputError
        None can be read, or two say different things.
    """
    read: list[tuple[Path, IntArray]] = []
    said: list[str] = []
    refused: list[InputError] = []
    for path in paths:
        try:
            hypnogram = read_hypnogram(path, info, options)
        except InputError as error:
            refused.append(error)
            continue
        if not read:
            said += hypnogram.warnings
        read.append((path, hypnogram.epochs(n_epochs)))
    if not read:
        raise refused[0]
    first, stages = read[0]
    for other, differing in read[1:]:
        if not np.array_equal(stages, differing):
            raise InputError(
                f"scored twice and not alike, by {first.name} and {other.name}; choose with --scorer where "
                "their names are numbered, or take one away"
            )
        said.append(f"{other.name} says the same as {first.name}")
    return first, stages, [*said, *(f"not used: {error}" for error in refused)]


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
    with opened(path, "a recording or its hypnogram") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
