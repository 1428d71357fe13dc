"""One gateway of a site tells the time, signed; a pod takes it from nobody else."""

from __future__ import annotations

import time

import pytest

from pod_bench import COORDINATOR_KEY, POD, SITE, make_pod, pod_key
from sanctuary.gateway.site.coordinator_shell import CoordinatorRunner
from sanctuary.gateway.site.pod_shell import PodRunner
from sanctuary.gateway.site.site_clock import SanctuaryClock
from sanctuary.pods.clock.exchange import OffsetEstimator, TimeSource, respond
from sanctuary.pods.coordinator.circle import CoordinatorIdentity
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.effects import IdSource
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal_line, unseal
from sanctuary.pods.protocol.messages import TimeResponse, read
from sanctuary.virtual_site.sleeper import Ear, MemoryLog


def runner_with(clock: SanctuaryClock, sent: list[MqttMessage]) -> CoordinatorRunner:
    identity = CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("g1"))
    return CoordinatorRunner(SITE, Gateway(identity, ()), MemoryLog(), sent.append, clock.now, clock.answer)


def request() -> MqttMessage:
    payload = OffsetEstimator("boot").request(77.0)
    return MqttMessage(topics.time_request(SITE, "p1"), payload, 0, arrived_s=time.monotonic() - 5.0)


def test_the_answer_says_when_the_request_arrived_not_when_it_was_looked_at() -> None:
    sent: list[MqttMessage] = []
    clock = SanctuaryClock("gateway-1", "g1", time.time() - 1000.0)
    runner_with(clock, sent).message(request(), clock.now())
    (message,) = sent
    answer = read(TimeResponse, unseal(Kind.TIME, message.payload, COORDINATOR_KEY.verify_key))
    assert message.topic == topics.time_response(SITE, "p1")
    assert answer.t3_s - answer.t2_s == pytest.approx(5.0, abs=1.0)
    assert (answer.gateway, answer.boot) == ("gateway-1", "g1")
    assert answer.utc_s_at_zero == clock.utc_s_at_zero


def test_a_gateway_whose_clock_is_not_the_sanctuarys_says_nothing() -> None:
    sent: list[MqttMessage] = []
    clock = SanctuaryClock("gateway-2", "g2", time.time())
    runner = runner_with(clock, sent)
    runner.answers_time = False
    runner.message(request(), clock.now())
    assert sent == []


def test_a_pod_goes_by_no_time_that_its_coordinator_has_not_signed() -> None:
    sent: list[MqttMessage] = []
    runner = PodRunner(make_pod(), MemoryLog(), Ear(lambda _cue, _at_s: None), sent.append)
    runner.tick(1.0)
    (asked,) = (message for message in sent if message.topic == topics.time_request(SITE, POD))
    answer = respond(asked.payload, 1.0, 1.0, TimeSource("gateway-1", "g1", 0.0))
    topic = topics.time_response(SITE, POD)
    for forged in (
        answer,
        seal_line(Kind.TIME, answer, pod_key(POD)),
        seal_line(Kind.COMMAND, answer, COORDINATOR_KEY),
    ):
        runner.message(MqttMessage(topic, forged, 0), 1.0)
        assert not measured(runner)
    runner.message(MqttMessage(topic, seal_line(Kind.TIME, answer, COORDINATOR_KEY), 0), 1.0)
    assert measured(runner)


def measured(runner: PodRunner) -> bool:
    """Tell whether the pod is sure of its clock."""
    return runner.pod.permits(1.0).untimed is None
