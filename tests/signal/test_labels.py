"""What labels of public sleep data sets and of laboratories mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.signal.channel_labels import ChannelKind, Side, is_electrode_net, is_eog, meaning_of

LEFT = [
    "EOG(L)",
    "EOG-L",
    "E1",
    "E1-M2",
    "E1-FPz",
    "E1:M2",
    "E1M2",
    "E1_M2",
    "LOC",
    "LOC-A2",
    "LOC/A2",
    "LOC_A2",
    "LOCA2",
    "EOG1",
    "EOG1:A2",
    "EOGl",
    "EOGl:A2",
    "L-EOG",
    "L_EOG",
    "LEOG",
    "Lefteye",
    "LO1",
    "EOG(L)-PG1",
    "EOGL-M2",
    "HEOG-L",
    "Left Eye",
    "Eye L",
    "L-Eye",
    "LOC1",
    "leftEOG1",
]
LEFT += [
    "EOG E1-M2",
    "EOG LOC-A2",
    "EOG Left Horiz",
    "EOG sin",
    "EOG_left_horizontal",
    "EOG 1",
    "left EOG",
    "EOG L",
]
RIGHT = [
    "EOG(R)",
    "EOG-R",
    "E2",
    "E2-M1",
    "E2-FPz",
    "E2:M2",
    "E2M1",
    "E2_M1",
    "ROC",
    "ROC-A1",
    "ROC/A1",
    "ROC_A1",
    "EOG2",
    "EOG2:A2",
    "EOGr",
    "R_EOG",
    "REOG",
    "RightEye",
    "Right Eye",
    "Eye-R",
]
RIGHT += ["EOG E2-M2", "EOG ROC-A2", "EOG Right Horiz", "EOG dx", "EOG 2"]
HORIZONTAL = [
    "HEOG",
    "HEOG_1",
    "HEOG1",
    "HEOG2",
    "horizEOG",
    "hEOG",
    "EOGH",
    "EOG_H",
    "EOG-H",
    "EOGh",
    "EOG(H)",
    "EOGH-A1",
    "LOC-ROC",
    "E1-E2",
    "EOG1-EOG2",
    "EOG(L)-EOG(R)",
    "HEOGL-HEOGR",
]
HORIZONTAL += ["EOG horizontal", "EOG H", "EOG L-R", "Horizontal EOG", "EOG Horiz"]
VERTICAL = [
    "VEOG",
    "VEOG_1",
    "VEOG1",
    "EOGup",
    "EOGV",
    "EOG_V",
    "EOG vertical",
    "IO1",
    "SO1",
    "EOG up",
    "EOG(V)",
]
EEG = {
    "AF7": "AF7", "EEG AF7-Ref": "AF7", "EEG AF7-Fpz": "AF7", "F3-M2": "F3", "EEG F3-CLE": "F3", "F3M2": "F3",
    "EEG F4-LER": "F4", "F3:A2": "F3", "F3_M2": "F3", "FP1_M2": "Fp1", "EEG F7-Fpz": "F7", "C4-A1": "C4",
    "EEG Fpz-Cz": "Fpz-Cz", "F3_F4": "F3-F4", "Fp2-F4": "Fp2-F4", "EXG Channel 0": "EXG Channel 0",
    "EEG 1": "EEG 1", "EEG": "EEG", "EEG(sec)": "EEG(sec)", "EEG L": "EEG L", "TP9": "TP9", "PG1": "PG1",
    "ELA": "ELA", "EXG": "EXG", "E3": "E3",
}  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "side"),
    [
        (LEFT, Side.LEFT),
        (RIGHT, Side.RIGHT),
        (HORIZONTAL, Side.LEFT_MINUS_RIGHT),
        (["ROC-LOC", "E2-E1", "EOG R-L", "EOG2-EOG1"], Side.RIGHT_MINUS_LEFT),
        (["EOG", "EOG3", "EOG0", "EOGA", "LOEOG", "Eyes"], Side.UNKNOWN),
    ],
)
def test_horizontal_eogs_and_their_sides(labels: list[str], side: Side) -> None:
    for label in labels:
        assert (meaning_of(label).kind, meaning_of(label).side) == (ChannelKind.EOG, side), label
        assert is_eog(label.lower()), label
        assert is_eog(f" {label} "), label


@pytest.mark.parametrize("label", VERTICAL)
def test_vertical_eogs_are_told_apart(label: str) -> None:
    assert meaning_of(label).kind is ChannelKind.VERTICAL_EOG
    assert not is_eog(label)


@pytest.mark.parametrize(("label", "electrode"), EEG.items())
def test_eeg_electrodes_without_prefix_and_common_reference(label: str, electrode: str) -> None:
    meaning = meaning_of(label)
    assert (meaning.kind, meaning.electrode) == (ChannelKind.EEG, electrode)


@pytest.mark.parametrize("label", ["Fp1-EOG", "EOG Fp1", "AF7/EOG1", "EOG F3"])
def test_what_names_the_scalp_and_the_eyes_could_be_either(label: str) -> None:
    assert meaning_of(label).kind is ChannelKind.EITHER


@pytest.mark.parametrize("label", ["ECG", "EMG chin", "EOGS", "SpO2", "Resp nasal", "BATT"])
def test_what_is_no_brain_and_no_eyes(label: str) -> None:
    assert meaning_of(label).kind is ChannelKind.OTHER


def test_a_net_of_numbered_electrodes_is_known_by_its_others() -> None:
    assert is_electrode_net(["E1", "E2", "E3"])
    assert is_electrode_net(["EEG E128", "E1"])
    assert not is_electrode_net(["E1-M2", "E2-M1", "F3-M2", "ECG"])


@given(st.text(max_size=24))
def test_any_label_has_a_meaning_and_keeps_its_text(label: str) -> None:
    meaning = meaning_of(label)
    assert isinstance(meaning.electrode, str)
    if meaning.kind is not ChannelKind.EEG:
        assert meaning.electrode == label.strip()
