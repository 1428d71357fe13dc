"""Which channels of a file are used, and what must be true of them: rates, units, values like EEG.

One or two frontal channels are chosen, or one EEG and a horizontal EOG.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.recording_source import RecordingSource
from sanctuary.signal.channel_labels import ChannelKind, Meaning, Side, is_electrode_net, is_eog, meaning_of
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
class ChannelChoice:
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


def choose_channels(labels: Sequence[str], wanted: Sequence[str] | None, where: str) -> ChannelChoice:
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


def _choice(labels: Sequence[str], indices: Sequence[int], warnings: Sequence[str]) -> ChannelChoice:
    backward = [_backward(meaning_of(labels[index])) for index in indices]
    turned = [
        f"channel {labels[index]!r} is {what} and is turned over, to rise as the eyes go left"
        for index, what in zip(indices, backward, strict=True)
        if what is not None
    ]
    signs = tuple(1.0 if what is None else -1.0 for what in backward)
    return ChannelChoice(tuple(indices), signs, (*warnings, *turned))


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


def _automatic(labels: Sequence[str], where: str) -> ChannelChoice:
    meanings = [meaning_of(label) for label in labels]
    eeg = [m.electrode if m.kind is ChannelKind.EEG else None for m in meanings]
    for left, right in PAIRS:
        if left in eeg and right in eeg:
            pair = (eeg.index(left), eeg.index(right))
            warnings = [text for name in (left, right) for text in _alike(labels, eeg, name)]
            return _choice(labels, pair, [*warnings, *_of_zmax(left)])
    for single in SINGLES:
        if single in eeg:
            eog, warnings = _eog(labels, meanings)
            warnings = [*_alike(labels, eeg, single), *warnings, *_of_zmax(single)]
            return _choice(labels, (eeg.index(single), *eog), warnings)
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


LOWEST_FS_HZ = 100.0
"""Below this rate the beta band and muscle activity are missing."""
LOWEST_EOG_HZ = 20.0
"""Below this rate the band of rapid eye movements (up to 6 Hz) is not whole."""
_PROBES = 40
"""Seconds, spread over the night, from which the plausibility of the unit is judged."""


def rates(source: RecordingSource, chosen: Sequence[int]) -> tuple[float, list[str]]:
    """Return the rate (Hz) at which the chosen channels are given, and a warning where one is resampled.

    Raises
    ------
    RecordingError
        Two EEG channels differ in rate, or a channel is too slow.
    """
    first, *others = [source.channels[index] for index in chosen]
    if first.fs_hz < LOWEST_FS_HZ:
        raise RecordingError(
            f"{source.path}: channel {first.label!r} is sampled at {first.fs_hz:g} Hz, but at least "
            f"{LOWEST_FS_HZ:g} Hz are needed; choose another channel"
        )
    differing = [channel for channel in others if channel.fs_hz != first.fs_hz]
    if not differing:
        return first.fs_hz, []
    other = differing[0]
    if not is_eog(other.label):
        raise RecordingError(
            f"{source.path}: {first.label!r} has {first.fs_hz:g} Hz and {other.label!r} has {other.fs_hz:g} "
            "Hz; choose two channels of one sampling rate, or one channel"
        )
    if slow := too_slow(source, chosen[1]):
        raise RecordingError(f"{source.path}: {slow}; choose another channel, or name the EEG alone")
    warning = (
        f"channel {other.label!r} has {other.fs_hz:g} Hz and is resampled to the {first.fs_hz:g} Hz of "
        f"{first.label!r}"
    )
    return first.fs_hz, [warning]


def too_slow(source: RecordingSource, index: int) -> str | None:
    """Say that an EOG's rate is too low for rapid eye movements, or None."""
    channel = source.channels[index]
    if not is_eog(channel.label) or channel.fs_hz >= LOWEST_EOG_HZ:
        return None
    return (
        f"channel {channel.label!r} is sampled at {channel.fs_hz:g} Hz, but eye movements need at least "
        f"{LOWEST_EOG_HZ:g} Hz"
    )


def unit_scale(source: RecordingSource, index: int) -> float:
    """Microvolts in one unit of a channel; a missing or unknown unit is refused, never guessed."""
    channel = source.channels[index]
    scale = uv_per_unit(channel.unit)
    if scale is None:
        unit = f"has the unit {channel.unit!r}" if channel.unit else "has no unit"
        raise RecordingError(
            f"{source.path}: channel {channel.label!r} {unit}, but EEG needs uV, mV, V or nV; choose another "
            "channel, or correct the physical dimension in the file's header"
        )
    return scale


def rail_uv(source: RecordingSource, index: int, scale: float) -> float:
    """Magnitude in microvolts at which a channel rails; infinity where the file does not tell."""
    return scale * source.rail(index)


def doubtful_units(source: RecordingSource, chosen: Sequence[int], scales: Sequence[float]) -> list[str]:
    """Warn of channels whose values are not EEG in the unit that the file names."""
    found = []
    for index, scale in zip(chosen, scales, strict=True):
        seconds = source.probe((index,), _PROBES)[0] * scale
        text = plausibility(source.channels[index].label, np.asarray(seconds))
        found += [text] if text else []
    return found


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
