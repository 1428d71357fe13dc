"""A record of any content, to write to a log."""

from __future__ import annotations

from typing import Any

from sanctuary.pods.protocol.records import LogRecord


class RawRecord(LogRecord):
    """Gives the line that it was made of."""

    def __init__(self, **line: Any) -> None:
        self._line = line

    def to_dict(self) -> dict[str, Any]:
        return dict(self._line)
