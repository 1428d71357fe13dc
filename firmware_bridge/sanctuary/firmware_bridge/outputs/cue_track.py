"""Cue track: what a pod's loudspeaker would have played, as a WAV file of its windows, one after another.

A whole night would be nearly all silence, so only windows are kept; a JSON file beside the WAV says where
each window and cue lies. Light and touch make no sound: they are in the index only.
"""

from __future__ import annotations

import json
import wave
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary, cap, fade_in, render

STOP_FADE_S = 0.2
"""Fade with which a sounding cue is cut: no click, and silence well within a second."""
_FULL_COUNT = 32767
_CHUNK_S = 10
_NO_SOUND = np.zeros(0)


@dataclass(slots=True)
class TrackCue:
    """One cue in the index: when it began, where that is in the WAV, and when it was cut (if it was)."""

    at_s: float
    wav_s: float
    audible: bool
    cue: Cue
    silenced_at_s: float | None = None


@dataclass(slots=True)
class TrackWindow:
    """One window in the index; the ends are None while it is open."""

    window_id: str
    start_s: float
    wav_start_s: float
    end_s: float | None = None
    wav_end_s: float | None = None
    cues: list[TrackCue] = field(default_factory=list)


class CueTrack:
    """Writes one pod's windows to a mono 16-bit WAV file; cues may overlap.

    Times are seconds on the caller's clock; within a window they never go back (`ValueError`). The file is a
    valid WAV after every call.

    Parameters
    ----------
    path
        The WAV file, written anew; the index lies beside it with the ending ``.json``.
    fs_hz
        Sampling rate.
    full_scale_dba
        Level at the pillow of a 1 kHz sine of full scale.
    sounds
        Files that cues may name; made ready here.

    Raises
    ------
    DeviceError
        From every method: the file cannot be written. From `play` also: the file of a cue is not on board.
    """

    def __init__(
        self,
        path: Path,
        fs_hz: int = 8000,
        full_scale_dba: float = 70.0,
        *,
        sounds: SoundLibrary | None = None,
    ) -> None:
        self.path, self.fs_hz, self.full_scale_dba = path, fs_hz, full_scale_dba
        self._sounds = sounds if sounds is not None else SoundLibrary()
        self._sounds.prepare(fs_hz)
        self._windows: list[TrackWindow] = []
        self._open: TrackWindow | None = None
        self._first = 0
        self._written = 0
        self._sound = _NO_SOUND
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
        except OSError as error:
            raise _unwritable(path, error) from error
        self._wav = wave.Wave_write(self._file)
        self._wav.setparams((1, 2, fs_hz, 0, "NONE", ""))
        self._put(b"")

    @property
    def index_path(self) -> Path:
        """The index, written whenever a window closes."""
        return self.path.with_suffix(".json")

    @property
    def windows(self) -> tuple[TrackWindow, ...]:
        return tuple(self._windows)

    def open_window(self, window_id: str, start_s: float) -> None:
        """Begin a window; it follows the one before it in the file at once."""
        if self._closed or self._open is not None:
            raise ValueError(
                f"window {window_id!r} opened on a track that is closed or within another window"
            )
        self._first = self._written
        self._open = TrackWindow(window_id, start_s, self._written / self.fs_hz)
        self._windows.append(self._open)

    def play(self, cue: Cue, at_s: float) -> float:
        """Start a cue, and return its place in the file, seconds."""
        window = self._advance(at_s)
        audible = cue.modality is Modality.SOUND
        if audible:
            unit = self._sounds.unit(cue.file_sha256, self.fs_hz) if cue.file_sha256 else None
            tone = render(cue, self.fs_hz, self.full_scale_dba, unit)
            mixed = np.zeros(max(tone.size, self._sound.size))
            mixed[: self._sound.size] = self._sound
            mixed[: tone.size] += tone
            self._sound = mixed
        wav_s = self._written / self.fs_hz
        window.cues.append(TrackCue(at_s, wav_s, audible, cue))
        return wav_s

    def silence(self, at_s: float) -> None:
        """Cut whatever is sounding, with a fade of `STOP_FADE_S`; nothing happens outside a window."""
        if self._open is None:
            return
        window = self._advance(at_s)
        for entry in window.cues:
            if entry.silenced_at_s is None and entry.at_s + entry.cue.duration_s > at_s:
                entry.silenced_at_s = at_s
        n = min(round(STOP_FADE_S * self.fs_hz), self._sound.size)
        self._sound = self._sound[:n] * fade_in(n)[::-1]

    def close_window(self, end_s: float) -> None:
        """End the window; what still sounds is cut as by `silence`."""
        window = self._advance(end_s)
        self.silence(end_s)
        self._write(self._sound.size)
        window.end_s, window.wav_end_s = end_s, self._written / self.fs_hz
        self._open = None
        self._write_index()

    def close(self) -> None:
        """Finish file and index; a window that is still open ends where the last call left it."""
        if self._closed:
            return
        if self._open is not None:
            self.close_window(self._open.start_s + (self._written - self._first) / self.fs_hz)
        self._write_index()
        self._wav.close()
        self._file.close()
        self._closed = True

    def _advance(self, at_s: float) -> TrackWindow:
        """Write what sounded up to `at_s`."""
        if self._open is None:
            raise ValueError(f"at {at_s} s no window is open")
        ahead = self._first + round((at_s - self._open.start_s) * self.fs_hz) - self._written
        if ahead < 0:
            raise ValueError(f"{at_s} s lies {-ahead / self.fs_hz:g} s before what was already written")
        self._write(ahead)
        return self._open

    def _write(self, n: int) -> None:
        """Write `n` samples of what is sounding, silence where nothing is; the cap comes last."""
        while n:
            size = min(n, _CHUNK_S * self.fs_hz)
            out = np.zeros(size)
            now = self._sound[:size]
            out[: now.size] = now
            self._put(np.rint(cap(out) * _FULL_COUNT).astype("<i2").tobytes())
            self._sound = self._sound[size:]
            self._written += size
            n -= size

    def _put(self, frames: bytes) -> None:
        """Append frames; `wave` puts the header right each time, and flushing makes the file whole."""
        try:
            self._wav.writeframes(frames)
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _write_index(self) -> None:
        index = {
            "wav": self.path.name,
            "fs_hz": self.fs_hz,
            "full_scale_dba": self.full_scale_dba,
            "windows": [asdict(window) for window in self._windows],
        }
        part = self.index_path.with_name(self.index_path.name + ".part")
        try:
            part.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
            part.replace(self.index_path)
        except OSError as error:
            raise _unwritable(self.index_path, error) from error


def _unwritable(path: Path, error: OSError) -> DeviceError:
    return DeviceError(f"{path}: the cue track cannot be written ({error.strerror}); free some space")
