"""Montages: what each channel of a headband is to the chain.

========== ======================== ========================= ===========================
kind       channels                 sleep EEG from            eye movements from
========== ======================== ========================= ===========================
PAIR       left, right frontal      mean of the usable sides  left - right, and the mean
EEG_EOG    frontal EEG, horizontal  the EEG channel           the EOG, and the EEG channel
           EOG
SINGLE     one EEG                  that channel              none
========== ======================== ========================= ===========================

AF7/AF8 and Fp1/Fp2 are pairs. What a smaller montage costs is measured in ``docs/sensing.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from sanctuary.signal.labels import Kind, meaning_of

_UNUSABLE = {
    Kind.VERTICAL_EOG: "is a vertical EOG, which does not show gaze to the sides; name a horizontal one",
    Kind.EITHER: "names the eyes and the scalp, so it could be an EOG or an EEG; give it another label",
}


class Montage(Enum):
    """Which channels there are."""

    PAIR = "pair"
    EEG_EOG = "eeg+eog"
    SINGLE = "single"

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return 1 if self is Montage.SINGLE else 2


def montage_of(channels: Sequence[str]) -> Montage:
    """Montage of one channel, or of two with the left (or the EEG) one first.

    Raises
    ------
    ValueError
        The chain cannot use these channels; the message says why.
    """
    if not 1 <= len(channels) <= 2:
        raise ValueError(f"the chain takes one or two channels, not {len(channels)}")
    kinds = [meaning_of(name).kind for name in channels]
    for name, kind in zip(channels, kinds, strict=True):
        if kind in (Kind.VERTICAL_EOG, Kind.EITHER):
            raise ValueError(f"{name} {_UNUSABLE[kind]}")
    eog = [kind is Kind.EOG for kind in kinds]
    if eog[0]:
        raise ValueError(f"{channels[0]} is an EOG; name an EEG channel first, and the EOG after it")
    if len(channels) == 1:
        return Montage.SINGLE
    return Montage.EEG_EOG if eog[1] else Montage.PAIR
