"""Who is believed that the clock is kept: the kernel, chrony where it tells it nothing, timesyncd."""

from __future__ import annotations

import sys

import pytest

from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.site.machine_clock import (
    ClockState,
    KernelClock,
    Tracking,
    judge,
    kernel_state,
    parse_tracking,
    read_kernel_clock,
    with_chrony,
)

NO_CHRONY = SanctuaryError("no chrony here")
LOCAL = "7F7F0101,,10,1796034795.5,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,Normal"


@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [(0, 0x0001, True), (0, 0x2001, True), (5, 0x0040, False), (0, 0x0041, False), (5, 0x0001, False)],
)
def test_the_kernel_is_read_by_its_state_and_its_flag(state: int, status: int, synchronised: bool) -> None:
    assert judge(state, status, 2500) == KernelClock(synchronised, 0.0025)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="adjtimex(2) is Linux's")
def test_this_kernel_can_be_asked_and_nothing_is_set() -> None:
    read = read_kernel_clock()
    assert read is None or 0.0 <= read.max_error_s <= 16.0


def test_where_the_kernel_cannot_be_asked_a_recent_answer_to_timesyncd_counts() -> None:
    assert kernel_state(None, 60.0).synchronised
    assert not kernel_state(None, 7200.0).synchronised
    assert not kernel_state(None, -86400.0).synchronised, "touched in a future that was taken back"
    assert not kernel_state(None, None).synchronised


def test_a_kernel_that_says_no_is_not_outvoted_by_timesyncd() -> None:
    assert not kernel_state(KernelClock(False, 16.0), 1.0).synchronised


def test_chrony_without_rtcsync_is_believed_though_the_kernel_knows_of_nothing() -> None:
    unkept = kernel_state(KernelClock(False, 16.0), None)
    assert with_chrony(unkept, Tracking(0.001, 1e-6)) == ClockState(True, "chrony")
    assert not with_chrony(unkept, NO_CHRONY).synchronised


def test_chrony_that_stands_in_for_a_server_knows_no_utc() -> None:
    tracking = parse_tracking(LOCAL)
    assert tracking.is_local
    unkept = kernel_state(KernelClock(False, 16.0), None)
    assert with_chrony(unkept, tracking) == ClockState(False, "chrony follows no server")


def test_a_kernel_that_says_yes_needs_no_chrony() -> None:
    kept = kernel_state(KernelClock(True, 0.01), None)
    assert with_chrony(kept, NO_CHRONY) == ClockState(True, "the kernel")
