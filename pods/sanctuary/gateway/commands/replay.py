"""``sanctuary replay``: recorded nights through the chain, one alone or several as a circle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import ChannelsOption, ConfigOption, SetOption, channel_names, load
from sanctuary.gateway.consoles import progress_bar, say, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.signal.emission import Emission


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    nights: Annotated[
        list[Path],
        typer.Argument(
            metavar="NIGHT...",
            help="EDF, EDF+ or BDF file, or a .capture; several with --circle.",
            show_default=False,
        ),
    ],
    hypnograms: Annotated[
        list[Path] | None,
        typer.Option(
            "--hypnogram",
            metavar="FILE",
            help="Expert's stages: CSV, one stage a line, or EDF+. With --circle one for each night, in "
            "their order; found beside the nights if left out.",
        ),
    ] = None,
    channels: ChannelsOption = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="OUT.json", help="Write the result.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Write a report to look at.")
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
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Replay a recorded night: stages, the gate's openings and, with a hypnogram, how well they fit.

    With --circle, several: the windows and cues that they would have shared, had they slept at one time.
    """
    settings = load(config, assignments).settings
    from sanctuary.gateway.files import check_place

    names = channel_names(channels)
    for path, what in ((json_path, "the result"), (report, "the report")):
        if path is not None:
            check_place(path, what)
    emission = _model(model)
    if circle:
        from sanctuary.gateway.commands.replay_circle import CircleAsked, replay_circle

        _refuse({"--remember": remember}, "a circle is not one sleeper; replay that night on its own")
        asked = CircleAsked(nights, hypnograms or [], names, quorum, design, offsets or [], emission)
        replay_circle(settings, asked, json_path, report)
        return
    beyond = "goes with --circle"
    _refuse({"--quorum": quorum, "--design": design, "--offset": offsets}, beyond)
    night, hypnogram = _only(nights, hypnograms or [])
    from sanctuary.gateway.files import write_json
    from sanctuary.gateway.memories import Memories
    from sanctuary.gateway.replay.night import open_night, replay_night

    memories = Memories(settings.site.data_dir)
    memory = memories.load(remember) if remember is not None else None
    opened = open_night(night, hypnogram, names)
    with progress_bar(night.name, opened.duration_s) as progress:
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
    console = stdout_console()
    console.print(_table(replayed.result))
    for path in (json_path, report):
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)


def _refuse(given: dict[str, object], why: str) -> None:
    """Refuse options that do not suit the others."""
    for name, value in given.items():
        if value:
            raise InputError(f"{name}: {why}")


def _only(nights: list[Path], hypnograms: list[Path]) -> tuple[Path, Path | None]:
    if len(nights) > 1:
        raise InputError(
            f"{nights[1]}: one night at a time; for the windows that several would have shared, add --circle"
        )
    if len(hypnograms) > 1:
        raise InputError(f"--hypnogram {hypnograms[1]}: one night has one hypnogram")
    return nights[0], hypnograms[0] if hypnograms else None


def _model(path: Path | None) -> Emission | None:
    if path is None:
        return None
    from sanctuary.signal.emission import parse_emission

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a model: {error}") from error
    return parse_emission(text, str(path))


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
