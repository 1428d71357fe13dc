"""The bytes of a hypnogram's file, unpacked within bounds, and its text whatever wrote it.

Numbers in hypnograms, with a decimal point or comma.
"""

from __future__ import annotations

import codecs
import gzip
import io
import math
import re
import zlib
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import reading

LARGEST_BYTES = 32 << 20
"""Nobody's hypnogram is larger; a file that is was named by mistake."""
LONGEST_LINE = 1 << 20
"""Characters: a list may be on one line."""
MOST_LINES = 200_000
"""Epochs of a fifth of a second for eleven hours."""
EDF_MAGIC = (b"0       ", b"\xffBIOSEMI")
_GZIP_MAGIC = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save its sheet as CSV",
    b"\x89HDF": "HDF5, as DOD and MATLAB 7.3 write; save its hypnogram as text, one stage a line",
    b"MATLAB 5": "a MATLAB file; save its hypnogram as text, one stage a line",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save its sheet as CSV",
    b"%PDF": "a PDF; export the stages as text",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")


def load(path: Path) -> bytes:
    """Contents of a hypnogram, unpacked if it is gzip; of an EDF file that is not packed, its first bytes.

    Raises
    ------
    RecordingError
        It cannot be read, is larger than any hypnogram, or is a damaged archive.
    """
    with reading(path, "a hypnogram") as file:
        raw = file.read(8)
        if raw in EDF_MAGIC:
            return raw
        raw += file.read(LARGEST_BYTES + 1 - len(raw))
    if raw.startswith(_GZIP_MAGIC):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as unpacked:
                raw = unpacked.read(LARGEST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise RecordingError(f"{path}: its gzip is damaged ({error}); use a complete copy") from error
    if len(raw) > LARGEST_BYTES:
        raise RecordingError(f"{path}: larger than {LARGEST_BYTES >> 20} MB, so this is no hypnogram")
    return raw


def text_of(path: Path, raw: bytes) -> str:
    """Text in UTF-8, UTF-16 or UTF-32 with or without a mark, or Windows' western code page.

    Raises
    ------
    RecordingError
        It is empty, or no text; formats that are known are named.
    """
    for magic, what in _OTHERS.items():
        if raw.startswith(magic):
            raise RecordingError(f"{path}: this is no hypnogram that can be read, but {what}")
    text = _decoded(raw)
    if text is None or _NO_TEXT.search(text):
        raise RecordingError(
            f"{path}: this is no hypnogram (neither text nor EDF+); expected for instance "
            "CSV with onset_s,duration_s,stage, or one stage a line"
        )
    if not text.strip():
        raise RecordingError(
            f"{path}: the hypnogram is empty; score the night first, or leave the hypnogram out"
        )
    if max(text.count("\n"), text.count("\r")) > MOST_LINES:
        raise RecordingError(f"{path}: has more than {MOST_LINES} lines, so this is no hypnogram")
    return text


def lines_of(path: Path, text: str) -> list[str]:
    """Lines, ended as on any system, without blank ones at beginning and end.

    Raises
    ------
    RecordingError
        A line is longer than any list of stages.
    """
    lines = re.split(r"\r*\n|\r", text.rstrip())
    if max(map(len, lines)) > LONGEST_LINE:
        raise RecordingError(
            f"{path}: has a line of more than {LONGEST_LINE} characters; this is no hypnogram"
        )
    return lines


def _decoded(raw: bytes) -> str | None:
    """Text without byte order mark and without padding of NUL and Ctrl-Z at its end."""
    for mark, encoding in (*_BOMS, *_guessed(raw)):
        if raw.startswith(mark):
            return _strict(raw[len(mark) :], encoding)
    return _strict(raw, "utf-8") or _strict(raw, "cp1252")


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding).rstrip("\0\x1a").lstrip("\ufeff")
    except UnicodeDecodeError:
        return None


def _guessed(raw: bytes) -> list[tuple[bytes, str]]:
    """UTF-16 without its mark: every second byte of western text is NUL."""
    start = raw[:64]
    if len(start) >= 4 and not any(start[1::2]) and all(start[::2]):
        return [(b"", "utf-16-le")]
    if len(start) >= 4 and not any(start[::2]) and all(start[1::2]):
        return [(b"", "utf-16-be")]
    return []


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
