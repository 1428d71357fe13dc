"""Units, header text, and the check that values are EEG in their unit."""

from __future__ import annotations

import numpy as np
import pytest

from sanctuary.firmware_bridge.recordings.channels import plausibility, uv_per_unit
from sanctuary.firmware_bridge.recordings.edf_header import decode_field


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("uV", 1.0), ("UV", 1.0), ("\u00b5V", 1.0), ("\u03bcV", 1.0), ("microvolt", 1.0), ("MicroVolts", 1.0),
        ("mV", 1e3), ("millivolt", 1e3), ("V", 1e6), (" Volts ", 1e6), ("nV", 1e-3),
    ],
)  # fmt: skip
def test_units_of_voltage_are_honoured(unit: str, scale: float) -> None:
    assert uv_per_unit(unit) == scale


@pytest.mark.parametrize("unit", ["", "mmHg", "degreeC", "s", "uV/Hz", "ADC", "%", "pV"])
def test_other_units_are_never_guessed(unit: str) -> None:
    assert uv_per_unit(unit) is None


@pytest.mark.parametrize("raw", ["\u00b5V".encode(), "\u03bcV".encode(), "\u00b5V".encode("latin-1")])
def test_the_micro_sign_is_read_in_the_encodings_of_real_files(raw: bytes) -> None:
    assert uv_per_unit(decode_field(raw.ljust(8))) == 1.0


def seconds(scale: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0.0, 20.0, (40, 256)) * scale


def test_eeg_passes_whatever_its_offset_and_drift() -> None:
    drift = np.linspace(-40_000.0, 40_000.0, 40)[:, np.newaxis]
    assert plausibility("AF7", seconds(1.0)) is None
    assert plausibility("AF7", seconds(1.0) + drift) is None
    assert plausibility("AF7", seconds(0.1)) is None


def test_off_head_stretches_and_lost_seconds_do_not_decide() -> None:
    uv = seconds(1.0)
    uv[:30] = 0.0
    uv[30:35] = np.nan
    assert plausibility("AF7", uv) is None
    assert plausibility("AF7", np.full((3, 256), np.nan)) is None


@pytest.mark.parametrize(
    ("scale", "size"), [(1e3, "large"), (1e6, "large"), (1e-3, "small"), (1e-6, "small")]
)
def test_values_in_another_unit_than_declared_are_told(scale: float, size: str) -> None:
    warning = plausibility("EEG AF7", seconds(scale))
    assert warning is not None
    assert "'EEG AF7'" in warning
    assert f"too {size} for EEG: the unit" in warning


def test_a_flat_channel_is_told() -> None:
    assert plausibility("AF7", np.full((4, 256), 7.0)) == "channel 'AF7' is flat: it holds no signal"
