"""Sound files as designs have them, made on the spot."""

from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path

import numpy as np

from pod_bench import DESIGN_TOML


def wav_bytes(
    samples: np.ndarray, fs_hz: int = 8000, *, channels: int = 1, width: int = 2, cut: int = 0
) -> bytes:
    """A PCM WAV file, without its last `cut` bytes."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, width, fs_hz, 0, "NONE", ""))
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    content = out.getvalue()
    return content[: len(content) - cut]


def sine(
    hz: float = 1000.0, duration_s: float = 1.0, amplitude: float = 0.5, fs_hz: int = 8000
) -> np.ndarray:
    """A tone."""
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(duration_s * fs_hz)) / fs_hz)


def design_with(sha256: str) -> str:
    """The bench's design, its first step playing a file."""
    text = DESIGN_TOML.replace("tones_hz = [110.0]", f'file_sha256 = "{sha256}"')
    return text + f'\n[[files]]\nsha256 = "{sha256}"\nname = "a tone"\nlicence = "CC0-1.0"\n'


def write_design(folder: Path, content: bytes, *, sha256: str | None = None) -> Path:
    """Put a design and its file into a folder; `sha256` is the true one unless given."""
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "files" / f"{sha256}.wav").write_bytes(content)
    path = folder / "seed.toml"
    path.write_text(design_with(sha256))
    return path
