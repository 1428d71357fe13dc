"""Time-stamped annotation lists (TAL) of EDF+ and BDF+, to bytes and back.

::

    +12.5 <15> 30 <14> text <14> text <14> <00>      onset, duration (optional), texts
    +12   <14> <14> <00>                             time keeping: first in each data record, no text

Source: EDF+ specification, section 2.2 (https://www.edfplus.info/specs/edfplus.html). edfio reads
annotations, but not the start of each data record, which files with gaps (EDF+D) need.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FARTHEST_S = 1e12
"""No time or length in a recording comes near this; what goes beyond is damaged."""
_TAL = re.compile(rb"([+-]\d{1,12}(?:\.\d*)?)(?:\x15(\d{1,12}(?:\.\d*)?))?\x14((?:[^\x00\x14]*\x14)*)\x00")
_CONTROL = dict.fromkeys([*range(0x20), 0x7F], " ")


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something marked in a recording.

    Attributes
    ----------
    onset_s
        Seconds since the first sample (in a file: since the start time in its header).
    duration_s
        Length, or None where the file gives none.
    text
        What happened.
    """

    onset_s: float
    duration_s: float | None
    text: str

    @property
    def believable(self) -> bool:
        """Whether onset and length are numbers and times that a recording can have."""
        length_s = 0.0 if self.duration_s is None else self.duration_s
        return abs(self.onset_s) < FARTHEST_S and 0.0 <= length_s < FARTHEST_S


def decode_tals(raw: bytes) -> tuple[float | None, list[Annotation]]:
    """Annotations in one data record of one annotation signal.

    Returns
    -------
    Time-keeping onset in seconds, or None where the record has none, and its annotations. Bytes that are not
    a TAL are passed over: one damaged record must not cost the night.
    """
    keeping: float | None = None
    found = []
    for onset, duration, texts in _TAL.findall(raw):
        onset_s = float(onset)
        length_s = float(duration) if duration else None
        for text in texts.split(b"\x14")[:-1]:
            if text:
                found.append(Annotation(onset_s, length_s, text.decode("utf-8", errors="replace")))
            elif keeping is None:
                keeping = onset_s
    return keeping, found


def encode_time_keeping(onset_s: float) -> bytes:
    """Encode the TAL that opens a data record which starts at `onset_s`."""
    return b"+" + _number(onset_s) + b"\x14\x14\x00"


def encode_tal(annotation: Annotation) -> bytes:
    """Encode one annotation, control characters blanked."""
    timing = (b"-" if annotation.onset_s < 0.0 else b"+") + _number(abs(annotation.onset_s))
    if annotation.duration_s is not None:
        timing += b"\x15" + _number(annotation.duration_s)
    return timing + b"\x14" + annotation.text.translate(_CONTROL).encode() + b"\x14\x00"


def _number(seconds: float) -> bytes:
    """Encode `seconds` with microseconds, so an onset finds its sample at any rate a headband has."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".").encode()
