"""Where sleepers' memories lie: ``sleepers/PSEUDONYM/memory.json`` in the data folder, for its owner alone.

Nothing is here that a sleeper did not agree to, and `forget` removes all of it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from sanctuary.config.errors import InputError
from sanctuary.gateway.files import write_whole
from sanctuary.signal.sleeper_memory import SleeperMemory, parse_memory

_NAME = re.compile(r"[a-z0-9-]{1,32}")


class Memories:
    """The memories of one sanctuary.

    Parameters
    ----------
    data_dir
        ``site.data_dir`` of the settings; nothing is made before something is saved.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "sleepers"

    def path(self, sleeper: str) -> Path:
        """Where a sleeper's memory lies, or would.

        Raises
        ------
        InputError
            That is no pseudonym.
        """
        if not _NAME.fullmatch(sleeper):
            raise InputError(f"{sleeper}: no pseudonym; small letters, digits and hyphens, at most 32")
        return self._folder / sleeper / "memory.json"

    def names(self) -> list[str]:
        """Pseudonyms of those who are remembered."""
        if not self._folder.is_dir():
            return []
        return sorted(path.parent.name for path in self._folder.glob("*/memory.json"))

    def load(self, sleeper: str) -> SleeperMemory | None:
        """Read a sleeper's memory; None where there is none.

        Raises
        ------
        InputError
            It is damaged or cannot be read.
        """
        path = self.path(sleeper)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
        try:
            return parse_memory(text, str(path))
        except InputError as error:
            raise InputError(f"{error}; `sanctuary memory forget {sleeper}` removes it") from error

    def save(self, sleeper: str, memory: SleeperMemory) -> None:
        """Write a sleeper's memory in one step.

        Raises
        ------
        InputError
            It cannot be written.
        """
        path = self.path(sleeper)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InputError(f"{path.parent}: cannot be made ({error.strerror})") from error
        write_whole(path, memory.to_json(), "the sleeper's memory")

    def learn(self, sleeper: str, memory: SleeperMemory) -> None:
        """Keep what a night taught; one that was too short leaves everything as it was.

        Raises
        ------
        InputError
            It cannot be read or written.
        """
        before = self.load(sleeper) or SleeperMemory()
        if memory.nights > before.nights:
            self.save(sleeper, memory)

    def forget(self, sleeper: str) -> bool:
        """Remove all that is remembered of a sleeper; returns whether there was anything.

        Raises
        ------
        InputError
            It cannot be removed.
        """
        folder = self.path(sleeper).parent
        if not folder.is_dir():
            return False
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise InputError(f"{folder}: cannot be removed ({error.strerror})") from error
        return True
