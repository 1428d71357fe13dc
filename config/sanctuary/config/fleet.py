"""Who sleeps here tonight: the pods with their headbands, and the circles they form."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from sanctuary.config.base import Settings
from sanctuary.config.findings import Finding, report
from sanctuary.config.headbands import Headband, SimulatedHeadband
from sanctuary.config.names import Id, OutputName, Pseudonym, PublicKey
from sanctuary.config.outputs import DeviceSettings
from sanctuary.config.shipped import known_design


class PodEntry(Settings):
    """One sleeping place and who is in it tonight."""

    id: Id
    """Name of the pod."""
    sleeper: Pseudonym
    """Pseudonym of the sleeper; never a person's name."""
    sleeper_key: PublicKey | None = None
    """Public key with which the sleeper signs consent; simulated sleepers need none."""
    headband: Headband
    """Where the signals come from."""
    remember: bool = False
    """Whether the sleeper agreed that levels of their EEG are kept from night to night."""
    outputs: tuple[OutputName, ...] = Field(("sound",), max_length=3)
    """Kinds of cue that the pod can render."""
    photosensitive: bool | None = None
    """Whether the sleeper has epilepsy, photosensitivity or migraine with aura; left out, nobody has asked,
    and a person gets no light."""
    sees: tuple[Id, ...] = Field((), max_length=64)
    """Ids of the other pods whose lamps this sleeper can see."""
    devices: DeviceSettings = DeviceSettings()
    """What they come out of; without a device they are only written to the cue track."""

    @field_validator("outputs")
    @classmethod
    def _names_each_output_once(cls, outputs: tuple[OutputName, ...]) -> tuple[OutputName, ...]:
        report(
            [
                Finding((at,), f'= "{name}" stands in the list already')
                for at, name in enumerate(outputs)
                if name in outputs[:at]
            ]
        )
        return outputs

    @property
    def is_simulated(self) -> bool:
        """Whether no person lies in this pod."""
        return isinstance(self.headband, SimulatedHeadband)


class SimulatedGrant(Settings):
    """What simulated members of a circle agree to.

    A person's consent is signed with that person's key and never stands in a settings file.
    """

    modalities: tuple[OutputName, ...] = Field(("sound",), max_length=3)
    """Kinds of cue that they agree to; none for sleepers who agree to nothing."""
    max_level_dba: float = Field(40.0, ge=0.0, le=45.0)
    """Loudest sound (dBA Lmax at the pillow) that they agree to."""
    max_share: float = Field(0.2, ge=0.0, le=0.5)
    """Strongest light and haptic cue (share of full output) that they agree to."""


class CircleEntry(Settings):
    """Sleepers who have agreed to share windows."""

    id: Id
    """Name of the circle."""
    members: tuple[Id, ...] = Field(min_length=2, max_length=64)
    """Ids of the members' pods."""
    quorum: int = Field(2, ge=2, le=64)
    """Members who must be in REM together; windows of all of four are rare, of any two of four common."""
    design: str = Field("tide", min_length=1, max_length=255)
    """Dream design: the name of a shipped one, or the path of a .toml file."""
    simulated_grant: SimulatedGrant = SimulatedGrant()
    """What its simulated members agree to; persons sign their own consent."""

    @field_validator("design")
    @classmethod
    def _design_exists(cls, design: str) -> str:
        return known_design(design)

    @model_validator(mode="after")
    def _can_reach_quorum(self) -> CircleEntry:
        count = len(self.members)
        if self.quorum > count:
            text = f"= {self.quorum} can never be reached by {count} members; allowed: 2 to {count}"
            report([Finding(("quorum",), text)])
        return self

    @field_validator("members")
    @classmethod
    def _names_each_member_once(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        report(
            [
                Finding((at,), f'= "{name}" stands in the list already')
                for at, name in enumerate(members)
                if name in members[:at]
            ]
        )
        return members
