"""The virtual Ganglion: both firmwares, its commands, its values."""

import numpy as np
import pytest

from device_events import pop_events
from sanctuary.firmware_bridge.headbands.ganglion import GanglionCodec
from sanctuary.firmware_bridge.headbands.headband import Contact, DeviceText
from sanctuary.simulator.devices.gatt import Notification
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_ganglion import (
    COMMANDS,
    REVISION,
    STEP_UV,
    VirtualGanglion,
    differences,
    upper_bits,
)

WIDTH_UV = {2: 2 * STEP_UV * 101, 3: 64 * STEP_UV}
"""What the packing may lose: a bit a difference, adding up for a cycle; or the bits below the upper ones."""


def started(firmware: int, commands: bytes = b"b", **options: object) -> VirtualGanglion:
    board = VirtualGanglion(NoiseSource(3, 60.0), firmware=firmware, **options)
    board.connect(0.0)
    board.write(COMMANDS, commands, 0.0)
    return board


def decoded(codec: GanglionCodec, notifications: list[Notification]) -> np.ndarray:
    return np.hstack([run.uv for each in notifications for run in codec.push(each.data)])


@pytest.mark.parametrize("firmware", [2, 3])
@pytest.mark.parametrize("commands", [b"b", b"nb"])
def test_values_are_those_of_the_source_as_far_as_the_packing_goes(firmware: int, commands: bytes) -> None:
    board = started(firmware, commands)
    notifications = [each for tick in range(500) for each in board.advance(0.02 * tick)]
    assert {len(each.data) for each in notifications} == {20}
    uv = decoded(GanglionCodec(firmware=firmware), notifications)
    truth = NoiseSource(3, 60.0).render(uv.shape[1])
    np.testing.assert_allclose(uv[:2], truth, rtol=0, atol=2.1 * WIDTH_UV[firmware])
    assert np.abs(uv[2:]).max() <= WIDTH_UV[firmware]
    assert uv.shape[1] == pytest.approx(9.98 * 200, abs=3)


@pytest.mark.parametrize(("firmware", "told"), [(2, b"2.0.0"), (3, b"3.0.2")])
def test_it_tells_its_firmware(firmware: int, told: bytes) -> None:
    board = VirtualGanglion(NoiseSource(1), firmware=firmware)
    assert board.read(REVISION) == told
    assert board.read(COMMANDS) == b""


def test_channels_off_and_on_and_the_square_signal() -> None:
    board = started(3, b"1b")
    assert not decoded(GanglionCodec(firmware=3), board.advance(1.0))[0].any()
    board.write(COMMANDS, b"!", 1.0)
    assert decoded(GanglionCodec(firmware=3), board.advance(2.0))[0].any()
    board.write(COMMANDS, b"[", 2.0)
    square = decoded(GanglionCodec(firmware=3), board.advance(6.0))[0]
    assert set(np.rint(np.abs(square))) == {187.0}
    board.write(COMMANDS, b"]s", 6.0)
    assert board.advance(7.0) == []


def test_impedances_come_until_they_are_not_wanted() -> None:
    board = started(3, b"z")
    codec = GanglionCodec(firmware=3)
    for each in board.advance(0.1):
        assert codec.push(each.data) == []
    notices = pop_events(codec)
    assert [notice.kohm for notice in notices if isinstance(notice, Contact)] == [12.0, 15.0, 18.0, 21.0]
    board.write(COMMANDS, b"Z", 0.2)
    assert board.advance(5.0) == []


def test_a_reset_tells_who_it_is_and_connecting_is_one() -> None:
    board = started(3)
    assert board.streaming
    codec = GanglionCodec(firmware=3)
    for each in board.write(COMMANDS, b"v", 1.0):
        codec.push(each.data)
    (said,) = pop_events(codec)
    assert isinstance(said, DeviceText)
    assert "OpenBCI Ganglion v3.0.2" in said.text
    assert not board.streaming
    board.write(COMMANDS, b"b", 2.0)
    board.disconnect(3.0)
    assert not board.streaming
    assert board.write(REVISION, b"b", 3.0) == []


def test_a_crystal_that_is_off() -> None:
    board = started(3, fs_hz=201.0)
    assert decoded(GanglionCodec(firmware=3), board.advance(50.0)).shape[1] == pytest.approx(50 * 201, abs=2)


# --- on the wire; bytes and counts that BrainFlow and an independent decoder agree upon ---

RAW = (1000, -2000, 8_388_607, -8_388_608)


@pytest.mark.parametrize(
    ("last", "first", "second", "n_bits", "data"),
    [
        (
            RAW,
            (990, -1990, 8_388_307, -8_388_308),
            (970, -1970, 8_391_307, -8_391_308),
            19,
            "00015fffdc00967fed500029fffb7fa2480bb8",
        ),
        (
            (970, -1970, 8_391_307, -8_391_308),
            (-199_030, 198_030, 8_260_235, -8_260_236),
            (-199_030, 198_028, 8_260_236, -8_260_237),
            19,
            "61a813cb05000060001000000000bffff80000",
        ),
        (
            (-199_030, 198_028, 8_260_237, -8_260_236),
            (-199_034, 198_032, 8_260_137, -8_260_136),
            (-199_040, 198_038, 8_259_137, -8_259_136),
            18,
            "00013fffd00193ff9d0001bfffb00fa3fc19",
        ),
    ],
)
def test_firmware_2_packs_differences(
    last: tuple[int, ...], first: tuple[int, ...], second: tuple[int, ...], n_bits: int, data: str
) -> None:
    assert differences(last, first, second, n_bits).hex() == data


