"""Commands, and replies found among other bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_wire import packets, random_counts
from faulty_links import cut
from sanctuary.firmware_bridge.headbands.cyton.wire import MAX_REPLY_BYTES, ReplyFinder, channel_settings

BANNER = (
    "OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\n"
    "LIS3DH Device ID: 0x33\r\nFirmware: v3.1.2\r\n"
)


@pytest.mark.parametrize(
    ("gain", "digit"), [(1, "0"), (2, "1"), (4, "2"), (6, "3"), (8, "4"), (12, "5"), (24, "6")]
)
def test_gain_is_one_digit_of_the_channel_settings(gain: int, digit: str) -> None:
    command = channel_settings(3, gain)
    assert command.data == f"x30{digit}0110X".encode()
    assert command.answer == "Channel set for 3"


@pytest.mark.parametrize(
    ("channel", "gain", "word"), [(0, 24, "channel 0"), (17, 24, "channel 17"), (1, 5, "gain 5")]
)
def test_settings_that_the_board_does_not_have_are_refused(channel: int, gain: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        channel_settings(channel, gain)


@given(st.lists(st.integers(0, 400)))
def test_replies_are_found_however_they_are_cut(places: list[int]) -> None:
    data = f"{BANNER}$$$Success: Channel set for 3$$$".encode()
    finder = ReplyFinder()
    found = [reply for piece in cut(data, places) for reply in finder.push(piece)]
    assert found == [BANNER.strip(), "Success: Channel set for 3"]


def test_a_banner_is_found_behind_packets_of_a_board_left_streaming() -> None:
    stream = b"".join(packets(random_counts(50, seed=1)))
    found = ReplyFinder().push(stream[:-9] + BANNER.encode() + b"$$$")
    assert any(BANNER.strip() in reply for reply in found)


def test_an_empty_reply_is_none() -> None:
    assert ReplyFinder().push(b"$$$\x00$$$") == []


def test_what_is_kept_is_bounded() -> None:
    finder = ReplyFinder()
    for _ in range(100):
        finder.push(b"A" * 1000)
    assert finder.push(b"$$$") == ["A" * MAX_REPLY_BYTES]
