"""The computer's clock is watched: what becomes of it is said once, and the latest UTC is a floor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from clock_bench import TRUE_UTC_S, ClockHouse, Computer
from sanctuary.config.errors import InputError
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.disk import FileDisk
from sanctuary.gateway.site.live_night import unkept_means, watch_utc
from sanctuary.gateway.site.machine_clock import ClockSources, KernelClock, Tracking
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.storage import SiteStore


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What was said to people so far, which grows."""
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("sanctuary").addHandler(handler)
    yield told
    logging.getLogger("sanctuary").removeHandler(handler)


def looks(own: OwnUtc, computer: Computer, times: int = 20) -> list[str]:
    """Look for a while, every half second; gives what became of the clock."""
    events = []
    for _ in range(times):
        computer.passes(0.5)
        events += [news.event for news in own.look()]
    return events


@pytest.mark.parametrize(
    ("by_s", "words"), [(21600.0, "set forward by 21600.0 s"), (-1.5, "set back by 1.5 s")]
)
def test_a_step_is_heard_and_said_once(tmp_path: Path, said: list[str], by_s: float, words: str) -> None:
    house = ClockHouse(tmp_path)
    own = house.own()
    assert looks(own, house.computer) == []
    house.computer.is_set(by_s)
    events = looks(own, house.computer)
    assert events.count("stepped") == 1
    assert sum(words in line for line in said) == 1
    assert "grants are judged by the stricter" in said[0]


def test_a_slew_is_no_step(tmp_path: Path, said: list[str]) -> None:
    house = ClockHouse(tmp_path)
    own = house.own()
    for _ in range(100):
        house.computer.is_set(500e-6 * 0.5)
        assert looks(own, house.computer, 1) == []
    assert said == []


def test_sleep_is_told_and_is_no_step(tmp_path: Path, said: list[str]) -> None:
    house = ClockHouse(tmp_path)
    own = house.own()
    house.computer.sleeps(10_800.0)
    assert looks(own, house.computer) == ["slept"]
    assert said == ["this computer slept for 10800 s; the sanctuary clock has gone on"]


def test_that_nobody_keeps_the_clock_is_said_once_and_once_when_somebody_does(
    tmp_path: Path, said: list[str]
) -> None:
    house = ClockHouse(tmp_path, Computer(synchronised=False))
    own = house.own("nothing is cued")
    assert looks(own, house.computer) == []
    assert not own.is_synchronised
    house.computer.synchronised = True
    assert looks(own, house.computer) == ["synchronised"]
    assert own.is_synchronised
    assert said == [
        "no time service keeps this computer's clock (the kernel); nothing is cued",
        "this computer's clock is synchronised now (the kernel)",
    ]


def test_where_nobody_is_concerned_nothing_is_said(tmp_path: Path, said: list[str]) -> None:
    house = ClockHouse(tmp_path, Computer(synchronised=False))
    own = house.own("")
    house.computer.synchronised = True
    assert looks(own, house.computer) == ["synchronised"]
    assert said == []


def test_records_tell_everything_once_also_of_looks_before_the_log_was_there(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path, Computer(synchronised=False))
    own = house.own()
    house.computer.is_set(60.0)
    first, second = own.records(7.0)
    assert (first.event, second.event, second.by_s, second.t_s) == (
        "unsynchronised",
        "stepped",
        60.0,
        7.0,
    )
    assert own.records(8.0) == []


def test_chrony_is_asked_where_the_kernel_does_not_know_and_only_there(tmp_path: Path) -> None:
    asked = []

    async def chrony(timeout_s: float) -> Tracking:
        asked.append(timeout_s)
        return Tracking(0.001, 1e-6)

    house = ClockHouse(tmp_path)
    kernel = [KernelClock(True, 0.01), KernelClock(False, 16.0)]
    sources = ClockSources(lambda: kernel[0], chrony, lambda: None)
    own = OwnUtc("g", house.store, clock=house.computer, sources=sources)
    asyncio.run(own.ask_chrony())
    assert asked == []
    del kernel[0]
    own.look()
    assert not own.is_synchronised
    asyncio.run(own.ask_chrony())
    own.look()
    assert own.is_synchronised
    assert asked == [2.0]
    house.computer.is_set(60.0)
    own.look()
    assert not own.is_synchronised, "what chrony said before the step says nothing of the clock now"
    asyncio.run(own.ask_chrony())
    own.look()
    assert own.is_synchronised


# --- the floor ---


