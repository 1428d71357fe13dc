"""The picture in the documents is the table in the code."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

import pod_states_picture as drawing
from house import ROOT
from pod_states_picture import FRAMES, Way, picture, ways
from sanctuary.pods.pod.states import TRANSITIONS, PodPhase, Trigger


def test_the_picture_in_the_documents_is_that_of_the_table() -> None:
    drawn = (ROOT / "docs" / "images" / "pod-states.svg").read_text(encoding="utf-8")
    assert drawn == picture(), "renew it: see docs/safety.md"


def test_the_arrows_say_what_the_table_says_no_more_and_no_less() -> None:
    members = {frame.title: frame.members for frame in FRAMES}
    told = {
        (phase, way.trigger, way.to)
        for way in ways()
        for phase in members.get(way.start, {way.start})
        if phase is not way.to
    }
    table = {
        (phase, trigger, to)
        for phase, moves in TRANSITIONS.items()
        for trigger, to in moves.items()
        if to is not phase
    }
    assert told == table


def test_every_state_and_way_is_named_in_it() -> None:
    texts = {element.text for element in ET.fromstring(picture()).iter() if element.text}
    assert {phase.replace("_", " ") for phase in PodPhase} <= texts
    assert {trigger.replace("_", " ") for trigger in Trigger} <= texts


def test_a_way_without_a_place_stops_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "ROUTES", dict(list(drawing.ROUTES.items())[1:]))
    with pytest.raises(LookupError, match="offline link_up idle"):
        picture()
    assert Way(PodPhase.OFFLINE, Trigger.LINK_UP, PodPhase.IDLE) in set(ways())
