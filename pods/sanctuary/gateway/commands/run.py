"""``sanctuary run``: a night in real time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.commands.options import (
    ConfigOption,
    GatewayOption,
    SetOption,
    WaitBrokerOption,
    as_gateway,
    load,
)
from sanctuary.gateway.consoles import say, stderr_console, stdout_console

EXIT_TROUBLE = 2
EXIT_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    config: ConfigOption = None,
    hours: Annotated[
        float | None,
        typer.Option(min=0.001, max=24.0, help="Stop after so many hours; by Ctrl-C if left out."),
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result here too.")
    ] = None,
    capture: Annotated[
        bool, typer.Option("--capture", help="Keep every byte of the headbands too, for `sanctuary replay`.")
    ] = False,
    wait_broker: WaitBrokerOption = False,
    gateway: GatewayOption = None,
    assignments: SetOption = None,
) -> None:
    """Watch over a night in real time, with the headbands that the settings name."""
    settings = load(config, assignments, as_gateway(gateway)).settings
    if not settings.pods:
        raise InputError("no pods: name at least one in a [[pods]] table")
    import asyncio
    from functools import partial

    from sanctuary.gateway.data_lock import GATEWAY, hold_all, parts_of
    from sanctuary.gateway.files import check_place, write_json
    from sanctuary.gateway.night.live import LiveTable
    from sanctuary.gateway.night.live_night import run_night
    from sanctuary.gateway.night.stopping import stop_on_signals
    from sanctuary.gateway.night.waiting import check_waiting
    from sanctuary.gateway.reports.demo import write_demo_report
    from sanctuary.gateway.reports.figures import warm_up

    if json_path is not None:
        check_place(json_path, "the result")
    console = stderr_console()
    check_waiting(settings.broker, wait=wait_broker)
    warm_up()

    parts = [GATEWAY, *parts_of(settings.pods)]
    with stop_on_signals() as stop, hold_all(settings.site.data_dir, parts, "sanctuary run"):
        night = asyncio.run(
            run_night(
                settings, hours, partial(LiveTable, console), stop, capture=capture, wait_broker=wait_broker
            )
        )
        if night is None:
            say("stopped before the night began: the broker was not there")
            raise typer.Exit(EXIT_INTERRUPTED)
        for path in (night.folder / "night.json", *([json_path] if json_path is not None else [])):
            write_json(path, night.result, "the result")
        write_demo_report(night.folder / "report.html", night.result)
    stdout_console().print(
        f"{len(night.result['windows'])} windows; the night is in {night.folder}", soft_wrap=True
    )
    if night.result["trouble"]:
        say(night.result["trouble"])
        raise typer.Exit(EXIT_TROUBLE)
    if night.result["violations"]:
        say(f"{len(night.result['violations'])} invariants were broken; see the report")
        raise typer.Exit(EXIT_TROUBLE)
