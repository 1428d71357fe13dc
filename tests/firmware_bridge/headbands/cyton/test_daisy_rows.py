"""A Cyton with a Daisy: two packets a row, halves that are lost, numbers that go round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_events import pop_events
from packet_values import CytonPacket
from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec, DaisyCodec
from sanctuary.firmware_bridge.headbands.cyton.wire import uv_per_count
from sanctuary.firmware_bridge.headbands.headband import DeviceText, SampleRun
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

STEP_UV = uv_per_count()


def packets(first: int, n: int) -> list[bytes]:
    """Packets whose counts tell the row that they belong to."""
    return [
        CytonPacket(k % 256, (k // 2,) * 8, bytes(6) if k % 7 else b"\1\0\0\0\0\0").to_bytes()
        for k in range(first, first + n)
    ]


def rows(runs: list[SampleRun]) -> np.ndarray:
    """Counts, shape (inputs, rows), NaN where lost."""
    told = []
    for run in runs:
        told += [np.full((run.uv.shape[0], run.lost), np.nan), run.uv / STEP_UV]
    return np.hstack(told) if told else np.empty((2, 0))


@pytest.mark.parametrize("first", [0, 1, 254, 255])
def test_rows_begin_with_the_first_whole_one(first: int) -> None:
    told = rows(DaisyCodec((1, 16)).push(b"".join(packets(first, 600))))
    begin = (first + 1 + 1) // 2
    np.testing.assert_allclose(told, np.tile(begin + np.arange(told.shape[1]), (2, 1)), atol=1e-6)
    assert told.shape[1] >= 297


@given(st.sets(st.integers(6, 590), max_size=200), st.integers(1, 400))
@settings(max_examples=60)
def test_a_lost_half_costs_itself_alone(lost: set[int], size: int) -> None:
    kept = [k for k in range(600) if k not in lost]
    if np.diff(kept).max(initial=1) > 200:
        return
    every = packets(0, 600)
    data = b"".join(every[k] for k in kept)
    codec = DaisyCodec((3, 9))
    told = rows([run for at in range(0, len(data), size) for run in codec.push(data[at : at + size])])
    numbers = 1 + np.arange(told.shape[1])
    for row, odd in ((0, 1), (1, 0)):
        there = np.flatnonzero(~np.isnan(told[row]))
        np.testing.assert_allclose(told[row, there], numbers[there], atol=1e-6)
        gone = {k // 2 - 1 for k in lost if k % 2 == odd and k // 2 - 1 < told.shape[1]}
        assert gone <= set(np.flatnonzero(np.isnan(told[row])).tolist())
    assert codec.lost == int(np.isnan(told).all(axis=0).sum()) or lost


def test_the_virtual_board_comes_through_within_one_count() -> None:
    board = VirtualCyton(NoiseSource(1, n_channels=16), daisy=True)
    board.receive(b"b")
    told = np.hstack([run.uv for run in DaisyCodec(range(1, 17)).push(board.packets(2000))])
    source = NoiseSource(1, n_channels=16).render(2000)
    mean = (source[:, 1:] + source[:, :-1]) / 2  # each packet carries the mean of this sample and the last
    n = told.shape[1] - 1
    on_board, daisy = mean[:8, 2 : 2 + 2 * n : 2], mean[8:, 1 : 1 + 2 * n : 2]
    np.testing.assert_allclose(told[:8, :n], on_board, rtol=0, atol=STEP_UV)
    np.testing.assert_allclose(told[8:, :n], daisy, rtol=0, atol=STEP_UV)


def test_motion_and_texts() -> None:
    codec = DaisyCodec((1,))
    runs = codec.push(b"".join(packets(0, 100)))
    motion = np.hstack([run.motion_g for run in runs])
    assert np.count_nonzero(~np.isnan(motion[0])) >= 12
    codec.push(b"Success: all is well$$$" + b"".join(packets(100, 20)))
    assert pop_events(codec) == [DeviceText("Success: all is well")]
    assert codec.garbage > 0
    assert codec.bad == 0


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_raise_nothing(chunks: list[bytes]) -> None:
    codec = DaisyCodec((1, 9))
    for chunk in chunks:
        for run in codec.push(chunk):
            assert run.uv.shape[1] >= 1
            assert run.lost >= 0


@pytest.mark.parametrize("make", [DaisyCodec, CytonCodec])
def test_inputs_that_do_not_exist(make: type) -> None:
    with pytest.raises(ValueError, match="1 to"):
        make((17,))


def test_the_plain_board_has_microvolts_motion_and_texts() -> None:
    codec = CytonCodec((2, 1), gain=12)
    runs = codec.push(b"OpenBCI$$$" + b"".join(packets(0, 20)))
    (run,) = runs
    np.testing.assert_allclose(run.uv[0], (np.arange(run.uv.shape[1]) // 2) * uv_per_count(12))
    assert np.count_nonzero(~np.isnan(run.motion_g[0])) == 3
    assert pop_events(codec) == [DeviceText("OpenBCI")]
    assert (codec.lost, codec.bad, codec.garbage) == (0, 0, 10)
