"""The dongle's own commands, and boards that are slow, strange, absent or out of battery."""

import pytest

from cyton_hosts import Levels, rows_of, streamed
from sanctuary.simulator.devices.virtual_cyton import BANNER, VirtualCyton

UNREACHED = b"Failure: Communications timeout - Device failed to poll Host$$$"


def board() -> VirtualCyton:
    return VirtualCyton(Levels(1.0, 2.0))


def absent() -> VirtualCyton:
    return VirtualCyton(Levels(1.0, 2.0), board=False)


# --- commands of the dongle ---


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"\xf0\x00", b"Success: Host and Device on Channel number: 18\x12$$$"),
        (b"\xf0\x01\x07", b"Success: Channel number: 7\x07$$$"),
        (b"\xf0\x01\x1a", b"Failure: Verify channel number is less than 25$$$"),
        (b"\xf0\x02\x1a", b"Failure: Verify channel number is less than 25$$$"),
        (b"\xf0\x03", b"Success: 0x\x50$$$"),
        (b"\xf0\x04\x41\xf0\x03", b"Success: Poll time: 65A$$$Success: 0x\x41$$$"),
        (b"\xf0\x05", b"Success: Switch your baud rate to 115200$$$"),
        (b"\xf0\x06", b"Success: Switch your baud rate to 230400$$$"),
        (b"\xf0\x07", b"Success: System is Up$$$"),
        (b"V\xf0\x07V", b"v3.1.5$$$Success: System is Up$$$v3.1.5$$$"),
    ],
)
def test_the_dongle_answers_for_itself(command: bytes, reply: bytes) -> None:
    assert board().receive(command) == reply


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"\xf0\x00", b"Failure: Host on Channel number: 18\x12$$$"),
        (b"\xf0\x01\x07", UNREACHED),
        (b"\xf0\x02\x07", b"Success: Host override - Channel number: 7\x07$$$"),
        (b"\xf0\x03", UNREACHED),
        (b"\xf0\x07", b"Failure: System is Down$$$"),
        (b"v", UNREACHED),
        (b"<", UNREACHED),
        (b"x10", UNREACHED),
        (b"", b""),
    ],
)
def test_without_a_board_the_dongle_says_so(command: bytes, reply: bytes) -> None:
    some = absent()
    assert some.receive(command) == reply
    assert some.receive(b"", 10.0) == b""
    assert not some.streaming


def test_without_a_board_nothing_streams() -> None:
    some = absent()
    assert some.receive(b"b") == UNREACHED
    assert not some.streaming
    assert some.packets(10) == b""


def test_while_streaming_the_dongle_still_answers() -> None:
    some = board()
    streamed(some, 1)
    assert some.receive(b"\xf0\x07") == b"Success: System is Up$$$"
    assert some.streaming


def test_a_dongle_moved_alone_loses_its_board_and_finds_it_again() -> None:
    some = board()
    streamed(some, 10)
    some.receive(b"\xf0\x02\x05")
    assert not some.streaming
    assert some.packets(5) == b""
    assert some.receive(b"v") == UNREACHED
    some.receive(b"\xf0\x02\x12")
    assert some.streaming
    assert rows_of(some.packets(1))[0, 1] == 15


def test_moved_together_they_stay_together() -> None:
    some = board()
    some.receive(b"\xf0\x01\x05")
    assert some.receive(b"v") == BANNER


def test_a_command_to_the_dongle_that_is_never_finished_is_dropped_in_silence() -> None:
    some = board()
    assert some.receive(b"\xf0", 0.0) == b""
    assert some.receive(b"", 1.0) == b""
    assert some.receive(b"V", 1.1) == b"v3.1.5$$$"


# --- boards in trouble ---


def test_a_slow_board_says_its_banner_later_and_what_comes_meanwhile_waits() -> None:
    some = VirtualCyton(Levels(1.0, 2.0), banner_delay_s=4.0, streaming=True)
    assert some.receive(b"v", 10.0) == b""
    assert not some.streaming
    assert some.receive(b"Vb", 12.0) == b""
    assert some.receive(b"", 13.99) == b""
    assert not some.streaming
    assert some.receive(b"", 14.0) == BANNER + b"v3.1.5$$$"
    assert some.streaming


def test_a_slow_boards_dongle_is_not_slow() -> None:
    some = VirtualCyton(Levels(1.0, 2.0), banner_delay_s=4.0)
    some.receive(b"v", 0.0)
    assert some.receive(b"\xf0\x07", 1.0) == b"Success: System is Up$$$"


def test_what_waits_is_bounded() -> None:
    some = VirtualCyton(Levels(1.0, 2.0), banner_delay_s=4.0)
    some.receive(b"v", 0.0)
    for _ in range(50):
        some.receive(b"V" * 1000, 1.0)
    assert len(some.receive(b"", 5.0)) == len(BANNER) + 1024 * len(b"v3.1.5$$$")


def test_something_else_may_answer() -> None:
    some = VirtualCyton(Levels(1.0, 2.0), banner="Grbl 1.1f ['$' for help]")
    assert some.receive(b"v") == b"Grbl 1.1f ['$' for help]$$$"


def test_an_empty_battery_ends_everything_for_good() -> None:
    some = VirtualCyton(Levels(1.0, 2.0), battery_packets=25)
    assert len(rows_of(streamed(some, 10))) == 10
    assert len(rows_of(some.packets(100))) == 15
    assert not some.streaming
    assert some.packets(10) == b""
    assert some.receive(b"v") == UNREACHED
    assert some.receive(b"b") == UNREACHED
    assert some.receive(b"\xf0\x07") == b"Failure: System is Down$$$"
    assert not some.streaming
