"""Each command of the Cyton, answered and obeyed in the firmware's manner."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_hosts import Levels, board_ms_in, counts_in, rows_of, stops_in, streamed, words_in
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

TEST_ANSWER = b"Success: Configured internal test signal.$$$"
NO_CARD = (
    b"initialization failed. Things to check:\r\n* is a card is inserted?\r\n"
    b"Could not find FAT16/FAT32 partition. Make sure you've formatted the card\r\n$$$"
)


def board(*levels: float) -> VirtualCyton:
    return VirtualCyton(Levels(*(levels or (100.0, 200.0))))


# --- replies ---


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"xQ060110X", b"Success: Channel set for 9$$$"),
        (b"xI060110X", b"Success: Channel set for 16$$$"),
        (b"x?060110X", b"Success: Channel set for 1$$$"),
        (b"x10X", b"Failure: too few chars$$$"),
        (b"xX", b"Failure: too few chars$$$"),
        (b"x106011XX", b"Failure: too few chars$$$"),
        (b"z1Z", b"Failure: too few chars$$$"),
        (b"zI01Z", b"Success: Lead off set for 16$$$"),
        *((bytes((letter,)), TEST_ANSWER) for letter in b"0-=p[]"),
        *((bytes((letter,)), NO_CARD) for letter in b"ASFGHJKLa"),
        (b"j", b""),
        (b">", b"Time stamp OFF$$$"),
        (b"//", b"Success: default$$$"),
        (b"/0", b"Success: default$$$"),
        (b"/1", b"Success: debug$$$"),
        (b"/2", b"Success: analog$$$"),
        (b"/3", b"Success: digital$$$"),
        (b"/4", b"Success: marker$$$"),
        (b"/5", b"Success: BLE$$$"),
        (b"/6", b"Failure: board mode value out of bounds.$$$"),
        (b"/x", b"Failure: invalid board mode value.$$$"),
        (b"/4//", b"Success: marker$$$Success: marker$$$"),
        (b"~0", b"Success: Sample rate is 16000Hz$$$"),
        (b"~5~~", b"Success: Sample rate is 500Hz$$$Success: Sample rate is 500Hz$$$"),
        (b"~7", b"Failure: sample value out of bounds$$$"),
        (b"~x", b"Failure: invalid sample value$$$"),
        (b"`1", b""),
        (b"c", b""),
        (b"C", b"no daisy to attach!8$$$"),
        (b"q", b""),
        (b"W", b""),
    ],
)
def test_every_command_is_answered(command: bytes, reply: bytes) -> None:
    assert board().receive(command) == reply


def test_what_follows_a_command_cut_short_is_a_command() -> None:
    assert board().receive(b"x10XV") == b"Failure: too few chars$$$v3.1.5$$$"


@pytest.mark.parametrize("begun", [b"x", b"x106011", b"z10", b"/", b"~", b"`"])
def test_every_command_of_several_bytes_is_given_up_after_a_second(begun: bytes) -> None:
    some = board()
    assert some.receive(begun, 5.0) == b""
    assert some.receive(b"", 5.99) == b""
    assert some.receive(b"V", 6.0).endswith(b"as of v2$$$v3.1.5$$$")


def test_while_streaming_commands_are_obeyed_in_silence() -> None:
    some = board()
    some.receive(b"b")
    assert some.receive(b"VD?d0x1060110Xz110Z/2//~~~6c>CA") == b""
    assert some.streaming
    assert stops_in(some.packets(1)) == [0xC1]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_no_bytes_break_it_and_what_it_sends_stays_a_packet(data: bytes, cuts: list[int]) -> None:
    some = VirtualCyton(Levels(1.0, 2.0), daisy=True)
    places = sorted({0, *cuts, len(data)})
    for turn, (a, b) in enumerate(pairwise(places)):
        some.receive(data[a:b], float(turn))
        raw = some.packets(3)
        assert raw == b"" or len(rows_of(raw)) == 3


# --- channels ---


def test_channels_are_switched_off_and_come_back_as_they_were_set() -> None:
    some = board(100.0, 200.0)
    some.receive(b"x1050110X")
    before = counts_in(streamed(some, 1))[0]
    some.receive(b"1")
    assert counts_in(streamed(some, 1))[0, :2].tolist() == [0, 200]
    some.receive(b"!")
    np.testing.assert_array_equal(counts_in(streamed(some, 1))[0], before)
    assert before[0] == 50


@pytest.mark.parametrize(
    ("letters", "count"),
    [
        (b"1060110", 100),
        (b"1000110", 4),
        (b"1090110", 100),  # gain 24
        (b"1x60110", 100),  # on
        (b"1968110", 100),  # on; 8 is SRB2's bit, and the input is the electrode
        (b"?060110", 100),  # channel 1
    ],
)
def test_unknown_digits_become_defaults(letters: bytes, count: int) -> None:
    some = board(100.0, 200.0)
    some.receive(b"0")
    some.receive(b"x" + letters + b"X")
    assert counts_in(streamed(some, 1))[0, 0] == count


def test_srb1_is_one_switch_for_all_channels() -> None:
    some = board()
    assert b"MISC1, 15, 00" in some.receive(b"?")
    some.receive(b"x3060101X")
    assert b"MISC1, 15, 20" in some.receive(b"?")
    some.receive(b"x4060110X")
    assert b"MISC1, 15, 00" in some.receive(b"?")


def test_the_register_dump_is_complete() -> None:
    some = board()
    some.receive(b"=2x3060010Xz401Z")
    text = some.receive(b"?").decode()
    assert text.endswith("\r\n$$$")
    lines = text.split("\r\n")
    names = [line.split(", ")[0] for line in lines if line.count(", ") == 10]
    assert len(names) == 24
    values = {line.split(", ")[0]: line.split(", ")[2] for line in lines if line.count(", ") == 10}
    assert (values["ADS_ID"], values["CONFIG1"], values["CONFIG2"], values["LOFF"]) == (
        "3E",
        "96",
        "D1",
        "02",
    )
    assert (values["CH1SET"], values["CH2SET"], values["CH3SET"]) == ("6D", "E5", "68")
    assert (values["BIAS_SENSP"], values["LOFF_SENSP"], values["LOFF_SENSN"]) == ("F9", "00", "08")
    assert "0x0F 33" in lines
    assert sum(line.startswith("0x") for line in lines) == 36


# --- streaming ---


def test_the_counter_begins_at_0_with_each_start() -> None:
    some = board()
    for _ in range(2):
        assert rows_of(streamed(some, 300))[:, 1].tolist() == [n % 256 for n in range(300)]
        some.receive(b"s")


@pytest.mark.parametrize("command", [b"1", b"!", b"x1060110X", b"z101Z", b"0", b"d", b"b"])
def test_a_change_of_channels_under_way_starts_the_counter_anew(command: bytes) -> None:
    some = board()
    streamed(some, 77)
    some.receive(command)
    assert some.streaming
    assert rows_of(some.packets(2))[:, 1].tolist() == [0, 1]


def test_a_board_left_streaming_goes_on_until_it_is_stopped() -> None:
    some = VirtualCyton(Levels(1.0, 2.0), streaming=True)
    assert some.streaming
    first = rows_of(some.packets(3))[:, 1].tolist()
    assert first[0] != 0
    assert first == [first[0], first[0] + 1, first[0] + 2]
    assert some.receive(b"V") == b""
    assert some.receive(b"s") == b""
    assert not some.streaming


def test_a_rate_costs_the_channel_settings_and_is_undone_by_a_start() -> None:
    some = board(100.0, 200.0)
    some.receive(b"x1000110X~4")
    assert b"CH1SET, 05, 68" in some.receive(b"?")
    some.receive(b"x1000110X")
    assert counts_in(streamed(some, 1))[0, 0] == 100
    some.receive(b"s")
    assert some.receive(b"~~") == b"Success: Sample rate is 250Hz$$$"


# --- aux bytes ---


def test_time_stamps_carry_the_boards_clock_and_one_axis_at_a_time() -> None:
    some = board()
    assert some.receive(b"<", 100.0) == b",Time stamp ON$$$"
    some.receive(b"b", 102.5)
    raw = some.packets(520)
    assert stops_in(raw) == [0xC3] + [0xC4] * 519
    ms = board_ms_in(raw)
    assert ms == [ms[0] + 4 * n for n in range(520)]
    axes = {7: 160, 8: 0xFFB0, 9: 8000}
    assert [words[0] for words in words_in(raw)] == [axes.get(n % 256 % 10, 0) for n in range(520)]
    some.receive(b"s", 110.0)
    some.receive(b"b", 120.0)
    assert board_ms_in(some.packets(1)) == [ms[0] + 17_500]
    assert some.receive(b">") == b""
    assert stops_in(some.packets(2)) == [0xC0, 0xC0]


def test_time_stamps_asked_for_under_way_are_acknowledged_by_the_dongle_alone() -> None:
    some = board()
    streamed(some, 5)
    assert some.receive(b"<") == b","
    assert stops_in(some.packets(2)) == [0xC3, 0xC4]


def test_asked_for_together_with_something_else_the_dongle_does_not_notice() -> None:
    assert board().receive(b"V<") == b"v3.1.5$$$Time stamp ON$$$"


@pytest.mark.parametrize(
    ("mode", "words"), [(b"/2", [512, 0, 1023]), (b"/3", [0x0100, 1, 1]), (b"/4", [0, 0, 0])]
)
def test_modes_without_accelerometer_send_raw_words(mode: bytes, words: list[int]) -> None:
    some = board()
    some.receive(mode)
    raw = streamed(some, 12)
    assert stops_in(raw) == [0xC1] * 12
    assert words_in(raw) == [words] * 12
    some.receive(b"/0")
    assert stops_in(some.packets(1)) == [0xC0]


@pytest.mark.parametrize("mode", [b"/1", b"/5"])
def test_debug_and_ble_mode_keep_the_accelerometer(mode: bytes) -> None:
    some = board()
    some.receive(mode)
    raw = streamed(some, 2)
    assert stops_in(raw) == [0xC0, 0xC0]
    assert words_in(raw) == [[160, 0xFFB0, 8000], [0, 0, 0]]


def test_raw_words_and_time_stamps_together() -> None:
    some = board()
    some.receive(b"/2<")
    raw = streamed(some, 3)
    assert stops_in(raw) == [0xC5, 0xC6, 0xC6]
    assert [words[0] for words in words_in(raw)] == [512] * 3
    assert np.diff(board_ms_in(raw)).tolist() == [4, 4]


def test_a_marker_is_sent_once_and_in_its_mode_only() -> None:
    some = board()
    some.receive(b"`1/4")
    raw = streamed(some, 3)
    assert [words[0] for words in words_in(raw)] == [ord("1"), 0, 0]
    some.receive(b"`7")
    some.packets(0)
    assert [words[0] for words in words_in(some.packets(2))] == [ord("7"), 0]


def test_a_reset_restores_channels_but_neither_mode_nor_time_stamps() -> None:
    some = board(100.0, 200.0)
    some.receive(b"/4<x1000110X0")
    some.receive(b"v")
    raw = streamed(some, 2)
    assert stops_in(raw) == [0xC5, 0xC6]
    assert counts_in(raw)[0, :3].tolist() == [100, 200, 0]
