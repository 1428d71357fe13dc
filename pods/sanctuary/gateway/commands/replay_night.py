"""``sanctuary replay`` of one night: the work, what is written of it, and the table that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sanctuary.gateway.consoles import progress_bar, say, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.config.sanctuary import SanctuarySettings
    from sanctuary.firmware_bridge.hypnograms.options import HypnogramOptions
    from sanctuary.firmware_bridge.recordings.source import ReadingOptions
    from sanctuary.signal.emission import Emission


@dataclass(frozen=True, slots=True)
class NightAsked:
    """One night, as the command line names it: a file, or those of its channels.

    `emission` is the package's own if None.
    """

    night: Sequence[Path]
    hypnogram: Path | None
    channels: Sequence[str] | None
    hypnogram_options: HypnogramOptions
    reading: ReadingOptions
    emission: Emission | None
    remember: str | None


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results are to be written; what is None is not."""

    json: Path | None
    report: Path | None
    hypnogram: Path | None
    hypnogram_format: str | None


def replay_alone(
    settings: SanctuarySettings, asked: NightAsked, outputs: Outputs, inputs: Sequence[Path | None]
) -> None:
    """Replay one night, write and tell the result.

    Parameters
    ----------
    settings, asked, outputs
        What to do.
    inputs
        Files that are read, which no output may overwrite.

    Raises
    ------
    InputError
        Something asked for cannot be; nothing has been done then.
    """
    from sanctuary.gateway.data_lock import hold, sleeper_part
    from sanctuary.gateway.files import check_apart, check_places, write_json
    from sanctuary.gateway.memories import Memories
    from sanctuary.gateway.replay.hypnogram_out import hypnogram_format_of, write_hypnogram
    from sanctuary.gateway.replay.night import open_night, replay_night

    check_apart(
        ((f"--json {outputs.json}", outputs.json), (f"--report {outputs.report}", outputs.report)), inputs
    )
    others = (*inputs, outputs.json, outputs.report)
    kind = hypnogram_format_of(outputs.hypnogram, outputs.hypnogram_format, others)
    places = (
        (outputs.json, "the result"), (outputs.report, "the report"), (outputs.hypnogram, "the hypnogram")
    )  # fmt: skip
    check_places(places)
    memories = Memories(settings.site.data_dir)
    memory = memories.load(asked.remember) if asked.remember is not None else None
    opened = open_night(asked.night, asked.hypnogram, asked.channels, asked.hypnogram_options, asked.reading)
    traced = outputs.report is not None
    with progress_bar(asked.night[0].name, opened.duration_s) as progress:
        replayed = replay_night(
            opened, settings.chain, progress, emission=asked.emission, memory=memory, traced=traced
        )
    for warning in replayed.result["warnings"]:
        say(f"warning: {warning}")
    if asked.remember is not None:
        with hold(settings.site.data_dir, sleeper_part(asked.remember), "sanctuary replay"):
            memories.learn(asked.remember, replayed.memory)
    if outputs.json is not None:
        write_json(outputs.json, replayed.result, "the result")
    if outputs.report is not None:
        from sanctuary.gateway.reports.replay import write_replay_report

        write_replay_report(outputs.report, replayed.result, replayed.traces)
    write_hypnogram(outputs.hypnogram, replayed.result, opened.recording.info.start, kind)
    console = stdout_console()
    console.print(_table(replayed.result))
    for path, _ in places:
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)


def _table(result: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(
        title=f"{result['file']}: {result['duration_s'] / 3600:.2f} h, {', '.join(result['channels'])}"
    )
    for heading in ("stage", "minutes", "expert", "precision", "recall", "F1"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    found = [epoch["stage"] for epoch in result["epochs"]]
    scored = result.get("scores")
    for name in ("W", "N1", "N2", "N3", "R", "unknown"):
        cells = ["", "", "", ""]
        if scored and name in scored["per_stage"]:
            of = scored["per_stage"][name]
            cells = [f"{of['support'] / 2:.1f}", *(_number(of[key]) for key in ("precision", "recall", "f1"))]
        table.add_row(name, f"{found.count(name) / 2:.1f}", *cells)
    table.caption = _caption(result)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _caption(result: dict[str, Any]) -> str:
    open_min = sum(o["close_s"] - o["open_s"] for o in result["gate"]) / 60
    lines = [f"gate: {len(result['gate'])} openings, {open_min:.1f} min of stable REM"]
    if scored := result.get("scores"):
        gate = scored["gate"]
        lines.append(
            f"accuracy {_number(scored['accuracy'])}, kappa {_number(scored['kappa'])}; gate in REM "
            f"{_number(gate['precision'])}, share of REM {_number(gate['rem_share'])}, "
            f"false openings {gate['false_openings']}"
        )
    if signals := result["eye_signals"]:
        lines.append(f"{len(signals)} voluntary eye signals")
    timing = result["timing"]
    lines.append(f"{timing['wall_s']:.1f} s, {timing['times_real_time']:.0f} times real time")
    return "\n".join(lines)
