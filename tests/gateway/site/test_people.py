"""From the settings to the pods of a night: thresholds, shams and the sound files of designs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sanctuary.commons.designs import load_design
from sanctuary.config.loading import load_settings
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.assembly import NightPlan, designs_of, make_pod, sounds_of, warn_of_thresholds
from sound_files import sine, wav_bytes, write_design

SITE = """
[[pods]]
id = "pod-1"
sleeper = "alder"
threshold_dba = 27.5
headband = { kind = "simulated", seed = 1 }
[[pods]]
id = "pod-2"
sleeper = "birch"
headband = { kind = "simulated", seed = 2 }
[[circles]]
id = "quiet"
members = ["pod-1", "pod-2"]
design = "tone-ladder"
sham = true
[[circles]]
id = "loud"
members = ["pod-1", "pod-2"]
"""


@pytest.fixture
def settings(tmp_path: Path) -> SanctuarySettings:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return load_settings(path, {}, []).settings


def test_a_pod_knows_its_shams_and_its_sleepers_threshold(settings: SanctuarySettings) -> None:
    designs = designs_of(settings.circles)
    plan = NightPlan(settings, b"secret", "b", 1, 1.8e9, {})
    one, two = (make_pod(plan, entry, designs).identity for entry in settings.pods)
    assert (one.shams, one.threshold_dba) == (("quiet",), 27.5)
    assert (two.shams, two.threshold_dba) == (("quiet",), None)


def test_pods_that_lack_a_threshold_are_told_of(
    settings: SanctuarySettings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_thresholds(settings, designs_of(settings.circles))
    (told,) = caplog.messages
    assert told.startswith("design tone-ladder goes by each sleeper's threshold")
    assert told.endswith(": pod-2")


def test_sound_files_of_all_designs_lie_ready_together(tmp_path: Path) -> None:
    one = load_design(write_design(tmp_path / "1", wav_bytes(sine(300.0))))
    two = load_design(write_design(tmp_path / "2", wav_bytes(sine(500.0))))
    sounds = sounds_of([one, two])
    sounds.prepare(8000)
    assert all(sounds.unit(sha256, 8000).any() for each in (one, two) for sha256 in each.files)
