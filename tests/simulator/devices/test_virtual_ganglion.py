"""The virtual Ganglion: both firmwares, its commands, its values."""

import numpy as np
import pytest

from sanctuary.firmware_bridge.codecs.base import Contact, Said
from sanctuary.firmware_bridge.codecs.ganglion.decoder import GanglionCodec
from sanctuary.simulator.devices.ganglion import COMMANDS, REVISION, STEP_UV, VirtualGanglion
from sanctuary.simulator.devices.gatt import Notification
from sanctuary.simulator.devices.source import NoiseSource

WIDTH_UV = {2: 2 * STEP_UV * 101, 3: 64 * STEP_UV}
"""What the packing may lose: a bit a difference, adding up for a cycle; or the bits below the upper ones."""


def started(firmware: int, commands: bytes = b"b", **options: object) -> VirtualGanglion:
    board = VirtualGanglion(NoiseSource(3, 60.0), firmware=firmware, **options)
    board.connect(0.0)
    board.write(COMMANDS, commands, 0.0)
    return board


def decoded(codec: GanglionCodec, notifications: list[Notification]) -> np.ndarray:
    return np.hstack([run.uv for each in notifications for run in codec.feed(each.data)])


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
        assert codec.feed(each.data) == []
    notices = codec.notices()
    assert [notice.kohm for notice in notices if isinstance(notice, Contact)] == [12.0, 15.0, 18.0, 21.0]
    board.write(COMMANDS, b"Z", 0.2)
    assert board.advance(5.0) == []


def test_a_reset_tells_who_it_is_and_connecting_is_one() -> None:
    board = started(3)
    assert board.streaming
    codec = GanglionCodec(firmware=3)
    for each in board.write(COMMANDS, b"v", 1.0):
        codec.feed(each.data)
    (said,) = codec.notices()
    assert isinstance(said, Said)
    assert "OpenBCI Ganglion v3.0.2" in said.text
    assert not board.streaming
    board.write(COMMANDS, b"b", 2.0)
    board.disconnect(3.0)
    assert not board.streaming
    assert board.write(REVISION, b"b", 3.0) == []


def test_a_crystal_that_is_off() -> None:
    board = started(3, fs_hz=201.0)
    assert decoded(GanglionCodec(firmware=3), board.advance(50.0)).shape[1] == pytest.approx(50 * 201, abs=2)
