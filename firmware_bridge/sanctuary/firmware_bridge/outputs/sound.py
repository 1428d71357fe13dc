"""Sound through a named output device, by PortAudio (sounddevice, an extra of the project).

PortAudio asks for frames in a thread of its own; the mixer gives them. A device that is missing or dies is a
fault, told once; it is opened again when the next cue comes, after a pause that grows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.outputs.base import OnOnset, Onset
from sanctuary.firmware_bridge.outputs.cue import Cue
from sanctuary.firmware_bridge.outputs.mixer import SoundMixer
from sanctuary.signal.samples import FloatArray

FS_HZ = 48_000
BLOCK_FRAMES = 480
"""10 ms: what may still sound of the block being played when a stop comes."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Before a device that failed is opened again."""


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


class SoundOutput:
    """One loudspeaker.

    Parameters
    ----------
    device
        Its name, as `output_devices` has it.
    full_scale_dba, max_dba
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
    ) -> None:
        self.device = device
        self.underruns = 0
        self._on_onset, self._clock, self._library = on_onset, clock, library
        self._mixer = SoundMixer(FS_HZ, full_scale_dba, max_dba)
        self._lock = threading.Lock()
        self._stream: Any = None
        self._died = False
        self._pause_s = FIRST_PAUSE_S
        self._retry_s = float("-inf")
        self._fault: DeviceError | None = None

    @property
    def busy(self) -> bool:
        """Whether anything sounds."""
        return self._mixer.busy

    def play(self, cue: Cue, at_s: float) -> None:
        """Let a cue sound with the next block."""
        self._ready()
        with self._lock:
            self._mixer.play(cue, at_s)

    def tick(self, _now_s: float) -> None:
        """See to it that the device is still there."""
        if self._died and self._stream is not None:
            self._close_stream()
            self._fail(DeviceError(f"{self.device}: the sound device went away", Cause.DROPPED))

    def stop(self, _now_s: float) -> None:
        """Fade out."""
        with self._lock:
            self._mixer.stop()

    def close(self) -> None:
        """Stop, and let the device go."""
        self._close_stream()

    def _ready(self) -> None:
        """Open the device, if it is not open."""
        if self._stream is not None and not self._died:
            return
        self._close_stream()
        now_s = self._clock()
        if now_s < self._retry_s:
            raise self._fault or DeviceError(f"{self.device}: the sound device is gone")
        library = self._library if self._library is not None else sound_library()
        if self.device not in (names := output_devices(library)):
            there = ", ".join(f'"{name}"' for name in names) or "none"
            self._fail(DeviceError(f'no sound device "{self.device}"; there are: {there}', Cause.NOT_FOUND))
        self._died = False
        try:
            self._stream = library.OutputStream(
                samplerate=FS_HZ,
                blocksize=BLOCK_FRAMES,
                device=self.device,
                channels=1,
                dtype="float32",
                latency="low",
                callback=self._fill,
                finished_callback=self._finished,
            )
            self._stream.start()
        except Exception as error:
            self._close_stream()
            self._fail(
                DeviceError(f"{self.device}: the sound device cannot be opened ({error})", Cause.REFUSED)
            )
        self._pause_s, self._fault = FIRST_PAUSE_S, None

    def _fail(self, fault: DeviceError) -> None:
        self._fault = fault
        self._retry_s = self._clock() + self._pause_s
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
        with self._lock:
            self._mixer.stop()
        raise fault

    def _fill(self, out: FloatArray, n: int, times: Any, status: Any) -> None:
        """Give PortAudio the next frames; in its thread."""
        if status:
            self.underruns += 1
        with self._lock:
            mixed = self._mixer.frames(n)
        out[:, 0] = mixed.samples
        delay_s = max(0.0, float(times.outputBufferDacTime) - float(times.currentTime))
        for begun in mixed.begun:
            happened_s = self._clock() + delay_s + begun.frame / FS_HZ
            self._on_onset(Onset(begun.cue, begun.wanted_s, happened_s))

    def _finished(self) -> None:
        self._died = True

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(Exception):  # a device that has gone may throw anything
                stream.close()
