"""The clock offset is never farther from the truth than is claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.clock.clock_fit import MAX_DRIFT
from sanctuary.pods.clock.exchange import OffsetEstimator, TimeSource
from sanctuary.pods.clock.exchange import respond as respond_as
from sanctuary.pods.protocol.messages import TimeRequest, TimeResponse, read

GATEWAY = TimeSource("gateway-1", "g1", 1.8e9)


def respond(request: bytes, t2_s: float, t3_s: float) -> bytes:
    return respond_as(request, t2_s, t3_s, GATEWAY)


delays = st.floats(0.0, 5.0)
exchanges = st.lists(st.tuples(st.floats(0.0, 300.0), delays, delays, delays), min_size=1, max_size=25)


@given(exchanges, st.floats(-9e8, 2e9), st.floats(-MAX_DRIFT, MAX_DRIFT), st.floats(0.0, 3600.0))
def test_the_true_offset_is_within_the_uncertainty(
    exchanges: list[tuple[float, float, float, float]], start: float, drift: float, wait_s: float
) -> None:
    def true_offset_s(pod_s: float) -> float:
        return start + drift * pod_s

    estimator, now_s = OffsetEstimator("boot"), 1000.0
    for gap_s, there_s, gateway_s, back_s in exchanges:
        now_s += gap_s
        request = estimator.request(now_s)
        arrived_s = now_s + there_s
        left_s = arrived_s + gateway_s
        t2_s, t3_s = arrived_s + true_offset_s(arrived_s), left_s + true_offset_s(left_s)
        now_s = left_s + back_s
        estimator.take(respond(request, t2_s, max(t2_s, t3_s)), now_s)
    for later_s in (now_s, now_s + wait_s):
        offset = estimator.offset(later_s)
        assert offset is not None
        assert abs(offset.offset_s - true_offset_s(later_s)) <= offset.uncertainty_s


def exchange(
    estimator: OffsetEstimator, at_s: float, there_s: float, back_s: float, true_s: float = 100.0
) -> None:
    request = estimator.request(at_s)
    estimator.take(
        respond(request, at_s + there_s + true_s, at_s + there_s + true_s), at_s + there_s + back_s
    )


def test_of_a_burst_the_shortest_round_trip_counts() -> None:
    estimator = OffsetEstimator("boot")
    exchange(estimator, 0.0, 0.5, 0.1)
    exchange(estimator, 1.0, 0.002, 0.002)
    exchange(estimator, 2.0, 0.2, 0.9)
    offset = estimator.offset(3.0)
    assert offset is not None
    assert offset.offset_s == pytest.approx(100.0)
    assert offset.uncertainty_s == pytest.approx(0.002 + MAX_DRIFT * 2.0, abs=1e-6)


def test_an_old_exchange_gives_way_to_a_longer_but_fresh_one() -> None:
    estimator = OffsetEstimator("boot", max_drift=1e-4)
    exchange(estimator, 0.0, 0.001, 0.001)
    exchange(estimator, 200.0, 0.01, 0.01)
    early, late = estimator.offset(1.0), estimator.offset(201.0)
    assert early is not None
    assert late is not None
    assert early.uncertainty_s < 0.0012
    assert late.uncertainty_s < 0.0102


def test_nothing_is_known_before_the_first_answer_and_after_forgetting() -> None:
    estimator = OffsetEstimator("boot")
    assert estimator.offset(0.0) is None
    exchange(estimator, 0.0, 0.1, 0.1)
    estimator.forget()
    assert estimator.offset(1.0) is None


def test_payloads_name_their_schema() -> None:
    request = read(TimeRequest, OffsetEstimator("boot").request(1.5))
    assert request == TimeRequest(id="boot-1", t1_s=1.5)
    response = read(TimeResponse, respond(request.to_bytes(), 2.0, 3.0))
    assert response == TimeResponse(
        id="boot-1",
        t1_s=1.5,
        t2_s=2.0,
        t3_s=3.0,
        gateway="gateway-1",
        boot="g1",
        utc_s_at_zero=1.8e9,
        began_utc_s=0.0,
        synchronised=True,
    )


def test_each_request_takes_one_answer() -> None:
    estimator = OffsetEstimator("boot")
    answer = respond(estimator.request(0.0), 5.0, 5.0)
    estimator.take(answer, 0.1)
    with pytest.raises(ProtocolError, match="answers no open request"):
        estimator.take(answer, 0.1)


def test_answers_to_another_boot_or_with_another_t1_are_refused() -> None:
    estimator = OffsetEstimator("boot")
    estimator.request(0.0)
    for answer in (
        respond(OffsetEstimator("other").request(0.0), 5.0, 5.0),
        respond(TimeRequest(id="boot-1", t1_s=0.5).to_bytes(), 5.0, 5.0),
    ):
        with pytest.raises(ProtocolError, match="answers no open request"):
            estimator.take(answer, 1.0)
    assert estimator.offset(1.0) is None


@pytest.mark.parametrize(
    ("t2_s", "t3_s", "now_s"),
    [(5.0, 4.0, 1.0), (5.0, 9.0, 1.0), (5.0, 5.0, -1.0)],
    ids=["gateway-clock-set-back", "longer-at-the-gateway-than-under-way", "pod-clock-set-back"],
)
def test_impossible_times_are_refused(t2_s: float, t3_s: float, now_s: float) -> None:
    estimator = OffsetEstimator("boot")
    request = estimator.request(0.0)
    with pytest.raises(ProtocolError, match="a clock was set"):
        estimator.take(respond(request, t2_s, t3_s), now_s)
    assert estimator.offset(1.0) is None


def test_requests_that_nobody_answers_are_given_up() -> None:
    estimator = OffsetEstimator("boot")
    first = estimator.request(0.0)
    for number in range(1, 17):
        estimator.request(float(number))
    with pytest.raises(ProtocolError, match="answers no open request"):
        estimator.take(respond(first, 0.0, 0.0), 17.0)


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"\xff", b'{"schema":"time.request.v1","id":"a","t1_s":NaN}']
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        respond(payload, 0.0, 0.0)
    with pytest.raises(ProtocolError):
        OffsetEstimator("boot").take(payload, 0.0)
