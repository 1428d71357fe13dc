"""Who sleeps here tonight: the pods with their headbands and outputs, and the circles they form.

Nothing is driven unless it stands here: a pod's cues come out of its `devices`, and a button may stop them.
`lamp_rules` derives from `sees` what each pod's lamp must keep to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from sanctuary.config.headband_settings import Headband, SimulatedHeadband
from sanctuary.config.settings_base import (
    DesignName,
    Finding,
    Id,
    OutputName,
    Pseudonym,
    PublicKey,
    Settings,
    did_you_mean,
    raise_findings,
    twice,
)

Pin = Annotated[int, Field(ge=0, le=27)]
Topic = Annotated[str, Field(pattern=r"^[^+#/\s][^+#\s]*$", max_length=64)]


class SoundSettings(Settings):
    """A loudspeaker or earphones at the pillow."""

    device: str = Field(min_length=1)
    """Name of the sound device; see `sanctuary sound list`."""
    full_scale_dba: float | None = Field(None, ge=40.0, le=130.0)
    """Level (dBA) at the pillow of a 1 kHz sine of full scale; left out, the stored calibration tells."""
    max_dba: float = Field(45.0, ge=0.0, le=45.0)
    """Hard cap (dBA at the pillow) of everything that sounds together."""


class WledLight(Settings):
    """A lamp with WLED."""

    kind: Literal["wled"]
    """Says that the lamp runs WLED."""
    topic: Annotated[str, Field(pattern=r"^[^+#/\s][^+#\s]*$", max_length=32)]
    """Its device topic."""
    max_share: float = Field(0.2, ge=0.0, le=0.5)
    """Hard cap of its brightness (share of full output)."""


class EsphomeLight(Settings):
    """A lamp with ESPHome."""

    kind: Literal["esphome"]
    """Says that the lamp runs ESPHome."""
    prefix: Topic
    """Its topic prefix."""
    object_id: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    """Name of the light in it."""
    max_share: float = Field(0.2, ge=0.0, le=0.5)
    """Hard cap of its brightness (share of full output)."""


class HapticSettings(Settings):
    """A vibration motor on a pin of the Raspberry Pi."""

    pin: Pin
    """GPIO number of the pin that drives it."""
    max_share: float = Field(0.3, ge=0.0, le=0.5)
    """Hard cap of its strength (share of full output)."""


class StopButtonSettings(Settings):
    """A button beside the bed, from a pin of the Raspberry Pi to ground."""

    pin: Pin
    """GPIO number of the pin."""


Light = Annotated[WledLight | EsphomeLight, Field(discriminator="kind")]


class DeviceSettings(Settings):
    """What is at this sleeping place; cues without a device are only written to the cue track."""

    sound: SoundSettings | None = None
    """Where sound comes out."""
    light: Light | None = None
    """Which lamp shines."""
    haptic: HapticSettings | None = None
    """What moves."""
    stop_button: StopButtonSettings | None = None
    """The button that stops everything."""

    @model_validator(mode="after")
    def _pins_differ(self) -> DeviceSettings:
        if self.haptic is not None and self.stop_button is not None:
            pin = self.stop_button.pin
            if pin == self.haptic.pin:
                text = f"= {pin} drives the motor already; pressing the button would short it"
                raise_findings([Finding(("stop_button", "pin"), text)])
        return self


def driven(devices: DeviceSettings) -> Iterator[tuple[tuple[str, ...], str, str | int]]:
    """Name everything that these settings drive: the setting that names it, what it is, and which."""
    if devices.sound is not None:
        yield ("sound", "device"), "sound", devices.sound.device
    if isinstance(devices.light, WledLight):
        yield ("light", "topic"), "wled", devices.light.topic
    elif devices.light is not None:
        yield ("light", "object_id"), "esphome", f"{devices.light.prefix}/{devices.light.object_id}"
    if devices.haptic is not None:
        yield ("haptic", "pin"), "pin", devices.haptic.pin
    if devices.stop_button is not None:
        yield ("stop_button", "pin"), "pin", devices.stop_button.pin


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
    threshold_dba: float | None = Field(None, ge=0.0, le=45.0)
    """Softest sound (dBA Lmax at the pillow) that the sleeper hears awake; designs may go by it."""
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
        raise_findings(twice(outputs))
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
    echo: bool = False
    """Whether their eye signals in a window may be answered in other pods, and others' in theirs."""


