"""One gateway of a site tells the time; pods of several programs keep their latches in one file."""

from __future__ import annotations

import time

import pytest

from coordinator_desk import desk
from pod_bench import SITE
from sanctuary.gateway.fleet.log import MemoryLog
from sanctuary.gateway.night.coordinator_runner import CoordinatorRunner
from sanctuary.gateway.night.sanctuary_clock import SanctuaryClock
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.clock import OffsetEstimator, TimeResponse
from sanctuary.pods.wire.messages import read
from sanctuary.pods.wire.packets import Message


def runner_with(clock: SanctuaryClock, sent: list[Message]) -> CoordinatorRunner:
    return CoordinatorRunner(SITE, desk().coordinator, MemoryLog(), sent.append, clock.now, clock.answer)


def request() -> Message:
    payload = OffsetEstimator("boot").request(77.0)
    return Message(topics.time_request(SITE, "p1"), payload, 0, arrived_s=time.monotonic() - 5.0)


def test_the_answer_says_when_the_request_arrived_not_when_it_was_looked_at() -> None:
    sent: list[Message] = []
    clock = SanctuaryClock("gateway-1", "g1", time.time() - 1000.0)
    runner_with(clock, sent).message(request(), clock.now())
    (message,) = sent
    answer = read(TimeResponse, message.payload)
    assert message.topic == topics.time_response(SITE, "p1")
    assert answer.t3_s - answer.t2_s == pytest.approx(5.0, abs=1.0)
    assert (answer.gateway, answer.boot) == ("gateway-1", "g1")
    assert answer.utc_s_at_zero == clock.utc_s_at_zero


def test_a_gateway_whose_clock_is_not_the_sanctuarys_says_nothing() -> None:
    sent: list[Message] = []
    clock = SanctuaryClock("gateway-2", "g2", time.time())
    runner = runner_with(clock, sent)
    runner.answers_time = False
    runner.message(request(), clock.now())
    assert sent == []
