"""One sleeper's eye signal sounds in another's pod, over a real broker; without both grants it does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fake_wire import LRLR
from pod_bench import estimate
from sanctuary.commons.designs import shipped_design
from sanctuary.pods.audit import check_violations
from sanctuary.pods.mqtt.broker import find_mosquitto
from sanctuary.signal.samples import StageEstimate
from wire_house import WireHouse, wire_house


@pytest.fixture(params=["embedded", "mosquitto"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    return str(request.param)


def sleep(kind: str, *, echo: bool, in_window: bool = True) -> WireHouse:
    """Let the sleeper of the second pod signal 24 s into a duet, or before there is a window."""

    async def main() -> WireHouse:
        async with wire_house(kind, "duet", echo=echo) as house:
            signal_s = 0.0

            def said(name: str, t_s: float) -> StageEstimate:
                verdict = estimate(t_s, rem=in_window or name == "pod-2")
                return replace(verdict, eye_signal=LRLR) if (name, t_s) == ("pod-2", signal_s) else verdict

            house.said = said
            for _ in range(30):
                await house.sleep(1)
                if house.records("window", "opened"):
                    break
            opened = house.records("window", "opened")
            assert bool(opened) == in_window
            signal_s = opened[0]["t_s"] + 26.0 if opened else house.now_s + 5.0
            await house.sleep(32)
            return house

    return asyncio.run(main())


def answers(house: WireHouse) -> list[tuple[str, str]]:
    return [
        (line["pod"], line["answers"])
        for line in house.records("cue")
        if line.get("answers") and line["outcome"] == "rendered"
    ]


def test_a_signal_is_answered_in_the_other_pods_of_the_duet(kind: str) -> None:
    house = sleep(kind, echo=True)
    parts = {offer.part for run in house.runs for offer in run.offers.values()}
    assert parts == {1, 2}
    assert answers(house) == [("pod-1", "pod-2"), ("pod-3", "pod-2")]
    answer = shipped_design("duet").design.answer
    assert answer is not None
    assert [name for name, cue, _ in house.heard if cue.tones_hz == answer.tones_hz] == ["pod-1", "pod-3"]
    assert [line["reason"] for line in house.records("window", "eye_signal")] == ["pod-2"]
    assert sum(message.topic.endswith("/up/event/eye-signal") for message in house.tapped) == 1
    assert check_violations(house.log.records) == []


def test_nobody_who_did_not_agree_is_heard_or_answered(kind: str) -> None:
    house = sleep(kind, echo=False)
    assert answers(house) == []
    assert not any(message.topic.endswith("/up/event/eye-signal") for message in house.tapped)
    assert house.records("window_signal")[0]["reason"] == "echo_not_granted"


def test_outside_a_window_nothing_goes_out(kind: str) -> None:
    house = sleep(kind, echo=True, in_window=False)
    assert answers(house) == []
    assert not any(message.topic.endswith("/up/event/eye-signal") for message in house.tapped)
