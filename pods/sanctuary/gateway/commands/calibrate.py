"""``sanctuary calibrate``: a sleeper's own gaze, from the routine "eyes left, eyes right"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import (
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sanctuary.config.chain import ChainSettings
    from sanctuary.firmware_bridge.recordings.source import ReadingOptions
    from sanctuary.signal.samples import FloatArray


def register(app: typer.Typer) -> None:
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
    from sanctuary.signal.eyesignal.prompts import DURATION_S, ROUTINE

    if routine:
        for at_s, side in ROUTINE:
            typer.echo(f"{at_s:5.0f} s  eyes {side}")
        typer.echo(f"{DURATION_S:5.0f} s  done")
        return
    if recording is None or sleeper is None:
        raise InputError("name a RECORDING.edf and its --sleeper, or ask for the prompts with --routine")
    settings = load(config, assignments).settings
    from sanctuary.gateway.data_lock import hold, sleeper_part
    from sanctuary.gateway.memories import Memories
    from sanctuary.signal.eyesignal.routine import calibrate as measure
    from sanctuary.signal.memory import SleeperMemory

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

    from sanctuary.firmware_bridge.recordings.opening import open_recording
    from sanctuary.signal.eyes import POINTS_PER_S
    from sanctuary.signal.frontend import FrontEnd
    from sanctuary.signal.montage import Montage, montage_of

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
