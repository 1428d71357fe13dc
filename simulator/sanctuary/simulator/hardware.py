"""Virtual hardware in a process of its own, as real headbands are: they cost the gateway no time.

The child lives as long as its standard input: when the parent closes it or dies, however suddenly, the child
ends, and its ports with it. It ignores Ctrl-C, which a terminal sends to everybody; the parent decides.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from sanctuary.config.errors import DeviceError
from sanctuary.config.sleepers import SleeperSettings
from sanctuary.simulator.devices.pty_port import Pacing

END_TIMEOUT_S = 0.8


@dataclass(frozen=True, slots=True)
class HeadbandSpec:
    """One virtual headband.

    Attributes
    ----------
    kind
        ``sleeper`` for a simulated sleeper, ``noise`` for white noise.
    """

    pod: str
    kind: Literal["sleeper", "noise"]
    seed: int
    hours: float = 8.0
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def sleeper(cls, pod: str, *, seed: int, hours: float, settings: SleeperSettings) -> HeadbandSpec:
        """Describe a headband with a simulated sleeper in it."""
        return cls(pod, "sleeper", seed, hours, settings.model_dump(mode="json"))


class HardwareProcess:
    """The child process and its ports; a context manager.

    Parameters
    ----------
    specs, pacing
        The headbands, and how fast they stream.

    Attributes
    ----------
    ports
        Path of each pod's serial port.

    Raises
    ------
    DeviceError
        It does not start.
    """

    def __init__(self, specs: Sequence[HeadbandSpec], pacing: Pacing = "free") -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "sanctuary.simulator.hardware_host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.ports: dict[str, str] = {}
        try:
            self.ports = self._introduce({"pacing": pacing, "headbands": [asdict(spec) for spec in specs]})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def alive(self) -> bool:
        """Whether the child still runs."""
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

    def _introduce(self, spec: dict[str, Any]) -> dict[str, str]:
        line, pipes = b"", (self._child.stdin, self._child.stdout)
        with suppress(OSError):
            if pipes[0] is not None and pipes[1] is not None:
                pipes[0].write(json.dumps(spec).encode() + b"\n")
                pipes[0].flush()
                line = pipes[1].readline()
        try:
            ports: dict[str, str] = json.loads(line)["ports"]
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError("the virtual headbands did not start; see the messages above") from error
        return ports
