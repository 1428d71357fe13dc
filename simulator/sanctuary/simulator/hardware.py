"""Virtual headbands in a process of their own, as real ones are: they take no time from the gateway's loop.

The child runs as long as its standard input is open: when the parent closes it or dies, however suddenly, the
child ends, and its ports with it. It ignores SIGINT, which a terminal sends to the whole group; the parent
decides.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any, Literal, Self

from sanctuary.config.errors import DeviceError
from sanctuary.config.sleeper_settings import SleeperSettings
from sanctuary.simulator.devices.board_port import Pacing

HOST_MODULE = "sanctuary.simulator.hardware_host"
START_TIMEOUT_S = 60.0
"""The child imports numpy and draws its sleepers' nights: a second here, ten on a small computer."""
END_TIMEOUT_S = 0.8
STDERR_BYTES = 2000
"""How much of the end of its standard error is searched for a line."""


@dataclass(frozen=True, slots=True)
class HeadbandSpec:
    """One virtual headband.

    Attributes
    ----------
    pod
        Whose headband it is; becomes the name of its port.
    kind
        ``sleeper`` for a simulated sleeper, ``noise`` for white noise.
    seed, hours, settings, beside
        As for `sanctuary.simulator.sleepers.simulated_sleeper.Sleeper`; noise takes the seed only.

    Raises
    ------
    ValueError
        `pod` cannot be the name of a file.
    """

    pod: str
    kind: Literal["sleeper", "noise"]
    seed: int
    hours: float = 8.0
    settings: dict[str, Any] = field(default_factory=dict)
    beside: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a pod that would put its port elsewhere."""
        if self.pod in ("", ".", "..") or PurePath(self.pod).name != self.pod:
            raise ValueError(f"pod {self.pod!r}: must be usable as the name of a file")

    @classmethod
    def sleeper(
        cls, pod: str, *, seed: int, hours: float, settings: SleeperSettings, beside: Sequence[int] = ()
    ) -> HeadbandSpec:
        """Describe a headband with a simulated sleeper in it."""
        return cls(pod, "sleeper", seed, hours, settings.model_dump(mode="json"), tuple(beside))


class HardwareProcess:
    """The child process and its ports; a context manager.

    Parameters
    ----------
    specs, pacing
        The headbands, and how fast they stream.
    start_timeout_s
        How long the child may take to start.

    Attributes
    ----------
    ports
        Path of each pod's serial port.

    Raises
    ------
    DeviceError
        It does not start.
    """

    def __init__(
        self,
        specs: Sequence[HeadbandSpec],
        pacing: Pacing = "free",
        *,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._folder = tempfile.mkdtemp(prefix="sanctuary-headbands-")
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`; a pipe that is not read fills up
        self._child = subprocess.Popen(  # noqa: S603  a fixed program, no shell
            [sys.executable, "-P", "-m", HOST_MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )
        self.ports: dict[str, str] = {}
        spec = {"folder": self._folder, "pacing": pacing, "headbands": [asdict(each) for each in specs]}
        try:
            self.ports = self._start(json.dumps(spec), start_timeout_s)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    def alive(self) -> bool:
        return self._child.poll() is None

    def close(self) -> None:
        """End the child within a second: by closing its input, or else by force."""
        child = self._child
        with suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
        try:
            child.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
        self._stderr.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # the child does it too, unless it was killed

    def _start(self, spec: str, timeout_s: float) -> dict[str, str]:
        """Send the child its headbands; returns its ports."""
        line, pipes = b"", (self._child.stdin, self._child.stdout)
        with suppress(OSError):  # it ended before it read
            if pipes[0] is not None and pipes[1] is not None:
                pipes[0].write(spec.encode() + b"\n")
                pipes[0].flush()
                answers = select.poll()
                answers.register(pipes[1], select.POLLIN)
                if not answers.poll(timeout_s * 1000.0):
                    raise DeviceError(f"the virtual headbands did not start within {timeout_s:g} s")
                line = pipes[1].readline()
        try:
            ports: dict[str, str] = json.loads(line)["ports"]
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError(f"the virtual headbands did not start: {self._last_error()}") from error
        return ports

    def _last_error(self) -> str:
        """Last line that the child wrote to its standard error."""
        stderr = self._stderr.fileno()  # shared with the child: to seek in it would move its end as well
        start = max(0, os.fstat(stderr).st_size - STDERR_BYTES)
        lines = os.pread(stderr, STDERR_BYTES, start).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it ended without a word")
