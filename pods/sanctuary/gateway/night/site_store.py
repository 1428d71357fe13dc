"""What a sanctuary keeps: secret, highest term, consent, latest UTC; its clock while a night lasts."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError
from sanctuary.gateway.files import write_together, write_whole

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

    Raises
    ------
    InputError
        The folder cannot be made or read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return path.read_bytes()
            with os.fdopen(descriptor, "wb") as file:
                file.write(fresh)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"{path}: cannot be read or made ({error.strerror})") from error
        return fresh

    def term(self) -> int:
        """Read the highest term that this gateway has used."""
        path = self.folder / "term"
        try:
            return int(path.read_text(encoding="ascii")) if path.exists() else 0
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: a whole number expected; restore it from a backup") from error

    def keep_term(self, term: int) -> None:
        """Keep that terms up to `term` are used up, before anything is commanded in it."""
        write_whole(self.folder / "term", f"{term}\n", "the term of the coordinator")

    def consent(self, pod: str) -> tuple[bytes, ...]:
        """Read the signed entries in ``consent/POD/``, one file each, in the order of their names."""
        folder = self.folder / "consent" / pod
        try:
            paths = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
            return tuple(path.read_bytes()[: LARGEST_ENTRY + 1] for path in paths)
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
        with suppress(OSError, InputError):
            self._keep_clock_file(floor) if floor else self.clock_path.unlink(missing_ok=True)

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
            kept = json.loads(self.clock_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _keep_clock_file(self, kept: dict[str, Any]) -> None:
        write_whole(self.clock_path, json.dumps(kept) + "\n", "the sanctuary clock")

    def keep_consent(self, pod: str, raw: bytes) -> None:
        """Keep a signed entry with those of `consent`.

        Raises
        ------
        InputError
            It cannot be written.
        """
        name = f"{hashlib.sha256(raw).hexdigest()[:32]}.entry"
        write_together([(self.folder / "consent" / pod / name, [raw], "a consent entry")])


def _number(value: object) -> float | None:
    """Take a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None
