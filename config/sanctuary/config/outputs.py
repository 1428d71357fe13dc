"""What a pod's cues come out of, and the button that stops them; nothing is driven unless it stands here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sanctuary.config.base import Settings
from sanctuary.config.findings import Finding, report

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
                report([Finding(("stop_button", "pin"), text)])
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
