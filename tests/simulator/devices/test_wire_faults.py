"""The family of things that go wrong on the wire."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_wire import PACKET, packets, random_counts
from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.gatt import Notification
from virtual_boards import HandClock

DATA = b"".join(packets(random_counts(1000, seed=1)))
REPLY = b"v3.1.5$$$"


def is_subsequence(short: bytes, whole: bytes) -> bool:
    rest = iter(whole)
    return all(byte in rest for byte in short)


@pytest.mark.parametrize("fault", [faults.untouched, faults.drop_bytes(0.0, 1), faults.drop_packets(0.0, 1)])
def test_without_faults_everything_arrives(fault: faults.ByteManipulator) -> None:
    assert fault(DATA) == DATA


@pytest.mark.parametrize("fault", [faults.dead, faults.drop_bytes(1.0, 1), faults.drop_packets(1.0, 1)])
def test_a_dead_wire_brings_nothing(fault: faults.ByteManipulator) -> None:
    assert fault(DATA) == b""


def test_single_bytes_are_dropped_by_share_and_seed() -> None:
    arrived = faults.drop_bytes(0.2, seed=5)(DATA)
    assert len(arrived) == pytest.approx(0.8 * len(DATA), rel=0.02)
    assert is_subsequence(arrived, DATA)
    assert faults.drop_bytes(0.2, seed=5)(DATA) == arrived
    assert faults.drop_bytes(0.2, seed=6)(DATA) != arrived


def test_whole_packets_are_dropped_and_replies_get_through() -> None:
    fault = faults.drop_packets(0.3, seed=5)
    arrived = fault(DATA)
    rows = {DATA[at : at + PACKET] for at in range(0, len(DATA), PACKET)}
    assert len(arrived) == pytest.approx(0.7 * len(DATA), rel=0.1)
    assert {arrived[at : at + PACKET] for at in range(0, len(arrived), PACKET)} < rows
    assert fault(REPLY) == REPLY


def test_silence_lasts_as_long_as_asked_for() -> None:
    fault = faults.silence_packets(2.0)
    half = len(DATA) // 4
    arrived = [fault(DATA[at : at + half]) for at in range(0, len(DATA), half)]
    assert fault(REPLY) == REPLY
    assert b"".join(arrived) == DATA[500 * PACKET :]


def test_faults_act_in_turn() -> None:
    fault = faults.in_turn(faults.silence_packets(1.0), faults.drop_bytes(0.1, seed=2))
    assert fault(DATA) == faults.drop_bytes(0.1, seed=2)(DATA[250 * PACKET :])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_lies_between_none_and_all(share: float) -> None:
    for make in (faults.drop_bytes, faults.drop_packets):
        with pytest.raises(ValueError, match="must be 0 to 1"):
            make(share, 1)


@pytest.mark.parametrize("packet_bytes", [0, -1])
def test_packets_have_a_length(packet_bytes: int) -> None:
    with pytest.raises(ValueError, match="must have 1 or more"):
        faults.drop_packets(0.1, 1, packet_bytes=packet_bytes)


# --- packets of any length ---

SIZES = (1, 8, 20, 33)
MAKERS = (
    faults.drop_packets,
    faults.duplicate_packets,
    faults.reorder_packets,
    faults.corrupt_packets,
)


def numbered(n: int, size: int) -> list[bytes]:
    """Packets that begin with A5 and tell their number."""
    return [(b"\xa5" + at.to_bytes(4, "big") + bytes(size))[:size] for at in range(n)]


def through(fault: faults.ByteManipulator, sent: list[bytes], per_call: int = 7) -> bytes:
    return b"".join(fault(b"".join(sent[at : at + per_call])) for at in range(0, len(sent), per_call))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", MAKERS)
def test_faults_of_packets_take_any_length_and_spare_replies(
    make: Callable[..., faults.ByteManipulator], size: int
) -> None:
    sent = numbered(400, size)
    harmless = make(0.0, 3, packet_bytes=size, start=b"\xa5")
    assert through(harmless, sent) == b"".join(sent)
    fault = make(1.0, 3, packet_bytes=size, start=b"\xa5")
    assert fault(REPLY) == REPLY
    assert through(fault, sent) != b"".join(sent) or (size == 1 and make is faults.reorder_packets)


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_chooses_and_call_sizes_do_not(make: Callable[..., faults.ByteManipulator]) -> None:
    sent = numbered(400, 20)
    outcomes = {
        through(make(0.3, seed, packet_bytes=20, start=b"\xa5"), sent, per_call)
        for seed in (1, 2)
        for per_call in (1, 7, 400)
    }
    assert len(outcomes) == 2


def test_packets_come_twice() -> None:
    sent = numbered(1000, 20)
    arrived = cut(through(faults.duplicate_packets(0.2, 4, packet_bytes=20, start=b""), sent), 20)
    assert len(arrived) == pytest.approx(1200, rel=0.05)
    assert [packet for at, packet in enumerate(arrived) if arrived[at - 1 : at] != [packet]] == sent


def test_packets_come_after_the_next_one() -> None:
    sent = numbered(1001, 20)
    arrived = cut(through(faults.reorder_packets(0.2, 4, packet_bytes=20, start=b""), sent), 20)
    places = [sent.index(packet) for packet in arrived]
    assert len(places) >= 1000  # one may still be held back
    assert sorted(places)[:1000] == list(range(1000))
    moved = [place - at for at, place in enumerate(places) if place != at]
    assert set(moved) == {1, -1}
    assert len(moved) / 2 == pytest.approx(1001 * 0.2 / 1.2, rel=0.2)


def test_damaged_packets_have_one_wrong_byte() -> None:
    sent = numbered(1000, 20)
    arrived = cut(through(faults.corrupt_packets(0.2, 4, packet_bytes=20, start=b"\xa5"), sent), 20)
    wrong = [sum(a != b for a, b in zip(x, y, strict=True)) for x, y in zip(sent, arrived, strict=True)]
    assert set(wrong) == {0, 1}
    assert sum(wrong) == pytest.approx(200, rel=0.2)


# --- time ---


def test_a_stall_holds_everything_back_and_lets_it_go_at_once() -> None:
    clock = HandClock()
    clock.now_s = 1000.0
    fault = faults.stall_bytes(5.0, 2.0, clock)
    arrived = []
    for second in range(10):
        clock.now_s = 1000.0 + second
        arrived.append(fault(b"%d" % second))
    assert arrived == [b"0", b"1", b"", b"", b"", b"", b"", b"234567", b"8", b"9"]


def test_what_a_stall_holds_back_is_bounded() -> None:
    clock = HandClock()
    fault = faults.stall_bytes(5.0, 0.0, clock)
    for _ in range(20):
        assert fault(DATA[:32_000]) == b""
    clock.now_s = 5.0
    assert fault(b"end") == (DATA[:32_000] * 3)[: 4096 * 16] + b"end"


def test_a_silence_by_the_clock_swallows_replies_too_and_may_last_for_ever() -> None:
    clock = HandClock()
    fault, end = faults.silence_bytes(3.0, 1.0, clock), faults.silence_bytes(float("inf"), 1.0, clock)
    heard = []
    for second in range(6):
        clock.now_s = float(second)
        heard.append((fault(REPLY), end(REPLY)))
    assert [bool(one) for one, _ in heard] == [True, False, False, False, True, True]
    assert [bool(other) for _, other in heard] == [True, False, False, False, False, False]


def test_silence_of_other_packets() -> None:
    sent = numbered(100, 8)
    fault = faults.silence_packets(0.5, packet_bytes=8, start=b"\xa5", packets_per_s=60.0)
    assert through(fault, sent) == b"".join(sent[30:])


# --- notifications ---


def notified(n: int) -> list[Notification]:
    return [Notification("uuid-a" if at % 3 else "uuid-b", at.to_bytes(20, "big")) for at in range(n)]


@pytest.mark.parametrize(
    "make",
    [
        faults.drop,
        faults.duplicate,
        faults.reorder,
        faults.corrupt_notifications,
        faults.shorten_notifications,
    ],
)
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(0, 9), max_size=9))
def test_faults_of_notifications_are_seeded_whatever_the_call_sizes(
    make: Callable[[float, int], faults.NotificationManipulator], seed: int, sizes: list[int]
) -> None:
    sent = notified(sum(sizes))
    assert make(0.0, seed)(sent) == sent
    one, other = make(0.5, seed), make(0.5, seed)
    arrived, at = [], 0
    for size in sizes:
        arrived += one(sent[at : at + size])
        at += size
    assert arrived == other(sent)


def test_notifications_are_dropped_doubled_and_reordered() -> None:
    sent = notified(1000)
    assert len(faults.drop(0.3, 1)(sent)) == pytest.approx(700, rel=0.1)
    assert len(faults.duplicate(0.3, 1)(sent)) == pytest.approx(1300, rel=0.1)
    assert faults.reorder(1.0, 1)(sent)[:4] == [sent[1], sent[0], sent[3], sent[2]]


def test_damaged_notifications_keep_their_characteristic() -> None:
    sent = notified(500)
    damaged = faults.corrupt_notifications(1.0, 1)(sent)
    short = faults.shorten_notifications(0.2, 1)(sent)
    assert [each.uuid for each in damaged] == [each.uuid for each in short] == [each.uuid for each in sent]
    assert all(a.data != b.data and len(a.data) == 20 for a, b in zip(damaged, sent, strict=True))
    assert sum(len(each.data) for each in short) == pytest.approx(8000, rel=0.05)
    assert faults.corrupt_notifications(1.0, 1)([Notification("u", b"")]) == [Notification("u", b"")]


def test_notifications_pass_through_several_faults_and_stalls() -> None:
    clock = HandClock()
    sent = notified(6)
    fault = faults.in_turn(faults.untouched, faults.duplicate(1.0, 1), faults.stall(1.0, 0.0, clock))
    assert fault(sent[:3]) == []
    clock.now_s = 1.0
    assert fault([]) == [copy for each in sent[:3] for copy in (each, each)]
