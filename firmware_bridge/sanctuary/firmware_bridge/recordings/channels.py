"""Which channels of a file are taken: one or two frontal ones, or one EEG and a horizontal EOG.

Units of EEG channels, and a check that the values are EEG in those units at all.

EDF headers are ASCII by the standard, yet files hold the micro sign in several encodings; see `decode_field`.

Opening files that a person named: every failure becomes one sentence that says what to do.
"""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.signal.channel_labels import ChannelKind, Meaning, Side, is_electrode_net, meaning_of
from sanctuary.signal.samples import FloatArray, montage_of

PAIRS = (("AF7", "AF8"), ("Fp1", "Fp2"), ("F7", "F8"), ("F3", "F4"), ("EEG L", "EEG R"))
"""Frontal pairs, best first (eye movements are of opposite sign left and right); the last is a ZMax's."""
SINGLES = (
    "AF7", "AF8", "Fp1", "Fp2", "Fpz", "Fpz-Cz", "AFz", "F7", "F8", "F3", "F4", "Fz", "EEG L",
    "EEG R",
)  # fmt: skip
"""Single frontal channels, best first."""
_ZMAX = ("EEG L", "EEG R")


@dataclass(frozen=True, slots=True)
class Choice:
    """The channels that were chosen, and what must be said of the choice.

    Attributes
    ----------
    indices
        Positions of one or two channels: left before right, an EEG before an EOG.
    signs
        -1 for a channel that has to be turned over to rise as the eyes go left, else 1.
    warnings
        One sentence each.
    """

    indices: tuple[int, ...]
    signs: tuple[float, ...]
    warnings: tuple[str, ...]


def short_name(label: str) -> str:
    """Electrode of a label: ``"EEG AF7-Ref"`` -> ``"AF7"``, ``"EEG FPZ-CZ"`` -> ``"Fpz-Cz"``."""
    return meaning_of(label).electrode


