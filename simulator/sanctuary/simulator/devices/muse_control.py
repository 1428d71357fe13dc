"""How a Muse converses: commands of a few letters in, JSON out, cut into pieces of twenty bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

PIECE_BYTES = 19
NOTIFICATION_BYTES = 20


def parse_command(data: bytes) -> str | None:
    """Read ``[length] letters newline``; None for anything else."""
    if len(data) < 3 or data[0] != len(data) - 1 or data[-1:] != b"\n":
        return None
    try:
        return data[1:-1].decode("ascii")
    except UnicodeDecodeError:
        return None


def pieces(reply: Mapping[str, Any]) -> list[bytes]:
    """Cut a reply into notifications: ``[n] n bytes``, padded."""
    text = json.dumps(reply, separators=(",", ":")).encode()
    return [
        (bytes((len(part),)) + part).ljust(NOTIFICATION_BYTES, b"\0")
        for part in (text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES))
    ]


def status(name: str, address: str, preset: str, battery_percent: float) -> dict[str, Any]:
    """Answer to ``s``."""
    return {
        "hn": name,
        "sn": f"5A17-{name[-4:]}-{address[-2:]}A1",
        "ma": address.lower().replace(":", "-"),
        "id": "001b0025 5a170000",
        "bp": round(battery_percent, 2),
        "ts": 0,
        "ps": int(preset[1:], 16) if preset[1:].isalnum() else 0,
        "rc": 0,
    }


def version(generation: str) -> dict[str, Any]:
    """Answer to ``v1`` and its like."""
    return {
        "ap": "headset",
        "sp": generation,
        "tp": "consumer",
        "hw": "3.1",
        "bn": 27,
        "fw": "1.2.13",
        "bl": "1.2.3",
        "pv": 1,
        "rc": 0,
    }


OK: Mapping[str, Any] = {"rc": 0}
UNKNOWN: Mapping[str, Any] = {"rc": 1}
