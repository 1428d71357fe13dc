"""``sanctuary train``: scored nights in, a model file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import ConfigOption, SetOption, load
from sanctuary.gateway.consoles import say, stdout_console

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rich.table import Table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="Folders of EDF or BDF nights with hypnograms beside them, or band-power files (npz).",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="MODEL.json", help="Where to write the model.")],
    measures: Annotated[
        str, typer.Option(metavar="NAME,...", help="Further measures to use, beside band powers and eyes.")
    ] = "",
    without: Annotated[
        str, typer.Option(metavar="NIGHT,...", help="Nights to leave out, by the beginning of their names.")
    ] = "",
    person_letters: Annotated[
        int, typer.Option(min=0, help="First letters of a night's name that are its person; 0: all.")
    ] = 5,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="What the data are, and their licence; kept in the model.")
    ] = "",
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Train the stage model on scored nights, judge it on persons it has not seen, and write it."""
    settings = load(config, assignments).settings
    from sanctuary.gateway.files import check_place, write_whole
    from sanctuary.gateway.training.fitting import Recipe
    from sanctuary.gateway.training.fitting import train as fit
    from sanctuary.gateway.training.sources import find_nights

    check_place(out, "the model")
    recipe = Recipe(settings.chain, _checked_measures(measures), person_letters, note)
    left_out = tuple(_names(without))
    files = [f for f in find_nights(sources) if not (left_out and f.name.startswith(left_out))]
    if not files:
        raise InputError(f"--without {without}: leaves no night to train on")
    model = fit(files, recipe, say)
    write_whole(out, model.to_json(), "the model")
    console = stdout_console()
    console.print(_table(model.provenance["scores"]))
    console.print(f"wrote {out}", soft_wrap=True)


def _names(text: str) -> list[str]:
    return [name for each in text.split(",") if (name := each.strip())]


def _checked_measures(text: str) -> tuple[str, ...]:
    from sanctuary.signal.measures.registry import measure

    try:
        return tuple(measure(name).name for name in _names(text))
    except ValueError as error:
        raise InputError(f"--measures {text}: {error}") from error


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
