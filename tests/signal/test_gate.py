"""The gate: hysteresis, reasons, and the table behind them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.chain import GateSettings
from sanctuary.signal.gate import TRANSITIONS, Finding, Gate, GateState, OpeningLog, Reason, entropy_share
from sanctuary.signal.samples import Stage
from sanctuary.signal.staging import Staged

REM = Staged((0.01, 0.02, 0.02, 0.0, 0.95), Stage.R, 200.0)
N2 = Staged((0.02, 0.05, 0.9, 0.02, 0.01), Stage.N2, 200.0)
WAKE = Staged((0.9, 0.05, 0.03, 0.01, 0.01), Stage.W, 200.0)
EARLY_REM = Staged(REM.p, Stage.R, 89.0)
VAGUE = Staged((0.05, 0.05, 0.05, 0.04, 0.81), Stage.N2, 200.0)
UNKNOWN = Staged(REM.p, Stage.UNKNOWN, 200.0)


class Night:
    """A gate with its own clock."""

    def __init__(self, limits=None):
        self.gate = Gate(limits or GateSettings())
        self.t_s = 0.0

    def sleep(self, staged, seconds, arousal=False, usable=True):
        """Let seconds pass; the last verdict."""
        for _ in range(seconds):
            self.t_s += 1.0
            verdict = self.gate.second(self.t_s, staged, arousal, usable)
        return verdict


def test_opens_after_a_whole_window_of_rem_not_before():
    night = Night()
    assert night.sleep(REM, 59).reason == Reason.NOT_SURE
    verdict = night.sleep(REM, 1)
    assert verdict.stable_rem
    assert verdict.reason == Reason.STABLE_REM


def test_never_opens_in_other_stages():
    assert not Night().sleep(N2, 600).stable_rem


def test_minimum_sleep_is_kept():
    verdict = Night().sleep(EARLY_REM, 600)
    assert not verdict.stable_rem
    assert verdict.reason == Reason.TOO_EARLY


def test_minimum_sleep_cannot_be_configured_below_ninety_minutes():
    with pytest.raises(ValueError, match="90"):
        GateSettings(minimum_sleep_min=60.0)


def test_entropy_refuses_what_is_probable_but_vague():
    verdict = Night(GateSettings(enter_entropy=0.4)).sleep(VAGUE, 300)
    assert verdict.reason == Reason.AMBIGUOUS


def opened():
    night = Night()
    assert night.sleep(REM, 60).stable_rem
    return night


def test_hysteresis_one_doubtful_hop_does_not_close():
    assert opened().sleep(N2, 10).stable_rem


def test_closes_when_rem_is_over():
    night = opened()
    assert night.sleep(N2, 14).stable_rem
    assert not night.sleep(N2, 6).stable_rem
    assert not night.sleep(REM, 40).stable_rem


def test_closes_on_waking_within_ten_seconds():
    night = opened()
    assert night.sleep(WAKE, 9).stable_rem
    verdict = night.sleep(WAKE, 1)
    assert verdict == type(verdict)(False, Reason.WAKING)


def test_closes_on_arousal_at_once_and_stays_quiet():
    night = opened()
    verdict = night.sleep(REM, 1, arousal=True)
    assert verdict == type(verdict)(False, Reason.AROUSAL)
    assert night.sleep(REM, 59).reason == Reason.REFRACTORY
    assert not night.sleep(REM, 60).stable_rem
    assert night.sleep(REM, 2).stable_rem


def test_closes_when_the_signal_is_gone_for_ten_seconds():
    night = opened()
    assert night.sleep(REM, 9, usable=False).stable_rem
    verdict = night.sleep(REM, 1, usable=False)
    assert verdict == type(verdict)(False, Reason.NO_SIGNAL)


def test_unknown_counts_as_no_signal():
    assert not opened().sleep(UNKNOWN, 10).stable_rem


def test_an_opening_is_gathered_anew_after_each_closing():
    night = opened()
    night.sleep(N2, 40)
    assert not night.sleep(REM, 40).stable_rem
    assert night.sleep(REM, 20).stable_rem


def test_every_transition_leads_to_a_listed_state_and_every_closing_from_open():
    assert set(TRANSITIONS) == set(GateState)
    assert set(TRANSITIONS[GateState.OPEN]) == {Finding.LEAVE, Finding.WAKING, Finding.STALE, Finding.AROUSED}


def test_hysteresis_is_required_of_the_settings():
    with pytest.raises(ValueError, match="below enter_p_rem"):
        GateSettings(enter_p_rem=0.6, leave_p_rem=0.6)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([REM, N2, WAKE, VAGUE, UNKNOWN, EARLY_REM]),
            st.integers(1, 90),
            st.booleans(),
            st.integers(0, 9),
        ),
        max_size=25,
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_open_means_recent_rem_no_arousal_and_signal(story):
    night = Night()
    rem_run: list[bool] = []
    for staged, seconds, usable, arousal_in in story:
        for k in range(seconds):
            aroused = arousal_in == 1 and k == 0
            verdict = night.sleep(staged, 1, arousal=aroused, usable=usable)
            rem_run.append(staged.p[4] > 0.8)
            if verdict.stable_rem:
                assert not aroused
                assert any(rem_run[-30:])
                assert verdict.reason == Reason.STABLE_REM


def test_entropy_share_runs_from_zero_to_one():
    assert entropy_share((1.0, 0.0, 0.0, 0.0, 0.0)) == pytest.approx(0.0, abs=1e-6)
    assert entropy_share((0.2,) * 5) == pytest.approx(1.0)


def test_the_log_turns_verdicts_into_openings():
    log = OpeningLog()
    for t_s, is_open in enumerate([False, True, True, False, False, True]):
        log.verdict(float(t_s), is_open, "why")
    log.end(9.0)
    assert [(o.open_s, o.close_s, o.reason) for o in log.openings] == [
        (1.0, 3.0, "why"),
        (5.0, 9.0, "night-ended"),
    ]
