"""Settings of what simulated sleepers make of cues."""

from __future__ import annotations

from pydantic import Field, model_validator

from sanctuary.config.base import Settings, in_order


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
