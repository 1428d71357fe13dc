"""What a sanctuary keeps between nights: its secret, the highest term, and consent."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from sanctuary.config.errors import InputError
from sanctuary.gateway.files import write_together, write_whole

SECRET_BYTES = 32
LARGEST_ENTRY = 4096


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

    def secret(self) -> bytes:
        """Read the secret that pod and coordinator keys are derived from; made at the first start."""
        path = self.folder / "secret.key"
        try:
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                found = path.read_bytes()
            else:
                found = secrets.token_bytes(SECRET_BYTES)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(found)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"{path}: cannot be read or made ({error.strerror})") from error
        if len(found) != SECRET_BYTES:
            raise InputError(
                f"{path}: holds {len(found)} bytes instead of {SECRET_BYTES}; restore it from a backup, or "
                "move it away to begin with new keys"
            )
        return found

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

    def keep_consent(self, pod: str, raw: bytes) -> None:
        """Keep a signed entry with those of `consent`.

        Raises
        ------
        InputError
            It cannot be written.
        """
        name = f"{hashlib.sha256(raw).hexdigest()[:32]}.entry"
        write_together([(self.folder / "consent" / pod / name, [raw], "a consent entry")])
