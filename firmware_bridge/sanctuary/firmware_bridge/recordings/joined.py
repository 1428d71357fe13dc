"""Several files of one channel each, such as a ZMax writes them, as one recording."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_layout import Annotation
from sanctuary.firmware_bridge.recordings.source import Channel, Piece, Source, dense
from sanctuary.signal.samples import FloatArray

LARGEST_CUT_S = 1.0
"""Files whose lengths differ by no more are cut to the shortest; what ends earlier is lost from there on."""
_PIECE_S = 30.0
_SIDE = re.compile(r"(?<=EEG[ _-])[LR](?![A-Z])", re.IGNORECASE)
_OTHER = {"L": "R", "R": "L", "l": "r", "r": "l"}


class Joined(Source):
    """Files of one channel each that began together.

    Parameters
    ----------
    parts
        One source a file, each with one channel.
    path
        For messages: the folder, the archive, or the first file.

    Raises
    ------
    RecordingError
        They do not belong together.
    """

    def __init__(self, parts: Sequence[Source], path: Path) -> None:
        self._parts = tuple(parts)
        for part in parts:
            if len(part.channels) != 1:
                raise RecordingError(
                    f"{path}: {part.path.name} holds {len(part.channels)} channels of samples and not one, "
                    "so its files are not parts of one recording; name one of them"
                )
        self.path, self.format = path, f"{parts[0].format}, one file a channel"
        starts = sorted({part.start for part in parts if part.start is not None})
        if len(starts) > 1:
            raise RecordingError(
                f"{path}: its files begin at different times ({starts[0].isoformat(' ')} and "
                f"{starts[-1].isoformat(' ')}), so they are not parts of one recording; name one of them"
            )
        self.start = starts[0] if starts else None
        labels, said = _labels(parts)
        length_s, cut = _common_length_s(parts)
        self.channels = tuple(
            Channel(label, own.unit, own.fs_hz, round(length_s * own.fs_hz))
            for label, own in zip(labels, (part.channels[0] for part in parts), strict=True)
        )
        marks: dict[Annotation, None] = {mark: None for part in parts for mark in part.annotations}
        self.annotations = tuple(sorted(marks, key=lambda mark: mark.onset_s))
        told = [f"{part.path.name}: {text}" for part in parts for text in part.warnings]
        self.warnings = (*told, *said, *cut)

    def pieces(self, chosen: Sequence[int]) -> Iterator[Piece]:
        """Stretches of the chosen channels, which have one rate, in their units; may be called again."""
        channel = self.channels[chosen[0]]
        size = max(1, round(_PIECE_S * channel.fs_hz))
        n = channel.n_samples
        rows = [dense(_until(self._parts[i].pieces((0,)), n), 1, n, size) for i in chosen]
        for k, arrays in enumerate(zip(*rows, strict=True)):
            yield k * size, np.concatenate(arrays)

    def rail(self, index: int) -> float:
        """Magnitude, in the channel's unit, at which it rails."""
        return self._parts[index].rail(0)

    def scale(self, index: int) -> tuple[float, float, int, int] | None:
        """How the file of a channel stores it."""
        return self._parts[index].scale(0)

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
        """Give up to `most` seconds spread over the recording, shape ``(channels, n, samples a second)``."""
        found = [self._parts[index].probe((0,), most)[0] for index in chosen]
        n = min(len(seconds) for seconds in found)
        return np.stack([seconds[:n] for seconds in found])


def other_side(path: Path) -> Path | None:
    """File of the other side beside a ZMax's ``EEG L.edf`` or ``EEG R.edf``, or None."""
    found = list(_SIDE.finditer(path.stem))
    if not found:
        return None
    at = found[-1].start()
    other = path.with_name(f"{path.stem[:at]}{_OTHER[path.stem[at]]}{path.stem[at + 1 :]}{path.suffix}")
    return other if other.is_file() else None


def _until(pieces: Iterator[Piece], n_samples: int) -> Iterator[Piece]:
    """Pieces cut at the end of the common sample clock."""
    for first, values in pieces:
        if first < n_samples:
            yield first, values[:, : n_samples - first]


def _labels(parts: Sequence[Source]) -> tuple[list[str], list[str]]:
    """Labels of the channels; the files' names where the labels do not tell them apart."""
    labels = [part.channels[0].label for part in parts]
    if len({label.casefold() for label in labels}) == len(labels) and all(labels):
        return labels, []
    names = [part.path.stem for part in parts]
    if len({name.casefold() for name in names}) < len(names):
        raise RecordingError(
            f"{parts[0].path}: several files hold a channel {labels[0]!r}, so they are not parts of one "
            "recording; name one of them"
        )
    return names, [
        "the labels in its files do not tell them apart, so channels are called by the files' names"
    ]


def _common_length_s(parts: Sequence[Source]) -> tuple[float, list[str]]:
    lengths = [part.channels[0].n_samples / part.channels[0].fs_hz for part in parts]
    shortest_s, longest_s = min(lengths), max(lengths)
    if longest_s - shortest_s < 0.5 / max(part.channels[0].fs_hz for part in parts):
        return longest_s, []
    if longest_s - shortest_s <= LARGEST_CUT_S:
        return shortest_s, [
            f"its files differ in length by {longest_s - shortest_s:.3g} s; all are cut to the shortest"
        ]
    early = [
        f"{part.path.name} ends {longest_s - length:g} s before the longest of its files"
        for part, length in zip(parts, lengths, strict=True)
        if longest_s - length > LARGEST_CUT_S
    ]
    return longest_s, [f"{text}; from there on it is missing" for text in early]
