"""Options that several commands share, and the loading of settings that goes with them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.config.errors import InputError

if TYPE_CHECKING:
    from sanctuary.config.loading import Loaded, Override
    from sanctuary.config.sanctuary import SanctuarySettings
    from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="SANCTUARY_CONFIG",
        help="Settings file; without one the shipped defaults hold.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Override one setting, such as broker.port=1884; may be repeated."
    ),
]
GatewayOption = Annotated[
    str | None,
    typer.Option("--gateway", metavar="ID", help="Which of site.gateways this computer is."),
]
WaitBrokerOption = Annotated[
    bool,
    typer.Option(
        "--wait-broker",
        help="Wait for an external broker that is not there yet, for ever, instead of ending.",
    ),
]
EpochOption = Annotated[
    float | None,
    typer.Option("--epoch-s", metavar="S", help="Length of the hypnogram's epochs, where it is not clear."),
]
OffsetOption = Annotated[
    float | None,
    typer.Option(
        "--hypnogram-offset",
        metavar="S",
        help="Where the hypnogram begins, after the recording's first sample; wins over the clocks of both.",
    ),
]
StagesOption = Annotated[
    str | None,
    typer.Option(
        "--stages",
        metavar="CODES",
        help="What numbers in a hypnogram mean: yasa, aasm5, rk, usleep, ucd, or 0=W,1=N1,2=N2,3=N3,4=R.",
    ),
]
ChannelsOption = Annotated[
    str | None,
    typer.Option(
        "--channels",
        metavar="LEFT,RIGHT",
        help="One or two channels, by electrode or whole label; found by name if left out.",
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        "--start-time",
        metavar="TIME",
        help="When a recording that does not say it began: local time, such as 2026-03-01T22:30:00.",
    ),
]
BoardOption = Annotated[
    str | None,
    typer.Option("--board", metavar="NAME", help="Board of a BrainFlow file, such as cyton or muse-2."),
]
GainOption = Annotated[
    float | None,
    typer.Option("--gain", metavar="N", help="Gain of an OpenBCI SD card's file; 24 unless named."),
]
StreamOption = Annotated[
    str | None,
    typer.Option("--stream", metavar="NAME", help="Stream of a file that holds several."),
]


def reading_options(
    start: str | None = None, board: str | None = None, gain: float | None = None, stream: str | None = None
) -> ReadingOptions:
    """Give what `StartOption`, `BoardOption`, `GainOption` and `StreamOption` tell of a recording.

    Raises
    ------
    InputError
        The time is no local time, or the gain no number above 0.
    """
    from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions

    if gain is not None and not 0.0 < gain < math.inf:
        raise InputError(f"--gain {gain:g}: a gain is a number above 0; a Cyton has 1, 2, 4, 6, 8, 12 or 24")
    moment = None if start is None else _local_time(start)
    return ReadingOptions(start=moment, board=board, gain=gain, stream=stream)


def _local_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"--start-time {text}: write date and time, such as 2026-03-01T22:30:00") from error
    if moment.tzinfo is not None:
        raise InputError(f"--start-time {text}: write the local time, without a time zone")
    if not re.search(r"\d[T ]\d", text):
        raise InputError(f"--start-time {text}: the time of day is missing; write it as 2026-03-01T22:30:00")
    return moment


def channel_names(text: str | None) -> tuple[str, ...] | None:
    """Read the value of `ChannelsOption`.

    Raises
    ------
    InputError
        It names no channel, or more than two.
    """
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(names) > 2:
        raise InputError(f"--channels {text}: name one channel, or two with a comma between, such as AF7,AF8")
    return names


def as_gateway(gateway: str | None) -> list[Override]:
    """Give the setting that `GatewayOption` stands for."""
    from sanctuary.config.loading import parse_override

    return [] if gateway is None else [parse_override(f"site.gateway={gateway}")]


def load(
    config: Path | None, assignments: Iterable[str] | None, overrides: Iterable[Override] = ()
) -> Loaded[SanctuarySettings]:
    """Load the settings that the shared options and the environment ask for.

    Parameters
    ----------
    config, assignments
        Values of `ConfigOption` and `SetOption`.
    overrides
        Settings that the command's own options stand for; they win.

    Raises
    ------
    InputError
        The file cannot be read or settings are wrong.
    """
    from sanctuary.config.loading import load_settings, parse_override

    return load_settings(config, os.environ, [*map(parse_override, assignments or ()), *overrides])
