"""The gate: hysteresis, reasons, and the table behind them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.config.chain_settings import GateSettings
from sanctuary.signal.gate import (
    TRANSITIONS,
    Gate,
    GateEvent,
    GateState,
    Judgement,
    OpeningLog,
    Reason,
    entropy_share,
)
from sanctuary.signal.samples import Stage

REM = Judgement((0.01, 0.02, 0.02, 0.0, 0.95), Stage.R, 3.0, 200.0)
N2 = Judgement((0.02, 0.05, 0.9, 0.02, 0.01), Stage.N2, -4.0, 200.0)
WAKE = Judgement((0.9, 0.05, 0.03, 0.01, 0.01), Stage.W, 0.5, 200.0)
EARLY_REM = Judgement(REM.p, Stage.R, 3.0, 89.0)
VAGUE = Judgement((0.02, 0.02, 0.02, 0.02, 0.92), Stage.R, 3.0, 200.0)
UNKNOWN = Judgement(REM.p, Stage.UNKNOWN, 0.0, 200.0)
REMEMBERED = Judgement(REM.p, Stage.R, 0.5, 200.0)
"""The filter still believes in REM, but the last 30 s say little for it."""
CONTRADICTED = Judgement(REM.p, Stage.R, -1.0, 200.0)
FADING = Judgement((0.05, 0.08, 0.07, 0.0, 0.8), Stage.R, 0.5, 200.0)
WINDOW_S = GateSettings().enter_window_s
PAUSE_S = round(GateSettings().reopen_after_s)


class Night:
    """A gate with its own clock."""

    def __init__(self, limits=None):
        self.gate = Gate(limits or GateSettings())
        self.t_s = 0.0

    def sleep(self, staged, seconds, arousal=False, usable=True):
        """Let seconds pass; the last verdict."""
        for _ in range(seconds):
            self.t_s += 1.0
            verdict = self.gate.push(self.t_s, staged, arousal, usable)
        return verdict


def test_opens_after_a_whole_window_of_rem_not_before():
    night = Night()
    assert night.sleep(REM, WINDOW_S - 1).reason == Reason.NOT_SURE
    verdict = night.sleep(REM, 1)
    assert verdict.stable_rem
    assert verdict.reason == Reason.STABLE_REM


def test_never_opens_in_other_stages():
    assert not Night().sleep(N2, 600).stable_rem


def test_a_remembered_rem_without_evidence_does_not_open():
    verdict = Night().sleep(REMEMBERED, 600)
    assert not verdict.stable_rem
    assert verdict.reason == Reason.NO_EVIDENCE


def test_evidence_must_not_fail_anywhere_in_the_window():
    night = Night()
    night.sleep(REM, WINDOW_S - 3)
    night.sleep(CONTRADICTED, 1)
    assert night.sleep(REM, WINDOW_S - 2).reason == Reason.NO_EVIDENCE


def test_one_strong_second_of_evidence_cannot_speak_for_the_window():
    night = Night()
    night.sleep(REMEMBERED, WINDOW_S - 1)
    assert not night.sleep(Judgement(REM.p, Stage.R, 1000.0, 200.0), 1).stable_rem


def test_minimum_sleep_is_kept():
    verdict = Night().sleep(EARLY_REM, 600)
    assert not verdict.stable_rem
    assert verdict.reason == Reason.TOO_EARLY


def test_minimum_sleep_cannot_be_configured_below_ninety_minutes():
    with pytest.raises(ValueError, match="90"):
        GateSettings(minimum_sleep_min=60.0)


def test_entropy_refuses_what_is_probable_but_vague():
    verdict = Night(GateSettings(enter_entropy=0.2)).sleep(VAGUE, 300)
    assert verdict.reason == Reason.AMBIGUOUS


def opened():
    night = Night()
    assert night.sleep(REM, WINDOW_S).stable_rem
    return night


def test_hysteresis_what_would_not_open_does_not_close():
    assert opened().sleep(REMEMBERED, 60).stable_rem


def test_closes_when_rem_fades():
    night = opened()
    assert night.sleep(FADING, 2).stable_rem
    reasons = [night.sleep(FADING, 1).reason for _ in range(3)]
    assert Reason.REM_ENDED in reasons
    assert not night.sleep(FADING, 1).stable_rem


def test_closes_at_once_when_the_evidence_speaks_against_rem():
    verdict = opened().sleep(CONTRADICTED, 1)
    assert verdict == type(verdict)(False, Reason.DOUBT)


def test_closes_on_waking_within_three_seconds():
    limits = GateSettings(leave_p_rem=0.05, enter_p_rem=0.9)
    night = Night(limits)
    assert night.sleep(REM, WINDOW_S).stable_rem
    half = Judgement((0.45, 0.05, 0.0, 0.0, 0.5), Stage.W, 0.5, 200.0)
    assert night.sleep(half, 2).stable_rem
    verdict = night.sleep(half, 1)
    assert verdict == type(verdict)(False, Reason.WAKING)


def test_after_a_closing_the_gate_stays_shut_for_a_while():
    night = opened()
    night.sleep(CONTRADICTED, 1)
    assert night.sleep(REM, PAUSE_S - 1).reason == Reason.JUST_CLOSED
    assert night.sleep(REM, 1).stable_rem


def test_closes_on_arousal_at_once_and_stays_quiet():
    night = opened()
    verdict = night.sleep(REM, 1, arousal=True)
    assert verdict == type(verdict)(False, Reason.AROUSAL)
    assert night.sleep(REM, 59).reason == Reason.REFRACTORY
    assert not night.sleep(REM, WINDOW_S).stable_rem
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
    assert not night.sleep(REM, WINDOW_S - 1).stable_rem
    assert night.sleep(REM, 1).stable_rem


def test_every_transition_leads_to_a_listed_state_and_every_closing_from_open():
    assert set(TRANSITIONS) == set(GateState)
    closing = {GateEvent.LEAVE, GateEvent.DOUBT, GateEvent.WAKING, GateEvent.STALE, GateEvent.AROUSED}
    assert set(TRANSITIONS[GateState.OPEN]) == closing


def test_hysteresis_is_required_of_the_settings():
    with pytest.raises(ValueError, match="below enter_p_rem"):
        GateSettings(enter_p_rem=0.6, leave_p_rem=0.6)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([REM, N2, WAKE, VAGUE, UNKNOWN, EARLY_REM, REMEMBERED, CONTRADICTED, FADING]),
            st.integers(1, 90),
            st.booleans(),
            st.integers(0, 9),
        ),
        max_size=25,
    )
)
@settings(max_examples=60)
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
                assert any(rem_run[-5:])
                assert staged.evidence >= -0.5
                assert verdict.reason == Reason.STABLE_REM


def test_entropy_share_runs_from_zero_to_one():
    assert entropy_share((1.0, 0.0, 0.0, 0.0, 0.0)) == pytest.approx(0.0, abs=1e-6)
    assert entropy_share((0.2,) * 5) == pytest.approx(1.0)


def test_the_log_turns_verdicts_into_openings():
    log = OpeningLog()
    for t_s, is_open in enumerate([False, True, True, False, False, True]):
        log.push(float(t_s), is_open, "why")
    log.end(9.0)
    assert [(o.open_s, o.close_s, o.reason) for o in log.openings] == [
        (1.0, 3.0, "why"),
        (5.0, 9.0, "night-ended"),
    ]
