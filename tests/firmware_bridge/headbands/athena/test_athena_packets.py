"""Packets and blocks of the Athena: a recorded vector, every kind of block, what cannot be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muse_wire import AthenaWriter, athena_eeg
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.muse.athena import (
    BATTERY,
    BATTERY_NEW,
    LENGTHS,
    UV_PER_COUNT,
    ZERO,
    AthenaPacket,
    BlockCount,
    split,
    unpack_eeg,
    unpack_motion,
)

# OpenMuse, tests/test_data/data_p1041.txt, line 1: its header and first block
HEADER = bytes.fromhex("f00000f349e58993011200660100")
BLOCK = bytes.fromhex("ffffff0f000000281d18c8ebc5f3f1e8bcda542933c2995077bffdff")
RAW = [
    [16383, 16383, 0, 0, 7464, 8288, 7868, 15601],
    [10481, 10995, 5453, 3274, 6594, 7490, 7159, 16383],
]
ROW_1_UV = [724.9557, 724.9557, -725.0443, -725.0443, -64.4, 8.5, -28.7, 655.7]


def test_the_recorded_block() -> None:
    uv = unpack_eeg([BLOCK], 8)
    np.testing.assert_array_equal(np.rint(uv.T / UV_PER_COUNT) + ZERO, RAW)
    np.testing.assert_allclose(uv[:4, 0], ROW_1_UV[:4], atol=5e-5)
    np.testing.assert_allclose(uv[4:, 0], ROW_1_UV[4:], atol=0.05)


def test_the_recorded_header() -> None:
    rest = (bytes((0x12, n, 0, 0, 0)) + BLOCK for n in range(1, 7))
    packet = AthenaPacket.from_bytes(HEADER + BLOCK + b"".join(rest))
    assert (packet.index, packet.clock, packet.whole) == (0, 0x019389E549F3, True)
    assert [(block.tag, block.number, block.data) for block in packet.blocks] == [
        (0x12, n, BLOCK) for n in range(7)
    ]


@given(st.lists(st.lists(st.integers(0, 16_383), min_size=4, max_size=4), min_size=4, max_size=4))
def test_fourteen_bits_least_significant_first(samples: list[list[int]]) -> None:
    uv = unpack_eeg([athena_eeg(samples), athena_eeg(samples[::-1])], 4)
    np.testing.assert_allclose(uv.T, (np.array(samples + samples[::-1]) - 8192) * 1450 / 16_383)


def test_acceleration_in_g() -> None:
    data = np.array([[16_384, -8192, 0, 99, 99, 99]] * 3, dtype="<i2").tobytes()
    np.testing.assert_array_equal(unpack_motion(data), [[1.0] * 3, [-0.5] * 3, [0.0] * 3])


@given(st.lists(st.sampled_from(sorted(LENGTHS)), min_size=1, max_size=5), st.integers(0, 65_535))
def test_blocks_of_all_kinds_in_any_order(tags: list[int], index: int) -> None:
    written = [(tag, bytes((at,)) * LENGTHS[tag]) for at, tag in enumerate(tags)]
    packet = AthenaPacket.from_bytes(AthenaWriter(index).packet(*written, clock=2**47))
    assert (packet.index, packet.clock, packet.whole) == (index, 2**47, True)
    assert [(block.tag, block.data) for block in packet.blocks] == written
    assert [block.number for block in packet.blocks] == [tags[:at].count(tag) for at, tag in enumerate(tags)]


def test_blocks_may_follow_a_newer_battery_or_none() -> None:
    for rest, tags in [(b"", [BATTERY_NEW]), (bytes(180), [BATTERY_NEW])]:
        packet = AthenaPacket.from_bytes(AthenaWriter().packet((BATTERY_NEW, bytes(20) + rest)))
        assert [block.tag for block in packet.blocks] == tags
        assert packet.whole
    packet = AthenaPacket.from_bytes(AthenaWriter().packet((BATTERY_NEW, bytes(20)), (0x12, BLOCK)))
    assert [block.tag for block in packet.blocks] == [BATTERY_NEW, 0x12]


@pytest.mark.parametrize("rest", [b"\x66" + bytes(60), b"\x12\0\0\0\0" + BLOCK[:-1], b"\x12"])
def test_what_cannot_be_read_ends_the_packet(rest: bytes) -> None:
    raw = bytearray(AthenaWriter().packet((0x12, BLOCK), (BATTERY, bytes(20))) + rest)
    raw[0] = len(raw)
    packet = AthenaPacket.from_bytes(bytes(raw))
    assert [block.tag for block in packet.blocks] == [0x12, BATTERY]
    assert not packet.whole


@pytest.mark.parametrize("raw", [b"", b"\x05" * 5, b"\x20" + bytes(13), b"\x0d" + bytes(12)])
def test_what_is_no_packet(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an Athena packet"):
        AthenaPacket.from_bytes(raw)


def test_notifications_are_cut_into_packets() -> None:
    writer = AthenaWriter()
    one, two = writer.eeg(2), writer.eeg(1)
    assert split(one + two) == ([one, two], 0)
    assert split(one + two + b"\x99\x01") == ([one, two], 2)
    assert split(one + two[:-1]) == ([one], len(two) - 1)
    assert split(b"\0" * 20 + one) == ([], 20 + len(one))


@given(st.integers(1, 300), st.integers(1, 7), st.integers(0, 255))
def test_blocks_lost_in_many_packets(missing: int, per_packet: int, first: int) -> None:
    count = BlockCount()
    number = first
    for _ in range(20):
        assert count.missing_before(number % 256, per_packet, 0) == 0
        count.count_packet(per_packet)
        number += per_packet
    lost = missing * per_packet
    assert count.missing_before((number + lost) % 256, per_packet, missing) == lost


def test_firmware_that_does_not_number_its_blocks_is_taken_at_its_mean() -> None:
    count = BlockCount()
    for n in (2, 4, 2, 4, 2, 4):
        assert count.missing_before(0, n, 0) == 0
        count.count_packet(n)
    assert count.missing_before(0, 3, 100) == 300


def test_more_blocks_than_the_missing_packets_can_hold_are_a_spoilt_number() -> None:
    count = BlockCount()
    for number in range(0, 60, 3):
        count.missing_before(number, 3, 0)
        count.count_packet(3)
    assert count.missing_before(200, 3, 1) == 3
