"""Reports in a real browser: it finds what the pages hold, and has nothing to complain about."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from page_checks import Page
from report_samples import demo_result, replay_result, replay_traces
from sanctuary.gateway.reports.night_report import write_night_report
from sanctuary.gateway.reports.replay_report import write_replay_report
from sanctuary.gateway.results.night_result import NightResult
from sanctuary.gateway.results.replay_result import ReplayResult

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TIMEOUT_S = 60.0
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@dataclass(frozen=True)
class Seen:
    """What the browser made of a page: the document as it has it, and its complaints about the page."""

    page: Page
    complaints: list[str]


def look_at(path: Path, profile: Path) -> Seen:
    """Open a page in a browser that has never run before."""
    command = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={profile}", path.as_uri()]
    with subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(profile)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    ) as browser:
        try:
            document, log = browser.communicate(timeout=TIMEOUT_S)
        finally:
            _end_group(browser.pid)
    assert browser.returncode == 0, log
    return Seen(Page(document), [line for line in log.splitlines() if ":CONSOLE" in line])


def _end_group(leader: int) -> None:
    """End the browser's helpers too; usually they are gone."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("replay")
    result = replay_result(2.0)
    write_replay_report(folder / "report.html", ReplayResult.model_validate(result), replay_traces(result))
    return look_at(folder / "report.html", folder / "profile")


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("demo")
    write_night_report(folder / "report.html", NightResult.model_validate(demo_result(4.0)))
    return look_at(folder / "report.html", folder / "profile")


def test_a_replay_report_shows_its_sections_and_figures(replayed: Seen) -> None:
    assert {"The night in stages", "REM and the gate", "Against the expert"} <= set(replayed.page.headings)
    names = ("hypnograms", "rem-gate", "spectrogram", "eyes-muscle", "quality")
    assert {f"{name}-label" for name in names} <= set(replayed.page.labels)


def test_a_demo_report_shows_its_sections_and_figures(demonstrated: Seen) -> None:
    assert {"A night together", "Windows", "Cues", "Invariants"} <= set(demonstrated.page.headings)
    assert {"night-label", "close-up-label"} <= set(demonstrated.page.labels)


@pytest.mark.parametrize("name", ["replayed", "demonstrated"])
def test_the_browser_has_nothing_to_complain_about(name: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(name)
    assert seen.complaints == []


def test_a_blocked_resource_would_be_noticed(tmp_path: Path) -> None:
    """The reports' own policy on a page that breaks it."""
    path = tmp_path / "broken.html"
    path.write_text(
        "<!doctype html><meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
        "<title>broken</title><img src='missing.png' alt=''><script>1</script>",
        encoding="utf-8",
    )
    assert look_at(path, tmp_path / "profile").complaints
