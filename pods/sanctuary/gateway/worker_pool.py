"""Worker processes that share the work of one command, and never outlive it.

Workers end with the process that made them, however it ends, also by SIGKILL: the kernel sees to it (Linux
only, as in `die_with_parent`). Ctrl-C in the terminal reaches every process of the command; workers ignore
it, and are ended by the command where it gives up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from typing import TypeVar

from sanctuary.config.errors import InputError
from sanctuary.pods.mqtt.die_with_parent import hold_to

LOST = "a worker process was ended from outside, perhaps for want of memory; close other programs"
POLL_S = 0.5
"""How often a caller that waits for a result is told of the sum of work."""

_T = TypeVar("_T")
_sum: Synchronized[float] | None = None


class WorkerPool(ProcessPoolExecutor):
    """A pool of processes made by `worker_pool`, with a sum of the work that has been done for it."""

    def __init__(self, workers: int, *, fork: bool) -> None:
        context = multiprocessing.get_context("fork" if fork else "spawn")
        self._sum = context.Value("d", 0.0)
        super().__init__(workers, context, _begin, (os.getpid(), self._sum))

    def add_work(self, amount: float) -> float:
        """Add work that the caller has done itself, and give the sum."""
        with self._sum.get_lock():
            total: float = self._sum.value + amount
            self._sum.value = total
        return total

    def in_order(self, tasks: Iterable[Future[_T]], told: Callable[[float], None]) -> Iterator[_T]:
        """Give the results in the order of `tasks`; `told` is called with the sum of work meanwhile."""
        for task in tasks:
            while not wait([task], POLL_S).done:
                told(self.add_work(0.0))
            yield task.result()


def add_work(amount: float) -> None:
    """Add work that this worker has done to the sum of its pool."""
    if _sum is not None:
        with _sum.get_lock():
            _sum.value += amount


@contextmanager
def worker_pool(workers: int, lost: str = LOST, *, fork: bool = False) -> Iterator[WorkerPool]:
    """Start processes that end with the context: after their work, or at once where it is left by an error.

    Make it on a thread that lasts as long as the pool: workers end with the thread that started them.

    Parameters
    ----------
    workers
        How many processes.
    lost
        What to say where a worker was ended from outside, for example by the kernel for want of memory.
    fork
        Whether workers are copies of this process, which takes no time, and not fresh ones, which import
        everything anew. A copy keeps locks that other threads hold, and nobody opens them: for short work of
        a process whose other threads share no lock with it.

    Raises
    ------
    InputError
        A worker was ended from outside.
    """
    others = set(multiprocessing.active_children())
    pool = WorkerPool(workers, fork=fork)
    try:
        _start(pool, workers)
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise InputError(lost) from error
        raise
    finally:
        pool.shutdown()


def _start(pool: WorkerPool, workers: int) -> None:
    """Start all workers with SIGINT blocked, so that they are deaf to it before they can ignore it."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(workers):
            pool.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _begin(parent_pid: int, work: Synchronized[float]) -> None:
    """Make this worker end with its parent and ignore Ctrl-C."""
    global _sum  # a worker belongs to one pool
    hold_to(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _sum = work
