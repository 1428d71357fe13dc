"""Opening a recorded night: what a file is by its content, and the reader of that format.

A night may also be packed (gzip, zip), be several files of one channel each, such as a ZMax writes them, or a
folder of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_layout import is_edf, ordinary_signals
from sanctuary.firmware_bridge.recordings.formats.brainflow_csv import BrainFlowSource, is_brainflow
from sanctuary.firmware_bridge.recordings.formats.edf_source import EdfSource
from sanctuary.firmware_bridge.recordings.formats.mne_files import open_with_mne
from sanctuary.firmware_bridge.recordings.formats.muse_csv import (
    MindMonitorSource,
    MuseLslSource,
    is_mind_monitor,
    is_muse_lsl,
)
from sanctuary.firmware_bridge.recordings.formats.openbci_gui import OpenBciGuiSource, is_openbci_gui
from sanctuary.firmware_bridge.recordings.formats.openbci_sd import OpenBciSdSource, is_openbci_sd
from sanctuary.firmware_bridge.recordings.formats.xdf import XdfSource, is_xdf
from sanctuary.firmware_bridge.recordings.known import KnownFormat, known_format
from sanctuary.firmware_bridge.recordings.recording import Recording, recording_of
from sanctuary.firmware_bridge.recordings.recording_source import (
    NO_READING_OPTIONS,
    Annotation,
    ReadingOptions,
    RecordingSource,
    SourceChannel,
    Stretch,
    dense,
    open_for_reading,
)
from sanctuary.firmware_bridge.recordings.unpacking import (
    GZIP,
    MOST_FILES,
    ZIP,
    ArchiveMember,
    TemporaryFolder,
    UnpackedSource,
    ZipArchive,
    first_bytes,
    gunzip,
)
from sanctuary.signal.samples import FloatArray

LARGEST_CUT_S = 1.0
"""Files whose lengths differ by no more are cut to the shortest; what ends earlier is lost from there on."""
_PIECE_S = 30.0
_SIDE = re.compile(r"(?<=EEG[ _-])[LR](?![A-Z])", re.IGNORECASE)
_OTHER = {"L": "R", "R": "L", "l": "r", "r": "l"}


class JoinedSource(RecordingSource):
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

    def __init__(self, parts: Sequence[RecordingSource], path: Path) -> None:
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
        labels, warnings = _labels(parts)
        length_s, cut = _common_length_s(parts)
        self.channels = tuple(
            SourceChannel(label, own.unit, own.fs_hz, round(length_s * own.fs_hz))
            for label, own in zip(labels, (part.channels[0] for part in parts), strict=True)
        )
        marks: dict[Annotation, None] = {mark: None for part in parts for mark in part.annotations}
        self.annotations = tuple(sorted(marks, key=lambda mark: mark.onset_s))
        told = [f"{part.path.name}: {text}" for part in parts for text in part.warnings]
        self.warnings = (*told, *warnings, *cut)

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        channel = self.channels[chosen[0]]
        size = max(1, round(_PIECE_S * channel.fs_hz))
        n = channel.n_samples
        rows = [dense(_until(self._parts[i].pieces((0,)), n), 1, n, size) for i in chosen]
        for k, arrays in enumerate(zip(*rows, strict=True)):
            yield k * size, np.concatenate(arrays)

    def rail(self, index: int) -> float:
        return self._parts[index].rail(0)

    def scale(self, index: int) -> tuple[float, float, int, int] | None:
        return self._parts[index].scale(0)

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
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


def _until(pieces: Iterator[Stretch], n_samples: int) -> Iterator[Stretch]:
    """Pieces cut at the end of the common sample clock."""
    for first, values in pieces:
        if first < n_samples:
            yield first, values[:, : n_samples - first]


def _labels(parts: Sequence[RecordingSource]) -> tuple[list[str], list[str]]:
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


def _common_length_s(parts: Sequence[RecordingSource]) -> tuple[float, list[str]]:
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


_HEAD_BYTES = 64 << 10
"""Enough of a file to tell what it is."""
_LISTED = 8
"""Recordings that a refusal names."""


@dataclass(frozen=True, slots=True)
class FormatReader:
    """One format: its name, how it is known by the first bytes of a file, and what opens it."""

    name: str
    recognises: Callable[[bytes], bool]
    opens: Callable[[Path, ReadingOptions], RecordingSource]


READERS: tuple[FormatReader, ...] = (
    FormatReader("EDF, EDF+, BDF or BDF+", is_edf, EdfSource),
    FormatReader("OpenBCI GUI text", is_openbci_gui, OpenBciGuiSource),
    FormatReader("OpenBCI SD card text", is_openbci_sd, OpenBciSdSource),
    FormatReader("BrainFlow CSV", is_brainflow, BrainFlowSource),
    FormatReader("Mind Monitor CSV", is_mind_monitor, MindMonitorSource),
    FormatReader("muse-lsl CSV", is_muse_lsl, MuseLslSource),
    FormatReader("XDF", is_xdf, XdfSource),
)


def open_recording(
    path: Path | Sequence[Path],
    channels: Sequence[str] | None = None,
    options: ReadingOptions = NO_READING_OPTIONS,
) -> Recording:
    """Open a recorded night for streaming.

    Parameters
    ----------
    path
        As for `open_source`.
    channels
        One or two channels, by label or electrode (``AF7``); None takes the best frontal ones.
    options
        What the file does not say of itself.

    Raises
    ------
    RecordingError
        The file cannot be used; one sentence names the file, what is wrong, and what to do.
    """
    source = open_source(path, options)
    try:
        return recording_of(source, channels)
    except RecordingError as error:
        hint = _other_side_hint(path)
        if hint is None or len(source.channels) > 1:
            raise
        raise RecordingError(f"{error}; {hint}") from error


def open_source(path: Path | Sequence[Path], options: ReadingOptions = NO_READING_OPTIONS) -> RecordingSource:
    """Open a recording with all its channels.

    Parameters
    ----------
    path
        A file of a format among `READERS` or one that MNE-Python reads, told by its content; the same within
        gzip or a zip archive; a folder or archive with one recording, or with one of one channel a file; or
        the files of such a recording.
    options
        What the file does not say of itself.

    Raises
    ------
    RecordingError
        The file cannot be used.
    """
    if not isinstance(path, Path):
        return _together(path, options) if len(path) > 1 else open_source(path[0], options)
    if path.is_dir():
        return _in_folder(path, options)
    source = _open_file(path, options)
    hint = _other_side_hint(path)
    if hint is not None and len(source.channels) == 1:
        source.warnings = (*source.warnings, hint)
    return source


def _open_file(path: Path, options: ReadingOptions) -> RecordingSource:
    """Open one file, packed or not."""
    head = _head(path)
    if _is_zip(head, path.name):
        return _in_zip(path, options)
    if head.startswith(GZIP):
        return _in_gzip(path, options)
    return _plain(path, head, options)


def _is_zip(head: bytes, name: str) -> bool:
    """Whether a file is an archive, rather than a document in the guise of one."""
    known = known_format(head, name)
    return head.startswith(ZIP) and (known is None or not known.marks)


def _head(path: Path) -> bytes:
    with open_for_reading(path, "a recording") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise RecordingError(f"{path}: the file is empty; use a complete copy")
    return head


def _plain(path: Path, head: bytes, options: ReadingOptions) -> RecordingSource:
    """Open a file that is not packed."""
    if head.startswith(GZIP) or _is_zip(head, path.name):
        raise RecordingError(f"{path}: is packed more than once; unpack it and name the recording")
    reader = _kind(head, path.name)
    if isinstance(reader, FormatReader):
        return reader.opens(path, options)
    if reader is not None and reader.through_mne:
        return open_with_mne(path, reader, options)
    if reader is not None:
        raise RecordingError(f"{path}: this is {reader.what}, which is not read here; {reader.way}")
    raise RecordingError(
        f"{path}: this is not a recording of a kind that is read here; convert it to EDF first"
    )


def _kind(head: bytes, name: str) -> FormatReader | KnownFormat | None:
    """Tell what a file is: one that is read here, one that is known, or neither."""
    for reader in READERS:
        if reader.recognises(head):
            return reader
    return known_format(head, name)


def _is_recording(head: bytes, name: str) -> bool:
    """Whether a file among others is a recording, rather than a hypnogram or a text beside it."""
    kind = _kind(head, name)
    if isinstance(kind, KnownFormat):
        return kind.through_mne
    return kind is not None and not (is_edf(head) and ordinary_signals(head) == 0)


def _is_one_channel(head: bytes) -> bool:
    return is_edf(head) and ordinary_signals(head) == 1


def _in_folder(path: Path, options: ReadingOptions) -> RecordingSource:
    known = known_format(b"", path.name)
    if known is not None and known.through_mne:
        return open_with_mne(path, known, options)
    heads = {file: head for file, head in _heads(path) if _is_recording(head, file.name.removesuffix(".gz"))}
    files = list(heads)
    if not files:
        raise RecordingError(f"{path}: this is a folder without a recording that is read here; name a file")
    if len(files) == 1:
        return _open_file(files[0], options)
    if not all(_is_one_channel(head) for head in heads.values()):
        raise _several(path, [file.name for file in files])
    return JoinedSource([_open_file(file, options) for file in files], path)


def _heads(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """First bytes of each file of a folder, within gzip too; hidden ones are passed over."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(f"{folder}: this folder cannot be read ({reason})") from error
    if len(files) > MOST_FILES:
        raise RecordingError(f"{folder}: this folder holds {len(files)} files; name the recording")
    for file in files:
        with open_for_reading(file, "a recording") as opened:
            yield file, first_bytes(opened, _HEAD_BYTES)


