"""Headbands of a pod, one kind of table each; what each kind can do: ``sanctuary devices``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sanctuary.config.settings_base import Finding, Settings, raise_findings

ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,16}$")]
CytonInput = Annotated[int, Field(ge=1, le=8)]
DaisyInput = Annotated[int, Field(ge=1, le=16)]
GanglionInput = Annotated[int, Field(ge=1, le=4)]
FreeEegInput = Annotated[int, Field(ge=1, le=32)]
Gain = Literal[1, 2, 4, 6, 8, 12, 24]
BleAddress = Annotated[str, Field(min_length=1, max_length=64)]
MusePreset = Annotated[str, Field(pattern=r"^p[0-9A-Za-z]{1,4}$")]


class _Wired(Settings):
    """What all headbands have in common whose electrodes go where people plug them."""

    @field_validator("channels", check_fields=False)
    @classmethod
    def _one_electrode_per_input(cls, channels: dict[str, int]) -> dict[str, int]:
        first: dict[int, str] = {}
        raise_findings(
            [
                Finding(
                    (name,), f"= {number} is the input of {first[number]} already; each takes one electrode"
                )
                for name, number in channels.items()
                if first.setdefault(number, name) != name
            ]
        )
        return channels


class CytonPort(_Wired):
    """An OpenBCI Cyton behind its USB dongle."""

    kind: Literal["cyton"]
    """Says that the headband is a Cyton."""
    port: str = Field("/dev/ttyUSB0", min_length=1)
    """Serial port of the dongle."""
    channels: dict[ChannelName, CytonInput] = Field({"AF7": 1, "AF8": 2}, min_length=1, max_length=8)
    """Electrode site -> board input (1 to 8) that it is plugged into; the first two are for the chain."""
    gain: Gain = 24
    """Gain of these inputs."""


class DaisyPort(_Wired):
    """An OpenBCI Cyton with a Daisy, behind its USB dongle."""

    kind: Literal["cyton-daisy"]
    """Says that the headband is a Cyton with a Daisy."""
    port: str = Field("/dev/ttyUSB0", min_length=1)
    """Serial port of the dongle."""
    channels: dict[ChannelName, DaisyInput] = Field({"AF7": 1, "AF8": 2}, min_length=1, max_length=16)
    """Electrode site -> board input (1 to 16) that it is plugged into; the first two are for the chain."""
    gain: Gain = 24
    """Gain of these inputs."""


class GanglionRadio(_Wired):
    """An OpenBCI Ganglion over Bluetooth LE."""

    kind: Literal["ganglion"]
    """Says that the headband is a Ganglion."""
    address: BleAddress
    """Its Bluetooth address, or its whole advertised name; see `sanctuary scan`."""
    channels: dict[ChannelName, GanglionInput] = Field({"AF7": 1, "AF8": 2}, min_length=1, max_length=4)
    """Electrode site -> board input (1 to 4) that it is plugged into; the first two are for the chain."""
    firmware: Literal[2, 3] | None = None
    """Its firmware, where the board does not tell."""


class MuseRadio(Settings):
    """A Muse 2016, 2 or S over Bluetooth LE: AF7 and AF8 for the chain, TP9 and TP10 recorded as well."""

    kind: Literal["muse"]
    """Says that the headband is a Muse."""
    address: BleAddress
    """Its Bluetooth address, or its whole advertised name; see `sanctuary scan`."""
    preset: MusePreset = "p21"
    """What it sends: four channels and motion, and none of the lights that other presets switch on."""


class AthenaRadio(Settings):
    """A Muse S Athena over Bluetooth LE: AF7 and AF8 for the chain, TP9 and TP10 recorded as well."""

    kind: Literal["athena"]
    """Says that the headband is a Muse S Athena."""
    address: BleAddress
    """Its Bluetooth address, or its whole advertised name; see `sanctuary scan`."""
    preset: MusePreset = "p21"
    """What it sends: four channels and motion, and none of the lights that other presets switch on."""


class ZmaxServer(Settings):
    """A Hypnodyne ZMax behind its vendor's HDServer."""

    kind: Literal["zmax"]
    """Says that the headband is a ZMax."""
    address: str = Field("127.0.0.1:8000", pattern=r"^.+:[0-9]{1,5}$")
    """Where the server listens, host:port."""


class ThinkGearPort(Settings):
    """A NeuroSky or BrainLink headband: one channel, which sees no eye movements."""

    kind: Literal["thinkgear"]
    """Says that the headband is a ThinkGear one."""
    port: str = Field("/dev/rfcomm0", min_length=1)
    """Serial port of its dongle or of its Bluetooth."""
    baud: Literal[57600, 115200] = 57600
    """Bits a second of the port."""


class FreeEegPort(_Wired):
    """A FreeEEG32."""

    kind: Literal["freeeeg32"]
    """Says that the headband is a FreeEEG32."""
    port: str = Field("/dev/ttyACM0", min_length=1)
    """Its serial port."""
    channels: dict[ChannelName, FreeEegInput] = Field({"AF7": 1, "AF8": 2}, min_length=1, max_length=32)
    """Electrode site -> board input (1 to 32) that it is plugged into; the first two are for the chain."""


class SimulatedHeadband(Settings):
    """A headband with a simulated sleeper in it."""

    kind: Literal["simulated"]
    """Says that the headband is simulated."""
    seed: int = Field(1, ge=0, le=2**32 - 1)
    """Chooses the sleeper and the night; the same seed gives the same night."""


RealHeadband = (
    CytonPort | DaisyPort | GanglionRadio | MuseRadio | AthenaRadio | ZmaxServer | ThinkGearPort | FreeEegPort
)
Headband = Annotated[RealHeadband | SimulatedHeadband, Field(discriminator="kind")]


def address_of(headband: RealHeadband | SimulatedHeadband) -> tuple[str, str | None]:
    """Name of the setting that says where a headband is, and its value; None for a simulated one."""
    if isinstance(headband, SimulatedHeadband):
        return "port", None
    if isinstance(headband, CytonPort | DaisyPort | ThinkGearPort | FreeEegPort):
        return "port", headband.port
    return "address", headband.address
