"""Which recording goes with which scoring, by the names and folders of the files alone.

A scoring goes to the recording whose name it holds most of, in the same folder, or in another branch of the
tree as the NSRR keeps them (``edfs/shhs1`` and ``annotations-events-nsrr/shhs1``). Where names do not decide,
nothing is guessed: the night is left out and the files are named.

Whose night it is, by its name: nights of one person are never split between training and testing.

Known are the names of public sets in which a person has several nights. Of other names the first letters
count, which rather takes two persons for one than one for two.

The files below a folder: bounded, in one order on every machine, links followed once.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sanctuary.config.errors import InputError
from sanctuary.gateway.training.file_names import (
    NOT_READ,
    SCORINGS,
    SIGNALS,
    Claim,
    FileName,
    Role,
    read_name,
)

_BRANCH = re.compile(
    r".*(?:annot|hypno|scor|stag|label|event|nsrr|profusion|derivatives).*"
    r"|edfs?|psgs?|recordings?|signals?|eeg|data|raw|bdf|xmls?|polysomnography"
)
"""Folders that say what kind of file is in them, not whose."""
_WEIGHT = {"nsrr": 1, "profusion": 2, "": 3, "annotation": 4, "annotations": 4, "events": 5}
"""Which of several scorings of a night is taken, the least first; a name that says hypnogram is 0."""

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A recording with its scoring.

    Attributes
    ----------
    name
        Of the night; no other has it.
    recording
        Path.
    scorings
        Paths: one, or several of which names do not tell whether they say the same.
    notes
        One sentence each: what is beside it and not used.
    """

    name: str
    recording: str
    scorings: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that is in no pair, and why; a recording among them is a night that was left out."""

    path: str
    reason: str
    is_night: bool


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs and what is left over, in the order of their paths; `unused` are files of no known kind."""

    pairs: tuple[Pair, ...]
    left_over: tuple[Leftover, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A scoring and the claim by which it goes to a recording."""

    file: FileName
    claim: Claim

    @property
    def weight(self) -> int:
        return _WEIGHT.get(self.claim.mark, 0)


def pair_up(paths: Iterable[str], scorer: int | None = None) -> Pairing:
    """Pair recordings with scorings.

    Parameters
    ----------
    paths
        Files, ``/`` between folders, each once.
    scorer
        Number of the expert to follow, where a night's scorings carry such numbers.
    """
    files = [read_name(path) for path in sorted(paths)]
    notes: dict[str, list[str]] = defaultdict(list)
    recordings, scorings, unused = _sorted_out(files, notes)
    left = [
        Leftover(file.path, "a model's prediction by its name, not an expert's hypnogram", is_night=False)
        for file in files
        if file.role is Role.PREDICTION
    ]
    by_key = _by_key(recordings)
    taken: dict[str, list[_Found]] = defaultdict(list)
    for file in scorings:
        fitting = _fitting(file, by_key)
        if len(fitting) == 1:
            taken[fitting[0][0].path].append(_Found(file, fitting[0][1]))
        else:
            left.append(Leftover(file.path, _homeless(fitting), is_night=False))
    pairs, names = [], _names(recordings)
    for file in recordings:
        chosen, reason = _choose(file, taken[file.path], scorer, notes[file.path])
        if chosen:
            found = tuple(each.file.path for each in chosen)
            pairs.append(Pair(names[file.path], file.path, found, tuple(notes[file.path])))
        else:
            left.append(Leftover(file.path, reason, is_night=True))
    return Pairing(tuple(pairs), tuple(sorted(left, key=lambda each: each.path)), tuple(unused))


def _sorted_out(
    files: Sequence[FileName], notes: Mapping[str, list[str]]
) -> tuple[list[FileName], list[FileName], list[str]]:
    """Give recordings, scorings, and the paths of what is neither."""
    recordings = _one_each([f for f in files if f.role is Role.RECORDING], notes)
    scorings = [f for f in files if f.role is Role.SCORING]
    either = [f for f in files if f.role is Role.EITHER]
    by_key = _by_key(recordings)
    beside = {(f.folder, claim.key) for f in scorings for claim in f.claims}
    unused = []
    for file in either:
        if _fitting(file, by_key):
            scorings.append(file)
        elif file.may_be_recording and any(
            (file.folder, key) in beside for key in file.recording_keys if key
        ):
            recordings.append(file)
        else:
            unused.append(file.path)
    return sorted(recordings, key=_path), sorted(scorings, key=_path), unused


def _one_each(recordings: Sequence[FileName], notes: Mapping[str, list[str]]) -> list[FileName]:
    """Take one file of a recording that is there in several formats, packed, or one file a channel."""
    zmax = {f.folder for f in recordings if f.stem.casefold() == "eeg l"}
    same: dict[tuple[str, str], list[FileName]] = defaultdict(list)
    for file in recordings:
        if not (file.folder in zmax and file.is_zmax_part):
            same[file.folder, file.stem.casefold()].append(file)
    kept = []
    for group in same.values():
        first, *others = sorted(group, key=lambda f: (_place_in(SIGNALS, f.extension), f.packed, f.path))
        notes[first.path].extend(
            f"{each.name} is taken for the same recording and is not read" for each in others
        )
        kept.append(first)
    return kept


def _by_key(recordings: Iterable[FileName]) -> dict[tuple[Place, str], list[FileName]]:
    found: dict[tuple[Place, str], list[FileName]] = defaultdict(list)
    for file in recordings:
        for key in filter(None, file.recording_keys):
            found[_place(file.folder), key].append(file)
        found[(file.folder,), ""].append(file)
    return found


def _fitting(
    file: FileName, by_key: Mapping[tuple[Place, str], list[FileName]]
) -> list[tuple[FileName, Claim]]:
    """Find the recordings that a scoring fits best, and the reading of its name; more than one is a tie."""
    ranked: dict[tuple[int, bool, bool], dict[str, tuple[FileName, Claim]]] = defaultdict(dict)
    for claim in file.claims:
        where = _place(file.folder) if claim.key else (file.folder,)
        if not claim.key and not claim.mark:
            continue
        for recording in by_key.get((where, claim.key), ()):
            whole = recording.stem.casefold() == claim.key
            rank = (len(claim.key), recording.folder == file.folder, whole)
            ranked[rank].setdefault(recording.path, (recording, claim))
    return list(ranked[max(ranked)].values()) if ranked else []


def _homeless(fitting: Sequence[tuple[FileName, Claim]]) -> str:
    if not fitting:
        return "no recording of this name is beside it"
    return f"it could be of {_listed([recording.name for recording, _ in fitting])}; give it the name of one"


def _choose(
    recording: FileName, found: Sequence[_Found], scorer: int | None, notes: list[str]
) -> tuple[list[_Found], str]:
    """Scorings of a recording to read, or none and the reason."""
    if recording.extension in NOT_READ:
        return [], "an HDF5 file, which is not read; convert the recording to EDF"
    if not found:
        return [], f"no hypnogram beside it, such as {recording.stem}.hypnogram.csv"
    numbers = sorted({each.claim.scorer for each in found if each.claim.scorer is not None})
    if scorer is not None and numbers:
        found = [each for each in found if each.claim.scorer == scorer]
        if not found:
            return [], f"no hypnogram by scorer {scorer}; there is {_listed([str(n) for n in numbers])}"
    least = min(each.weight for each in found)
    best: dict[str, list[_Found]] = defaultdict(list)
    for each in found:
        if each.weight == least:
            best[each.file.stem.casefold() if each.claim.mark else each.file.path].append(each)
    chosen = [min(group, key=_preference) for group in best.values()]
    for each in found:
        if each not in chosen:
            notes.append(f"{each.file.name} is not used; {_listed([c.file.name for c in chosen])} is")
        elif each.claim.scorer is not None:
            notes.append(f"{each.file.name} is taken for scorer {each.claim.scorer}'s")
    return sorted(chosen, key=lambda each: each.file.path), ""


def _preference(found: _Found) -> tuple[int, bool, str]:
    return _place_in(SCORINGS, found.file.extension), found.file.packed, found.file.path


def _names(recordings: Sequence[FileName]) -> dict[str, str]:
    """Call a night by its file, or its folder where the file says nothing; with folders where two agree."""
    own = {f.path: _ending(f, 1) if f.is_generic else f.stem for f in recordings}
    for depth in range(1, 1 + max((len(PurePosixPath(f.folder).parts) for f in recordings), default=0)):
        counts = Counter(name.casefold() for name in own.values())
        for file in recordings:
            if counts[own[file.path].casefold()] > 1:
                own[file.path] = _ending(file, depth + 1) if file.is_generic else _below(file, depth)
    counts = Counter(name.casefold() for name in own.values())
    return {path: name if counts[name.casefold()] == 1 else path for path, name in own.items()}


def _ending(file: FileName, depth: int) -> str:
    return "/".join(PurePosixPath(file.folder).parts[-depth:]) or file.stem


def _below(file: FileName, depth: int) -> str:
    return "/".join((*PurePosixPath(file.folder).parts[-depth:], file.stem))


def _place(folder: str) -> Place:
    """Folders without those that say what kind of file is in them."""
    parts = (part.casefold() for part in PurePosixPath(folder).parts)
    return tuple(part for part in parts if not _BRANCH.fullmatch(part))


def _place_in(order: Sequence[str], extension: str) -> int:
    return order.index(extension) if extension in order else len(order)


def _path(file: FileName) -> str:
    return file.path


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


LETTERS = 5
"""First letters of a night's name that are its person, where the name is of no known set."""
_SETS = (
    re.compile(r"(?P<who>(?:SC4|ST7)\d\d)\d", re.IGNORECASE),  # Sleep-EDF: subject, then night
    re.compile(r"(?P<who>\d\d-\d\d-\d{4})\b"),  # MASS: cohort, subset, subject
    re.compile(r"(?P<set>shhs|cfs|mros|sof|mesa|chat|ccshs|abc|apoe|apples|heartbeat|homepap|hchs|nchsdb|wsc|msp"
               r"|numom2b)(?:[ _-]?(?:visit|exam|v)?[ _-]?\d{1,2})?(?:[ _-][a-z]{3,}\d{0,2})*"
               r"[ _-](?P<who>[a-z]{0,2}\d{3,})", re.IGNORECASE),  # NSRR: set, visit, subject
    re.compile(r"(?P<who>SN\d{3})\b", re.IGNORECASE),  # HMC
    re.compile(r"(?P<who>ucddb\d{3})", re.IGNORECASE),  # SVUH
    re.compile(r"(?P<who>(?:brux|ins|n|narco|nfle|plm|rbd|sdb)\d{1,2})(?![0-9a-z])", re.IGNORECASE),  # CAP
)  # fmt: skip
_BIDS = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9]+)")
_ISRUC = re.compile(r"(?:^|/)(?P<who>\d{1,3})/(?:[12]/)?\d{1,3}\.rec$", re.IGNORECASE)
"""Subject, of the second group two nights below, then a file of the folder's name."""


