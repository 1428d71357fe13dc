"""Where the memories of pods lie: ``pods/POD/memory.json`` in the data folder, for its owner alone.

What a sanctuary keeps: secret, highest term, consent, latest UTC; its clock while a night lasts.

Keeps signed entries that come in the night; what a full disk refuses waits until it takes more.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sanctuary.config.errors import InputError, SanctuaryError
from sanctuary.gateway.site.disk import FILES, Disk
from sanctuary.gateway.site.machine_clock import SYSTEM_CLOCK, HostClock
from sanctuary.pods.mqtt.queues import Outbox
from sanctuary.pods.pod.identity import PodMemory

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
    disk
        Where that is.
    """

    def __init__(self, data_dir: Path, disk: Disk = FILES) -> None:
        self._folder, self._disk = data_dir / "pods", disk

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
            text = self._disk.read(path)[: LARGEST_MEMORY + 1]
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
        self._disk.replace(self.path(memory.pod), memory.to_json().encode(), "the memory of a pod")

    def lay_reserve(self, pod: str) -> None:
        """Take some room on the disk, unless it is taken already; where there is none, nothing happens."""
        path = self.path(pod).with_name("reserve")
        if not self._disk.exists(path):
            with suppress(InputError):
                self._disk.replace(path, bytes(RESERVE_BYTES), "a reserve")

    def spend_reserve(self, pod: str) -> bool:
        """Give that room back; tells whether there was any."""
        return self._disk.remove(self.path(pod).with_name("reserve"))


class MemoryKeeper:
    """Keeps one pod's memory; a disk that takes none is told once, and once more when it does again.

    A stop, a withdrawal or that there was another entry is kept even then, in room that was reserved for it.

    Parameters
    ----------
    clock
        This computer's clocks, by which it is told when a memory was kept.
    """

    def __init__(self, memories: PodMemories, clock: HostClock = SYSTEM_CLOCK) -> None:
        self._memories, self._clock = memories, clock
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
            "kept_own_utc_s": self._clock.utc_s(),
            "kept_boot_id": self._clock.boot_id,
            "kept_alive_s": self._clock.boottime_s(),
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


SECRET_BYTES = 32
LARGEST_ENTRY = 4096


@dataclass(frozen=True, slots=True)
class KeptClock:
    """A sanctuary clock as it is kept.

    Attributes
    ----------
    utc_s_at_zero
        UTC seconds at second 0, as known last.
    began_utc_s
        As known first: names the clock.
    boot_id, alive_s_at_zero
        Second 0 by a clock that nobody sets, which goes on within one start of the computer; the id is empty
        where that cannot be told.
    """

    utc_s_at_zero: float
    began_utc_s: float
    boot_id: str = ""
    alive_s_at_zero: float = 0.0


