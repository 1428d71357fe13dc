"""A pod's shell tells it what is known of UTC: when that is news, and whether it suffices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clock_bench import TRUE_UTC_S, ClockHouse, Computer
from pod_bench import make_pod
from sanctuary.config.site_settings import ClockSettings
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.pods.clock.exchange import TimeSource
from sanctuary.pods.pod.events import UtcHeard
from sanctuary.virtual_site.virtual_pod import Ear

HOUR_S = 3600.0


class Place:
    """A pod apart from its gateway."""

    def __init__(self, folder: Path, *, kept: tuple[bool, bool] = (True, True), **settings: Any) -> None:
        self.house = ClockHouse(folder, Computer(synchronised=kept[1]))
        self.own = self.house.own("")
        self.source: TimeSource | None = TimeSource("gateway-1", "g1", TRUE_UTC_S, TRUE_UTC_S, kept[0])
        self.said: list[str] = []
        needed = settings.pop("needed", True)
        self.utc = PodUtc(
            "pod-1",
            self.own,
            lambda: self.source,
            ClockSettings(**settings),
            needed=needed,
            tell=self.said.append,
        )

    def news(self) -> UtcHeard | None:
        self.own.look()
        return self.utc.news(self.house.computer.true_s)

    def told(self, **changes: Any) -> None:
        assert self.source is not None
        self.source = replace(self.source, **changes)


def suffices(place: Place) -> bool:
    news = place.news()
    assert news is not None
    return news.suffices


@pytest.mark.parametrize(
    ("kept", "settings", "enough"),
    [
        ((True, True), {}, True),
        ((True, False), {}, True),
        ((False, True), {}, True),
        ((False, False), {}, False),
        ((False, False), {"allow_unsynchronised": True}, True),
        ((False, False), {"needed": False}, True),
        ((True, False), {"source": "system"}, True),
        ((False, True), {"source": "system"}, False),
    ],
)
def test_one_clock_that_is_kept_is_enough_and_the_gateways_where_chrony_follows_it(
    tmp_path: Path, kept: tuple[bool, bool], settings: dict[str, Any], enough: bool
) -> None:
    assert suffices(Place(tmp_path, kept=kept, **settings)) is enough


def test_it_is_no_news_that_nothing_changed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.source, source = None, place.source
    assert place.news() is None, "no gateway has told the time"
    place.source = source
    assert place.news() is not None
    for _ in range(1000):
        place.house.computer.passes(0.5)
        place.house.computer.is_set(1e-4)
        news = place.news()
        assert news is None or place.house.computer.wrong_by_s > 0.1
    assert place.said == []


def test_a_step_of_either_clock_is_news_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.news()
    place.house.computer.is_set(6 * HOUR_S)
    own = place.news()
    assert own is not None
    assert own.own is not None
    assert own.own.at_zero_s == pytest.approx(TRUE_UTC_S + 6 * HOUR_S)
    place.told(utc_s_at_zero=TRUE_UTC_S + 6 * HOUR_S)
    told = place.news()
    assert told is not None
    assert told.told.at_zero_s == TRUE_UTC_S + 6 * HOUR_S


def test_clocks_that_disagree_are_told_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.told(utc_s_at_zero=TRUE_UTC_S - HOUR_S)
    for _ in range(10):
        place.house.computer.passes(60.0)
        place.news()
    assert place.said == [
        "pod-1: the gateway's UTC is 3600 s before this computer's; grants are judged by the stricter"
    ]


def test_that_nobody_keeps_a_clock_is_told_once_and_once_when_somebody_does(tmp_path: Path) -> None:
    place = Place(tmp_path, kept=(False, False))
    for kept in (False, False, True, True):
        place.told(synchronised=kept)
        place.news()
    first, second = place.said
    assert first.startswith(
        "pod-1: no time service keeps the gateway's clock or this computer's; its sleeper"
    )
    assert "clock.allow_unsynchronised = true" in first
    assert second == "pod-1: a time service keeps the clock now"


def test_a_pod_hears_of_utc_before_anything_else_of_a_tick(tmp_path: Path) -> None:
    place, log = Place(tmp_path, kept=(False, False)), EventLog()
    runner = PodShell(make_pod(), log, Ear(lambda _cue, _at_s: None), lambda _: None, utc=place.utc)
    runner.update_utc(0.0)
    heard = [record for record in log.records if record.get("event") == "utc_heard"]
    assert [record["detail"] for record in heard] == ["unsynchronised: nothing is cued"]
    place.told(synchronised=True)
    runner.tick(1.0)
    heard = [record for record in log.records if record.get("event") == "utc_heard"]
    assert [record["utc_suffices"] for record in heard] == [False, True]


def test_the_floor_goes_along(tmp_path: Path) -> None:
    ClockHouse(tmp_path).store.keep_floor(TRUE_UTC_S + 9 * HOUR_S)
    news = Place(tmp_path).news()
    assert news is not None
    assert news.floor_at_zero_s == pytest.approx(TRUE_UTC_S + 9 * HOUR_S)
