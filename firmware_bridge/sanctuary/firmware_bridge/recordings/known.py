"""Files that are known for what they are and not read here: how to know each, and the way to EDF.

One table. Formats that MNE-Python reads are in it too, since without MNE they are only known. A name's ending
counts only where the content has no mark of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

EDFBROWSER = "open it in EDFbrowser, which saves it as EDF"
VENDOR = "export the night as EDF with the program that recorded it"


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """A format that no reader of ours opens.

    Attributes
    ----------
    what
        Its name, with an article where the sentence "this is ..." needs one.
    way
        What to do instead, as the end of a sentence.
    marks
        Bytes and their place at the head of a file; one is enough.
    suffixes
        Endings of the name (lower case). With marks both are needed, without marks they decide.
    through_mne
        MNE-Python reads it.
    companions
        It needs the files beside it.
    """

    what: str
    way: str
    marks: tuple[tuple[int, bytes], ...] = ()
    suffixes: tuple[str, ...] = ()
    through_mne: bool = False
    companions: bool = False

    def fits(self, head: bytes, name: str) -> bool:
        """Whether a file of this name that begins with `head` is of this format."""
        marked = self.marked(head)
        named = name.lower().endswith(self.suffixes)
        if self.marks and self.suffixes:
            return marked and named
        return marked if self.marks else bool(self.suffixes) and named

    def marked(self, head: bytes) -> bool:
        """Whether one of the marks is at its place in `head`."""
        return any(head[at : at + len(mark)].upper() == mark.upper() for at, mark in self.marks)


def known_format(head: bytes, name: str) -> KnownFormat | None:
    """Tell what a file is by its first bytes and its name, or None."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    fitting = (known for known in KNOWN if known.fits(head, PurePath(name).name))
    return next(fitting, None) or next(filter(None, (_misnamed(known, head) for known in _THROUGH_MNE)), None)


def _misnamed(known: KnownFormat, head: bytes) -> KnownFormat | None:
    """Name a format of MNE-Python under an ending that it does not go by; None if it is another format."""
    if not known.suffixes or not known.marked(head):
        return None
    way = f"give it the ending {known.suffixes[0]}, by which MNE-Python goes"
    return replace(known, way=way, suffixes=(), through_mne=False)


def _mne(
    what: str,
    suffixes: tuple[str, ...] = (),
    marks: tuple[tuple[int, bytes], ...] = (),
    *,
    companions: bool = False,
    way: str = VENDOR,
) -> KnownFormat:
    return KnownFormat(what, way, marks, suffixes, through_mne=True, companions=companions)


def _at_start(*marks: bytes) -> tuple[tuple[int, bytes], ...]:
    return tuple((0, mark) for mark in marks)


