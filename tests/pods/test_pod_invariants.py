"""P1 to P7, one after the other, by the letter."""

from __future__ import annotations

import pytest

from pod_bench import (
    CIRCLE,
    POD,
    UTC_AT_ZERO_S,
    eligible_bench,
    entries,
    estimate,
    grant,
    make_bench,
    phase_of,
    playing_bench,
    recorded,
    renders,
    reply_of,
    sealed,
    silences,
    window_bench,
    withdrawal,
)
from sanctuary.commons.entries import signing_key, unseal
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import IdSource, Log, Render
from sanctuary.pods.pod.events import (
    ClockMeasured,
    CommandReceived,
    ConsentPresented,
    EstimateArrived,
    HeadbandLost,
    LinkLost,
    LinkRestored,
    PersonReset,
    StopPressed,
    Ticked,
    WithdrawalMade,
)
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.pods.pod.states import PodPhase


def test_a_window_plays_the_design_from_its_start() -> None:
    bench = window_bench()
    effects = bench.sleep(60, extend="w1")
    assert [(cue.at_s, cue.step, cue.cue.modality) for cue in renders(effects)] == [
        (3.0, 0, Modality.SOUND),
        (27.0, 1, Modality.LIGHT),
        (51.0, 2, Modality.SOUND),
    ]


def test_p1_no_cue_without_an_estimate_of_stable_rem() -> None:
    bench = window_bench()
    bench.handle(EstimateArrived(estimate(2.0, rem=False)), 2.0)
    assert phase_of(bench) is PodPhase.REQUALIFYING
    assert renders(bench.sleep(5)) == []


def test_p1_no_cue_on_stale_data() -> None:
    bench = eligible_bench()
    bench.offer()
    bench.open(lead_s=3.0)
    effects = bench.handle(Ticked(), 4.1)
    assert renders(effects) == []
    assert [entry["reason"] for entry in entries(effects)] == ["stale_eeg"]


def test_p1_no_cue_on_poor_signal() -> None:
    bench = window_bench()
    bench.handle(EstimateArrived(estimate(3.0, quality=0.49)), 3.0)
    assert [entry["reason"] for entry in entries(bench.effects)] == ["low_quality"]
    assert renders(bench.effects) == []


def test_p1_an_estimate_from_the_future_proves_nothing() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant())))
    bench.handle(ClockMeasured(0.0, 0.001))
    effects = bench.handle(EstimateArrived(estimate(1000.0)), 1.0)
    assert phase_of(bench) is PodPhase.IDLE
    assert [record["event"] for record in recorded(effects, "pod")] == ["estimate_refused"]


def test_p2_no_offer_is_taken_up_without_a_grant() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ClockMeasured(0.0, 0.001))
    bench.sleep(1)
    assert reply_of(bench.offer()).reason == "no_grant"


def test_p2_a_modality_that_is_not_granted_is_refused_and_the_others_play() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(modalities=(Modality.SOUND,)))))
    bench.handle(ClockMeasured(0.0, 0.001))
    bench.sleep(1)
    bench.enter_window()
    effects = bench.sleep(50, extend="w1")
    assert [(entry["step"], entry["reason"]) for entry in entries(effects)] == [
        (0, ""),
        (1, "modality_not_granted"),
        (2, ""),
    ]


def test_p2_the_level_granted_is_never_exceeded() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(max_level_dba=25.0))))
    bench.handle(ClockMeasured(0.0, 0.001))
    bench.sleep(1)
    bench.enter_window()
    assert [cue.cue.level for cue in renders(bench.sleep(3))] == [25.0]


def test_p2_a_grant_for_another_design_covers_nothing() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(design="0" * 64))))
    bench.handle(ClockMeasured(0.0, 0.001))
    bench.sleep(1)
    assert reply_of(bench.offer()).reason == "design_not_granted"


