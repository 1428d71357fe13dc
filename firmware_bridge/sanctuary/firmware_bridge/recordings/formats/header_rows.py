"""Tables whose first line names the columns: separators, names, and times in the name of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.files import reading
from sanctuary.firmware_bridge.recordings.formats.text_rows import UTF8_MARK

SEPARATORS = ",;\t"
_LONGEST = 16 << 10


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """The first line of a table.

    Attributes
    ----------
    names
        In lower case.
    separator
        Byte between fields.
    begin
        Byte of the file at which the rows begin.
    """

    names: tuple[str, ...]
    separator: int
    begin: int

    def place(self, name: str) -> int | None:
        """Column of a name, in any case, or None."""
        folded = name.casefold()
        return self.names.index(folded) if folded in self.names else None

    def places(self, names: Sequence[str]) -> list[tuple[str, int]]:
        """Those of the names that there are, with their columns."""
        found = ((name, self.place(name)) for name in names)
        return [(name, place) for name, place in found if place is not None]


def column_names(head: bytes) -> ColumnNames | None:
    """Column names in the first line of a file, or None where that is no line of names."""
    data = head.removeprefix(UTF8_MARK)
    mark = len(head) - len(data)
    blank = len(data) - len(data.lstrip(b"\r\n\0 "))
    line = data[blank : blank + _LONGEST]
    ends = [end for end in (line.find(b"\n"), line.find(b"\r")) if end >= 0]
    if not ends and len(line) == _LONGEST:
        return None
    end = min(ends, default=len(line))
    text = line[:end].decode("utf-8", errors="replace")
    separator = max(SEPARATORS, key=text.count)
    if separator not in text:
        return None
    names = tuple(name.strip().strip('"').casefold() for name in text.split(separator))
    return ColumnNames(names, ord(separator), mark + blank + end)


def read_column_names(path: Path, what: str) -> ColumnNames:
    """Column names of a file.

    Raises
    ------
    RecordingError
        It has none; `what` says what it should be.
    """
    with reading(path, what) as file:
        found = column_names(file.read(2 * _LONGEST))
    if found is None:
        raise RecordingError(f"{path}: this is not {what}: its first line names no columns")
    return found
