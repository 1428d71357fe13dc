"""Imports run downward only.

cli -> virtual_site -> gateway -> simulator, commons, pods -> firmware_bridge -> signal;
config lies below them all.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import NAMESPACE, ROOT, modules

BELOW: dict[str, set[str]] = {
    "config": set(),
    "signal": {"config"},
    "firmware_bridge": {"config", "signal"},
    "commons": {"config", "signal", "firmware_bridge"},
    "pods": {"config", "signal", "firmware_bridge", "commons"},
    "simulator": {"config", "signal", "firmware_bridge"},
    "gateway": {"config", "signal", "firmware_bridge", "commons", "pods", "simulator"},
    "virtual_site": {"config", "signal", "firmware_bridge", "commons", "pods", "simulator", "gateway"},
    "cli": {
        "config",
        "signal",
        "firmware_bridge",
        "commons",
        "pods",
        "simulator",
        "gateway",
        "virtual_site",
    },
}
"""Which rooms a room may import, beside itself."""

LIBRARIES: dict[str, set[str]] = {
    "config": {"annotated_types", "pydantic", "pydantic_core"},
    "signal": {"numpy", "scipy"},
}
"""Libraries of the rooms at the bottom; the others may use any that the project depends on."""

CODECS = "headbands"
"""Package of `firmware_bridge` that turns wire bytes into samples. The simulator writes the bytes that it
reads, so it must not share its reading of the facts..."""

WITHOUT_WIRE = {"headband"}
"""...but for the modules of that package that know no wire format."""

SHARED = {"cues", "hypnograms", "links", "outputs", "recordings", "stream"}
"""Packages and modules of `firmware_bridge` without a wire format of a headband."""


def imports(source: str, module: str, *, is_package: bool) -> Iterator[str]:
    """Full names of everything that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            above = parts[: len(parts) + is_package - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def offences(name: str, imported: Iterator[str]) -> list[str]:
    """Imports that the layers forbid to the module `name`."""
    room = name.split(".")[1]
    return [target for target in imported if not _may(room, target)]


def _may(room: str, target: str) -> bool:
    top, *rest = target.split(".")
    if top != NAMESPACE:
        return top in sys.stdlib_module_names or room not in LIBRARIES or top in LIBRARIES[room]
    if not rest or (rest[0] != room and rest[0] not in BELOW[room]):
        return False
    codec = rest[:2] == ["firmware_bridge", CODECS] and (len(rest) < 3 or rest[2] not in WITHOUT_WIRE)
    return not (room == "simulator" and codec)


def _in_rooms() -> list[tuple[str, Path]]:
    return [(name, file) for name, file in modules() if name.split(".")[1] in BELOW]


@pytest.mark.parametrize(("name", "file"), _in_rooms(), ids=[name for name, _ in _in_rooms()])
def test_imports_run_downward(name: str, file: Path) -> None:
    found = imports(file.read_text(encoding="utf-8"), name, is_package=file.name == "__init__.py")
    assert offences(name, found) == []


def test_every_module_belongs_to_a_room_of_the_table() -> None:
    assert {name for name, _ in modules()} - {name for name, _ in _in_rooms()} == {f"{NAMESPACE}.__main__"}


def test_every_part_of_the_bridge_is_known_as_codec_or_not() -> None:
    folder = ROOT / "firmware_bridge" / NAMESPACE / "firmware_bridge"
    parts = {
        item.stem for item in folder.iterdir() if item.suffix == ".py" or (item / "__init__.py").is_file()
    }
    assert parts - {"__init__"} == {CODECS} | SHARED, "say in this file whether the new part is a codec"


@pytest.mark.parametrize(
    ("name", "source", "forbidden"),
    [
        ("sanctuary.commons.x", "from sanctuary.pods import limiter", ["sanctuary.pods.limiter"]),
        ("sanctuary.pods.x", "from sanctuary.commons import consent", []),
        ("sanctuary.pods.x", "def f():\n import sanctuary.cli.main", ["sanctuary.cli.main"]),
        ("sanctuary.simulator.x", "import sanctuary.pods", ["sanctuary.pods"]),
        (
            "sanctuary.simulator.x",
            "from sanctuary.firmware_bridge import headbands",
            ["sanctuary.firmware_bridge.headbands"],
        ),
        (
            "sanctuary.simulator.x",
            "from sanctuary.firmware_bridge.headbands.cyton.wire import F",
            ["sanctuary.firmware_bridge.headbands.cyton.wire.F"],
        ),
        (
            "sanctuary.simulator.x",
            "from sanctuary.firmware_bridge.headbands import ganglion",
            ["sanctuary.firmware_bridge.headbands.ganglion"],
        ),
        ("sanctuary.simulator.x", "from sanctuary.firmware_bridge.headbands.headband import SampleRun", []),
        ("sanctuary.simulator.x", "from sanctuary.firmware_bridge.cues import Cue", []),
        (
            "sanctuary.config.x",
            "from sanctuary.signal.samples import Stage",
            ["sanctuary.signal.samples.Stage"],
        ),
        ("sanctuary.config.x", "if TYPE_CHECKING:\n import numpy", ["numpy"]),
        ("sanctuary.signal.x", "import numpy.fft, scipy, json, edfio", ["edfio"]),
        ("sanctuary.signal.x", "from .samples import Stage\nfrom . import samples", []),
        ("sanctuary.commons.x", "from ..pods import limiter", ["sanctuary.pods.limiter"]),
        ("sanctuary.signal.x", "import sanctuary", ["sanctuary"]),
        (
            "sanctuary.gateway.x",
            "import sanctuary.simulator, rich, sanctuary.firmware_bridge.headbands.cyton",
            [],
        ),
    ],
)
def test_the_guard_itself_sees_what_is_forbidden(name: str, source: str, forbidden: list[str]) -> None:
    assert offences(name, imports(source, name, is_package=False)) == forbidden


def test_relative_imports_of_a_package_start_at_the_package() -> None:
    source = "from .x import y\nfrom ..pods import z\nfrom . import w"
    found = list(imports(source, "sanctuary.commons", is_package=True))
    assert found == ["sanctuary.commons.x.y", "sanctuary.pods.z", "sanctuary.commons.w"]
