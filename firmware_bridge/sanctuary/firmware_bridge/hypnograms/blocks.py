"""Hypnograms with a head of their own and plain codes below: Elan, Visbrain, DOD, YASA's JSON, numpy."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.clocks import elapsed, parse_moment, zone_unused
from sanctuary.firmware_bridge.hypnograms.hypnogram_contents import MOST_LINES, seconds
from sanctuary.firmware_bridge.hypnograms.scored_stages import Draft, Row, listing
from sanctuary.firmware_bridge.hypnograms.stage_names import PRESETS
from sanctuary.signal.samples import Stage

NUMPY_MAGIC = b"\x93NUMPY"
LARGEST_JSON = 8 << 20
_ELAN_CODES = {**PRESETS["rk"], "-2": Stage.UNKNOWN}
_FREQUENCY = re.compile(r"([0-9]*)\s*(s|sec|min)", re.IGNORECASE)
_NUMPY_HEAD = re.compile(
    rb"\{'descr': '(?P<type>[<>|=]?(?:[iu][1248]|f[248]|U[1-9][0-9]{0,2}))', "
    rb"'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<shape>(?:[0-9]{1,12},? ?){1,3})\),? ?\}"
)
_HEAD_LINES = 10
_CLASSES = 5


def is_elan(lines: Sequence[str]) -> bool:
    """Whether it begins as Elan's and Visbrain's ``.hyp``."""
    return lines[0].strip().casefold().startswith("time_base")


def read_elan(path: Path, lines: Sequence[str]) -> Draft:
    """Read one code for every ``time_base`` seconds; 4 is stage 4 and 5 is REM."""
    head: dict[str, str] = {}
    for i, line in enumerate(lines[:_HEAD_LINES]):
        name, _, value = line.strip().partition(" ")
        head[name.casefold()] = value.strip()
        if name.casefold() == "epoch_list":
            labels = [
                (code, f"line {k}") for k, code in enumerate(lines[i + 1 :], start=i + 2) if code.strip()
            ]
            base_s = seconds(head.get("time_base", ""), "time_base", f"{path}, line 1")
            return listing("Elan hyp", labels, epoch_s=_checked(path, base_s), codes=_ELAN_CODES)
    raise RecordingError(f"{path}: an Elan hypnogram without epoch_list in its head; save it again")


def is_visbrain(lines: Sequence[str]) -> bool:
    """Whether it begins as Visbrain's text with ends of stages."""
    return lines[0].strip().casefold().startswith("*duration_sec")


def read_visbrain(path: Path, lines: Sequence[str]) -> Draft:
    """Read ``STAGE<TAB>END``: the number is the second at which the stage ends."""
    rows, start_s = [], 0.0
    for i, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith("*"):
            continue
        parts = line.rsplit(None, 1)
        if len(parts) != 2:
            raise RecordingError(f"{path}, line {i}: {line.strip()[:40]!r}; expected STAGE and its end (s)")
        end_s = seconds(parts[1], "the end", f"{path}, line {i}")
        if end_s < start_s:
            raise RecordingError(
                f"{path}, line {i}: ends at {end_s:g} s, before the line above does ({start_s:g} s)"
            )
        rows.append(Row(parts[0], f"line {i}", start_s, end_s - start_s))
        start_s = end_s
    return Draft("Visbrain text", tuple(row for row in rows if row.duration))


def read_json(path: Path, text: str) -> Draft:
    """Read a bare list of stages (a scorer of DOD), or what YASA's `Hypnogram.to_json` writes.

    Numbers in a bare list are DOD's if none is beyond them, which is said.
    """
    if len(text) > LARGEST_JSON:
        raise RecordingError(f"{path}: JSON of more than {LARGEST_JSON >> 20} MB, so this is no hypnogram")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: damaged JSON ({str(error)[:80]}); export it again") from error
    if isinstance(body, list):
        return _dod(path, _labels(path, body))
    if isinstance(body, dict) and isinstance(body.get("values"), list):
        return _yasa(path, body)
    raise RecordingError(f"{path}: JSON of another kind; a list of stages, or YASA's with 'values', is read")


def _dod(path: Path, labels: list[tuple[str, str]]) -> Draft:
    codes = {label: PRESETS["yasa"].get(label) for label, _ in labels}
    if None in codes.values() or "-2" in codes:
        return listing("JSON list", labels)
    said = f"{path}: the numbers of this list are taken as DOD's (0 W, 1 N1, 2 N2, 3 N3, 4 R, -1 none)"
    also = "; --stages says otherwise"
    return listing("JSON list", labels, codes=PRESETS["yasa"], warnings=(said + also,))


def _yasa(path: Path, body: dict[str, Any]) -> Draft:
    labels = _labels(path, body["values"])
    frequency = _FREQUENCY.fullmatch(str(body.get("freq", "")).strip())
    epoch_s = None
    if frequency:
        epoch_s = float(frequency[1] or 1) * (60.0 if frequency[2].casefold() == "min" else 1.0)
        _checked(path, epoch_s)
    moment = parse_moment(str(body.get("start") or ""))
    clock = elapsed([moment])[0] if moment else None
    said = (zone_unused(path),) if moment and moment.zoned else ()
    return listing("YASA JSON", labels, epoch_s=epoch_s, clock=clock, clocked=bool(clock), warnings=said)


def _labels(path: Path, values: list[Any]) -> list[tuple[str, str]]:
    if len(values) > MOST_LINES or not all(isinstance(each, str | int | float) for each in values):
        raise RecordingError(f"{path}: not a plain list of stages")
    return [
        (f"{each:g}" if isinstance(each, float) else str(each), f"item {i}")
        for i, each in enumerate(values, start=1)
    ]


def read_numpy(path: Path, raw: bytes) -> Draft:
    """Read a numpy array: codes, one an epoch, or chances of five stages, of which the largest counts."""
    array = _array(path, raw)
    if array.ndim == 2 and array.shape[1] == _CLASSES and array.dtype.kind == "f" and len(array):
        array = array.argmax(axis=1)
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1 or array.dtype.kind not in "iufU" or len(array) > MOST_LINES:
        raise RecordingError(
            f"{path}: an array of shape {array.shape}; expected one stage an epoch, or chances of five stages"
        )
    return listing("numpy array", _labels(path, array.tolist()))


def _array(path: Path, raw: bytes) -> np.ndarray[Any, Any]:
    """Take an array out of its file; numpy's own reader evaluates the header and allocates what it claims."""
    width = 2 if raw[6:7] == b"\x01" else 4
    start = 8 + width + int.from_bytes(raw[8 : 8 + width], "little")
    found = _NUMPY_HEAD.match(raw[8 + width : start])
    if found is None:
        raise RecordingError(f"{path}: a numpy file that holds no plain array of stages; save it again")
    dtype = np.dtype(found["type"].decode())
    shape = tuple(int(each) for each in found["shape"].decode().replace(",", " ").split())
    data = raw[start:]
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(data):
        raise RecordingError(f"{path}: a numpy file that is cut off; use a complete copy")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if found["order"] == b"True" else "C")


def _checked(path: Path, epoch_s: float) -> float:
    if not 0.0 < epoch_s <= 600.0:
        raise RecordingError(f"{path}: epochs of {epoch_s:g} s; expected more than 0 and at most 600")
    return epoch_s
