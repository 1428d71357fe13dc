"""Whatever becomes of standard output and standard error, what a command writes is written, and whole."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.signal.samples import SampleBlock

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of a quiet recording."""
    folder = tmp_path_factory.mktemp("night")
    recorder = NightRecorder(folder, "night", 250.0, ("AF7", "AF8"), datetime(2026, 1, 2, 23, tzinfo=UTC))
    uv = np.random.default_rng(1).normal(0.0, 20.0, (2, 30_000))
    recorder.push(SampleBlock(0, 250.0, ("AF7", "AF8"), uv))
    return recorder.close()


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``sanctuary`` is this program."""
    whole = f'sanctuary() {{ "{sys.executable}" -m sanctuary "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", whole], cwd=folder, capture_output=True, text=True, check=False)


def replay(night: Path, folder: Path, redirection: str) -> subprocess.CompletedProcess[str]:
    return shell(folder, f"sanctuary replay {night} --json o.json --report r.html {redirection}")


@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        (">&-", 0),
        ("<&- >&- 2>&-", 0),
        ("| true; exit ${PIPESTATUS[0]}", 141),
        ("2>&1 | true; exit ${PIPESTATUS[0]}", 141),
        pytest.param(">/dev/full", 2, marks=FULL),
        pytest.param(">/dev/full 2>/dev/full", 2, marks=FULL),
    ],
)
def test_a_result_is_whole_and_the_exit_code_true(
    night: Path, tmp_path: Path, redirection: str, code: int
) -> None:
    done = replay(night, tmp_path, redirection)
    assert done.returncode == code
    assert json.loads((tmp_path / "o.json").read_text())["schema"] == "sanctuary.replay.v1"
    assert (tmp_path / "r.html").read_text().rstrip().endswith("</html>")
    for word in ("Traceback", "internal error", "Exception ignored"):
        assert word not in done.stdout + done.stderr


@FULL
def test_a_full_output_is_told_in_a_sentence(night: Path, tmp_path: Path) -> None:
    told = replay(night, tmp_path, ">/dev/full").stderr
    assert "sanctuary: standard output: No space left on device" in told
    assert "files that were written are whole" in told


def test_nothing_that_is_printed_lands_in_a_file_that_took_the_number_of_a_closed_stream(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys; from sanctuary.gateway.streams import forgiving_streams\n"
        "with forgiving_streams():\n"
        "    file = os.open('kept', os.O_WRONLY | os.O_CREAT, 0o600)\n"
        "    os.write(file, b'whole')\n"
        "    print('to standard output'); print('to standard error', file=sys.stderr)\n"
        "    os.system('echo from a child; echo and its errors >&2')\n"
        "    sys.exit(file < 3)\n"
    )
    (tmp_path / "program.py").write_text(code)
    for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        done = shell(tmp_path, f'"{sys.executable}" program.py {closed}')
        assert done.returncode == 0, closed
        assert (tmp_path / "kept").read_bytes() == b"whole"


def test_a_mistake_is_exit_code_2_wherever_its_sentence_goes(tmp_path: Path) -> None:
    for redirection in ("2>&-", ">&- 2>&-", "2>&1 | true; exit ${PIPESTATUS[0]}"):
        assert shell(tmp_path, f"sanctuary config check nope.toml {redirection}").returncode == 2


def test_the_sentence_of_a_mistake_never_goes_to_standard_output(tmp_path: Path) -> None:
    assert shell(tmp_path, "sanctuary config check nope.toml 2>&-").stdout == ""


def test_text_that_fits_no_encoding_of_the_terminal_stops_nothing(tmp_path: Path) -> None:
    done = shell(
        tmp_path, "PYTHONIOENCODING=ascii:backslashreplace sanctuary wire | cat; exit ${PIPESTATUS[0]}"
    )
    assert done.returncode == 0
