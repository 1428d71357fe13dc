"""What sleepers make of cues: the rules of a response."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sanctuary.config.sleeper_settings import ResponseSettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.simulator.sleepers.cue_responses import (
    Outcome,
    Response,
    Situation,
    arousal_probability,
    draw_response,
    loudness_dba,
    own_threshold_dba,
    threshold_dba,
)

SETTINGS = ResponseSettings()
TONIC = Situation(Stage.R, phasic=False, asleep_s=4.0 * 3600.0, threshold_dba=47.0)
PHASIC = Situation(Stage.R, phasic=True, asleep_s=4.0 * 3600.0, threshold_dba=47.0)


def _many(
    situation: Situation, level: float, n: int = 2000, settings: ResponseSettings = SETTINGS
) -> list[Response]:
    return [
        draw_response(100.0, level, Modality.SOUND, situation, settings, np.random.default_rng(seed))
        for seed in range(n)
    ]


def _aroused(responses: list[Response]) -> float:
    return float(np.mean([response.arousal is not None for response in responses]))


def test_at_the_threshold_every_other_cue_arouses_and_louder_ones_more() -> None:
    at = threshold_dba(TONIC, SETTINGS)
    shares = [_aroused(_many(TONIC, at + over)) for over in (-10.0, 0.0, 10.0)]
    assert shares[0] < 0.08
    assert shares[1] == pytest.approx(0.5, abs=0.05)
    assert shares[2] > 0.92


def test_phasic_rem_is_deeper_than_tonic_and_n3_than_n2() -> None:
    at = threshold_dba(TONIC, SETTINGS)
    assert _aroused(_many(PHASIC, at)) < 0.15 < _aroused(_many(TONIC, at))
    by_stage = {s: threshold_dba(Situation(s, False, 0.0, 47.0), SETTINGS) for s in STAGES}
    assert by_stage[Stage.N1] < by_stage[Stage.N2] == by_stage[Stage.R] < by_stage[Stage.N3]


def test_the_threshold_falls_with_the_time_asleep() -> None:
    late = Situation(Stage.N2, False, 6.0 * 3600.0, 47.0)
    assert threshold_dba(late, SETTINGS) == pytest.approx(47.0 - 6.0 * SETTINGS.fall_db_per_hour)


def test_arousals_begin_after_the_cue_and_last_3_to_15_s() -> None:
    arousals = [r.arousal for r in _many(TONIC, 60.0) if r.arousal is not None]
    assert all(100.0 < each.onset_s < 102.0 and 3.0 <= each.duration_s <= 15.0 for each in arousals)
    assert np.std([each.duration_s for each in arousals]) > 2.0


def test_loud_cues_wake_more_often_and_awakenings_hold_an_arousal() -> None:
    at = threshold_dba(TONIC, SETTINGS)
    woken = []
    for level in (at, at + 20.0):
        responses = _many(TONIC, level)
        woken.append(np.mean([r.outcome is Outcome.AWAKENING for r in responses]))
        assert all(r.arousal is not None and not r.incorporated for r in responses if r.awake is not None)
    assert 0.03 < woken[0] < 0.15
    assert woken[1] > 2.0 * woken[0]


def test_quiet_cues_enter_the_dream_in_rem_only_and_a_few_are_answered() -> None:
    at = threshold_dba(TONIC, SETTINGS)
    settings = ResponseSettings(signal_share=0.3)
    responses = _many(TONIC, at - 6.0, settings=settings)
    assert np.mean([r.incorporated for r in responses]) == pytest.approx(0.4, abs=0.06)
    answers = [r for r in responses if r.signal_at_s is not None]
    assert len(answers) / len(responses) == pytest.approx(0.12, abs=0.03)
    assert all(r.incorporated and 105.0 <= (r.signal_at_s or 0.0) <= 110.0 for r in answers)
    asleep = Situation(Stage.N2, False, 0.0, 47.0)
    assert not any(r.incorporated or r.signal_at_s for r in _many(asleep, 41.0, settings=settings))
    assert not any(r.incorporated for r in _many(TONIC, at - 25.0))


def test_eye_movements_thin_out_after_every_cue_in_rem() -> None:
    assert all(r.thinned_until_s == 160.0 for r in _many(PHASIC, 30.0, 50))
    assert all(r.thinned_until_s == 100.0 for r in _many(Situation(Stage.N2, False, 0.0, 47.0), 30.0, 50))


def test_somebody_awake_is_not_woken() -> None:
    for response in _many(Situation(Stage.W, False, 0.0, 47.0), 90.0, 200):
        assert response.outcome is Outcome.AWAKE
        assert (response.arousal, response.awake, response.signal_at_s) == (None, None, None)
        assert response.probability == 0.0


def test_light_and_vibration_count_as_the_sound_that_disturbs_as_much() -> None:
    for modality in (Modality.LIGHT, Modality.HAPTIC):
        low, high = (loudness_dba(share, modality, SETTINGS) for share in (0.0, 1.0))
        assert (low, high) == (SETTINGS.share_least_dba, SETTINGS.share_most_dba)
        with pytest.raises(ValueError, match="must be 0 to 1"):
            loudness_dba(1.01, modality, SETTINGS)
    assert loudness_dba(38.0, Modality.SOUND, SETTINGS) == 38.0
    for level in (-1.0, 121.0, float("nan")):
        with pytest.raises(ValueError, match="sound cue"):
            loudness_dba(level, Modality.SOUND, SETTINGS)


@given(over=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_the_chance_of_an_arousal_rises_with_the_level(over: list[float]) -> None:
    chances = [arousal_probability(db, SETTINGS) for db in sorted(over)]
    assert chances == sorted(chances)
    assert all(0.0 <= chance <= 1.0 for chance in chances)


def test_thresholds_differ_between_sleepers() -> None:
    drawn = [own_threshold_dba(SETTINGS, np.random.default_rng(seed)) for seed in range(500)]
    assert np.mean(drawn) == pytest.approx(SETTINGS.threshold_dba, abs=1.0)
    assert np.std(drawn) == pytest.approx(SETTINGS.threshold_sd_db, rel=0.15)


def test_ranges_must_be_ranges() -> None:
    with pytest.raises(ValidationError, match="arousal_shortest_s must not exceed"):
        ResponseSettings(arousal_shortest_s=20.0)
