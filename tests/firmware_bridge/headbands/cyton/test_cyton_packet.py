"""The Cyton's packet: vectors of others, and the two ways between bytes and values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_wire import packet
from packet_values import AuxKind, CytonPacket
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.cyton.wire import COUNTS_FULL, GAINS, rail_uv, uv_per_count

# OpenBCI_Python, openbci/utils/utilities.py: sample_packet_real
REAL = "a0458ff2408fdff4902bb68fbfbf7fffff7fffff94253420b67d00e000e00f70c0"
# computed from the format; BrainFlow 5.23.0 reads the same microvolts from them
EXTREMES = "a046000000000001ffffff7fffff8000000003e8fffc1800117a0010ffe02000c0"
RAW_AUX = "a047000001000002000003000004000005000006000007000008000102030405c1"
TIMED = "a04800000100000200000300000400000500000600000700000810200001e240c4"

int24 = st.integers(-(2**23), 2**23 - 1)
some_packets = st.builds(
    CytonPacket,
    counter=st.integers(0, 255),
    counts=st.tuples(*[int24] * 8),
    aux=st.binary(min_size=6, max_size=6),
    kind=st.integers(0, 15),
)


def parsed(text: str) -> CytonPacket:
    return CytonPacket.from_bytes(bytes.fromhex(text))


def test_a_real_packet_of_openbci_python() -> None:
    found = parsed(REAL)
    assert (found.counter, found.kind) == (69, AuxKind.ACCEL)
    assert found.counts == (-7343552, -7348236, -7328842, -7356481, 8388607, 8388607, -7068364, 2143869)
    first, second = (-164141.197698, -164245.893269, -163812.403537, -164430.183402), (187500, 187500)
    uv = [count * uv_per_count() for count in found.counts]
    assert uv == pytest.approx((*first, *second, -157990.265845, 47919.212034), abs=1e-6)
    assert found.accel_g == pytest.approx((0.028, 0.028, 0.494))


def test_zero_one_minus_one_and_both_rails() -> None:
    found = parsed(EXTREMES)
    assert found.counts == (0, 1, -1, 8388607, -8388608, 1000, -1000, 4474)
    uv = [count * uv_per_count() for count in found.counts]
    assert uv == pytest.approx(
        [0, 0.022352, -0.022352, 187500, -187500.022352, 22.351744, -22.351744, 100.001705], abs=1e-6
    )
    assert found.accel_g == pytest.approx((0.002, -0.004, 1.024))
    assert found.board_ms is None


def test_raw_aux_words() -> None:
    found = parsed(RAW_AUX)
    assert (found.counter, found.kind, found.counts) == (71, AuxKind.RAW, (1, 2, 3, 4, 5, 6, 7, 8))
    assert found.aux_words == (1, 515, 1029)
    assert found.accel_g is None


def test_the_boards_clock() -> None:
    found = parsed(TIMED)
    assert (found.counter, found.kind, found.board_ms) == (72, AuxKind.TIME_ACCEL, 123456)
    assert found.aux_words[0] == 0x1020


@pytest.mark.parametrize("kind", range(16))
def test_only_four_kinds_of_packet_carry_the_clock(kind: int) -> None:
    found = CytonPacket(0, (0,) * 8, bytes.fromhex("00000000002a"), kind)
    assert found.board_ms == (42 if kind in (3, 4, 5, 6) else None)


# OpenBCI_Python, tests/test_parse.py
@pytest.mark.parametrize(
    ("raw", "value"), [("000690", 1680), ("02c001", 180225), ("ffffff", -1), ("81a101", -8281855)]
)
def test_int24(raw: str, value: int) -> None:
    assert parsed("a000" + raw + "000000" * 7 + "000000000000" + "c0").counts[0] == value


# OpenBCI_Python, tests/test_parse.py
@pytest.mark.parametrize(("raw", "value"), [("0690", 1680), ("02c0", 704), ("ffff", -1), ("81a1", -32351)])
def test_int16(raw: str, value: int) -> None:
    found = parsed("a000" + "000000" * 8 + raw + "00000000" + "c0").accel_g
    assert found == pytest.approx((value * 0.000125, 0, 0))


@pytest.mark.parametrize("text", [REAL, EXTREMES, RAW_AUX, TIMED])
def test_vectors_survive_both_ways(text: str) -> None:
    assert parsed(text).to_bytes().hex() == text


@given(some_packets)
def test_the_two_ways_are_inverse(value: CytonPacket) -> None:
    raw = value.to_bytes()
    assert CytonPacket.from_bytes(raw) == value
    assert raw == packet(value.counter, value.counts, value.aux, 0xC0 | value.kind)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes.fromhex(REAL)[:-1],
        bytes.fromhex(REAL) + b"\x00",
        b"\xa1" + bytes.fromhex(REAL)[1:],
        bytes.fromhex(REAL)[:-1] + b"\xd0",
    ],
)
def test_other_bytes_are_refused_and_shown(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match=rf"{raw.hex()}.*\({len(raw)} bytes\)"):
        CytonPacket.from_bytes(raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"counter": 256},
        {"counter": -1},
        {"kind": 16},
        {"aux": bytes(5)},
        {"counts": (0,) * 7},
        {"counts": (0,) * 7 + (2**23,)},
        {"counts": (-(2**23) - 1,) + (0,) * 7},
    ],
)
def test_what_no_packet_can_hold_is_refused(fields: dict[str, object]) -> None:
    sound: dict[str, object] = {"counter": 0, "counts": (0,) * 8, "aux": bytes(6), "kind": 0}
    with pytest.raises(ValueError, match=r"must fit 24 bits|counter 0 to 255"):
        CytonPacket(**(sound | fields))  # type: ignore[arg-type]


def test_scale_at_gain_24_is_that_of_the_documentation() -> None:
    assert uv_per_count(24) == pytest.approx(0.0223517445, abs=1e-10)


@pytest.mark.parametrize("gain", GAINS)
def test_full_scale_is_the_reference_over_the_gain(gain: int) -> None:
    assert rail_uv(gain) == pytest.approx(4.5e6 / gain)
    assert rail_uv(gain) == pytest.approx(COUNTS_FULL * uv_per_count(gain))


def test_a_gain_that_the_amplifier_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="gain 3: the Cyton knows 1, 2, 4, 6, 8, 12, 24"):
        uv_per_count(3)
