"""The Athena's codec: a recorded vector, packets in the order of their index, losses by its own clock."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muse_wire import answer, athena_eeg, athena_packet
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.codecs.athena.decoder import GIVE_UP, AthenaCodec
from sanctuary.firmware_bridge.codecs.athena.packet import (
    UV_PER_COUNT,
    ZERO,
    AthenaPacket,
    split,
    unpack_eeg,
)
from sanctuary.firmware_bridge.codecs.base import MAX_NOTICES, Battery, Run, Said

# OpenMuse, tests/test_data/data_p1041.txt, line 1: its header and first block
HEADER = bytes.fromhex("f00000f349e58993011200660100")
BLOCK = bytes.fromhex("ffffff0f000000281d18c8ebc5f3f1e8bcda542933c2995077bffdff")
RAW = [
    [16383, 16383, 0, 0, 7464, 8288, 7868, 15601],
    [10481, 10995, 5453, 3274, 6594, 7490, 7159, 16383],
]
DATA = 0x13


def eeg_packet(index: int, jitter_ms: float = 0.0) -> bytes:
    """Six blocks of four samples; every count tells the sample's number; on time by its own clock."""
    samples = [[(24 * index + k) % 16_384] * 4 for k in range(24)]
    blocks = [(0x11, athena_eeg(samples[at : at + 4])) for at in range(0, 24, 4)]
    return athena_packet(index, 10**9 + round((24 * (index + 1)) / 0.256 + jitter_ms), blocks)


def numbers(runs: list[Run]) -> np.ndarray:
    told: list[np.ndarray] = []
    for run in runs:
        told += [np.full(run.lost, np.nan), np.rint(run.uv[0] / UV_PER_COUNT) + ZERO]
    return np.concatenate(told) if told else np.empty(0)


def right(told: np.ndarray) -> bool:
    there = np.flatnonzero(~np.isnan(told))
    return bool((told[there] == there % 16_384).all())


def feed(codec: AthenaCodec, packets: list[bytes]) -> list[Run]:
    return [run for packet in packets for run in codec.feed(packet, DATA)]


def test_the_recorded_block() -> None:
    np.testing.assert_array_equal(np.rint(unpack_eeg([BLOCK], 8).T / UV_PER_COUNT) + ZERO, RAW)
    first = [724.9557, 724.9557, -725.0443, -725.0443, -64.4, 8.5, -28.7, 655.7]
    np.testing.assert_allclose(unpack_eeg([BLOCK], 8)[:, 0], first, atol=0.05)
    np.testing.assert_allclose(unpack_eeg([BLOCK], 8)[:4, 0], first[:4], atol=1e-4)


def test_the_recorded_header() -> None:
    packet = AthenaPacket.from_bytes(HEADER + BLOCK + bytes(0xF0 - 14 - 28))
    assert (packet.index, packet.time_ms) == (0, 0x019389E549F3)
    assert packet.blocks[0].tag == 0x12
    assert packet.blocks[0].data == BLOCK


