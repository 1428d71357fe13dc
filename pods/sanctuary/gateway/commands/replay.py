"""``sanctuary replay``: recorded nights through the chain, one alone or several as a circle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import (
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

if TYPE_CHECKING:
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
    from sanctuary.firmware_bridge.hypnograms.options import hypnogram_options

    names, options = channel_names(channels), hypnogram_options(epoch_s, hypnogram_offset, stages)
    reading = reading_options(start_time, board, gain, stream)
    emission = _model(model)
    if circle:
        from sanctuary.gateway.commands.replay_circle import CircleAsked, replay_circle

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
    from sanctuary.gateway.commands.replay_night import NightAsked, Outputs, replay_alone

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