class CircleEntry(Settings):
    """Sleepers who have agreed to share windows."""

    id: Id
    """Name of the circle."""
    members: tuple[Id, ...] = Field(min_length=2, max_length=64)
    """Ids of the members' pods."""
    quorum: int = Field(2, ge=2, le=64)
    """Members who must be in REM together; windows of all of four are rare, of any two of four common."""
    design: DesignName = "tide"
    """Dream design: the name of a shipped one, or the path of a .toml file."""
    sham: bool = False
    """Whether its cues are judged, counted and logged as given, but never rendered: a control in studies."""
    simulated_grant: SimulatedGrant = SimulatedGrant()
    """What its simulated members agree to; persons sign their own consent."""

    @model_validator(mode="after")
    def _can_reach_quorum(self) -> CircleEntry:
        count = len(self.members)
        if self.quorum > count:
            text = f"= {self.quorum} can never be reached by {count} members; allowed: 2 to {count}"
            raise_findings([Finding(("quorum",), text)])
        return self

    @field_validator("members")
    @classmethod
    def _names_each_member_once(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        raise_findings(twice(members))
        return members


@dataclass(frozen=True, slots=True)
class LampRules:
    """What one pod's lamp must keep to.

    Attributes
    ----------
    lamps_in_view
        Most lamps that any sleeper sees who sees this one; the bounds of flashes are divided by it.
    cleared
        Whether everybody who sees this lamp has said that light does them no harm.
    """

    lamps_in_view: int
    cleared: bool


def lamp_rules(pod: str, pods: Sequence[PodEntry], at_least: int = 1) -> LampRules:
    """Find the rules for the lamp of one pod.

    A lamp answers for all who see it, not only for the sleeper beneath it: where each of the *n* lamps that
    a sleeper sees keeps to the *n*-th part of a bound, all of them together keep to the bound.

    Parameters
    ----------
    at_least
        `LimiterSettings.lamps_in_view`.
    """
    onlookers = [entry for entry in pods if entry.id == pod or pod in entry.sees]
    counts = [len(lamps_of(entry, pods)) for entry in onlookers]
    return LampRules(max([at_least, *counts]), all(_is_cleared(entry) for entry in onlookers))


def lamps_of(entry: PodEntry, pods: Sequence[PodEntry]) -> list[str]:
    """Name the pods whose lamps the sleeper of `entry` sees, the own one among them."""
    return [one.id for one in pods if "light" in one.outputs and (one.id == entry.id or one.id in entry.sees)]


def sight_findings(pods: Sequence[PodEntry]) -> Iterator[Finding]:
    """Find entries of `sees` that name no pod, a pod twice, or the pod itself."""
    known = [pod.id for pod in pods]
    for at, pod in enumerate(pods):
        for position, seen in enumerate(pod.sees):
            path = (at, "sees", position)
            if seen == pod.id:
                yield Finding(path, f'= "{seen}" is this pod itself, whose lamp counts in any case')
            elif seen not in known:
                hint = did_you_mean(seen, known, f"pods: {', '.join(known)}")
                yield Finding(path, f'= "{seen}" is not the id of a pod; {hint}')
            elif seen in pod.sees[:position]:
                yield Finding(path, f'= "{seen}" stands in the list already')


def _is_cleared(entry: PodEntry) -> bool:
    asked = entry.photosensitive
    return entry.is_simulated if asked is None else not asked
