"""``sanctuary train``: scored nights in, a model file out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import progress_bar, stderr_console, stdout_console
from sanctuary.cli.options import (
    BoardOption,
    ChannelsOption,
    ConfigOption,
    EpochOption,
    GainOption,
    SetOption,
    StagesOption,
    StreamOption,
    channel_names,
    load,
    reading_options,
)
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rich.table import Table


EXIT_MOSTLY_LEFT_OUT = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Folders of recordings with hypnograms, in subfolders too, single recordings with "
            "hypnograms beside them, or band-power files (npz).",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="MODEL.json", help="Where to write the model.")],
    without: Annotated[
        str, typer.Option(metavar="NIGHT,...", help="Nights to leave out, by the beginning of their names.")
    ] = "",
    person_letters: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="First letters of a night's name that are its person; 0: all. Left out: by the names of "
            "public data sets, else 5.",
        ),
    ] = None,
    channels: ChannelsOption = None,
    epoch_s: EpochOption = None,
    stages: StagesOption = None,
    board: BoardOption = None,
    gain: GainOption = None,
    stream: StreamOption = None,
    scorer: Annotated[
        int | None,
        typer.Option(min=1, help="Expert to follow, where several have scored a night (NIGHT_1, NIGHT_2)."),
    ] = None,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="What the data are, and their licence; kept in the model.")
    ] = "",
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Train the stage model on scored nights, judge it on persons it has not seen, and write it."""
    settings = load(config, assignments).settings
    from sanctuary.firmware_bridge.hypnograms.hypnogram import hypnogram_options
    from sanctuary.gateway.files import check_apart, check_place, write_whole
    from sanctuary.gateway.training.fitting import train as fit
    from sanctuary.gateway.training.gathering import Recipe, gather
    from sanctuary.gateway.training.night_loading import Reading
    from sanctuary.gateway.training.sources import survey

    check_place(out, "the model")
    recordings = reading_options(None, board, gain, stream)
    reading = Reading(channel_names(channels), recordings, hypnogram_options(epoch_s, stages=stages))
    recipe = Recipe(settings.chain, person_letters, note, reading)
    surveyed = survey(sources, scorer)
    read = [path for night in surveyed.nights for path in (night.path, night.hypnogram)]
    check_apart([(f"--out {out}", out)], read)
    found = surveyed.without(_names(without))
    if without and not found.nights:
        raise InputError(f"--without {without}: leaves no night to train on")
    with _progress(len(found.nights)) as step:
        gathered = gather(found, recipe, say, step)
    model = fit(gathered, recipe, say)
    write_whole(out, model.to_json(), "the model")
    console = stdout_console()
    console.print(_table(model.provenance["scores"]))
    console.print(f"wrote {out}", soft_wrap=True)
    if gathered.mostly_left_out:
        left, used = len(gathered.nights_left_out), len(gathered.used)
        say(f"more than half of the nights were left out, {left} of {left + used}: {out} is made of the rest")
        raise typer.Exit(EXIT_MOSTLY_LEFT_OUT)


@contextmanager
def _progress(n_nights: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on a terminal, and elsewhere a line for each night."""
    quiet, done = stderr_console().is_terminal, count(1)
    with progress_bar("nights", n_nights) as bar:

        def step(name: str) -> None:
            number = next(done)
            bar(number)
            if not quiet:
                say(f"{number} of {n_nights} read: {name}")

        yield step


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for each in text.split(",") if (name := each.strip()))


def _table(scores: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title="each person judged by a model that has not seen them")
    for heading in ("features", "nights", "REM F1", "least", "kappa", "accuracy", "log loss"):
        table.add_column(heading, justify="left" if heading == "features" else "right")
    words = {"pair": "bands and eyes", "single": "bands alone"}
    for head, of in scores.items():
        keys = ("nights", "rem_f1", "rem_f1_least", "kappa", "accuracy", "log_loss_nats")
        table.add_row(words[head], *("-" if of[key] is None else str(of[key]) for key in keys))
    return table
