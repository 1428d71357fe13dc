"""Labels as files write them, and which channels are taken."""

from __future__ import annotations

import pytest

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import choose_channels, short_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("AF7", "AF7"),
        ("EEG AF7", "AF7"),
        ("EEG AF7-Ref", "AF7"),
        ("eeg af8-m1", "AF8"),
        ("EEG Fp1:M2", "Fp1"),
        ("EEG FP2-LE", "Fp2"),
        ("Af7.", "AF7"),
        ("F3_M2", "F3"),
        ("EEG F4-A1+A2", "F4"),
        ("EEG F3-(M1+M2)/2", "F3"),
        ("RAW_AF7", "AF7"),
        ("EEG Fpz-Cz", "Fpz-Cz"),
        ("EEG FPZ-CZ", "Fpz-Cz"),
        ("EEG F7-O1", "F7-O1"),
        ("EOG horizontal", "EOG horizontal"),
        ("EEG A1", "A1"),
        ("", ""),
    ],
)
def test_prefixes_references_and_case_are_left_off(label: str, name: str) -> None:
    assert short_name(label) == name


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        (["TP9", "AF7", "AF8", "TP10", "Fp1", "Fp2"], (1, 2)),
        (["Fp2-M1", "Fp1-M2", "F3", "F4"], (1, 0)),
        (["F8", "F7", "F3", "F4"], (1, 0)),
        (["EEG F4-A1", "EEG F3-A2", "C3"], (1, 0)),
        (["AF7", "F3", "F4"], (1, 2)),
        (["EEG Fpz-Cz", "EEG Pz-Oz", "EOG horizontal"], (0, 2)),
        (["EOG left", "EOG right", "EEG Fpz-Cz"], (2,)),
        (["AF7", "AF8", "EOG horizontal"], (0, 1)),
        (["Pz", "AF8"], (1,)),
        (["Fp1-M2", "Fp1-Ref", "Fp2-M1"], (0, 2)),
    ],
)
def test_the_best_frontal_pair_is_taken_else_a_single_channel(
    labels: list[str], chosen: tuple[int, ...]
) -> None:
    assert choose_channels(labels, None, "night.edf").indices == chosen


def test_without_a_frontal_channel_the_labels_of_the_file_are_listed() -> None:
    with pytest.raises(RecordingError, match=r"night\.edf: no frontal EEG.*'Pz', 'EMG chin'"):
        choose_channels(["Pz", "EMG chin"], None, "night.edf")


def test_a_file_without_signals_says_so() -> None:
    with pytest.raises(RecordingError, match="no signals at all"):
        choose_channels([], None, "night.edf")


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["AF7", "AF8"], (1, 2)),
        (["AF8", "AF7"], (1, 2)),
        (["eeg af7-ref"], (1,)),
        (["EEG Pz"], (0,)),
        (["Pz", "AF8"], (0, 2)),
        (["Pz", "EOG L"], (0, 3)),
        (["EOG L", "AF8"], (2, 3)),
    ],
)
def test_named_channels_match_labels_or_electrodes_left_first(
    wanted: list[str], chosen: tuple[int, ...]
) -> None:
    labels = ["EEG Pz", "EEG AF7-Ref", "EEG AF8-Ref", "EOG L"]
    assert choose_channels(labels, wanted, "night.edf").indices == chosen


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["AF9"], r"there is no channel 'AF9'; it has 'EEG Fp1-M2', 'EEG Fp1-M1', 'Fp2', 'EOG L'"),
        (["Fp1"], r"'Fp1' fits 2 channels, 'EEG Fp1-M2', 'EEG Fp1-M1'; give the whole label"),
        (["Fp2", "EEG Fp2"], "are the same channel"),
        ([], "0 channels were asked for"),
        (["EOG L"], "EOG L is an EOG; name an EEG channel first"),
        (["Fp2", "EEG Fp1-M1", "EEG Fp1-M2"], "3 channels were asked for"),
    ],
)
def test_impossible_names_are_refused(wanted: list[str], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        choose_channels(["EEG Fp1-M2", "EEG Fp1-M1", "Fp2", "EOG L"], wanted, "night.edf")


def test_a_whole_label_settles_what_an_electrode_leaves_open() -> None:
    assert choose_channels(["Fp1-M2", "Fp1-M1"], ["Fp1-M1"], "night.edf").indices == (1,)


@pytest.mark.parametrize("eeg", ["C4-M1", "F4-M1", "C3-M2", "EEG Fpz-Cz", "AF8", "Cz"])
@pytest.mark.parametrize(
    "eog", ["E1-M2", "E2M1", "HEOG", "EOG_H", "EOG(L)", "LOC/A2", "EOG", "LEOG", "EOG1:A2"]
)
def test_an_eeg_and_an_eog_can_be_named_in_either_order(eeg: str, eog: str) -> None:
    labels = ["ECG", eog, "EMG", eeg]
    assert choose_channels(labels, [eeg, eog], "night.edf").indices == (3, 1)
    assert choose_channels(labels, [eog, eeg], "night.edf").indices == (3, 1)


@pytest.mark.parametrize("eog", ["EOG horizontal", "HEOG", "EOG_H", "EOGH-A1", "LOC-ROC", "E1-E2"])
def test_a_horizontal_eog_beside_a_single_frontal_channel_is_found(eog: str) -> None:
    choice = choose_channels(["C3-A2", eog, "VEOG", "Fpz-Cz"], None, "night.edf")
    assert (choice.indices, choice.warnings) == ((3, 1), ())


@pytest.mark.parametrize(
    ("labels", "wanted", "said"),
    [
        (["Fp1-M2", "Fp1-Ref", "Fp2-M1"], None, "'Fp1-M2', 'Fp1-Ref' are all Fp1; the first is taken"),
        (["Fpz", "HEOG", "EOG_H"], None, "'HEOG', 'EOG_H' are all horizontal EOGs; the first is taken"),
        (["Fpz", "E1-M2", "E2-M1"], None, "'E1-M2', 'E2-M1' may show eye movements and is not used"),
        (["Fpz", "EOG"], ["Fpz", "EOG"], "'EOG' does not say whether it is horizontal"),
        (["EEG L", "EEG R"], None, "taken for the left and right frontal channels of a ZMax"),
        (
            ["EXG Channel 0", "EXG Channel 1"],
            ["EXG Channel 0", "EXG Channel 1"],
            "first is taken for the left",
        ),
        (["Pz", "AF8"], ["Pz", "AF8"], "are not left and right of the head"),
        (["F3", "AF7"], ["F3", "AF7"], "are not left and right of the head"),
        (["EMG chin"], ["EMG chin"], "'EMG chin' is by its label no EEG"),
    ],
)
def test_what_a_label_leaves_open_is_said(labels: list[str], wanted: list[str] | None, said: str) -> None:
    warnings = choose_channels(labels, wanted, "night.edf").warnings
    assert any(said in warning for warning in warnings), warnings


@pytest.mark.parametrize(
    ("labels", "wanted", "said"),
    [
        (["Fpz", "VEOG"], ["Fpz", "VEOG"], "VEOG is a vertical EOG"),
        (["Fpz", "Fp1-EOG"], ["Fpz", "Fp1-EOG"], "Fp1-EOG names the eyes and the scalp"),
        (["LOC-A2", "ROC-A1"], ["LOC-A2", "ROC-A1"], "is an EOG; name an EEG channel first"),
        (["E1", "E2", "E3", "E4"], ["E3", "E1"], "'E1' could be an EOG or an electrode of the net"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(labels: list[str], wanted: list[str], said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        choose_channels(labels, wanted, "night.edf")
