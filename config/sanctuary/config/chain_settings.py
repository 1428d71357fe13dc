"""Settings of the signal chain: spectra, quality, normalisation, staging, arousal and the gate."""

from __future__ import annotations

from pydantic import Field, model_validator

from sanctuary.config.settings_base import Settings


class QualitySettings(Settings):
    """When a second of a channel is too bad to use."""

    flat_uv: float = Field(0.5, ge=0.0, le=5.0)
    """Peak-to-peak amplitude (uV) below which a second counts as flat."""
    amplitude_limit_uv: float = Field(450.0, ge=100.0, le=5000.0)
    """Peak-to-peak amplitude (uV, after the high-pass) above which a second counts as an artefact."""
    mains_share_limit: float = Field(0.9, ge=0.05, le=1.0)
    """Largest share of mains power (48-52 and 58-62 Hz) in the power from 0.5 Hz up."""
    lifted_db: float = Field(15.0, ge=6.0, le=40.0)
    """Power of one side of a pair over the other's (dB, 1-45 Hz) from which it counts as lifted."""
    motion_g: float = Field(0.1, ge=0.01, le=2.0)
    """Range of acceleration (g) within a second that counts as motion of the headband."""
    # Short gaps are filled with what can be predicted, which holds next to no power in the higher bands: they
    # lose about the share that was lost, .7 dB at .15, a tenth of what lies between stages. Beyond that it is
    # less and less the sleeper that is judged. In the middle of a window a burst weighs up to 2.7 times its
    # length, so .15 lets gaps of .3 s pass, makes .35 to .5 s cost two seconds, and refuses a night with a
    # fifth of its samples lost at random.
    lost_window: float = Field(0.15, ge=0.0, le=0.3)
    """Share of a 4 s spectral window, weighed as the window weighs power, that may be lost samples."""
    # Eye movements and muscle are judged by single seconds. From half a second on a bridge could hide or make
    # one, and filters must settle anew as after any longer gap.
    lost_second: float = Field(0.5, ge=0.0, le=0.5)
    """Share of a second's samples that may be lost; above it nothing of the second is used."""
    settle_s: float = Field(2.0, ge=0.0, le=10.0)
    """Seconds for which eye movements are masked after any problem, while the filters settle."""
    usable: float = Field(0.3, ge=0.1, le=1.0)
    """Quality below which the stage is `unknown`."""


class NormalisationSettings(Settings):
    """Running normalisation of log powers to the sleeper of tonight."""

    prior_min: float = Field(10.0, ge=0.0, le=1e6)
    """Weight of the population's level, as minutes of data."""
    memory_min: float = Field(90.0, ge=10.0, le=1440.0)
    """Time constant (minutes) with which older epochs are forgotten."""
    clip_db: float = Field(10.0, ge=3.0, le=60.0)
    """An epoch further than this (dB) from the level moves it no more than one at this distance."""
    own_min: float = Field(40.0, ge=0.0, le=240.0)
    """Weight of a sleeper's own level of earlier nights, as minutes of data, where it is remembered."""
    n2_weight: float = Field(0.0, ge=0.0, le=1.0)
    """Share of the level that is taken from tonight's sure N2; 0 switches re-centring off."""
    n2_min: float = Field(5.0, ge=1.0, le=60.0)
    """Minutes of sure N2 from which on it is used."""


class StagingSettings(Settings):
    """Emission and forward filter."""

    hop_s: int = Field(5, ge=1, le=30)
    """Seconds between staging decisions; divides 30."""
    rem_p: float = Field(0.75, ge=0.3, le=0.99)
    """Probability from which a stage is named R; below it the most probable other stage is named."""
    rem_p_without_eyes: float = Field(0.60, ge=0.3, le=0.99)
    """The same where eye movements cannot be seen. It names stages; the gate asks for as much as ever."""
    rem_entry_start_min: float = Field(45.0, ge=0.0, le=180.0)
    """Minutes of sleep before which REM entry is rare."""
    rem_entry_full_min: float = Field(90.0, ge=0.0, le=240.0)
    """Minutes of sleep after which REM entry has its ordinary rate."""

    @model_validator(mode="after")
    def _fits_the_window(self) -> StagingSettings:
        if 30 % self.hop_s:
            raise ValueError("hop_s must divide 30: 1, 2, 3, 5, 6, 10, 15 or 30")
        if self.rem_entry_full_min < self.rem_entry_start_min:
            raise ValueError("rem_entry_full_min must not lie before rem_entry_start_min")
        return self


