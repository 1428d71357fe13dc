"""``sanctuary night``: one simulated night as a file, with its truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import ConfigOption, SetOption, load
from sanctuary.gateway.consoles import stderr_console, stdout_console

if TYPE_CHECKING:
    from collections.abc import Callable

    from sanctuary.simulator.sleepers.sleeper import Sleeper

CUE_COLUMNS = ("at_s", "modality", "level")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("night")(night)


def night(
    path: Annotated[Path, typer.Argument(metavar="NAME.edf", help="Where to write it.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="Chooses the sleeper and the night.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, max=24.0, help="Length of the night.")] = 8.0,
    fs_hz: Annotated[
        float, typer.Option(min=100.0, max=2000.0, help="Sampling rate, a whole number.")
    ] = 256.0,
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES.csv", help="Cues that the sleeper hears: at_s,modality,level."),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Write one simulated night: EDF+ with stages and arousals marked, and NAME.hypnogram.csv."""
    settings = load(config, assignments).settings
    from sanctuary.gateway.files import check_place, write_together
    from sanctuary.simulator.sleepers.night_file import edf_bytes, hypnogram_csv
    from sanctuary.simulator.sleepers.sleeper import Sleeper

    if path.suffix.lower() != ".edf":
        raise InputError(f"{path}: a night is written as EDF+; name a file that ends with .edf")
    beside = path.with_suffix(".hypnogram.csv")
    for place, what in ((path, "the night"), (beside, "its hypnogram")):
        check_place(place, what)
    try:
        sleeper = Sleeper(seed, hours, fs_hz, settings.sleepers)
    except ValueError as error:
        raise InputError(str(error)) from error
    if cues is not None:
        _hear(sleeper, cues)
    csv = hypnogram_csv(sleeper.truth).encode()
    with _progress(path.name, sleeper.truth.duration_s) as advance:
        write_together(
            [(path, _counted(edf_bytes(sleeper), advance), "the night"), (beside, [csv], "its hypnogram")]
        )
    console = stdout_console()
    for place in (path, beside):
        console.print(f"wrote {place}", soft_wrap=True)


def _hear(sleeper: Sleeper, path: Path) -> None:
    import csv

    from sanctuary.firmware_bridge.outputs.cue import Modality

    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as cues: {error}") from error
    if not rows or tuple(name.strip() for name in rows[0]) != CUE_COLUMNS:
        raise InputError(f"{path}: line 1 must be {','.join(CUE_COLUMNS)}")
    for line, row in enumerate(rows[1:], 2):
        try:
            at_s, modality, level = (cell.strip() for cell in row)
            sleeper.hear(float(level), Modality(modality), float(at_s))
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}") from error


def _counted(parts: Iterator[bytes], advance: Callable[[], None]) -> Iterator[bytes]:
    for part in parts:
        yield part
        advance()


@contextmanager
def _progress(name: str, duration_s: float) -> Iterator[Callable[[], None]]:
    from rich.progress import Progress

    console = stderr_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=duration_s)
        yield lambda: bar.advance(task)
