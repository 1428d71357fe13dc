"""QoS 1 messages on disk until the broker has them, so that they outlive a crash of this process.

One SQLite file per client. Writes go to a write-ahead log without waiting for the platter: a killed process
loses nothing, a power cut may lose the last moments. They are short enough (some 50 microseconds) to be made
by the event loop's own thread.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from sanctuary.config.errors import BrokerError
from sanctuary.pods.wire.packets import Message, Qos

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL
) STRICT
"""


class Outbox:
    """Messages on their way, by number; numbers rise and are never used again.

    Parameters
    ----------
    path
        SQLite file, created if missing; ``":memory:"`` for one that outlives nothing.

    Raises
    ------
    BrokerError
        The file cannot be opened, or holds something else.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        except sqlite3.Error as error:
            raise self._error(error) from error
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute(_SCHEMA)
        except sqlite3.Error as error:
            self._database.close()
            raise self._error(error) from error

    def add(self, message: Message) -> int:
        """Keep a message; give its number."""
        row = (message.topic, message.payload, message.qos, int(message.retain))
        text = "INSERT INTO outbox (topic, payload, qos, retain) VALUES (?, ?, ?, ?)"
        try:
            with closing(self._database.execute(text, row)) as cursor:
                return cast("int", cursor.lastrowid)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def remove(self, number: int) -> None:
        """Forget a message that the broker has."""
        try:
            self._database.execute("DELETE FROM outbox WHERE number = ?", (number,)).close()
        except sqlite3.Error as error:
            raise self._error(error) from error

    def pending(self) -> list[tuple[int, Message]]:
        """Read all messages kept, oldest first, with their numbers."""
        text = "SELECT number, topic, payload, qos, retain FROM outbox ORDER BY number"
        try:
            with closing(self._database.execute(text)) as cursor:
                return [
                    (number, Message(topic, payload, cast("Qos", qos), bool(retain)))
                    for number, topic, payload, qos, retain in cursor
                ]
        except (sqlite3.Error, ValueError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _error(self, error: Exception) -> BrokerError:
        return BrokerError(
            f"{self._path}: the outbox cannot be used ({error}); free some space, stop another program that "
            "uses it, or move the file away"
        )
