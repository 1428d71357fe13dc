"""Settings of simulated sleepers: their nights, how they differ, and what disturbs their signals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sanctuary.config.base import Settings, in_order
from sanctuary.config.disturbances import Disturbance
from sanctuary.config.responses import ResponseSettings


class NightSettings(Settings):
    """Architecture of a simulated night."""

    age_years: float = Field(35.0, ge=18.0, le=90.0)
    """Age (years): with every decade sleep comes later and is broken more often, by more N1 and waking."""
    variety: float = Field(1.0, ge=0.0, le=1.5)
    """How far sleepers and cycles depart from the usual ones: 1 as far as real ones, 0 not at all."""
    coupling: float = Field(0.0, ge=0.0, le=1.0)
    """How far stage changes of sleepers side by side are drawn together where they lie within 5 min of each
    other: 0 not at all, 1 until they meet."""
    bedtime_jitter_min: float = Field(10.0, ge=0.0, le=60.0)
    """Spread (minutes) of the time between the start of the recording and lights out; never negative."""
    latency_shortest_min: float = Field(0.5, ge=0.5, le=60.0)
    """Shortest time (minutes) from lights out to sleep."""
    latency_longest_min: float = Field(90.0, ge=0.5, le=120.0)
    """Longest time (minutes) from lights out to sleep."""
    rem_latency_shortest_min: float = Field(45.0, ge=20.0, le=180.0)
    """Shortest sleep (minutes) before the first REM period."""
    rem_latency_longest_min: float = Field(240.0, ge=20.0, le=300.0)
    """Longest sleep (minutes) before the first REM period."""
    cycle_shortest_min: float = Field(45.0, ge=40.0, le=120.0)
    """Shortest cycle (minutes asleep) after the first."""
    cycle_longest_min: float = Field(180.0, ge=60.0, le=240.0)
    """Longest cycle (minutes asleep) after the first."""
    most_cycles: int = Field(6, ge=1, le=12)
    """Cycles after which the sleeper wakes up for good, however long the night."""
    rem_bout_spread: float = Field(0.45, ge=0.0, le=1.0)
    """Standard deviation of the logarithm of the REM in a cycle."""
    rem_interruptions_per_hour: float = Field(1.9, ge=0.0, le=30.0)
    """Returns from REM to W, N1 or N2, per hour of REM, after which it goes on."""
    arousals_per_hour: float = Field(10.0, ge=0.0, le=60.0)
    """Arousals of 3 to 15 s per hour of sleep."""
    turns_per_hour: float = Field(4.0, ge=0.0, le=30.0)
    """Turns of the body per hour, besides those at the end of a REM period."""

    @model_validator(mode="after")
    def _ranges_are_ranges(self) -> NightSettings:
        in_order(
            self,
            ("latency_shortest_min", "latency_longest_min"),
            ("rem_latency_shortest_min", "rem_latency_longest_min"),
            ("cycle_shortest_min", "cycle_longest_min"),
        )
        return self


class VariationSettings(Settings):
    """How sleepers differ from one another; each draws once, for the whole night."""

    exponent_spread: float = Field(0.3, ge=0.0, le=0.6)
    """Largest departure of the spectrum's exponent from the usual one, either way."""
    amplitude_least: float = Field(0.6, ge=0.2, le=1.0)
    """Least factor on the amplitude of the EEG."""
    amplitude_most: float = Field(1.6, ge=1.0, le=4.0)
    """Greatest factor on the amplitude of the EEG."""
    spindles_least: float = Field(0.4, ge=0.0, le=1.0)
    """Least factor on the rate of sleep spindles."""
    spindles_most: float = Field(2.0, ge=1.0, le=4.0)
    """Greatest factor on the rate of sleep spindles."""
    rem_density_least: float = Field(0.3, ge=0.0, le=1.0)
    """Least factor on the number of rapid eye movements."""
    rem_density_most: float = Field(2.0, ge=1.0, le=4.0)
    """Greatest factor on the number of rapid eye movements."""
    side_share_least: float = Field(0.08, ge=0.0, le=0.9)
    """Least share of the EEG's power that belongs to one side only."""
    side_share_most: float = Field(0.25, ge=0.0, le=0.9)
    """Greatest share of the EEG's power that belongs to one side only."""
    pulse_least_uv: float = Field(0.3, ge=0.0, le=50.0)
    """Least height (uV) of the heartbeat's artefact."""
    pulse_most_uv: float = Field(3.0, ge=0.0, le=50.0)
    """Greatest height (uV) of the heartbeat's artefact."""
    muscle_spread_db: float = Field(3.0, ge=0.0, le=10.0)
    """Standard deviation (dB) of the muscle tone between sleepers."""

    @model_validator(mode="after")
    def _ranges_are_ranges(self) -> VariationSettings:
        in_order(self, ("side_share_least", "side_share_most"), ("pulse_least_uv", "pulse_most_uv"))
        return self


class DisturbanceSettings(Settings):
    """What may go wrong between skin and amplifier; all off or low unless asked for."""

    mains_uv: float = Field(0.3, ge=0.0, le=500.0)
    """Amplitude (uV) of the mains hum that is always there."""
    mains_hz: Literal[50, 60] = 50
    """Frequency (Hz) of the mains."""
    drift_uv: float = Field(8.0, ge=0.0, le=500.0)
    """Standard deviation (uV) of slow drift below 0.3 Hz; sweat makes it 50 and more."""
    pops_per_hour: float = Field(0.0, ge=0.0, le=600.0)
    """Electrode pops per hour: a jump of one side that decays within seconds."""
    lifts_per_hour: float = Field(0.0, ge=0.0, le=60.0)
    """Times per hour that one electrode lifts off: hum and noise instead of EEG on that side."""
    lift_longest_s: float = Field(300.0, ge=1.0, le=7200.0)
    """Longest time (seconds) that an electrode stays off."""
    poor_contacts_per_hour: float = Field(0.0, ge=0.0, le=60.0)
    """Stretches per hour of poor contact: pink noise on top of one side."""
    poor_contact_uv: float = Field(40.0, ge=0.0, le=500.0)
    """RMS (uV) of that noise."""
    poor_contact_longest_s: float = Field(600.0, ge=1.0, le=7200.0)
    """Longest time (seconds) of poor contact."""
    bruxism_per_hour: float = Field(0.0, ge=0.0, le=60.0)
    """Episodes per hour of teeth grinding: rhythmic bursts of jaw muscle at about 1 Hz."""
    events: tuple[Disturbance, ...] = Field((), max_length=256)
    """Single disturbances with their times, one `[[sleepers.disturbances.events]]` table each."""


class SleeperSettings(Settings):
    """A simulated sleeper: ranges from which the night, the person and the disturbances are drawn."""

    night: NightSettings = NightSettings()
    """Architecture of the night."""
    variation: VariationSettings = VariationSettings()
    """How this sleeper may differ from others."""
    disturbances: DisturbanceSettings = DisturbanceSettings()
    """What disturbs the signals."""
    responses: ResponseSettings = ResponseSettings()
    """What the sleeper makes of cues."""
