"""``sanctuary config``: check a settings file, show the settings in force, print the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import stdout_console
from sanctuary.cli.options import ConfigOption, SetOption, load
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from sanctuary.config.loading import Loaded
    from sanctuary.config.sanctuary import SanctuarySettings


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Check and show settings.", no_args_is_help=False)
    group.command("check")(check)
    group.command("show")(show)
    group.command("reference")(reference)
    app.add_typer(group, name="config")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings file.", show_default=False)],
) -> None:
    """Check a settings file by itself and list every mistake in it."""
    from sanctuary.config.loading import load_settings
    from sanctuary.gateway.site.headband_start import check_channels

    loaded = load_settings(file)
    settings = loaded.settings
    for doubt in check_channels(settings.pods, loaded.origins):
        say(f"warning: {doubt}")
    typer.echo(f"{file}: no mistakes; pods {len(settings.pods)}, circles {len(settings.circles)}")


def show(
    config: ConfigOption = None,
    assignments: SetOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: settings, and origins by name.")
    ] = False,
) -> None:
    """Show the settings in force and where each came from, as a settings file."""
    loaded = load(config, assignments)
    if as_json:
        typer.echo(_json(loaded))
        return
    from rich.text import Text

    from sanctuary.config.reference import render_toml

    text = Text(render_toml(loaded), end="")
    text.highlight_regex(r"(?m)# .*$", "dim")
    text.highlight_regex(r"(?m)^\[.*\]$", "bold")
    stdout_console().print(text, soft_wrap=True)


def reference() -> None:
    """Print the reference of every setting, as Markdown."""
    from sanctuary.config.reference import reference_markdown

    typer.echo(reference_markdown(), nl=False)


def _json(loaded: Loaded[SanctuarySettings]) -> str:
    origins = {path: str(origin) for path, origin in loaded.origins.items()}
    return json.dumps({"settings": loaded.settings.model_dump(mode="json"), "origins": origins}, indent=2)
