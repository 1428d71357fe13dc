"""Settings of simulated sleepers: their nights, how they differ, disturbances, and responses to cues."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sanctuary.config.settings_base import Settings, in_order


class ResponseSettings(Settings):
    """How a simulated sleeper answers a cue.

    The chance of an arousal grows with the level above the sleeper's own threshold. In REM that is about the
    threshold of N2 while the eyes rest, about that of deep sleep while they move (Ermis 2010), and it falls
    over the night (Rechtschaffen 1966). The numbers themselves are guesses.
    """

    threshold_dba: float = Field(47.0, ge=20.0, le=90.0)
    """Level (dBA) that arouses the usual sleeper from N2 every other time, at the beginning of the night."""
    threshold_sd_db: float = Field(5.0, ge=0.0, le=20.0)
    """Standard deviation (dB) of the threshold between sleepers."""
    n1_db: float = Field(-6.0, ge=-30.0, le=30.0)
    """Threshold in N1, against that in N2."""
    n3_db: float = Field(12.0, ge=-30.0, le=40.0)
    """Threshold in N3, against that in N2."""
    tonic_db: float = Field(0.0, ge=-30.0, le=30.0)
    """Threshold in REM while the eyes rest, against that in N2."""
    phasic_db: float = Field(10.0, ge=-30.0, le=40.0)
    """Threshold in REM while the eyes move, against that in N2."""
    fall_db_per_hour: float = Field(1.2, ge=0.0, le=10.0)
    """How fast the threshold falls with the time asleep."""
    slope_db: float = Field(3.0, ge=0.1, le=20.0)
    """Scale (dB) of the logistic curve: smaller is steeper."""
    share_least_dba: float = Field(25.0, ge=0.0, le=90.0)
    """Sound to which light and vibration of share 0 are alike."""
    share_most_dba: float = Field(60.0, ge=0.0, le=110.0)
    """Sound to which light and vibration of share 1 are alike."""
    arousal_shortest_s: float = Field(3.0, ge=1.0, le=60.0)
    """Shortest arousal (seconds)."""
    arousal_longest_s: float = Field(15.0, ge=1.0, le=60.0)
    """Longest arousal (seconds)."""
    awakening_share: float = Field(0.15, ge=0.0, le=1.0)
    """Share of arousals at the threshold that become awakenings; 10 dB above it, twice as many."""
    awake_shortest_s: float = Field(30.0, ge=10.0, le=3600.0)
    """Shortest time awake (seconds) after an awakening."""
    awake_longest_s: float = Field(240.0, ge=10.0, le=7200.0)
    """Longest time awake (seconds) after an awakening."""
    incorporation_share: float = Field(0.4, ge=0.0, le=1.0)
    """Share of cues in REM that enter the dream, of those that are heard and do not wake."""
    signal_share: float = Field(0.05, ge=0.0, le=1.0)
    """Share of incorporated cues that the sleeper answers with left-right-left-right."""
    thinned_s: float = Field(60.0, ge=0.0, le=600.0)
    """How long (seconds) eye movements are fewer after a cue in REM."""
    thinned_to: float = Field(0.5, ge=0.0, le=1.0)
    """Share of eye movements left in that time."""

    @model_validator(mode="after")
    def _ranges_are_ranges(self) -> ResponseSettings:
        in_order(
            self,
            ("arousal_shortest_s", "arousal_longest_s"),
            ("awake_shortest_s", "awake_longest_s"),
            ("share_least_dba", "share_most_dba"),
        )
        return self


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
