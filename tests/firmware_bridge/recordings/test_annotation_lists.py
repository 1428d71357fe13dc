"""Time-stamped annotation lists: EDF+ specification, section 2.2."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.firmware_bridge.recordings.edf_annotations import (
    decode_tals,
    encode_tal,
    encode_time_keeping,
    first_sample_s,
    read_edf_annotations,
)
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout
from sanctuary.firmware_bridge.recordings.recording_source import Annotation

# Examples of the specification: https://www.edfplus.info/specs/edfplus.html#tal
SPEC_TAL = b"+180\x14Lights off\x14Close door\x14\x00+1800.2\x1525.5\x14Apnea\x14\x00"
SPEC_RECORD = b"+567\x14\x14\x00" + b"+567.5\x14Trigger\x14\x00" + bytes(12)


def test_section_2_2_2_one_time_stamp_carries_several_texts() -> None:
    assert decode_tals(SPEC_TAL) == (
        None,
        [
            Annotation(180.0, None, "Lights off"),
            Annotation(180.0, None, "Close door"),
            Annotation(1800.2, 25.5, "Apnea"),
        ],
    )


def test_section_2_2_4_the_first_empty_annotation_keeps_time() -> None:
    assert decode_tals(SPEC_RECORD) == (567.0, [Annotation(567.5, None, "Trigger")])


def test_text_on_the_time_keeping_stamp_is_an_annotation_too() -> None:
    assert decode_tals(b"+5\x14\x14Recording starts\x14\x00") == (
        5.0,
        [Annotation(5.0, None, "Recording starts")],
    )


@pytest.mark.parametrize("raw", [b"", bytes(40), b"\xff\xfe\xfd" * 5, b"+x\x14\x14\x00", b"+12\x14cut off"])
def test_damaged_bytes_cost_nothing_but_themselves(raw: bytes) -> None:
    assert decode_tals(raw) == (None, [])
    assert decode_tals(raw + b"\x00" + encode_time_keeping(7.0)) == (7.0, [])


def test_text_that_is_no_utf8_is_kept_readable() -> None:
    assert decode_tals(b"+1\x14caf\xe9\x14\x00")[1] == [Annotation(1.0, None, "caf\ufffd")]


@given(
    onset_us=st.integers(0, 86_400_000_000),
    duration_us=st.none() | st.integers(0, 86_400_000_000),
    text=st.text(min_size=1, max_size=60),
)
def test_what_is_written_is_read_back_without_control_characters(
    onset_us: int, duration_us: int | None, text: str
) -> None:
    text = text.encode(errors="ignore").decode() or "x"
    note = Annotation(onset_us / 1e6, None if duration_us is None else duration_us / 1e6, text)
    (back,) = decode_tals(encode_time_keeping(0.0) + encode_tal(note) + bytes(5))[1]
    assert back.onset_s == pytest.approx(note.onset_s, abs=1e-6)
    assert back.duration_s == (None if note.duration_s is None else pytest.approx(note.duration_s, abs=1e-6))
    assert back.text == "".join(" " if ord(c) < 0x20 or c == "\x7f" else c for c in text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    decode_tals(raw)


def test_annotations_are_counted_from_the_first_sample(tmp_path: Path) -> None:
    path = tmp_path / "half.edf"
    signal = EdfSignal(np.zeros(300), 100, label="AF7", physical_dimension="uV", physical_range=(-1, 1))
    Edf([signal], starttime=time(22, 0, 0, 500_000), annotations=[EdfAnnotation(1.25, 2.0, "cue")]).write(
        path
    )
    marks = read_edf_annotations(read_layout(path))
    assert marks.annotations == (Annotation(1.25, 2.0, "cue"),)
    assert marks.onsets_s == (0.5, 1.5, 2.5)
    assert not marks.own


def test_an_unreadable_first_time_stamp_is_reckoned_from_the_next() -> None:
    assert first_sample_s([None, 11.5, 12.5], 1.0) == 10.5
    assert first_sample_s([None, None], 1.0) == 0.0
