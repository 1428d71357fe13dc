"""Sound through a named output device, by PortAudio (sounddevice, an extra of the project).

PortAudio asks for frames in a thread of its own; the mixer gives them. A device that is missing or dies is a
fault, told once; it is opened again when the next cue comes, after a pause that grows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.cues import STOP_S, Cue, OnOnset, Onset
from sanctuary.firmware_bridge.outputs.mixer import STOP_FADE_S, SoundMixer
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary
from sanctuary.signal.samples import FloatArray

_LOG = logging.getLogger(__name__)

FS_HZ = 48_000
BLOCK_FRAMES = 480
"""10 ms: what may still sound of the block being played when a stop comes."""
DELAY_S = 0.04
"""Wanted of the device: long enough for a callback that shares Python with the rest of the program."""
LONGEST_DELAY_S = STOP_S - STOP_FADE_S - BLOCK_FRAMES / FS_HZ
"""A device that is slower is closed at a stop, for its buffers would sound on for too long."""
STALL_S = 1.0
"""A device that has asked for nothing for so long has gone away without a word, as some do when unplugged."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Before a device that failed is opened again."""

_open_streams: list[Any] = []
"""Of all loudspeakers of this program."""


def sound_library() -> ModuleType:
    """Import sounddevice.

    Raises
    ------
    DeviceError
        It is not installed, or PortAudio is not.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceError(
            "sound needs the library sounddevice: pip install 'dream-sanctuary[pi]'", Cause.REFUSED
        ) from error
    except OSError as error:
        raise DeviceError(
            "sound needs PortAudio: install the package libportaudio2", Cause.REFUSED
        ) from error
    library: ModuleType = sounddevice
    return library


def output_devices(library: Any) -> list[str]:
    """Names of all devices that can play."""
    return [str(each["name"]) for each in library.query_devices() if each["max_output_channels"] > 0]


def device_number(library: Any, device: str) -> int:
    """Give the number of the first device of this name that can play.

    Raises
    ------
    DeviceError
        There is none; names those that there are.
    """
    for number, each in enumerate(library.query_devices()):
        if each["name"] == device and each["max_output_channels"] > 0:
            return number
    there = ", ".join(f'"{name}"' for name in output_devices(library)) or "none"
    raise DeviceError(f'no sound device "{device}"; there are: {there}', Cause.NOT_FOUND)


def look_again(library: Any) -> None:
    """Let PortAudio find devices that were plugged in since it began, which it never does by itself.

    It ends all streams, so nothing is done while any loudspeaker of this program is open.
    """
    if not _open_streams:
        with suppress(Exception):  # one that could not be started cannot be ended
            library._terminate()  # noqa: SLF001  documented, and there is no other way
        library._initialize()  # noqa: SLF001


class SoundOutput:
    """One loudspeaker.

    Parameters
    ----------
    device
        Its name, as `output_devices` has it.
    full_scale_dba, max_dba, sounds
        See `SoundMixer`.
    on_onset
        Hears when each cue began, by the converter's clock.
    clock
        Monotonic seconds.
    library
        sounddevice, or something like it.
    """

    def __init__(
        self,
        device: str,
        full_scale_dba: float,
        max_dba: float,
        on_onset: OnOnset = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        library: Any = None,
        sounds: SoundLibrary | None = None,
    ) -> None:
        self.device = device
        self.underruns = 0
        """Gaps in cues, because this machine was too slow."""
        self._on_onset, self._clock, self._library = on_onset, clock, library
        self._mixer = SoundMixer(FS_HZ, full_scale_dba, max_dba, sounds)
        self._lock = threading.Lock()
        self._stream: Any = None
        self._delay_s = DELAY_S
        self._asked_s = 0.0
        self._died = False
        self._underruns_told = False
        self._pause_s = FIRST_PAUSE_S
        self._retry_s = float("-inf")
        self._fault: tuple[str, Cause] | None = None

    @property
    def busy(self) -> bool:
        return self._mixer.busy

    def play(self, cue: Cue, at_s: float) -> None:
        """Let a cue sound with the next block."""
        voice = self._mixer.prepare(cue, at_s)
        self._ready()
        with self._lock:
            self._mixer.begin(voice)

    def tick(self, now_s: float) -> None:
        """See to it that the device is still there."""
        if self.underruns and not self._underruns_told:
            self._underruns_told = True
            _LOG.warning("%s: gaps in the sound; this machine is too slow for its pods", self.device)
        if self._stream is not None and (self._died or now_s > self._asked_s + STALL_S):
            self._close_stream()
            raise self._failed(f"{self.device}: the sound device went away", Cause.DROPPED)

    def stop(self, _now_s: float) -> None:
        with self._lock:
            self._mixer.stop()
        if self._delay_s > LONGEST_DELAY_S:
            self._close_stream()

    def close(self) -> None:
        self._close_stream()

    def _ready(self) -> None:
        """Open the device, if it is not open."""
        if self._stream is not None and not self._died:
            return
        self._close_stream()
        if self._fault is not None and self._clock() < self._retry_s:
            raise DeviceError(*self._fault)
        library = self._library if self._library is not None else sound_library()
        number = self._find(library)
        self._died, self._asked_s = False, self._clock()
        try:
            self._stream = library.OutputStream(
                samplerate=FS_HZ,
                blocksize=BLOCK_FRAMES,
                device=number,
                channels=1,
                dtype="float32",
                latency=DELAY_S,
                callback=self._fill,
                finished_callback=self._finished,
            )
            _open_streams.append(self._stream)
            self._delay_s = float(self._stream.latency)
            self._stream.start()
        except Exception as error:
            self._close_stream()
            text = f"{self.device}: the sound device cannot be opened ({error})"
            raise self._failed(text, Cause.REFUSED) from error
        self._pause_s, self._fault = FIRST_PAUSE_S, None

    def _find(self, library: Any) -> int:
        """Give the device's number; of several with its name the first."""
        try:
            if self._fault is not None or self.device not in output_devices(library):
                look_again(library)
            return device_number(library, self.device)
        except DeviceError as error:
            raise self._failed(str(error), error.cause) from error
        except Exception as error:
            text = f"{self.device}: the sound devices cannot be listed ({error})"
            raise self._failed(text, Cause.REFUSED) from error

    def _failed(self, text: str, cause: Cause) -> DeviceError:
        """Remember a fault, and for how long not to try again."""
        self._fault = text, cause
        self._retry_s = self._clock() + self._pause_s
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
        return DeviceError(text, cause)

    def _fill(self, out: FloatArray, n: int, times: Any, status: Any) -> None:
        """Give PortAudio the next frames; in its thread."""
        self._asked_s = now_s = self._clock()
        with self._lock:
            self.underruns += bool(status.output_underflow) and self._mixer.busy
            mixed = self._mixer.frames(n)
        out[:, 0] = mixed.samples
        if mixed.begun:
            delay_s = float(times.outputBufferDacTime) - float(times.currentTime)
            begins_s = now_s + (delay_s if delay_s > 0.0 else self._delay_s)  # some devices tell no times
            for begun in mixed.begun:
                self._on_onset(Onset(begun.cue, begun.wanted_s, begins_s))

    def _finished(self) -> None:
        self._died = True

    def _close_stream(self) -> None:
        """Let the device go, with what sounds; a device that has gone may throw anything."""
        stream, self._stream = self._stream, None
        if stream is not None:
            _open_streams.remove(stream)
            with suppress(Exception):
                stream.close()
        with self._lock:
            self._mixer.clear()
