"""An author's key: 32 bytes in a file that nobody else may read."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

from nacl.signing import SigningKey

from sanctuary.commons.keys import signing_key
from sanctuary.config.errors import InputError
from sanctuary.gateway.files import write_together

SEED_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_key(path: Path) -> SigningKey:
    """Read a key.

    Raises
    ------
    InputError
        It is not there, others may read it, or it does not hold 32 bytes.
    """
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            seed = file.read(SEED_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such key; make one with --new-key") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise InputError(f"{path}: others may read this key; make it private: chmod 600 {path}")
    if len(seed) != SEED_BYTES:
        raise InputError(f"{path}: no key; a key file holds exactly {SEED_BYTES} bytes")
    return signing_key(seed)


def make_key(path: Path) -> SigningKey:
    """Make a new key, readable by its owner alone.

    Raises
    ------
    InputError
        There is something at `path` already, or it cannot be written.
    """
    if path.exists():
        raise InputError(
            f"{path}: is there already; a key is never overwritten, leave --new-key out to use it"
        )
    seed = secrets.token_bytes(SEED_BYTES)
    write_together([(path, [seed], "the key")])
    return signing_key(seed)
