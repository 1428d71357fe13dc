"""Settings of the sanctuary clock: whose it is, and how it is measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sanctuary.config.base import Settings

ClockSource = Literal["mqtt", "system"]


class ClockSettings(Settings):
    """How gateways and pods agree on the time. How sure a pod must be: `pod.clock_uncertainty_limit_s`."""

    source: ClockSource = "mqtt"
    """`mqtt`: pods measure the gateway's clock over MQTT. `system`: the computers' own clocks, where chrony
    keeps gateway and pods in step; a computer that chrony is not sure of stays out of windows."""
    burst: int = Field(8, ge=1, le=32)
    """Exchanges in a row at the start and after the link was away."""
    every_s: float = Field(4.0, ge=1.0, le=60.0)
    """Time (seconds) from one exchange to the next after that."""
    system_every_s: float = Field(16.0, ge=1.0, le=120.0)
    """Time (seconds) from one question to chrony to the next."""
    system_timeout_s: float = Field(2.0, ge=0.1, le=10.0)
    """Patience (seconds) with chrony's answer."""
    allow_unsynchronised: bool = False
    """Whether persons are given cues although no time service keeps UTC, by which their grants begin and end.
    For sanctuaries without a network, whose clock somebody has set by hand; see `docs/clock.md`."""
