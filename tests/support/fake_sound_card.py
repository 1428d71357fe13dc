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


class Stream:
    """An output stream whose blocks are asked for by the test."""

    def __init__(self, card: SoundCard, options: dict[str, Any]) -> None:
        self.card, self.options = card, options
        self.running = False

    def start(self) -> None:
        if self.card.broken:
            raise RuntimeError("Error opening OutputStream: Device unavailable [PaErrorCode -9985]")
        self.running = True

    def close(self) -> None:
        self.running = False

    def pull(self, n_blocks: int = 1, status: str = "") -> np.ndarray:
        """Play blocks; shape ``(n,)``."""
        out = np.zeros((BLOCK, 1), dtype=np.float32)
        played = []
        for _ in range(n_blocks):
            self.options["callback"](out, BLOCK, Times(5.0, 5.0 + self.card.delay_s), status)
            played.append(out[:, 0].copy())
        return np.concatenate(played)

    def die(self) -> None:
        self.running = False
        self.options["finished_callback"]()


@dataclass
class SoundCard:
    """The library."""

    names: list[str] = field(default_factory=lambda: ["pillow"])
    delay_s: float = 0.025
    broken: bool = False
    streams: list[Stream] = field(default_factory=list)

    def query_devices(self) -> list[dict[str, Any]]:
        outputs = [{"name": name, "max_output_channels": 2} for name in self.names]
        return [{"name": "microphone", "max_output_channels": 0}, *outputs]

    def OutputStream(self, **options: Any) -> Stream:  # noqa: N802  sounddevice's name
        self.streams.append(Stream(self, options))
        return self.streams[-1]
