"""One program at a time in a data folder; the kernel lets go when it ends, however it ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sanctuary.config.errors import InputError
from sanctuary.config.pod_settings import PodEntry

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

GATEWAY = "gateway"
"""The part that is a gateway's: terms and the sanctuary clock."""
LONGEST_NOTE = 200


@contextmanager
def hold(folder: Path, what: str, program: str) -> Iterator[None]:
    """Hold a part of a data folder while the block runs; others may hold other parts meanwhile.

    Parameters
    ----------
    folder
        ``site.data_dir`` of the settings; made if it is not there.
    what
        Which part: `GATEWAY`, or one of `parts_of`; ``locks/WHAT.lock`` stands for it.
    program
        What holds it, for whoever comes next: ``sanctuary run``.

    Raises
    ------
    InputError
        Another program holds it, or the folder cannot be used.
    """
    path = folder / "locks" / f"{what}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{path}: cannot be made ({error.strerror}); see site.data_dir") from error
    try:
        _lock(descriptor, folder, what)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {program}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def hold_all(folder: Path, parts: Iterable[str], program: str) -> Iterator[None]:
    """Hold several parts at once, or none."""
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(hold(folder, part, program))
        yield


def parts_of(pods: Iterable[PodEntry]) -> list[str]:
    """Name the parts that pods use: each its own, and the memory of a sleeper who is remembered."""
    return [
        part
        for pod in pods
        for part in (f"pod.{pod.id}", *([sleeper_part(pod.sleeper)] if pod.remember else []))
    ]


def sleeper_part(sleeper: str) -> str:
    """Name the part that is a sleeper's memory."""
    return f"sleeper.{sleeper}"


def _lock(descriptor: int, folder: Path, what: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise InputError(
                f"{folder}: cannot be locked ({error.strerror}); let site.data_dir lie on a local file system"
            ) from error
        holder = os.pread(descriptor, LONGEST_NOTE, 0).decode(errors="replace").strip()
        pid, _, program = holder.partition(" ")
        who = f"{program} (process {pid})" if pid.isdecimal() else "another program"
        part = what.replace(".", " ")
        raise InputError(
            f"{folder}: {part} is in use by {who}; end that one first, or set another site.data_dir"
        ) from error
