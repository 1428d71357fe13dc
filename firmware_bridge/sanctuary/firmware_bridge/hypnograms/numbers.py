"""Numbers in hypnograms, with a decimal point or comma."""

from __future__ import annotations

import math
import re

from sanctuary.config.errors import RecordingError

MOST_S = 1e10
"""Beyond any clock: Unix time in seconds is below."""
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def number(text: str) -> float | None:
    """Read a finite number in decimal digits; None if the text is anything else."""
    bare = text.strip()
    if _PLAIN.fullmatch(bare) is None:
        return None
    value = float(bare.replace(",", "."))
    return value if math.isfinite(value) else None


def seconds(text: str, name: str, where: str) -> float:
    """Read seconds.

    Raises
    ------
    RecordingError
        It is no number, or beyond any clock; names the place and the field.
    """
    value = number(text)
    if value is None or abs(value) > MOST_S:
        raise RecordingError(f"{where}: {name} is {text.strip()[:40]!r}; expected seconds")
    return value
