"""What the name of one file says: a recording, an expert's scoring, or either; and of which night.

Names are those that public sleep data sets use (Sleep-EDF, HMC, MASS, ISRUC, CAP, DCSM, SHHS and others of
the NSRR, MESA, DOD, SVUH, BIDS), that U-Sleep and Luna write, and that recording programs choose. Upper and
lower case are not told apart. Nothing is opened here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

SIGNALS = ("edf", "bdf", "rec", "vhdr", "set", "fif", "gdf", "xdf", "h5", "hdf5")
"""Endings of recordings; of one night in several formats the first is taken."""
NOT_READ = ("h5", "hdf5")
SCORINGS = ("edf", "xml", "annot", "csv", "tsv", "txt", "ids", "eannot", "hyp", "npy", "json")
"""Endings of scorings; of one scoring in several formats the first is taken."""
TEXTS = ("csv", "tsv", "txt")
"""Recordings of some programs and scorings both end so."""
_OF_ANYTHING = ("npy", "json")
"""Endings of scorings and of much else, of recordings never."""
_PACKED = (".gz", ".zip")
_MARK = re.compile(
    r"(?:^|(?P<base>.*?)[ ._-]+)(?P<mark>hypnogram|hypno|hyp|sleep[ _-]?scoring|sleep[ _-]?stag(?:es?|ing)"
    r"|scoring|scores|staging|stages?|(?<=\d{4} )base|true|expert|labels?|nsrr|profusion|annotations?|events)"
)
"""A word that says that a file is a scoring; MASS calls its own ``01-03-0001 Base``."""
_SCORER = re.compile(r"(?P<base>.+?)[ ._-]*(?:[ ._-]|scorer|rater|expert)[ ._-]*(?P<number>\d{1,2})")
_OF_SIGNAL = re.compile(rf"(?P<base>.+)\.(?:{'|'.join(SIGNALS)})")
_RECORDING_MARK = re.compile(r"(?:^|(?P<base>.*?)[ ._-]+)(?:psg|eeg|ieeg|signals?|raw|recording)")
_SLEEP_EDF = re.compile(r"(?P<night>(?:sc4|st7)\d{3}[a-z])[a-z0-9]")
"""The eighth letter is the recorder's in one name of a night, the scorer's in the other."""
_PROGRAMS = re.compile(
    r"openbci-raw-(?!aux).*\.txt|obci_[0-9a-f]{2}\.txt|(?:brainflow-raw|mindmonitor_|eeg_recording_).*\.csv"
)
"""How OpenBCI's, BrainFlow's, Mind Monitor's and muse-lsl's programs call their recordings."""
_PREDICTED = re.compile(r".*[ ._-]pred(?:icted|iction|ictions)?")
_SIDECAR = re.compile(
    r".*_(?:channels|electrodes|coordsystem|scans|sessions)|participants|(?:.*_(?:eeg|ieeg|events|physio)"
    r"|dataset_description|participants)\.json"
)
_ZMAX_OTHERS = re.compile(
    r"eeg r|d[xyz]|batt|body ?temp|light|noise|nasal [lr]|nas[lr]|rssi|oxy_.*|parsed_.*|bodytemp"
)


class Role(Enum):
    """What a file is by its name."""

    RECORDING = "recording"
    SCORING = "scoring"
    EITHER = "either"
    PREDICTION = "prediction"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Claim:
    """One reading of a scoring's name.

    Attributes
    ----------
    key
        Name of the night that it would be of, in lower case; empty where the name says only what it is.
    mark
        The word that says that it is a scoring; empty where there is none.
    scorer
        Number of the expert, where the name has one.
    """

    key: str
    mark: str = ""
    scorer: int | None = None


@dataclass(frozen=True, slots=True)
class FileName:
    """A path, read.

    Attributes
    ----------
    path
        As it was given, with ``/`` between folders.
    stem, extension
        Without the ending of a packed file; the extension in lower case, without its dot.
    """

    path: str
    stem: str
    extension: str
    packed: bool

    @property
    def name(self) -> str:
        """Without folders."""
        return PurePosixPath(self.path).name

    @property
    def folder(self) -> str:
        """Folders, as they were given."""
        return str(PurePosixPath(self.path).parent)

    @property
    def role(self) -> Role:
        """What the name alone says."""
        stem = self.stem.casefold()
        if self.extension in (*SIGNALS, *SCORINGS) and _PREDICTED.fullmatch(stem):
            return Role.PREDICTION
        if _SIDECAR.fullmatch(stem) or _SIDECAR.fullmatch(f"{stem}.{self.extension}"):
            return Role.OTHER
        if self.extension in (*TEXTS, *_OF_ANYTHING) or (self.packed and not self.extension):
            return self._of_text(stem)
        scoring = bool(_MARK.fullmatch(stem) or _marked_scorer(stem))
        if self.extension in SIGNALS:
            return Role.SCORING if scoring and self.extension == "edf" else Role.RECORDING
        return Role.SCORING if self.extension in SCORINGS else Role.OTHER

    def _of_text(self, stem: str) -> Role:
        if _PROGRAMS.fullmatch(f"{stem}.{self.extension}"):
            return Role.RECORDING
        return Role.SCORING if _MARK.fullmatch(stem) or _marked_scorer(stem) else Role.EITHER

    @property
    def recording_keys(self) -> tuple[str, ...]:
        """Names by which a scoring may call this recording, its own first; empty if it says nothing."""
        stem = self.stem.casefold()
        keys = [stem]
        if found := _RECORDING_MARK.fullmatch(stem):
            keys.append(found["base"] or "")
        if stem == "eeg l":
            keys.append("")
        if keys[-1] == "":
            keys.append(PurePosixPath(self.folder).name.casefold())
        return tuple(dict.fromkeys((*keys, *_sleep_edf(keys))))

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every reading of this name as a scoring's, what says most first."""
        found = [Claim(self.stem.casefold())]
        for claim in found:  # grows as marks, numbers and endings are taken off
            found += [each for each in _shorter(claim) if each not in found]
        found += [Claim(key, c.mark, c.scorer) for c in found for key in _sleep_edf([c.key])]
        return tuple(found)

    @property
    def may_be_recording(self) -> bool:
        """Whether a file whose name says nothing could be a recording at all."""
        return self.extension not in _OF_ANYTHING

    @property
    def is_generic(self) -> bool:
        """Whether a recording's name says only what it is (``psg.edf``), so the folder names the night."""
        return "" in self.recording_keys

    @property
    def is_zmax_part(self) -> bool:
        """Whether it is one of the files, one a channel, that a ZMax recording with ``EEG L.edf`` has."""
        return self.extension == "edf" and bool(_ZMAX_OTHERS.fullmatch(self.stem.casefold()))


