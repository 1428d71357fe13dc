"""Grants and withdrawals: signatures, the deny-biased rule, and its indifference to order."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey
from pydantic import ValidationError

from pod_bench import CIRCLE, DESIGN, ORIGIN, SLEEPER_KEY, UTC_AT_ZERO_S, grant, sealed, withdrawal
from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.entries import (
    ANY_VOTED_DESIGN,
    FIRST,
    Grant,
    Withdrawal,
    is_signed,
    key_id,
    seal,
    sign,
    signing_key,
    unseal,
    verify_key,
)
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.cues import Modality

NOW_S = UTC_AT_ZERO_S
STRANGER = signing_key(b"\x42" * 32)


def book(*entries: bytes, voted: tuple[str, ...] = ()) -> ConsentBook:
    made = ConsentBook(ORIGIN, key_id(SLEEPER_KEY), voted)
    for entry in entries:
        made.add(entry)
    return made


def reason(made: ConsentBook, circle: str = CIRCLE, now_s: float = NOW_S) -> str:
    verdict = made.in_force(circle, now_s)
    return verdict if isinstance(verdict, ConsentReason) else ""


def refusal(
    made: ConsentBook, circle: str, modality: Modality, level: float, design: str, now_s: float
) -> ConsentReason | None:
    """Why a cue is not covered; None where it is."""
    found = made.in_force(circle, now_s)
    return found if isinstance(found, ConsentReason) else made.refusal(found, modality, level, design)


def digest(entry: bytes) -> str:
    return unseal(entry, ORIGIN).digest


def test_an_entry_comes_back_as_it_was_signed() -> None:
    raw = sealed(grant())
    entry = unseal(raw, ORIGIN)
    assert entry.event == grant()
    assert entry.raw == raw
    assert raw.startswith(f"dream-ledger/v1\n{ORIGIN}\n{{".encode())


def test_article_1_a_grant_covers_circle_modality_level_design_and_period() -> None:
    made = book(sealed(grant(max_level_dba=35.0)))
    ask = (CIRCLE, Modality.SOUND, 35.0, DESIGN.hash, NOW_S)
    assert refusal(made, *ask) is None
    for position, (other, why) in enumerate(
        [
            ("other", ConsentReason.NO_GRANT),
            (Modality.HAPTIC, ConsentReason.MODALITY),
            (35.1, ConsentReason.LEVEL),
            ("f" * 64, ConsentReason.DESIGN),
            (NOW_S + 86400.0, ConsentReason.EXPIRED),
        ]
    ):
        changed = [*ask[:position], other, *ask[position + 1 :]]
        assert refusal(made, *changed) is why  # type: ignore[arg-type]
    nan_dba = float("nan")
    assert refusal(made, CIRCLE, Modality.SOUND, nan_dba, DESIGN.hash, NOW_S) is ConsentReason.LEVEL
    assert reason(made, now_s=NOW_S - 3601.0) == "grant_not_yet_in_force"


def test_any_voted_design_means_voted() -> None:
    entry = sealed(grant(design=ANY_VOTED_DESIGN))
    ask = (CIRCLE, Modality.SOUND, 30.0, DESIGN.hash, NOW_S)
    assert refusal(book(entry), *ask) is ConsentReason.DESIGN
    assert refusal(book(entry, voted=(DESIGN.hash,)), *ask) is None


def test_a_withdrawal_ends_consent_and_a_new_grant_must_cite_it() -> None:
    yes, no = sealed(grant(1)), sealed(withdrawal(2))
    assert reason(book(yes, no)) == "withdrawn"
    assert reason(book(yes, no, sealed(grant(3, prev=digest(yes))))) == "uncited_withdrawal"
    assert reason(book(yes, no, sealed(grant(3, prev=digest(no))))) == ""


def test_a_new_grant_may_cite_the_withdrawal_through_other_events() -> None:
    no = sealed(withdrawal(2))
    other = sealed(grant(3, prev=digest(no), circle="another"))
    again = sealed(grant(4, prev=digest(other)))
    assert reason(book(no, again)) == "uncited_withdrawal", "the link between is not there yet"
    assert reason(book(no, again, other)) == ""


def test_a_withdrawal_beats_a_grant_of_the_same_number() -> None:
    assert reason(book(sealed(grant(1)), sealed(withdrawal(1)))) == "forked"
    assert reason(book(sealed(grant(5)), sealed(withdrawal(6, circle="*")))) == "withdrawn"
    assert reason(book(sealed(grant(5)), sealed(withdrawal(6, circle="another")))) == ""


def test_a_fork_is_withdrawn_and_flagged_for_every_circle() -> None:
    made = book(
        sealed(grant(1)),
        sealed(grant(2, circle="another", nonce="a")),
        sealed(grant(2, circle="another", nonce="b")),
    )
    assert made.forks == (2,)
    assert reason(made) == reason(made, "another") == "forked"


def test_a_withdrawal_by_hand_needs_a_later_grant() -> None:
    made = book(sealed(grant(1)))
    made.withdraw_here(NOW_S)
    assert reason(made) == "withdrawn"
    made.add(sealed(grant(2, nbf=NOW_S - 1.0)))
    assert reason(made) == "withdrawn"
    made.add(sealed(grant(3, nbf=NOW_S)))
    assert reason(made) == ""
    kept = ConsentBook(ORIGIN, made.who, withdrawn_here=made.withdrawn_here)
    kept.add(sealed(grant(1)))
    assert reason(kept) == "withdrawn"


def chain(choices: list[tuple[str, bool]]) -> list[bytes]:
    """A person's history: grants and withdrawals, citing the event before or not, some forked."""
    entries: list[bytes] = []
    for seq, (what, cites) in enumerate(choices, start=1):
        prev = digest(entries[-1]) if entries and cites else FIRST
        if what == "fork" and entries:
            last = unseal(entries[-1], ORIGIN).event.seq
            entries.append(sealed(grant(last, nonce=f"fork{seq}")))
            continue
        event: Grant | Withdrawal = grant(seq, prev=prev)
        if what != "grant":
            event = withdrawal(seq, prev=prev, circle=what if what == "*" else CIRCLE)
        entries.append(sealed(event))
    return entries


