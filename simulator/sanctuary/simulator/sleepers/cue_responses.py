"""A sleeper's response to a cue: sleep goes on, an arousal, an awakening, incorporation, an eye signal.

Pure: the situation and the random generator are arguments. The chance of an arousal is a logistic function of
the cue's level above the sleeper's threshold; light and vibration count as the sound that disturbs as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sanctuary.config.sleeper_settings import ResponseSettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.signal.samples import Stage
from sanctuary.simulator.physiology.waveforms import Episode

LATENCY_S = (0.5, 1.5)
"""From the cue to the arousal that it causes."""
WAKING_LATENCY_S = 2.0
"""From the cue to the first change of stage, at least: background is made in frames that long."""
SIGNAL_DELAY_S = (5.0, 10.0)
_HEARD_DB = -15.0
"""How far below the threshold a cue can enter a dream."""
_AWAKENING_DOUBLES_DB = 10.0
_LEVELS = {Modality.SOUND: (0.0, 120.0), Modality.LIGHT: (0.0, 1.0), Modality.HAPTIC: (0.0, 1.0)}


class Outcome(StrEnum):
    """What a cue does to sleep."""

    SLEEPS_ON = "sleeps on"
    AROUSAL = "arousal"
    AWAKENING = "awakening"
    AWAKE = "awake already"


@dataclass(frozen=True, slots=True)
class Situation:
    """The sleeper at the moment of a cue.

    Attributes
    ----------
    stage, phasic
        True stage, and whether the eyes move (in REM).
    asleep_s
        Time slept so far.
    threshold_dba
        This sleeper's own threshold in N2 at the beginning of a night.
    """

    stage: Stage
    phasic: bool
    asleep_s: float
    threshold_dba: float


@dataclass(frozen=True, slots=True)
class Response:
    """What followed from one cue; part of the truth of a night.

    Attributes
    ----------
    at_s
        When the cue was given, seconds since the recording began.
    modality, level
        The cue: dBA of sound, share (0 to 1) of light and vibration.
    stage, phasic
        The sleeper at that moment.
    threshold_dba, probability
        Threshold in force, and the chance of an arousal that came of it.
    outcome
        What the cue did to sleep.
    arousal, awake
        Signs of arousal in the EEG and the muscles, and time awake; None without.
    incorporated
        Whether the cue entered the dream.
    signal_at_s
        When a voluntary eye signal answers it; None without.
    thinned_until_s
        Until when eye movements are fewer; `at_s` where they are not.
    """

    at_s: float
    modality: Modality
    level: float
    stage: Stage
    phasic: bool
    threshold_dba: float
    probability: float
    outcome: Outcome
    arousal: Episode | None
    awake: Episode | None
    incorporated: bool
    signal_at_s: float | None
    thinned_until_s: float


def own_threshold_dba(settings: ResponseSettings, rng: np.random.Generator) -> float:
    """Draw a sleeper's threshold in N2 at the beginning of a night."""
    drawn = float(np.clip(rng.standard_normal(), -2.5, 2.5))
    return settings.threshold_dba + settings.threshold_sd_db * drawn


def hearing_threshold_dba(rng: np.random.Generator) -> float:
    """Draw the hearing threshold (dBA) of a sleeper awake in bed; its mean and spread are guesses."""
    return round(30.0 + 4.0 * float(np.clip(rng.standard_normal(), -2.5, 2.5)), 1)


def threshold_dba(situation: Situation, settings: ResponseSettings) -> float:
    """Level that arouses this sleeper every other time, now; meaningless awake."""
    rem_db = settings.phasic_db if situation.phasic else settings.tonic_db
    by_stage = {Stage.N1: settings.n1_db, Stage.N3: settings.n3_db, Stage.R: rem_db}
    fallen_db = settings.fall_db_per_hour * situation.asleep_s / 3600.0
    return situation.threshold_dba + by_stage.get(situation.stage, 0.0) - fallen_db


def loudness_dba(level: float, modality: Modality, settings: ResponseSettings) -> float:
    """Sound to which a cue is alike.

    Raises
    ------
    ValueError
        No level of this modality.
    """
    low, high = _LEVELS[modality]
    if not low <= level <= high:
        raise ValueError(f"a {modality} cue of level {level:g}: must be {low:g} to {high:g}")
    if modality is Modality.SOUND:
        return level
    return settings.share_least_dba + level * (settings.share_most_dba - settings.share_least_dba)


def arousal_probability(over_db: float, settings: ResponseSettings) -> float:
    """Chance that a cue so far above the threshold arouses."""
    return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, over_db / settings.slope_db))))


def draw_response(
    at_s: float,
    level: float,
    modality: Modality,
    situation: Situation,
    settings: ResponseSettings,
    rng: np.random.Generator,
) -> Response:
    """Draw what follows from a cue.

    Parameters
    ----------
    at_s
        When it is given, seconds since the recording began.
    level, modality
        dBA Lmax of sound, share (0 to 1) of light and vibration.
    rng
        This cue's own random numbers; as many are drawn whatever comes of it.

    Raises
    ------
    ValueError
        No level of this modality.
    """
    loud_dba = loudness_dba(level, modality, settings)
    limit_dba = threshold_dba(situation, settings)
    over_db = loud_dba - limit_dba
    asleep = situation.stage is not Stage.W and loud_dba > 0.0
    chance = arousal_probability(over_db, settings) if asleep else 0.0
    aroused, woken, dreamt, answered = rng.random(4) < (
        chance,
        min(1.0, settings.awakening_share * 2.0 ** (over_db / _AWAKENING_DOUBLES_DB)),
        settings.incorporation_share if over_db > _HEARD_DB else 0.0,
        settings.signal_share,
    )
    arousal = Episode(
        at_s + rng.uniform(*LATENCY_S), rng.uniform(settings.arousal_shortest_s, settings.arousal_longest_s)
    )
    awake = Episode(at_s + WAKING_LATENCY_S, rng.uniform(settings.awake_shortest_s, settings.awake_longest_s))
    signal_at_s = at_s + rng.uniform(*SIGNAL_DELAY_S)
    woken, dreaming = aroused and woken, situation.stage is Stage.R
    incorporated = bool(dreaming and not woken and dreamt)
    return Response(
        at_s=at_s,
        modality=modality,
        level=level,
        stage=situation.stage,
        phasic=situation.phasic,
        threshold_dba=limit_dba,
        probability=chance,
        outcome=_outcome(situation.stage, aroused=bool(aroused), woken=bool(woken)),
        arousal=arousal if aroused else None,
        awake=awake if woken else None,
        incorporated=incorporated,
        signal_at_s=signal_at_s if incorporated and answered else None,
        thinned_until_s=at_s + settings.thinned_s if dreaming and asleep else at_s,
    )


def _outcome(stage: Stage, *, aroused: bool, woken: bool) -> Outcome:
    if stage is Stage.W:
        return Outcome.AWAKE
    if woken:
        return Outcome.AWAKENING
    return Outcome.AROUSAL if aroused else Outcome.SLEEPS_ON
