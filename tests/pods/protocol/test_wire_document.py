"""The AsyncAPI document of the wire: up to date, whole, and true of what pods and coordinators read."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest
from pydantic import BaseModel

from house import ROOT
from sanctuary.cli.main import run
from sanctuary.commons import entries
from sanctuary.commons.entries import verify_key
from sanctuary.pods.protocol import contract, topics
from sanctuary.pods.protocol.asyncapi import document
from sanctuary.pods.protocol.contract import CONTRACT, ChannelContract, channel_of, is_lasting
from sanctuary.pods.protocol.envelope import Kind, open_claim, open_command, open_eye_signal, open_lease
from sanctuary.pods.protocol.examples import EXAMPLES, ORIGIN, PUBLIC_KEY, example_wire
from sanctuary.pods.protocol.messages import MAX_PAYLOAD_BYTES, Message, read
from wire_schema import WireDocument

OURS = document(version("dream-sanctuary"))
FILE = ROOT / "docs" / "asyncapi.json"
HOLDER = WireDocument(OURS)


def filled(entry: ChannelContract) -> str:
    names = {"site": "harbour", "pod": "pod-1", "circle": "commons", "gateway": "gateway-1"}
    return entry.address.format_map(names)


def test_the_committed_file_is_up_to_date() -> None:
    """If not: ``sanctuary wire > docs/asyncapi.json``."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == OURS


def test_the_command_prints_what_is_committed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["wire"]) == 0
    assert capsys.readouterr().out == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", CONTRACT, ids=lambda entry: entry.name)
def test_each_address_is_the_topic_that_the_code_uses(entry: ChannelContract) -> None:
    parsed = topics.parse(filled(entry))
    assert parsed.channel is entry.channel
    assert entry.leaf in ("", parsed.leaf)
    assert channel_of(filled(entry)) is entry
    assert HOLDER.channels_of(filled(entry)) == [entry.name]


@pytest.mark.parametrize(
    "topic", ["sanctuary/v1/harbour/pods/pod-1/up/metrics", "sanctuary/v1/x/pods/a/up/event/tea", "other"]
)
def test_what_is_not_in_the_contract_belongs_to_no_channel(topic: str) -> None:
    assert channel_of(topic) is None
    assert not is_lasting(topic)
    assert HOLDER.channels_of(topic) == []


def test_commands_are_never_retained_and_nothing_perishable_is_kept() -> None:
    by_name = {entry.name: entry for entry in CONTRACT}
    assert not any(entry.retain for entry in CONTRACT if entry.signed is Kind.COMMAND or entry.note)
    assert {name for name, entry in by_name.items() if entry.retain} >= {"podStatus", "podState"}
    assert {name for name, entry in by_name.items() if entry.lasting} == {"podReply", "podEyeSignal"}


def examples() -> list[tuple[ChannelContract, BaseModel, bytes]]:
    return [
        (entry, example.message, example_wire(example, entry.signed))
        for entry in CONTRACT
        for example in EXAMPLES
        if type(example.message) in entry.messages
    ]


def test_every_message_has_an_example() -> None:
    shown = {type(message) for _, message, _ in examples()}
    assert shown == {model for entry in CONTRACT for model in entry.messages}
    for message in OURS["components"]["messages"].values():
        assert message["examples"]


@pytest.mark.parametrize(("entry", "message", "wire"), examples(), ids=lambda value: type(value).__name__)
def test_examples_fit_their_schema_and_are_read_by_the_code(
    entry: ChannelContract, message: BaseModel, wire: bytes
) -> None:
    assert HOLDER.problems(entry.name, wire) == []
    key = verify_key(PUBLIC_KEY)
    match entry.signed:
        case Kind.COMMAND:
            assert open_command(wire, key) == message
        case Kind.LEASE:
            assert open_lease(wire, key) == message
        case Kind.CLAIM:
            assert open_claim(wire, key) == message
        case Kind.EYE_SIGNAL:
            assert open_eye_signal(wire, key) == message
        case None if isinstance(message, Message):
            assert read(type(message), wire) == message
        case None:
            assert entries.unseal(wire, ORIGIN).event == message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"pod.state.v1"', b'"pod.state.v2"'),
        (b'"seq":412', b'"seq":-1'),
        (b'"stage":"R"', b'"stage":"REM"'),
        (b"0.02,0.03", b"0.03"),
        (b'"pod":"pod-1"', b'"pod":"Pod 1"'),
        (b'"latch":null', b'"latch":null,"name":"Ada"'),
        (b'"boot":"n1-pod-1",', b""),
        (b'"schema":"pod.state.v1",', b""),
    ],
)
def test_a_payload_that_the_contract_does_not_allow_is_found(old: bytes, new: bytes) -> None:
    (wire,) = [wire for entry, _, wire in examples() if entry.name == "podState"]
    assert old in wire
    assert HOLDER.problems("podState", wire.replace(old, new)) != []


def test_an_unsigned_command_fits_no_channel() -> None:
    wire = next(wire for entry, _, wire in examples() if entry.name == "podCommand")
    line, _, signature = wire.partition(b"\n")
    assert HOLDER.problems("podCommand", line + b"\n") != []
    assert HOLDER.problems("podCommand", line + b"\n" + signature.replace(b"==", b"=")) != []


def test_nothing_of_the_eeg_is_in_an_eye_signal() -> None:
    """P8: that it was made, and where and when."""
    fields = set(OURS["components"]["schemas"]["EyeSignal"]["properties"])
    assert fields == {"schema", "site", "pod", "boot", "seq", "window", "circle", "offer", "t_s"}


def test_every_reference_leads_somewhere() -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                found: object = OURS
                for step in reference.removeprefix("#/").split("/"):
                    assert isinstance(found, dict)
                    found = found[step]
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(OURS)


def test_the_limits_that_the_document_states_are_those_of_the_code() -> None:
    assert f"at most {MAX_PAYLOAD_BYTES} bytes" in OURS["info"]["description"]
    assert contract.Party.POD in {tag["name"] for tag in OURS["info"]["tags"]}
