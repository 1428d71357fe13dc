"""ThinkGear frames as values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packet_values import ThinkGearFrame
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.thinkgear import MAX_PAYLOAD_BYTES, ThinkGearRow, rows_of

# worked out by hand from the stream's description
VECTORS = [
    ("aaaa048002fed4ab", [ThinkGearRow(0x80, b"\xfe\xd4")]),
    ("aaaa0202c835", [ThinkGearRow(0x02, b"\xc8")]),
    (
        "aaaa0602000435053d82",
        [ThinkGearRow(0x02, b"\x00"), ThinkGearRow(0x04, b"\x35"), ThinkGearRow(0x05, b"\x3d")],
    ),
]

short_rows = st.builds(
    ThinkGearRow,
    st.integers(0, 0x7F).filter(lambda c: c != 0x55),
    st.binary(min_size=1, max_size=1),
    st.integers(0, 3),
)
long_rows = st.builds(
    ThinkGearRow,
    st.integers(0x81, 0xFF).filter(lambda c: c != 0xAA),
    st.binary(max_size=20),
    st.integers(0, 3),
)
raw_rows = st.builds(ThinkGearRow, st.just(0x80), st.binary(min_size=2, max_size=2))
frames = st.lists(short_rows | long_rows | raw_rows, max_size=6).map(tuple).map(ThinkGearFrame)


@pytest.mark.parametrize(("text", "rows"), VECTORS)
def test_vectors_are_read_and_written(text: str, rows: list[ThinkGearRow]) -> None:
    frame = ThinkGearFrame(tuple(rows))
    assert ThinkGearFrame.from_bytes(bytes.fromhex(text)) == frame
    assert frame.to_bytes() == bytes.fromhex(text)


def test_the_raw_sample_of_the_vector_is_minus_300() -> None:
    (row,) = ThinkGearFrame.from_bytes(bytes.fromhex("aaaa048002fed4ab")).rows
    assert int.from_bytes(row.value, "big", signed=True) == -300


@given(frames)
def test_a_frame_written_is_read_again(frame: ThinkGearFrame) -> None:
    assert ThinkGearFrame.from_bytes(frame.to_bytes()) == frame


def test_each_55_is_one_level() -> None:
    assert rows_of(bytes.fromhex("55558003010203" + "5504fe")) == [
        ThinkGearRow(0x80, b"\1\2\3", 2),
        ThinkGearRow(0x04, b"\xfe", 1),
    ]


@pytest.mark.parametrize(
    "payload", ["55", "020055", "02", "80", "8002fe", "800101", "8003010203", "aa", "aa00"]
)
def test_rows_that_do_not_fill_the_payload_are_none(payload: str) -> None:
    assert rows_of(bytes.fromhex(payload)) is None


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("", "not a ThinkGear frame:  (0 bytes)"),
        ("aaaa00", "not a ThinkGear frame"),
        ("aaab0202c835", "not a ThinkGear frame"),
        ("aaaa0302c835", "not a ThinkGear frame"),
        ("aaaa0202c836", "checksum 36, expected 35"),
        ("aaaa0102fd", "rows that do not fill the frame"),
        ("aaaaaa" + "0201" * 85 + "00", "not fill the frame"),
    ],
)
def test_what_is_no_frame_is_refused_and_shown(raw: str, why: str) -> None:
    data = bytes.fromhex(raw)
    if len(data) > 170:  # a payload of 170 bytes, one more than there can be
        data = data[:-1] + bytes([~sum(data[3:-1]) & 0xFF])
    with pytest.raises(ProtocolError, match=re.escape(why)):
        ThinkGearFrame.from_bytes(data)


@pytest.mark.parametrize(
    ("code", "value", "level"),
    [
        (0x55, b"\0", 0),
        (0xAA, b"", 0),
        (-1, b"\0", 0),
        (256, b"", 0),
        (2, b"", 0),
        (2, b"12", 0),
        (2, b"\0", -1),
    ],
)
def test_rows_that_cannot_be_are_refused(code: int, value: bytes, level: int) -> None:
    with pytest.raises(ValueError, match="Row"):
        ThinkGearRow(code, value, level)


def test_more_rows_than_fit_are_refused() -> None:
    full = (ThinkGearRow(2, b"\0"),) * (MAX_PAYLOAD_BYTES // 2)
    assert len(ThinkGearFrame(full).to_bytes()) == 172
    with pytest.raises(ValueError, match="rows of 170 bytes: a frame holds 169"):
        ThinkGearFrame((*full, ThinkGearRow(2, b"\0")))
