"""P3: what the limiter admits, whatever it is asked."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sanctuary.commons.designs import cue_for, shipped_design
from sanctuary.config.settings_base import shipped_designs
from sanctuary.config.site_settings import CoordinatorSettings, LimiterSettings, PodSettings
from sanctuary.firmware_bridge.cues import AMBER, Cue, Modality
from sanctuary.pods.limiter import Limiter, LimitReason, flashes_of


def limiter_of(settings: LimiterSettings | None = None) -> Limiter:
    return Limiter(settings or LimiterSettings(), light_cleared=True)


def sound(level: float = 60.0, duration_s: float = 4.0, fade_s: float = 1.0) -> Cue:
    return Cue(Modality.SOUND, level, duration_s, fade_s, (110.0,))


def light(level: float = 0.5, duration_s: float = 4.0, flash_hz: float = 0.0, fade_s: float = 0.5) -> Cue:
    return Cue(Modality.LIGHT, level, duration_s, fade_s, (), flash_hz)


def level_of(verdict: Cue | LimitReason) -> float:
    assert isinstance(verdict, Cue), verdict
    return verdict.level


def reason_of(verdict: Cue | LimitReason) -> LimitReason:
    assert isinstance(verdict, LimitReason), verdict
    return verdict


def test_p3_the_first_cue_is_soft_and_the_next_rise_one_decibel_each_up_to_the_cap() -> None:
    limiter = limiter_of(LimiterSettings(start_level_dba=30.0, max_level_dba=33.0))
    assert [level_of(limiter.admit(sound(), 20.0 * n)) for n in range(6)] == [30, 31, 32, 33, 33, 33]


def test_p3_a_cue_that_asks_for_less_gets_less_and_the_ramp_goes_on_from_there() -> None:
    limiter = limiter_of()
    assert level_of(limiter.admit(sound(15.0), 0.0)) == 15.0
    assert level_of(limiter.admit(sound(40.0), 20.0)) == 16.0


def test_p3_twenty_seconds_from_cue_to_cue_whatever_the_modality() -> None:
    limiter = limiter_of()
    limiter.admit(sound(), 0.0)
    assert reason_of(limiter.admit(light(), 19.99)) is LimitReason.TOO_SOON
    assert reason_of(limiter.admit(light(), 3.0)) is LimitReason.STILL_SOUNDING
    assert level_of(limiter.admit(light(), 20.0)) == 0.05


def test_p3_a_block_of_fifteen_then_a_rest() -> None:
    limiter = limiter_of()
    verdicts = [limiter.admit(sound(), 20.0 * n) for n in range(16)]
    assert reason_of(verdicts[15]) is LimitReason.BLOCK_FULL
    assert reason_of(limiter.admit(sound(), 14 * 20.0 + 1199.0)) is LimitReason.BLOCK_FULL
    assert isinstance(limiter.admit(sound(), 14 * 20.0 + 1200.0), Cue)


def test_p3_the_night_has_a_budget() -> None:
    limiter = limiter_of(LimiterSettings(night_budget=3))
    assert [isinstance(limiter.admit(sound(), 1200.0 * n), Cue) for n in range(5)] == [True] * 3 + [False] * 2
    assert reason_of(limiter.admit(sound(), 1e6)) is LimitReason.NIGHT_BUDGET


def test_p3_flashes_have_a_rate_a_count_and_an_hourly_budget() -> None:
    limiter = limiter_of()
    assert reason_of(limiter.admit(light(flash_hz=1.01), 0.0)) is LimitReason.FLASH_RATE
    assert reason_of(limiter.admit(light(flash_hz=1.0, duration_s=10.5), 0.0)) is LimitReason.FLASHES_PER_CUE
    for n in range(6):
        assert isinstance(limiter.admit(light(flash_hz=1.0, duration_s=10.0), 30.0 * n), Cue)
    assert reason_of(limiter.admit(light(flash_hz=1.0), 300.0)) is LimitReason.FLASHES_PER_HOUR
    assert isinstance(limiter.admit(light(flash_hz=0.0), 300.0), Cue)
    assert isinstance(limiter.admit(light(flash_hz=1.0), 3700.0), Cue)


def test_p3_lamps_in_view_share_the_flashes() -> None:
    limiter = limiter_of(LimiterSettings(lamps_in_view=4))
    assert reason_of(limiter.admit(light(flash_hz=0.26), 0.0)) is LimitReason.FLASH_RATE
    assert reason_of(limiter.admit(light(flash_hz=0.25, duration_s=10.0), 0.0)) is LimitReason.FLASHES_PER_CUE
    assert isinstance(limiter.admit(light(flash_hz=0.25, duration_s=8.0), 0.0), Cue)


def test_p3_no_light_unless_everybody_who_sees_it_was_asked() -> None:
    limiter = Limiter(LimiterSettings())
    assert reason_of(limiter.admit(light(), 0.0)) is LimitReason.PHOTOSENSITIVE
    assert isinstance(limiter.admit(sound(), 0.0), Cue)


@pytest.mark.parametrize("flash_hz", [0.0, 1.0])
@pytest.mark.parametrize("rgb", [(255, 0, 0), (128, 0, 0), (255, 126, 0), (255, 80, 80)])
def test_p3_saturated_red_is_never_shown(rgb: tuple[int, int, int], flash_hz: float) -> None:
    cue = Cue(Modality.LIGHT, 0.05, 4.0, 0.5, flash_hz=flash_hz, rgb=rgb)
    assert reason_of(limiter_of().admit(cue, 0.0)) is LimitReason.SATURATED_RED


@pytest.mark.parametrize("rgb", [AMBER, (255, 255, 255), (0, 0, 255), (255, 150, 0)])
def test_p3_amber_and_white_are_not_saturated_red(rgb: tuple[int, int, int]) -> None:
    assert isinstance(limiter_of().admit(Cue(Modality.LIGHT, 0.05, 4.0, 0.5, rgb=rgb), 0.0), Cue)


def test_p3_a_lamp_is_lit_for_a_quarter_of_a_second_at_least() -> None:
    limiter = limiter_of(LimiterSettings(max_flash_hz=2.0))
    assert reason_of(limiter.admit(light(duration_s=0.24, fade_s=0.1), 0.0)) is LimitReason.FLASH_TOO_SHORT
    assert isinstance(limiter.admit(light(duration_s=0.25, fade_s=0.1), 0.0), Cue)
    assert isinstance(limiter.admit(light(flash_hz=2.0), 20.0), Cue)
    slow = limiter_of(LimiterSettings(min_lit_s=1.0))
    assert reason_of(slow.admit(light(flash_hz=1.0), 0.0)) is LimitReason.FLASH_TOO_SHORT


def test_p3_fades_are_lengthened_never_shortened() -> None:
    limiter = limiter_of()
    admitted = limiter.admit(sound(fade_s=0.0), 0.0)
    assert isinstance(admitted, Cue)
    assert admitted.fade_s == 0.05
    admitted = limiter.admit(light(fade_s=0.01), 20.0)
    assert isinstance(admitted, Cue)
    assert admitted.fade_s == 0.1


@pytest.mark.parametrize(
    ("cue", "reason"),
    [
        (sound(nan), LimitReason.MALFORMED),
        (sound(inf), LimitReason.MALFORMED),
        (sound(-1.0), LimitReason.MALFORMED),
        (sound(duration_s=0.0), LimitReason.MALFORMED),
        (sound(duration_s=12.1), LimitReason.TOO_LONG),
        (sound(duration_s=0.09), LimitReason.TOO_SHORT_TO_FADE),
        (sound(duration_s=4.0, fade_s=2.1), LimitReason.TOO_SHORT_TO_FADE),
        (sound(5.0), LimitReason.TOO_SOFT),
        (Cue(Modality.SOUND, 30.0, 4.0, 1.0, flash_hz=1.0), LimitReason.MALFORMED),
        (Cue(Modality.LIGHT, 0.05, 4.0, 1.0, rgb=(0, 256, 0)), LimitReason.MALFORMED),
    ],
)
def test_p3_a_cue_that_cannot_be_made_safe_is_refused(cue: Cue, reason: LimitReason) -> None:
    assert reason_of(limiter_of().admit(cue, 0.0)) is reason


def test_p3_quiet_after_an_arousal_then_six_decibels_softer_and_never_louder() -> None:
    limiter = limiter_of()
    for n in range(5):
        limiter.admit(sound(), 20.0 * n)
    limiter.on_arousal(90.0)
    limiter.on_arousal(91.0)
    assert reason_of(limiter.admit(sound(), 150.9)) is LimitReason.AROUSAL_QUIET
    assert [level_of(limiter.admit(sound(), 151.0 + 20.0 * n)) for n in range(3)] == [28.0, 28.0, 28.0]
    assert level_of(limiter.admit(sound(20.0), 211.0)) == 20.0
    assert level_of(limiter.admit(sound(), 231.0)) == 20.0


def test_p3_an_arousal_long_after_the_last_cue_only_stops_the_rise() -> None:
    limiter = limiter_of()
    limiter.admit(sound(), 0.0)
    limiter.on_arousal(100.0)
    assert [level_of(limiter.admit(sound(), t_s)) for t_s in (160.0, 180.0)] == [30.0, 30.0]


def test_p3_light_that_woke_is_halved_and_sound_keeps_its_level() -> None:
    limiter = limiter_of()
    limiter.admit(sound(), 0.0)
    limiter.admit(light(), 20.0)
    limiter.on_arousal(22.0)
    assert level_of(limiter.admit(light(), 100.0)) == 0.025
    assert level_of(limiter.admit(sound(), 120.0)) == 30.0


def test_p3_a_sleeper_woken_again_and_again_is_left_alone() -> None:
    limiter = limiter_of()
    for n in range(4):
        limiter.admit(sound(), 200.0 * n)
        limiter.on_arousal(200.0 * n + 1.0)
    assert reason_of(limiter.admit(sound(), 1000.0)) is LimitReason.TOO_SOFT


@pytest.mark.parametrize("name", sorted(shipped_designs()))
def test_p3_no_shipped_design_asks_for_what_is_never_admitted(name: str) -> None:
    for step in shipped_design(name).design.steps:
        cue = cue_for(step, 30.0)
        assert isinstance(limiter_of().admit(cue, 0.0), Cue), step


def reborn(limiter: Limiter, settings: LimiterSettings, at_s: float) -> Limiter:
    """The limiter after a restart at `at_s`, on a clock whose second 0 is then."""
    again = limiter_of(settings)
    again.recall(limiter.memory(1e9), 1e9 + at_s, 0.0)
    return again


def test_p3_a_restart_begins_no_new_block() -> None:
    s = LimiterSettings(cues_per_block=2)
    limiter = limiter_of(s)
    for n in range(2):
        limiter.admit(sound(), 20.0 * n)
    again = reborn(limiter, s, 30.0)
    assert reason_of(again.admit(sound(), 10.0)) is LimitReason.BLOCK_FULL
    assert isinstance(again.admit(sound(), 1190.0), Cue)


def test_p3_a_restart_forgets_no_flashes_of_the_hour() -> None:
    s = LimiterSettings(flashes_per_hour=8)
    limiter = limiter_of(s)
    limiter.admit(light(flash_hz=1.0, duration_s=8.0), 0.0)
    again = reborn(limiter, s, 100.0)
    assert reason_of(again.admit(light(flash_hz=1.0), 0.0)) is LimitReason.FLASHES_PER_HOUR
    assert isinstance(again.admit(light(flash_hz=1.0), 3508.0), Cue)


cues = st.builds(
    Cue,
    st.sampled_from(Modality),
    st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.0, 60.0),
    st.floats(-1.0, 20.0),
    st.floats(-1.0, 8.0),
    st.just(()),
    st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0]),
)
moments = st.lists(st.tuples(st.floats(0.0, 60.0), cues | st.none()), max_size=60)


@given(moments)
def test_p3_holds_for_any_sequence(asked: list[tuple[float, Cue | None]]) -> None:
    s, limiter, now_s = LimiterSettings(), limiter_of(), 0.0
    played: list[tuple[float, Cue]] = []
    woken_s = -inf
    for wait_s, cue in asked:
        now_s += wait_s
        if cue is None:
            limiter.on_arousal(now_s)
            woken_s = now_s
            continue
        verdict = limiter.admit(cue, now_s)
        if isinstance(verdict, LimitReason):
            continue
        out = verdict
        same = [one for _, one in played if one.modality is out.modality]
        sounding = out.modality is Modality.SOUND
        assert 0.0 <= out.level <= (s.max_level_dba if sounding else s.max_share)
        assert out.level <= cue.level
        start, rise = (s.start_level_dba, s.ramp_db) if sounding else (s.start_share, s.ramp_share)
        before = same[-1].level if same else start - rise
        assert out.level <= before + (rise if woken_s == -inf or not same else 0.0) + 1e-9
        assert not played or now_s >= played[-1][0] + 20.0
        assert now_s >= woken_s + s.arousal_quiet_s
        assert out.fade_s >= 0.05
        assert 2 * out.fade_s <= out.duration_s <= s.max_duration_s
        assert out.flash_hz <= 1.0
        assert flashes_of(out) <= 10
        played.append((now_s, out))
    assert len(played) <= s.night_budget


@pytest.mark.parametrize(
    ("model", "unsafe"),
    [
        (LimiterSettings, {"max_level_dba": 45.1}),
        (LimiterSettings, {"ramp_db": 1.1}),
        (LimiterSettings, {"fade_s": 0.04}),
        (LimiterSettings, {"gap_s": 19.0}),
        (LimiterSettings, {"max_flash_hz": 2.1}),
        (LimiterSettings, {"flashes_per_cue": 11}),
        (LimiterSettings, {"flashes_per_hour": 61}),
        (LimiterSettings, {"cues_per_block": 16}),
        (LimiterSettings, {"night_budget": 61}),
        (LimiterSettings, {"arousal_step_db": 5.0}),
        (LimiterSettings, {"arousal_quiet_s": 59.0}),
        (LimiterSettings, {"start_level_dba": 35.0, "max_level_dba": 30.0}),
        (LimiterSettings, {"start_share": 0.2, "max_share": 0.1}),
        (LimiterSettings, {"gap_s": float("nan")}),
        (LimiterSettings, {"max_flash_hz": 2.01}),
        (LimiterSettings, {"min_lit_s": 0.24}),
        (PodSettings, {"requalify_s": 4.9}),
        (PodSettings, {"stale_s": 3.1}),
        (PodSettings, {"lost_s": 10.1}),
        (PodSettings, {"min_quality": 0.49}),
        (PodSettings, {"min_lead_s": 0.9}),
        (PodSettings, {"late_s": 1.1}),
        (PodSettings, {"clock_uncertainty_limit_s": 0.06}),
        (PodSettings, {"lease_ttl_s": 3.0}),
        (PodSettings, {"max_lead_s": 2.0, "min_lead_s": 2.0}),
        (PodSettings, {"heartbeat_s": 1.0, "state_interval_s": 2.0}),
        (CoordinatorSettings, {"lead_s": 0.9}),
        (CoordinatorSettings, {"lead_s": 5.0}),
        (CoordinatorSettings, {"extend_every_s": 3.5}),
        (CoordinatorSettings, {"refractory_s": 59.0}),
    ],
)
def test_article_8_no_setting_can_be_unsafe(model: type[LimiterSettings], unsafe: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        model(**unsafe)