_HDF5 = _at_start(b"\x89HDF\r\n\x1a\n")
_MATLAB = _at_start(b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file")
_ZIP = _at_start(b"PK\x03\x04")
_UNPACK = "unpack it and name the recording in it"
_NOT_SIGNALS = "it holds no signals; name the recording itself"

_THROUGH_MNE: tuple[KnownFormat, ...] = (
    KnownFormat(
        "the marker file of a BrainVision recording", "name its header, the .vhdr file",
        _at_start(b"Brain Vision Data Exchange Marker", b"BrainVision Data Exchange Marker"),
    ),
    _mne("BrainVision", (".vhdr", ".ahdr"), _at_start(b"Brain Vision", b"BrainVision"), companions=True,
         way="export EDF from BrainVision Analyzer, or convert it with EDFbrowser or EEGLAB"),
    _mne("EEGLAB", (".set",), (*_MATLAB, *_HDF5), companions=True, way="in EEGLAB: File, Export, EDF"),
    _mne("FIF", (".fif",), _at_start(b"\x00\x00\x00\x64\x00\x00\x00\x1f\x00\x00\x00\x14"), companions=True,
         way="export it with MNE-Python, raw.export('night.edf')"),
    _mne("GDF", (".gdf",), _at_start(b"GDF "), way="convert it with EDFbrowser or biosig's save2gdf"),
    _mne("Neuroscan CNT", (".cnt",), _at_start(b"Version 3")),
    _mne("ANT Neuro CNT", (".cnt",), ((8, b"CNT "),)),
    _mne("Persyst", (".lay",), _at_start(b"[FileInfo]"), companions=True),
    _mne("Nihon Kohden", (".eeg",), _at_start(b"EEG-", b"QI-", b"DAE-", b"AIR-"), companions=True),
    _mne("Blackrock NSx", (".ns3", ".ns5", ".ns6"), _at_start(b"NEURALSG", b"NEURALCD", b"BRSMPGRP")),
    _mne("Nicolet", (".data",), companions=True),
    _mne("Curry", (".cdt", ".dap"), companions=True),
    _mne("Nexstim eXimia", (".nxe",)),
    _mne("Neuroelectrics NEDF", (".nedf",)),
    _mne("EGI MFF", (".mff",), companions=True),
    _mne("MEF", (".mefd",), companions=True),
    _mne("BCI2000", (".dat",), _at_start(b"BCI2000V=")),
)  # fmt: skip

_SLEEP: tuple[KnownFormat, ...] = (
    KnownFormat("an XDF file's plain header", "use a complete copy", _at_start(b"XDF:"), (".txt",)),
    KnownFormat("the data file of a BrainVision or Nihon Kohden recording",
          "name the header beside it (.vhdr), or export the night as EDF", (), (".eeg",)),
    KnownFormat("the data of an EEGLAB set", "name the .set file beside it", (), (".fdt",)),
    KnownFormat("ZMax's raw recording",
          "export it with HDRecorder: File, Convert, EDF; then name the folder", (),
          (".hyp",)),
    KnownFormat("a Muse recording in its binary form",
          "convert it with Mind Monitor or muse-player to CSV, and name that", (), (".muse",)),
    KnownFormat("a Philips Alice or Sleepware scoring",
          "name the EDF that was exported with it", (), (".rml",)),
    KnownFormat("a Compumedics recording", "export EDF with Profusion or ProFusion PSG", (),
          (".slp", ".rcd", ".sdy")),
    KnownFormat("a Natus or XLTEK recording", "export EDF+ with NeuroWorks or SleepWorks", (),
          (".erd", ".stc", ".snc", ".etc", ".ent")),
    KnownFormat("a SOMNOmedics recording", "export EDF+ with DOMINO", (), (".dsf", ".key")),
    KnownFormat("an Embla recording", "export EDF with RemLogic", _at_start(b"Embla data file")),
    KnownFormat("an Embla or Nox recording", "export EDF with RemLogic or Noxturnal", (),
          (".ebm", ".edb", ".esrc", ".ndb", ".ndf")),
    KnownFormat("a Micromed recording", "export EDF with SystemPlus or BrainQuick", _at_start(b"* MICROMED")),
    KnownFormat("a Cadwell recording", "export EDF with Easy III", (), (".ez3", ".arc")),
    KnownFormat("a Stellate recording", "export EDF with Harmonie", (), (".sig", ".sts")),
    KnownFormat("a WFDB (PhysioNet) record",
          "convert it with `mit2edf -r RECORD -o night.edf` of the WFDB package, or take the EDF beside it",
          (), (".hea", ".st", ".atr")),
    KnownFormat("a sanctuary capture", "give it to `sanctuary replay`, under a name that ends in .capture",
          _at_start(b"sanctuary-capture ")),
)  # fmt: skip

_LABORATORY: tuple[KnownFormat, ...] = (
    KnownFormat("NWB", "write its EEG to EDF with edfio", _HDF5, (".nwb",)),
    KnownFormat("HDF5, as the Dreem data sets come in",
          "write its channels to EDF with h5py and edfio (what a channel's unit is, the set's own text says)",
          _HDF5),
    KnownFormat("MATLAB",
          "save it from EEGLAB as EDF, or write its channels to EDF with scipy and edfio", _MATLAB),
    KnownFormat("Intan RHD", "export EDF with EDFbrowser or neo", _at_start(b"\x02\x27\x91\xc6")),
    KnownFormat("Neuralynx", "convert it with neo and edfio", _at_start(b"######## Neuralynx")),
    KnownFormat("Axon ABF", "convert it with neo and edfio", _at_start(b"ABF ", b"ABF2")),
    KnownFormat("Spike2", "export EDF with Spike2: File, Export As", (), (".smr", ".smrx")),
    KnownFormat("BIOPAC AcqKnowledge", "save it as EDF with AcqKnowledge", (), (".acq",)),
    KnownFormat("LabChart", "export EDF with LabChart", (), (".adicht", ".adidat")),
    KnownFormat("a binary data file", "name the header or EDF beside it, or export the night as EDF", (),
          (".dat",)),
    KnownFormat("Parquet", "write its columns to EDF with pandas and edfio", _at_start(b"PAR1")),
    KnownFormat("Feather or Arrow", "write its columns to EDF with pandas and edfio",
          _at_start(b"ARROW1", b"FEA1")),
    KnownFormat("a NumPy array",
          "write it to EDF with edfio, which needs the rate and the unit that it lacks",
          _at_start(b"\x93NUMPY")),
    KnownFormat("NumPy arrays",
          "write them to EDF with edfio, which needs the rate and the unit that they lack",
          _ZIP, (".npz",)),
    KnownFormat("a Python pickle", "write its signals to EDF with edfio", (), (".pkl", ".pickle")),
)  # fmt: skip

_OTHER: tuple[KnownFormat, ...] = (
    KnownFormat("an Excel workbook", "save the sheet as CSV, and name that", _ZIP, (".xlsx", ".xlsm")),
    KnownFormat("an office document", _NOT_SIGNALS, _ZIP, (".docx", ".odt", ".ods", ".pptx")),
    KnownFormat("a tar archive", _UNPACK, ((257, b"ustar"),)),
    KnownFormat("a 7z archive", _UNPACK, _at_start(b"7z\xbc\xaf\x27\x1c")),
    KnownFormat("a RAR archive", _UNPACK, _at_start(b"Rar!\x1a\x07")),
    KnownFormat("an xz file", _UNPACK, _at_start(b"\xfd7zXZ\x00")),
    KnownFormat("a bzip2 file", _UNPACK, _at_start(b"BZh")),
    KnownFormat("a zstd file", _UNPACK, _at_start(b"\x28\xb5\x2f\xfd")),
    KnownFormat("an lz4 file", _UNPACK, _at_start(b"\x04\x22\x4d\x18")),
    KnownFormat("a PDF", _NOT_SIGNALS, _at_start(b"%PDF")),
    KnownFormat("a picture", _NOT_SIGNALS,
          _at_start(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM6")),
    KnownFormat("a sound file", _NOT_SIGNALS,
          ((8, b"WAVE"), (0, b"ID3"), (0, b"OggS"), (0, b"fLaC"))),
    KnownFormat("a video", _NOT_SIGNALS, ((4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (8, b"AVI "))),
    KnownFormat("an SQLite database", _NOT_SIGNALS, _at_start(b"SQLite format 3")),
    KnownFormat("a web page", "the download went wrong, so fetch the file itself",
          _at_start(b"<!doctype html", b"<html")),
    KnownFormat("XML", "if these are scored stages, give it as --hypnogram beside the recording",
          _at_start(b"<?xml")),
    KnownFormat("a placeholder of Git LFS", "fetch the file itself with `git lfs pull`",
          _at_start(b"version https://git-lfs")),
    KnownFormat("a placeholder of git-annex", "fetch the file itself with `git annex get`",
          _at_start(b"/annex/objects/", b"../.git/annex/")),
)  # fmt: skip

KNOWN: Sequence[KnownFormat] = (*_THROUGH_MNE, *_SLEEP, *_LABORATORY, *_OTHER)
"""In the order in which a file is compared with them."""