histories = st.lists(
    st.tuples(st.sampled_from(["grant", "grant", "withdraw", "*", "fork"]), st.booleans()), max_size=8
)


@given(histories, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order_of_arrival(
    choices: list[tuple[str, bool]], random: object
) -> None:
    entries = chain(choices)
    mixed = [*entries, *entries[:2]]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    straight, other = book(*entries), book(*mixed)
    assert straight.in_force(CIRCLE, NOW_S) == other.in_force(CIRCLE, NOW_S)
    assert straight.forks == other.forks


@given(histories)
def test_nothing_is_permitted_that_the_newest_event_does_not_grant(choices: list[tuple[str, bool]]) -> None:
    entries = chain(choices)
    verdict = book(*entries).in_force(CIRCLE, NOW_S)
    if isinstance(verdict, Grant):
        events = [unseal(entry, ORIGIN).event for entry in entries]
        top = max(event.seq for event in events)
        assert [event for event in events if event.seq == top] == [verdict]


def test_one_chain_links_every_event_to_the_one_before() -> None:
    entries = chain([("grant", True), ("withdraw", True), ("grant", True)])
    for before, entry in pairwise(entries):
        assert unseal(entry, ORIGIN).event.prev == digest(before)


def test_entries_of_others_and_of_other_sanctuaries_are_refused() -> None:
    with pytest.raises(ProtocolError, match="does not sleep here"):
        book(sealed(grant(key=STRANGER), STRANGER))
    with pytest.raises(ProtocolError, match="made for"):
        book(seal(SLEEPER_KEY, "elsewhere.example/dream-ledger", grant()))
    with pytest.raises(ProtocolError, match="speaks for"):
        seal(STRANGER, ORIGIN, grant())


def test_any_changed_byte_breaks_an_entry() -> None:
    raw = sealed(grant())
    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        with pytest.raises(ProtocolError):
            unseal(changed, ORIGIN)


@given(st.binary(max_size=300))
def test_noise_is_refused_not_raised_upon(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        unseal(noise, ORIGIN)


def test_an_entry_has_a_bound() -> None:
    with pytest.raises(ProtocolError, match="at most 4096"):
        unseal(b"x" * 4097, ORIGIN)


def note(line: str) -> bytes:
    """An entry with any JSON line, properly signed by the sleeper."""
    proper = sealed(grant()).decode()
    text = f"dream-ledger/v1\n{ORIGIN}\n{line}\n"
    prefix = base64.b64decode(proper.rsplit(" ", 1)[1])[:4]
    signature = base64.b64encode(prefix + SLEEPER_KEY.sign(text.encode()).signature).decode()
    return f"{text}\n— {key_id(SLEEPER_KEY)} {signature}\n".encode()


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("{}", "consent"),
        (grant().model_dump_json().replace('"v":1', '"v":2'), "v"),
        (grant().model_dump_json().replace('"seq":1', '"seq":0'), "seq"),
        (grant().model_dump_json().replace('"seq":1', '"seq":"1"'), "seq"),
        (grant().model_dump_json().replace('"nonce"', '"hurry":1,"nonce"'), "hurry"),
        (grant().model_dump_json().replace('"max_level_dba":40.0', '"max_level_dba":46.0'), "max_level_dba"),
    ],
)
def test_a_signed_line_with_unknown_content_is_refused(line: str, field: str) -> None:
    assert unseal(note(grant().model_dump_json()), ORIGIN).event == grant()
    with pytest.raises(ProtocolError, match=field):
        unseal(note(line), ORIGIN)


def test_a_grant_must_make_sense() -> None:
    with pytest.raises(ValidationError, match="exp must lie after nbf"):
        grant(nbf=5.0, exp=5.0)
    with pytest.raises(ValidationError, match="each at most once"):
        grant(modalities=(Modality.SOUND, Modality.SOUND))
    with pytest.raises(ValidationError, match="light has a cap but is not granted"):
        Grant.model_validate_json(
            grant(modalities=(Modality.SOUND,))
            .model_dump_json()
            .replace('"max_light_share":0.0', '"max_light_share":0.1')
        )


def test_small_order_nonces_are_refused() -> None:
    """R = identity: accepted by OpenSSL, refused by libsodium; all peers must take the strict verdict."""
    key = VerifyKey(bytes.fromhex("fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"))
    signature = bytes.fromhex(
        "0100000000000000000000000000000000000000000000000000000000000000"
        "b7b839f975f48213a45790b79eff96fc5cb970ca82b694486bb1d058d1755d0e"
    )
    assert not is_signed(key, b"consent for window 42", base64.b64encode(signature).decode())


def test_signatures_have_one_spelling() -> None:
    signature = sign(SLEEPER_KEY, b"text")
    assert is_signed(SLEEPER_KEY.verify_key, b"text", signature)
    for other in (signature[:-1], signature + "\n", signature.replace("==", "=A"), "", "AAAA"):
        assert not is_signed(SLEEPER_KEY.verify_key, b"text", other)


@pytest.mark.parametrize("text", ["", "f" * 63, "F" * 64, "g" * 64, "f" * 65])
def test_keys_have_one_spelling(text: str) -> None:
    assert verify_key(key_id(SLEEPER_KEY)) == SLEEPER_KEY.verify_key
    with pytest.raises(ProtocolError):
        verify_key(text)
