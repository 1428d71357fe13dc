"""Headbands: microvolts on a sample clock, whatever is behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from sanctuary.firmware_bridge.transports.link import Cancelled, never
from sanctuary.signal.samples import SampleBlock

__all__ = ["Headband", "HeadbandInfo", "never"]


@dataclass(frozen=True, slots=True)
class HeadbandInfo:
    """What a headband is.

    Attributes
    ----------
    rail_uv
        Magnitude at which each channel rails, uV.
    counter_span
        Samples after which its counter begins again; see `Placement`.
    """

    name: str
    fs_hz: float
    channels: tuple[str, ...]
    rail_uv: tuple[float, ...]
    counter_span: int | None = None


class Headband(ABC):
    """One connection to one headband; after a `DeviceError` close it and make another."""

    info: HeadbandInfo
    """What it is; known before it is connected."""

    @abstractmethod
    def connect(self, cancelled: Cancelled = never) -> None:
        """Connect and set it up; takes over a headband that a crash has left streaming.

        Raises
        ------
        DeviceError
            It cannot be had, and why; or `cancelled` turned true.
        """

    @abstractmethod
    def start(self) -> None:
        """Begin to stream; the first sample is number 0."""

    @abstractmethod
    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived, waiting at most `timeout_s` for something; lost samples are NaN.

        Raises
        ------
        DeviceError
            It went away; what came before that has been handed out.
        """

    @property
    @abstractmethod
    def battery_percent(self) -> float | None:
        """Charge of its battery, as far as it has said."""

    @property
    @abstractmethod
    def contact(self) -> Mapping[str, bool]:
        """Channel -> whether its electrode touches the skin, as far as it has said."""

    @abstractmethod
    def close(self) -> None:
        """Stop streaming and disconnect; never raises."""
