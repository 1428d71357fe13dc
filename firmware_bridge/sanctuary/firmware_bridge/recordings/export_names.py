"""Labels and units as the header of an EDF file holds them: ASCII, 16 and 8 characters, no two alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sanctuary.firmware_bridge.recordings.source import Channel
from sanctuary.firmware_bridge.recordings.units import uv_per_unit

LABEL_CHARACTERS = 16
UNIT_CHARACTERS = 8
_SPELLED = {"°": "deg", "Ω": "Ohm", "\u2126": "Ohm", "µ": "u", "μ": "u", "²": "2", "‰": "permil"}


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """Label and unit of each channel, and what had to be changed, one sentence each."""

    pairs: tuple[tuple[str, str], ...]
    said: tuple[str, ...]


def header_names(channels: Sequence[Channel], in_microvolts: Sequence[bool]) -> HeaderNames:
    """Spell labels and units.

    Parameters
    ----------
    channels
        As the source has them.
    in_microvolts
        For each, whether a voltage is written in microvolts rather than in the source's unit.
    """
    taken: set[str] = set()
    pairs, said = [], []
    for channel, changed in zip(channels, in_microvolts, strict=True):
        label = _unique(_ascii(channel.label)[:LABEL_CHARACTERS].strip() or "signal", taken)
        taken.add(label)
        if label != channel.label:
            said.append(f"channel {channel.label!r} is called {label!r}, which EDF can hold")
        voltage = uv_per_unit(channel.unit) is not None
        unit = "uV" if voltage and changed else _ascii(channel.unit)[:UNIT_CHARACTERS].strip()
        pairs.append((label, unit))
    return HeaderNames(tuple(pairs), tuple(said))


def _ascii(text: str) -> str:
    spelled = "".join(_SPELLED.get(letter, letter) for letter in text)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return "".join(letter if letter.isprintable() else " " for letter in plain).strip()


def _unique(label: str, taken: set[str]) -> str:
    if label not in taken and label.casefold() not in ("edf annotations", "bdf annotations"):
        return label
    number = 2
    while (other := f"{label[: LABEL_CHARACTERS - 1 - len(str(number))]}~{number}") in taken:
        number += 1
    return other
