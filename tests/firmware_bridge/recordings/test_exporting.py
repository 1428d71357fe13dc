"""Any recording written as EDF+ or BDF+, and read again: values, rates, gaps, marks and clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edfio import read_bdf, read_edf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from night_files import ROOM, eeg_like, make_discontinuous, write_edf
from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_writing import EdfColumn, file_header
from sanctuary.firmware_bridge.recordings.exporting import Export, plan_export
from sanctuary.firmware_bridge.recordings.formats.edf_source import EdfSource
from sanctuary.firmware_bridge.recordings.recording_source import (
    Annotation,
    RecordingSource,
    SourceChannel,
    Stretch,
    dense,
)

START = datetime.fromisoformat("2026-03-01T22:30:05.250")


class Made(RecordingSource):
    """A source of given channels, NaN and pauses included."""

    def __init__(
        self,
        rows: Sequence[tuple[str, str, float, np.ndarray]],
        marks: Sequence[Annotation] = (),
        start: datetime | None = START,
        rail: float = np.inf,
    ) -> None:
        self.path, self.format, self.start = Path("made"), "made", start
        self.channels = tuple(SourceChannel(label, unit, fs_hz, len(row)) for label, unit, fs_hz, row in rows)
        self.annotations, self.warnings = tuple(marks), ()
        self._rows, self._rail = rows, rail

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        values = np.stack([self._rows[index][3] for index in chosen])
        for first in range(0, values.shape[1], 1000):
            yield first, values[:, first : first + 1000]

    def rail(self, _: int) -> float:
        return self._rail


def planned(source: RecordingSource, *, wide: bool = False, chosen: Sequence[int] | None = None) -> Export:
    indices = range(len(source.channels)) if chosen is None else chosen
    return plan_export(source, list(indices), wide=wide, start=source.start, progress=lambda _: None)


def written(path: Path, source: RecordingSource, *, wide: bool = False) -> EdfSource:
    export = planned(source, wide=wide)
    path.write_bytes(b"".join(export.data(lambda _: None)))
    return EdfSource(path)


def values(source: RecordingSource, index: int) -> np.ndarray:
    n = source.channels[index].n_samples
    return np.concatenate(list(dense(source.pieces((index,)), 1, n, 4096)), axis=1)[0]


def eeg(seconds: float, fs_hz: float, seed: int = 0) -> np.ndarray:
    return eeg_like(seconds, fs_hz, seed=seed, channels=1)[0]


@pytest.mark.parametrize("wide", [False, True])
def test_channels_of_several_rates_and_units_come_back(tmp_path: Path, wide: bool) -> None:
    rows = [
        ("AF7", "uV", 256.0, eeg(20, 256)),
        ("Fp1", "V", 256.0, eeg(20, 256, 1) * 1e-6),
        ("dX", "g", 32.0, np.linspace(-1, 1, 640)),
        ("BATT", "V", 1.0, np.linspace(4.1, 3.7, 20)),
        ("TEMP", "°C", 0.5, np.linspace(36, 37, 10)),
    ]
    found = written(tmp_path / "a", Made(rows), wide=wide)
    assert found.format == ("BDF" if wide else "EDF")
    assert [(c.label, c.unit, c.fs_hz) for c in found.channels] == [
        ("AF7", "uV", 256.0), ("Fp1", "uV", 256.0), ("dX", "g", 32.0), ("BATT", "uV", 1.0),
        ("TEMP", "degC", 0.5),
    ]  # fmt: skip
    scale = {"Fp1": 1e6, "BATT": 1e6}
    for i, (label, _, _, row) in enumerate(rows):
        true = row * scale.get(label, 1.0)
        span = max(np.ptp(true), np.abs(true).max())
        np.testing.assert_allclose(values(found, i), true, atol=1.1 * span / (1 << (23 if wide else 15)))
    assert found.start == START


def test_edfio_reads_what_is_written(tmp_path: Path) -> None:
    row = eeg(12, 250)
    marks = [Annotation(1.5, None, "cue"), Annotation(3.0, 30.0, "Sleep stage R")]
    written(tmp_path / "a.edf", Made([("AF7", "uV", 250.0, row)], marks))
    edf = read_edf(tmp_path / "a.edf")
    np.testing.assert_allclose(edf.signals[0].data, row, atol=0.005)
    assert [(m.onset, m.duration, m.text) for m in edf.annotations] == [
        (1.5, None, "cue"), (3.0, 30.0, "Sleep stage R")
    ]  # fmt: skip
    assert edf.starttime.replace(microsecond=0) == START.time().replace(microsecond=0)
    assert edf.num_data_records == 12
    written(tmp_path / "a.bdf", Made([("AF7", "uV", 250.0, row)]), wide=True)
    np.testing.assert_allclose(read_bdf(tmp_path / "a.bdf").signals[0].data, row, atol=1e-4)


@pytest.mark.parametrize("bdf", [False, True])
def test_a_file_of_edf_keeps_its_own_numbers(tmp_path: Path, bdf: bool) -> None:
    path = write_edf(tmp_path / "a", eeg_like(20, 128), 128, unit="mV", limit=1.5, bdf=bdf)
    source = EdfSource(path)
    found = written(tmp_path / "b", source, wide=bdf)
    for i in range(2):
        np.testing.assert_array_equal(values(found, i), values(source, i))
    assert found.scale(0) == source.scale(0)
    assert [channel.unit for channel in found.channels] == ["mV", "mV"]


def test_gaps_of_all_and_of_one_channel_stay_in_their_places(tmp_path: Path) -> None:
    a, b, slow = eeg(100, 256), eeg(100, 256, 1), np.linspace(-1, 1, 3200)
    a[1000:1001] = np.nan
    a[7000:9000], b[7000:9000] = np.nan, np.nan
    b[20_000:], slow[100:164] = np.nan, np.nan
    for rows in (
        [("EEG F3-M2", "uV", 256.0, a), ("EEG F3-M1", "uV", 256.0, b)],
        [("F3", "uV", 256.0, a), ("F4", "uV", 256.0, b), ("dX", "g", 32.0, slow)],
    ):
        found = written(tmp_path / "a.edf", Made(rows))
        for i, (_, _, _, row) in enumerate(rows):
            np.testing.assert_array_equal(np.isnan(values(found, i)), np.isnan(row))
            np.testing.assert_allclose(values(found, i), row, atol=0.005)


def test_pauses_of_edf_with_pauses_are_kept_in_a_file_without(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "a.edf", eeg_like(5, 128), 128, annotations=ROOM, record_s=1)
    source = EdfSource(make_discontinuous(path, [0, 1, 2, 7, 8]))
    found = written(tmp_path / "b.edf", source)
    np.testing.assert_array_equal(values(found, 0), values(source, 0))
    assert np.isnan(values(found, 0)).sum() == 4 * 128
    assert (tmp_path / "b.edf").read_bytes()[192:197] == b"EDF+C"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    spans=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 60), st.integers(0, 2)), max_size=40),
    fs_hz=st.sampled_from([100.0, 128.0, 250.0, 256.0, 256.013, 199.804]),
    twice=st.booleans(),
)
def test_any_gaps_come_back_exactly(
    tmp_path: Path, spans: list[tuple[int, int, int]], fs_hz: float, twice: bool
) -> None:
    rows = eeg_like(1000 / fs_hz, fs_hz)
    for first, length, which in spans:
        rows[slice(None) if which == 2 else which, first : first + length] = np.nan
    found: RecordingSource = Made([("AF7", "uV", fs_hz, rows[0]), ("AF8", "uV", fs_hz, rows[1])])
    for name in ["a.edf", "b.edf"][: 1 + twice]:
        found = written(tmp_path / name, found)
    for i, row in enumerate(rows):
        read = values(found, i)
        assert np.isnan(read[len(row) :]).all()
        np.testing.assert_array_equal(np.isnan(read[: len(row)]), np.isnan(row))
        np.testing.assert_allclose(read[: len(row)], row, atol=0.01)


@pytest.mark.parametrize("fs_hz", [256.01, 249.99731, 99.7, 200.4])
def test_odd_rates_drift_by_less_than_a_sample(tmp_path: Path, fs_hz: float) -> None:
    row = np.zeros(round(fs_hz * 7200))
    row[0] = 100.0
    found = written(tmp_path / "a.edf", Made([("AF7", "uV", fs_hz, row)]))
    n = len(row)
    assert n / found.channels[0].fs_hz == pytest.approx(n / fs_hz, abs=0.6 / fs_hz)


def test_rates_that_fit_no_record_are_refused(tmp_path: Path) -> None:
    rates = (256.0131, 99.7173, 31.41592, 17.00013)
    source = Made([(str(fs_hz), "uV", fs_hz, eeg(1, fs_hz)) for fs_hz in rates])
    source.channels = tuple(
        SourceChannel(channel.label, channel.unit, channel.fs_hz, round(36_000 * channel.fs_hz))
        for channel in source.channels
    )
    with pytest.raises(RecordingError, match="do not fit into one EDF file; name channels of one rate"):
        planned(source)


def test_many_long_early_and_late_marks_all_find_a_place(tmp_path: Path) -> None:
    marks = [Annotation(2.0 + k * 1e-3, None, f"mark {k} " + "x" * (k % 90)) for k in range(400)]
    marks += [
        Annotation(-3.5, 1.0, "before"),
        Annotation(999.0, None, "after"),
        Annotation(0.0, None, "ä" * 500),
    ]
    found = written(tmp_path / "a.edf", Made([("AF7", "uV", 128.0, eeg(10, 128))], marks))
    key = lambda mark: (mark.onset_s, mark.text)  # noqa: E731
    kept = [(round(m.onset_s, 6), m.duration_s, m.text) for m in sorted(found.annotations, key=key)]
    assert kept == [(round(m.onset_s, 6), m.duration_s, m.text) for m in sorted(marks, key=key)]
    assert len(read_edf(tmp_path / "a.edf").annotations) == len(marks)


def test_offsets_of_electrodes_keep_a_fine_step_and_coarse_ones_are_said(tmp_path: Path) -> None:
    export = planned(Made([("AF7", "uV", 250.0, eeg(10, 250) - 20_000.0)]))
    low, high, least, most = export.columns[0].scale
    assert (high - low) / (most - least) < 0.02
    assert export.warnings == ()
    drift = np.linspace(-180_000, 20_000, 2500)
    coarse = planned(Made([("AF7", "uV", 250.0, drift)]))
    assert any("coarser steps" in each and "'AF7'" in each and ".bdf" in each for each in coarse.warnings)
    assert planned(Made([("AF7", "uV", 250.0, drift)]), wide=True).warnings == ()


def test_24_bits_into_16_say_what_is_lost(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "a", eeg_like(5, 128), 128, limit=200_000.0, bdf=True)
    export = planned(EdfSource(path))
    assert not any("coarser" in warning for warning in export.warnings)
    loud = write_edf(tmp_path / "b", eeg_like(5, 128) * 200, 128, limit=200_000.0, bdf=True)
    assert any("coarser" in warning for warning in planned(EdfSource(loud)).warnings)


@pytest.mark.parametrize("rail", [np.inf, 1000.0])
def test_a_sample_that_was_not_railed_is_not_railed_in_the_file(tmp_path: Path, rail: float) -> None:
    found = written(tmp_path / "a.edf", Made([("AF7", "uV", 250.0, eeg(10, 250))], rail=rail))
    assert np.abs(values(found, 0)).max() < 0.999 * found.rail(0)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("rail", [187498.2, 999.4903, 187500.0, 1682.55, 99999.99, 1e6, 9999999.5, 0.0312345])
def test_a_rail_that_fills_a_header_field_leaves_room_for_its_sign(
    tmp_path: Path, rail: float, wide: bool
) -> None:
    row = eeg(10, 250) * min(1.0, rail / 1000)
    found = written(tmp_path / "a", Made([("AF7", "uV", 250.0, row)], rail=rail), wide=wide)
    assert [channel.n_samples for channel in found.channels] == [2500]
    step = 2 * found.rail(0) / (2**24 - 2 if wide else 2**16 - 2)
    np.testing.assert_allclose(values(found, 0), row, atol=0.51 * step)


def test_a_number_longer_than_its_header_field_is_refused() -> None:
    column = EdfColumn("AF7", "uV", 250, (-187498.2, 187498.2, -8388607, 8388607))
    with pytest.raises(ValueError, match=r"-187498\.2 of 'AF7' is longer than a header field"):
        file_header([column], None, "X", 1, wide=True, room=288)


def test_flat_empty_and_tiny_channels(tmp_path: Path) -> None:
    rows = [
        ("flat", "uV", 128.0, np.full(1280, 7.0)),
        ("none", "uV", 128.0, np.full(1280, np.nan)),
        ("MEG", "T", 128.0, np.linspace(-1e-12, 1e-12, 1280)),
        ("AF7", "uV", 128.0, eeg(10, 128)),
    ]
    export = planned(Made(rows))
    assert [column.label for column in export.columns] == ["flat", "none", "AF7"]
    assert any("'MEG' is left out" in warning for warning in export.warnings)
    found = written(tmp_path / "a.edf", Made(rows))
    np.testing.assert_allclose(values(found, 0), 7.0, atol=1e-3)
    assert np.isnan(values(found, 1)).all()


def test_channels_without_samples_are_left_out(tmp_path: Path) -> None:
    export = planned(Made([("AF7", "uV", 128.0, eeg(5, 128)), ("spare", "uV", 128.0, np.empty(0))]))
    assert [column.label for column in export.columns] == ["AF7"]
    assert export.warnings == ("channel 'spare' holds no samples and is left out",)
    with pytest.raises(RecordingError, match="no channels with samples"):
        planned(Made([("spare", "uV", 128.0, np.empty(0))]))


def test_a_recording_of_weeks_is_refused(tmp_path: Path) -> None:
    source = Made([("AF7", "uV", 128.0, eeg(5, 128))])
    source.channels = (SourceChannel("AF7", "uV", 128.0, 128 * 86_400 * 20),)
    with pytest.raises(RecordingError, match="spans 20 days with its pauses"):
        planned(source)


def test_labels_become_what_a_header_holds(tmp_path: Path) -> None:
    labels = ["EOG Left Horizontal 1", "EOG Left Horizontal 2", "Größe", "", "EDF Annotations", "a\nb"]
    export = planned(Made([(label, "uV", 128.0, eeg(5, 128)) for label in labels]))
    names = [column.label for column in export.columns]
    assert names == ["EOG Left Horizon", "EOG Left Horiz~2", "Groe", "signal", "EDF Annotation~2", "a b"]
    assert sum("which EDF can hold" in warning for warning in export.warnings) == 6


def test_a_night_without_a_clock_stays_without_one(tmp_path: Path) -> None:
    assert written(tmp_path / "a.edf", Made([("AF7", "uV", 128.0, eeg(5, 128))], start=None)).start is None


def test_a_year_that_edf_cannot_hold_is_refused(tmp_path: Path) -> None:
    start = datetime.fromisoformat("1970-01-01T00:00:00")
    with pytest.raises(RecordingError, match="cannot be written as EDF"):
        planned(Made([("AF7", "uV", 128.0, eeg(5, 128))], start=start))


def test_more_gaps_than_edf_can_mark_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sanctuary.firmware_bridge.recordings import exporting

    monkeypatch.setattr(exporting, "MOST_MARKS", 100)
    row = eeg(10, 128)
    row[::2] = np.nan
    with pytest.raises(RecordingError, match="more than 100 gaps"):
        planned(Made([("AF7", "uV", 128.0, row)]))


def test_a_last_second_that_is_not_whole_is_marked(tmp_path: Path) -> None:
    row = eeg(10.3, 100)
    found = written(tmp_path / "a.edf", Made([("AF7", "uV", 100.0, row)]))
    read: Any = values(found, 0)
    assert len(read) == 1100
    np.testing.assert_allclose(read[:1030], row, atol=0.005)
    assert np.isnan(read[1030:]).all()
