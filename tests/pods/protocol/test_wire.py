"""Topics, messages and envelopes: what goes out comes back, and nothing else gets in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from pod_bench import CIRCLE, COORDINATOR_KEY, DESIGN, POD, eligible_bench, pod_key, published
from sanctuary.config.errors import InputError, ProtocolError
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.pods.effects import IdSource
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, open_command, open_lease, seal, unseal
from sanctuary.pods.protocol.messages import (
    Close,
    CloseArgs,
    Extend,
    ExtendArgs,
    LeaseMessage,
    Offer,
    OfferArgs,
    Open,
    OpenArgs,
    PodState,
    PodStatus,
    Reply,
    read,
    read_command,
)
from sanctuary.pods.protocol.topics import Channel, Topic

ids = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)
seconds = st.floats(-1e9, 1e11)
hashes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
frames = {
    "id": ids,
    "site": ids,
    "pod": ids,
    "term": st.integers(0, 2**53),
    "issued_at_s": seconds,
    "expires_at_s": seconds,
}
modalities = st.lists(st.sampled_from(Modality), min_size=1, max_size=3).map(tuple)
offers = st.builds(
    OfferArgs,
    offer=ids,
    window=ids,
    circle=ids,
    design=hashes,
    modalities=modalities,
    quorum=st.integers(2, 64),
    nonce=ids,
)
opens = st.builds(
    OpenArgs, offer=ids, window=ids, circle=ids, design=hashes, zero_s=seconds, valid_until_s=seconds
)
commands = st.one_of(
    st.builds(Offer, **frames, args=offers),
    st.builds(Open, **frames, start_at_s=seconds, args=opens),
    st.builds(Extend, **frames, args=st.builds(ExtendArgs, window=ids, circle=ids, valid_until_s=seconds)),
    st.builds(
        Close, **frames, args=st.builds(CloseArgs, window=ids, circle=ids, reason=st.just("quorum_lost"))
    ),
)
leases = st.builds(
    LeaseMessage,
    site=ids,
    pod=ids,
    boot=ids,
    term=st.integers(0, 2**53),
    offer=ids,
    window=ids,
    circle=ids,
    nonce=ids,
    seq=st.integers(1, 2**53),
    playing=st.booleans(),
    issued_at_s=seconds,
    ttl_s=st.floats(0.0, 10.0),
)


@given(ids, ids, ids, st.sampled_from(Channel))
def test_every_topic_comes_back(site: str, pod: str, leaf: str, channel: Channel) -> None:
    between_gateways = channel in (Channel.CLAIM, Channel.GATEWAY_STATUS)
    has_leaf = between_gateways or channel in (Channel.EVENT, Channel.SIGNAL)
    has_pod = not between_gateways and channel is not Channel.BROADCAST
    topic = Topic(site, channel, pod if has_pod else "", leaf if has_leaf else "")
    assert topics.parse(str(topic)) == topic


def test_the_tree_is_the_one_documented() -> None:
    assert [
        topics.status("s1", "pod-001"),
        topics.state("s1", "pod-001"),
        topics.event("s1", "pod-001", "lease"),
        topics.metrics("s1", "pod-001"),
        topics.signal("s1", "pod-001", "eeg"),
        topics.reply("s1", "pod-001"),
        topics.command("s1", "pod-001"),
        topics.desired("s1", "pod-001"),
        topics.broadcast("s1"),
        topics.time_request("s1", "pod-001"),
        topics.time_response("s1", "pod-001"),
        topics.claim("s1", "circle-1"),
        topics.gateway_status("s1", "gateway-1"),
    ] == [
        "sanctuary/v1/s1/pods/pod-001/up/status",
        "sanctuary/v1/s1/pods/pod-001/up/state",
        "sanctuary/v1/s1/pods/pod-001/up/event/lease",
        "sanctuary/v1/s1/pods/pod-001/up/metrics",
        "sanctuary/v1/s1/pods/pod-001/up/signal/eeg",
        "sanctuary/v1/s1/pods/pod-001/up/reply",
        "sanctuary/v1/s1/pods/pod-001/down/cmd",
        "sanctuary/v1/s1/pods/pod-001/down/desired",
        "sanctuary/v1/s1/all/cmd",
        "sanctuary/v1/s1/time/req/pod-001",
        "sanctuary/v1/s1/time/rsp/pod-001",
        "sanctuary/v1/s1/circles/circle-1/claim",
        "sanctuary/v1/s1/gateways/gateway-1/status",
    ]


def test_subscriptions_cover_one_channel_of_all_pods() -> None:
    assert topics.all_pods("s1", Channel.STATE) == "sanctuary/v1/s1/pods/+/up/state"
    assert topics.all_pods("s1", Channel.CLAIM) == "sanctuary/v1/s1/circles/+/claim"
    assert topics.all_pods("s1", Channel.GATEWAY_STATUS) == "sanctuary/v1/s1/gateways/+/status"
    assert topics.all_pods("s1", Channel.EVENT) == "sanctuary/v1/s1/pods/+/up/event/+"
    assert topics.all_pods("s1", Channel.TIME_REQUEST) == "sanctuary/v1/s1/time/req/+"
    assert topics.all_pods("s1", Channel.BROADCAST) == "sanctuary/v1/s1/all/cmd"


@pytest.mark.parametrize("bad", ["", "Pod", "a b", "a/b", "a.b", "+", "#", "ä", "a" * 65, "a\n"])
def test_an_id_cannot_break_out_of_its_level(bad: str) -> None:
    with pytest.raises(ProtocolError):
        topics.command("s1", bad)
    with pytest.raises(InputError):
        PodIdentity("s1", bad, "b1", pod_key("x"), COORDINATOR_KEY.verify_key, ())


def test_no_pod_is_called_all() -> None:
    with pytest.raises(InputError, match="means every pod"):
        PodIdentity("s1", "all", "b1", pod_key("x"), COORDINATOR_KEY.verify_key, ())


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "sanctuary/v1/s1",
        "sanctuary/v2/s1/all/cmd",
        "/sanctuary/v1/s1/all/cmd",
        "sanctuary/v1/s1/all/cmd/x",
        "sanctuary/v1/s1/pods/p/up/event",
        "sanctuary/v1/s1/pods/p/up/state/x",
        "sanctuary/v1/s1/pods/P/up/state",
        "sanctuary/v1/s1/pods/p/down/state",
        "sanctuary/v1/s1/time/ask/p",
    ],
)
def test_a_topic_that_is_none_of_ours_is_refused(topic: str) -> None:
    with pytest.raises(ProtocolError):
        topics.parse(topic)


@given(commands)
def test_every_command_comes_back(command: Offer | Open | Extend | Close) -> None:
    assert open_command(seal(Kind.COMMAND, command, COORDINATOR_KEY), COORDINATOR_KEY.verify_key) == command


@given(leases)
def test_every_lease_comes_back(lease: LeaseMessage) -> None:
    assert open_lease(seal(Kind.LEASE, lease, COORDINATOR_KEY), COORDINATOR_KEY.verify_key) == lease


def lease() -> LeaseMessage:
    return LeaseMessage(
        site="harbour",
        pod="p1",
        boot="b1",
        term=1,
        offer="o1",
        window="w1",
        circle="one",
        nonce="n1",
        seq=1,
        playing=False,
        issued_at_s=1.0,
        ttl_s=6.0,
    )


def test_one_kind_never_passes_as_another() -> None:
    sealed = seal(Kind.LEASE, lease(), COORDINATOR_KEY)
    with pytest.raises(ProtocolError, match="not signed"):
        unseal(Kind.COMMAND, sealed, COORDINATOR_KEY.verify_key)


def test_an_envelope_is_two_lines_of_json() -> None:
    sealed = seal(Kind.LEASE, lease(), COORDINATOR_KEY)
    first, second, rest = sealed.split(b"\n")
    assert json.loads(first)["schema"] == "pod.lease.v1"
    assert len(json.loads(second)) == 88
    assert rest == b""


def test_the_signature_covers_the_bytes_as_received() -> None:
    sealed = seal(Kind.LEASE, lease(), COORDINATOR_KEY)
    for changed in (sealed.replace(b'{"', b'{ "', 1), sealed + b"\n", sealed[:-1], b" " + sealed):
        with pytest.raises(ProtocolError):
            open_lease(changed, COORDINATOR_KEY.verify_key)
    with pytest.raises(ProtocolError, match="not signed"):
        open_lease(sealed, SigningKey(b"\x01" * 32).verify_key)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        open_command(noise, COORDINATOR_KEY.verify_key)
    with pytest.raises(ProtocolError):
        read(PodState, noise)


def test_sizes_are_bounded() -> None:
    for reader in (
        lambda b: read(Reply, b),
        read_command,
        lambda b: open_lease(b, COORDINATOR_KEY.verify_key),
    ):
        with pytest.raises(ProtocolError, match="at most 8192"):
            reader(b"x" * 8193)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"online":true', '"online":1'),
        ('"fw":"1"', '"fw":"1","more":1'),
        ("pod.status.v1", "pod.status.v2"),
        ('"boot":"b1"', '"boot":"B 1"'),
    ],
)
def test_a_message_that_breaks_its_schema_is_refused(old: str, new: str) -> None:
    me = PodIdentity("s1", "p1", "b1", pod_key("p1"), COORDINATOR_KEY.verify_key, ())
    message = status(me, "1", online=True)
    assert (message.topic, message.retain) == ("sanctuary/v1/s1/pods/p1/up/status", True)
    assert read(PodStatus, message.payload).online
    text = message.payload.decode()
    assert old in text
    with pytest.raises(ProtocolError):
        read(PodStatus, text.replace(old, new).encode())


def test_ids_never_repeat_within_a_boot() -> None:
    source = IdSource("b1")
    assert [source.next("c"), source.next("w"), source.next("c")] == ["b1-c1", "b1-w2", "b1-c3"]


def test_commands_and_leases_are_never_retained_and_states_are() -> None:
    bench = eligible_bench()
    bench.offer()
    assert {message.retain for message in published(bench.effects, "up/event/lease")} == {False}
    assert {message.retain for message in published(bench.effects, "up/state")} == {True}
    command = bench.commander.extend(POD, "w", CIRCLE, 0.0, 1.0)
    assert (command.retain, command.qos) == (False, 1)


def test_a_state_is_told_on_change_once_a_second_at_most_and_as_a_heartbeat() -> None:
    bench = eligible_bench()
    bench.effects.clear()
    bench.sleep(30)
    states = [read(PodState, message.payload) for message in published(bench.effects, "up/state")]
    assert [state.t_s for state in states] == [11.0, 21.0, 31.0], "told in second 1, then heartbeats"
    assert [state.seq for state in states] == sorted({state.seq for state in states})
    bench.effects.clear()
    bench.offer()
    bench.open()
    assert len(published(bench.effects, "up/state")) == 0, "told less than a second ago"
    bench.sleep(1, extend="w1")
    state = read(PodState, published(bench.effects, "up/state")[-1].payload)
    assert (state.state, state.window, state.lease, state.willing) == (
        "in_window",
        "w1",
        "o1",
        ("tide-circle",),
    )
    assert state.stable_rem
    assert state.p is not None
    assert DESIGN.hash not in published(bench.effects, "up/state")[-1].payload.decode()
