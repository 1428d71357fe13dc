"""Reads all nights, several at a time; reports what is doubtful of each, and leaves out what cannot be used.

What to train, and how nights are to be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.errors import InputError
from sanctuary.gateway.training.night_loading import (
    AS_FOUND,
    LoadedNight,
    Reading,
    hours_by_stage,
    load_night,
)
from sanctuary.gateway.training.pairing import LETTERS, known_person, person_of
from sanctuary.gateway.training.sources import LeftOut, NightFile, Survey
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.signal.emission_training import ScoredNight
from sanctuary.signal.samples import STAGES


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to train: settings, who is who, and what the data are."""

    settings: ChainSettings
    person_letters: int | None = None
    note: str = ""
    reading: Reading = AS_FOUND

    def person(self, file: NightFile) -> str:
        """Whose night it is (see `sanctuary.gateway.training.pairing`)."""
        return person_of(file.name, file.path.as_posix(), self.person_letters)


Say = Callable[[str], None]
_LISTED = 10
"""Names in the summary; every one has had its own line."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Nights to train on, and what was left out."""

    used: tuple[tuple[NightFile, LoadedNight], ...]
    left_out: tuple[LeftOut, ...]

    @property
    def nights(self) -> list[ScoredNight]:
        """Every night, and each side of it alone."""
        return [night for _, loaded in self.used for night in loaded.nights]

    @property
    def nights_left_out(self) -> list[str]:
        """Names of recordings that are not used."""
        return [each.name for each in self.left_out if each.is_night]

    @property
    def mostly_left_out(self) -> bool:
        """Whether more than half of the recordings are not used."""
        return len(self.nights_left_out) > len(self.used)


def load_nights(files: Sequence[NightFile], recipe: Recipe) -> list[ScoredNight]:
    """Load all nights, several at a time; of a pair of channels also each side alone.

    Raises
    ------
    InputError
        One of them cannot be used.
    """
    gathered = gather(Survey(tuple(files), (), ()), recipe)
    if gathered.left_out:
        first = gathered.left_out[0]
        raise InputError(f"{first.name}: {first.reason}")
    return gathered.nights


def gather(found: Survey, recipe: Recipe, say: Say = lambda _: None, step: Say = lambda _: None) -> Gathered:
    """Read what was found.

    Parameters
    ----------
    found
        The nights, and what is left out already.
    recipe
        How to read them.
    say
        Called with every warning, everything that is left out, and a summary.
    step
        Called with the name of each night that is finished.

    Raises
    ------
    InputError
        No night can be used.
    """
    for text in found.said:
        say(text)
    for each in found.left_out:
        say(f"left out: {each.name}: {each.reason}")
    used: list[tuple[NightFile, LoadedNight]] = []
    left_out = list(found.left_out)
    by_hash: dict[str, str] = {}
    for file, loaded in _each(found.nights, recipe):
        if isinstance(loaded, str):
            left_out.append(LeftOut(file.name, loaded))
            say(f"left out: {file.name}: {loaded}")
        else:
            used.append((file, loaded))
            for warning in (*_copied(file, loaded, by_hash), *loaded.warnings):
                say(f"{file.name}: {_without_paths(warning, file)}")
        step(file.name)
    gathered = Gathered(tuple(used), tuple(left_out))
    for text in _summary(gathered, recipe):
        say(text)
    if not used:
        raise InputError("no night can be used: each was left out for the reason above; nothing was written")
    return gathered


def _each(files: Sequence[NightFile], recipe: Recipe) -> Iterator[tuple[NightFile, LoadedNight | str]]:
    """Give each night in order as it is read, or the reason why it is not."""
    if not files:
        return
    load = partial(_try, recipe=recipe)
    lost = (
        "a process that read nights was ended from outside, perhaps for want of memory; close other "
        "programs, or name fewer nights"
    )
    with worker_pool(min(len(files), os.cpu_count() or 1), lost, fork=True) as pool:
        yield from zip(files, pool.map(load, files), strict=True)


def _try(file: NightFile, recipe: Recipe) -> LoadedNight | str:
    try:
        return load_night(file, recipe.person(file), recipe.settings, recipe.reading)
    except InputError as error:
        return _without_paths(str(error), file)


def _copied(file: NightFile, loaded: LoadedNight, by_hash: dict[str, str]) -> Iterator[str]:
    """Say that a recording has been read under another name: its person is then in training and test."""
    first = by_hash.setdefault(loaded.hashes[file.path], file.name)
    if first != file.name and file.hypnogram is not None:
        yield (
            f"byte for byte the recording of {first}; take one of them away, or how well the model does is "
            "judged on what it was made of"
        )


def _without_paths(text: str, file: NightFile) -> str:
    """Leave folders off, and the recording's own name where the line begins with it."""
    text = text.removeprefix(f"{file.path}: ")
    for path in (file.path, file.hypnogram, *file.others):
        text = text if path is None else text.replace(str(path), path.name)
    return text


def _summary(gathered: Gathered, recipe: Recipe) -> Iterator[str]:
    left = gathered.nights_left_out
    persons = sorted({loaded.nights[0].person for _, loaded in gathered.used})
    hours = dict.fromkeys(STAGES, 0.0)
    for _, loaded in gathered.used:
        for stage, found_h in hours_by_stage(loaded.nights[0].stages).items():
            hours[stage] += found_h
    each = ", ".join(f"{stage.name} {of_h:.1f}" for stage, of_h in hours.items())
    yield (
        f"nights: {len(gathered.used)} used of {len(gathered.used) + len(left)} found; "
        f"persons: {len(persons)} ({_listed(persons)}); hours scored: {sum(hours.values()):.1f} ({each})"
    )
    unknown = [f for f, _ in gathered.used if known_person(f.name, f.path.as_posix()) is None]
    if unknown and recipe.person_letters is None:
        yield (
            f"of names that no public data set uses the first {LETTERS} letters are taken for the person; "
            "--person-letters says otherwise, 0 makes each night a person of its own"
        )
    if left:
        yield f"left out: {len(left)} of {len(gathered.used) + len(left)} nights ({_listed(left)})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
