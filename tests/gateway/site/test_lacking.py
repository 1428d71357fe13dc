"""Who has no grant, no circle, no output is noted, at the start and whenever it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pod_bench import (
    CIRCLE,
    DESIGN,
    ORIGIN,
    SLEEPER_KEY,
    UTC_AT_ZERO_S,
    grant,
    make_bench,
    sealed,
    withdrawal,
)
from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.entries import Grant, Withdrawal, key_id, unseal
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.assembly import designs_of
from sanctuary.gateway.site.lacking import GrantWatch, note_what_is_not_there, said, ungranted
from sanctuary.pods.pod.events import ConsentPresented
from sanctuary.pods.protocol.records import LogRecord

NOW_S = UTC_AT_ZERO_S


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def write(self, record: LogRecord) -> None:
        self.records.append(record.to_dict())

    def flush(self, *, durable: bool = False) -> bool:
        return durable or True


def lack(*entries: Grant | Withdrawal, now_s: float = NOW_S) -> str:
    book = ConsentBook(ORIGIN, key_id(SLEEPER_KEY))
    for entry in entries:
        book.add(sealed(entry))
    return ungranted(book, CIRCLE, DESIGN, now_s)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((), "no_grant"),
        ((grant(circle="other"),), "no_grant"),
        ((grant(nbf=NOW_S + 60.0),), "grant_not_yet_in_force"),
        ((grant(exp=NOW_S),), "grant_expired"),
        ((grant(design="f" * 64),), "design_not_granted"),
        ((grant(modalities=(Modality.SOUND,)),), "modality_not_granted light"),
        ((grant(max_level_dba=35.0),), "level_above_grant sound"),
        ((grant(max_level_dba=30.0, max_light_share=0.01),), "level_above_grant sound light"),
        ((grant(),), ""),
    ],
)
def test_what_a_design_asks_for_and_the_grant_lacks(entries: tuple[Grant, ...], expected: str) -> None:
    assert lack(*entries) == expected


def test_a_withdrawal_is_named_as_such() -> None:
    given = sealed(grant())
    assert lack(grant(), withdrawal(2, prev=unseal(given, ORIGIN).digest)) == "withdrawn"


def test_a_lack_is_read_in_words() -> None:
    assert said("modality_not_granted light haptic") == "modality not granted (light, haptic)"
    assert said("grant_expired") == "grant expired"


def watching(*entries: bytes, narrow: bool = True) -> tuple[Any, GrantWatch, Lines, list[str]]:
    made, lines, told = make_bench(), Lines(), list[str]()
    for entry in entries:
        made.handle(ConsentPresented(entry), 0.0)
    return made, GrantWatch(made.pod, lines, {CIRCLE: DESIGN}, told.append, narrow=narrow), lines, told


def test_a_pod_without_a_grant_is_told_once_and_again_when_it_gets_one() -> None:
    made, watch, lines, told = watching()
    for t_s in range(20):
        watch.look(float(t_s))
    made.handle(ConsentPresented(sealed(grant())), 20.0)
    for t_s in range(20, 40):
        watch.look(float(t_s))
    assert [(r["what"], r["event"], r["about"], r["detail"]) for r in lines.records] == [
        ("no_grant", "began", CIRCLE, "no_grant"),
        ("no_grant", "ended", CIRCLE, ""),
    ]
    assert told[0].startswith("pod-1: no grant in force for circle")
    assert len(told) == 2


def test_a_grant_that_ends_in_the_night_is_noted_when_it_ends() -> None:
    _, watch, lines, _ = watching(sealed(grant(exp=NOW_S + 100.0)))
    for t_s in range(0, 200, 2):
        watch.look(float(t_s))
    (record,) = lines.records
    assert record["detail"] == "grant_expired"
    assert 100.0 <= record["t_s"] <= 106.0


def test_a_narrow_grant_is_noted_only_where_that_is_wanted() -> None:
    entry = sealed(grant(modalities=(Modality.SOUND,)))
    _, watch, lines, _ = watching(entry)
    watch.look(1.0)
    assert [record["detail"] for record in lines.records] == ["modality_not_granted light"]
    _, watch, lines, _ = watching(entry, narrow=False)
    watch.look(1.0)
    assert lines.records == []


def test_a_clock_that_is_set_back_does_not_stop_the_looking() -> None:
    _, watch, lines, _ = watching(sealed(grant(nbf=NOW_S + 10.0)))
    watch.look(1000.0)
    watch.look(5.0)
    assert [record["event"] for record in lines.records] == ["began"]


def settings(**pod: Any) -> SanctuarySettings:
    person = {"id": "pod-1", "sleeper": "alder", "sleeper_key": "a" * 64} | pod
    person.setdefault("headband", {"kind": "cyton", "port": "/dev/ttyX"})
    other = {"id": "pod-2", "sleeper": "birch", "headband": {"kind": "simulated"}}
    circle = {"id": "tide", "members": ["pod-1", "pod-2"]}
    return SanctuarySettings.model_validate({"pods": [person, other], "circles": [circle]})


def noted(given: SanctuarySettings) -> list[tuple[str, str, str]]:
    lines, designs = Lines(), designs_of(given.circles)
    for entry in given.pods:
        note_what_is_not_there(given, entry, designs, lines, 0.0, lambda _: None)
    return [(r["pod"], r["what"], r["about"]) for r in lines.records]


def test_a_person_without_devices_is_told_which_cues_come_out_nowhere() -> None:
    assert noted(settings()) == [("pod-1", "no_output", "sound and light")]
    lamp = {"light": {"kind": "wled", "topic": "wled/bed1"}}
    assert noted(settings(devices=lamp)) == [("pod-1", "no_output", "sound")]


def test_simulated_sleepers_need_no_devices_but_a_circle() -> None:
    alone = SanctuarySettings.model_validate(
        {"pods": [{"id": "pod-1", "sleeper": "alder", "headband": {"kind": "simulated"}}]}
    )
    assert noted(alone) == [("pod-1", "no_circle", "")]
