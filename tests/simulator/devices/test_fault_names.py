"""Faults by name: how they are written, what they become, and what is refused."""

import math

import numpy as np
import pytest

from cyton_wire import PACKET, packets, random_counts
from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.fault_registry import FAULT_SPECS, SOON_S, DeviceFault, parse_fault
from sanctuary.simulator.devices.gatt import Notification
from sanctuary.simulator.devices.signal_source import NoiseSource
from virtual_boards import HandClock

DATA = b"".join(packets(random_counts(500, seed=1)))
NOTIFICATIONS = [Notification("uuid", at.to_bytes(20, "big")) for at in range(500)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop=0.01", DeviceFault("drop", 0.01, 7)),
        (" bytes=1e-3 ", DeviceFault("bytes", 0.001, 7)),
        ("duplicate=1", DeviceFault("duplicate", 1.0, 7)),
        ("reorder=0", DeviceFault("reorder", 0.0, 7)),
        ("corrupt=.5", DeviceFault("corrupt", 0.5, 7)),
        ("stall=5", DeviceFault("stall", 5.0, 7, SOON_S)),
        ("stall=5@0", DeviceFault("stall", 5.0, 7, 0.0)),
        ("silence=2.5@60", DeviceFault("silence", 2.5, 7, 60.0)),
        ("electrode=2", DeviceFault("electrode", 2.0, 7, SOON_S, math.inf)),
        ("electrode=2@60-120.5", DeviceFault("electrode", 2.0, 7, 60.0, 120.5)),
        ("battery=3600", DeviceFault("battery", 3600.0, 7)),
    ],
)
def test_faults_are_read(text: str, fault: DeviceFault) -> None:
    assert parse_fault(text, seed=7) == fault


@pytest.mark.parametrize("text", ["", "drop", "dorp=0.1", "drop=", "=1", "DROP=1", "drop 0.1"])
def test_what_is_no_fault_is_answered_with_the_whole_family(text: str) -> None:
    with pytest.raises(ValueError, match="must be one of") as refused:
        parse_fault(text, seed=1)
    assert all(kind.usage in str(refused.value) for kind in FAULT_SPECS.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "drop=1.01",
            r"fault 'drop=1.01': must be drop=SHARE \(packets lost, 0 to 1\), at least 0, at most 1",
        ),
        ("drop=-0.1", "at least 0"),
        ("drop=many", "at least 0"),
        ("drop=nan", "at least 0"),
        ("electrode=0", "at least 1"),
        ("electrode=1.5", "CHANNEL"),
        ("stall=inf", "at most 86400"),
        ("drop=0.1@5", "without more times"),
        ("battery=5@5", "without more times"),
        ("stall=5@5-9", "without more times"),
        ("stall=5@soon", "times in seconds"),
        ("electrode=1@9-5", "the earlier one first"),
        ("electrode=1@5-nan", "times in seconds"),
    ],
)
def test_what_cannot_be_is_refused_in_words(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(text, seed=1)


@pytest.mark.parametrize("name", ["disconnect", "slow"])
def test_what_befalls_the_link_as_a_whole_leaves_its_bytes_alone(name: str) -> None:
    clock, fault, source = HandClock(), parse_fault(f"{name}=5", seed=1), NoiseSource(1)
    assert fault.for_bytes(clock)(DATA) == DATA
    assert fault.for_notifications(clock)(NOTIFICATIONS) == NOTIFICATIONS
    assert fault.for_source(source, 250.0) is source


@pytest.mark.parametrize("name", sorted(set(FAULT_SPECS) - {"disconnect", "slow"}))
def test_each_fault_acts_where_it_belongs_and_leaves_the_rest_alone(name: str) -> None:
    clock = HandClock()
    fault = parse_fault(f"{name}=1" + ("@0" if FAULT_SPECS[name].timed else ""), seed=1)
    on_bytes, on_notifications = fault.for_bytes(clock), fault.for_notifications(clock)
    on_bytes(b"a reply")
    on_notifications([])
    clock.now_s += 1.5 if name == "battery" else 0.5
    source = NoiseSource(1)
    in_signal = name == "electrode"
    assert (on_bytes(DATA) == DATA) == in_signal
    assert (on_notifications(NOTIFICATIONS) == NOTIFICATIONS) == in_signal
    assert (fault.for_source(source, 250.0) is source) != in_signal


@pytest.mark.parametrize("text", ["drop=0.2", "bytes=0.2", "duplicate=0.2", "reorder=0.2", "corrupt=0.2"])
def test_the_seed_chooses(text: str) -> None:
    def arrived(seed: int) -> bytes:
        return parse_fault(text, seed).for_bytes(HandClock())(DATA)

    assert arrived(1) == arrived(1) != arrived(2)


def test_packets_of_another_length_are_lost_whole() -> None:
    fault = parse_fault("drop=0.5", seed=1).for_bytes(HandClock(), packet_bytes=8, start=b"")
    arrived = fault(bytes(range(8)) * 100)
    assert 0 < len(arrived) < 800
    assert arrived == bytes(range(8)) * (len(arrived) // 8)


def test_a_stall_begins_when_told_after_the_first_bytes() -> None:
    clock = HandClock()
    fault = parse_fault("stall=5@60", seed=1).for_bytes(clock)
    heard = []
    for now_s in (300.0, 359.0, 360.0, 364.9, 365.0):
        clock.now_s = now_s
        heard.append(len(fault(DATA[:PACKET])) // PACKET)
    assert heard == [1, 1, 0, 0, 3]


def test_a_battery_ends_for_good() -> None:
    clock = HandClock()
    fault = parse_fault("battery=100", seed=1).for_notifications(clock)
    heard = []
    for now_s in (0.0, 99.0, 100.0, 1e6):
        clock.now_s = now_s
        heard.append(len(fault(NOTIFICATIONS[:1])))
    assert heard == [1, 1, 0, 0]


@pytest.mark.parametrize("sizes", [[1000], [1, 99, 300, 0, 600]])
def test_an_electrode_comes_off_and_holds_again(sizes: list[int]) -> None:
    source = parse_fault("electrode=2@1-3", seed=1).for_source(NoiseSource(5), 250.0)
    uv = np.concatenate([source.render(n) for n in sizes], axis=1)
    expected = NoiseSource(5).render(1000)
    expected[1, 250:750] = np.nan
    np.testing.assert_array_equal(uv, expected)


def test_an_electrode_that_a_source_does_not_have_changes_nothing() -> None:
    source = parse_fault("electrode=9@0", seed=1).for_source(NoiseSource(5), 250.0)
    np.testing.assert_array_equal(source.render(10), NoiseSource(5).render(10))


def test_faults_of_one_wire_can_be_put_in_turn() -> None:
    clock = HandClock()
    several = [parse_fault(text, seed=1).for_bytes(clock) for text in ("drop=1", "duplicate=1")]
    assert faults.in_turn(*several)(DATA) == b""
