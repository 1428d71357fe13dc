"""Recordings as programs and boards of headbands write them, byte for byte; written apart from the readers.

Every writer takes microvolts ``(channels, samples)`` and the samples that are to be missing, and gives the
file's text; `stamps` are seconds since 1970 (UTC) at which rows arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = Sequence[int] | NDArray[np.int64]

START = datetime(2026, 3, 1, 22, 30, 5, 120_000, tzinfo=UTC)
"""First sample of all files here."""
CYTON_STEP_UV = 4.5 / (2**23 - 1) / 24 * 1e6
MUSE_STEP_UV = 0.48828125
MIND_MONITOR_HEAD = (
    "TimeStamp,"
    + ",".join(
        f"{band}_{where}"
        for band in ("Delta", "Theta", "Alpha", "Beta", "Gamma")
        for where in ("TP9", "AF7", "AF8", "TP10")
    )
    + ",RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,AUX_RIGHT"
    + ",Accelerometer_X,Accelerometer_Y,Accelerometer_Z,Gyro_X,Gyro_Y,Gyro_Z"
    + ",HeadBandOn,HSI_TP9,HSI_AF7,HSI_AF8,HSI_TP10,Battery,Elements"
)


def eeg(channels: int, samples: int, *, seed: int = 0, offset_uv: float = 0.0) -> Floats:
    """Noise of 20 uV around an offset."""
    rng = np.random.default_rng(seed)
    return rng.normal(offset_uv, 20.0, (channels, samples))


def ticks(samples: int, fs_hz: float, start: datetime = START) -> Floats:
    """Unix times of samples."""
    return start.timestamp() + np.arange(samples) / fs_hz


def in_bunches(stamps: Floats, size: int) -> Floats:
    """Rows that arrive together, with the stamp of the last of them."""
    last = np.minimum((np.arange(len(stamps)) // size + 1) * size, len(stamps)) - 1
    return np.asarray(stamps[last])


def kept(samples: int, lost: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Samples outside the stretches ``(first, count)``."""
    there = np.ones(samples, dtype=np.bool_)
    for first, count in lost:
        there[first : first + count] = False
    return np.flatnonzero(there)