def test_p2_a_window_ends_with_the_grant() -> None:
    bench = make_bench()
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant(exp=UTC_AT_ZERO_S + 6.0))))
    bench.handle(ClockMeasured(0.0, 0.001))
    bench.sleep(1)
    bench.enter_window()
    effects = bench.sleep(5, extend="w1")
    assert [silence.reason for silence in silences(effects)] == ["grant_expired"]
    assert phase_of(bench) is PodPhase.IDLE


def test_p3_what_sounds_went_through_the_limiter() -> None:
    bench = window_bench()
    levels = [cue.cue.level for cue in renders(bench.sleep(60, extend="w1")) if cue.cue.modality == "sound"]
    assert levels == [30.0, 31.0]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (StopPressed(), "stop_pressed"),
        (WithdrawalMade(), "withdrawn"),
        (WithdrawalMade(b"not even an entry"), "withdrawn"),
        (LinkLost(), "link_lost"),
        (HeadbandLost(), "no_estimate"),
        (EstimateArrived(estimate(3.5, arousal=True)), "arousal"),
        (EstimateArrived(estimate(3.5, rem=False)), "not_stable_rem"),
        (EstimateArrived(estimate(3.5, quality=0.2)), "low_quality"),
    ],
)
def test_p4_silence_at_once(event: StopPressed, reason: str) -> None:
    bench = playing_bench()
    assert reason in [silence.reason for silence in silences(bench.handle(event, 3.6))]


def test_p4_silence_when_the_eeg_goes_stale_while_a_cue_sounds() -> None:
    bench = playing_bench()
    bench.command(bench.commander.extend(POD, "w1", CIRCLE, 3.0, 9.0))
    effects = [effect for step in range(1, 5) for effect in bench.handle(Ticked(), 3.0 + step)]
    assert [silence.reason for silence in silences(effects)] == ["stale_eeg"]
    assert phase_of(bench) is PodPhase.REQUALIFYING


def test_p4_eeg_that_is_stale_while_nothing_sounds_ends_the_window_after_a_while() -> None:
    bench = playing_bench()
    bench.sleep(7, extend="w1")
    for now_s in (14.0, 19.0):
        bench.now_s = now_s
        effects = bench.command(bench.commander.extend(POD, "w1", CIRCLE, now_s, now_s + 6.0))
        assert silences(effects) == []
        assert phase_of(bench) is PodPhase.IN_WINDOW
    assert [silence.reason for silence in silences(bench.handle(Ticked(), 20.0))] == ["stale_eeg"]
    assert phase_of(bench) is PodPhase.REQUALIFYING


def test_p4_silence_when_nothing_keeps_the_window_open() -> None:
    bench = playing_bench()
    assert [silence.reason for silence in silences(bench.sleep(4))] == ["keepalive_lost"]


def test_p4_an_extend_that_comes_too_late_revives_nothing() -> None:
    bench = playing_bench()
    bench.handle(EstimateArrived(estimate(5.0)), 5.0)
    bench.handle(EstimateArrived(estimate(6.9)), 6.9)
    bench.now_s = 7.0
    effects = bench.command(bench.commander.extend(POD, "w1", CIRCLE, 7.0, 13.0))
    assert [silence.reason for silence in silences(effects)] == ["keepalive_lost"]
    assert bench.pod.window is None


def test_p4_silence_when_the_window_closes() -> None:
    bench = playing_bench()
    effects = bench.command(
        bench.commander.close(POD, "w1", CIRCLE, bench.now_s, bench.now_s + 5.0, "quorum_lost")
    )
    assert [silence.reason for silence in silences(effects)] == ["closed:quorum_lost"]


def test_p4_stop_latches_until_a_person_resets() -> None:
    bench = playing_bench()
    bench.handle(StopPressed())
    bench.handle(LinkLost())
    bench.handle(LinkRestored())
    bench.sleep(30)
    assert phase_of(bench) is PodPhase.STOPPED
    assert reply_of(bench.offer("2")).reason == "latched"
    bench.handle(PersonReset())
    assert phase_of(bench) is PodPhase.REQUALIFYING
    bench.sleep(11)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_p4_a_reset_without_a_link_leads_offline() -> None:
    bench = playing_bench()
    bench.handle(StopPressed())
    bench.handle(LinkLost())
    bench.handle(PersonReset())
    assert phase_of(bench) is PodPhase.CUT_OFF


