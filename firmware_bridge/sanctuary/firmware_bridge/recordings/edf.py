"""The former place of `open_recording`, kept for scripts: it opens recordings of every format now."""

from __future__ import annotations

from sanctuary.firmware_bridge.recordings.readers import open_recording

__all__ = ["open_recording"]
