"""Simulated sleepers, one or several from one seed: a true night and the signal of two electrodes from it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sleeper_settings import SleeperSettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.background_eeg import BackgroundNoise
from sanctuary.simulator.physiology.course import Course
from sanctuary.simulator.physiology.electrodes import Disturbances, Electrodes, draw_faults
from sanctuary.simulator.physiology.eye_movements import EyeMovements, RemPlan
from sanctuary.simulator.physiology.movements import Movements
from sanctuary.simulator.physiology.random_streams import Concern, stream
from sanctuary.simulator.physiology.traits import draw_traits
from sanctuary.simulator.physiology.waveforms import OverlapAdd, Wave
from sanctuary.simulator.physiology.waves import Pulse, SleepWaves
from sanctuary.simulator.sleepers.cue_responses import Response, Situation, draw_response, own_threshold_dba
from sanctuary.simulator.sleepers.simulated_night import draw_night

CHANNELS = ("AF7", "AF8")
"""Rows of the signal: left first."""
SEGMENT_S = 30
"""Signals are made in segments of this length, whatever amounts are asked for."""

USUAL = SleeperSettings()
"""Settings of a sleeper without any of their own."""

_FS_HZ = (100.0, 2000.0)
_HOURS_MOST = 24.0


class Sleeper:
    """A sleeper whose true stages are known.

    Parameters
    ----------
    seed
        Chooses the person and the night, 0 or more. The night depends on `seed`, `hours`, the settings of
        the night and, where these couple sleepers, on `beside` only, never on anything about the signal.
    hours
        Length of the night, over 0 to 24 h; afterwards the sleeper is awake.
    fs_hz
        Sampling rate, a whole number from 100 to 2000 Hz.
    settings
        Ranges from which the night, the person and the disturbances are drawn.
    beside
        Seeds of those who sleep next to this one, in any order.

    Attributes
    ----------
    truth
        The night as it really is, with what the cues given so far changed.
    traits
        The person.
    responses
        What followed from each cue given so far.

    Raises
    ------
    ValueError
        An argument lies outside its range.
    """

    def __init__(
        self,
        seed: int,
        hours: float,
        fs_hz: float = 250.0,
        settings: SleeperSettings = USUAL,
        beside: Sequence[int] = (),
    ) -> None:
        _check(seed, hours, fs_hz)
        self.fs_hz = float(fs_hz)
        truth = draw_night(seed, hours, settings.night, beside)
        self.traits = traits = draw_traits(settings.variation, stream(seed, Concern.PERSON))
        fs, disturbed = int(fs_hz), settings.disturbances
        listed = Disturbances(
            seed, fs, SEGMENT_S, disturbed.events, truth.duration_s, float(disturbed.mains_hz)
        )
        turns = sorted((*truth.turns, *listed.episodes("turn")), key=lambda turn: turn.onset_s)
        self.truth = truth = replace(truth, turns=tuple(turns))
        self._course = Course(truth.stages, stream(seed, Concern.DEPTH))
        self._rem = RemPlan(truth.stages, traits.rem_density, stream(seed, Concern.REM_PLAN))
        faults = draw_faults(truth.duration_s, disturbed, stream(seed, Concern.FAULTS))
        grinding = (*faults.grinding, *listed.episodes("bruxism"))
        common, course, rem = (seed, fs, SEGMENT_S), self._course, self._rem
        self._parts = _Parts(
            BackgroundNoise(*common, course, traits),
            Pulse(*common, course, traits),
            SleepWaves(*common, course, rem, traits),
            EyeMovements(*common, course, rem, traits, truth.lights_out_s, truth.duration_s),
            Movements(*common, course, rem, traits, truth.arousals, truth.turns, grinding),
            Electrodes(*common, faults, disturbed),
            listed,
            OverlapAdd(fs, SEGMENT_S),
        )
        self._seed, self._settings = seed, settings.responses
        self._threshold_dba = own_threshold_dba(settings.responses, stream(seed, Concern.RESPONSES))
        self.responses: tuple[Response, ...] = ()
        self._gains = np.array(traits.side_gains)[:, None]
        self._before = self._parts
        self._n_segments = self._handed_out = 0
        self._ready = np.empty((len(CHANNELS), 0))

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Render the next `n_samples` of the signal; the night goes on where the last call ended.

        Returns
        -------
        Shape ``(2, n_samples)``, microvolts at `CHANNELS`. The samples do not depend on the sizes of the
        calls.

        Raises
        ------
        ValueError
            `n_samples` is negative.
        """
        if n_samples < 0:
            raise ValueError(f"{n_samples} samples: must be 0 or more")
        parts, missing = [], n_samples
        while missing > 0:
            if self._ready.shape[1] == 0:
                self._ready = self._segment()
            part, self._ready = self._ready[:, :missing], self._ready[:, missing:]
            parts.append(part)
            missing -= part.shape[1]
            self._handed_out += part.shape[1]
        return np.concatenate(parts, axis=1) if parts else np.empty((len(CHANNELS), 0))

    def stimulate(self, level: float, modality: Modality, at_s: float) -> Response:
        """Give the sleeper a cue; samples handed out so far stay, and so does all before the cue.

        Parameters
        ----------
        level, modality
            dBA Lmax of sound, share (0 to 1) of light and vibration.
        at_s
            When, in seconds since the recording began. A cue from before the samples handed out is given
            at the first one that was not.

        Returns
        -------
        What follows; the same seed and the same cues give the same.

        Raises
        ------
        ValueError
            No level of this modality, or a cue before the last one or before the night.
        """
        last_s = self.responses[-1].at_s if self.responses else 0.0
        if not last_s <= at_s < np.inf:
            raise ValueError(f"a cue at {at_s} s: must not lie before {last_s:g} s")
        at_s = max(at_s, self._handed_out / self.fs_hz)
        rng = stream(self._seed, Concern.RESPONSES, 1 + len(self.responses))
        response = draw_response(at_s, level, modality, self._situation(at_s), self._settings, rng)
        self.responses = (*self.responses, response)
        self._follow(response, rng)
        kept = self._ready.shape[1]
        if kept and at_s * self.fs_hz < self._handed_out + kept:
            self._n_segments -= 1
            self._parts = self._before
            self._ready = self._segment()[:, -kept:]
        return response

    def _situation(self, at_s: float) -> Situation:
        slept = self.truth.stages[: int(at_s)] != Stage.W
        phasic = bool(self._rem.phasic(np.array([at_s]))[0])
        return Situation(
            self.truth.stage_at(at_s), phasic, float(np.count_nonzero(slept)), self._threshold_dba
        )

    def _follow(self, response: Response, rng: np.random.Generator) -> None:
        """Change what lies ahead."""
        at_s = response.at_s
        if response.arousal is not None:
            self._parts.movements.arouse(response.arousal)
        if response.awake is not None:
            start_s, end_s = response.awake.onset_s, response.awake.end_s
            self._course.wake(start_s, end_s)
            self._rem.thin(start_s, end_s, 0.0, rng)
            stages = self.truth.stages.copy()
            stages[int(np.ceil(start_s)) : int(np.ceil(end_s))] = Stage.W
            self.truth = replace(self.truth, stages=stages)
        if response.signal_at_s is not None:
            self._parts.eyes.signal(response.signal_at_s)
        self._rem.thin(at_s, response.thinned_until_s, self._settings.thinned_to, rng)

    def _segment(self) -> NDArray[np.float64]:
        index = self._n_segments
        self._n_segments += 1
        self._before = self._parts.copy()
        return self._parts.segment(index, self._gains)


