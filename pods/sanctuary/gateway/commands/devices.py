"""``sanctuary devices`` and ``sanctuary scan``: which headbands there are, and which are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import DeviceError
from sanctuary.gateway.consoles import say, stderr_console, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.firmware_bridge.scanning import Sighting


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("devices")(devices)
    app.command("scan")(scan)


def devices() -> None:
    """List the headbands that Sanctuary can read: their links, rates and channels."""
    from rich.table import Table

    from sanctuary.firmware_bridge.drivers.registry import DRIVERS

    table = Table(title="headbands")
    for heading in ("kind", "headband", "link", "Hz", "inputs", "channels by default", "note"):
        table.add_column(heading, justify="right" if heading in ("Hz", "inputs") else "left")
    for driver in DRIVERS.values():
        channels = ", ".join(
            f"{site}={number}" if driver.inputs[number - 1] != site else site
            for site, number in driver.channels.items()
        )
        table.add_row(
            driver.name,
            driver.title,
            str(driver.link),
            f"{driver.fs_hz:g}",
            str(len(driver.inputs)),
            channels,
            driver.note,
        )
    stdout_console().print(table)


def scan(
    seconds: Annotated[float, typer.Option(min=0.5, max=60.0, help="How long to listen to Bluetooth.")] = 5.0,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the boards on serial ports what they are; this resets them.")
    ] = False,
) -> None:
    """Find serial ports and Bluetooth headbands, and say which driver fits."""
    from sanctuary.firmware_bridge.scanning import bluetooth, serial_ports

    found = serial_ports(ask=ask)
    try:
        with stderr_console().status(f"listening to Bluetooth for {seconds:g} s"):
            found += bluetooth(seconds)
    except DeviceError as error:
        say(str(error))
    if not found:
        say("nothing found: plug a dongle in, or switch a headband on and bring it near")
        return
    stdout_console().print(_table(found))


def _table(found: list[Sighting]) -> Table:
    from rich.table import Table

    table = Table()
    for heading in ("link", "address", "name", "signal", "kind in the settings"):
        table.add_column(heading, overflow="fold")
    for sighting in found:
        signal = f"{sighting.rssi_dbm} dBm" if sighting.rssi_dbm is not None else ""
        fits = " or ".join(sighting.drivers) or "unknown"
        table.add_row(str(sighting.link), sighting.address, sighting.name, signal, fits)
    return table
