"""``sanctuary memory``: what is remembered of sleepers from night to night, and how to forget it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import ConfigOption, SetOption, load
from sanctuary.gateway.consoles import stdout_console

if TYPE_CHECKING:
    from sanctuary.gateway.memories import Memories

SleeperArgument = Annotated[
    str, typer.Argument(metavar="SLEEPER", help="Pseudonym of the sleeper.", show_default=False)
]


def register(app: typer.Typer) -> None:
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
    from sanctuary.gateway.memories import Memories

    return Memories(load(config, assignments).settings.site.data_dir)


def _nothing(memories: Memories, sleeper: str) -> str:
    known = ", ".join(memories.names()) or "nobody"
    return f"{sleeper}: nothing is remembered in {memories.path(sleeper).parent.parent}; known: {known}"
