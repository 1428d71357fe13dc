"""Mixes the cues of one loudspeaker, and caps them: what leaves here may go to a converter; pure.

The cap is the last stage but the converter. A cue counts with the loudest that its beating partials can be,
and cues that sound together are added as if their waves met in step; while that sum is above the cap,
everything is turned down. The gain follows the cues' own fades, so that it never jumps. After that every
sample is limited to the amplitude cap of `tones`, whatever came before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.sound_rendering import (
    FAST_S,
    HIGHEST_SHARE,
    LOWEST_HZ,
    SoundLibrary,
    a_weight_db,
    cap,
    envelope,
    fade_in,
    render,
)
from sanctuary.signal.samples import FloatArray

STOP_FADE_S = 0.03
"""Fade with which sounding cues are cut: no click, and with a converter's delay still within 100 ms."""


@dataclass(slots=True, eq=False)
class Voice:
    """A cue made ready to sound.

    Attributes
    ----------
    sound
        Samples that are still to come, shape ``(n,)``.
    pressure
        How loud each can be at the pillow, A-weighted, re 20 uPa; same shape.
    begun
        Whether any of it has been mixed.
    """

    cue: Cue
    wanted_s: float
    sound: FloatArray
    pressure: FloatArray
    begun: bool = False


@dataclass(frozen=True, slots=True)
class StartedCue:
    """A cue whose first sample is the first of the frames just mixed."""

    cue: Cue
    wanted_s: float


@dataclass(frozen=True, slots=True)
class MixedFrames:
    """Some frames, shape ``(n,)``, -1 to 1, and the cues that begin with them."""

    samples: FloatArray
    begun: tuple[StartedCue, ...] = ()


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
    sounds
        Files that cues may name; made ready here.
    """

    def __init__(
        self, fs_hz: int, full_scale_dba: float, max_dba: float, sounds: SoundLibrary | None = None
    ) -> None:
        self._fs_hz, self._full_scale_dba, self._max_dba = fs_hz, full_scale_dba, max_dba
        self._sounds = sounds if sounds is not None else SoundLibrary()
        self._sounds.prepare(fs_hz)
        self._voices: list[Voice] = []

    @property
    def busy(self) -> bool:
        """Whether anything sounds, or is about to."""
        return bool(self._voices)

    def prepare(self, cue: Cue, wanted_s: float) -> Voice:
        """Render a cue, no louder than the cap; it takes a while and touches nothing that sounds.

        Raises
        ------
        ValueError
            Not a sound, or not one that can be rendered.
        DeviceError
            Its file is not on board.
        """
        if cue.modality is not Modality.SOUND:
            raise ValueError(f"a loudspeaker cannot render {cue.modality}")
        if not math.isfinite(cue.level):
            raise ValueError(f"a cue at {cue.level} dBA")
        unit = self._sounds.unit(cue.file_sha256, self._fs_hz) if cue.file_sha256 else None
        tones_hz = () if cue.file_sha256 else cue.tones_hz
        excess_db = beat_excess_db([f for f in tones_hz if LOWEST_HZ <= f <= HIGHEST_SHARE * self._fs_hz])
        level_dba = min(cue.level, self._max_dba - excess_db)
        sound = render(replace(cue, level=level_dba), self._fs_hz, self._full_scale_dba, unit)
        shape = np.zeros(sound.size)
        heard = sound.size if unit is None else min(unit.size, sound.size)
        shape[:heard] = envelope(heard, round(min(cue.fade_s, cue.duration_s) * self._fs_hz))
        return Voice(cue, wanted_s, sound, _pressure(level_dba + excess_db) * shape)

    def begin(self, voice: Voice) -> None:
        """Let a cue begin with the next frame."""
        if voice.sound.size:
            self._voices.append(voice)

    def play(self, cue: Cue, wanted_s: float) -> None:
        """Prepare a cue and let it begin; raises as `prepare`."""
        self.begin(self.prepare(cue, wanted_s))

    def stop(self) -> None:
        """Fade out what sounds, within `STOP_FADE_S`; what has not begun never will."""
        self._voices = [voice for voice in self._voices if voice.begun]
        for voice in self._voices:
            n = min(round(STOP_FADE_S * self._fs_hz), voice.sound.size)
            fade = fade_in(n)[::-1]
            voice.sound, voice.pressure = voice.sound[:n] * fade, voice.pressure[:n] * fade

    def clear(self) -> None:
        """Forget everything: there is nothing to sound on any more."""
        self._voices = []

    def frames(self, n: int) -> MixedFrames:
        """Give the next `n` frames."""
        out, pressure = np.zeros(n), np.zeros(n)
        begun = tuple(StartedCue(voice.cue, voice.wanted_s) for voice in self._voices if not voice.begun)
        for voice in self._voices:
            piece = voice.sound[:n]
            out[: piece.size] += piece
            pressure[: piece.size] += voice.pressure[:n]
            voice.sound, voice.pressure, voice.begun = voice.sound[n:], voice.pressure[n:], True
        self._voices = [voice for voice in self._voices if voice.sound.size]
        highest = _pressure(self._max_dba)
        return MixedFrames(cap(out * (highest / np.maximum(pressure, highest))), begun)


def beat_excess_db(tones_hz: Sequence[float]) -> float:
    """Give how far a tone's Lmax can lie above its level, which adds the powers of its partials.

    Partials that are close to one another beat, and a meter set to "fast" follows the beats: by 3 dB for two
    that are 0.1 Hz apart, by less than 0.2 dB for a chord.
    """
    if not tones_hz:
        return 0.0
    f_hz = np.asarray(tones_hz, dtype=np.float64)
    weight = 10.0 ** (np.array([a_weight_db(f) for f in tones_hz]) / 20.0)
    beats = _followed(f_hz[:, None] - f_hz) + _followed(f_hz[:, None] + f_hz)
    return float(10.0 * np.log10(weight @ beats @ weight / np.sum(weight**2)))


def _followed(beat_hz: FloatArray) -> FloatArray:
    """Share of a beat that is left behind the meter's time constant."""
    return np.asarray(1.0 / np.sqrt(1.0 + (2.0 * np.pi * FAST_S * beat_hz) ** 2))


def _pressure(level_dba: float) -> float:
    return float(10.0 ** (level_dba / 20.0))