def test_p4_withdrawal_latches_and_needs_a_new_grant_as_well() -> None:
    bench = playing_bench()
    bench.handle(WithdrawalMade())
    bench.handle(StopPressed())
    assert phase_of(bench) is PodPhase.WITHDRAWN
    bench.handle(PersonReset())
    bench.sleep(11)
    assert phase_of(bench) is PodPhase.IDLE
    bench.handle(ConsentPresented(sealed(grant(2, nonce="presigned"))))
    bench.sleep(2)
    assert phase_of(bench) is PodPhase.IDLE, "its period began before the withdrawal"
    bench.handle(ConsentPresented(sealed(grant(3, nbf=UTC_AT_ZERO_S + bench.now_s))))
    bench.sleep(2)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_p4_a_signed_withdrawal_works_from_anywhere_and_only_once() -> None:
    bench = playing_bench()
    no = sealed(withdrawal(2))
    assert silences(bench.handle(ConsentPresented(no)))
    assert phase_of(bench) is PodPhase.WITHDRAWN
    bench.handle(PersonReset())
    digest = unseal(no, "harbour.example/dream-ledger").digest
    bench.handle(ConsentPresented(sealed(grant(3, prev=digest))))
    bench.handle(ConsentPresented(no))
    bench.sleep(11)
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_p4_a_forged_withdrawal_or_grant_changes_nothing() -> None:
    bench = playing_bench()
    stranger = signing_key(b"\x99" * 32)
    effects = bench.handle(ConsentPresented(sealed(withdrawal(2, key=stranger), stranger)))
    assert [record["act"] for record in recorded(effects, "consent")] == ["refused"]
    assert phase_of(bench) is PodPhase.IN_WINDOW


def test_p4_a_fork_in_the_chain_counts_as_withdrawal() -> None:
    bench = playing_bench()
    bench.handle(ConsentPresented(sealed(grant(1, nonce="another"))))
    assert phase_of(bench) is PodPhase.WITHDRAWN


def test_p4_a_restart_is_no_reset() -> None:
    bench = make_bench(memory=PodMemory(pod=POD, latch="stopped"))
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant())))
    bench.handle(ClockMeasured(0.0, 0.001))
    bench.sleep(3)
    assert phase_of(bench) is PodPhase.STOPPED


def test_p5_a_second_window_is_refused() -> None:
    bench = window_bench()
    assert reply_of(bench.offer("2")).reason == "engaged_elsewhere"
    assert bench.pod.window == "w1"


def test_p6_a_command_is_obeyed_once() -> None:
    bench = eligible_bench()
    message = bench.commander.offer("pod-1", bench.offer_args(), bench.now_s, bench.now_s + 5.0)
    assert reply_of(bench.command(message)).obeyed
    assert reply_of(bench.command(message)).reason == "duplicate"


@pytest.mark.parametrize(
    ("life_s", "reason"), [(0.0, "expired"), (-3.0, "expired"), (31.0, "expires_too_far")]
)
def test_p6_a_command_has_its_time(life_s: float, reason: str) -> None:
    bench = eligible_bench()
    message = bench.commander.offer("pod-1", bench.offer_args(), bench.now_s, bench.now_s + life_s)
    assert reply_of(bench.command(message)).reason == reason


def test_p6_only_the_highest_term_commands() -> None:
    bench = eligible_bench(term=4)
    newer = CommandWriter("harbour", signing_key(b"\x77" * 32), 5, IdSource("gw5"))
    bench.command(newer.extend(POD, "elsewhere", CIRCLE, bench.now_s, bench.now_s + 5.0))
    assert reply_of(bench.offer()).reason == "old_term"


