"""Montages by the names of channels."""

from __future__ import annotations

import pytest

from sanctuary.signal.samples import Montage, montage_of


@pytest.mark.parametrize(
    ("channels", "montage"),
    [
        (("AF7", "AF8"), Montage.PAIR),
        (("Fp1", "Fp2"), Montage.PAIR),
        (("EEG Fpz-Cz", "EOG horizontal"), Montage.EEG_EOG),
        (("C3", "E1-M2"), Montage.EEG_EOG),
        (("Fpz-Cz",), Montage.SINGLE),
    ],
)
def test_names_tell_the_montage(channels, montage):
    assert montage_of(channels) is montage
    assert montage.n_channels == len(channels)


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ((), "one or two channels, not 0"),
        (("A", "B", "C"), "one or two channels, not 3"),
        (("EOG left", "AF7"), "EEG channel first"),
        (("EOG",), "EEG channel first"),
    ],
)
def test_other_channels_are_refused_with_a_reason(channels, said):
    with pytest.raises(ValueError, match=said):
        montage_of(channels)
