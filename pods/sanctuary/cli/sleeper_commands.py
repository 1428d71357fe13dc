"""``sanctuary calibrate``: a sleeper's own gaze, from the routine "eyes left, eyes right".

``sanctuary memory``: what is remembered of sleepers from night to night, and how to forget it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import stdout_console
from sanctuary.cli.options import (
    BoardOption,
    ChannelsOption,
    ConfigOption,
    GainOption,
    SetOption,
    StreamOption,
    channel_names,
    load,
    reading_options,
)
from sanctuary.config.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sanctuary.config.chain_settings import ChainSettings
    from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
    from sanctuary.gateway.sleeper_memories import Memories
    from sanctuary.signal.samples import FloatArray


def register_calibrate(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate)


def calibrate(
    recording: Annotated[
        Path | None, typer.Argument(metavar="RECORDING.edf", help="EDF or BDF file with the routine in it.")
    ] = None,
    sleeper: Annotated[str | None, typer.Option(metavar="NAME", help="Pseudonym of the sleeper.")] = None,
    start: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="When the routine began in the recording.")
    ] = 0.0,
    channels: ChannelsOption = None,
    routine: Annotated[bool, typer.Option("--routine", help="Print the prompts and their times.")] = False,
    board: BoardOption = None,
    gain: GainOption = None,
    stream: StreamOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Learn a sleeper's gaze, so that the voluntary eye signal is told from ordinary eye movements."""
    from sanctuary.signal.eye_calibration import DURATION_S, ROUTINE

    if routine:
        for at_s, side in ROUTINE:
            typer.echo(f"{at_s:5.0f} s  eyes {side}")
        typer.echo(f"{DURATION_S:5.0f} s  done")
        return
    if recording is None or sleeper is None:
        raise InputError("name a RECORDING.edf and its --sleeper, or ask for the prompts with --routine")
    settings = load(config, assignments).settings
    from sanctuary.gateway.data_lock import hold, sleeper_part
    from sanctuary.gateway.sleeper_memories import Memories
    from sanctuary.signal.eye_calibration import calibrate as measure
    from sanctuary.signal.sleeper_memory import SleeperMemory

    memories = Memories(settings.site.data_dir)
    reading = reading_options(None, board, gain, stream)
    between_s = (start, start + DURATION_S)
    difference_uv = _difference_uv(recording, channel_names(channels), reading, settings.chain, between_s)
    found = measure(difference_uv, ROUTINE)
    if not found.usable:
        raise InputError(
            f"{recording}: not a usable routine from {start:g} s on: {found.reason} ({found.followed} of "
            f"{found.prompts} prompts followed); nothing was changed. See `sanctuary calibrate --routine`"
        )
    with hold(settings.site.data_dir, sleeper_part(sleeper), "sanctuary calibrate"):
        before = memories.load(sleeper) or SleeperMemory()
        memories.save(sleeper, SleeperMemory(before.level_db, before.nights, found))
    sign = "rises" if found.polarity > 0 else "falls"
    typer.echo(
        f"{sleeper}: a full shift of gaze is {found.gain_uv:.0f} uV, left minus right {sign} when the eyes "
        f"go left; {found.followed} of {found.prompts} prompts followed\nwrote {memories.path(sleeper)}"
    )


def _difference_uv(
    path: Path,
    names: Sequence[str] | None,
    reading: ReadingOptions,
    settings: ChainSettings,
    between_s: tuple[float, float],
) -> FloatArray:
    """Give the trace of the channels' difference between two times, 50 points a second."""
    import numpy as np

    from sanctuary.firmware_bridge.recordings.readers import open_recording
    from sanctuary.signal.eye_signal_pattern import POINTS_PER_S
    from sanctuary.signal.frontend import FrontEnd
    from sanctuary.signal.samples import Montage, montage_of

    recording = open_recording(path, names, reading)
    start_s, end_s = between_s
    info = recording.info
    montage = montage_of(info.channels)
    if montage is Montage.SINGLE:
        raise InputError(
            f"{path}: {info.channels[0]} alone does not show the eyes; a pair of channels is needed"
        )
    if info.duration_s < end_s:
        raise InputError(f"{path}: ends at {info.duration_s:g} s, before the routine does at {end_s:g} s")
    front_end = FrontEnd(info.fs_hz, montage, settings, np.array([info.rail_uv], dtype=np.float64))
    traces = [
        seconds.traces_uv[0, 0]
        for block in recording.blocks()
        if block.start / info.fs_hz <= end_s
        for seconds in front_end.push(block.start, block.uv[np.newaxis])
        if seconds.traces_uv is not None
    ]
    return np.asarray(np.concatenate(traces)[round(start_s * POINTS_PER_S) : round(end_s * POINTS_PER_S)])


SleeperArgument = Annotated[
    str, typer.Argument(metavar="SLEEPER", help="Pseudonym of the sleeper.", show_default=False)
]


def register_memory(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="List, show and forget what is remembered of sleepers.", no_args_is_help=False)
    group.command("list")(list_sleepers)
    group.command("show")(show)
    group.command("forget")(forget)
    app.add_typer(group, name="memory")


def list_sleepers(config: ConfigOption = None, assignments: SetOption = None) -> None:
    """List who is remembered, with nights and calibration."""
    from rich.table import Table

    memories = _memories(config, assignments)
    names = memories.names()
    if not names:
        typer.echo("nobody is remembered")
        return
    table = Table("sleeper", "nights", "eyes calibrated")
    for name in names:
        memory = memories.load(name)
        if memory is not None:
            table.add_row(name, str(memory.nights), "yes" if memory.calibration else "no")
    stdout_console().print(table)


def show(sleeper: SleeperArgument, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Show all that is remembered of a sleeper."""
    memories = _memories(config, assignments)
    memory = memories.load(sleeper)
    if memory is None:
        raise InputError(_nothing(memories, sleeper))
    typer.echo(memory.to_json(), nl=False)


def forget(sleeper: SleeperArgument, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Remove all that is remembered of a sleeper."""
    from sanctuary.gateway.data_lock import hold, sleeper_part

    settings = load(config, assignments).settings
    memories = _memories(config, assignments)
    if not memories.path(sleeper).parent.is_dir():
        raise InputError(_nothing(memories, sleeper))
    with hold(settings.site.data_dir, sleeper_part(sleeper), "sanctuary memory"):
        memories.forget(sleeper)
    typer.echo(f"forgot {sleeper}: removed {memories.path(sleeper).parent}")


def _memories(config: ConfigOption, assignments: SetOption) -> Memories:
    from sanctuary.gateway.sleeper_memories import Memories

    return Memories(load(config, assignments).settings.site.data_dir)


def _nothing(memories: Memories, sleeper: str) -> str:
    known = ", ".join(memories.names()) or "nobody"
    return f"{sleeper}: nothing is remembered in {memories.path(sleeper).parent.parent}; known: {known}"