@pytest.mark.parametrize("raw", [b"", b"\x05" * 5, b"\x20" + bytes(13)])
def test_what_is_no_packet(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an Athena packet"):
        AthenaPacket.from_bytes(raw)


def test_notifications_are_cut_into_packets() -> None:
    one, two = eeg_packet(0), eeg_packet(1)
    assert split(one + two + b"\x99\x01") == ([one, two], 2)


def test_all_there_and_the_index_goes_round() -> None:
    packets = [
        athena_packet(65_530 + k, 10**9 + 94 * k, [(0x11, athena_eeg([[k] * 4] * 4))]) for k in range(20)
    ]
    runs = feed(AthenaCodec(), packets)
    told = numbers(runs)
    np.testing.assert_array_equal(told, np.repeat(np.arange(20), 4))


@given(st.sets(st.integers(5, 190), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_lost_packets_leave_their_places_and_neighbours_may_change_places(
    lost: set[int], chance: object
) -> None:
    kept = [k for k in range(200) if k not in lost]
    if np.diff(kept).max(initial=1) > 12:
        return
    order = list(kept)
    for at in range(6, len(order) - 8, 9):
        if chance.random() < 0.4:
            order[at], order[at + 1] = order[at + 1], order[at]
    packets = [eeg_packet(k, chance.uniform(0.0, 6.0)) for k in order]
    codec = AthenaCodec()
    told = numbers(feed(codec, packets))
    assert right(told)
    assert codec.lost == 24 * len([k for k in lost if k < kept[-1 - GIVE_UP]]) or lost & set(range(180, 200))
    assert codec.bad == 0


def test_a_lost_packet_without_samples_is_no_loss_of_samples() -> None:
    motion = bytes(36)
    packets = []
    for k in range(100):
        packets.append(
            athena_packet(2 * k, 10**9 + round(94 * (k + 1)), [(0x11, athena_eeg([[k] * 4] * 4))] * 6)
        )
        packets.append(athena_packet(2 * k + 1, 10**9 + 94 * (k + 1), [(0x47, motion)]))
    del packets[81], packets[51]
    codec = AthenaCodec()
    runs = feed(codec, packets)
    assert codec.lost == 0
    assert sum(run.uv.shape[1] for run in runs) == 2400


def test_repeated_packets_are_left_out_and_a_restart_is_followed() -> None:
    codec = AthenaCodec()
    feed(codec, [eeg_packet(k) for k in range(40_000, 40_030)])
    assert feed(codec, [eeg_packet(40_029)]) == []
    assert codec.bad == 1
    runs = feed(codec, [eeg_packet(k) for k in range(60)])
    assert sum(run.uv.shape[1] for run in runs) > 24 * 40


def test_one_spoilt_index_does_no_harm() -> None:
    packets = [eeg_packet(k) for k in range(60)]
    spoilt = bytearray(packets[30])
    spoilt[2] ^= 0x40
    codec = AthenaCodec()
    told = numbers(feed(codec, [*packets[:30], bytes(spoilt), *packets[30:]]))
    assert right(told)
    assert told.size == 60 * 24


def test_eight_channels_and_those_that_are_not_sent() -> None:
    packet = athena_packet(0, 10**9, [(0x12, BLOCK)])
    (run,) = AthenaCodec((8, 1)).feed(packet, DATA)
    np.testing.assert_array_equal(np.rint(run.uv / UV_PER_COUNT) + ZERO, np.array(RAW)[:, [7, 0]].T)
    (run,) = AthenaCodec((8, 1)).feed(eeg_packet(0), DATA)
    assert np.isnan(run.uv[0]).all()
    assert not np.isnan(run.uv[1]).any()


def test_battery_motion_and_answers() -> None:
    codec = AthenaCodec()
    motion = np.arange(18, dtype="<i2").tobytes()
    codec.feed(
        athena_packet(0, 10**9, [(0x47, motion), (0x98, (40_000).to_bytes(2, "little").ljust(20))]), DATA
    )
    codec.feed(athena_packet(1, 10**9, [(0x88, (65_535).to_bytes(2, "little") + bytes(190))]), DATA)
    for piece in answer({"bp": 50, "rc": 0}):
        codec.feed(piece, 0x01)
    assert codec.notices() == [Battery(78.125), Said('{"bp":50,"rc":0}'), Battery(50.0)]
    (run,) = codec.feed(eeg_packet(2), DATA)
    assert np.count_nonzero(~np.isnan(run.motion_g[0])) == 3
    codec.feed(athena_packet(3, 10**9, [(0x66, bytes(30))]), DATA)
    assert codec.bad == 1


@given(st.lists(st.tuples(st.sampled_from([1, 0x13, 0x14]), st.binary(max_size=120)), max_size=60))
def test_any_notifications_raise_nothing_and_little_is_kept(told: list[tuple[int, bytes]]) -> None:
    codec = AthenaCodec()
    for source, data in told:
        if data:
            data = bytes((len(data),)) + data[1:]
        for run in codec.feed(data, source):
            assert run.lost >= 0
        assert len(codec._pending) <= GIVE_UP + 1
    assert len(codec.notices()) <= MAX_NOTICES
    assert feed(codec, [eeg_packet(k) for k in range(60)]), "samples flow again"


def test_inputs_that_it_does_not_have() -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        AthenaCodec((9,))
