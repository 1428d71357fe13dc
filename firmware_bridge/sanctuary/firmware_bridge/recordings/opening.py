"""Opening a recorded night: what a file is by its content, and the reader of that format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf import EdfSource
from sanctuary.firmware_bridge.recordings.files import reading
from sanctuary.firmware_bridge.recordings.formats.brainflow_csv import BrainFlowSource, is_brainflow
from sanctuary.firmware_bridge.recordings.formats.mind_monitor import MindMonitorSource, is_mind_monitor
from sanctuary.firmware_bridge.recordings.formats.muse_lsl import MuseLslSource, is_muse_lsl
from sanctuary.firmware_bridge.recordings.formats.openbci_gui import OpenBciGuiSource, is_openbci_gui
from sanctuary.firmware_bridge.recordings.formats.openbci_sd import OpenBciSdSource, is_openbci_sd
from sanctuary.firmware_bridge.recordings.layout import is_edf
from sanctuary.firmware_bridge.recordings.recording import Recording, recording_of
from sanctuary.firmware_bridge.recordings.source import NOTHING_TOLD, ReadingOptions, Source

_HEAD_BYTES = 64 << 10
"""Enough of a file to tell what it is."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One format: its name, how it is known by the first bytes of a file, and what opens it."""

    name: str
    recognises: Callable[[bytes], bool]
    opens: Callable[[Path, ReadingOptions], Source]


READERS: tuple[Reader, ...] = (
    Reader("EDF, EDF+, BDF or BDF+", is_edf, EdfSource),
    Reader("OpenBCI GUI text", is_openbci_gui, OpenBciGuiSource),
    Reader("OpenBCI SD card text", is_openbci_sd, OpenBciSdSource),
    Reader("BrainFlow CSV", is_brainflow, BrainFlowSource),
    Reader("Mind Monitor CSV", is_mind_monitor, MindMonitorSource),
    Reader("muse-lsl CSV", is_muse_lsl, MuseLslSource),
)


def open_recording(
    path: Path, channels: Sequence[str] | None = None, options: ReadingOptions = NOTHING_TOLD
) -> Recording:
    """Open a recorded night for streaming.

    Parameters
    ----------
    path
        A file of a format among `READERS`, told by its content.
    channels
        One or two channels, by label or electrode (``AF7``); None takes the best frontal ones.
    options
        What the file does not say of itself.

    Raises
    ------
    RecordingError
        The file cannot be used; one sentence names the file, what is wrong, and what to do.
    """
    return recording_of(open_source(path, options), channels)


def open_source(path: Path, options: ReadingOptions = NOTHING_TOLD) -> Source:
    """Open a file with all its channels.

    Raises
    ------
    RecordingError
        The file cannot be used.
    """
    with reading(path, "an EDF or BDF file") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise RecordingError(f"{path}: the file is empty; use a complete copy")
    for reader in READERS:
        if reader.recognises(head):
            return reader.opens(path, options)
    raise RecordingError(f"{path}: this is not an EDF or BDF file; convert the recording to EDF first")
