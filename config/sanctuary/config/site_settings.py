"""Settings of the site: pods in general, their limiter, the coordinator, leadership, clock and records.

The bounds are the safety case of article 8: whatever a file, variable or option says, no accepted value
can make a pod louder, faster or more trusting than the hard limits written here. Sources: WHO 1999
community noise guidelines (45 dBA Lmax for single events in bedrooms), WCAG 2.3.1 (three flashes in a
second), the Epilepsy Foundation's consensus on photosensitivity (Harding and others 2005), and the published
practice of targeted lucidity reactivation (gaps, blocks, nightly budgets).

Defaults that are paths are not validated again: in JSON mode pydantic accepts only text for a path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sanctuary.config.settings_base import Finding, Id, Settings, in_order, raise_findings, twice


class LimiterSettings(Settings):
    """The last stage before an output. Every bound errs towards silence."""

    max_level_dba: float = Field(40.0, ge=0.0, le=45.0)
    """Loudest cue at the pillow (dBA Lmax)."""
    start_level_dba: float = Field(30.0, ge=0.0, le=40.0)
    """Loudest first cue of a night (dBA Lmax)."""
    ramp_db: float = Field(1.0, ge=0.0, le=1.0)
    """Largest rise (dB) from one sound cue to the next."""
    arousal_step_db: float = Field(6.0, ge=6.0, le=40.0)
    """Drop (dB) below the level that woke the sleeper."""
    floor_dba: float = Field(10.0, ge=0.0, le=30.0)
    """Sound (dBA) that would have to be softer than this is not played at all."""
    max_share: float = Field(0.2, ge=0.0, le=0.5)
    """Strongest light or haptic cue (share of the device's full output)."""
    start_share: float = Field(0.05, ge=0.0, le=0.2)
    """Strongest first light or haptic cue of a night (share of full output)."""
    ramp_share: float = Field(0.01, ge=0.0, le=0.05)
    """Largest rise (share of full output) from one light or haptic cue to the next."""
    arousal_share_factor: float = Field(0.5, ge=0.0, le=0.5)
    """Factor on the share that woke the sleeper; one half is 6 dB of amplitude."""
    floor_share: float = Field(0.005, ge=0.0, le=0.05)
    """Light or haptics (share) that would have to be weaker than this are not rendered at all."""
    fade_s: float = Field(0.05, ge=0.05, le=5.0)
    """Shortest fade (seconds) at each end of a sound or haptic cue."""
    light_fade_s: float = Field(0.1, ge=0.1, le=5.0)
    """Shortest fade (seconds) at each end of a light cue."""
    max_duration_s: float = Field(12.0, ge=0.1, le=15.0)
    """Longest cue (seconds)."""
    gap_s: float = Field(20.0, ge=20.0, le=3600.0)
    """Shortest time (seconds) from the start of one cue to the start of the next, of any modality."""
    max_flash_hz: float = Field(1.0, ge=0.0, le=2.0)
    """Fastest flashing (Hz) of all lamps together that a sleeper can see."""
    flashes_per_cue: int = Field(10, ge=0, le=10)
    """Most flashes in one cue."""
    flashes_per_hour: int = Field(60, ge=0, le=60)
    """Most flashes in any hour."""
    min_lit_s: float = Field(0.25, ge=0.25, le=5.0)
    """Shortest time (seconds) that a lamp is lit at once."""
    lamps_in_view: int = Field(1, ge=1, le=32)
    """Lamps that each sleeper can see at least; rate and number of flashes are divided by it. See `sees`."""
    cues_per_block: int = Field(15, ge=1, le=15)
    """Cues in a row before a rest."""
    rest_s: float = Field(1200.0, ge=1200.0, le=14400.0)
    """Cue-free time (seconds) that ends a block."""
    night_budget: int = Field(60, ge=0, le=60)
    """Most cues in a night."""
    attribution_s: float = Field(30.0, ge=30.0, le=300.0)
    """An arousal this soon (seconds) after a cue's end is put down to that cue."""
    arousal_quiet_s: float = Field(60.0, ge=60.0, le=3600.0)
    """Cue-free time (seconds) after any arousal."""

    @model_validator(mode="after")
    def _starts_below_its_cap(self) -> LimiterSettings:
        in_order(self, ("start_level_dba", "max_level_dba"), ("start_share", "max_share"))
        return self


class PodSettings(Settings):
    """When a pod trusts its headband, its clock and its coordinator."""

    stale_s: float = Field(3.0, ge=1.0, le=3.0)
    """Age (seconds) of the newest good estimate from which nothing may sound."""
    lost_s: float = Field(10.0, ge=3.0, le=10.0)
    """Age (seconds) of the newest good estimate from which the pod leaves its window."""
    min_quality: float = Field(0.5, ge=0.5, le=1.0)
    """Signal quality (0 to 1) below which an estimate proves nothing."""
    requalify_s: float = Field(10.0, ge=5.0, le=300.0)
    """Unbroken stable REM (seconds) that a pod must see after an interruption before it may join a window."""
    lease_ttl_s: float = Field(5.0, ge=2.0, le=10.0)
    """Life (seconds) of a lease that is not renewed."""
    lease_renewal_s: float = Field(2.0, ge=0.5, le=5.0)
    """Time (seconds) between renewals of a lease."""
    keepalive_limit_s: float = Field(10.0, ge=2.0, le=15.0)
    """Longest time (seconds) that one command may keep a window open ahead of now."""
    min_lead_s: float = Field(1.0, ge=1.0, le=30.0)
    """Shortest time (seconds) between receiving `open` and its `start_at_s`."""
    max_lead_s: float = Field(60.0, ge=2.0, le=300.0)
    """Longest time (seconds) between receiving `open` and its `start_at_s`."""
    late_s: float = Field(1.0, ge=0.1, le=1.0)
    """A step this much (seconds) behind its time is refused, not played late."""
    clock_uncertainty_limit_s: float = Field(0.02, ge=0.0005, le=0.05)
    """Largest uncertainty (seconds) of the sanctuary clock with which a pod joins a window."""
    clock_age_limit_s: float = Field(600.0, ge=10.0, le=3600.0)
    """Age (seconds) from which a clock measurement counts for nothing."""
    command_life_limit_s: float = Field(30.0, ge=2.0, le=60.0)
    """Longest time (seconds) ahead of now at which a command may expire."""
    heartbeat_s: float = Field(10.0, ge=1.0, le=60.0)
    """Longest time (seconds) between two snapshots of the state."""
    state_interval_s: float = Field(1.0, ge=1.0, le=10.0)
    """Shortest time (seconds) between two snapshots of the state."""

    @model_validator(mode="after")
    def _renews_in_time(self) -> PodSettings:
        if 2 * self.lease_renewal_s > self.lease_ttl_s:
            raise ValueError("lease_renewal_s must be at most half of lease_ttl_s, so that one may be lost")
        if self.lost_s < self.stale_s:
            raise ValueError("lost_s must not lie below stale_s")
        if self.max_lead_s <= self.min_lead_s:
            raise ValueError("max_lead_s must lie above min_lead_s")
        if self.heartbeat_s < self.state_interval_s:
            raise ValueError("heartbeat_s must not lie below state_interval_s")
        return self


class CoordinatorSettings(Settings):
    """When windows are offered, opened, kept alive and closed."""

    offer_expiry_s: float = Field(5.0, ge=1.0, le=15.0)
    """Time (seconds) that pods have to answer an offer."""
    offer_backoff_s: float = Field(10.0, ge=1.0, le=600.0)
    """Pause (seconds) after an offer that found no quorum, or that one pod did not answer."""
    lead_s: float = Field(2.0, ge=1.0, le=30.0)
    """Time (seconds) from sending `open` to its `start_at_s`; leave room for delivery above 1 s."""
    valid_for_s: float = Field(5.0, ge=3.0, le=10.0)
    """Time (seconds) that an `open` or `extend` keeps pods in the window."""
    extend_every_s: float = Field(2.0, ge=0.5, le=5.0)
    """Time (seconds) between two `extend` commands to each pod in a window."""
    reopen_after_s: float = Field(4.0, ge=1.0, le=30.0)
    """Time (seconds) after which a pod that leases but does not play is sent `open` again."""
    max_window_s: float = Field(1800.0, ge=30.0, le=3600.0)
    """Longest window (seconds)."""
    refractory_s: float = Field(300.0, ge=60.0, le=14400.0)
    """Pause (seconds) of a circle after a window."""
    state_age_limit_s: float = Field(15.0, ge=2.0, le=60.0)
    """Age (seconds) from which a pod's last state counts for nothing."""
    echo_within_s: float = Field(10.0, ge=2.0, le=60.0)
    """Longest time (seconds) from hearing of an eye signal to the beginning of its answer."""
    echo_gap_s: float = Field(22.0, ge=21.0, le=3600.0)
    """Distance (seconds) of an answer from the design's steps on both sides, and from the answer before."""

    @model_validator(mode="after")
    def _keeps_alive(self) -> CoordinatorSettings:
        if self.valid_for_s < self.lead_s + self.extend_every_s:
            raise ValueError(
                "valid_for_s must be at least lead_s + extend_every_s, or pods fall silent at once"
            )
        if self.valid_for_s < 2 * self.extend_every_s:
            raise ValueError("extend_every_s must be at most half of valid_for_s, so that one may be lost")
        return self


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


class SiteSettings(Settings):
    """The sanctuary itself."""

    id: Id = "harbour"
    """Name of the sanctuary in topics, records and the ledger."""
    gateways: tuple[Id, ...] = Field(("gateway-1",), min_length=1, max_length=8)
    """Ids of the gateways, the same list in the settings of each; one leads a circle, another takes over."""
    gateway: Id | None = None
    """Which of `gateways` this computer is; may be left out where there is only one."""
    data_dir: Path = Field(Path("sanctuary-data"), validate_default=False)
    """Folder for everything that is kept; relative to where the program is started."""

    @field_validator("gateways")
    @classmethod
    def _gateways_differ(cls, gateways: tuple[str, ...]) -> tuple[str, ...]:
        raise_findings(twice(gateways))
        return gateways

    @field_validator("gateway")
    @classmethod
    def _is_one_of_them(cls, gateway: str | None, info: ValidationInfo) -> str | None:
        gateways = info.data.get("gateways")
        if gateway is not None and gateways is not None and gateway not in gateways:
            raise_findings([Finding((), f'= "{gateway}" is none of site.gateways: {", ".join(gateways)}')])
        return gateway


class LeadershipSettings(Settings):
    """How gateways agree on which of them leads a circle."""

    renew_s: float = Field(0.5, ge=0.2, le=1.0)
    """Time (seconds) between two claims of a gateway that leads a circle."""
    authority_s: float = Field(2.0, ge=1.0, le=4.0)
    """Age (seconds) of the newest own claim that came back from which a gateway commands nothing."""
    silence_s: float = Field(2.5, ge=1.0, le=6.0)
    """Time (seconds) without a claim of anybody after which another gateway claims a circle."""
    margin_s: float = Field(0.1, ge=0.05, le=1.0)
    """What clocks may differ (seconds); added to the time that a former leader's commands may be in force."""
    settle_s: float = Field(10.0, ge=5.0, le=600.0)
    """Time (seconds) for which a gateway that has come back must be there before circles move to it."""

    @model_validator(mode="after")
    def _renews_in_time(self) -> LeadershipSettings:
        if 2 * self.renew_s > self.authority_s:
            raise ValueError("renew_s must be at most half of authority_s, so that one may be late")
        return self


class RecordSettings(Settings):
    """What each night leaves behind."""

    edf: bool = True
    """Whether signals are recorded, as EDF+."""
    folder: Path = Field(Path("nights"), validate_default=False)
    """Folder of the nights; relative to `site.data_dir`."""
