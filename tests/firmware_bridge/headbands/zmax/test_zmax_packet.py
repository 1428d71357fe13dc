"""ZMax data lines, against the vector worked out by hand from the cited formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packet_values import ZmaxPacket
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.zmax import EEG_LEFT, EEG_RIGHT, PACKET_BYTES, battery_percent

# made from the places and scales in dreamento's ZmaxSocket.py and ZmaxHeadband.py; no capture was seen
VECTOR = (
    b"D.08-83-E8-7C-18-08-00-08-00-0C-00-00-00-00-00-00-00-00-00-00-00-00-00-02-6C-00-00-00-00-00-00-00"
    b"-00-00-00-00-01-F4-00-00"
)

bodies = st.tuples(st.integers(1, 11), st.binary(min_size=39, max_size=39)).map(
    lambda b: bytes([b[0]]) + b[1]
)


def test_the_vector_reads_as_computed() -> None:
    packet = ZmaxPacket.from_bytes(VECTOR)
    assert len(VECTOR) == 2 + 3 * PACKET_BYTES - 1
    assert packet.eeg_uv(EEG_RIGHT) == pytest.approx(60.302734, abs=1e-6)
    assert packet.eeg_uv(EEG_LEFT) == pytest.approx(-60.302734, abs=1e-6)
    assert packet.accel_g == (0.0, 0.0, 1.0)
    assert packet.battery_v == pytest.approx(3.996094, abs=1e-6)
    assert packet.temperature_c == pytest.approx(25.021, abs=1e-3)


def test_it_is_written_as_the_vector_is() -> None:
    assert ZmaxPacket.from_bytes(VECTOR).to_bytes() == VECTOR + b"\r\n"


@given(bodies)
def test_a_line_written_is_read_again(body: bytes) -> None:
    packet = ZmaxPacket(body)
    assert ZmaxPacket.from_bytes(packet.to_bytes()) == packet


@pytest.mark.parametrize("separator", [b" ", b":", b"\xe4"])
def test_what_separates_the_bytes_does_not_matter(separator: bytes) -> None:
    assert ZmaxPacket.from_bytes(VECTOR.replace(b"-", separator)) == ZmaxPacket.from_bytes(VECTOR)


@pytest.mark.parametrize("prefix", [b"D", b"DATA", b"D123"])
def test_what_stands_before_the_dot_does_not_matter(prefix: bytes) -> None:
    assert ZmaxPacket.from_bytes(prefix + VECTOR[1:]) == ZmaxPacket.from_bytes(VECTOR)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"D.",
        VECTOR[:-1],
        VECTOR + b"-00",
        VECTOR[1:],
        VECTOR.replace(b"-83-", b"-8G-"),
        VECTOR.replace(b"-83-", b"-+3-"),
        VECTOR.replace(b"D.08", b"D.00"),
        VECTOR.replace(b"D.08", b"D.0C"),
        b"DEBUG" + VECTOR[1:],
        VECTOR.replace(b"-", b"0"),
    ],
)
def test_other_lines_are_refused_and_shown(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"not a ZMax data line: .* bytes\)"):
        ZmaxPacket.from_bytes(line)


@pytest.mark.parametrize("body", [b"", b"\x08" * 39, b"\x08" * 41, b"\x00" * 40, b"\x0c" * 40])
def test_bodies_that_no_line_holds_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="must be 40 bytes, the first one 1 to 11"):
        ZmaxPacket(body)


@pytest.mark.parametrize(
    ("volts", "percent"), [(2.0, 0.0), (3.12, 0.0), (3.68, 50.0), (4.24, 100.0), (6.5, 100.0)]
)
def test_the_charge_goes_with_the_voltage(volts: float, percent: float) -> None:
    assert battery_percent(volts) == pytest.approx(percent)
