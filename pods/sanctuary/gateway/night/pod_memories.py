"""Where the memories of pods lie: ``pods/POD/memory.json`` in the data folder, for its owner alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from sanctuary.config.errors import InputError
from sanctuary.gateway.files import write_together, write_whole
from sanctuary.gateway.night.steady import alive_s, boot_id
from sanctuary.pods.pod.memory import PodMemory

_LOG = logging.getLogger(__name__)

LARGEST_MEMORY = 256 * 1024
RESERVE_BYTES = 64 * 1024
"""Room that is taken while there is some, and given to a stop or withdrawal when there is none."""


class PodMemories:
    """The memories of one sanctuary's pods.

    Parameters
    ----------
    data_dir
        ``site.data_dir`` of the settings; nothing is made before something is kept.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "pods"

    def path(self, pod: str) -> Path:
        """Where a pod's memory lies, or would."""
        return self._folder / pod / "memory.json"

    def load(self, pod: str) -> PodMemory | None:
        """Read a pod's memory; None where it has never had one.

        Raises
        ------
        InputError
            It is damaged, of another pod, or cannot be read. Nothing is guessed at: it may say that the pod
            is stopped.
        """
        path = self.path(pod)
        try:
            text = path.read_bytes()[: LARGEST_MEMORY + 1]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        try:
            memory = PodMemory.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(_unusable(path, f"{field + ': ' if field else ''}{first['msg']}")) from error
        if memory.pod != pod:
            raise InputError(_unusable(path, f"it is the memory of {memory.pod}"))
        return memory

    def save(self, memory: PodMemory) -> None:
        """Put a pod's memory on the disk in one step.

        Raises
        ------
        InputError
            It cannot be written.
        """
        write_whole(self.path(memory.pod), memory.to_json(), "the memory of a pod")

    def lay_reserve(self, pod: str) -> None:
        """Take some room on the disk, unless it is taken already; where there is none, nothing happens."""
        path = self.path(pod).with_name("reserve")
        if not path.exists():
            with suppress(InputError):
                write_together([(path, [bytes(RESERVE_BYTES)], "a reserve")])

    def spend_reserve(self, pod: str) -> bool:
        """Give that room back; tells whether there was any."""
        try:
            self.path(pod).with_name("reserve").unlink()
        except OSError:
            return False
        return True


class MemoryKeeper:
    """Keeps one pod's memory; a disk that takes none is told once, and once more when it does again.

    A stop, a withdrawal or that there was another entry is kept even then, in room that was reserved for it.

    Parameters
    ----------
    own_utc, alive
        This computer's UTC, and a clock of it that nobody sets.
    """

    def __init__(
        self,
        memories: PodMemories,
        own_utc: Callable[[], float] = time.time,
        alive: Callable[[], float] = alive_s,
    ) -> None:
        self._memories, self._own_utc, self._alive = memories, own_utc, alive
        self._boot_id = boot_id()
        self._unkept: PodMemory | None = None
        self._latch: tuple[object, object, object] | None = None

    def keep(self, memory: PodMemory) -> bool:
        """Keep a memory; false where it could not be."""
        try:
            self._save(memory)
        except InputError as error:
            if self._unkept is None:
                _LOG.error("%s: no cue sounds until its memory can be kept: %s", memory.pod, error)
            self._unkept = memory
            return False
        if self._unkept is not None:
            _LOG.warning("%s: its memory can be kept again", memory.pod)
            self._unkept = None
        return True

    def _save(self, memory: PodMemory) -> None:
        kept = {
            "kept_own_utc_s": self._own_utc(),
            "kept_boot_id": self._boot_id,
            "kept_alive_s": self._alive(),
        }
        memory = memory.model_copy(update=kept)
        latch = (memory.latch, memory.withdrawn_here, memory.consent_seq)
        try:
            self._memories.save(memory)
        except InputError:
            if latch == self._latch or not self._memories.spend_reserve(memory.pod):
                raise
            self._memories.save(memory)
        else:
            self._memories.lay_reserve(memory.pod)
        self._latch = latch

    def retry(self) -> None:
        """Try again to keep what could not be kept."""
        if self._unkept is not None:
            self.keep(self._unkept)


def _unusable(path: Path, problem: str) -> str:
    return (
        f"{path}: cannot be used ({problem}). It says whether the pod is stopped and what its sleeper "
        "was given tonight. Restore it from a backup; or, where nobody stopped the pod, remove it"
    )
