"""Muse notifications and conversation against vectors of other programs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muse_wire import answer
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.codecs.muse.control import MAX_TEXT_BYTES, ReplyReader, encode
from sanctuary.firmware_bridge.codecs.muse.packet import Telemetry, unpack_eeg, unpack_motion

# muse-js, src/lib/muse-parse.spec.ts
EEG = bytes.fromhex("5721c05249066af2314058998042fe2c779d")
EEG_UV = [
    -319.3359375,
    -781.25,
    -357.421875,
    127.9296875,
    -164.55078125,
    -726.07421875,
    -497.55859375,
    74.70703125,
    1.953125,
    -625.9765625,
    -652.83203125,
    -48.33984375,
]
MOTION = bytes.fromhex("526d0db20d9d3c7312050d493c3511b711e33c8f")
TELEMETRY = bytes.fromhex("014ab5b807400f7f001b") + bytes(10)


def test_eeg() -> None:
    np.testing.assert_array_equal(unpack_eeg([EEG, EEG]), [EEG_UV, EEG_UV])


def test_acceleration() -> None:
    np.testing.assert_allclose(
        unpack_motion(MOTION).T,
        [[0.213989, 0.212708, 0.944519], [0.281555, 0.207581, 0.940735], [0.276794, 0.279480, 0.946229]],
        atol=1e-6,
    )


def test_telemetry() -> None:
    told = Telemetry.from_bytes(TELEMETRY)
    assert told == Telemetry(330, 90.859375, pytest.approx(4083.2), 3967, 27)


@pytest.mark.parametrize("read", [Telemetry.from_bytes, unpack_motion])
def test_another_length_is_refused_and_shown(read: object) -> None:
    with pytest.raises(ProtocolError, match="3 bytes where a Muse sends 20: 010203"):
        read(b"\x01\x02\x03")


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
def test_commands(text: str, data: str) -> None:
    assert encode(text).hex() == data


@pytest.mark.parametrize("text", ["", "x" * 33, "\u00e4"])
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII letters"):
        encode(text)


@given(
    st.lists(
        st.dictionaries(
            st.text("abc{}\\\"' ", max_size=6), st.integers() | st.text('{}\\"x', max_size=9), max_size=4
        ),
        max_size=6,
    )
)
def test_answers_are_put_together_however_they_are_cut(replies: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(reply) for reply in replies).encode()
    reader, told = ReplyReader(), []
    for at in range(0, len(text), 19):
        piece = text[at : at + 19]
        told += reader.feed((bytes((len(piece),)) + piece).ljust(20, b"\0"))
    assert told == [reply for reply in replies if reply]


def test_answers_that_share_a_piece() -> None:
    reader = ReplyReader()
    assert reader.feed(b"\x0d" + b'"rc":0}{"rc":0}'[:13]) == []
    assert reader.feed(b"\x02" + b"0}") == [{"rc": 0}]


@given(st.lists(st.binary(max_size=25), max_size=400))
def test_rubbish_raises_nothing_and_little_is_kept(pieces: list[bytes]) -> None:
    reader = ReplyReader()
    for piece in pieces:
        reader.feed(piece)
        assert len(reader._text) <= MAX_TEXT_BYTES
    for piece in [*answer({"x": "}" * 30}), *answer({"rc": 0})] * 300:
        reader.feed(piece)
    assert reader.feed(answer({"rc": 0})[0])


def test_an_object_that_never_ends_is_given_up() -> None:
    reader = ReplyReader()
    for _ in range(1000):
        reader.feed(b"\x13" + b'{"a":"' + b"x" * 13)
    assert len(reader._text) <= MAX_TEXT_BYTES
    assert reader.dropped > 10_000
