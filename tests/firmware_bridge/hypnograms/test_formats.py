"""The same night in the files of many programs gives the same stages, whatever the file's name ends with."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest

import hypnogram_files as files
from hypnogram_files import CODES, EPOCH_S, PROFUSION, STAGES, FakeNight, clock, runs, table
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import HypnogramOptions, hypnogram_options
from sanctuary.firmware_bridge.hypnograms.hypnogram_reading import read_hypnogram
from sanctuary.signal.samples import Stage

NIGHT = FakeNight()
EXPECTED = [CODES[stage] for stage in STAGES]
WORDS = {"W": "WAKE", "N1": "N1", "N2": "N2", "N3": "N3", "R": "REM", "?": "UNS"}
YASA_NUMBERS = hypnogram_options(stages="yasa")


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


PLAIN = {
    "our CSV": table("onset_s,duration_s,stage", lambda i, s: f"{30 * i},30,{s}"),
    "CSV in seconds, any order of columns": table(
        "Stage,Duration,Onset", lambda i, s: f"{s},30.0,{30 * i}.0"
    ),
    "semicolons and decimal commas": table(
        "Onset [s];Duration [s];Sleep Stage;", lambda i, s: f"{30 * i},0;30,00;{s};", "\r\n"
    ),
    "tabs without durations": table("onset\tstage", lambda i, s: f"{30 * i}\t{s}"),
    "milliseconds": table("start_ms,end_ms,stage", lambda i, s: f"{30000 * i},{30000 * (i + 1)},{s}"),
    "UTF-16 with mark": table("onset_s,duration_s,stage", lambda i, s: f"{30 * i},30,{s}")
    .decode()
    .encode("utf-16"),
    "UTF-16 without mark": table("onset_s,duration_s,stage", lambda i, s: f"{30 * i},30,{s}")
    .decode()
    .encode("utf-16-le"),
    "Excel's mark, separator line and quotes": b"\xef\xbb\xbfsep=;\r\n"
    + table("onset;stage", lambda i, s: f'{30 * i};"Stage {s}"', "\r\n"),
    "one stage a line": table("", lambda _, s: s),
    "one stage a line below a name": table("sleep_stage", lambda _, s: s),
    "U-Sleep words": table("", lambda _, s: {"?": "UNKNOWN", "R": "REM"}.get(s, s)),
    "Luna eannot": table("", lambda _, s: {"W": "wake", "R": "REM"}.get(s, s.replace("N", "NREM"))),
    "blanks and trailing lines": table("", lambda _, s: f"  {s} ", "\r\n") + b"\r\n\r\n\x1a",
    "trailing NULs": table("", lambda _, s: s) + b"\0" * 100,
    "CR CR LF": table("", lambda _, s: s, "\r\r\n"),
    "all on one line": ",".join(STAGES).encode(),
    "numbered epochs from 0": table("Epoch,Stage", lambda i, s: f"{i},{WORDS[s]}"),
    "numbered epochs from 1": table("epoch;stage", lambda i, s: f"{i + 1};{s}"),
    "numbered epochs without a header": table("", lambda i, s: f"{i + 1} Sleep stage {s}"),
    "onsets without a header": table("", lambda i, s: f"{30 * i}\t{s}"),
    "U-Sleep ids": files.lines([f"{a},{b},{s}" for a, b, s in runs()]),
    "onset, end and stage without a header": files.lines([f"{a} {a + b} {s}" for a, b, s in runs()]),
    "U-Sleep tsv": files.lines(["init_sec\tduration_sec\tstage", *(f"{a}\t{b}\t{s}" for a, b, s in runs())]),
    "HMC text": table(
        "Date, Time, Recording onset, Duration, Annotation, Linked channel",
        lambda i, s: f"2024-02-01, {clock(i)}, {30 * i}, 30, Sleep stage {s}, EEG F4-M1",
    ),
    "BIDS events": files.lines(
        [
            "onset\tduration\ttrial_type\tvalue",
            "0.5\tn/a\tlights off\t7",
            *(f"{a}\t{b}\tsleep stage {s}\tn/a" for a, b, s in runs()),
        ]
    ),
    "YASA events": table(
        "epoch,onset,duration,value,description",
        lambda i, s: f"{i},{30.0 * i},30.0,{CODES[s]},{WORDS[s]}",
    ),
    "YASA with a start and a scorer": table(
        "Time,S1", lambda i, s: f"{clock(i, '%Y-%m-%d %H:%M:%S')},{WORDS[s]}"
    ),
    "YASA JSON": json.dumps(
        {"values": [WORDS[s] for s in STAGES], "n_stages": 5, "freq": "30s", "start": None}
    ).encode(),
    "times of day without a header": table("", lambda i, s: f"{clock(i)} {s}"),
    "AM and PM": table("Time;Stage", lambda i, s: f"{clock(i, '%I:%M:%S %p')};{s}"),
    "German dates": table("time;stage", lambda i, s: f"{clock(i, '%d.%m.%Y %H:%M:%S')},5;{s}"),
    "MNE text": files.lines(
        [
            "# MNE-Annotations",
            "# orig_time : 2024-02-01 23:52:00",
            "# onset, duration, description",
            "5.0,0.0,lights off",
            *(f"{float(a)},{float(b)},Sleep stage {s}" for a, b, s in runs()),
        ]
    ),
    "MNE CSV": files.lines(
        [
            "onset,duration,description",
            *(f"{clock(a // 30, '%Y-%m-%d %H:%M:%S')},{float(b)},Sleep stage {s}" for a, b, s in runs()),
        ]
    ),
    "JSON words": json.dumps(list(STAGES)).encode(),
    "Sleep-EDF": files.edf(files.edf_stages()),
    "HMC EDF+": files.edf([(30.0 * i, 30.0, f"Sleep stage {s}") for i, s in enumerate(STAGES)]),
    "EDF+ marks of changes": files.edf([(a, None, f"Stage - {s}") for a, _, s in runs()]),
    "EDF+ marks among others": files.edf(
        [*((a, b, f"{s}@@EEG F4-M1") for a, b, s in runs()), (3.0, 2.0, "Arousal"), (9.0, 5.0, "Artifact")]
    ),
    "Profusion": files.profusion([PROFUSION[s] for s in STAGES]).encode(),
    "Profusion that lies of UTF-16": files.profusion(
        [PROFUSION[s] for s in STAGES], declaration='<?xml version="1.0" encoding="utf-16"?>\n'
    ).encode(),
    "Profusion in UTF-16": files.profusion(
        [PROFUSION[s] for s in STAGES], declaration='<?xml version="1.0" encoding="utf-16"?>\n'
    ).encode("utf-16"),
    "NSRR": files.nsrr(),
    "RemLogic": files.remlogic(),
    "RemLogic with dots": files.remlogic().replace(b"Time [hh:mm:ss]", b"Time [hh.mm.ss]"),
    "Domino": files.domino(),
    "Luna annot": files.annot(),
    "Luna annot by the clock": files.annot_clock(),
    "Luna annot by epochs": table("", lambda i, s: f"{s}\te:{i + 1}\te:{i + 1}"),
    "Luna annot by elapsed time": files.lines(
        [f"stage\t{s}\t0+{a // 3600:02}:{a // 60 % 60:02}:{a % 60:02}\t+{b}" for a, b, s in runs()]
    ),
    "Elan": files.elan(),
    "Visbrain": files.visbrain(),
}
CLAIMS_MORE = npy(np.zeros(10, dtype=np.int64)).replace(b"(10,)", b"(99999999999,)")
NUMBERED = {
    "numbers": table("", lambda _, s: str(CODES[s])),
    "numbers with decimals": table("stage", lambda _, s: f"{CODES[s]:.1f}"),
    "YASA numbers": table("Epoch,Stage", lambda i, s: f"{i},{CODES[s]}"),
    "numpy": npy(np.array(EXPECTED)[:, np.newaxis]),
}


def put(tmp_path: Path, raw: bytes, name: str = "night.dat") -> Path:
    path = tmp_path / name
    path.write_bytes(raw)
    return path


def stages(path: Path, night: FakeNight | None = NIGHT, options: HypnogramOptions | None = None) -> list[int]:
    hypnogram = read_hypnogram(path, night, options or HypnogramOptions())
    return [int(stage) for stage in hypnogram.epochs(len(STAGES))]


@pytest.mark.parametrize("name", PLAIN)
def test_each_kind_gives_the_same_stages(tmp_path: Path, name: str) -> None:
    assert stages(put(tmp_path, PLAIN[name])) == EXPECTED


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_is_said_of_a_file_that_leaves_nothing_open(tmp_path: Path, name: str) -> None:
    said = read_hypnogram(put(tmp_path, PLAIN[name]), NIGHT).warnings
    assert [each for each in said if "no duration" not in each] == []


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("ending", ["edf", "xml", "csv.gz"])
def test_the_contents_decide_not_the_name_and_gzip_is_unpacked(
    tmp_path: Path, name: str, ending: str
) -> None:
    raw = gzip.compress(PLAIN[name]) if ending.endswith("gz") else PLAIN[name]
    assert stages(put(tmp_path, raw, f"night.{ending}")) == EXPECTED


@pytest.mark.parametrize("name", NUMBERED)
def test_numbers_mean_what_the_user_says(tmp_path: Path, name: str) -> None:
    assert stages(put(tmp_path, NUMBERED[name]), options=YASA_NUMBERS) == EXPECTED


@pytest.mark.parametrize("name", NUMBERED)
def test_numbers_alone_are_refused_with_what_they_may_mean(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match=r"--stages NAME with yasa \(-1=none 0=W 1=N1 2=N2 3=N3 4=R\)"):
        read_hypnogram(put(tmp_path, NUMBERED[name]), NIGHT)


def test_chances_of_five_stages_give_the_likeliest(tmp_path: Path) -> None:
    chances = np.eye(5)[[0, 1, 2, 3, 4]] * 0.6 + 0.1
    path = put(tmp_path, npy(chances))
    found = read_hypnogram(path, None, hypnogram_options(stages="usleep")).epochs(5)
    assert found.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [("Profusion", 6, Stage.UNKNOWN), ("Profusion", 9, Stage.UNKNOWN), ("Profusion", 3, Stage.N3)],
)
def test_profusion_movement_and_unscored_are_never_wake(
    tmp_path: Path, name: str, code: int, expected: Stage
) -> None:
    path = put(tmp_path, files.profusion([0, code, 2]).encode())
    assert read_hypnogram(path).epochs(3).tolist() == [Stage.W, expected, Stage.N2]


def test_a_json_list_is_dods_and_said_unless_its_numbers_are_others(tmp_path: Path) -> None:
    path = put(tmp_path, json.dumps(EXPECTED).encode())
    hypnogram = read_hypnogram(path, NIGHT)
    assert hypnogram.epochs(40).tolist() == EXPECTED
    assert len(hypnogram.warnings) == 1
    assert "are taken as DOD's (0 W, 1 N1, 2 N2, 3 N3, 4 R, -1 none)" in hypnogram.warnings[0]
    other = put(tmp_path, b"[0, 1, 2, 4, 5]")
    assert read_hypnogram(other, None, hypnogram_options(stages="rk")).epochs(5).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(RecordingError, match="mean different stages"):
        read_hypnogram(other)


def test_bids_levels_say_what_numbers_mean(tmp_path: Path) -> None:
    rows = [f"{30 * i}\t30\t{code}" for i, code in enumerate([5, 0, 3, 8])]
    path = put(tmp_path, files.lines(["onset\tduration\tsleep_stage", *rows]), "sub-1_events.tsv")
    levels = {"5": "Wake", "0": {"Description": "REM sleep"}, "3": "N2 sleep (AASM)", "8": "Movement"}
    (tmp_path / "sub-1_events.json").write_text(json.dumps({"sleep_stage": {"Levels": levels}}))
    assert read_hypnogram(path).epochs(4).tolist() == [Stage.W, Stage.R, Stage.N2, Stage.UNKNOWN]


def test_a_damaged_sidecar_is_said(tmp_path: Path) -> None:
    path = put(tmp_path, files.lines(["onset\tduration\tstage", "0\t30\tN2"]), "events.tsv")
    (tmp_path / "events.json").write_text("{")
    assert "its Levels are not used" in read_hypnogram(path).warnings[0]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the hypnogram is empty"),
        (b"\xef\xbb\xbf \n\n", "the hypnogram is empty"),
        (b"\x80\x81\xff" * 30, "neither text nor EDF+"),
        (b"PK\x03\x04 and so on", "a zip archive or a spreadsheet"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
        (b"\x1f\x8b\x08\x00broken", "its gzip is damaged"),
        (b"<Annotations/>", "XML of another kind"),
        (b"<CMPStudyConfig><SleepStages>", "damaged XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><CMPStudyConfig>&b;</CMPStudyConfig>', "document type is not read"),
        (b"<a>" * 60 + b"</a>" * 60, "nested more than"),
        (b"[1, 2", "damaged JSON"),
        (b'{"a": 1}', "JSON of another kind"),
        (b"[[1], [2]]", "not a plain list"),
        (CLAIMS_MORE, "a numpy file that is cut off"),
        (b"time_base 1.0\n0\n1\n", "without epoch_list"),
        (b"time_base x\nepoch_list\n0\n1\n", "time_base is 'x'"),
        (b"Signal ID: Flow\nSignal Type: Impuls\n\n22:00:00,000-22:00:10,000; 10;x\n", "export of events"),
        (b"Signal ID: SchlafProfil\nStart Time: x\nSignal Type: Discret\n", "without lines such as"),
        (b"Sleep Stage\tTime [hh:mm:ss]\tEvent\nS0\t22:00:00\tMCAP-A1\n", "without events such as SLEEP-S2"),
        (b"*Duration_sec\t60\nWake\t30\nN2\t20\n", "before the line above does"),
        (b"W " * 600_000, "has a line of more than"),
        (b"a," * 300 + b"\nW,1\n", "line 1: 301 columns"),
        (b"[" + b"1," * (5 << 20) + b"1]", "JSON of more than 8 MB"),
        (b"once upon\na time\n", "no sleep stages in it"),
        (b"W\n\nR\n", "line 2: is blank"),
    ],
)  # fmt: skip
def test_what_is_no_hypnogram_is_refused_in_words(tmp_path: Path, raw: bytes, message: str) -> None:
    path = put(tmp_path, raw)
    with pytest.raises(RecordingError, match=message) as caught:
        read_hypnogram(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_larger_than_any_hypnogram_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="larger than 32 MB"):
        read_hypnogram(put(tmp_path, gzip.compress(b"W\n" * (17 << 20))))


def test_more_lines_than_any_hypnogram_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="more than 200000 lines"):
        read_hypnogram(put(tmp_path, b"W\n" * 200_002))


def test_a_missing_hypnogram_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no such file"):
        read_hypnogram(tmp_path / "none.csv")


def test_epochs_of_twenty_seconds_fill_epochs_of_thirty(tmp_path: Path) -> None:
    path = put(tmp_path, files.profusion([0, 0, 0, 2, 2, 2], epoch=20).encode())
    assert read_hypnogram(path).epochs(4).tolist() == [0, 0, 2, 2]
    assert EPOCH_S == 30