def test_p6_terms_of_one_circle_are_nothing_to_another() -> None:
    bench = eligible_bench(circles=(CIRCLE, "other"), term=4)
    newer = CommandWriter("harbour", signing_key(b"\x77" * 32), 5, IdSource("gw5"))
    bench.command(newer.extend(POD, "elsewhere", "other", bench.now_s, bench.now_s + 5.0))
    assert reply_of(bench.offer()).obeyed


def test_p6_a_restart_forgets_neither_terms_nor_what_was_issued_before_it() -> None:
    bench = eligible_bench(memory=PodMemory(pod=POD, terms={CIRCLE: 6}), term=5)
    assert reply_of(bench.offer()).reason == "old_term"
    newer = CommandWriter("harbour", signing_key(b"\x77" * 32), 6, IdSource("gw6"))
    early = newer.offer("pod-1", bench.offer_args(), -1.0, 4.0)
    assert reply_of(bench.command(early)).reason == "issued_before_boot"
    assert bench.pod.memory.terms == {CIRCLE: 6}


def test_p6_commands_about_circles_of_others_are_refused() -> None:
    bench = eligible_bench()
    message = bench.commander.extend(POD, "w1", "strangers", bench.now_s, bench.now_s + 5.0)
    assert reply_of(bench.command(message)).reason == "not_a_member"


def test_p6_commands_of_strangers_other_sites_and_other_pods_are_refused() -> None:
    bench = eligible_bench()
    now_s, args = bench.now_s, bench.offer_args()
    stranger = CommandWriter("harbour", signing_key(b"\x55" * 32), 1, IdSource("x"))
    elsewhere = CommandWriter("hill", signing_key(b"\x77" * 32), 1, IdSource("y"))
    reasons = [
        reply_of(bench.command(message)).reason
        for message in (
            stranger.offer("pod-1", args, now_s, now_s + 5.0),
            elsewhere.offer("pod-1", args, now_s, now_s + 5.0),
            bench.commander.offer("pod-2", args, now_s, now_s + 5.0),
        )
    ]
    assert reasons == ["unsigned", "other_site", "other_pod"]
    assert [record["obeyed"] for record in recorded(bench.effects, "command")] == [False] * 3


def test_p6_a_command_changed_by_one_bit_is_refused() -> None:
    bench = eligible_bench()
    payload = bench.commander.offer("pod-1", bench.offer_args(), 1.0, 6.0).payload
    for position in range(0, len(payload), 37):
        changed = payload[:position] + bytes([payload[position] ^ 1]) + payload[position + 1 :]
        assert not reply_of(bench.handle(CommandReceived(changed))).obeyed
    assert phase_of(bench) is PodPhase.ELIGIBLE


def test_p7_the_log_comes_before_the_sound() -> None:
    bench = window_bench()
    effects = bench.sleep(60, extend="w1")
    for index, effect in enumerate(effects):
        if isinstance(effect, Render):
            before = effects[index - 1]
            assert isinstance(before, Log)
            assert (before.entry.outcome, before.entry.step) == ("rendered", effect.step)


def test_p7_a_refused_step_is_logged_with_its_reason() -> None:
    bench = window_bench()
    bench.sleep(2)
    bench.command(bench.commander.extend(POD, "w1", CIRCLE, 3.0, 13.0))
    bench.handle(EstimateArrived(estimate(12.0)), 12.0)
    bench.command(bench.commander.extend(POD, "w1", CIRCLE, 12.0, 22.0))
    bench.handle(EstimateArrived(estimate(21.0)), 21.0)
    bench.command(bench.commander.extend(POD, "w1", CIRCLE, 21.0, 31.0))
    effects = bench.handle(EstimateArrived(estimate(29.0)), 29.0)
    assert [(e["step"], e["outcome"], e["reason"]) for e in entries(effects)] == [(1, "refused", "late")]
