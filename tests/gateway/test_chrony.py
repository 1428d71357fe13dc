"""What chrony says, asked of a program on PATH; its lines are those of chrony 4.3."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.site.machine_clock import parse_tracking, read_tracking

SYNCHRONISED = (
    "C0A80101,192.168.1.1,3,1795836389.374667080,-0.000012000,0.000034000,0.000101000,"
    "-12.345,0.001,0.250,0.001200000,0.000400000,16.2,Normal"
)
UNSYNCHRONISED = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,"
    "1.000000000,1.000000000,0.0,Not synchronised"
)


@pytest.fixture
def chronyc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, first on PATH; gives the file to write it to."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program = tmp_path / "chronyc"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    return program


def says(program: Path, line: str, code: int = 0) -> None:
    program.write_text(f"#!/bin/sh\necho '{line}'\nexit {code}\n")


def test_the_bound_is_correction_last_offset_dispersion_and_half_the_delay() -> None:
    tracking = parse_tracking(SYNCHRONISED)
    assert tracking.uncertainty_s == pytest.approx(12e-6 + 34e-6 + 0.0004 + 0.0006)
    assert tracking.growth == pytest.approx(1e-6)


def test_a_clock_with_much_skew_grows_unsure_faster() -> None:
    assert parse_tracking(SYNCHRONISED.replace(",0.250,", ",25.0,")).growth == pytest.approx(25e-6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (UNSYNCHRONISED, "not synchronised"),
        ("", "14 fields expected"),
        ("506 Cannot talk to daemon", "14 fields expected"),
        (SYNCHRONISED.replace("0.000400000", "much"), "could not convert"),
        (SYNCHRONISED.replace("0.000400000", "inf"), "not finite"),
    ],
)
def test_what_proves_nothing_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SanctuaryError, match=reason):
        parse_tracking(text)


def test_the_program_on_path_is_asked(chronyc: Path) -> None:
    says(chronyc, SYNCHRONISED)
    assert asyncio.run(read_tracking(20.0)) == parse_tracking(SYNCHRONISED)


def test_a_daemon_that_does_not_run_is_told(chronyc: Path) -> None:
    says(chronyc, "506 Cannot talk to daemon", code=1)
    with pytest.raises(SanctuaryError, match="506 Cannot talk to daemon; see that chronyd runs"):
        asyncio.run(read_tracking(20.0))


def test_a_program_that_never_answers_is_ended(chronyc: Path) -> None:
    chronyc.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(SanctuaryError, match=r"no answer within 0\.2 s"):
        asyncio.run(read_tracking(0.2))


def test_a_program_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SanctuaryError, match="install chrony, or set"):
        asyncio.run(read_tracking(20.0))
