"""What a virtual Athena sends, byte by byte: packets, blocks, numbers, clock."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sanctuary.simulator.devices.muse_control import uuid
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_athena import EEG_8, VirtualAthena, eeg_blocks

STEP_UV = 1450 / 16_383
HEADER_BYTES, BLOCK_HEADER_BYTES = 9, 5
DATA_BYTES = {0x11: 28, 0x12: 28, 0x34: 30, 0x35: 40, 0x36: 40, 0x47: 36, 0x98: 20}


def tell(device: VirtualAthena, text: str, now_s: float = 0.0) -> bytes:
    letters = text.encode() + b"\n"
    return b"".join(each.data for each in device.write(uuid(1), bytes((len(letters),)) + letters, now_s))


def streaming(preset: str = "p21", **options: object) -> VirtualAthena:
    device = VirtualAthena(NoiseSource(4, 50.0), **options)  # type: ignore[arg-type]
    device.connect(0.0)
    for text in (preset, "dc001", "dc001"):
        assert b'"rc":0' in tell(device, text)
    return device


def packets(device: VirtualAthena, until_s: float, tick_s: float = 0.05) -> list[bytes]:
    """Take notifications apart into packets."""
    found = []
    for tick in range(1, round(until_s / tick_s) + 1):
        for notification in device.advance(tick * tick_s):
            assert notification.uuid == uuid(0x13)
            assert len(notification.data) <= 244
            rest = notification.data
            while rest:
                assert rest[0] <= len(rest)
                found.append(rest[: rest[0]])
                rest = rest[rest[0] :]
    return found


def blocks(packet: bytes) -> list[tuple[int, int, bytes]]:
    """Tag, number and data of a packet's blocks."""
    found, at = [], HEADER_BYTES
    while at < len(packet):
        tag, number = packet[at], packet[at + 1]
        size = DATA_BYTES.get(tag, len(packet))
        found.append((tag, number, packet[at + BLOCK_HEADER_BYTES : at + BLOCK_HEADER_BYTES + size]))
        at += BLOCK_HEADER_BYTES + size
    return found


def all_blocks(sent: list[bytes], tag: int) -> list[bytes]:
    return [data for packet in sent for kind, _, data in blocks(packet) if kind == tag]


