"""What labels mean: words in any dress, numbers only where somebody says what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.hypnograms.stage_labels import (
    PRESETS,
    WORDS,
    LabelKind,
    describe_presets,
    parse_codes,
    parse_label,
)
from sanctuary.signal.samples import Stage

W, N1, N2, N3, R, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R, Stage.UNKNOWN


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("W", W), ("wake", W), ("WK", W), ("Awake", W), ("S0", W), ("SLEEP-S0", W), ("Wake|0", W),
        ("Wach", W),
        ("N1", N1), ("S1", N1), ("NREM1", N1), ("NREM 1", N1), ("Stage 1 sleep|1", N1), ("n 1", N1),
        ("n2", N2), ("Stage N2", N2), ("Sleep stage N2@@EEG F4-M1", N2), ("N2 sleep", N2), ("stage2", N2),
        ("N3", N3), ("N4", N3), ("S4", N3), ("SWS", N3), ("NREM4", N3), ("SLEEP-S4", N3), ("Deep", N3),
        ("R", R), ("REM", R), ("Rem", R), ("REM sleep|5", R), ("SLEEP-REM", R), ("sleep-re", R),
        ("Stage R", R),
        ("Sleep stage W", W), ("Sleep stage 1", N1), ("Sleep stage 3", N3), ("Sleep stage 4", N3),
        ("sleep  stage R", R), ("Sleep_stage_2", N2), ("Stage - W", W), ("Sleep Stage NREM2", N2),
        ("Sleep stage ?", NONE), ("Movement time", NONE), ("?", NONE), (" MT ", NONE), ("UNS", NONE),
        ("ART", NONE), ("Unscored|9", NONE), ("SLEEP-MT", NONE), ("n/a", NONE), ("Sleep stage A", NONE),
    ],
)  # fmt: skip
def test_words_of_aasm_and_of_rechtschaffen_and_kales(text: str, stage: Stage) -> None:
    assert (parse_label(text).kind, parse_label(text).stage) == (LabelKind.STAGE, stage)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", LabelKind.EVENT), ("A", LabelKind.EVENT), ("Artefakt", LabelKind.EVENT),
        ("M", LabelKind.EVENT), ("L", LabelKind.EVENT),
        ("5", LabelKind.NUMBER), ("0", LabelKind.NUMBER), ("-1", LabelKind.NUMBER), ("2.0", LabelKind.NUMBER),
        (" 07 ", LabelKind.NUMBER),
        ("Sleep stage 5", LabelKind.STAGE_NUMBER), ("Stage 9", LabelKind.STAGE_NUMBER),
        ("N5", LabelKind.STAGE_LIKE), ("NREM", LabelKind.STAGE_LIKE), ("Sleep stage X", LabelKind.STAGE_LIKE),
        ("LIGHT", LabelKind.STAGE_LIKE), ("Stage N2N3", LabelKind.STAGE_LIKE),
        ("Lights off", LabelKind.OTHER), ("sleep stage", LabelKind.OTHER), ("Arousal", LabelKind.OTHER),
        ("Sleep onset", LabelKind.OTHER),
        ("Hypopnea", LabelKind.OTHER), ("2.5", LabelKind.OTHER), ("²", LabelKind.OTHER),
        ("staged", LabelKind.STAGE_LIKE),
    ],
)  # fmt: skip
def test_other_labels_are_no_stage(text: str, kind: LabelKind) -> None:
    found = parse_label(text)
    assert (found.kind, found.stage) == (kind, NONE)


@given(
    word=st.sampled_from(sorted(WORDS)), prefix=st.sampled_from(["", "Sleep stage ", "STAGE_", "stage - "])
)
def test_case_and_prefix_change_no_word(word: str, prefix: str) -> None:
    assert parse_label(prefix + word.upper()).stage == WORDS[word]


@given(text=st.text(max_size=30))
def test_any_text_is_understood_as_something(text: str) -> None:
    found = parse_label(text)
    assert found.stage is NONE or found.kind is LabelKind.STAGE


@pytest.mark.parametrize(("name", "number", "stage"), [
    ("yasa", "4", R), ("yasa", "-2", NONE), ("usleep", "5", NONE), ("aasm5", "5", R), ("rk", "4", N3),
    ("rk", "9", NONE), ("ucd", "1", R), ("ucd", "0", W), (" RK ", "5", R),
])  # fmt: skip
def test_presets(name: str, number: str, stage: Stage) -> None:
    codes = parse_codes(name)
    assert parse_label(number, codes).stage is stage
    assert parse_label(f"{number}.0", codes).kind is LabelKind.STAGE


def test_codes_of_ones_own_win_over_words_and_leave_other_words_alone() -> None:
    codes = parse_codes("0=W, 5 = REM,Light=N1,N4=?,-1=artifact")
    assert [parse_label(text, codes).stage for text in ("0", "05", "light", "N4", "-1", "N2")] == [
        W, R, N1, NONE, NONE, N2,
    ]  # fmt: skip
    assert parse_label("Sleep stage 5", codes).stage is R
    assert parse_label("3", codes).kind is LabelKind.NUMBER


@pytest.mark.parametrize("text", ["", "yasa2", "0=W,1", "0=W,1=N7", "=W", "0:W"])
def test_codes_that_cannot_be_read_are_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(InputError, match=r"--stages .*yasa, usleep, aasm5, rk, ucd.*0=W,1=N1"):
        parse_codes(text)


@given(st.sets(st.integers(-3, 12).map(str), min_size=1))
def test_only_presets_that_know_all_numbers_are_offered(numbers: set[str]) -> None:
    told = describe_presets(numbers)
    for name, codes in PRESETS.items():
        assert (f"{name} (" in told) == (numbers <= set(codes))
