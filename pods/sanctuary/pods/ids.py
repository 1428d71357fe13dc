"""Message ids without randomness: the boot they belong to and a count."""

from __future__ import annotations


class IdSource:
    """Ids that never repeat within a boot; the shell finds a boot id that never repeats either.

    Parameters
    ----------
    boot
        ``[a-z0-9-]``, at most 48 characters.
    """

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self._count = 0

    def next(self, kind: str) -> str:
        """Give ``<boot>-<kind><count>``."""
        self._count += 1
        return f"{self.boot}-{kind}{self._count}"