class SiteStore:
    """The data folder of one sanctuary.

    Parameters
    ----------
    folder
        ``site.data_dir`` of the settings; made if it is not there.
    disk
        Where that is.

    Raises
    ------
    InputError
        The folder cannot be made or read.
    """

    def __init__(self, folder: Path, disk: Disk = FILES) -> None:
        self.folder, self.disk = folder, disk
        try:
            disk.make_folder(folder)
        except OSError as error:
            raise InputError(f"{folder}: cannot be used as site.data_dir ({error.strerror})") from error

    def installation(self) -> str:
        """Read the name of this installation, eight hexadecimal digits; made at the first start.

        It goes into MQTT client ids: two sanctuaries with one `site.id` at one broker must not push each
        other out.
        """
        path = self.folder / "installation"
        made = self._made_once(path, f"{secrets.token_hex(4)}\n".encode())
        found = made.strip().decode("ascii", errors="replace")
        if re.fullmatch("[0-9a-f]{8}", found) is None:
            raise InputError(f"{path}: eight hexadecimal digits expected; remove it, and another is made")
        return found

    def secret(self) -> bytes:
        """Read the secret that pod and coordinator keys are derived from; made at the first start."""
        path = self.folder / "secret.key"
        found = self._made_once(path, secrets.token_bytes(SECRET_BYTES))
        if len(found) != SECRET_BYTES:
            raise InputError(
                f"{path}: holds {len(found)} bytes instead of {SECRET_BYTES}; restore it from a backup, or "
                "move it away to begin with new keys"
            )
        return found

    def _made_once(self, path: Path, fresh: bytes) -> bytes:
        """Read a file; where there is none, make it."""
        try:
            return self.disk.create(path, fresh)
        except OSError as error:
            raise InputError(f"{path}: cannot be read or made ({error.strerror})") from error

    def term(self) -> int:
        """Read the highest term that this gateway has used."""
        path = self.folder / "term"
        try:
            return int(self.disk.read(path)) if self.disk.exists(path) else 0
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: a whole number expected; restore it from a backup") from error

    def keep_term(self, term: int) -> None:
        """Keep that terms up to `term` are used up, before anything is commanded in it."""
        self.disk.replace(self.folder / "term", f"{term}\n".encode(), "the term of the coordinator")

    def consent(self, pod: str) -> tuple[bytes, ...]:
        """Read the signed entries in ``consent/POD/``, one file each, in the order of their names."""
        folder = self.folder / "consent" / pod
        try:
            return tuple(self.disk.read(path)[: LARGEST_ENTRY + 1] for path in self.disk.files_in(folder))
        except OSError as error:
            raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    @property
    def clock_path(self) -> Path:
        """Where the sanctuary clock is kept."""
        return self.folder / "clock.json"

    def clock(self) -> KeptClock | None:
        """Read a clock that no night has ended in order; None for none.

        A file that cannot be read counts as none: a new clock costs a window, no more.
        """
        kept = self._clock_file()
        numbers = [_number(kept.get(name)) for name in ("utc_s_at_zero", "began_utc_s", "alive_s_at_zero")]
        utc_s_at_zero, began_utc_s, alive_s_at_zero = numbers
        if utc_s_at_zero is None:
            return None
        boot_id = kept.get("boot_id") if alive_s_at_zero is not None else ""
        began_utc_s = utc_s_at_zero if began_utc_s is None else began_utc_s
        return KeptClock(utc_s_at_zero, began_utc_s, str(boot_id or ""), alive_s_at_zero or 0.0)

    def keep_clock(self, clock: KeptClock) -> None:
        """Keep the sanctuary clock, so that a crash does not end it."""
        self._keep_clock_file({**asdict(clock), **self._kept_floor()})

    def forget_clock(self) -> None:
        """End the clock: the night ended in order. The latest UTC stays."""
        floor = self._kept_floor()
        if not floor:
            self.disk.remove(self.clock_path)
            return
        with suppress(InputError):
            self._keep_clock_file(floor)

    def floor(self) -> float | None:
        """Read the latest UTC (seconds) that a synchronised clock has said here; None where none was kept."""
        return _number(self._clock_file().get("latest_utc_s"))

    def keep_floor(self, utc_s: float) -> None:
        """Keep the latest UTC; raises `InputError` where it cannot be written."""
        self._keep_clock_file({**self._clock_file(), "latest_utc_s": utc_s})

    def _kept_floor(self) -> dict[str, float]:
        floor_s = self.floor()
        return {} if floor_s is None else {"latest_utc_s": floor_s}

    def _clock_file(self) -> dict[str, Any]:
        try:
            kept = json.loads(self.disk.read(self.clock_path))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _keep_clock_file(self, kept: dict[str, Any]) -> None:
        self.disk.replace(self.clock_path, (json.dumps(kept) + "\n").encode(), "the sanctuary clock")

    def keep_consent(self, pod: str, raw: bytes) -> None:
        """Keep a signed entry with those of `consent`.

        Raises
        ------
        InputError
            It cannot be written.
        """
        name = f"{hashlib.sha256(raw).hexdigest()[:32]}.entry"
        self.disk.replace(self.folder / "consent" / pod / name, raw, "a consent entry")


def _number(value: object) -> float | None:
    """Take a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None


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


def open_outbox(data_dir: Path, pod: str) -> Outbox:
    """Open where a pod's lasting messages wait for the broker, ``outbox/POD.sqlite``.

    Raises
    ------
    InputError
        The folder cannot be made.
    BrokerError
        The file cannot be used.
    """
    folder = data_dir / "outbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    return Outbox(folder / f"{pod}.sqlite")
