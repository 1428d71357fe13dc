"""Records of the log: what is written is read by the same class, and the document names every field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from house import ROOT
from sanctuary.pods.protocol import gateway_records  # noqa: F401  registers its kinds
from sanctuary.pods.protocol.gateway_records import FaultRecord, HangRecord, KeptRecord, LeadershipRecord
from sanctuary.pods.protocol.records import KINDS, CueRecord, LogRecord, read_record, records_of

INJECTED = {kind.kind for kind in (FaultRecord, HangRecord, KeptRecord)}
"""Kinds that are in no night's log."""


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        float: st.floats(allow_nan=False, allow_infinity=False),
        int: st.integers(),
        bool: st.booleans(),
        str: st.text(max_size=5),
        type(None): st.none(),
        Any: st.integers(),
    }
    if hint in simple:
        return simple[hint]
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return st.sampled_from(arguments)
    if get_origin(hint) is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(st.text(max_size=3), values(arguments[1]), max_size=3)
    return st.one_of([values(each) for each in arguments])


def records(kind: type[LogRecord]) -> st.SearchStrategy[LogRecord]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in (*kind.names, *kind.optional)})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_written_is_read_by_the_same_class(kind: str) -> None:
    @given(records(KINDS[kind]))
    def read_back(record: LogRecord) -> None:
        line = json.loads(json.dumps(record.to_dict()))
        assert line["kind"] == kind
        assert None not in [line[name] for name in KINDS[kind].optional if name in line]
        assert read_record(line) == record

    read_back()


def test_a_field_that_this_version_does_not_know_is_passed_over() -> None:
    line = {"kind": "silence", "t_s": 1.0, "pod": "pod-1", "reason": "stopped", "mood": "calm"}
    assert read_record(line).to_dict() == {key: line[key] for key in line if key != "mood"}


def test_a_line_without_one_of_its_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="reason"):
        read_record({"kind": "silence", "t_s": 1.0, "pod": "pod-1"})
    with pytest.raises(KeyError, match="mood"):
        read_record({"kind": "mood", "t_s": 1.0})


def test_the_first_version_of_leadership_is_still_read() -> None:
    new = LeadershipRecord(
        t_s=1.0,
        gateway="gateway-1",
        circle="tide",
        term=3,
        event="leading",
        reason="unconfirmed",
        authority_until_s=None,
    )
    old = {**new.to_dict(), "kind": "tenure", "event": "holding", "reason": "no_echo"}
    del old["schema"]
    assert read_record(old) == new


def test_the_lines_of_one_kind_are_found_in_their_order() -> None:
    line = {"kind": "silence", "pod": "pod-1", "reason": ""}
    lines = [line | {"t_s": 2.0}, {"kind": "cue"}, line | {"t_s": 1.0}]
    assert [record.t_s for record in records_of(KINDS["silence"], lines)] == [2.0, 1.0]


def test_a_cue_that_was_refused_stays_so_for_its_own_reason() -> None:
    hints = get_type_hints(CueRecord)
    base = {name: "x" if hints[name] is str else 0 for name in CueRecord.names}
    cue = CueRecord.from_dict(base | {"outcome": "rendered", "reason": ""})
    refused = cue.refused("too_soon")
    assert (refused.outcome, refused.reason) == ("refused", "too_soon")
    assert refused.refused("late") is refused


@pytest.mark.parametrize("kind", sorted(set(KINDS) - INJECTED))
def test_the_document_names_the_fields_of_every_kind(kind: str) -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = text.split("## `events.jsonl`")[1].split("\n## ")[0]
    row = re.search(rf"^\| `{kind}` .*$", section, flags=re.MULTILINE)
    assert row is not None, kind
    named = set(re.findall(r"`([\w.]+)`", row[0] + (section if kind == "pod" else "")))
    missing = {*KINDS[kind].names, *KINDS[kind].optional} - {"t_s"} - named
    assert missing == set()