@dataclass(slots=True)
class _Parts:
    """What a signal is made of; all of it is made in segments, in order.

    A copy goes on from where the original stood when it was copied. Course and plan of the night are shared.
    """

    noise: BackgroundNoise
    pulse: Pulse
    sleep_waves: SleepWaves
    eyes: EyeMovements
    movements: Movements
    electrodes: Electrodes
    listed: Disturbances
    overlay: OverlapAdd

    def copy(self) -> _Parts:
        return _Parts(*(copy(getattr(self, field.name)) for field in fields(self)))

    def segment(self, index: int, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signal of segment `index`, ``(2, n)`` uV."""
        waves: list[Wave] = []
        for source in (self.sleep_waves, self.eyes, self.movements, self.electrodes, self.listed):
            waves += source.segment(index)
        uv = self.noise.segment(index) + self.pulse.segment(index) + self.overlay.segment(index, waves)
        return self.listed.received(index, self.electrodes.received(index, gains * uv))


def _check(seed: int, hours: float, fs_hz: float) -> None:
    if seed < 0:
        raise ValueError(f"seed {seed}: must be 0 or more")
    if not 0.0 < hours <= _HOURS_MOST:
        raise ValueError(f"a night of {hours} h: must be over 0 and at most {_HOURS_MOST:g} h")
    if not (_FS_HZ[0] <= fs_hz <= _FS_HZ[1] and float(fs_hz).is_integer()):
        raise ValueError(f"{fs_hz} Hz: must be a whole number from {_FS_HZ[0]:g} to {_FS_HZ[1]:g} Hz")


def draw_circle(
    n: int, seed: int, hours: float, settings: SleeperSettings = USUAL, fs_hz: float = 250.0
) -> list[Sleeper]:
    """Draw `n` sleepers.

    They are independent, and the first ones stay the same when more are asked for, unless
    `settings.night.coupling` draws their stage changes towards each other.

    Parameters
    ----------
    n
        Number of sleepers, 1 or more.
    seed
        Chooses them all, 0 or more.
    hours, settings, fs_hz
        As for `Sleeper`.

    Raises
    ------
    ValueError
        An argument lies outside its range.
    """
    if n < 1:
        raise ValueError(f"a circle of {n}: must hold 1 sleeper or more")
    seeds = sleeper_seeds(n, seed)
    return [Sleeper(own, hours, fs_hz, settings, seeds) for own in seeds]


def sleeper_seeds(n: int, seed: int) -> list[int]:
    """Seeds of the sleepers of a circle, in order.

    Raises
    ------
    ValueError
        `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed {seed}: must be 0 or more")
    children = np.random.SeedSequence(seed).spawn(n)
    return [int(child.generate_state(1, np.uint32)[0]) for child in children]
