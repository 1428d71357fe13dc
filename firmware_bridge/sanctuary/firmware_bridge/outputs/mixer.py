"""Mixes the cues of one loudspeaker, and caps them: what leaves here may go to a converter; pure.

The cap is the last stage but the converter: whatever cues sound together, their levels are added as if their
waves met in step, which is the loudest that they can be, and everything is turned down until that is within
the cap. After that every sample is limited to the amplitude cap of `tones`, whatever came before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from sanctuary.firmware_bridge.outputs.cue import Cue, Modality
from sanctuary.firmware_bridge.outputs.tones import cap, fade_in, render
from sanctuary.signal.samples import FloatArray

STOP_FADE_S = 0.03
"""Fade with which sounding cues are cut: no click, and with a converter's delay still within 100 ms."""


@dataclass(slots=True, eq=False)
class _Voice:
    cue: Cue
    wanted_s: float
    sound: FloatArray
    at: int = 0


@dataclass(frozen=True, slots=True)
class Begun:
    """A cue whose first sample is among those just mixed.

    Attributes
    ----------
    frame
        Which of them.
    """

    cue: Cue
    wanted_s: float
    frame: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """Some frames, shape ``(n,)``, -1 to 1, and the cues that begin in them."""

    samples: FloatArray
    begun: tuple[Begun, ...] = field(default=())


class SoundMixer:
    """The cues that sound on one loudspeaker.

    Parameters
    ----------
    fs_hz
        Sampling rate.
    full_scale_dba
        Level at the pillow of a 1 kHz sine of full scale, as calibrated.
    max_dba
        Cap of everything together at the pillow.
    """

    def __init__(self, fs_hz: int, full_scale_dba: float, max_dba: float) -> None:
        self._fs_hz, self._full_scale_dba, self._max_dba = fs_hz, full_scale_dba, max_dba
        self._voices: list[_Voice] = []
        self._fading: int | None = None

    @property
    def busy(self) -> bool:
        """Whether anything sounds."""
        return bool(self._voices)

    def play(self, cue: Cue, wanted_s: float) -> None:
        """Let a cue begin with the next frame.

        Raises
        ------
        ValueError
            Not a sound, or not one that can be rendered.
        """
        if cue.modality is not Modality.SOUND:
            raise ValueError(f"a loudspeaker cannot render {cue.modality}")
        if self._fading is not None:
            self._voices, self._fading = [], None
        self._voices.append(_Voice(cue, wanted_s, render(cue, self._fs_hz, self._full_scale_dba)))

    def stop(self) -> None:
        """Fade everything out, within `STOP_FADE_S`."""
        if self._voices and self._fading is None:
            self._fading = round(STOP_FADE_S * self._fs_hz)

    def frames(self, n: int) -> Mixed:
        """Give the next `n` frames."""
        out = np.zeros(n)
        gain = self._gain()
        begun = []
        for voice in self._voices:
            piece = voice.sound[voice.at : voice.at + n]
            out[: piece.size] += gain * piece
            if voice.at == 0:
                begun.append(Begun(voice.cue, voice.wanted_s, 0))
            voice.at += n
        self._voices = [voice for voice in self._voices if voice.at < voice.sound.size]
        if self._fading is not None:
            self._fade(out)
        return Mixed(cap(out), tuple(begun))

    def _gain(self) -> float:
        """How far all must be turned down to keep the cap, were their waves in step."""
        pressure = sum(10.0 ** (voice.cue.level / 20.0) for voice in self._voices)
        if pressure == 0.0:
            return 1.0
        return min(1.0, float(10.0 ** ((self._max_dba - 20.0 * math.log10(pressure)) / 20.0)))

    def _fade(self, out: FloatArray) -> None:
        """Take the rest of the fade off these frames, in place; after it nothing sounds."""
        whole = round(STOP_FADE_S * self._fs_hz)
        left = self._fading or 0
        n = min(left, out.size)
        out[:n] *= fade_in(whole)[::-1][whole - left : whole - left + n]
        out[n:] = 0.0
        self._fading = left - n
        if self._fading == 0:
            self._voices, self._fading = [], None
