"""Rules for the whole suite: where skips are mistakes, and how hypothesis runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# By default hypothesis fails an example that takes 200 ms, and a test whose first examples take a second to
# draw, both by the wall clock: on a machine with other work these say how busy it is and nothing of the code.
settings.register_profile(
    "sanctuary", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sanctuary")

_ALLOWED = os.environ.get("TESTS_ALLOWED_SKIPS")
_skipped: list[str] = []


def _patterns(path: Path) -> list[re.Pattern[str]]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not _ALLOWED:
        return
    patterns = _patterns(session.config.rootpath / _ALLOWED)
    unexpected = [line for line in _skipped if not any(pattern.search(line) for pattern in patterns)]
    if unexpected:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for line in unexpected:
            session.config.get_terminal_writer().line(
                f"skipped, which {_ALLOWED} does not allow: {line}", red=True
            )
