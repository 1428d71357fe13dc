"""Who sees which lamp: what the settings refuse, and what follows for each pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from sanctuary.config.errors import ConfigError
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.loading import load_settings
from sanctuary.config.pod_settings import LampRules, PodEntry, lamp_rules


def pod(number: int, *sees: int, light: bool = True, photosensitive: bool | None = None) -> PodEntry:
    return PodEntry(
        id=f"pod-{number}",
        sleeper=f"sleeper-{number}",
        headband=SimulatedHeadband(kind="simulated", seed=number),
        outputs=("sound", "light") if light else ("sound",),
        sees=tuple(f"pod-{other}" for other in sees),
        photosensitive=photosensitive,
    )


def person(number: int, photosensitive: bool | None) -> PodEntry:
    entry = {"id": f"pod-{number}", "sleeper": "alder", "sleeper_key": "ab" * 32}
    headband = {"kind": "cyton", "port": "/dev/ttyUSB0"}
    return PodEntry.model_validate(
        {**entry, "headband": headband, "outputs": ("light",), "photosensitive": photosensitive}
    )


def test_each_lamp_in_view_counts_one_and_pods_without_light_none() -> None:
    pods = [pod(1, 2, 3), pod(2), pod(3, light=False)]
    assert lamp_rules("pod-1", pods).lamps_in_view == 2


def test_a_lamp_keeps_to_the_share_of_whoever_sees_the_most() -> None:
    pods = [pod(1, 2, 3), pod(2), pod(3)]
    assert [lamp_rules(entry.id, pods).lamps_in_view for entry in pods] == [3, 3, 3]


def test_the_site_may_ask_for_more() -> None:
    assert lamp_rules("pod-1", [pod(1)], at_least=4).lamps_in_view == 4


def test_simulated_sleepers_get_light_and_persons_only_when_asked() -> None:
    verdicts = [lamp_rules("pod-1", [person(1, asked)]).cleared for asked in (None, True, False)]
    assert verdicts == [False, False, True]
    assert lamp_rules("pod-1", [pod(1)]) == LampRules(1, cleared=True)
    assert not lamp_rules("pod-1", [pod(1, photosensitive=True)]).cleared


def test_a_lamp_stays_dark_for_a_neighbour_who_may_be_photosensitive() -> None:
    pods = [pod(1), pod(2, 1, photosensitive=True), pod(3)]
    assert [lamp_rules(entry.id, pods).cleared for entry in pods] == [False, False, True]


PODS = """
[[pods]]
id = "pod-1"
sleeper = "alder"
headband = { kind = "simulated", seed = 1 }
sees = [SEES]

[[pods]]
id = "pod-2"
sleeper = "birch"
headband = { kind = "simulated", seed = 2 }
"""


@pytest.mark.parametrize(
    ("sees", "problem"),
    [
        ('"pod-3"', r'sees\[0\] = "pod-3" is not the id of a pod; did you mean pod-'),
        ('"pod-2", "pod-1"', r'sees\[1\] = "pod-1" is this pod itself'),
        ('"pod-2", "pod-2"', r'sees\[1\] = "pod-2" stands in the list already'),
    ],
)
def test_a_pod_that_cannot_be_seen_is_named_with_its_line(tmp_path: Path, sees: str, problem: str) -> None:
    path = tmp_path / "sanctuary.toml"
    path.write_text(PODS.replace("SEES", sees))
    with pytest.raises(ConfigError, match=rf"line 6: pods\[0\]\.{problem}"):
        load_settings(path)
