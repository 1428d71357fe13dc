"""Another sanctuary of the same name is known by claims that our key has not signed."""

from __future__ import annotations

import pytest

from sanctuary.commons.entries import signing_key
from sanctuary.gateway.site.advice import Strangers, told
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.messages import GatewayClaim

OURS, THEIRS = signing_key(b"\x01" * 32), signing_key(b"\x02" * 32)
TOPIC = "sanctuary/v1/harbour/circles/commons/claim"


def claim(*, ours: bool = False, released: bool = False, retain: bool = False) -> MqttMessage:
    body = GatewayClaim(
        site="harbour",
        circle="commons",
        gateway="gateway-1",
        boot="b1",
        term=1,
        seq=1,
        released=released,
        good_for_s=5.0,
        last_window_end_s=None,
        issued_at_s=1.0,
    )
    return MqttMessage(TOPIC, seal(Kind.CLAIM, body, OURS if ours else THEIRS), 1, retain)


def heard(*messages: MqttMessage, listening: bool = True) -> tuple[bool, bool]:
    strangers = Strangers(OURS.verify_key)
    strangers.listening = listening
    for message in messages:
        strangers.hear(message)
    return strangers.kept, strangers.live


@pytest.mark.parametrize(
    ("message", "listening", "expected"),
    [
        (claim(ours=True), True, (False, False)),
        (claim(), True, (False, True)),
        (claim(retain=True), True, (True, False)),
        (claim(), False, (True, False)),
        (claim(released=True), True, (False, False)),
        (MqttMessage(TOPIC, b"", 1, True), True, (False, False)),
        (MqttMessage(TOPIC, b"garbage", 1), True, (False, False)),
        (MqttMessage(TOPIC, b'{"schema": "gateway.claim.v1"}\n""\n', 1), True, (False, False)),
    ],
)
def test_who_claims_is_told_apart(message: MqttMessage, listening: bool, expected: tuple[bool, bool]) -> None:
    assert heard(message, listening=listening) == expected


def test_the_sentence_names_the_setting() -> None:
    assert told("harbour", "a broker").startswith('site.id = "harbour": another sanctuary of this name')
