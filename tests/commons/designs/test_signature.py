"""An author's signature fits one design, and nothing else passes for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_bench import DESIGN, ORIGIN, SLEEPER_KEY, grant, sealed
from sanctuary.commons.designs.design_files import Misfit, Signed, Unsigned, judge_signature, sign_design
from sanctuary.commons.entries import key_id, signing_key, unseal
from sanctuary.config.errors import ProtocolError

KEY = signing_key(b"\x05" * 32)
NOTE = sign_design(KEY, DESIGN.hash)


def test_a_signature_tells_whose_it_is() -> None:
    assert judge_signature(NOTE, DESIGN.hash) == Signed(key_id(KEY))
    assert judge_signature(None, DESIGN.hash) == Unsigned()


def test_a_design_that_was_changed_has_lost_its_signature() -> None:
    assert isinstance(judge_signature(NOTE, "0" * 64), Misfit)


@given(st.data())
def test_no_changed_byte_leaves_a_signature_whole(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(NOTE) - 1))
    changed = bytearray(NOTE)
    changed[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(judge_signature(bytes(changed), DESIGN.hash), Misfit)


@given(st.binary(max_size=2000))
def test_garbage_is_no_signature(garbage: bytes) -> None:
    assert isinstance(judge_signature(garbage, DESIGN.hash), Misfit)


def test_a_consent_is_no_signature_of_a_design_nor_the_other_way_round() -> None:
    assert isinstance(judge_signature(sealed(grant()), DESIGN.hash), Misfit)
    with pytest.raises(ProtocolError):
        unseal(sign_design(SLEEPER_KEY, DESIGN.hash), ORIGIN)
