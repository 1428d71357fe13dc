"""A sound card that is none: sounddevice's face, blocks pulled by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

BLOCK = 480
FS_HZ = 48_000


@dataclass
class Times:
    """PortAudio's times of one block."""

    currentTime: float  # noqa: N815  PortAudio's name
    outputBufferDacTime: float  # noqa: N815


@dataclass
class Flags:
    """PortAudio's remarks on one block."""

    output_underflow: bool = False
    priming_output: bool = False


class Stream:
    """An output stream whose blocks are asked for by the test."""

    def __init__(self, card: SoundCard, options: dict[str, Any]) -> None:
        self.card, self.options = card, options
        self.running = False
        self.latency = card.delay_s

    def start(self) -> None:
        if self.card.broken:
            raise RuntimeError("Error opening OutputStream: Device unavailable [PaErrorCode -9985]")
        self.running = True

    def close(self) -> None:
        if self.running:
            self.die()

    def pull(self, n_blocks: int = 1, flags: Flags | None = None) -> np.ndarray:
        """Play blocks; shape ``(n,)``."""
        out = np.zeros((BLOCK, 1), dtype=np.float32)
        played = []
        dac_s = 5.0 + self.card.delay_s if self.card.tells_times else 0.0
        for _ in range(n_blocks):
            self.options["callback"](out, BLOCK, Times(5.0, dac_s), flags or Flags())
            played.append(out[:, 0].copy())
        return np.concatenate(played)

    def die(self) -> None:
        self.running = False
        self.options["finished_callback"]()


@dataclass
class SoundCard:
    """The library. As PortAudio it knows only devices that were there when it was initialised."""

    names: list[str] = field(default_factory=lambda: ["pillow"])
    delay_s: float = 0.025
    tells_times: bool = True
    broken: bool = False
    streams: list[Stream] = field(default_factory=list)
    played: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._initialize()

    def _initialize(self) -> None:
        self.known = list(self.names)

    def _terminate(self) -> None:
        self.known = []
        for stream in self.streams:
            stream.close()

    def query_devices(self) -> list[dict[str, Any]]:
        outputs = [{"name": name, "max_output_channels": 2} for name in self.known]
        return [{"name": "microphone", "max_output_channels": 0}, *outputs]

    def OutputStream(self, **options: Any) -> Stream:  # noqa: N802  sounddevice's name
        self.streams.append(Stream(self, options))
        return self.streams[-1]

    def play(self, _samples: Any, _fs_hz: int, *, device: int, blocking: bool) -> None:
        assert self.query_devices()[device]["max_output_channels"]
        if self.broken:
            raise RuntimeError("Error opening OutputStream: Device unavailable [PaErrorCode -9985]")
        self.played.append(blocking)

    def device_of(self, stream: Stream) -> str:
        """Name of the device that a stream was opened on."""
        return str(self.query_devices()[stream.options["device"]]["name"])
