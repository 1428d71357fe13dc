"""``sanctuary convert``: any recording that is read, as EDF+ or BDF+."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import progress_bar, stdout_console
from sanctuary.cli.options import (
    BoardOption,
    GainOption,
    StartOption,
    StreamOption,
    reading_options,
)
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.firmware_bridge.recordings.exporting import Export
    from sanctuary.firmware_bridge.recordings.recording_source import RecordingSource

_SUFFIXES = (".edf", ".bdf")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("convert")(convert)


def convert(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN... OUT.edf",
            help="The recording (a file, a folder, or several files of one channel each), and the file to "
            "write: .edf (16 bits) or .bdf (24 bits).",
            show_default=False,
        ),
    ],
    channels: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME,...", help="Channels to keep; all of them if left out."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
    start_time: StartOption = None,
    board: BoardOption = None,
    gain: GainOption = None,
    stream: StreamOption = None,
) -> None:
    """Convert a recording of any format that is read to EDF+ or BDF+, with all its channels."""
    *inputs, out = paths
    wide = _checked(inputs, out, force=force)
    from sanctuary.firmware_bridge.recordings.exporting import plan_export
    from sanctuary.firmware_bridge.recordings.readers import open_source
    from sanctuary.gateway.files import write_together

    source = open_source(
        inputs if len(inputs) > 1 else inputs[0], reading_options(start_time, board, gain, stream)
    )
    chosen = _chosen(source, channels)
    with progress_bar(out.name, 1.0) as progress:
        export = plan_export(
            source, chosen, wide=wide, start=source.start, progress=lambda share: progress(share / 2)
        )
        data = export.data(lambda share: progress(0.5 + share / 2))
        write_together([(out, data, "the recording")])
    for warning in (*source.warnings, *export.warnings):
        say(f"warning: {warning}")
    console = stdout_console()
    length_s = export.n_records * export.record_s
    began = source.start.isoformat(" ", "seconds") if source.start else "start not known"
    console.print(f"{source.path.name} ({source.format}): {length_s / 3600:.2f} h, {began}", soft_wrap=True)
    console.print(_table(export))
    console.print(
        f"{export.lost_s:.3g} s without signal in a channel or more, {len(export.notes)} annotations",
        soft_wrap=True,
    )
    console.print(f"wrote {out}", soft_wrap=True)


def _checked(inputs: Sequence[Path], out: Path, *, force: bool) -> bool:
    """Refuse an output that cannot be meant; True for BDF."""
    from sanctuary.gateway.files import check_place

    if not inputs:
        raise InputError(
            f"{out}: name the recording and then the file to write: sanctuary convert IN OUT.edf"
        )
    if out.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{out}: name the file to write .edf (16 bits) or .bdf (24 bits)")
    check_place(out, "the recording")
    if out.exists():
        if any(path.exists() and path.samefile(out) for path in inputs):
            raise InputError(f"{out}: is the recording itself; name another file to write")
        if not force:
            raise InputError(f"{out}: is there already; name another file, or overwrite it with --force")
    return out.suffix.lower() == ".bdf"


def _chosen(source: RecordingSource, names: str | None) -> list[int]:
    if names is None:
        return list(range(len(source.channels)))
    from sanctuary.firmware_bridge.recordings.channels import find_channel

    labels = [channel.label for channel in source.channels]
    wanted = [name.strip() for name in names.split(",")]
    if not all(wanted):
        raise InputError(f"--channels {names}: name channels with commas between, such as AF7,AF8")
    return list(dict.fromkeys(find_channel(labels, name, str(source.path)) for name in wanted))


def _table(export: Export) -> Table:
    from rich.table import Table

    table = Table()
    for heading in ("channel", "unit", "Hz", "step"):
        table.add_column(heading, justify="left" if heading in ("channel", "unit") else "right")
    for column in export.columns:
        low, high, least, most = column.scale
        step, rate_hz = (high - low) / (most - least), column.samples / export.record_s
        table.add_row(column.label, column.unit or "-", f"{rate_hz:.6g}", f"{step:.3g}")
    return table
