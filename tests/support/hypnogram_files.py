"""One night's stages in the files of many programs, each written here by hand as those programs write it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import numpy as np
from edfio import Edf, EdfAnnotation, Recording

STAGES = (
    ("W",) * 4 + ("N1",) * 2 + ("N2",) * 8 + ("N3",) * 6 + ("N2",) * 3 + ("R",) * 7 + ("?",) * 2 + ("W",) * 8
)
"""A night of 40 epochs; ``?`` is unscored."""
START = datetime(2024, 2, 1, 23, 52, 0)  # noqa: DTZ001  scorings know no time zones
"""Eight minutes before midnight, so that every clock passes it."""
EPOCH_S = 30
CODES = {"W": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4, "?": -1}
PROFUSION = {"W": 0, "N1": 1, "N2": 2, "N3": 4, "R": 5, "?": 9}


@dataclass(frozen=True)
class FakeNight:
    """A recording, as far as hypnograms want to know it."""

    path: Path = Path("night.edf")
    start: datetime | None = START
    duration_s: float = float(EPOCH_S * len(STAGES))


def clock(i: int, text: str = "%H:%M:%S") -> str:
    """Wall clock at the beginning of an epoch."""
    return (START + timedelta(seconds=i * EPOCH_S)).strftime(text)


def runs() -> list[tuple[int, int, str]]:
    """Onset and duration (s) of each run of equal stages."""
    found, at = [], 0
    for stage, run in groupby(STAGES):
        length = len(list(run)) * EPOCH_S
        found.append((at, length, stage))
        at += length
    return found


def lines(rows: Sequence[str], end: str = "\n") -> bytes:
    """Join rows to a file."""
    return (end.join(rows) + end).encode()


def table(header: str, row: Callable[[int, str], str], end: str = "\n") -> bytes:
    """One row an epoch below a header (none if it is empty)."""
    rows = [row(i, stage) for i, stage in enumerate(STAGES)]
    return lines([header, *rows] if header else rows, end)


def edf(
    marks: Sequence[tuple[float, float | None, str]], start: datetime | None = START, hidden: bool = False
) -> bytes:
    """An EDF+ file of annotations only; `hidden` leaves the time of day and hides the date."""
    day = None if start is None or hidden else start.date()
    return Edf(
        [],
        recording=Recording(startdate=day),
        starttime=None if start is None else start.time(),
        annotations=[EdfAnnotation(*mark) for mark in marks],
    ).to_bytes()


def edf_stages() -> list[tuple[float, float | None, str]]:
    """Annotations as Sleep-EDF writes them."""
    rk = {"W": "W", "N1": "1", "N2": "2", "N3": "4", "R": "R", "?": "?"}
    return [(float(onset), float(length), f"Sleep stage {rk[stage]}") for onset, length, stage in runs()]


def profusion(stages: Sequence[int], epoch: int = EPOCH_S, declaration: str = "") -> str:
    """Compumedics Profusion's XML."""
    inner = "\n".join(f"<SleepStage>{code}</SleepStage>" for code in stages)
    return (
        f"{declaration}<CMPStudyConfig>\n<EpochLength>{epoch}</EpochLength>\n<StepByStep/>\n"
        "<ScoredEvents><ScoredEvent><Name>SpO2 artifact</Name><Start>0</Start><Duration>9</Duration>"
        f"</ScoredEvent></ScoredEvents>\n<SleepStages>\n{inner}\n</SleepStages>\n</CMPStudyConfig>\n"
    )


NSRR = {
    "W": "Wake|0", "N1": "Stage 1 sleep|1", "N2": "Stage 2 sleep|2", "N3": "Stage 4 sleep|4",
    "R": "REM sleep|5", "?": "Unscored|9",
}  # fmt: skip


def nsrr() -> bytes:
    """XML of the National Sleep Research Resource, with an apnoea among the stages."""

    def event(kind: str, concept: str, onset: float, length: float) -> str:
        return (
            f"<ScoredEvent>\n<EventType>{kind}</EventType>\n<EventConcept>{concept}</EventConcept>\n"
            f"<Start>{onset:.1f}</Start>\n<Duration>{length:.1f}</Duration>\n</ScoredEvent>"
        )

    events = [event("Stages|Stages", NSRR[stage], onset, length) for onset, length, stage in runs()]
    events.insert(2, event("Respiratory|Respiratory", "Obstructive apnea|Obstructive Apnea", 70.5, 12))
    body = "\n".join(events)
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<PSGAnnotation>\n'
        f"<SoftwareVersion>Compumedics</SoftwareVersion>\n<EpochLength>30</EpochLength>\n<ScoredEvents>\n{body}"
        "\n</ScoredEvents>\n</PSGAnnotation>\n"
    ).encode()


