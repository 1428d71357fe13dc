"""The Muse's conversation: commands as other programs write them, answers however they are cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muse_wire import answer
from sanctuary.firmware_bridge.headbands.muse.wire import MAX_TEXT_BYTES, ReplyReader, encode

KEYS = st.text("abc{}\\\"' ", max_size=6)
VALUES = st.integers() | st.booleans() | st.none() | st.text('{}\\"x', max_size=9)
REPLIES = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=6)


def pieces(text: bytes, sizes: list[int]) -> list[bytes]:
    """Notifications padded to 20 with what was in the buffer before."""
    cut, at = [], 0
    for size in [*sizes, *[19] * len(text)]:
        if at < len(text):
            piece = text[at : at + size]
            cut.append((bytes((len(piece),)) + piece).ljust(20, b"}"))
            at += size
    return cut


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("h", "02680a"),
        ("d", "02640a"),
        ("k", "026b0a"),
        ("s", "02730a"),
        ("v1", "0376310a"),
        ("p21", "047032310a"),
        ("p50", "047035300a"),
        ("*1", "032a310a"),
    ],
)
def test_commands_as_muse_js_and_muse_lsl_write_them(text: str, data: str) -> None:
    assert encode(text).hex() == data


@pytest.mark.parametrize("text", ["", "x" * 33, "\u00e4"])
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII letters"):
        encode(text)


@given(REPLIES, st.lists(st.integers(1, 19), max_size=30))
def test_answers_are_put_together_however_they_are_cut(replies, sizes: list[int]) -> None:
    text = "".join(json.dumps(reply) for reply in replies).encode()
    reader = ReplyReader()
    told = [reply for piece in pieces(text, sizes) for reply in reader.push(piece)]
    assert told == [reply for reply in replies if reply]
    assert reader.dropped == 0


def test_answers_that_share_a_piece() -> None:
    reader = ReplyReader()
    assert reader.push(b'\x0b"rc":0}{"rc'.ljust(20, b"\0")) == []
    assert reader.push(b'\x0d{"bp":5}{"rc"'.ljust(20, b"\0")) == [{"bp": 5}]
    assert reader.push(b"\x03:0}".ljust(20, b"\0")) == [{"rc": 0}]


def test_a_lost_piece_costs_its_own_answer_only() -> None:
    first, second = answer({"hn": "Muse-1A2B", "sn": "0123-4567", "rc": 0}), answer({"bp": 80, "rc": 0})
    for lost in range(len(first)):
        reader = ReplyReader()
        kept = [piece for at, piece in enumerate(first) if at != lost]
        told = [reply for piece in kept + second for reply in reader.push(piece)]
        assert told[-1] == {"bp": 80, "rc": 0}


@given(st.lists(st.binary(max_size=25), max_size=400))
def test_after_rubbish_answers_are_heard_again(rubbish: list[bytes]) -> None:
    reader = ReplyReader()
    for piece in rubbish:
        reader.push(piece)
        assert len(reader._text) <= MAX_TEXT_BYTES
    assert reader.push(answer({"rc": 0})[0]) == [{"rc": 0}]


@pytest.mark.parametrize("opening", [b'{"a":', b"{[[[[[", b'{"\xed\xa0":"'])
def test_an_answer_without_end_is_given_up(opening: bytes) -> None:
    reader = ReplyReader()
    for _ in range(1000):
        reader.push(bytes((len(opening) + 4,)) + opening + b'"xxx')
        assert len(reader._text) <= MAX_TEXT_BYTES
    assert reader.dropped > 5000


def test_what_is_nested_too_deep_is_no_answer() -> None:
    reader = ReplyReader()
    told = [
        reply for piece in answer({"a": json.loads("[" * 500 + "]" * 500)}) for reply in reader.push(piece)
    ]
    assert told == []
    assert reader.dropped > 1000
