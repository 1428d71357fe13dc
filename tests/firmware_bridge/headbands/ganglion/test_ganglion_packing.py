"""The Ganglion's packing against vectors that other programs agreed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion_wire import pack
from sanctuary.firmware_bridge.headbands.ganglion import (
    UV_PER_COUNT,
    SignRule,
    differences,
    raw_sample,
    signed,
    unpack,
    upper_bits,
)

RAW = bytes.fromhex("000003e8fff8307fffff80000041424344454647")
# Notifications of firmware 2 that BrainFlow 5.23 decoded, in this order, and the running counts it came to.
FIRMWARE_2 = [
    (
        "6500015fffdc00967fed500029fffb7fa2480bb8",
        [990, -1990, 8388307, -8388308],
        [970, -1970, 8391307, -8391308],
    ),
    (
        "6661a813cb05000060001000000000bffff80000",
        [-199030, 198030, 8260235, -8260236],
        [-199030, 198028, 8260237, -8260236],
    ),
    (
        "0100013fffd00193ff9d0001bfffb00fa3fc19e0",
        [-199034, 198032, 8260137, -8260136],
        [-199040, 198038, 8259137, -8259136],
    ),
]
FIRMWARE_3 = [
    ("640003dfff85ffff4000100005ffffc00007ffff", [960, -1024, 8388544, -8388608], [64, -64, 0, -64]),
    ("010003bfff17fffa000100003ffff00003ffffe0", [896, -1024, 8388480, -8388608], [0, -128, 0, -128]),
    ("020000bffff00003fffd00193ff9d0186bf9e510", [128, -128, 0, -256], [6400, -6400, 99968, -100096]),
]
# OpenBCI_JavaScript_Utilities, test/openBCIUtilities-test.js
PEERS = [
    (18, "0000000020002800048000bc00070028c00a", [0, 2, 10, 4, 131074, 245760, 114698, 49162]),
    (18, "ffff7fffbfffe7fff500014f8e30001ff001", [-3, -5, -7, -11, -262139, -198429, -262137, -4095]),
    (19, "000000000800050000480009f001b000300008", [0, 2, 10, 4, 262148, 507910, 393222, 8]),
    (19, "ffffbfffeffffcffff58000b3e38e0003ff001", [-3, -5, -7, -11, -262139, -198429, -262137, -4095]),
]


def parts(notification: str) -> tuple[bytes, int]:
    data = bytes.fromhex(notification)
    return (data[1:], 19) if data[0] >= 100 else (data[1:-1], 18)


def test_a_plain_sample() -> None:
    counts = raw_sample(RAW[1:])
    assert counts == [1000, -2000, 8388607, -8388608]
    assert [count * UV_PER_COUNT for count in counts] == pytest.approx(
        [1.869950, -3.739900, 15686.2755, -15686.2773],
        rel=1e-6,  # theirs has its scale in 32 bits
    )


def test_differences_by_the_rule_of_brainflow() -> None:
    last = raw_sample(RAW[1:])
    for notification, first, second in FIRMWARE_2:
        data, n_bits = parts(notification)
        assert differences(last, data, n_bits, SignRule.TOP_BIT) == [first, second]
        last = second


@pytest.mark.parametrize(("notification", "first", "second"), FIRMWARE_3)
def test_upper_bits(notification: str, first: list[int], second: list[int]) -> None:
    data, n_bits = parts(notification)
    assert upper_bits(data, n_bits) == [first, second]


@pytest.mark.parametrize(("n_bits", "data", "told"), PEERS)
def test_differences_by_the_rule_of_peers(n_bits: int, data: str, told: list[int]) -> None:
    values = unpack(bytes.fromhex(data), n_bits)
    assert [signed(value, n_bits, SignRule.PEER) for value in values] == told


def test_the_rules_differ_where_brainflow_reads_the_top_bit() -> None:
    values = unpack(bytes.fromhex(PEERS[1][1]), 18)
    told = [signed(value, 18, SignRule.TOP_BIT) for value in values]
    assert told == [-4, -6, -8, -12, 5, 63715, 7, -4096]


@given(st.sampled_from([18, 19]), st.data())
def test_the_default_rule_gives_back_all_that_the_firmware_sends(n_bits: int, data: st.DataObject) -> None:
    span = 1 << n_bits
    values = data.draw(st.lists(st.integers(-span + 2, span - 1), min_size=8, max_size=8))
    told = [signed(value, n_bits, SignRule.LOW_BIT) for value in unpack(pack(values, n_bits), n_bits)]
    assert told == [value & ~1 for value in values]


@given(st.integers(0, 2**19 - 1), st.sampled_from(SignRule))
def test_rules_agree_within_two_counts_for_small_differences(value: int, rule: SignRule) -> None:
    small = value % 2**17 - 2**16
    (packed,) = unpack(pack([small] + [0] * 7, 19), 19)[:1]
    assert abs(signed(packed, 19, rule) - small) <= 2