def java_double(value: float) -> str:
    """A number as Java's ``Double.toString`` writes it: an exponent from 1e7 up and below 1e-3."""
    if value == 0.0 or 1e-3 <= abs(value) < 1e7:
        text = repr(float(value))
        return text if "." in text else f"{text}.0"
    mantissa, exponent = f"{value:.16e}".split("e")
    shortest = repr(float(value))
    if "e" in shortest:
        digits, power = shortest.split("e")
        return f"{digits if '.' in digits else digits + '.0'}E{int(power)}"
    for places in range(17):
        mantissa, exponent = f"{value:.{places}e}".split("e")
        if float(f"{mantissa}e{exponent}") == value:
            break
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def clock(unix_s: float, zone_h: float, pattern: str) -> str:
    """Local time as text, milliseconds at the end."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(unix_s * 1000.0), hours=zone_h)
    return f"{at.strftime(pattern)}.{at.microsecond // 1000:03d}"


def gui_5(
    uv: Floats,
    stamps: Floats,
    rows: Places,
    *,
    fs_hz: int = 250,
    zone_h: float = 1.0,
    index: Places | None = None,
    marker: bool = True,
    names_of_6: bool = False,
) -> str:
    """``OpenBCI-RAW-*.txt`` of GUI 5 or 6; `index` is the counter of every sample."""
    n = len(uv)
    digital = [f"Digital Channel {i} (D1{i + 1})" for i in range(5)] if names_of_6 else ["Other"] * 5
    names = [
        "Sample Index", *(f"EXG Channel {i}" for i in range(n)),
        *(f"Accel Channel {i}" for i in range(3)), "Not Used" if names_of_6 else "Other", *digital,
        "Not Used" if names_of_6 else "Other", *(f"Analog Channel {i}" for i in range(3)), "Timestamp",
        *(["Marker Channel"] if marker else []), "Timestamp (Formatted)",
    ]  # fmt: skip
    board = {16: "CytonSerialDaisy", 8: "CytonSerial", 4: "GanglionNative"}.get(n, "Synthetic")
    lines = [
        "%OpenBCI Raw EXG Data",
        f"%Number of channels = {n}",
        f"%Sample Rate = {fs_hz} Hz",
        f"%Board = OpenBCI_GUI$Board{board}",
        ", ".join(names),
    ]
    counters = np.arange(uv.shape[1]) % 256 if index is None else np.asarray(index)
    for row in rows:
        values = [counters[row], *uv[:, row], 0.002, -4.2e-4, 0.998, *[0.0] * 7, *[0.0] * 3, stamps[row]]
        values += [0.0] if marker else []
        text = clock(float(stamps[row]), zone_h, "%Y-%m-%d %H:%M:%S")
        lines.append(", ".join([*(java_double(float(value)) for value in values), text]))
    return "\n".join(lines) + "\n"


def gui_4(
    uv: Floats,
    stamps: Floats,
    rows: Places,
    *,
    fs_hz: float = 250.0,
    zone_h: float = 1.0,
    index: Places | None = None,
    milliseconds: bool = False,
    first_line: str = "%OpenBCI Raw EEG Data",
    count: bool = True,
) -> str:
    """``OpenBCI-RAW-*.txt`` of GUI 2 to 4; 4.1 has milliseconds at the end of a row."""
    lines = [
        first_line,
        f"%Number of channels = {len(uv)}" if count else "%",
        f"%Sample Rate = {fs_hz:.1f} Hz",
        "%First Column = SampleIndex",
        "%Last Column = Timestamp",
        "%Other Columns = EEG data in microvolts followed by Accel Data (in G) interleaved with Aux Data",
    ]
    counters = np.arange(uv.shape[1]) % 256 if index is None else np.asarray(index)
    for row in rows:
        fields = [str(counters[row]), *(f"{value:.2f}" for value in uv[:, row]), "0.000", "-0.012", "0.998"]
        fields.append(clock(float(stamps[row]), zone_h, "%H:%M:%S"))
        if milliseconds:
            fields.append(str(round(stamps[row] * 1000.0)))
        lines.append(", ".join(fields))
    return "\r\n".join(lines) + "\r\n"


def brainflow(table: Floats) -> str:
    """What BrainFlow writes of ``(columns, samples)``."""
    return "".join("\t".join(f"{value:.6f}" for value in row) + "\n" for row in table.T)


def brainflow_cyton(uv: Floats, stamps: Floats, rows: Places, *, marker: bool = True) -> str:
    """Rows of a Cyton (8 channels) or of a Daisy (16)."""
    n = len(uv)
    counters = np.arange(uv.shape[1]) % 256
    table = [counters, *uv, *(np.full(uv.shape[1], 0.01) for _ in range(13)), stamps]
    if marker:
        table.append(np.zeros(uv.shape[1]))
    assert len(table) == n + 15 + marker
    return brainflow(np.array(table)[:, rows])


def brainflow_muse(uv: Floats, stamps: Floats, rows: Places) -> str:
    """Rows of a Muse 2 or S; its counter numbers packets of twelve samples."""
    counters = np.arange(uv.shape[1]) // 12 % 65536
    zeros = np.zeros(uv.shape[1])
    return brainflow(np.array([counters, *uv, zeros, stamps, zeros])[:, rows])


def hex_counts(counts: NDArray[np.int64], rows: Iterable[int], *, index: Places | None = None) -> str:
    """Rows of an SD card, with motion in every tenth."""
    numbers = np.arange(counts.shape[1]) % 256 if index is None else index
    lines = []
    for row in rows:
        fields = [f"{numbers[row]:02X}", *(f"{int(count) & 0xFFFFFF:06X}" for count in counts[:, row])]
        if row % 10 == 0:
            fields += ["FFF0", "0010", "2000"]
        lines.append(",".join(fields) + "\n")
    return "".join(lines)


def sd_remark(what: str, milliseconds: int) -> str:
    """``%START AT`` or ``%STOP AT``."""
    return f"%{what} AT\n{milliseconds:08X}\n"


def sd_footer(milliseconds: int, fs_hz: int | None = None) -> bytes:
    """What the board writes when the length that was set is used up, padded to whole blocks of 512 bytes."""
    text = "" if fs_hz is None else f"%SamplingFreq:\n{fs_hz:05X}\n"
    text += f"%Total time mS:\n{milliseconds:08X}\n%min Write time uS:\n00000320\n"
    text += "%max Write time uS:\n0000B3F2\n"
    text += "%Over:\n00000002\n%block, uS\n00000A12,0000B3F2\n00000B04,00009C40\n"
    return text.encode() + b"\0" * (-len(text) % 512)


def mind_monitor(
    uv: Floats,
    stamps: Floats,
    rows: Places,
    *,
    centre: float | Floats = 800.0,
    zone_h: float = 1.0,
    events: Sequence[tuple[int, str]] = (),
    short: bool = False,
    aux: bool = True,
    separator: str = ",",
) -> str:
    """``mindMonitor_*.csv``; `events` are texts before a row, `short` rows end one separator early."""
    names = MIND_MONITOR_HEAD.split(",")
    if not aux:
        names.remove("AUX_RIGHT")
    waiting = dict(events)
    lines = [separator.join(names)]
    for row in rows:
        stamp = clock(float(stamps[row]), zone_h, "%Y-%m-%d %H:%M:%S")
        if row in waiting:
            lines.append(separator.join([stamp, *[""] * (len(names) - 2), waiting[row]]))
        raw = [f"{value:.5f}" for value in uv[:, row] + centre]
        fields = [stamp, *["0.5"] * 20, *raw, *(["870.3"] if aux else []), "0.01", "-0.02", "0.98"]
        fields += ["1.1", "-0.4", "0.2", "1", "1", "1", "1", "1", "88"]
        if separator != ",":
            fields = [field.replace(".", ",") if at else field for at, field in enumerate(fields)]
        lines.append(separator.join(fields if short else [*fields, ""]))
    return "\n".join(lines) + "\n"


def muse_lsl(uv: Floats, stamps: Floats, rows: Places, *, markers: int = 0, scale: float = 1.0) -> str:
    """``EEG_recording_*.csv``; `scale` 1000 for BlueMuse's milliseconds."""
    names = ["timestamps", "TP9", "AF7", "AF8", "TP10", "Right AUX", *(f"Marker{i}" for i in range(markers))]
    lines = [",".join(names)]
    for row in rows:
        values = [f"{stamps[row] * scale:.6f}", *(f"{value:.3f}" for value in uv[:, row]), "0.000"]
        lines.append(",".join([*values, *["0"] * markers]))
    return "\n".join(lines) + "\n"
