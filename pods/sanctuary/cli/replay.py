"""``sanctuary replay``: recorded nights through the chain, one alone or several as a circle.

``sanctuary replay`` of one night: the work, what is written of it, and the table that is printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import progress_bar, stdout_console
from sanctuary.cli.options import (
    BoardOption,
    ChannelsOption,
    ConfigOption,
    EpochOption,
    GainOption,
    OffsetOption,
    SetOption,
    StagesOption,
    StartOption,
    StreamOption,
    channel_names,
    load,
    reading_options,
)
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.config.sanctuary import SanctuarySettings
    from sanctuary.firmware_bridge.hypnograms.hypnogram import HypnogramOptions
    from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
    from sanctuary.gateway.results.replay_result import ReplayResult
    from sanctuary.signal.emission import Emission


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    nights: Annotated[
        list[Path],
        typer.Argument(
            metavar="NIGHT...",
            help="A recording (docs/recordings.md says of which formats), a folder with one, the files of "
            "one with a channel each, or a .capture; several nights with --circle.",
            show_default=False,
        ),
    ],
    hypnograms: Annotated[
        list[Path] | None,
        typer.Option(
            "--hypnogram",
            metavar="FILE",
            help="Expert's stages: CSV, EDF+, one stage a line, XML, Luna... With --circle one for each "
            "night, in their order; found beside the nights if left out.",
        ),
    ] = None,
    hypnogram_offset: OffsetOption = None,
    epoch_s: EpochOption = None,
    stages: StagesOption = None,
    channels: ChannelsOption = None,
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
    circle: Annotated[
        bool,
        typer.Option("--circle", help="Let pod-1, pod-2, ... live through several nights together."),
    ] = False,
    quorum: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --circle: members in REM together.", show_default="2"),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --circle: a shipped design or a file.", show_default="tide"),
    ] = None,
    offsets: Annotated[
        list[str] | None,
        typer.Option(
            "--offset",
            metavar="POD=SECONDS",
            help="With --circle: a night begins so much later than those without, such as pod-2=600.",
        ),
    ] = None,
    start_time: StartOption = None,
    board: BoardOption = None,
    gain: GainOption = None,
    stream: StreamOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Replay a recorded night: stages, the gate's openings and, with a hypnogram, how well they fit.

    With --circle, several: the windows and cues that they would have shared, had they slept at one time.
    """
    settings = load(config, assignments).settings
    from sanctuary.firmware_bridge.hypnograms.hypnogram import hypnogram_options

    names, options = channel_names(channels), hypnogram_options(epoch_s, hypnogram_offset, stages)
    reading = reading_options(start_time, board, gain, stream)
    emission = _model(model)
    if circle:
        from sanctuary.cli.replay_circle import CircleAsked, replay_circle

        _refuse({"--remember": remember}, "a circle is not one sleeper; replay that night on its own")
        _refuse({"--start-time": start_time}, "is for one recording; replay that night on its own")
        _refuse(
            {"--hypnogram-offset": hypnogram_offset is not None},
            "is for one hypnogram; replay that night on its own",
        )
        alone = {"--hypnogram-out": hypnogram_out, "--hypnogram-format": hypnogram_format}
        _refuse(alone, "a circle has many hypnograms; replay each night on its own to write one")
        circle_asked = CircleAsked(
            nights, hypnograms or [], names, options, reading, quorum, design, offsets or [], emission
        )
        replay_circle(settings, circle_asked, json_path, report)
        return
    from sanctuary.cli.replay import NightAsked, Outputs, replay_alone

    _refuse({"--quorum": quorum, "--design": design, "--offset": offsets}, "goes with --circle")
    hypnogram = _only(hypnograms or [])
    asked = NightAsked(nights, hypnogram, names, options, reading, emission, remember)
    outputs = Outputs(json_path, report, hypnogram_out, hypnogram_format)
    replay_alone(settings, asked, outputs, (*nights, hypnogram, model))


def _refuse(given: Mapping[str, object], why: str) -> None:
    """Refuse options that do not suit the others."""
    for name, value in given.items():
        if value:
            raise InputError(f"{name}: {why}")


def _only(hypnograms: list[Path]) -> Path | None:
    if len(hypnograms) > 1:
        raise InputError(f"--hypnogram {hypnograms[1]}: one night has one hypnogram")
    return hypnograms[0] if hypnograms else None


def _model(path: Path | None) -> Emission | None:
    if path is None:
        return None
    from sanctuary.signal.emission import parse_emission

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a model: {error}") from error
    return parse_emission(text, str(path))


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
    from sanctuary.gateway.replay.hypnogram_out import hypnogram_format_of, write_hypnogram
    from sanctuary.gateway.replay.recorded_night import open_night, replay_night
    from sanctuary.gateway.sleeper_memories import Memories

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
    for warning in replayed.result.warnings:
        say(f"warning: {warning}")
    if asked.remember is not None:
        with hold(settings.site.data_dir, sleeper_part(asked.remember), "sanctuary replay"):
            memories.learn(asked.remember, replayed.memory)
    if outputs.json is not None:
        write_json(outputs.json, replayed.result.to_json(), "the result")
    if outputs.report is not None:
        from sanctuary.gateway.reports.replay_report import write_replay_report

        write_replay_report(outputs.report, replayed.result, replayed.traces)
    write_hypnogram(outputs.hypnogram, replayed.result, opened.recording.info.start, kind)
    console = stdout_console()
    console.print(_table(replayed.result))
    for path, _ in places:
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)


def _table(result: ReplayResult) -> Table:
    from rich.table import Table

    table = Table(title=f"{result.file}: {result.duration_s / 3600:.2f} h, {', '.join(result.channels)}")
    for heading in ("stage", "minutes", "expert", "precision", "recall", "F1"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    found = [epoch.stage for epoch in result.epochs]
    scored = result.scores
    for name in ("W", "N1", "N2", "N3", "R", "unknown"):
        cells = ["", "", "", ""]
        if scored is not None and (of := scored.per_stage.get(name)) is not None:
            cells = [f"{of.support / 2:.1f}", *map(_number, (of.precision, of.recall, of.f1))]
        table.add_row(name, f"{found.count(name) / 2:.1f}", *cells)
    table.caption = _caption(result)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _caption(result: ReplayResult) -> str:
    open_min = sum(o.close_s - o.open_s for o in result.gate) / 60
    lines = [f"gate: {len(result.gate)} openings, {open_min:.1f} min of stable REM"]
    if (scored := result.scores) is not None:
        gate = scored.gate
        lines.append(
            f"accuracy {_number(scored.accuracy)}, kappa {_number(scored.kappa)}; gate in REM "
            f"{_number(gate.precision)}, share of REM {_number(gate.rem_share)}, "
            f"false openings {gate.false_openings}"
        )
    if result.eye_signals:
        lines.append(f"{len(result.eye_signals)} voluntary eye signals")
    lines.append(f"{result.timing.wall_s:.1f} s, {result.timing.times_real_time:.0f} times real time")
    return "\n".join(lines)
