"""Times of day and dates that programs write as text, for many rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.recordings.formats.text_rows import Rows
from sanctuary.signal.samples import BoolArray, FloatArray

DAY_S = 86400.0
_DATE = "dddd-dd-dd "
_TIME = "dd:dd:dd"
_FRACTION_DIGITS = 6
_WIDTH = {"time": len(_TIME), "date": len(_DATE) + len(_TIME)}
_ALIKE = {"-": b"-/", " ": b" T", ":": b":"}


def times_of_day(rows: Rows, column: int) -> FloatArray:
    """Seconds since midnight of ``HH:MM:SS`` with up to six decimals; NaN where the text is another."""
    texts = _characters(rows, column, "time")
    return _time_s(texts, 0, _fits(texts, _TIME))


def dates_and_times(rows: Rows, column: int) -> FloatArray:
    """Seconds since 1970 by the same clock of ``YYYY-MM-DD HH:MM:SS`` with up to six decimals, or NaN."""
    texts = _characters(rows, column, "date")
    fits = _fits(texts, _DATE + _TIME)
    year, month, day = _whole(texts, 0, 4), _whole(texts, 5, 2), _whole(texts, 8, 2)
    fits &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1970)
    months = np.where(fits, (year - 1970) * 12 + month - 1, 0)
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    return days * DAY_S + _time_s(texts, len(_DATE), fits)


def _characters(rows: Rows, column: int, kind: str) -> NDArray[np.uint8]:
    width = _WIDTH[kind] + 1 + _FRACTION_DIGITS
    return rows.cells(column, width).view(np.uint8).reshape(len(rows), width)


def _fits(texts: NDArray[np.uint8], pattern: str) -> BoolArray:
    """Whether texts begin as the pattern says and go on with decimals or end."""
    fits = np.ones(len(texts), dtype=np.bool_)
    for place, sign in enumerate(pattern):
        column = texts[:, place]
        fits &= _digit(column) if sign == "d" else np.isin(column, list(_ALIKE[sign]))
    end = len(pattern)
    point, decimals = texts[:, end], texts[:, end + 1 :]
    ended = decimals == 0
    fits &= (point == 0) | (point == ord(".")) | (point == ord(","))
    fits &= (_digit(decimals) | ended).all(axis=1)
    return np.asarray(fits & ((point != 0) | ended.all(axis=1)))


def _digit(characters: NDArray[np.uint8]) -> BoolArray:
    return (characters >= ord("0")) & (characters <= ord("9"))


def _whole(texts: NDArray[np.uint8], place: int, digits: int) -> NDArray[np.int64]:
    value = np.zeros(len(texts), dtype=np.int64)
    for column in texts[:, place : place + digits].T.astype(np.int64):
        value = value * 10 + column - ord("0")
    return value


def _time_s(texts: NDArray[np.uint8], place: int, fits: BoolArray) -> FloatArray:
    hours, minutes, seconds = (_whole(texts, place + at, 2) for at in (0, 3, 6))
    decimals = texts[:, place + len(_TIME) + 1 :]
    fraction = np.zeros(len(texts))
    for at, column in enumerate(decimals.T):
        fraction += np.where(column == 0, 0.0, (column.astype(np.float64) - ord("0")) * 10.0 ** -(at + 1))
    fits = fits & (hours < 24) & (minutes < 60) & (seconds <= 60)
    return np.where(fits, hours * 3600.0 + minutes * 60.0 + seconds + fraction, np.nan)
