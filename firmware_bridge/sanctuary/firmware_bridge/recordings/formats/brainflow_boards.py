"""Columns of the boards that BrainFlow writes, as its `BoardShim.get_board_descr` gives them (5.23)."""

from __future__ import annotations

from dataclasses import dataclass

_SYNTHETIC = (
    "Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8", "F5", "F7", "F3", "F1", "F2", "F4", "F6", "F8",
)  # fmt: skip
_MUSE = ("TP9", "AF7", "AF8", "TP10")


@dataclass(frozen=True, slots=True)
class Board:
    """One board, or one stream of a board.

    Attributes
    ----------
    name
        As in ``--board``.
    ids
        BrainFlow's numbers for it.
    columns
        In a row, the marker at the end included; older versions of BrainFlow wrote none.
    fs_hz
        Sampling rate.
    labels
        EEG channels, in the columns from 1 on; none where the stream holds no EEG.
    stamp
        Column of the Unix time.
    rail_uv
        Magnitude at which samples are at the end of the range; 0 where that depends on a gain.
    """

    name: str
    ids: tuple[int, ...]
    columns: int
    fs_hz: float
    labels: tuple[str, ...]
    stamp: int
    rail_uv: float = float("inf")


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"EXG Channel {number}" for number in range(count))


MUSE_RAIL_UV = 999.5
BY_GAIN_UV = 0.0

BOARDS = (
    Board("cyton", (0,), 24, 250.0, _numbered(8), 22, BY_GAIN_UV),
    Board("cyton-daisy", (2,), 32, 125.0, _numbered(16), 30, BY_GAIN_UV),
    Board("ganglion", (1, 46), 15, 200.0, _numbered(4), 13),
    Board("muse-2", (38, 22), 8, 256.0, _MUSE, 6, MUSE_RAIL_UV),
    Board("muse-s", (39, 21), 8, 256.0, _MUSE, 6, MUSE_RAIL_UV),
    Board("muse-2016", (41, 42), 7, 256.0, _MUSE, 5, MUSE_RAIL_UV),
    Board("muse-s-athena", (67,), 11, 256.0, _MUSE, 9, MUSE_RAIL_UV),
    Board("brainbit", (7,), 12, 250.0, ("T3", "T4", "O1", "O2"), 10),
    Board("crown", (23,), 12, 256.0, ("CP3", "C3", "F5", "PO3", "PO4", "F6", "C4", "CP4"), 10),
    Board("synthetic", (-1,), 32, 250.0, _SYNTHETIC, 30),
)  # fmt: skip
"""Boards with EEG."""
WITHOUT_EEG = (
    Board("motion of a Muse", (), 9, 52.0, (), 7),
    Board("light sensors of a Muse 2 or S", (), 6, 64.0, (), 4),
    Board("light sensors of a Muse S Athena", (), 20, 64.0, (), 18),
)
"""Streams beside the EEG, each in a file of its own."""


def board_named(name: str) -> Board | None:
    """Board of a name as people write it (``Muse 2``, ``MUSE_2_BOARD``) or of BrainFlow's number."""
    plain = name.strip().casefold().replace("_", "-").replace(" ", "-").removesuffix("-board")
    for board in BOARDS:
        if plain in (board.name, *(str(each) for each in board.ids)):
            return board
    return None
