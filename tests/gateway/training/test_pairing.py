"""Recordings and scorings of public data sets, of recording programs and of people's own find one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.gateway.training.file_names import Role, read_name
from sanctuary.gateway.training.pairing import Pairing, pair_up

LAYOUTS = {
    "Sleep-EDF cassette": ("SC4001E0-PSG.edf", "SC4001EC-Hypnogram.edf"),
    "Sleep-EDF telemetry": ("ST7011J0-PSG.edf", "ST7011JP-Hypnogram.edf"),
    "HMC": ("SN001.edf", "SN001_sleepscoring.edf"),
    "HMC as text": ("SN001.edf", "SN001_sleepscoring.txt"),
    "MASS": ("01-03-0001 PSG.edf", "01-03-0001 Base.edf"),
    "CAP": ("n1.edf", "n1.txt"),
    "DCSM": ("tp0a1b/psg.edf", "tp0a1b/hypnogram.ids"),
    "SHHS": ("edfs/shhs1/shhs1-200001.edf", "annotations-events-nsrr/shhs1/shhs1-200001-nsrr.xml"),
    "SHHS Profusion": ("edfs/shhs1/s-1.edf", "annotations-events-profusion/shhs1/s-1-profusion.xml"),
    "NSRR whole": (
        "shhs/polysomnography/edfs/s-1.edf",
        "shhs/polysomnography/annotations-events/s-1-nsrr.xml",
    ),
    "MESA": ("mesa-sleep-0001.edf", "mesa-sleep-0001-nsrr.xml"),
    "U-Sleep": ("x.edf", "x.ids"),
    "U-Sleep true": ("x.edf", "x_TRUE.npy"),
    "SVUH": ("ucddb002.rec", "ucddb002_stage.txt"),
    "BIDS": ("sub-01_task-sleep_eeg.edf", "sub-01_task-sleep_events.tsv"),
    "BIDS sessions": (
        "sub-01/ses-1/eeg/sub-01_ses-1_eeg.vhdr",
        "sub-01/ses-1/eeg/sub-01_ses-1_hypnogram.tsv",
    ),
    "BIDS derivatives": ("sub-1/eeg/sub-1_eeg.edf", "derivatives/scoring/sub-1/eeg/sub-1_events.tsv"),
    "Luna": ("n.edf", "n.annot"),
    "Luna epochs": ("n.edf", "n.eannot"),
    "Profusion beside": ("n.edf", "n.edf.XML"),
    "our own": ("NIGHT.edf", "NIGHT.hypnogram.csv"),
    "our own as EDF": ("NIGHT.bdf", "NIGHT-Hypnogram.edf"),
    "capitals": ("N1.EDF", "n1.CSV"),
    "packed": ("night.edf.gz", "night.hypnogram.csv"),
    "packed both": ("night.edf.zip", "night.hypnogram.csv.gz"),
    "packed without a word": ("night.zip", "night.hypnogram.csv"),
    "of one recording": ("SN001.edf", "hypnogram.csv"),
    "text beside EDF": ("NIGHT.edf", "NIGHT.txt"),
    "two tables": ("NIGHT.csv", "NIGHT.hypnogram.csv"),
    "OpenBCI": ("OpenBCI-RAW-2024-01-01_22-00-00.txt", "OpenBCI-RAW-2024-01-01_22-00-00.csv"),
    "Mind Monitor": ("mindMonitor_2024-01-01--22-00-00.csv", "mindMonitor_2024-01-01--22-00-00.txt"),
    "other formats": ("n.xdf", "n.hypnogram.tsv"),
    "blanks and dots": ("anna 2024.01.02.edf", "anna 2024.01.02.hypnogram.csv"),
    "ZMax": ("n1/EEG L.edf", "n1/hypnogram.csv"),
}


def found(pairing: Pairing) -> list[tuple[str, tuple[str, ...]]]:
    return [(pair.recording, pair.scorings) for pair in pairing.pairs]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("below", ["", "data/set/"])
def test_the_names_of_each_layout_are_paired(layout: str, below: str) -> None:
    recording, scoring = (below + each for each in LAYOUTS[layout])
    pairing = pair_up([scoring, recording])
    assert found(pairing) == [(recording, (scoring,))]
    assert pairing.left_over == pairing.unused == ()


def test_all_layouts_beside_one_another_are_still_told_apart() -> None:
    paths = {f"{name}/{path}" for name, pair in LAYOUTS.items() for path in pair}
    pairing = pair_up(paths)
    wanted = [(f"{name}/{r}", (f"{name}/{s}",)) for name, (r, s) in LAYOUTS.items()]
    assert sorted(found(pairing)) == sorted(wanted)
    assert len({pair.name for pair in pairing.pairs}) == len(LAYOUTS)


@given(st.permutations([path for pair in list(LAYOUTS.values())[:8] for path in pair]))
def test_the_order_of_the_files_decides_nothing(paths: list[str]) -> None:
    assert pair_up(paths) == pair_up(sorted(paths))


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), unique=True, max_size=8))
def test_any_names_at_all_are_pairs_or_left_over_or_unused(paths: list[str]) -> None:
    pairing = pair_up(paths)
    once = [path for pair in pairing.pairs for path in (pair.recording, *pair.scorings)]
    assert len(once) == len(set(once))
    assert set(once).isdisjoint(each.path for each in pairing.left_over)


@pytest.mark.parametrize(
    ("paths", "taken", "said"),
    [
        (
            ["e/s-1.edf", "e/s-1-nsrr.xml", "e/s-1-profusion.xml"],
            "e/s-1-nsrr.xml",
            "s-1-profusion.xml is not used",
        ),
        (
            ["s.edf", "s_sleepscoring.edf", "s_sleepscoring.txt"],
            "s_sleepscoring.edf",
            "s_sleepscoring.txt is not",
        ),
        (["s_eeg.edf", "s_hypnogram.tsv", "s_events.tsv"], "s_hypnogram.tsv", "s_events.tsv is not used"),
        (["n.edf", "n.csv", "n.hypnogram.csv"], "n.hypnogram.csv", "n.csv is not used"),
        (["n.edf", "n.edf.gz", "n.csv"], "n.csv", "n.edf.gz is taken for the same recording"),
        (["n.bdf", "n.edf", "n.csv"], "n.csv", "n.bdf is taken for the same recording"),
        (["t/psg.h5", "t/psg.edf", "t/hypnogram.ids"], "t/hypnogram.ids", "psg.h5 is taken for the same"),
    ],
)
def test_of_files_that_say_the_same_one_is_taken_and_the_other_named(
    paths: list[str], taken: str, said: str
) -> None:
    (pair,) = pair_up(paths).pairs
    assert pair.scorings == (taken,)
    assert any(note.startswith(said) for note in pair.notes)


def test_scorings_of_which_names_do_not_say_that_they_agree_are_all_given() -> None:
    assert found(pair_up(["n.edf", "n.csv", "n.txt"])) == [("n.edf", ("n.csv", "n.txt"))]
    isruc = ["1/1.rec", "1/1_1.txt", "1/1_2.txt"]
    assert found(pair_up(isruc)) == [("1/1.rec", ("1/1_1.txt", "1/1_2.txt"))]
    assert found(pair_up(isruc, scorer=2)) == [("1/1.rec", ("1/1_2.txt",))]
    (left,) = pair_up(isruc, scorer=3).left_over
    assert (left.is_night, left.reason) == (True, "no hypnogram by scorer 3; there is 1 and 2")


def test_a_scoring_goes_to_the_recording_whose_name_it_holds_most_of() -> None:
    paths = ["n.edf", "n.csv", "n_1.edf", "n_1.csv", "n_1_2.edf", "n_1_2.csv"]
    assert found(pair_up(paths)) == [
        ("n.edf", ("n.csv",)), ("n_1.edf", ("n_1.csv",)), ("n_1_2.edf", ("n_1_2.csv",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "paths",
    [
        ["sub-01/night.edf", "sub-02/night.csv"],
        ["a/night.edf", "b/hypnogram.csv"],
        ["SC4001E0-PSG.edf", "SC4002EC-Hypnogram.edf"],
        ["night1.edf", "night11.csv"],
        ["tp1/psg.edf", "tp2/hypnogram.ids"],
        ["n.edf", "n_pred.npy"],
    ],
)
def test_files_of_different_nights_are_never_paired(paths: list[str]) -> None:
    pairing = pair_up(paths)
    assert pairing.pairs == ()
    assert [each.path for each in pairing.left_over if each.is_night] == [paths[0]]


def test_what_is_left_over_says_why() -> None:
    paths = [
        "a.edf",
        "b.edf",
        "c.h5",
        "d-nsrr.xml",
        "d_PRED.npy",
        "hypnogram.csv",
        "notes.txt",
        "participants.tsv",
    ]
    pairing = pair_up(paths)
    assert [(each.path, each.is_night) for each in pairing.left_over] == [
        ("a.edf", True), ("b.edf", True), ("c.h5", True),
        ("d-nsrr.xml", False), ("d_PRED.npy", False), ("hypnogram.csv", False),
    ]  # fmt: skip
    reasons = [each.reason for each in pairing.left_over]
    assert reasons[0] == "no hypnogram beside it, such as a.hypnogram.csv"
    assert "convert the recording to EDF" in reasons[2]
    assert reasons[3] == "no recording of this name is beside it"
    assert "prediction" in reasons[4]
    assert reasons[5] == "it could be of a.edf and b.edf and c.h5; give it the name of one".replace(
        "a.edf and b.edf and c.h5", "a.edf, b.edf and c.h5"
    )
    assert pairing.unused == ("notes.txt",)


def test_nights_of_one_name_are_called_by_their_folders() -> None:
    paths = [f"{folder}/{file}" for folder in ("x/s1", "x/s2", "y/s1") for file in ("a.edf", "a.csv")]
    paths += ["tp1/psg.edf", "tp1/hypnogram.ids", "b.edf", "b.csv"]
    assert [pair.name for pair in pair_up(paths).pairs] == ["b", "tp1", "x/s1/a", "s2/a", "y/s1/a"]


def test_a_side_channel_of_a_zmax_is_no_recording_of_its_own() -> None:
    paths = [f"n/{name}.edf" for name in ("EEG L", "EEG R", "dX", "BATT", "NOISE", "OXY_IR_AC")]
    pairing = pair_up([*paths, "n/hypnogram.csv"])
    assert found(pairing) == [("n/EEG L.edf", ("n/hypnogram.csv",))]
    assert pairing.pairs[0].name == "n"
    assert pairing.left_over == ()


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("NIGHT.edf", Role.RECORDING), ("NIGHT.hypnogram.edf", Role.SCORING), ("NIGHT.csv", Role.EITHER),
        ("baseline.edf", Role.RECORDING), ("stage.edf", Role.SCORING), ("01-03-0001 Base.edf", Role.SCORING),
        ("patient base.edf", Role.RECORDING), ("OBCI_0A.TXT", Role.RECORDING), ("n.eeg", Role.OTHER),
        ("OpenBCI-RAW-Aux-2024.txt", Role.EITHER), ("sub-1_channels.tsv", Role.OTHER),
        ("sub-1_eeg.json", Role.OTHER), ("model.json", Role.EITHER), ("x_PRED.hyp", Role.PREDICTION),
        ("purchase.csv", Role.EITHER), ("noending", Role.OTHER), (".edf", Role.RECORDING),
    ],
)  # fmt: skip
def test_what_one_name_says_by_itself(name: str, role: Role) -> None:
    assert read_name(name).role is role
