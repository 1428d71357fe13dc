"""Units of a GDF file, by its own header: MNE-Python knows two of them and takes all others for volts.

Source: GDF 2.0 specification (https://arxiv.org/abs/cs/0608052), physical dimension codes of ISO 11073-10101.
"""

from __future__ import annotations

from pathlib import Path

from sanctuary.firmware_bridge.recordings.files import reading
from sanctuary.firmware_bridge.recordings.units import decode_field

_CODES = {4256: "V", 4274: "V", 4275: "V", 4276: "nV"}
"""Volt, and the two that MNE turns into volts; nanovolts it leaves as they are."""
_FIXED = 256
_TEXT_START, _TEXT_BYTES = 96, 8
_CODE_START, _CODE_BYTES = 102, 2
"""Places per channel: the header holds each field of all channels before the next one."""


def gdf_units(path: Path, n_channels: int) -> list[str]:
    """Units of the values that MNE gives for each channel; empty where the file names none that is known."""
    with reading(path, "a GDF file") as file:
        fixed = file.read(_FIXED)
        by_text = fixed[4:8].strip() < b"1.9"
        count = int.from_bytes(fixed[252 : 256 if by_text else 254], "little")
        start, size = (_TEXT_START, _TEXT_BYTES) if by_text else (_CODE_START, _CODE_BYTES)
        file.seek(_FIXED + start * n_channels)
        raw = file.read(size * n_channels)
    if count != n_channels:
        return [""] * n_channels
    fields = [raw[i * size : (i + 1) * size] for i in range(count)]
    if by_text:
        return ["V" if field[:2] == b"uV" else decode_field(field) for field in fields]
    return [_CODES.get(int.from_bytes(field, "little"), "") for field in fields]
