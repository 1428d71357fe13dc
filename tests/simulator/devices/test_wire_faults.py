"""The family of things that go wrong on the wire."""

import pytest

from cyton_wire import PACKET, packets, random_counts
from sanctuary.simulator.devices import faults

DATA = b"".join(packets(random_counts(1000, seed=1)))
REPLY = b"v3.1.5$$$"


def is_subsequence(short: bytes, whole: bytes) -> bool:
    rest = iter(whole)
    return all(byte in rest for byte in short)


@pytest.mark.parametrize("fault", [faults.untouched, faults.drop_bytes(0.0, 1), faults.drop_packets(0.0, 1)])
def test_without_faults_everything_arrives(fault: faults.Manipulator) -> None:
    assert fault(DATA) == DATA


@pytest.mark.parametrize("fault", [faults.dead, faults.drop_bytes(1.0, 1), faults.drop_packets(1.0, 1)])
def test_a_dead_wire_brings_nothing(fault: faults.Manipulator) -> None:
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
    fault = faults.silence(2.0)
    half = len(DATA) // 4
    arrived = [fault(DATA[at : at + half]) for at in range(0, len(DATA), half)]
    assert fault(REPLY) == REPLY
    assert b"".join(arrived) == DATA[500 * PACKET :]


def test_faults_act_in_turn() -> None:
    fault = faults.in_turn(faults.silence(1.0), faults.drop_bytes(0.1, seed=2))
    assert fault(DATA) == faults.drop_bytes(0.1, seed=2)(DATA[250 * PACKET :])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_lies_between_none_and_all(share: float) -> None:
    for make in (faults.drop_bytes, faults.drop_packets):
        with pytest.raises(ValueError, match="must be 0 to 1"):
            make(share, 1)
