"""One gateway of a site tells the time, signed; a pod takes it from nobody else."""

from __future__ import annotations

import time

import pytest

from pod_bench import COORDINATOR_KEY, POD, SITE, make_pod, pod_key
from sanctuary.config.site_settings import SiteSettings
from sanctuary.gateway.site.coordinator_shell import ClockDuty, CoordinatorShell
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.site_clock import SanctuaryClock
from sanctuary.pods.clock.exchange import Cadence, OffsetEstimator, TimeSource, respond
from sanctuary.pods.coordinator.circle import CoordinatorIdentity
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.effects import IdSource
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal_line, unseal
from sanctuary.pods.protocol.messages import TimeResponse, read
from sanctuary.virtual_site.virtual_pod import Ear


def runner_with(clock: SanctuaryClock, sent: list[MqttMessage]) -> CoordinatorShell:
    identity = CoordinatorIdentity(SITE, "gateway-1", COORDINATOR_KEY, IdSource("g1"))
    return CoordinatorShell(SITE, Gateway(identity, ()), EventLog(), sent.append, clock)


def request() -> MqttMessage:
    payload = OffsetEstimator("boot").request(77.0)
    return MqttMessage(topics.time_request(SITE, "p1"), payload, 0, arrived_s=time.monotonic() - 5.0)


def test_the_answer_says_when_the_request_arrived_not_when_it_was_looked_at() -> None:
    sent: list[MqttMessage] = []
    clock = SanctuaryClock("gateway-1", "g1", time.time() - 1000.0)
    runner_with(clock, sent).on_message(request())
    (message,) = sent
    answer = read(TimeResponse, unseal(Kind.TIME, message.payload, COORDINATOR_KEY.verify_key))
    assert message.topic == topics.time_response(SITE, "p1")
    assert answer.t3_s - answer.t2_s == pytest.approx(5.0, abs=1.0)
    assert (answer.gateway, answer.boot) == ("gateway-1", "g1")
    assert answer.utc_s_at_zero == clock.utc_s_at_zero


def test_a_gateway_whose_clock_is_not_the_sanctuarys_says_nothing() -> None:
    sent: list[MqttMessage] = []
    clock = SanctuaryClock("gateway-1", "g2", time.time())
    runner = runner_with(clock, sent)
    runner.duty = ClockDuty(SiteSettings(id=SITE), runner.core, clock, sent.append)
    runner.on_message(request())
    assert sent == []


def test_a_pod_goes_by_no_time_that_its_coordinator_has_not_signed() -> None:
    sent: list[MqttMessage] = []
    runner = PodShell(make_pod(), EventLog(), Ear(lambda _cue, _at_s: None), sent.append)
    runner.tick(1.0)
    (asked,) = (message for message in sent if message.topic == topics.time_request(SITE, POD))
    answer = respond(asked.payload, 1.0, 1.0, TimeSource("gateway-1", "g1", 0.0))
    topic = topics.time_response(SITE, POD)
    for forged in (
        answer,
        seal_line(Kind.TIME, answer, pod_key(POD)),
        seal_line(Kind.COMMAND, answer, COORDINATOR_KEY),
    ):
        runner.on_message(MqttMessage(topic, forged, 0), 1.0)
        assert not measured(runner)
    runner.on_message(MqttMessage(topic, seal_line(Kind.TIME, answer, COORDINATOR_KEY), 0), 1.0)
    assert measured(runner)


def measured(runner: PodShell) -> bool:
    """Tell whether the pod is sure of its clock."""
    return runner.pod.permits(1.0).untimed is None


def test_a_gateway_whose_clock_is_measured_anew_goes_on_coordinating() -> None:
    sent: list[MqttMessage] = []
    quick = Cadence(burst=4, gap_s=0.0, every_s=0.0, enough=4)
    clock = SanctuaryClock("gateway-1", "g1", time.time(), cadence=quick)
    runner = runner_with(clock, sent)
    duty = ClockDuty(
        SiteSettings(id=SITE, gateways=("gateway-2", "gateway-1")), runner.core, clock, sent.append
    )
    leader = SanctuaryClock("gateway-2", "g2", time.time() - 1000.0)

    def exchange(with_clock: SanctuaryClock) -> None:
        request = clock.ask()
        assert request is not None
        answer = with_clock.answer(MqttMessage("a", request, 0))
        sealed = seal_line(Kind.TIME, answer, COORDINATOR_KEY)
        duty.on_answer(MqttMessage(duty.topic, sealed, 0))

    assert not duty.is_settled
    for _ in range(4):
        exchange(leader)
    assert duty.is_settled
    exchange(SanctuaryClock("gateway-2", "g3", time.time() - 500.0))
    assert not clock.is_followed
    assert duty.is_settled


def test_of_two_gateways_that_tell_the_time_the_one_that_comes_later_stops_once_it_hears_the_other() -> None:
    sent: list[MqttMessage] = []
    clock = SanctuaryClock("gateway-1", "g1", time.time(), cadence=Cadence(1, 0.0, 0.0, 1))
    runner = runner_with(clock, sent)
    site = SiteSettings(id=SITE, gateways=("gateway-0", "gateway-1", "gateway-2"))
    duty = runner.duty = ClockDuty(site, runner.core, clock, sent.append)

    def answered_by(name: str) -> None:
        sent.clear()
        duty.tick()
        (asked,) = sent
        answer = SanctuaryClock(name, "g9", time.time() - 1000.0).answer(asked)
        runner.on_message(MqttMessage(duty.topic, seal_line(Kind.TIME, answer, COORDINATOR_KEY), 0))

    duty.answers = True
    answered_by("gateway-2")
    assert duty.answers
    answered_by("gateway-0")
    assert not duty.answers
    assert clock.now() == pytest.approx(1000.0, abs=10.0)
