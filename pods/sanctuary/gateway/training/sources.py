"""Scored nights on disk: folders of recordings with scorings, single recordings, and files of band powers.

A band-power file is an npz with, for each night, ``<night>_band`` (epochs, channels, 5 bands of
`spectra.BAND_NAMES`; uV^2/Hz) and ``<night>_y`` (0 W, 1 N1, 2 N2, 3 N3, 4 R), 30 s each; its first channel
is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.recordings.capture import SUFFIX as CAPTURE_SUFFIX
from sanctuary.gateway.training.pairing import Pair, Pairing, files_below, pair_up

_NAMED = 5
"""Files of no known kind that are named; of more only the number is said."""


@dataclass(frozen=True, slots=True)
class NightFile:
    """One night on disk: a recording with its hypnogram, or one night's arrays in a band-power file.

    Attributes
    ----------
    path, hypnogram
        The recording, and its scoring; the band-power file, and None.
    name
        Of the night.
    others
        Further scorings of the same night, which have to agree with `hypnogram`.
    notes
        One sentence each: files beside it that are not used.
    """

    path: Path
    hypnogram: Path | None
    name: str
    others: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not trained on, and why; ``is_night`` where it is a recording."""

    name: str
    reason: str
    is_night: bool = True


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is in the sources.

    Attributes
    ----------
    nights
        Recordings with scorings, and nights of band-power files.
    left_out
        Recordings without a scoring, and scorings without a recording.
    said
        One sentence each: what was passed over.
    """

    nights: tuple[NightFile, ...]
    left_out: tuple[LeftOut, ...]
    said: tuple[str, ...]

    def without(self, beginnings: tuple[str, ...]) -> Survey:
        """Leave out, unsaid, what has a name that begins so."""
        if not beginnings:
            return self
        nights = (each for each in self.nights if not each.name.startswith(beginnings))
        left = (each for each in self.left_out if not Path(each.name).name.startswith(beginnings))
        return Survey(tuple(nights), tuple(left), self.said)


def find_nights(sources: Sequence[Path]) -> list[NightFile]:
    """All scored nights in the sources.

    Raises
    ------
    InputError
        A source is missing or of no use, or there is no scored night.
    """
    found = survey(sources)
    if not found.nights:
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in found.left_out[:_NAMED])
        raise InputError(f"{', '.join(map(str, sources))}: no scored night in it ({reasons})")
    return list(found.nights)


def survey(sources: Sequence[Path], scorer: int | None = None) -> Survey:
    """Look for scored nights, and for what is no night and why.

    Parameters
    ----------
    sources
        Folders, recordings with their scorings beside them, or band-power files.
    scorer
        Number of the expert to follow, where scorings carry numbers.

    Raises
    ------
    InputError
        A source is missing, or holds neither a recording nor a scoring.
    """
    nights: list[NightFile] = []
    left: list[LeftOut] = []
    said: list[str] = []
    bands = [source for source in sources if source.suffix.casefold() == ".npz" and source.is_file()]
    folders = [source for source in sources if source.is_dir()]
    single = [source for source in sources if source not in bands and source not in folders]
    pairings = [_in_folders(folders, scorer, said), *(_of_file(source, scorer) for source in single)]
    seen: dict[Path, Pair] = {}
    for pair in (pair for pairing in pairings for pair in pairing.pairs):
        first = seen.setdefault(Path(pair.recording).resolve(), pair)
        if first is pair:
            nights.append(_night(pair))
        elif first.recording != pair.recording:
            left.append(LeftOut(pair.name, f"the same file as {first.name}"))
    left += [
        LeftOut(_shown(Path(each.path), sources), each.reason, each.is_night)
        for pairing in pairings
        for each in pairing.left_over
    ]
    said += _passed_over([path for pairing in pairings for path in pairing.unused])
    for source in bands:
        nights += _in_bands(source)
    return Survey(tuple(nights), tuple(left), tuple(said))


def _night(pair: Pair) -> NightFile:
    first, *others = (Path(each) for each in pair.scorings)
    return NightFile(Path(pair.recording), first, pair.name, tuple(others), pair.notes)


def _in_folders(folders: Sequence[Path], scorer: int | None, said: list[str]) -> Pairing:
    """Pair what is in all folders together: recordings and scorings may be in different ones."""
    paths: dict[str, None] = {}
    below: dict[Path, list[str]] = {}
    for folder in dict.fromkeys(folders):
        below[folder], passed = files_below(folder)
        paths.update(dict.fromkeys(below[folder]))
        said += passed
    found = pair_up(paths, scorer)
    known = {path for pair in found.pairs for path in (pair.recording, *pair.scorings)}
    known |= {each.path for each in found.left_over}
    for folder, files in below.items():
        if known.isdisjoint(files):
            raise InputError(
                f"{folder}: no scored night in it; a night is a recording with its hypnogram beside it, such "
                "as NIGHT.edf and NIGHT.hypnogram.csv, or named as a public data set names them"
            )
    return found


def _of_file(path: Path, scorer: int | None) -> Pairing:
    """Pair one recording, named by itself, with the scorings in its folder."""
    if not path.is_file():
        raise InputError(f"{path}: neither a folder nor a band-power file (npz), nor a recording; check it")
    beside = [str(each) for each in sorted(path.parent.iterdir()) if each.is_file()]
    found = pair_up(beside, scorer)
    pairs = tuple(pair for pair in found.pairs if pair.recording == str(path))
    left = tuple(each for each in found.left_over if each.path == str(path))
    if not pairs and not any(each.is_night for each in left):
        raise InputError(
            f"{path}: neither a folder nor a band-power file (npz), nor by its name and what is beside it a "
            "recording with a hypnogram; name the recording, and call its hypnogram NIGHT.hypnogram.csv"
        )
    return Pairing(pairs, left, ())


def hypnogram_beside(path: Path) -> Path | None:
    """Give the hypnogram that lies beside a recording and is called as it is; None where there is none.

    Raises
    ------
    InputError
        There are several.
    """
    # a capture is no recording to train on, but its hypnogram is called in the same ways
    named = path if path.suffix != CAPTURE_SUFFIX else path.with_suffix(".edf")
    beside = (
        {str(each) for each in path.parent.iterdir() if each.is_file()} if path.parent.is_dir() else set()
    )
    pair = next((p for p in pair_up(beside | {str(named)}).pairs if p.recording == str(named)), None)
    if pair is None:
        return None
    if len(pair.scorings) > 1:
        names = ", ".join(Path(each).name for each in pair.scorings)
        raise InputError(f"{path}: several hypnograms are beside it, {names}; name one with --hypnogram")
    return Path(pair.scorings[0])


def _passed_over(paths: Sequence[str]) -> Iterator[str]:
    if paths:
        names = ", ".join(Path(path).name for path in paths[:_NAMED])
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        yield f"not used, by their names neither recordings nor hypnograms of one: {names}{more}"


def _shown(path: Path, sources: Sequence[Path]) -> str:
    """Path below the source that it was found in."""
    inside = [path.relative_to(source) for source in sources if path.is_relative_to(source)]
    return str(inside[0]) if inside and inside[0] != Path() else path.name


def _in_bands(path: Path) -> list[NightFile]:
    try:
        with np.load(path, allow_pickle=False) as data:
            names = sorted(key[:-2] for key in data.files if key.endswith("_y"))
            found = [NightFile(path, None, name) for name in names if f"{name}_band" in data.files]
    except (OSError, ValueError, BadZipFile, AttributeError) as error:
        raise InputError(f"{path}: neither a folder nor a band-power file (npz): {error}") from error
    if not found:
        raise InputError(f"{path}: no scored night in it; a night has NIGHT_band and NIGHT_y")
    return found
