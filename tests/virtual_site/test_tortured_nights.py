"""Tortured nights: one seed one night, every fault really strikes, and what breaks is told and seen again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

from sanctuary.cli.main import run
from sanctuary.pods.pod.context import PodContext
from sanctuary.pods.pod.states import Trigger
from sanctuary.virtual_site import campaign as campaign_module
from sanctuary.virtual_site.batch_results import TortureResult
from sanctuary.virtual_site.campaign import Campaign, reduced, replay_command, shrink, sleep
from sanctuary.virtual_site.fault_injection import FaultInjection, InjectedNight
from sanctuary.virtual_site.faults import DRAWN, Fault, FaultKind, draw_faults
from sanctuary.virtual_site.scenario import draw_scenario

SHORT = Campaign(pods=3, gateways=2, hours=0.25)
BUGS = Path(__file__).parents[2] / "benchmarks" / "planted_bugs.py"


@cache
def night(seed: int) -> InjectedNight:
    return sleep(SHORT, seed)


@contextmanager
def no_faults_but(*faults: Fault) -> Iterator[None]:
    with patch("sanctuary.virtual_site.scenario.draw_faults", lambda *_: tuple(faults)):
        yield


def test_one_seed_is_one_night_byte_for_byte() -> None:
    again = sleep(SHORT, 3)
    assert again.recent == night(3).recent
    assert (again.events, again.counts) == (night(3).events, night(3).counts)


def test_nights_under_faults_keep_every_invariant() -> None:
    nights = [night(seed) for seed in range(6)]
    assert [one.violations for one in nights] == [[]] * 6
    assert sum(one.counts.get("windows opened", 0) for one in nights) >= 6
    assert sum(one.counts.get("cues rendered", 0) for one in nights) >= 6
    assert sum(len(one.struck) for one in nights) >= 50


def test_a_night_without_faults_opens_windows_and_cues_its_sleepers() -> None:
    with no_faults_but():
        calm = sleep(SHORT, 5)
    assert calm.violations == []
    assert calm.counts["windows opened"] >= 1
    assert calm.counts["cues rendered"] >= 2


def test_a_gateway_that_dies_is_replaced() -> None:
    crash = Fault(FaultKind.GATEWAY_CRASH, 100.0, 400.0, ("gateway-1",), 0.1)
    other = Fault(FaultKind.GATEWAY_CRASH, 100.0, 400.0, ("gateway-2",), 0.1)
    taken = 0
    for fault in (crash, other):
        with no_faults_but(fault):
            found = sleep(SHORT, 5)
        assert found.violations == []
        taken += found.counts.get("takeovers", 0)
    assert taken >= 1


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_of_fault_strikes_without_breaking_a_rule(kind: FaultKind) -> None:
    gateway = kind.startswith("gateway")
    who = ("gateway-1",) if gateway else ("pod-1",)
    faults = [
        Fault(kind, at_s, 12.0, who, value) for at_s, value in ((90.0, 0.1), (200.0, 0.5), (290.0, 0.9))
    ]
    with no_faults_but(*faults):
        found = sleep(SHORT, 5)
    assert found.struck == [0, 1, 2]
    assert found.counts[f"fault {kind}"] == 3
    assert found.violations == []


def test_swarms_leave_kinds_out_and_some_nights_are_calm() -> None:
    from random import Random

    drawn = [draw_faults(1000.0, ("pod-1",), ("gateway-1",), Random(seed)) for seed in range(80)]
    kinds = [{fault.kind for fault in faults} for faults in drawn]
    assert any(not faults for faults in drawn)
    assert set().union(*kinds) == set(DRAWN)
    assert all(len(found) < len(FaultKind) for found in kinds)


def test_shrinking_leaves_what_it_takes_and_nothing_else() -> None:
    assert shrink(range(20), lambda keep: {3, 17} <= {*keep}) == (3, 17)
    assert shrink(range(20), lambda _: True) == ()


def test_a_failing_seed_shrinks_to_a_story_and_a_command_that_breaks_the_same_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def leave(context: PodContext, by: Trigger, reason: str, now_s: float) -> None:
        if by is Trigger.STOP:
            with patch.object(PodContext, "silence", lambda *_: None):
                original(context, by, reason, now_s)
        else:
            original(context, by, reason, now_s)

    original = PodContext.leave
    stops = [Fault(FaultKind.STOP, 80.0 + 11.0 * n, 4.0, (f"pod-{1 + n % 3}",), 0.5) for n in range(30)]
    with patch.object(PodContext, "leave", leave), no_faults_but(*stops):
        found = sleep(SHORT, 5)
        assert found.violations[0].rule == "P4"
        kept, lines = reduced(SHORT, 5, found)
        assert 1 <= len(kept) <= 2
        assert any("stop" in line for line in lines)
        assert run(replay_command(SHORT, 5, kept).split()[1:]) == 1
    assert "P4 broken" in capsys.readouterr().out


def test_the_command_finds_a_planted_bug_and_says_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["torture", "--seeds", "1", "--pods", "2", "--hours", "0.1", "--processes", "1"]
    assert run([*argv, "--bug", "signals_leak", "--bugs", str(BUGS)]) == 1
    told = capsys.readouterr().out
    assert "P8 broken" in told
    assert "replay: sanctuary torture --seed 0 --keep" in told


def test_ctrl_c_gives_the_result_of_the_nights_that_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(campaign: Campaign, seed: int) -> campaign_module.NightSummary:
        if seed == 12:
            raise KeyboardInterrupt
        return campaign_module.NightSummary(2, 0.5, 100, {"faults": seed}, None)

    monkeypatch.setattr(campaign_module, "_summary", interrupted)
    path = tmp_path / "out.json"
    command = ["torture", "--seeds", "9", "--processes", "1", "--json", str(path)]
    assert run([*command, "--from", "10"]) == 130
    assert "stopped early; what follows is of the first 2 of 9 nights" in capsys.readouterr().err
    found = TortureResult.model_validate_json(path.read_text())
    assert (found.seeds, found.nights, found.pod_nights, found.counts) == ((10, 11), 2, 4, {"faults": 21})
    path.unlink()
    assert run([*command, "--from", "12"]) == 130
    assert not path.exists()


def test_the_command_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["torture", "--keep", "1,2"]) == 2
    assert run(["torture", "--seed", "1", "--keep", "one"]) == 2
    assert run(["torture", "--seed", "1", "--hours", "0.05", "--keep", "3,9999"]) == 2
    assert run(["torture", "--bug", "none-such", "--bugs", str(BUGS)]) == 2
    assert run(["torture", "--bug", "x", "--bugs", "nowhere.py"]) == 2
    assert "no such bug" in capsys.readouterr().err


def test_the_outline_is_the_seeds_alone() -> None:
    one, two = draw_scenario(7), draw_scenario(7)
    assert one.faults == two.faults
    assert one.bouts == two.bouts
    assert FaultInjection(one).run().events == FaultInjection(two).run().events
