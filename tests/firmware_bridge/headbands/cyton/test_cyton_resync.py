"""The decoder on a line that loses, repeats or invents bytes: rows may be missing, never wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_wire import PACKET, Counts, adversarial_counts, packets, placed, random_counts
from faulty_links import cut, without
from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec

ALL = tuple(range(1, 9))
WAITING = 3
"""Packets at the end that may wait for their successors, when trouble is near."""
UNDISTURBED = 4
"""Packets at the beginning that get through, so that the tests know the first row's number."""

seeds = st.integers(0, 2**32 - 1)
kinds_of_data = pytest.mark.parametrize("make", [random_counts, adversarial_counts])
Make = Callable[[int, int], Counts]


def expected(counts: Counts) -> dict[int, tuple[int, ...]]:
    return {at: tuple(row) for at, row in enumerate(counts.tolist())}


def decode(data: bytes) -> tuple[dict[int, tuple[int, ...]], CytonCodec]:
    decoder = CytonCodec(ALL)
    return placed(decoder.push(data)), decoder


def wrong(rows: dict[int, tuple[int, ...]], counts: Counts) -> dict[int, tuple[int, ...]]:
    truth = expected(counts)
    return {at: row for at, row in rows.items() if truth.get(at) != row}


@kinds_of_data
@pytest.mark.parametrize("seed", range(20))
def test_twenty_single_bytes_lost_cost_little_more_than_twenty_packets(make: Make, seed: int) -> None:
    # BrainFlow 5.23.0: 1960 rows of random data; 1662 of adversarial, 2 of them wrong
    counts = make(2001, seed)
    lost = np.random.default_rng(seed).choice(
        np.arange(UNDISTURBED * PACKET, 2001 * PACKET), 20, replace=False
    )
    rows, _ = decode(without(b"".join(packets(counts)), lost.tolist()))
    assert wrong(rows, counts) == {}
    # a packet whose start or counter is lost takes along the one that it should have confirmed
    hit = sum(2 if at % PACKET < 2 else 1 for at in lost)
    if (
        make is adversarial_counts
    ):  # a packet that seems to hold the start of the next needs two to vouch for it
        hit += sum(at // PACKET % 256 in (0xA0, 0xC0) for at in lost)
    assert len(rows) >= 2001 - hit - WAITING


@kinds_of_data
@given(seed=seeds, first=st.integers(0, 255), lost=st.sets(st.integers(0, 40), max_size=12), offset=seeds)
def test_bytes_lost_here_and_there(make: Make, seed: int, first: int, lost: set[int], offset: int) -> None:
    counts = make(45, seed)
    raw = b"".join(packets(counts, first))
    places = [at * PACKET + (offset >> at) % PACKET for at in lost if at >= UNDISTURBED]
    rows, _ = decode(without(raw, places))
    assert wrong(rows, counts) == {}


@kinds_of_data
@given(seed=seeds, at=st.integers(UNDISTURBED * PACKET, 20 * PACKET), length=st.integers(1, 30 * PACKET))
def test_a_hole_of_any_length_but_whole_packets(make: Make, seed: int, at: int, length: int) -> None:
    if length % PACKET == 0 and at % PACKET:
        length += 1  # leaves a whole packet of two halves, which nobody can tell
    counts = make(60, seed)
    raw = b"".join(packets(counts))
    rows, _ = decode(raw[:at] + raw[at + length :])
    assert wrong(rows, counts) == {}
    assert {0, 1, 57} <= set(rows)


@kinds_of_data
@given(seed=seeds, at=st.integers(0, 30 * PACKET), length=st.integers(1, 200))
def test_bytes_invented(make: Make, seed: int, at: int, length: int) -> None:
    counts = make(45, seed)
    raw = b"".join(packets(counts))
    rows, decoder = decode(raw[:at] + np.random.default_rng(seed).bytes(length) + raw[at:])
    assert set(rows.values()) <= set(expected(counts).values())
    # inside a packet they spoil it, and perhaps the one before; between packets only the one before
    assert len(rows) >= 45 - 2 - WAITING
    assert decoder.garbage >= length


@given(seed=seeds, length=st.integers(1, 500), start=st.integers(0, PACKET - 1))
def test_a_stream_joined_in_its_midst(seed: int, length: int, start: int) -> None:
    counts = random_counts(40, seed)
    raw = b"".join(packets(counts, first=seed % 256))
    noise = np.random.default_rng(seed).bytes(length)
    rows, _ = decode(noise + raw[start:])
    assert list(rows.values()) == [tuple(row) for row in counts[1 if start else 0 : -2].tolist()]


@given(st.lists(st.integers(0, 60_000), max_size=10))
def test_noise_alone_is_nothing(places: list[int]) -> None:
    noise = np.random.default_rng(1).bytes(60_000)
    decoder = CytonCodec(ALL)
    assert [run for piece in cut(noise, places) for run in decoder.push(piece)] == []
    assert decoder.garbage > 60_000 - 100


@pytest.mark.parametrize("noise", [b"\xa0" * 10_000, b"\xc0" * 10_000, b"\xa0\xc0" * 5_000, bytes(10_000)])
def test_starts_and_stops_alone_are_nothing(noise: bytes) -> None:
    rows, decoder = decode(noise)
    assert rows == {}
    assert decoder.garbage > len(noise) - 100


def test_a_packet_that_repeats_for_ever_is_no_stream() -> None:
    rows, _ = decode(packets(random_counts(1, 1))[0] * 300)
    assert rows == {}


@given(seed=seeds)
def test_a_flipped_start_or_stop_costs_two_packets_at_most(seed: int) -> None:
    counts = random_counts(40, seed)
    raw = bytearray(b"".join(packets(counts)))
    at = (5 + seed % 25) * PACKET + (0 if seed % 2 else PACKET - 1)
    raw[at] ^= 0x55
    rows, _ = decode(bytes(raw))
    assert wrong(rows, counts) == {}
    assert len(rows) >= 40 - 2 - WAITING


def test_a_false_packet_that_fits_the_counter_loses_against_the_true_one() -> None:
    # two bytes lost from packet BF: its 33rd byte is now C0, the next one's counter, and A0 C0 follow
    counts = adversarial_counts(20, seed=1)
    counts[10, 0] = int.from_bytes(b"\xa0\xc0\xa0", "big", signed=True)
    raw = b"".join(packets(counts, first=0xBF - 9))
    rows, _ = decode(without(raw, [9 * PACKET + 5, 9 * PACKET + 9]))
    assert set(rows) == set(range(18)) - {9}
    assert wrong(rows, counts) == {}


@pytest.mark.parametrize("spoilt", [3, 20, 32])
def test_a_short_packet_is_not_made_whole_by_the_next_ones_counter(spoilt: int) -> None:
    # as above, but the true packet is spoilt too, so that it cannot stand against the false one
    counts = adversarial_counts(20, seed=1)
    counts[10, 0] = int.from_bytes(b"\xa0\xc0\xa0", "big", signed=True)
    raw = b"".join(packets(counts, first=0xBF - 9))
    rows, _ = decode(without(raw, [9 * PACKET + 5, 9 * PACKET + 9, 10 * PACKET + 1 + spoilt]))
    assert wrong(rows, counts) == {}
    assert set(rows) >= set(range(9)) | set(range(12, 17))


def test_what_waits_is_bounded() -> None:
    decoder = CytonCodec(ALL)
    for _ in range(50):
        decoder.push(np.random.default_rng(2).bytes(5000))
    assert decoder.garbage >= 50 * 5000 - 100