def _in_gzip(path: Path, options: ReadingOptions) -> RecordingSource:
    folder = TemporaryFolder()

    def opened() -> RecordingSource:
        file, warnings = gunzip(path, folder)
        source = _plain(file, _head(file), options)
        source.warnings = (*warnings, *source.warnings)
        return source

    return UnpackedSource(opened, path, folder)


def _in_zip(path: Path, options: ReadingOptions) -> RecordingSource:
    archive, folder = ZipArchive(path), TemporaryFolder()
    members = [
        each for each in archive.members(_HEAD_BYTES) if _is_recording(each.head, _unpacked_name(each))
    ]
    if not members:
        raise RecordingError(
            f"{path}: this archive holds no recording that is read here; unpack it and convert the recording "
            "to EDF first"
        )
    together = len({each.name.parent for each in members}) == 1
    if len(members) > 1 and not (together and all(_is_one_channel(each.head) for each in members)):
        raise _several(path, [str(each.name) for each in members])

    def opened() -> RecordingSource:
        kind = _kind(members[0].head, _unpacked_name(members[0]))
        needed = isinstance(kind, KnownFormat) and kind.companions
        files = archive.unpack(archive.beside(members[0]) if needed else members, folder)
        parts = [_plain(files[each], each.head, options) for each in members]
        return parts[0] if len(parts) == 1 else JoinedSource(parts, path)

    return UnpackedSource(opened, path, folder)


