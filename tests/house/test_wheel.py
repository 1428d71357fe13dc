"""What is installed is whole: wheel and source distribution hold every room and its data, and it runs.

The distributions are built once, in a fixture. Building needs hatchling: that of the environment if it has
it, else a throwaway environment that pip fills from the package index.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from house import ROOT, data_files, modules, project, rooms
from night_files import eeg_like, write_edf


@dataclass(frozen=True)
class Installed:
    """The program as a user has it, far from the repository.

    Attributes
    ----------
    folder
        Where its commands run; free for files of a test.
    """

    python: Path
    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``sanctuary ARGUMENTS``; a test fails if that fails."""
        return call(self.python.with_name("sanctuary"), *arguments, cwd=self.folder, env=isolated())


def call(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def isolated() -> dict[str, str]:
    """The environment without anything that could let the repository in."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "SANCTUARY_", "PIP_"))
    }


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that can build."""
    if find_spec("hatchling") is not None:
        return sys.executable
    folder = tmp_path_factory.mktemp("builder")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", *project()["build-system"]["requires"], cwd=folder)
    return str(python)


@pytest.fixture(scope="module")
def sdist(builder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    call(builder, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(builder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the working tree."""
    return build_wheel(builder, ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel_of_sdist(builder: str, sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, as pip does for those who install from it."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return build_wheel(builder, source, tmp_path_factory.mktemp("wheel-of-sdist"))


def build_wheel(builder: str, source: Path, folder: Path) -> Path:
    call(builder, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel_of_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the program: ``installed.run("replay", night, ...)`` runs a command of it.

    It lives in a fresh environment that sees the libraries of this one, but, since a path file inside a
    path file is not read, not the repository.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    call(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel_of_sdist, cwd=folder, env=isolated())
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return Installed(python, elsewhere)


def expected() -> set[str]:
    code = {
        str(file.relative_to(room)) for _, file in modules() for room in rooms() if file.is_relative_to(room)
    }
    return code | {str(file) for file in data_files()}


@pytest.mark.parametrize("kind", ["wheel", "wheel_of_sdist"])
def test_the_wheel_holds_every_room_and_its_data(kind: str, request: pytest.FixtureRequest) -> None:
    with zipfile.ZipFile(request.getfixturevalue(kind)) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected()
    assert "sanctuary/config/defaults.toml" in names
    assert {f"sanctuary/{room}/py.typed" for room in ("config", "signal", "pods", "gateway")} <= names


def test_the_source_distribution_holds_what_the_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "docs/configuration.md",
        "tests/house/test_wheel.py",
    } <= names


def test_the_installed_program_runs_from_another_folder(installed: Installed) -> None:
    assert installed.run("--version").stdout == f"sanctuary {version('dream-sanctuary')}\n"
    assert 'id = "commons"' in installed.run("config", "show").stdout


def test_the_installed_program_is_not_the_repository(installed: Installed) -> None:
    code = (
        "import sanctuary.config.errors as low, sanctuary.cli.main as high, sanctuary\n"
        "print(low.__file__, high.__file__, *sanctuary.__path__, sep='\\n')"
    )
    places = call(installed.python, "-c", code, cwd=installed.folder, env=isolated()).stdout.splitlines()
    assert len(places) == 3
    assert all(Path(place).is_relative_to(installed.python.parents[1]) for place in places)


def test_the_installed_program_replays_a_night(installed: Installed) -> None:
    night = write_edf(installed.folder / "night.edf", eeg_like(90.0, 128.0), 128.0)
    said = installed.run("replay", str(night), "--json", "out.json", "--report", "out.html").stdout
    assert "times real time" in said
    result = json.loads((installed.folder / "out.json").read_text(encoding="utf-8"))
    assert result["schema"] == "sanctuary.replay.v1"
    assert len(result["epochs"]) == 3
    assert (installed.folder / "out.html").stat().st_size > 10_000
