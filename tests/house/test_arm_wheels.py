"""A Raspberry Pi installs the program from wheels alone: nothing has to be compiled on it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from house import ROOT, project

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (
    "manylinux2014_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux_2_28_aarch64",
    "manylinux_2_34_aarch64",
)
"""Raspberry Pi OS has glibc 2.36 since 2023."""
COMPILED = {"numpy", "scipy", "pydantic-core", "pynacl", "dbus-fast", "matplotlib"}


def requirements() -> list[str]:
    """What `pip install dream-sanctuary[pi]` asks for."""
    about = project()["project"]
    return [*about["dependencies"], *about["optional-dependencies"]["pi"]]


def index_is_reached() -> bool:
    """Whether the package index that pip uses can be asked."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if told.startswith("file:"):
        return True
    try:
        with urllib.request.urlopen(told or "https://pypi.org/simple/", timeout=10):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_a_wheel_for_arm(python: str, tmp_path: Path) -> None:
    if not index_is_reached():
        pytest.skip("no package index can be reached")
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
    command += [
        "--ignore-installed",
        "--only-binary=:all:",
        "--implementation",
        "cp",
        "--python-version",
        python,
    ]
    command += ["--target", str(tmp_path / "none"), "--report", str(report)]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    command += ["--constraint", str(ROOT / "constraints.txt"), *requirements()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    files = {
        each["metadata"]["name"].lower().replace("_", "-"): each["download_info"]["url"].rpartition("/")[2]
        for each in json.loads(report.read_text())["install"]
    }
    assert all(name.endswith(".whl") for name in files.values())
    assert set(files) >= COMPILED
    assert all("aarch64" in files[name] for name in COMPILED)