def choose_channels(labels: Sequence[str], wanted: Sequence[str] | None, where: str) -> Choice:
    """Choose one or two frontal channels, or one EEG channel and a horizontal EOG.

    Parameters
    ----------
    labels
        Labels of the file's signals, without annotations.
    wanted
        One or two names in any order, each a label of the file or an electrode (``AF7``); None chooses.
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
    found = [find_channel(labels, name, where) for name in wanted]
    if len(set(found)) != len(found):
        raise RecordingError(f"{where}: {' and '.join(wanted)} are the same channel; name two different ones")
    net = is_electrode_net(labels)
    for index in found:
        if net and meaning_of(labels[index]).kind is ChannelKind.EOG:
            raise RecordingError(
                f"{where}: {labels[index]!r} could be an EOG or an electrode of the net that this file has "
                "(E1, E2, E3...); give it another label, or name another channel"
            )
    found.sort(key=lambda index: _ORDER[_kind_and_side(meaning_of(labels[index]))])
    try:
        montage_of([labels[i] for i in found])
    except ValueError as error:
        raise RecordingError(f"{where}: {error}") from error
    return _choice(labels, found, _doubts([labels[i] for i in found]))


def _choice(labels: Sequence[str], indices: Sequence[int], warnings: Sequence[str]) -> Choice:
    backward = [_backward(meaning_of(labels[index])) for index in indices]
    turned = [
        f"channel {labels[index]!r} is {what} and is turned over, to rise as the eyes go left"
        for index, what in zip(indices, backward, strict=True)
        if what is not None
    ]
    signs = tuple(1.0 if what is None else -1.0 for what in backward)
    return Choice(tuple(indices), signs, (*warnings, *turned))


_TURNED = {Side.RIGHT_MINUS_LEFT: "right minus left", Side.RIGHT: "of the right eye"}
"""Horizontal EOGs that rise as the eyes go right: the front of the eye is positive."""


def _backward(meaning: Meaning) -> str | None:
    """Say what makes a channel rise as the eyes go right; None for any other."""
    return _TURNED.get(meaning.side) if meaning.kind is ChannelKind.EOG else None


_ORDER = {"other": 0, "right": 1, "EOG": 2}
"""Sorting key: what is left or of no side keeps its place before what is right, an EOG comes last."""


def _kind_and_side(meaning: Meaning) -> str:
    if meaning.kind is ChannelKind.EOG:
        return "EOG"
    return "right" if meaning.side is Side.RIGHT else "other"


def _doubts(labels: Sequence[str]) -> list[str]:
    """Say what a person should know of the channels that they named."""
    meanings = [meaning_of(label) for label in labels]
    found = [
        f"channel {label!r} is by its label no EEG; it is taken for one because it was named"
        for label, meaning in zip(labels, meanings, strict=True)
        if meaning.kind is ChannelKind.OTHER
    ]
    if meanings[-1].kind is ChannelKind.EOG and meanings[-1].side is Side.UNKNOWN:
        found.append(
            f"channel {labels[-1]!r} does not say whether it is horizontal; it is taken for a horizontal EOG"
        )
    if len(labels) == 2 and meanings[1].kind is not ChannelKind.EOG:
        sides = (meanings[0].side, meanings[1].side)
        if Side.UNKNOWN in sides:
            found.append(
                f"the labels {labels[0]!r} and {labels[1]!r} do not say both sides; the first is taken for "
                "the left side, the second for the right"
            )
        elif sides != (Side.LEFT, Side.RIGHT):
            found.append(
                f"channels {labels[0]!r} and {labels[1]!r} are not left and right of the head, so eye "
                "movements do not show between them"
            )
    return found


def _automatic(labels: Sequence[str], where: str) -> Choice:
    meanings = [meaning_of(label) for label in labels]
    eeg = [m.electrode if m.kind is ChannelKind.EEG else None for m in meanings]
    for left, right in PAIRS:
        if left in eeg and right in eeg:
            pair = (eeg.index(left), eeg.index(right))
            said = [text for name in (left, right) for text in _alike(labels, eeg, name)]
            return _choice(labels, pair, [*said, *_of_zmax(left)])
    for single in SINGLES:
        if single in eeg:
            eog, said = _eog(labels, meanings)
            said = [*_alike(labels, eeg, single), *said, *_of_zmax(single)]
            return _choice(labels, (eeg.index(single), *eog), said)
    raise RecordingError(
        f"{where}: no frontal EEG channel found (looked for AF7 and AF8, Fp1 and Fp2, F7 and F8, F3 and F4, "
        f"Fpz); name one or two of its channels: {_listed(labels)}"
    )


def _of_zmax(name: str) -> list[str]:
    if name not in _ZMAX:
        return []
    return ["'EEG L' and 'EEG R' are taken for the left and right frontal channels of a ZMax"]


def _alike(labels: Sequence[str], names: Sequence[str | None], name: str) -> list[str]:
    """Say which channel is taken where several are of one electrode."""
    fitting = [label for label, each in zip(labels, names, strict=True) if each == name]
    if len(fitting) == 1:
        return []
    return [f"{_listed(fitting)} are all {name}; the first is taken, name another with its whole label"]


def _eog(labels: Sequence[str], meanings: Sequence[Meaning]) -> tuple[tuple[int, ...], list[str]]:
    """Take the horizontal EOG beside a single EEG channel; say what else shows the eyes and is not taken."""
    if is_electrode_net(labels):
        return (), []
    eyes = [i for i, meaning in enumerate(meanings) if meaning.kind is ChannelKind.EOG]
    whole = [i for i in eyes if meanings[i].side in (Side.LEFT_MINUS_RIGHT, Side.RIGHT_MINUS_LEFT)]
    if len(whole) > 1:
        several = _listed([labels[i] for i in whole])
        return (whole[0],), [f"{several} are all horizontal EOGs; the first is taken"]
    if whole:
        return (whole[0],), []
    if eyes:
        others = _listed([labels[i] for i in eyes])
        return (), [
            f"{others} may show eye movements and is not used; name it after the EEG channel to use it"
        ]
    return (), []


def find_channel(labels: Sequence[str], name: str, where: str) -> int:
    """Position of the one channel that a name fits: a whole label, or else an electrode.

    Raises
    ------
    RecordingError
        None fits, or several do.
    """
    exact = [i for i, label in enumerate(labels) if label.casefold() == name.strip().casefold()]
    short = short_name(name).casefold()
    found = exact or [i for i, label in enumerate(labels) if short_name(label).casefold() == short]
    if not found:
        raise RecordingError(f"{where}: there is no channel {name!r}; it has {_listed(labels)}")
    if len(found) > 1:
        fitting = _listed([labels[i] for i in found])
        raise RecordingError(f"{where}: {name!r} fits {len(found)} channels, {fitting}; give the whole label")
    return found[0]


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(repr(label) for label in labels) if labels else "no signals at all"


_UV_PER_UNIT = {
    "nv": 1e-3, "nanovolt": 1e-3,
    "uv": 1.0, "μv": 1.0, "microv": 1.0, "microvolt": 1.0,
    "mv": 1e3, "millivolt": 1e3,
    "v": 1e6, "volt": 1e6,
}  # fmt: skip
"""Microvolts in one unit; the keys are NFKC-folded, which turns the micro sign into the Greek letter."""

SMALLEST_SD_UV = 0.2
"""A person's EEG varies more than this within a second: amplifier noise alone comes to about as much."""
LARGEST_SD_UV = 2000.0
"""No EEG varies by this much within most seconds of a night."""


