"""Keeps signed entries that come in the night; what a full disk refuses waits until it takes more."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from sanctuary.config.errors import SanctuaryError

_LOG = logging.getLogger(__name__)


class ConsentKeeper:
    """Keeps the entries of one pod's sleeper; says once that the disk takes none, and once that it does.

    Parameters
    ----------
    pod
        Whose sleeper's entries these are.
    put
        Brings one to the disk; raises `SanctuaryError` where that cannot be.
    tell
        Takes a logging level and what is to be told.
    """

    def __init__(
        self, pod: str, put: Callable[[bytes], None], tell: Callable[[int, str], None] = _LOG.log
    ) -> None:
        self._pod, self._put, self._tell = pod, put, tell
        self._waiting: deque[bytes] = deque()

    def keep(self, entry: bytes) -> bool:
        """Keep an entry, behind those that wait; false where it could not be, and waits now."""
        self._waiting.append(entry)
        before = len(self._waiting) > 1
        try:
            self._catch_up()
        except SanctuaryError as error:
            if not before:
                self._tell(logging.ERROR, f"{self._pod}: {error}; it holds, and is kept when there is room")
            return False
        return True

    def retry(self) -> None:
        """Try again to keep what waits."""
        if not self._waiting:
            return
        try:
            self._catch_up()
        except SanctuaryError as error:
            self._tell(logging.DEBUG, f"{self._pod}: {error}")
        else:
            self._tell(logging.WARNING, f"{self._pod}: its consent entries can be kept again")

    def _catch_up(self) -> None:
        while self._waiting:
            self._put(self._waiting[0])
            self._waiting.popleft()
