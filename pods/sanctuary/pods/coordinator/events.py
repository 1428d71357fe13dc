"""What reaches a coordinator, in the past tense. Payloads are as received; the pod is the topic's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodStateReceived:
    """A snapshot came on ``up/state``, perhaps an old retained one."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class PodStatusReceived:
    """A pod came or went; the broker sends the latter on its behalf when it dies."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LeaseReceived:
    """A signed lease came on ``up/event/lease``."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class EyeSignalReceived:
    """A signed eye signal came on ``up/event/eye-signal``."""

    pod: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed. The shell ticks at least once a second."""


CoordinatorEvent = PodStateReceived | PodStatusReceived | LeaseReceived | EyeSignalReceived | Ticked
