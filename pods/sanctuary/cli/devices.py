"""``sanctuary virtual``: a headband for programs that want one, without anybody's head in it.

``sanctuary devices`` and ``sanctuary scan``: which headbands there are, and which are here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import stderr_console, stdout_console
from sanctuary.cli.options import (
    BoardOption,
    ChannelsOption,
    GainOption,
    StreamOption,
    channel_names,
    reading_options,
)
from sanctuary.config.errors import DeviceError, InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from sanctuary.firmware_bridge.headbands.drivers import Sighting
    from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
    from sanctuary.simulator.devices.signal_source import SignalSource


def register_virtual(app: typer.Typer) -> None:
    """Add the command."""
    app.command("virtual")(virtual)


def virtual(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="A kind of `sanctuary devices`, such as cyton.", show_default=False
        ),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Chooses the simulated sleeper.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, max=24.0, help="Length of the sleeper's night.")] = 8.0,
    edf: Annotated[
        Path | None, typer.Option(metavar="NIGHT.edf", help="Play this recorded night instead.")
    ] = None,
    channels: ChannelsOption = None,
    board: BoardOption = None,
    gain: GainOption = None,
    stream: StreamOption = None,
    twin: Annotated[
        str | None,
        typer.Option(
            metavar="NIGHTS.npz[:NIGHT]", help="Play the spectral twin of a measured night instead."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=16, help="How many, where it is Bluetooth.")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=AMOUNT", help="Something that goes wrong, such as drop=0.01 or disconnect=20@60."
        ),
    ] = None,
    banner: Annotated[
        str | None, typer.Option(help="What a Cyton says of itself, in place of its own banner.")
    ] = None,
    firmware: Annotated[int, typer.Option(min=2, max=3, help="Firmware of a Ganglion.")] = 3,
) -> None:
    """Be a headband until ended (Ctrl-C): print READY and where it is, then speak as the real one does."""
    import signal
    import sys
    import threading

    from sanctuary.gateway.site.stopping import ending_signals
    from sanctuary.simulator.devices.fault_registry import parse_fault
    from sanctuary.simulator.virtual_headband import BOARDS, KINDS, VirtualHeadbands, rate_hz

    if kind not in KINDS:
        raise InputError(f"{kind}: no such virtual headband; there are {', '.join(KINDS)}")
    if count > 1 and kind in BOARDS:
        raise InputError(f"--count {count}: a {kind} has a port of its own; start one program for each")
    try:
        faults = [parse_fault(text, seed) for text in fault or []]
    except ValueError as error:
        raise InputError(f"--fault: {error}") from error
    if edf is not None and twin is not None:
        raise InputError("--edf and --twin: a headband plays one of them")
    names = channel_names(channels)
    if names is not None and edf is None:
        raise InputError(
            f"--channels {channels}: chooses among those of a recorded night; name it with --edf"
        )
    if edf is not None:
        sources = _recorded(edf, rate_hz(kind), names, count, reading_options(None, board, gain, stream))
    else:
        sources = [_source(rate_hz(kind), seed + number, hours, twin) for number in range(count)]
    ended = threading.Event()
    for number in ending_signals():
        signal.signal(number, lambda *_: ended.set())
    with VirtualHeadbands(kind, sources, faults, banner=banner, firmware=firmware) as headbands:
        sys.stdout.write(f"READY {headbands.address}\n")
        sys.stdout.flush()
        if headbands.names:
            say(
                f"{', '.join(headbands.names)} in reach of programs that run with "
                "DBUS_SYSTEM_BUS_ADDRESS set to that address"
            )
        ended.wait()


def _recorded(
    edf: Path, fs_hz: int, names: Sequence[str] | None, count: int, reading: ReadingOptions
) -> list[SignalSource]:
    """Give the night to each of the headbands, and say once what is doubtful of it."""
    from sanctuary.simulator.devices.signal_source import RecordedSource

    sources = [RecordedSource(edf, float(fs_hz), names, reading) for _ in range(count)]
    for warning in sources[0].warnings:
        say(f"warning: {warning}")
    say(f"{edf}: {', '.join(sources[0].info.labels)}")
    return [*sources]


def _source(fs_hz: int, seed: int, hours: float, twin: str | None) -> SignalSource:
    if twin is not None:
        from sanctuary.simulator.sleepers.spectral_twin import read_twin

        file, _, night = twin.partition(".npz:")
        return read_twin(Path(f"{file}.npz" if night else twin), night or None, float(fs_hz), seed)
    from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper

    return Sleeper(seed=seed, hours=hours, fs_hz=float(fs_hz))


def register_devices(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("devices")(devices)
    app.command("scan")(scan)


def devices() -> None:
    """List the headbands that Sanctuary can read: their links, rates and channels."""
    from rich.table import Table

    from sanctuary.firmware_bridge.headbands.drivers import DRIVERS

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
    from sanctuary.firmware_bridge.headbands.drivers import bluetooth, serial_ports

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
