"""Which channels of a file are the frontal EEG: labels as files write them, and the choice among them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sanctuary.config.errors import RecordingError
from sanctuary.signal.montage import montage_of

PAIRS = (("AF7", "AF8"), ("Fp1", "Fp2"), ("F7", "F8"), ("F3", "F4"))
"""Frontal pairs, best first (eye movements are of opposite sign left and right)."""
SINGLES = (
    "AF7", "AF8", "Fp1", "Fp2", "Fpz", "Fpz-Cz", "AFz", "F7", "F8", "F3", "F4", "Fz",
)  # fmt: skip
"""Single frontal channels, best first."""

_PREFIX = re.compile(r"^(EEG|RAW)[\s:_-]+", re.IGNORECASE)
_REFERENCE = re.compile(
    r"[\s:_-]+(REF|LE|AVG|AVE|AVERAGE|CAR|LM|[AM][12]|A1\+?A2|M1\+?M2|\(?(A1\+A2|M1\+M2)\)?/2)$",
    re.IGNORECASE,
)
_HORIZONTAL = re.compile(r"\bEOG[\s:_-]+(horizontal|horiz|H)\b|\bHEOG\b", re.IGNORECASE)
_SPELLING = {name.casefold(): name for name in SINGLES}


def short_name(label: str) -> str:
    """Electrode of a label: ``"EEG AF7-Ref"`` -> ``"AF7"``, ``"EEG FPZ-CZ"`` -> ``"Fpz-Cz"``.

    The prefix ``EEG`` and a common reference (``-Ref``, ``-M1``, ``:A2``, ``-LE``...) are left off; the
    second electrode of a bipolar derivation stays, as it is not a reference for all channels.
    """
    bare = _PREFIX.sub("", label.strip()).rstrip(". ")
    name = _REFERENCE.sub("", bare) or bare
    return _SPELLING.get(name.casefold(), name)


def choose_channels(labels: Sequence[str], wanted: Sequence[str] | None, where: str) -> tuple[int, ...]:
    """Positions in `labels` of one or two frontal channels, left one first, or of one and a horizontal EOG.

    Parameters
    ----------
    labels
        Labels of the file's signals, without annotations.
    wanted
        One or two names, each a label of the file or an electrode (``AF7``); None chooses.
    where
        The file, for messages.

    Raises
    ------
    RecordingError
        Nothing fits; the message lists what the file has.
    """
    if wanted is None:
        return _automatic(labels, where)
    if not 1 <= len(wanted) <= 2:
        raise RecordingError(f"{where}: {len(wanted)} channels were asked for; name one or two")
    found = [_named(labels, name, where) for name in wanted]
    if len(set(found)) != len(found):
        raise RecordingError(f"{where}: {' and '.join(wanted)} are the same channel; name two different ones")
    if len(found) == 2 and (_side(labels[found[0]]), _side(labels[found[1]])) == ("right", "left"):
        found.reverse()
    try:
        montage_of([labels[i] for i in found])
    except ValueError as error:
        raise RecordingError(f"{where}: {error}") from error
    return tuple(found)


def _automatic(labels: Sequence[str], where: str) -> tuple[int, ...]:
    names = [short_name(label) for label in labels]
    for left, right in PAIRS:
        if left in names and right in names:
            return names.index(left), names.index(right)
    for single in SINGLES:
        if single in names:
            eog = [i for i, label in enumerate(labels) if _HORIZONTAL.search(label)]
            return (names.index(single), *eog[:1])
    raise RecordingError(
        f"{where}: no frontal EEG channel found (looked for AF7 and AF8, Fp1 and Fp2, F7 and F8, F3 and F4, "
        f"Fpz); name one or two of its channels: {_listed(labels)}"
    )


def _named(labels: Sequence[str], name: str, where: str) -> int:
    exact = [i for i, label in enumerate(labels) if label.casefold() == name.strip().casefold()]
    short = short_name(name).casefold()
    found = exact or [i for i, label in enumerate(labels) if short_name(label).casefold() == short]
    if not found:
        raise RecordingError(f"{where}: there is no channel {name!r}; it has {_listed(labels)}")
    if len(found) > 1:
        fitting = _listed([labels[i] for i in found])
        raise RecordingError(f"{where}: {name!r} fits {len(found)} channels, {fitting}; give the whole label")
    return found[0]


def _side(label: str) -> str:
    """Odd electrodes of the 10-20 system lie left, even ones right."""
    number = re.match(r"[A-Za-z]+(\d+)", short_name(label))
    if number is None:
        return "centre"
    return "left" if int(number[1]) % 2 else "right"


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(repr(label) for label in labels) if labels else "no signals at all"