def read_name(path: str) -> FileName:
    """Split a path into folder, stem and extension."""
    name = PurePosixPath(path).name
    packed = name.casefold().endswith(_PACKED)
    inner = name.rpartition(".")[0] if packed else name
    stem, dot, extension = inner.rpartition(".")
    known = extension.casefold() in (*SIGNALS, *SCORINGS)
    if not dot or (packed and not known):
        return FileName(path, inner, "", packed)
    return FileName(path, stem, extension.casefold(), packed)


def _shorter(claim: Claim) -> list[Claim]:
    """Give the same name with one thing less: what it is, who scored it, or the ending of its recording."""
    found = []
    if (match := _MARK.fullmatch(claim.key)) and not claim.mark:
        found.append(Claim(match["base"] or "", match["mark"], claim.scorer))
    if (match := _SCORER.fullmatch(claim.key)) and claim.scorer is None:
        found.append(Claim(match["base"], claim.mark, int(match["number"])))
    if match := _OF_SIGNAL.fullmatch(claim.key):
        found.append(Claim(match["base"], claim.mark, claim.scorer))
    return found


def _marked_scorer(stem: str) -> bool:
    """Whether a name is that of a scoring with the number of its scorer, such as ``n1_hypnogram_2``."""
    found = _SCORER.fullmatch(stem)
    return found is not None and (
        _MARK.fullmatch(found["base"]) is not None or stem[len(found["base"]) :].strip(" ._-0123456789") != ""
    )


def _sleep_edf(keys: list[str]) -> list[str]:
    return [found["night"] for key in keys if (found := _SLEEP_EDF.fullmatch(key))]
