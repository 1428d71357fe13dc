"""``docs/asyncapi.json`` is true: every message that real pods and a coordinator send is in it as it is."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from fake_wire import LRLR
from house import ROOT
from pod_bench import estimate
from sanctuary.commons.entries import Grant, Scope, Withdrawal, WithdrawnScope, key_id, seal
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.assembly import derive_key
from sanctuary.pods.mqtt.broker import find_mosquitto
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.signal.samples import StageEstimate
from wire_house import SECRET, WireHouse, wire_house
from wire_schema import WireDocument

DOCUMENT = WireDocument(json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8")))
UNUSED = {"broadcast"}
"""Pods obey it, but no coordinator of ours has any need of it."""


def said(name: str, t_s: float) -> StageEstimate:
    """Two sleep through, and one of them signals; the third stirs and comes back to the window."""
    verdict = estimate(t_s, rem=not (name == "pod-3" and 20.0 <= t_s < 30.0))
    return replace(verdict, eye_signal=LRLR) if name == "pod-2" and 35.0 <= t_s < 45.0 else verdict


def consent(site: str) -> list[bytes]:
    """A new grant and a withdrawal of the third sleeper."""
    key = derive_key(SECRET, "sleeper", "spod-3")
    scope = Scope(circle="commons", modalities=(Modality.SOUND,), max_level_dba=30.0)
    given = Grant(who=key_id(key), seq=8, nonce="g", scope=scope, design="0" * 64, nbf=0.0, exp=1e10)
    taken = Withdrawal(who=key_id(key), seq=9, nonce="w", scope=WithdrawnScope(circle="*"))
    return [seal(key, site, given), seal(key, site, taken)]


@pytest.fixture(scope="module", params=["embedded", "mosquitto"])
def night(request: pytest.FixtureRequest) -> tuple[WireHouse, list[MqttMessage]]:
    """Ninety seconds of a site, and the death of a pod; what was tapped, and what is retained at the end."""
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")

    async def sleep() -> tuple[WireHouse, list[MqttMessage]]:
        async with wire_house(request.param, "duet", echo=True) as house:
            house.said = said
            await house.sleep(70)
            for entry in consent(house.settings.site.id):
                house.say(MqttMessage(topics.consent(house.settings.site.id, "pod-3"), entry))
            await house.sleep(10)
            await house.kill("pod-3")
            await house.sleep(10)
            house.said = lambda _, t_s: estimate(t_s, rem=False)
            await house.sleep(15)
            return house, await house.retained()

    return asyncio.run(sleep())


def test_every_message_is_in_exactly_one_channel_and_fits_it(
    night: tuple[WireHouse, list[MqttMessage]],
) -> None:
    house, _ = night
    assert len(house.tapped) > 300
    for message in house.tapped:
        channels = DOCUMENT.channels_of(message.topic)
        assert len(channels) == 1, message.topic
        assert DOCUMENT.problems(channels[0], message.payload) == [], message


def test_every_message_is_published_as_documented(night: tuple[WireHouse, list[MqttMessage]]) -> None:
    house, _ = night
    for message in house.witness.published:
        (channel,) = DOCUMENT.channels_of(message.topic)
        assert (message.qos, message.retain) == DOCUMENT.bindings(channel), message.topic


def test_every_message_arrives_with_the_documented_quality(
    night: tuple[WireHouse, list[MqttMessage]],
) -> None:
    house, _ = night
    for message in house.tapped:
        (channel,) = DOCUMENT.channels_of(message.topic)
        qos = DOCUMENT.bindings(channel)[0]
        if house.endpoint.kind == "embedded":  # it delivers everything with the quality of the subscription
            assert message.qos >= qos, message.topic
        else:
            assert message.qos == qos, message.topic


def test_what_the_broker_keeps_is_what_is_documented_as_kept(
    night: tuple[WireHouse, list[MqttMessage]],
) -> None:
    house, kept = night
    topics = {message.topic for message in house.tapped}
    expected = {topic for topic in topics if DOCUMENT.bindings(*DOCUMENT.channels_of(topic))[1]}
    assert {message.topic for message in kept} == expected
    assert len(expected) >= 6


def test_every_documented_channel_and_message_occurred(night: tuple[WireHouse, list[MqttMessage]]) -> None:
    house, _ = night
    channels = Counter(DOCUMENT.channels_of(message.topic)[0] for message in house.tapped)
    assert set(channels) == set(DOCUMENT.document["channels"]) - UNUSED
    commands = {
        json.loads(message.payload.split(b"\n")[0])["op"]
        for message in house.tapped
        if DOCUMENT.channels_of(message.topic) == ["podCommand"]
    }
    documented = DOCUMENT.document["channels"]["podCommand"]["messages"]
    assert commands == {name.lower() for name in documented}


def test_the_last_will_is_the_documented_one(night: tuple[WireHouse, list[MqttMessage]]) -> None:
    house, _ = night
    will = DOCUMENT.document["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]
    (offline,) = [m for m in house.tapped if b'"online":false' in m.payload][:1]
    assert DOCUMENT.channels_of(offline.topic) == ["podStatus"]
    assert will["topic"].endswith("/pods/{pod}/up/status")
    assert (will["qos"], will["retain"]) == (1, True)
    assert json.loads(will["message"]).keys() == json.loads(offline.payload).keys()
