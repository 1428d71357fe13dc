"""The real program in a process of its own: started, watched until something is written, told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0
SETTINGS = """
[site]
data_dir = "{data}"

[broker]
{broker}

[[pods]]
id = "pod-1"
sleeper = "alder"
sleeper_key = "{key}"
headband = {{ kind = "cyton", port = "{folder}/no-such-port" }}
{more}

[[pods]]
id = "pod-2"
sleeper = "birch"
headband = {{ kind = "simulated", seed = 2 }}

[[circles]]
id = "commons"
members = ["pod-1", "pod-2"]
"""


class Program:
    """One ``sanctuary`` that runs."""

    def __init__(self, folder: Path, words: tuple[str, ...], before: tuple[str, ...] = ()) -> None:
        self._notes = (folder / f"told-{len(list(folder.glob('told-*')))}").open("w+b")
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "sanctuary", *words],
            stdin=subprocess.DEVNULL,
            stdout=self._notes,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    @property
    def told(self) -> str:
        """All that it has said so far, in one line."""
        return " ".join(Path(self._notes.name).read_text(errors="replace").split())

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; a program that ends first is a failure."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, self.told
            assert self.process.poll() is None, self.told
            time.sleep(0.05)

    def says(self, words: str) -> None:
        """Wait until it has said this."""
        self.wait_for(lambda: words in self.told)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ends(self) -> int:
        """Wait for its end; gives the exit code."""
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it, however it stands."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._notes.close()


class Bench:
    """A folder with settings, and the programs that run by them."""

    def __init__(self, folder: Path, broker: str = 'kind = "auto"', more: str = "") -> None:
        self.folder, self.data = folder, folder / "data"
        self.config = folder / "sanctuary.toml"
        given = {"data": self.data, "folder": folder, "key": "a" * 64, "broker": broker, "more": more}
        self.config.write_text(SETTINGS.format(**given))
        self._programs: list[Program] = []

    def start(self, *words: str, before: tuple[str, ...] = ()) -> Program:
        """Start a command with the settings."""
        program = Program(self.folder, (*words, "-c", str(self.config)), before)
        self._programs.append(program)
        return program

    def night(self) -> dict[str, Any]:
        """The one result that was written; the report lies beside it."""
        (path,) = self.data.glob("nights/*/night.json")
        assert path.with_name("report.html").read_text().rstrip().endswith("</html>")
        return dict(json.loads(path.read_text()))

    def records(self, what: str) -> list[dict[str, Any]]:
        """Records of one kind in all logs, as far as they are whole."""
        paths = self.data.glob("nights/*/events.jsonl")
        lines = [line for path in paths for line in path.read_text().splitlines(keepends=True)]
        found = [json.loads(line) for line in lines if line.endswith("}\n")]
        return [record for record in found if record["kind"] == what]

    def close(self) -> None:
        """End every program."""
        for program in self._programs:
            program.close()


@contextmanager
def bench(folder: Path, broker: str = 'kind = "auto"', more: str = "") -> Iterator[Bench]:
    """Give a bench, and end all that runs on it."""
    made = Bench(folder, broker, more)
    try:
        yield made
    finally:
        made.close()
