"""What hangs on the pins of a Raspberry Pi: a vibration motor, and the stop button (gpiozero)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.cues import Cue, Modality, OnOnset, Onset

PWM_HZ = 200
BOUNCE_S = 0.02


def pin_library() -> ModuleType:
    """Import gpiozero.

    Raises
    ------
    DeviceError
        It is not installed.
    """
    try:
        import gpiozero
    except ImportError as error:
        raise DeviceError(
            "pins need the library gpiozero: pip install 'dream-sanctuary[pi]'", Cause.REFUSED
        ) from error
    library: ModuleType = gpiozero
    return library


def _opened(make: Callable[[], Any], pin: int) -> Any:
    try:
        return make()
    except Exception as error:
        raise DeviceError(f"pin GPIO{pin}: cannot be used ({error})", Cause.REFUSED) from error


class HapticOutput:
    """A vibration motor behind a transistor on one pin.

    Parameters
    ----------
    pin
        GPIO number.
    max_share
        Highest share of full output; the last thing done to a level.
    on_onset, clock
        As for other outputs.

    Raises
    ------
    DeviceError
        No gpiozero, or the pin cannot be used.
    """

    def __init__(
        self,
        pin: int,
        max_share: float,
        on_onset: OnOnset = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        library = pin_library()
        self._pin, self._max_share, self._on_onset, self._clock = pin, max_share, on_onset, clock
        self._motor = _opened(lambda: library.PWMOutputDevice(pin, frequency=PWM_HZ), pin)
        self._cue: tuple[Cue, float] | None = None

    @property
    def busy(self) -> bool:
        return self._cue is not None

    def play(self, cue: Cue, at_s: float) -> None:
        """Begin a cue; it takes the place of one that goes on."""
        if cue.modality is not Modality.HAPTIC:
            raise ValueError(f"a motor cannot render {cue.modality}")
        now_s = self._clock()
        self._cue = (cue, now_s)
        self.tick(now_s)
        self._on_onset(Onset(cue, at_s, now_s))

    def tick(self, now_s: float) -> None:
        if self._cue is None:
            return
        cue, began_s = self._cue
        past_s = now_s - began_s
        if past_s >= cue.duration_s:
            self.stop(now_s)
            return
        fade_s = min(cue.fade_s, cue.duration_s / 2.0)
        edge_s = min(past_s, cue.duration_s - past_s)
        share = 1.0 if fade_s <= 0.0 else min(1.0, edge_s / fade_s)
        level = min(cue.level * share, self._max_share, 1.0) if cue.level > 0.0 else 0.0
        try:
            self._motor.value = level
        except Exception as error:
            self.stop(now_s)
            raise DeviceError(f"pin GPIO{self._pin}: the motor cannot be driven ({error})") from error

    def stop(self, _now_s: float) -> None:
        self._cue = None
        with suppress(Exception):  # a pin that was closed rests already
            self._motor.off()

    def close(self) -> None:
        self.stop(0.0)
        with suppress(Exception):
            self._motor.close()


class StopButton:
    """The button beside the bed. A button that is held down already counts as pressed: better once too often.

    Parameters
    ----------
    pin
        GPIO number; the button connects it to ground.
    pressed
        Called at each press, in a thread of gpiozero's.

    Raises
    ------
    DeviceError
        No gpiozero, or the pin cannot be used.
    """

    def __init__(self, pin: int, pressed: Callable[[], None]) -> None:
        library = pin_library()
        self._button = _opened(lambda: library.Button(pin, pull_up=True, bounce_time=BOUNCE_S), pin)
        self._button.when_pressed = pressed
        if self._button.is_pressed:
            pressed()

    def close(self) -> None:
        """Let the pin go."""
        with suppress(Exception):
            self._button.close()
