"""Rooms are source roots, not packages, and nothing in them hides the standard library."""

import importlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from house import NAMESPACE, ROOT, data_files, modules, rooms

MAX_LINES = 450
OF_EACH_HEADBAND = {"wire", "codec", "driver"}
"""Files of the same meaning in the folder of each headband."""


def test_stdlib_signal_is_intact() -> None:
    assert signal.SIGINT
    assert not Path(str(signal.__file__)).is_relative_to(ROOT / "signal")
    for command in (
        ["-c", "import asyncio, signal; signal.SIGINT; asyncio.run(asyncio.sleep(0))"],
        ["-m", "pytest", "-V"],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_no_init_in_rooms() -> None:
    for room in rooms():
        assert not list(room.glob("*.py")), (
            f"{room.name}/ is a source root: modules go into {room.name}/{NAMESPACE}/"
        )
        assert not (room / NAMESPACE / "__init__.py").exists(), "it would hide the other rooms"
        packages = [
            folder
            for folder in (room / NAMESPACE).iterdir()
            if folder.is_dir() and folder.name != "__pycache__"
        ]
        assert packages
        for package in packages:
            assert (package / "__init__.py").is_file(), package
            assert Path("py.typed") in {file.relative_to(package) for file in package.iterdir()}, package


def test_no_init_among_the_tests() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_room_is_reached_by_the_same_namespace() -> None:
    namespace = importlib.import_module(NAMESPACE)
    assert {Path(path) for path in namespace.__path__} == {room / NAMESPACE for room in rooms()}


@pytest.mark.parametrize(("name", "file"), list(modules()), ids=[name for name, _ in modules()])
def test_modules_stay_small(name: str, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES, f"{name}: split it"


def test_each_name_of_a_file_stands_once_in_the_house() -> None:
    stems = [file.stem for _, file in modules() if not file.stem.startswith("__")]
    twice = {stem for stem in stems if stems.count(stem) > 1}
    assert twice <= OF_EACH_HEADBAND, "give it a name of its own, so that it can be searched for"


def test_names_of_modules_are_unique_and_data_is_found() -> None:
    names = [name for name, _ in modules()]
    assert len(names) == len(set(names)) > 20
    assert Path(NAMESPACE, "config", "defaults.toml") in set(data_files())
