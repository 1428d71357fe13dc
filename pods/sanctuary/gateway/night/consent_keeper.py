"""Keeps signed entries that come in the night; what a full disk refuses waits until it takes more."""

from __future__ import annotations

import logging
from collections import deque

from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.night.site_store import SiteStore

_LOG = logging.getLogger(__name__)


class ConsentKeeper:
    """Keeps the entries of one pod's sleeper; says once that the disk takes none, and once that it does.

    Parameters
    ----------
    store
        Of the sanctuary.
    pod
        Whose sleeper's entries these are.
    """

    def __init__(self, store: SiteStore, pod: str) -> None:
        self._store, self._pod = store, pod
        self._waiting: deque[bytes] = deque()

    def keep(self, entry: bytes) -> bool:
        """Keep an entry, behind those that wait; false where it could not be, and waits now."""
        self._waiting.append(entry)
        before = len(self._waiting) > 1
        try:
            self._catch_up()
        except SanctuaryError as error:
            if not before:
                _LOG.error("%s: %s; it holds, and is kept when there is room", self._pod, error)
            return False
        return True

    def retry(self) -> None:
        """Try again to keep what waits."""
        if not self._waiting:
            return
        try:
            self._catch_up()
        except SanctuaryError as error:
            _LOG.debug("%s: %s", self._pod, error)
        else:
            _LOG.warning("%s: its consent entries can be kept again", self._pod)

    def _catch_up(self) -> None:
        while self._waiting:
            self._store.keep_consent(self._pod, self._waiting[0])
            self._waiting.popleft()
