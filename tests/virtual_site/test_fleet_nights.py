"""Whole nights of a fleet in virtual time: repeatable, and safe whatever goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from sanctuary.config.scenario_settings import FaultRates, ScenarioFault, ScenarioSettings, WireSettings
from sanctuary.config.sleeper_settings import SleeperSettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.pod import permission
from sanctuary.signal.samples import Stage
from sanctuary.virtual_site.fleet import night_measures, simulate
from sanctuary.virtual_site.simulated_guests import FleetNight, circles_of, fleet_night

HOURS = 5.0
PLAIN = ScenarioSettings(pods=8, hours=HOURS)
ROUGH = ScenarioSettings(
    pods=8,
    hours=HOURS,
    rates=FaultRates(
        stops_per_night=1.0,
        withdrawals_per_night=0.3,
        headband_losses_per_night=6.0,
        network_cuts_per_night=6.0,
        coordinator_crashes_per_night=6.0,
    ),
    wire=WireSettings(loss=0.03, repeat=0.05, reorder=0.3),
)


def lines(night: FleetNight, **wanted: Any) -> list[Any]:
    return [
        record for record in night.records if all(record.get(name) == value for name, value in wanted.items())
    ]


def violations(night: FleetNight) -> list[Any]:
    return check_violations(
        night.records, pod_settings=night.settings.pod, limiter_settings=night.settings.limiter
    )


@pytest.fixture(scope="module")
def plain() -> FleetNight:
    return fleet_night(PLAIN, 3)


@pytest.fixture(scope="module")
def rough() -> FleetNight:
    return fleet_night(ROUGH, 3)


def test_windows_open_and_cues_sound_for_those_in_rem(plain: FleetNight) -> None:
    assert len(lines(plain, kind="window", event="opened")) >= 3
    cues = lines(plain, kind="cue", outcome="rendered")
    assert len(cues) >= 20
    stages = [plain.truths[cue["pod"]].stage_at(cue["t_s"]) for cue in cues]
    assert sum(stage is Stage.R for stage in stages) / len(stages) > 0.9
    assert violations(plain) == []


def test_circles_keep_to_themselves(plain: FleetNight) -> None:
    circle_of = {pod: circle.id for circle in plain.settings.circles for pod in circle.members}
    for record in lines(plain, kind="pod_window"):
        assert record["circle"] == circle_of[record["pod"]]


def test_a_rough_night_breaks_no_invariant(rough: FleetNight) -> None:
    assert {fault.kind for fault in rough.faults} >= {
        "stop",
        "headband_lost",
        "network_cut",
        "coordinator_crash",
    }
    assert rough.messages["lost"] > 100
    assert lines(rough, kind="cue", outcome="rendered")
    assert violations(rough) == []


def test_a_network_on_which_the_clock_is_not_sure_opens_nothing() -> None:
    scenario = PLAIN.model_copy(update={"wire": WireSettings(jitter_s=1.0)})
    night = fleet_night(scenario, 3)
    assert lines(night, kind="window", event="opened") == []


def test_another_coordinator_has_another_term_and_opens_windows(rough: FleetNight) -> None:
    assert len({record["term"] for record in lines(rough, kind="window")}) >= 2


def test_one_seed_gives_one_night_and_another_gives_another(rough: FleetNight) -> None:
    assert fleet_night(ROUGH, 3).records == rough.records
    assert fleet_night(ROUGH, 4).records != rough.records
    assert fleet_night(ROUGH, 3, night=1).records != rough.records


def test_another_process_sleeps_the_same_night_byte_for_byte(plain: FleetNight) -> None:
    program = (
        "import json\nfrom sanctuary.config.scenario_settings import ScenarioSettings\n"
        "from sanctuary.virtual_site.simulated_guests import fleet_night\n"
        f"print(json.dumps(fleet_night(ScenarioSettings(pods=8, hours={HOURS}), 3).records))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == json.dumps(plain.records)


def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stable_rem = permission.p1_stable_rem

    def blind(*asked: Any) -> Any:
        """Takes an arousal for nothing."""
        found = stable_rem(*asked)
        return None if found == "arousal" else found

    monkeypatch.setattr(permission, "p1_stable_rem", blind)
    night = fleet_night(ROUGH, 6)
    assert {violation.rule for violation in violations(night)} & {"P1", "P4"}


def at(kind: str, minute: float, pod: str | None = "pod-1", for_min: float = 5.0) -> ScenarioFault:
    return ScenarioFault(kind=kind, at_min=minute, pod=pod, for_min=for_min)  # type: ignore[arg-type]


def busy_minute(night: FleetNight, pod: str) -> float:
    """A minute at which the pod is in a window."""
    opened = lines(night, kind="pod_window", event="opened", pod=pod)
    left = lines(night, kind="pod_window", event="left", pod=pod)
    stays = [(begin["t_s"], min(end["t_s"] for end in left if end["t_s"] > begin["t_s"])) for begin in opened]
    begin_s, end_s = max(stays, key=lambda stay: stay[1] - stay[0])
    return (begin_s + end_s) / 120.0


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("stop", "stop_pressed"),
        ("withdraw", "withdrawn"),
        ("arousal", "arousal"),
        ("headband_lost", "no_estimate"),
        ("electrode_off", "low_quality"),
    ],
)
def test_what_befalls_one_pod_ends_its_stay_with_that_reason(
    plain: FleetNight, kind: str, reason: str
) -> None:
    minute = busy_minute(plain, "pod-1")
    night = fleet_night(PLAIN.model_copy(update={"faults": (at(kind, minute),)}), 3)
    left = [
        record
        for record in lines(night, kind="pod_window", event="left", pod="pod-1")
        if 0.0 <= record["t_s"] - 60.0 * minute <= 15.0
    ]
    # a window of two may lose its quorum before the pod itself gives up waiting for good data
    assert [record["reason"] for record in left] in ([reason], ["closed:quorum_lost"])
    cues = lines(night, kind="cue", outcome="rendered", pod="pod-1")
    assert not [cue for cue in cues if 1.0 < cue["t_s"] - 60.0 * minute <= 15.0]
    assert violations(night) == []


@pytest.mark.parametrize(("kind", "pod"), [("network_cut", "pod-1"), ("coordinator_crash", None)])
def test_without_network_or_coordinator_a_pod_falls_silent_by_itself(
    plain: FleetNight, kind: str, pod: str | None
) -> None:
    minute = busy_minute(plain, "pod-1")
    night = fleet_night(PLAIN.model_copy(update={"faults": (at(kind, minute, pod),)}), 3)
    (left,) = [
        record
        for record in lines(night, kind="pod_window", event="left", pod="pod-1")
        if 0.0 <= record["t_s"] - 60.0 * minute <= 15.0
    ]
    assert left["reason"] in ("keepalive_lost", "link_lost", "not_stable_rem")
    assert violations(night) == []


def test_after_a_withdrawal_nothing_sounds_there_any_more(plain: FleetNight) -> None:
    minute = busy_minute(plain, "pod-1")
    night = fleet_night(PLAIN.model_copy(update={"faults": (at("withdraw", minute),)}), 3)
    cues = lines(night, kind="cue", outcome="rendered", pod="pod-1")
    assert all(cue["t_s"] <= 60.0 * minute for cue in cues)


def test_measures_add_up(plain: FleetNight) -> None:
    found = night_measures(plain, 0)
    assert found.violations == ()
    for sleeper in found.sleepers:
        assert 0.0 <= sleeper.shared_min <= sleeper.stable_rem_min + 1.0
        assert sleeper.shared_min + sleeper.waited_min <= sleeper.stable_rem_min + 1.0
    rendered = sum(sleeper.cues_rendered for sleeper in found.sleepers)
    assert rendered == len(lines(plain, kind="cue", outcome="rendered"))


def test_nights_shared_among_processes_come_out_the_same() -> None:
    scenario = ScenarioSettings(pods=4, hours=2.5)
    alone, together = simulate(scenario, 5, 3), simulate(scenario, 5, 3, processes=2)
    assert alone.model_copy(update={"timing": together.timing}) == together
    assert {sleeper.night for sleeper in alone.sleepers} == {0, 1, 2}


def test_with_signals_the_chain_itself_judges() -> None:
    result = simulate(ScenarioSettings(pods=2, hours=0.2, circle_size=2), 1, 1, signals=True)
    assert result.signals
    assert len(result.sleepers) == 2
    assert result.violations == ()


def test_who_is_left_over_joins_the_last_circle() -> None:
    circles = circles_of(ScenarioSettings(pods=10, circle_size=4))
    assert [len(circle.members) for circle in circles] == [4, 6]
    assert {pod for circle in circles for pod in circle.members} == {f"pod-{n}" for n in range(1, 11)}


def test_light_sleepers_are_aroused_by_their_cues_and_leave_their_windows() -> None:
    night_settings = PLAIN.sleepers.model_dump() | {
        "responses": {"threshold_dba": 25.0, "threshold_sd_db": 0.0}
    }
    scenario = PLAIN.model_copy(update={"sleepers": SleeperSettings.model_validate(night_settings)})
    night = fleet_night(scenario, 3)
    aroused = {
        (pod, response.arousal.onset_s)
        for pod, responses in night.responses.items()
        for response in responses
        if response.arousal is not None
    }
    assert len(aroused) >= 3
    for pod, onset_s in aroused:
        noted = [r["t_s"] for r in lines(night, kind="pod", event="arousal", pod=pod)]
        assert any(0.0 <= t_s - onset_s <= 5.0 for t_s in noted) or any(
            0.0 <= onset_s - t_s <= 60.0
            for t_s in noted  # one within another is one
        )
    assert violations(night) == []


def test_sleepers_of_a_fleet_have_thresholds_that_designs_go_by() -> None:
    night = fleet_night(PLAIN.model_copy(update={"design": "tone-ladder"}), 3)
    thresholds = {pod.threshold_dba for pod in night.settings.pods}
    assert len(thresholds) > 4
    assert all(threshold is not None and 20.0 <= threshold <= 40.0 for threshold in thresholds)
    assert lines(night, kind="cue", outcome="rendered")
    assert not lines(night, kind="cue", reason="no_threshold")
    assert violations(night) == []