class ArousalSettings(Settings):
    """The fast path: signs of waking up, judged every second."""

    emg_rise_db: float = Field(9.0, ge=3.0, le=30.0)
    """Rise of the 25-45 Hz power over its running median that counts as a burst."""
    beta_rise_db: float = Field(6.0, ge=2.0, le=30.0)
    """Rise of the 13-30 Hz power that, together with alpha, counts as a shift to waking."""
    hold_s: float = Field(3.0, ge=1.0, le=30.0)
    """Seconds that the arousal flag stays after the last sign."""


class GateSettings(Settings):
    """When stable REM is entered and left (hysteresis, entropy limit, quality, refractory)."""

    enter_p_rem: float = Field(0.91, ge=0.5, le=0.999)
    """Mean P(R) over `enter_window_s` needed to open."""
    enter_evidence: float = Field(2.25, ge=0.0, le=4.0)
    """Mean evidence for REM (nats, the last 30 s alone) over `enter_window_s` needed to open."""
    enter_window_s: int = Field(10, ge=5, le=600)
    """Seconds over which P(R) and evidence are averaged for opening."""
    enter_entropy: float = Field(0.60, ge=0.05, le=1.0)
    """Largest mean entropy of the stage probabilities, as a share of its maximum, for opening."""
    leave_p_rem: float = Field(0.86, ge=0.05, le=0.95)
    """Mean P(R) over `leave_window_s` below which the gate closes."""
    leave_evidence: float = Field(-0.5, ge=-20.0, le=2.0)
    """Evidence for REM (nats) below which the gate closes at once."""
    leave_window_s: int = Field(5, ge=5, le=300)
    """Seconds over which P(R) is averaged for closing."""
    waking_p: float = Field(0.40, ge=0.05, le=0.95)
    """P(W) + P(N1) above which, for `waking_s`, the gate closes."""
    waking_s: int = Field(3, ge=1, le=60)
    """Seconds of waking probability that close the gate."""
    reopen_after_s: float = Field(20.0, ge=0.0, le=3600.0)
    """Seconds after any closing before the gate may open again."""
    minimum_sleep_min: float = Field(90.0, ge=90.0, le=600.0)
    """Minutes of sleep before the gate may open at all; never below 90."""
    refractory_s: float = Field(60.0, ge=0.0, le=3600.0)
    """Quiet seconds after an arousal before the gate may open again."""
    stale_s: float = Field(10.0, ge=1.0, le=60.0)
    """Seconds without usable signal after which the gate closes."""

    @model_validator(mode="after")
    def _has_hysteresis(self) -> GateSettings:
        if self.leave_p_rem >= self.enter_p_rem:
            raise ValueError("leave_p_rem must be below enter_p_rem")
        return self


class EyeSignalSettings(Settings):
    """The voluntary left-right-left-right signal of the eyes, by which a sleeper says that they are lucid."""

    least_swing_uv: float = Field(200.0, ge=80.0, le=2000.0)
    """Least swing (uV) of AF7 - AF8 from one side to the other, of a sleeper without calibration."""
    swing_share: float = Field(0.6, ge=0.3, le=1.0)
    """The same with calibration, as a share of the sleeper's own shift of gaze from one side to the other."""
    longest_gap_s: float = Field(1.5, ge=0.5, le=2.0)
    """Longest time (seconds) between one movement of the signal and the next."""
    least_fit: float = Field(0.86, ge=0.5, le=0.99)
    """Least share of the trace's variance that an ideal signal must explain."""


class ChainSettings(Settings):
    """The whole chain of one sleeper."""

    quality: QualitySettings = QualitySettings()
    """When a second is too bad to use."""
    normalisation: NormalisationSettings = NormalisationSettings()
    """Running normalisation."""
    staging: StagingSettings = StagingSettings()
    """Emission and forward filter."""
    arousal: ArousalSettings = ArousalSettings()
    """Fast path."""
    gate: GateSettings = GateSettings()
    """Stable REM."""
    eye_signal: EyeSignalSettings = EyeSignalSettings()
    """Voluntary eye signal."""
