"""Muse notifications against other programs' vectors."""

import numpy as np
import pytest

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.muse.wire import Telemetry, unpack_eeg, unpack_motion

# muse-js, src/lib/muse-parse.spec.ts
EEG = bytes.fromhex("5721c05249066af2314058998042fe2c779d")
COUNTS = [1394, 448, 1316, 2310, 1711, 561, 1029, 2201, 2052, 766, 711, 1949]
EEG_UV = [
    *(-319.3359375, -781.25, -357.421875, 127.9296875, -164.55078125, -726.07421875),
    *(-497.55859375, 74.70703125, 1.953125, -625.9765625, -652.83203125, -48.33984375),
]
MOTION = bytes.fromhex("526d0db20d9d3c7312050d493c3511b711e33c8f")
MOTION_G = [[0.213989, 0.212708, 0.944519], [0.281555, 0.207581, 0.940735], [0.276794, 0.279480, 0.946229]]
TELEMETRY = bytes.fromhex("014ab5b807400f7f001b") + bytes(10)


def test_twelve_bit_samples_in_microvolts() -> None:
    np.testing.assert_array_equal(unpack_eeg([EEG, EEG]), [EEG_UV, EEG_UV])
    np.testing.assert_array_equal(unpack_eeg([EEG])[0], (np.array(COUNTS) - 2048) * 125 / 256)


def test_the_range() -> None:
    np.testing.assert_array_equal(unpack_eeg([bytes(18), b"\xff" * 18])[:, 0], [-1000.0, 999.51171875])


def test_acceleration_in_g() -> None:
    np.testing.assert_allclose(unpack_motion(MOTION).T, MOTION_G, atol=1e-6)


def test_telemetry() -> None:
    assert Telemetry.from_bytes(TELEMETRY) == Telemetry(330, 90.859375, pytest.approx(4083.2), 3967, 27)


@pytest.mark.parametrize("read", [Telemetry.from_bytes, unpack_motion])
def test_another_length_is_refused_and_shown(read) -> None:
    with pytest.raises(ProtocolError, match="3 bytes where a Muse sends 20: 010203"):
        read(b"\x01\x02\x03")
