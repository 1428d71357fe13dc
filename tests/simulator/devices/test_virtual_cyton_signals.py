"""What the Cyton's channels carry beside the electrodes: test signals, supply, temperature, lead-off."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cyton_hosts import COUNT_UV, Levels, counts_in, streamed
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

RAIL = 2**23 - 1


def uv(command: bytes, n: int, *levels: float) -> NDArray[np.float64]:
    """Microvolts of all channels at gain 24 after a command, shape ``(n, 8)``."""
    some = VirtualCyton(Levels(*(levels or (100.0, 200.0))))
    some.receive(command)
    return np.asarray(counts_in(streamed(some, n)) * COUNT_UV)


@pytest.mark.parametrize(
    ("command", "amplitude_uv", "period"),
    [(b"-", 1875.0, 256), (b"=", 1875.0, 128), (b"[", 3750.0, 256), (b"]", 3750.0, 128)],
)
def test_square_waves_have_the_chips_amplitude_and_period(
    command: bytes, amplitude_uv: float, period: int
) -> None:
    found = uv(command, 1024)
    expected = np.where(np.arange(1024) // (period // 2) % 2 == 0, amplitude_uv, -amplitude_uv)
    np.testing.assert_allclose(found, np.tile(expected[:, np.newaxis], 8), rtol=0, atol=COUNT_UV)


def test_the_constant_is_one() -> None:
    np.testing.assert_allclose(uv(b"p", 300), 3750.0, rtol=0, atol=COUNT_UV)


def test_ground_is_silence_on_all_channels() -> None:
    assert not uv(b"0", 300).any()


def test_the_wave_does_not_depend_on_the_sizes_of_the_calls() -> None:
    one, other = (VirtualCyton(Levels(1.0, 2.0)) for _ in range(2))
    for board in (one, other):
        board.receive(b"=z101Zb")
    assert one.packets(700) == b"".join(other.packets(n) for n in (1, 127, 0, 300, 272))


def test_a_single_channel_can_be_put_on_the_test_signal_once_it_is_made() -> None:
    assert uv(b"x1065110X", 1)[0, :2].tolist() == pytest.approx([0.0, 200 * COUNT_UV])
    assert uv(b"]dx1065110X", 1)[0, :2].tolist() == pytest.approx([3750.0, 200 * COUNT_UV], abs=COUNT_UV)


def test_defaults_and_reset_bring_the_electrodes_back() -> None:
    for command in (b"]d", b"]v", b"]~6"):
        assert uv(command, 1)[0, :2].tolist() == pytest.approx([100 * COUNT_UV, 200 * COUNT_UV])


def test_supply_and_temperature() -> None:
    found = uv(b"x1004110Xx2003110Xx3003110X", 1)[0] * 24  # at gain 1
    assert found[0] == pytest.approx(147_750.0, abs=1.0)
    assert found[1] == pytest.approx(2.5e6, abs=1.0)
    assert found[2] == pytest.approx(0.825e6, abs=1.0)
    assert uv(b"x2063110X", 1)[0, 1] == pytest.approx(RAIL * COUNT_UV)


@pytest.mark.parametrize("code", [b"1", b"2", b"6", b"7"])
def test_shorted_and_bias_inputs_are_silent(code: bytes) -> None:
    assert uv(b"x106" + code + b"110X", 1)[0, 0] == 0.0


def test_the_lead_off_current_makes_a_voltage_at_31_hz() -> None:
    found = uv(b"z101Z", 1000)
    spectrum = np.abs(np.fft.rfft(found[:, 0] - found[:, 0].mean())) / 500
    at = int(spectrum.argmax())
    assert at * 250 / 1000 == 31.25
    assert spectrum[at] == pytest.approx(6e-9 * 12_200 * 1e6, rel=1e-3)
    assert found[:, 0].mean() == pytest.approx(100 * COUNT_UV, abs=COUNT_UV)
    assert np.ptp(found[:, 1]) == 0.0
    assert np.ptp(uv(b"z111Z", 1000)[:, 0]) == pytest.approx(2 * np.ptp(found[:, 0]), rel=1e-3)
    for ending in (b"z100Z", b"d", b"v", b"1!"):
        assert np.ptp(uv(b"z101Z" + ending, 100)[:, 0]) == 0.0


def test_an_electrode_in_the_air_stays_at_the_rail_with_the_current_on() -> None:
    assert (counts_in_air() == RAIL).all()


def counts_in_air() -> NDArray[np.int64]:
    some = VirtualCyton(Levels(float("nan"), 0.0))
    some.receive(b"z101Z")
    return counts_in(streamed(some, 50))[:, 0]


@pytest.mark.parametrize("n_inputs", [1, 2, 5, 8, 11])
def test_inputs_carry_the_sources_rows_in_order_and_the_rest_is_ground(n_inputs: int) -> None:
    some = VirtualCyton(Levels(*(10.0 * (k + 1) for k in range(n_inputs))))
    expected = [10 * (k + 1) if k < n_inputs else 0 for k in range(8)]
    assert counts_in(streamed(some, 1))[0].tolist() == expected
