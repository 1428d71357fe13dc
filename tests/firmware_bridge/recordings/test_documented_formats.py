"""Every row of the table in docs/recordings.md is read, and everything that is read has a row."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

import laboratory_files as laboratory
import recording_files as text
from house import ROOT
from night_files import write_edf
from sanctuary.firmware_bridge.recordings.channels import uv_per_unit
from sanctuary.firmware_bridge.recordings.known import KNOWN
from sanctuary.firmware_bridge.recordings.readers import READERS, open_source
from sanctuary.firmware_bridge.recordings.recording_source import NO_READING_OPTIONS, ReadingOptions

N = 1500
UV = text.eeg(2, N)
ROWS = range(N)

Made = tuple[Path, ReadingOptions]


def _written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _zmax(folder: Path) -> Path:
    inside = folder / "zmax"
    inside.mkdir()
    for label, values in zip(("EEG L", "EEG R"), UV, strict=True):
        laboratory.zmax_edf(inside / f"{label}.edf", label, values[:1280])
    return inside


def _edf(folder: Path) -> Path:
    return write_edf(folder / "night.bin", UV[:, :1280], 256)


def _gui(folder: Path) -> Path:
    uv = np.concatenate([UV, text.eeg(6, N, seed=1)])
    return _written(folder / "OpenBCI-RAW-x.dat", text.gui_5(uv, text.ticks(N, 250), ROWS))


def _sd(folder: Path) -> Path:
    uv = np.concatenate([UV, text.eeg(6, N, seed=1)])
    counts = np.rint(uv / text.CYTON_STEP_UV).astype(np.int64)
    return _written(folder / "card.csv", text.hex_counts(counts, ROWS))


def _brainflow(folder: Path) -> Path:
    uv = np.concatenate([UV, text.eeg(6, N, seed=1)])
    return _written(folder / "flow.edf", text.brainflow_cyton(uv, text.ticks(N, 250), ROWS))


def _muse(folder: Path) -> Path:
    uv = np.concatenate([UV, text.eeg(2, N, seed=1)])
    return _written(folder / "muse.txt", text.muse_lsl(uv, text.ticks(N, 256), ROWS))


def _mind(folder: Path) -> Path:
    uv = np.concatenate([UV, text.eeg(2, N, seed=1)])
    return _written(folder / "mind.txt", text.mind_monitor(uv, text.ticks(N, 256), ROWS))


def _xdf(folder: Path) -> Path:
    stamps = 5000.0 + np.arange(N) / 256
    return laboratory.write_xdf(
        folder / "night.bin",
        laboratory.xdf_header(1, "Muse", "EEG", ("AF7", "AF8"), 256),
        laboratory.xdf_samples(1, stamps, UV.T.astype("<f4")),
    )


def _eeglab(folder: Path) -> Path:
    path = folder / "night.set"
    chanlocs = np.array([("AF7",), ("AF8",)], dtype=[("labels", "O")])
    eeg = {
        "setname": "n", "filename": "night.set", "filepath": "", "nbchan": 2.0, "trials": 1.0,
        "pnts": float(N), "srate": 256.0, "xmin": 0.0, "xmax": (N - 1) / 256, "data": UV,
        "chanlocs": chanlocs, "event": [], "epoch": [], "icawinv": [], "icasphere": [], "icaweights": [],
    }  # fmt: skip
    savemat(path, {"EEG": eeg}, appendmat=False)
    return path


def _fif(folder: Path) -> Path:
    mne: Any = pytest.importorskip("mne")
    info = mne.create_info(["AF7", "AF8"], 256, "eeg", verbose="ERROR")
    path = folder / "night_raw.fif"
    mne.io.RawArray(UV * 1e-6, info, verbose="ERROR").save(path, fmt="double", verbose="ERROR")
    return path


def _gzip(folder: Path) -> Path:
    return _written(folder / "packed", gzip.compress(_edf(folder).read_bytes()))


def _zip(folder: Path) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/night.edf", _edf(folder).read_bytes())
    return _written(folder / "packed", packed.getvalue())


def _brainvision(folder: Path) -> Path:
    return laboratory.write_brainvision(folder / "b.vhdr", UV, 256, ["AF7", "AF8"])


def _gdf(folder: Path) -> Path:
    return laboratory.write_gdf2(folder / "n.gdf", UV[:, :1280], 256, ["AF7", "AF8"], 4275)


FORMATS: dict[str, tuple[Callable[[Path], Path], ReadingOptions, float]] = {
    "EDF, EDF+, BDF, BDF+": (_edf, NO_READING_OPTIONS, 0.02),
    "ZMax (HDRecorder)": (_zmax, NO_READING_OPTIONS, 0.04),
    "OpenBCI GUI 2 to 6": (_gui, NO_READING_OPTIONS, 1e-6),
    "OpenBCI SD card": (_sd, NO_READING_OPTIONS, 0.012),
    "BrainFlow CSV": (_brainflow, NO_READING_OPTIONS, 1e-6),
    "Mind Monitor CSV": (_mind, NO_READING_OPTIONS, np.inf),
    "muse-lsl CSV": (_muse, NO_READING_OPTIONS, 1e-3),
    "XDF (LabRecorder)": (_xdf, NO_READING_OPTIONS, 1e-4),
    "BrainVision": (_brainvision, NO_READING_OPTIONS, 0.051),
    "EEGLAB": (_eeglab, NO_READING_OPTIONS, 1e-3),
    "FIF": (_fif, NO_READING_OPTIONS, 1e-3),
    "GDF": (_gdf, NO_READING_OPTIONS, 0.51),
    "gzip": (_gzip, NO_READING_OPTIONS, 0.02),
    "zip": (_zip, NO_READING_OPTIONS, 0.02),
}
"""First words of a row: what writes such a file, what must be told of it, and the largest error, uV."""
OTHERS_OF_MNE = "Neuroscan and ANT CNT"


def _rows() -> list[str]:
    lines = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8").splitlines()
    begin = lines.index("|---|---|---|---|---|---|") + 1
    return [line.split("|")[1].strip() for line in lines[begin : lines.index("", begin)]]


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_of_the_table_is_read_with_its_values(name: str, tmp_path: Path) -> None:
    write, options, largest_uv = FORMATS[name]
    source = open_source(write(tmp_path), options)
    chosen = [i for i in range(len(source.channels)) if source.channels[i].fs_hz >= 100.0]
    two = [
        i for i in chosen if source.channels[i].label in ("AF7", "EEG AF7", "EEG L", "EXG Channel 0", "TP9")
    ]
    (start, values), *_ = source.pieces(two[:1])
    scale = uv_per_unit(source.channels[two[0]].unit)
    assert scale is not None
    found = values[0] * scale
    assert start == 0
    assert len(found) >= 1280
    if np.isfinite(largest_uv):
        assert np.abs(found[:1280] - UV[0, :1280]).max() <= largest_uv
    else:
        assert np.corrcoef(found[:1280], UV[0, :1280])[0, 1] > 0.999


def test_the_table_names_these_and_only_these() -> None:
    rows = _rows()
    assert all(any(row.startswith(name) for row in rows) for name in FORMATS)
    others = [row for row in rows if not row.startswith(tuple(FORMATS))]
    assert [row for row in others if not row.startswith(OTHERS_OF_MNE)] == []


def test_every_reader_and_every_format_through_mne_is_in_the_table() -> None:
    table = " ".join(_rows()).casefold()
    for reader in READERS:
        assert reader.name.split()[0].strip(",").casefold() in table, reader.name
    for known in KNOWN:
        if known.through_mne:
            words = known.what.removeprefix("a ").removeprefix("an ").split()
            assert any(word.strip(",.'s").casefold() in table for word in words), known.what
