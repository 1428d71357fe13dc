"""``sanctuary run``: a night in real time.

``sanctuary pod``: one pod as a program of its own.

``sanctuary coordinate``: a coordinator alone, on a second gateway.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sanctuary.cli.console import stderr_console, stdout_console
from sanctuary.cli.options import ConfigOption, GatewayOption, SetOption, WaitBrokerOption, as_gateway, load
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

EXIT_TROUBLE = 2
EXIT_INTERRUPTED = 130


def register_run(app: typer.Typer) -> None:
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
    from sanctuary.gateway.reports.figures import warm_up
    from sanctuary.gateway.reports.night_report import write_night_report
    from sanctuary.gateway.site.live_night import run_night
    from sanctuary.gateway.site.live_table import LiveTable
    from sanctuary.gateway.site.stopping import check_waiting, stop_on_signals

    if json_path is not None:
        check_place(json_path, "the result")
    console = stderr_console()
    check_waiting(settings.broker, wait=wait_broker)
    warm_up()

    parts = [GATEWAY, *parts_of(settings.pods)]
    with stop_on_signals() as stop, hold_all(settings.site.data_dir, parts, "sanctuary run"):
        night = asyncio.run(
            run_night(
                settings,
                hours,
                partial(LiveTable, console),
                stop,
                capture=capture,
                wait_broker=wait_broker,
                tell=say,
            )
        )
        if night is None:
            say("stopped before the night began: the broker was not there")
            raise typer.Exit(EXIT_INTERRUPTED)
        for path in (night.folder / "night.json", *([json_path] if json_path is not None else [])):
            write_json(path, night.result.to_json(), "the result")
        write_night_report(night.folder / "report.html", night.result)
    stdout_console().print(
        f"{len(night.result.windows)} windows; the night is in {night.folder}", soft_wrap=True
    )
    if night.result.trouble:
        say(night.result.trouble)
        raise typer.Exit(EXIT_TROUBLE)
    if night.result.violations:
        say(f"{len(night.result.violations)} invariants were broken; see the report")
        raise typer.Exit(EXIT_TROUBLE)


def register_pod(app: typer.Typer) -> None:
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
    from sanctuary.gateway.reports.figures import warm_up
    from sanctuary.gateway.reports.night_report import write_night_report
    from sanctuary.gateway.site.live_table import LiveTable
    from sanctuary.gateway.site.remote import entry_of, run_pod
    from sanctuary.gateway.site.stopping import stop_on_signals

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
            write_json(night.folder / "night.json", night.result.to_json(), "the result")
            write_night_report(night.folder / "report.html", night.result)
            violations += len(night.result.violations)
            stdout_console().print(f"{name}: the night is in {night.folder}", soft_wrap=True)
    if violations:
        say(f"{violations} invariants were broken; see the report")
        raise typer.Exit(EXIT_TROUBLE)


def register_coordinate(app: typer.Typer) -> None:
    """Add the command."""
    app.command("coordinate")(coordinate)


def coordinate(
    config: ConfigOption = None,
    wait_broker: WaitBrokerOption = False,
    gateway: GatewayOption = None,
    assignments: SetOption = None,
) -> None:
    """Coordinate circles at an external broker, and take over those of a gateway that dies."""
    settings = load(config, assignments, as_gateway(gateway)).settings
    if not settings.circles:
        raise InputError("no circles: name at least one in a [[circles]] table")
    import asyncio

    from sanctuary.gateway.data_lock import GATEWAY, hold
    from sanctuary.gateway.site.remote import check
    from sanctuary.gateway.site.remote import coordinate as run_coordinator
    from sanctuary.gateway.site.stopping import stop_on_signals

    check(settings)
    with stop_on_signals() as stop, hold(settings.site.data_dir, GATEWAY, "sanctuary coordinate"):
        asyncio.run(run_coordinator(settings, say, stop, wait_broker=wait_broker))
