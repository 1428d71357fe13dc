"""One list of invariants: what the audit can find, and what the documents say, are those."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house import ROOT
from sanctuary.pods import audit
from sanctuary.pods.audit.invariants import INVARIANTS, PROVED_FROM_LOG

ROWS = re.compile(r"^\| ([PC]\d) \| ([^|]+?) \|", flags=re.MULTILINE)


def rows(path: str) -> list[tuple[str, str]]:
    return ROWS.findall((ROOT / path).read_text(encoding="utf-8"))


def test_the_audit_finds_every_invariant_and_no_other() -> None:
    sources = Path(next(iter(audit.__path__))).glob("*_rules.py")
    found = {name for path in sources for name in re.findall(r'"([PC]\d)"', path.read_text(encoding="utf-8"))}
    assert found == set(INVARIANTS)


def test_only_the_invariant_about_messages_cannot_be_proved_from_the_log() -> None:
    assert set(INVARIANTS) - PROVED_FROM_LOG == {"P8"}


@pytest.mark.parametrize("path", ["README.md", "docs/architecture.md"])
def test_the_documents_state_them_in_the_same_sentences(path: str) -> None:
    assert rows(path) == list(INVARIANTS.items())


def test_the_safety_contract_explains_each_of_them() -> None:
    assert [name for name, _ in rows("docs/safety.md")] == list(INVARIANTS)