def values(data: bytes, n_bits: int) -> list[int]:
    """Values of a block, bit by bit."""
    bits = [data[k // 8] >> k % 8 & 1 for k in range(len(data) * 8)]
    return [
        sum(bit << k for k, bit in enumerate(bits[at : at + n_bits])) for at in range(0, len(bits), n_bits)
    ]


def test_samples_are_packed_as_in_a_recorded_block() -> None:
    # OpenMuse's first recorded block, without the -8192 that it leaves out
    counts = [
        [16383, 16383, 0, 0, 7464, 8288, 7868, 15601],
        [10481, 10995, 5453, 3274, 6594, 7490, 7159, 16383],
    ]
    uv = (np.array(counts).T - 8192) * STEP_UV
    (block,) = eeg_blocks(uv, EEG_8)
    assert block.hex() == "ffffff0f000000281d18c8ebc5f3f1e8bcda542933c2995077bffdff"


def test_packets_are_counted_over_all_kinds_and_blocks_within_theirs() -> None:
    sent = packets(streaming(index=65_500), 30.0)
    assert [int.from_bytes(each[1:3], "little") for each in sent] == [
        (65_500 + k) % 65_536 for k in range(len(sent))
    ]
    numbers: dict[int, list[int]] = {}
    for packet in sent:
        assert packet[0] == len(packet)
        assert packet[13] == 0
        for tag, number, _ in blocks(packet):
            numbers.setdefault(tag, []).append(number)
    assert set(numbers) == {0x11, 0x47, 0x98}
    for found in numbers.values():
        assert found == [k % 256 for k in range(len(found))]
    assert any(len({tag for tag, _, _ in blocks(packet)}) > 1 for packet in sent)


def test_several_packets_may_share_a_notification() -> None:
    notifications = streaming().advance(10.0)
    assert any(each.data[0] < len(each.data) for each in notifications)


def test_kinds_come_at_their_rates() -> None:
    sent = packets(streaming(), 20.0)
    assert len(all_blocks(sent, 0x11)) == pytest.approx(20 * 64, abs=6)
    assert len(all_blocks(sent, 0x47)) == pytest.approx(20 * 52 / 3, abs=2)
    assert len(all_blocks(sent, 0x98)) == 3


@pytest.mark.parametrize(
    ("preset", "eeg", "optics"),
    [
        ("p21", 0x11, None),
        ("p61", 0x11, None),
        ("p1035", 0x11, (0x34, 64 / 3)),
        ("p1034", 0x12, (0x35, 32)),
        ("p1041", 0x12, (0x36, 64)),
        ("p1045", 0x12, (0x34, 64 / 3)),
    ],
)
def test_presets_choose_channels_and_lights(preset: str, eeg: int, optics: tuple[int, float] | None) -> None:
    sent = packets(streaming(preset), 6.0)
    tags = {tag for packet in sent for tag, _, _ in blocks(packet)}
    assert tags == {eeg, 0x47, 0x98} | ({optics[0]} if optics else set())
    if optics:
        lights = all_blocks(sent, optics[0])
        assert len(lights) == pytest.approx(6 * optics[1], abs=3)
        assert values(lights[0], 20)[:4] == [20_000, 40_000, 60_000, 80_000]


def test_an_unknown_preset_is_refused() -> None:
    device = VirtualAthena(NoiseSource(1))
    assert b'"rc":1' in tell(device, "p9999")
    assert device.preset == "p21"


@pytest.mark.parametrize(("preset", "n_channels"), [("p21", 4), ("p1041", 8)])
def test_values_are_those_of_the_source(preset: str, n_channels: int) -> None:
    sent = packets(streaming(preset), 4.0)
    tag = 0x11 if n_channels == 4 else 0x12
    rows = [value for data in all_blocks(sent, tag) for value in values(data, 14)]
    uv = (np.array(rows).reshape(-1, n_channels).T - 8192) * STEP_UV
    truth = NoiseSource(4, 50.0).render(uv.shape[1])
    np.testing.assert_allclose(uv[1:3], truth, rtol=0, atol=STEP_UV / 2 + 1e-9)
    np.testing.assert_allclose(uv[[0, 3]], truth / 2, rtol=0, atol=STEP_UV / 2 + 1e-9)
    assert not uv[4:].any()


def test_motion_is_little_endian() -> None:
    data = all_blocks(packets(streaming(), 1.0), 0x47)[0]
    found: NDArray[np.int16] = np.frombuffer(data, dtype="<i2").reshape(3, 6)
    np.testing.assert_array_equal(found, [[500, -350, 16_300, 12, -7, 3]] * 3)


def test_the_clock_runs_in_milliseconds_and_steps_back_now_and_then() -> None:
    sent = packets(streaming(), 60.0)
    clock_ms = np.array([int.from_bytes(each[3:9], "little") for each in sent])
    assert clock_ms.max() - clock_ms.min() == pytest.approx(60_000, abs=300)
    assert 41 <= (np.diff(clock_ms) < 0).sum() <= 153


@pytest.mark.parametrize(("new", "tag", "size"), [(False, 0x98, 20), (True, 0x88, 200)])
def test_the_battery_has_a_packet_to_itself(new: bool, tag: int, size: int) -> None:
    device = streaming(new_battery=new)
    sent = [each for each in packets(device, 1.0) if each[9] == tag]
    assert [len(each) for each in sent] == [HEADER_BYTES + BLOCK_HEADER_BYTES + size]
    assert int.from_bytes(sent[0][14:16], "little") / 512 == device.battery_percent


def test_packets_count_anew_with_each_connection() -> None:
    device = streaming()
    assert packets(device, 2.0)[-1][1] > 10
    device.disconnect(2.0)
    device.connect(3.0)
    for text in ("dc001", "dc001"):
        tell(device, text, 3.0)
    assert device.advance(4.0)[0].data[1:3] == b"\0\0"


def test_a_preset_that_comes_while_it_streams_waits_for_the_next_start() -> None:
    device = streaming()
    tell(device, "p1041")
    assert not all_blocks(packets(device, 1.0), 0x12)
    for text in ("h", "dc001", "dc001"):
        tell(device, text, 1.0)
    later = [each.data for each in device.advance(2.0)]
    assert any(0x12 in {tag for tag, _, _ in blocks(each[: each[0]])} for each in later)