def person_of(name: str, path: str, letters: int | None = None) -> str:
    """Name the person of a night.

    Parameters
    ----------
    name
        Of the night.
    path
        Of its recording, ``/`` between folders.
    letters
        First letters of the name that are the person, 0 for the whole name; None reads the names of public
        sets, and takes `LETTERS` of others.
    """
    if letters is None:
        return known_person(name, path) or name[:LETTERS]
    return name[:letters] if letters else name


def known_person(name: str, path: str) -> str | None:
    """Person by the names of a public set, or None."""
    if subjects := _BIDS.findall(name) or _BIDS.findall(path):
        return str(subjects[-1])
    for pattern in _SETS:
        if found := pattern.match(name.rpartition("/")[2]):
            parts = found.groupdict()
            return f"{parts['set'].lower()}-{parts['who']}" if "set" in parts else found["who"]
    found = _ISRUC.search(path)
    return found["who"] if found else None


DEEPEST = 12
"""Folders below the one named; public sets need five."""
MOST_FILES = 200_000


def files_below(folder: Path) -> tuple[list[str], list[str]]:
    """Paths of the files in a folder and those below it, and a sentence for each place not looked into.

    Hidden files and folders are passed over, and so is ``__MACOSX``. A folder that several links lead to is
    entered once.

    Raises
    ------
    InputError
        There are more than `MOST_FILES`, or the folder itself cannot be read.
    """
    found: list[str] = []
    said: list[str] = []
    entered: set[tuple[int, int]] = set()
    waiting = [(str(folder), 0)]
    while waiting:
        here, depth = waiting.pop()
        try:
            files, folders = _entries(here, entered)
        except OSError as error:
            text = f"{here}: the folder cannot be read ({error.strerror or error})"
            if depth == 0:
                raise InputError(f"{text}; change its permissions") from error
            said.append(text)
            continue
        found += files
        if len(found) > MOST_FILES:
            raise InputError(
                f"{folder}: more than {MOST_FILES} files below it; name the folders of the nights"
            )
        if depth < DEEPEST:
            waiting += [(each, depth + 1) for each in reversed(folders)]
        elif folders:
            said.append(f"{here}: folders below it are not looked into, {DEEPEST} deep; name them")
    return found, said


def _entries(here: str, entered: set[tuple[int, int]]) -> tuple[list[str], list[str]]:
    """Sorted files and folders of one folder; nothing where it has been entered before."""
    status = Path(here).stat()
    if (status.st_dev, status.st_ino) in entered:
        return [], []
    entered.add((status.st_dev, status.st_ino))
    with os.scandir(here) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    seen = [e for e in entries if not e.name.startswith(".") and e.name != "__MACOSX"]
    folders = [e.path for e in seen if e.is_dir()]
    # a link that leads nowhere is kept: opening it will say so
    return [e.path for e in seen if not e.is_dir() and (e.is_symlink() or e.is_file())], folders