def _unpacked_name(member: ArchiveMember) -> str:
    return member.name.name.removesuffix(".gz")


def _together(paths: Sequence[Path], options: ReadingOptions) -> RecordingSource:
    """Open the files of one recording."""
    parts = [_open_file(path, options) if not path.is_dir() else open_source(path, options) for path in paths]
    if any(len(part.channels) > 1 for part in parts):
        raise RecordingError(
            f"{', '.join(map(str, paths))}: several nights: use --circle (files of one night hold one "
            "channel each)"
        )
    return JoinedSource(parts, paths[0])


def _several(path: Path, names: Sequence[str]) -> RecordingError:
    listed = ", ".join(names[:_LISTED]) + (" ..." if len(names) > _LISTED else "")
    return RecordingError(f"{path}: holds {len(names)} recordings ({listed}); name one of them")


def _other_side_hint(path: Path | Sequence[Path]) -> str | None:
    """Say that the other half of a ZMax's pair lies beside a file that was named alone."""
    alone = path if isinstance(path, Path) else path[0] if len(path) == 1 else None
    other = other_side(alone) if alone is not None else None
    if alone is None or other is None:
        return None
    return (
        f"{other.name} lies beside it and is not used; give both files, or their folder, to use the pair: "
        f'"{alone}" "{other}"'
    )
