"""What a codec keeps back until it is confirmed is no delay: times are those of the samples given out."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec, DaisyCodec
from sanctuary.firmware_bridge.headbands.freeeeg import FreeEegCodec
from sanctuary.firmware_bridge.headbands.headband import Codec
from sanctuary.simulator.devices.board_port import SerialBoard
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg

PACKETS_HZ = 250.0


@pytest.mark.parametrize(
    ("make", "board", "per_sample", "before"),
    [
        (lambda: CytonCodec((1, 2)), VirtualCyton, 1, 0),
        (lambda: DaisyCodec((1, 9)), lambda source: VirtualCyton(source, daisy=True), 2, 1),
        (lambda: FreeEegCodec((1, 2)), VirtualFreeEeg, 1, 0),
    ],
    ids=["cyton", "daisy", "freeeeg32"],
)
@given(sizes=st.lists(st.integers(1, 20), min_size=5, max_size=40))
@settings(max_examples=30)
def test_the_last_sample_given_out_arrived_when_it_did(
    make: Callable[[], Codec],
    board: Callable[[NoiseSource], SerialBoard],
    per_sample: int,
    before: int,
    sizes: list[int],
) -> None:
    codec, sent, given_out = make(), board(NoiseSource(1)), 0
    sent.receive(b"b")
    packets = 0
    for size in sizes:
        packets += size
        runs = codec.push(sent.packets(size), 0, packets / PACKETS_HZ)
        given_out += sum(run.uv.shape[1] for run in runs)
        if runs:  # `before`: samples that began before the stream and are left out
            at_s = (packets - codec.held * per_sample) / PACKETS_HZ
            assert at_s == pytest.approx((given_out + before) * per_sample / PACKETS_HZ, abs=1e-9)
