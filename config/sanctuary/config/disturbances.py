"""Settings of single disturbances between skin and amplifier: what, when, how strong."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sanctuary.config.base import Settings

REPEATING = ("pop", "bruxism", "turn")
"""Kinds that strike; the others last."""


class Disturbance(Settings):
    """One disturbance of one sleeper's signal, or the rate at which it strikes."""

    kind: Literal["pop", "bruxism", "turn", "lift", "poor_contact", "mains", "sweat", "breath", "snore"]
    """An electrode pops, teeth grind, or the body turns (once, or at a rate); an electrode lifts off or has
    poor contact, the mains hum, sweat drifts, breathing sways, snoring rattles (all the time)."""
    from_s: float = Field(0.0, ge=0.0, le=86_400.0)
    """When it strikes or begins, in seconds of signal."""
    to_s: float | None = Field(None, gt=0.0, le=86_400.0)
    """When it ends; left out, with the night."""
    per_hour: float | None = Field(None, gt=0.0, le=3600.0)
    """How often pops, grinding or turns strike between `from_s` and `to_s`; left out, once, at `from_s`."""
    side: Literal["left", "right", "both"] = "both"
    """Where; one that strikes both sides strikes them alike. Grinding and turns are always on both."""
    uv: float | None = Field(None, ge=0.0, le=2000.0)
    """Height (uV; RMS of noise); left out, the usual one of its kind. Grinding and turns have their own."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Disturbance:
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError("to_s must lie after from_s")
        if self.per_hour is not None and self.kind not in REPEATING:
            raise ValueError(
                f"per_hour is for {', '.join(REPEATING)}; a {self.kind} lasts from from_s to to_s"
            )
        if self.kind in REPEATING and self.to_s is not None and self.per_hour is None:
            raise ValueError(f"a {self.kind} without per_hour strikes once, at from_s; leave to_s out")
        return self
