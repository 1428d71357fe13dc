"""Two nights of one person are never taken for two persons."""

from __future__ import annotations

import pytest

from sanctuary.gateway.training.pairing import known_person, person_of


@pytest.mark.parametrize(
    ("nights", "person"),
    [
        (["SC4001E0-PSG", "SC4002E0-PSG"], "SC400"),
        (["ST7011J0-PSG", "ST7012J0-PSG"], "ST701"),
        (["01-03-0001 PSG"], "01-03-0001"),
        (["shhs1-200001", "shhs2-200001"], "shhs-200001"),
        (["mros-visit1-aa0001", "mros-visit2-aa0001"], "mros-aa0001"),
        (["chat-baseline-300001", "chat-followup-300001"], "chat-300001"),
        (["abc-baseline-900001", "abc-month09-900001", "abc-month18-900001"], "abc-900001"),
        (["wsc-visit1-10119", "wsc-visit2-10119"], "wsc-10119"),
        (["mesa-sleep-0001"], "mesa-0001"),
        (["sub-01_ses-1_eeg", "sub-01_ses-2_eeg", "sub-01_task-sleep_run-2_eeg"], "sub-01"),
        (["SN001"], "SN001"),
        (["n1"], "n1"),
        (["n10"], "n10"),
    ],
)
def test_public_sets_say_who_it_is(nights: list[str], person: str) -> None:
    assert {known_person(night, f"{night}.edf") for night in nights} == {person}


@pytest.mark.parametrize(
    ("name", "path", "person"),
    [
        ("ses-1/night", "data/sub-07/ses-1/night.edf", "sub-07"),
        ("night", "sub-project/sub-02/night.edf", "sub-02"),
        ("1", "isruc/2/1/1.rec", "2"),
        ("2", "isruc/2/2/2.rec", "2"),
        ("7", "isruc/7/7.rec", "7"),
    ],
)
def test_folders_say_who_it_is_where_names_do_not(name: str, path: str, person: str) -> None:
    assert known_person(name, path) == person


def test_other_names_go_by_their_first_letters_or_as_asked() -> None:
    assert person_of("anna1-night2", "anna1-night2.edf") == "anna1"
    assert person_of("anna1-night2", "anna1-night2.edf", 4) == "anna"
    assert person_of("anna1-night2", "anna1-night2.edf", 0) == "anna1-night2"
    assert person_of("SC4001E0-PSG", "SC4001E0-PSG.edf", 6) == "SC4001"


def test_different_subjects_stay_different() -> None:
    names = [
        "SC4001E0-PSG",
        "SC4011E0-PSG",
        "01-03-0001 PSG",
        "01-03-0002 PSG",
        "shhs1-200001",
        "shhs1-200002",
    ]
    names += ["n1", "n11", "ucddb002", "ucddb003", "rbd1", "rbd2"]
    assert len({person_of(name, f"{name}.edf") for name in names}) == len(names)
