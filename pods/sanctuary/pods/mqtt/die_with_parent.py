"""Runs a program that must not outlive its parent: ``die_with_parent.py PARENT_PID PROGRAM [ARGUMENT ...]``.

The kernel kills the program when the parent ends, however it ends (prctl(2), PR_SET_PDEATHSIG; kept over
execve). Linux only; elsewhere the program has to be stopped by its parent. Imports nothing of ours, so that
it starts in some 20 ms; set up here, and not between fork and exec of the parent, which has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def hold_to(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent ends.

    Parameters
    ----------
    parent_pid
        The parent as it knows itself; if it is gone already, this process ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit("the parent is gone")


def main(arguments: list[str]) -> None:
    """Become the program named by the arguments."""
    parent_pid, *program = arguments
    hold_to(int(parent_pid))
    os.execvp(program[0], program)  # noqa: S606  what it runs is its parent's decision


if __name__ == "__main__":
    main(sys.argv[1:])
