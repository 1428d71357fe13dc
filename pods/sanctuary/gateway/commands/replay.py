"""``sanctuary replay``: a recorded night through the chain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import (
    ConfigOption,
    EpochOption,
    OffsetOption,
    SetOption,
    StagesOption,
    load,
)
from sanctuary.gateway.consoles import say, stderr_console, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.gateway.replay.night import Progress
    from sanctuary.signal.emission import Emission


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    night: Annotated[
        Path,
        typer.Argument(metavar="NIGHT", help="EDF, EDF+ or BDF file, or a .capture.", show_default=False),
    ],
    hypnogram: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Expert's stages: CSV, EDF+, one stage a line, XML, Luna..."),
    ] = None,
    hypnogram_offset: OffsetOption = None,
    epoch_s: EpochOption = None,
    stages: StagesOption = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="LEFT,RIGHT", help="One or two frontal channels; found by name if left out."),
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="OUT.json", help="Write the result.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Write a report to look at.")
    ] = None,
    hypnogram_out: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the stages found: .csv, .edf (annotations), .tsv (BIDS)."),
    ] = None,
    hypnogram_format: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="csv, edf, bids or yasa, where the ending of OUT does not say."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL.json", help="Model made by `sanctuary train`.")
    ] = None,
    remember: Annotated[
        str | None,
        typer.Option(
            metavar="SLEEPER", help="Begin with this sleeper's memory, and keep what the night adds."
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Replay a recorded night: stages, the gate's openings and, with a hypnogram, how well they fit."""
    settings = load(config, assignments).settings
    from sanctuary.firmware_bridge.hypnograms.options import hypnogram_options
    from sanctuary.gateway.files import check_place, write_json
    from sanctuary.gateway.memories import Memories
    from sanctuary.gateway.replay.hypnogram_out import hypnogram_format_of, write_hypnogram
    from sanctuary.gateway.replay.night import open_night, replay_night

    names, options = _names(channels), hypnogram_options(epoch_s, hypnogram_offset, stages)
    kind = hypnogram_format_of(hypnogram_out, hypnogram_format, (night, hypnogram, json_path, report, model))
    places = ((json_path, "the result"), (report, "the report"), (hypnogram_out, "the hypnogram"))
    for path, what in places:
        if path is not None:
            check_place(path, what)
    emission = _model(model)
    memories = Memories(settings.site.data_dir)
    memory = memories.load(remember) if remember is not None else None
    opened = open_night(night, hypnogram, names, options)
    with _progress(night.name, opened.duration_s) as progress:
        replayed = replay_night(
            opened, settings.chain, progress, emission=emission, memory=memory, traced=report is not None
        )
    for warning in replayed.result["warnings"]:
        say(f"warning: {warning}")
    if remember is not None:
        memories.learn(remember, replayed.memory)
    if json_path is not None:
        write_json(json_path, replayed.result, "the result")
    if report is not None:
        from sanctuary.gateway.reports.replay import write_replay_report

        write_replay_report(report, replayed.result, replayed.traces)
    write_hypnogram(hypnogram_out, replayed.result, opened.recording.info.start, kind)
    console = stdout_console()
    console.print(_table(replayed.result))
    for path, _ in places:
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)


def _model(path: Path | None) -> Emission | None:
    if path is None:
        return None
    from sanctuary.signal.emission import parse_emission

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a model: {error}") from error
    return parse_emission(text, str(path))


def _names(channels: str | None) -> list[str] | None:
    if channels is None:
        return None
    names = [name.strip() for name in channels.split(",")]
    if not all(names) or len(names) > 2:
        raise InputError(
            f"--channels {channels}: name one channel, or two with a comma between, such as AF7,AF8"
        )
    return names


@contextmanager
def _progress(name: str, duration_s: float) -> Iterator[Progress]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    console = stderr_console()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=duration_s)
        yield lambda done_s: bar.update(task, completed=done_s)


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
