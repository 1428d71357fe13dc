"""Pools of processes: none of their workers outlives the command, and what they do is told meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil
import pytest

from house import ROOT, rooms
from sanctuary.config.errors import InputError
from sanctuary.gateway.worker_pool import add_work, worker_pool

PATIENCE_S = 120.0
LOST = "a worker was lost"
POOL = (
    "import sys, time\n"
    "from sanctuary.gateway.worker_pool import worker_pool\n"
    "with worker_pool(2, fork='fork' in sys.argv) as pool:\n"
    "    tasks = [pool.submit(time.sleep, 600) for _ in range(4)]\n"
    "    print('begun', flush=True)\n"
    "    list(pool.in_order(tasks, lambda _: None))\n"
)
COMMANDS = {
    "pool": [sys.executable, "-c", POOL],
    "forked": [sys.executable, "-c", POOL, "fork"],
    "torture": [sys.executable, "-m", "sanctuary", "torture", "--seeds", "1000", "--processes", "2"],
}


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """Those of its children that are workers of a pool, and not the resource tracker of multiprocessing."""
    return [child for child in process.children() if "resource_tracker" not in " ".join(child.cmdline())]


@contextmanager
def begun(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a program in a group of its own, and wait until it has workers."""
    least = min(2, len(os.sched_getaffinity(0)))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        found: list[psutil.Process] = []
        try:
            until_s = time.monotonic() + PATIENCE_S
            while len(found) < least:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < until_s
                time.sleep(0.05)
                found = workers_of(psutil.Process(process.pid))
            yield process, found
        finally:
            for each in found:
                if each.is_running():
                    each.kill()
            process.kill()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_workers_end_with_their_parent_however_it_ends(command: list[str]) -> None:
    with begun(command) as (process, workers):
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
        assert alive == []


@pytest.mark.parametrize("kind", ["pool", "forked"])
def test_ctrl_c_ends_workers_at_once_and_quietly(kind: str) -> None:
    with begun(COMMANDS[kind]) as (process, workers):
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == -signal.SIGINT
        assert not any(worker.is_running() for worker in workers)
    assert told.count("Traceback") == told.count("KeyboardInterrupt") == 1  # the program's own


def end_at_once() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work(amount: float) -> float:
    add_work(amount)
    return amount


def test_results_come_in_order_and_work_is_told() -> None:
    told: list[float] = []
    with worker_pool(2, LOST) as pool:
        results = list(pool.in_order([pool.submit(work, each) for each in (1.0, 2.0, 4.0)], told.append))
        assert pool.add_work(0.5) == 7.5
    assert results == [1.0, 2.0, 4.0]
    assert told == sorted(told)


def test_an_error_in_a_worker_is_raised_here() -> None:
    with pytest.raises(TimeoutError, match="never"), worker_pool(1, LOST) as pool:
        list(pool.in_order([pool.submit(raise_timeout)], lambda _: None))


def raise_timeout() -> None:
    raise TimeoutError("never")


def test_a_worker_that_is_lost_is_told_in_a_sentence() -> None:
    with pytest.raises(InputError, match=LOST), worker_pool(1, LOST) as pool:
        pool.submit(end_at_once).result()


def test_every_pool_of_processes_is_one_of_these() -> None:
    files = [path for folder in (*rooms(), ROOT / "benchmarks") for path in folder.rglob("*.py")]
    found = {path.name for path in files if "ProcessPoolExecutor" in path.read_text(encoding="utf-8")}
    assert found == {"worker_pool.py"}
