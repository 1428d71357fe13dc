"""What pods and coordinators ask of their shell, in the order to be done.

The shell must perform the effects of one list in order; `Log` before `Render` is invariant P7. `Keep` comes
before whatever rests on it: where it fails, no cue after it in the list may sound.
"""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.firmware_bridge.cues import Cue
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.pods.protocol.records import CueRecord, LogRecord


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a message."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Log:
    """Write to the cue log and make sure it is written before going on."""

    entry: CueRecord


@dataclass(frozen=True, slots=True)
class Render:
    """Have a cue sound.

    Attributes
    ----------
    at_s
        When the step was due, sanctuary clock; at most a second ago. Start at once.
    """

    cue: Cue
    at_s: float
    window: str
    step: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop every output at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write to the event log."""

    record: LogRecord


@dataclass(frozen=True, slots=True)
class Keep:
    """Put the pod's memory where a restart finds it, and make sure it is there before going on."""

    memory: PodMemory


Effect = Publish | Log | Render | Silence | Record | Keep


class IdSource:
    """Ids that never repeat within a boot; the shell finds a boot id that never repeats either.

    Parameters
    ----------
    boot
        ``[a-z0-9-]``, at most 48 characters.
    """

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self._count = 0

    def next(self, kind: str) -> str:
        """Give ``<boot>-<kind><count>``."""
        self._count += 1
        return f"{self.boot}-{kind}{self._count}"