def test_a_synchronised_clock_is_kept_and_no_other(tmp_path: Path) -> None:
    house = ClockHouse(tmp_path, Computer(synchronised=False))
    house.own().close()
    assert house.store.floor() is None
    house.computer.synchronised = True
    own = house.own()
    assert house.store.floor() == TRUE_UTC_S
    looks(own, house.computer, 1300)
    kept = house.store.floor()
    assert kept is not None
    assert 600.0 <= kept - TRUE_UTC_S <= 650.0
    own.close()
    assert house.store.floor() == pytest.approx(TRUE_UTC_S + 650.0)


def test_a_clock_without_a_battery_tells_no_utc_below_the_floor(tmp_path: Path, said: list[str]) -> None:
    house = ClockHouse(tmp_path)
    house.own().close()
    house.computer.restarts(loses_s=86_400.0)
    house.computer.synchronised = False
    own = house.own()
    assert own.utc_s() == pytest.approx(TRUE_UTC_S)
    house.computer.passes(3600.0)
    assert own.utc_s() == pytest.approx(TRUE_UTC_S + 3600.0), "it goes on from there"
    looks(own, house.computer)
    behind = [line for line in said if "a synchronised one has said" in line]
    assert len(behind) == 1
    assert f"remove {tmp_path / 'clock.json'} and start again" in behind[0]
    house.computer.synchronised, house.computer.wrong_by_s = True, 0.0
    looks(own, house.computer)
    assert own.utc_s() == house.computer.utc_s()


def test_a_floor_in_a_far_future_is_said_and_gone_with_its_file(tmp_path: Path, said: list[str]) -> None:
    house = ClockHouse(tmp_path)
    house.store.keep_floor(4_100_000_000.0)
    own = house.own()
    assert own.is_synchronised
    assert own.utc_s() == house.computer.utc_s()
    assert own.floor_s == 4_100_000_000.0
    assert "2099-12-03" in said[0]
    assert "both judge grants" in said[0]
    looks(own, house.computer, 1300)
    own.close()
    assert house.store.floor() == 4_100_000_000.0, "it is not carried on while the clock says less"
    house.store.clock_path.unlink()
    assert house.own().floor_s == house.computer.utc_s()


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"latest_utc_s": "x"}', '{"latest_utc_s": 1e999}', "\x00"]
)
def test_a_spoilt_file_is_no_floor(tmp_path: Path, text: str) -> None:
    house = ClockHouse(tmp_path)
    house.store.clock_path.write_text(text)
    assert house.store.floor() is None
    assert house.own().is_synchronised


def test_a_disk_that_takes_nothing_ends_no_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = ClockHouse(tmp_path / "data")
    own = house.own()
    refused = []

    def refuse(_disk: FileDisk, path: Path, _content: bytes, _what: str) -> None:
        refused.append(path)
        raise InputError("the disk is full")

    monkeypatch.setattr(FileDisk, "replace", refuse)
    house.computer.passes(700.0)
    own.look()
    own.close()
    assert refused == [house.store.clock_path] * 2


def test_states_come_from_where_they_are_said_to_come(tmp_path: Path) -> None:
    computer = Computer()
    sources = replace(computer.sources, kernel=lambda: None, timesyncd_age_s=lambda: 30.0)
    own = OwnUtc("g", ClockHouse(tmp_path).store, clock=computer, sources=sources)
    own.look()
    assert own.is_synchronised


def sanctuary(headband: str, *, allowed: bool) -> SanctuarySettings:
    place = '"seed": 1' if headband == "simulated" else '"port": "/dev/ttyUSB0"'
    pod = f'{{"id": "pod-1", "sleeper": "alder", "headband": {{"kind": "{headband}", {place}}}}}'
    clock = f'{{"allow_unsynchronised": {str(allowed).lower()}}}'
    return SanctuarySettings.model_validate_json(f'{{"pods": [{pod}], "clock": {clock}}}')


@pytest.mark.parametrize(
    ("headband", "allowed", "words"),
    [
        ("simulated", False, ""),
        ("simulated", True, ""),
        ("cyton", False, "no person is given a cue until one does: see `timedatectl`"),
        ("cyton", True, "persons are given cues all the same, as clock.allow_unsynchronised says"),
    ],
)
def test_what_it_means_is_said_where_persons_sleep(headband: str, allowed: bool, words: str) -> None:
    means = unkept_means(sanctuary(headband, allowed=allowed))
    assert means.startswith(words)
    assert bool(means) == bool(words)


def test_a_program_looks_at_its_clock_first_and_keeps_it_last(tmp_path: Path) -> None:
    store = SiteStore(tmp_path)

    async def run() -> OwnUtc:
        async with AsyncExitStack() as stack:
            return await watch_utc("gateway-1", SanctuarySettings(), store, stack)

    own = asyncio.run(run())
    assert (store.floor() is not None) == own.is_synchronised
