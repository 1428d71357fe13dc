"""``sanctuary pod``: one pod as a program of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from sanctuary.gateway.commands.options import ConfigOption, SetOption, WaitBrokerOption, load
from sanctuary.gateway.consoles import say, stderr_console, stdout_console

EXIT_TROUBLE = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pod")(pod)


def pod(
    name: Annotated[str, typer.Argument(metavar="POD", help="Id of a pod in the settings.")],
    config: ConfigOption = None,
    hours: Annotated[
        float | None,
        typer.Option(min=0.001, max=24.0, help="Stop after so many hours; by Ctrl-C if left out."),
    ] = None,
    capture: Annotated[
        bool, typer.Option("--capture", help="Keep every byte of the headband too, for `sanctuary replay`.")
    ] = False,
    wait_broker: WaitBrokerOption = False,
    assignments: SetOption = None,
) -> None:
    """Watch over one pod, apart from its gateway: over the settings' broker, by its own clock."""
    settings = load(config, assignments).settings
    import asyncio
    from functools import partial

    from sanctuary.gateway.data_lock import hold_all, parts_of
    from sanctuary.gateway.files import write_json
    from sanctuary.gateway.night.live import LiveTable
    from sanctuary.gateway.night.pod_night import entry_of, run_pod
    from sanctuary.gateway.night.stopping import stop_on_signals
    from sanctuary.gateway.reports.demo import write_demo_report
    from sanctuary.gateway.reports.figures import warm_up

    entry = entry_of(settings, name)
    console = stderr_console()
    warm_up()
    violations = 0
    parts, what = parts_of([entry]), f"sanctuary pod {name}"
    with stop_on_signals() as stop, hold_all(settings.site.data_dir, parts, what):
        nights = asyncio.run(
            run_pod(
                settings,
                name,
                hours,
                partial(LiveTable, console),
                stop,
                capture=capture,
                wait_broker=wait_broker,
            )
        )
        for night in nights:
            write_json(night.folder / "night.json", night.result, "the result")
            write_demo_report(night.folder / "report.html", night.result)
            violations += len(night.result["violations"])
            stdout_console().print(f"{name}: the night is in {night.folder}", soft_wrap=True)
    if violations:
        say(f"{violations} invariants were broken; see the report")
        raise typer.Exit(EXIT_TROUBLE)
