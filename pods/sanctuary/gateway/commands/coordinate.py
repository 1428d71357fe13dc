"""``sanctuary coordinate``: a coordinator alone, on a second gateway."""

from __future__ import annotations

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
from sanctuary.gateway.consoles import say


def register(app: typer.Typer) -> None:
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
    from sanctuary.gateway.night.coordinate import check
    from sanctuary.gateway.night.coordinate import coordinate as run_coordinator
    from sanctuary.gateway.night.stopping import stop_on_signals

    check(settings)
    with stop_on_signals() as stop, hold(settings.site.data_dir, GATEWAY, "sanctuary coordinate"):
        asyncio.run(run_coordinator(settings, say, stop, wait_broker=wait_broker))