def decode_field(raw: bytes) -> str:
    """Text of a header field: ASCII as it should be, else UTF-8, else Latin-1; padded with blanks or NUL."""
    raw = raw.strip(b"\0 \t\r\n").partition(b"\0")[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def uv_per_unit(unit: str) -> float | None:
    """Microvolts in one `unit`, or None where the unit is empty or not one of voltage.

    Upper and lower case are not told apart (megavolts do not occur in EEG).
    """
    folded = unicodedata.normalize("NFKC", unit).strip().casefold()
    return _UV_PER_UNIT.get(folded, _UV_PER_UNIT.get(folded.removesuffix("s")))


def plausibility(label: str, seconds_uv: FloatArray) -> str | None:
    """Judge whether values look like EEG in microvolts.

    Parameters
    ----------
    label
        Channel, for the text.
    seconds_uv
        Shape ``(n, samples per second)``: seconds taken from all over the night, microvolts; NaN is left out.

    Returns
    -------
    A warning in one sentence, or None. The median standard deviation within a second decides, so electrode
    offsets, drifts and stretches without a headband do not.
    """
    whole = seconds_uv[np.isfinite(seconds_uv).all(axis=1)]
    if not whole.size:
        return None
    moving = whole[np.ptp(whole, axis=1) > 0.0]
    if not moving.size:
        return f"channel {label!r} is flat: it holds no signal"
    typical_uv = float(np.median(moving.std(axis=1)))
    if SMALLEST_SD_UV <= typical_uv <= LARGEST_SD_UV:
        return None
    size = "small" if typical_uv < SMALLEST_SD_UV else "large"
    return (
        f"channel {label!r} varies by {typical_uv:.3g} uV within a second, too {size} for EEG: "
        "the unit in the file's header is probably wrong, and stages from it mean nothing"
    )


@contextmanager
def reading(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open `path` for reading bytes; operating-system errors inside become `RecordingError`.

    Parameters
    ----------
    path
        The file.
    what
        What the file should be, for the message: ``"an EDF or BDF file"``.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise RecordingError(f"{path}: this is a folder; name {what} in it")
        if not stat.S_ISREG(mode):
            raise RecordingError(f"{path}: this is not an ordinary file; name {what}")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: there is no such file; check the path") from error
    except PermissionError as error:
        raise RecordingError(f"{path}: reading is not allowed; change the file's permissions") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(f"{path}: cannot be read ({reason}); copy it to a sound disk") from error