@pytest.mark.parametrize(
    ("first", "second", "n_bits", "data"),
    [
        (
            (1000, -1000, 8_388_607, -8_388_608),
            (64, -64, 31, -1),
            19,
            "0003dfff85ffff4000100005ffffc00007ffff",
        ),
        ((1000, -1000, 8_388_607, -8_388_608), (64, -64, 63, -1), 18, "0003bfff17fffa000100003ffff00003ffff"),
        ((128, -128, 0, -129), (6400, -6400, 100_000, -100_000), 18, "0000bffff00003fffd00193ff9d0186bf9e5"),
    ],
)
def test_firmware_3_packs_upper_bits(
    first: tuple[int, ...], second: tuple[int, ...], n_bits: int, data: str
) -> None:
    assert upper_bits(first, second, n_bits).hex() == data


@pytest.mark.parametrize(
    ("firmware", "commands", "ids"),
    [
        (2, b"b", [0, *range(101, 201)]),
        (2, b"nb", [0, *range(1, 101)]),
        (3, b"b", list(range(100, 200))),
        (3, b"nb", list(range(100))),
    ],
)
def test_notifications_are_numbered_in_cycles(firmware: int, commands: bytes, ids: list[int]) -> None:
    sent = started(firmware, commands).advance(4.1)
    found = [each.data[0] for each in sent]
    assert len(found) > 3 * len(ids)
    assert found == (ids * 5)[: len(found)]


def test_the_first_of_firmware_2_is_a_whole_sample() -> None:
    class Two:
        def render(self, n_samples: int) -> np.ndarray:
            return np.repeat([[1000 * STEP_UV], [-2000 * STEP_UV], [np.nan], [-1e9]], n_samples, axis=1)

    board = VirtualGanglion(Two(), firmware=2)
    board.write(COMMANDS, b"b", 0.0)
    assert board.advance(0.1)[0].data.hex() == "000003e8fff8307fffff80000041424344454647"


def test_acceleration_comes_with_numbers_that_end_in_one_to_three() -> None:
    sent = [each.data for each in started(3, b"nb").advance(1.0)]
    at_rest = {1: 2, 2: -1, 3: 62}
    assert [int.from_bytes(data[19:], signed=True) for data in sent] == [
        at_rest.get(data[0] % 10, 0) for data in sent
    ]


def test_impedance_rests_the_stream_that_goes_on_afterwards() -> None:
    board = started(3, b"b", impedance_ohm=(1, 22, 333, 4444, 55_555))
    board.advance(1.0)
    board.write(COMMANDS, b"z", 1.0)
    sent = [each.data for each in board.advance(1.1)]
    assert [data.rstrip(b"\0") for data in sent] == [
        b"\xc91Z\n", b"\xca22Z\n", b"\xcb333Z\n", b"\xcc4444Z\n", b"\xcd55555Z\n"
    ]  # fmt: skip
    assert board.advance(1.3) == []
    assert len(board.advance(1.6)) == 5
    board.write(COMMANDS, b"Z", 1.7)
    assert [each.data[0] for each in board.advance(2.0)] == list(range(100, 130))


@pytest.mark.parametrize("command", [b"~~", b"~6", b"~"])
def test_it_tells_its_rate(command: bytes) -> None:
    board = VirtualGanglion(NoiseSource(1))
    told = [each.data for each in board.write(COMMANDS, command, 0.0)]
    if len(command) == 1:
        told = [each.data for each in board.write(COMMANDS, b"~", 0.1)]
    assert [data[0] for data in told] == [206, 207]
    assert b"".join(data[1:] for data in told).rstrip(b"\0") == b"Success: Sample rate is 200Hz\n"


def test_firmware_3_may_leave_out_one_sample_in_201() -> None:
    class Ramp:
        def __init__(self) -> None:
            self.at = 0

        def render(self, n_samples: int) -> np.ndarray:
            uv = np.arange(self.at, self.at + n_samples) * 64 * STEP_UV
            self.at += n_samples
            return np.stack([uv, uv])

    board = VirtualGanglion(Ramp(), omits=True)
    board.write(COMMANDS, b"b", 0.0)
    sent = [each for tick in range(1, 701) for each in board.advance(0.01 * tick)]
    found = np.rint(decoded(GanglionCodec(firmware=3), sent)[0] / STEP_UV / 64).astype(int)
    assert found.size == pytest.approx(7 * 200 * 200 / 201, abs=2)
    np.testing.assert_array_equal(found, [k for k in range(1500) if k % 201 != 200][: found.size])


def test_there_are_two_firmwares() -> None:
    with pytest.raises(ValueError, match="must be 2 or 3"):
        VirtualGanglion(NoiseSource(1), firmware=4)