def remlogic() -> bytes:
    """RemLogic's event export, as in the CAP database, with phases of CAP among the stages."""
    words = {"W": "S0", "N1": "S1", "N2": "S2", "N3": "S4", "R": "REM", "?": "MT"}
    rows = []
    for i, stage in enumerate(STAGES):
        word = words[stage]
        rows.append(f"{word}\tUnknown Position\t{clock(i)}\tSLEEP-{word}\t30\tROC-LOC")
        if i % 5 == 1:
            rows.append(f"{word}\tUnknown Position\t{clock(i)}\tMCAP-A1\t4\tF4-C4")
    head = ["RemLogic Event Export", "Patient:\tn1", "Recording Date:\t01/02/2024", ""]
    columns = "Sleep Stage\tPosition\tTime [hh:mm:ss]\tEvent\tDuration[s]\tLocation"
    return lines([*head, columns, *rows], "\r\n")


def domino() -> bytes:
    """Somnomedics Domino's sleep profile."""
    words = {"W": "Wake", "N1": "N1", "N2": "N2", "N3": "N3", "R": "Rem", "?": "A"}
    head = [
        "Signal ID: SchlafProfil\\profil", "Start Time: 2/1/2024 11:52:00 PM", "Unit: ",
        "Signal Type: Discret",
        "Events list: N4,N3,N2,N1,Rem,Wach,Bewegung", "Rate: 30 s", "",
    ]  # fmt: skip
    return lines([*head, *(f"{clock(i)},000; {words[stage]}" for i, stage in enumerate(STAGES))], "\r\n")


def annot() -> bytes:
    """Luna's annotations with its six columns, epochs merged, and an arousal among them."""
    rows = [f"{stage}\t.\t.\t{onset}.000\t{onset + length}.000\t." for onset, length, stage in runs()]
    rows.insert(1, "arousal\t.\tC3\t33.2\t39.9\t.")
    return lines(["class\tinstance\tchannel\tstart\tstop\tmeta", *rows])


def annot_clock() -> bytes:
    """Luna's annotations by the wall clock, each until the next."""
    rows = [f"{stage}\t{clock(onset // 30)}\t..." for onset, _, stage in runs()]
    return lines(["# N2 | stage two", *rows])


def elan() -> bytes:
    """Elan's and Visbrain's hyp: a code for every second; 4 is N3 and 5 is REM."""
    codes = {"W": 0, "N1": 1, "N2": 2, "N3": 4, "R": 5, "?": -1}
    rows = [str(codes[stage]) for stage in STAGES for _ in range(EPOCH_S)]
    head = ["time_base 1.0", "sampling_period 0.01", f"epoch_nb {len(rows)}", "epoch_list"]
    return lines([*head, *rows])


def visbrain() -> bytes:
    """Visbrain's text with ends of stages."""
    words = {"W": "Wake", "N1": "N1", "N2": "N2", "N3": "SWS", "R": "REM", "?": "Art"}
    rows = [f"{words[stage]}\t{onset + length}.000" for onset, length, stage in runs()]
    return lines([f"*Duration_sec\t{len(STAGES) * EPOCH_S}", "*Unspecified", *rows])


SEEDS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: table("onset_s,duration_s,stage", lambda i, stage: f"{30 * i},30,{stage}"),
    "clock": lambda: table("Time;Stage", lambda i, stage: f"{clock(i, '%Y-%m-%d %H:%M:%S')};{stage}"),
    "list": lambda: table("", lambda _, stage: stage),
    "edf": lambda: edf(edf_stages()),
    "profusion": lambda: profusion([PROFUSION[stage] for stage in STAGES]).encode(),
    "nsrr": nsrr,
    "remlogic": remlogic,
    "domino": domino,
    "annot": annot,
    "annot-clock": annot_clock,
    "elan": lambda: lines(["time_base 30", "epoch_nb 40", "epoch_list", *(["0", "1", "2", "5"] * 10)]),
    "visbrain": visbrain,
    "json": lambda: json.dumps(
        {"values": list(STAGES), "freq": "30s", "start": "2024-02-01T23:52:00"}
    ).encode(),
    "numpy": lambda: _npy(),
}
"""A small good file of each kind, to be damaged."""


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([max(0, CODES[stage]) for stage in STAGES]))
    return buffer.getvalue()
