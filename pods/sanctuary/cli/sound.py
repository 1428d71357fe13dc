"""``sanctuary sound``: loudspeakers: which there are, and how loud they are at the pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import stdout_console
from sanctuary.cli.options import ConfigOption, SetOption, load
from sanctuary.config.errors import DeviceError, InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from sanctuary.firmware_bridge.outputs.level_calibration import LevelCalibration

TONE_S = 10.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sound = typer.Typer(help="Loudspeakers: list them, and calibrate them with a sound level meter.")
    sound.command("list")(list_devices)
    sound.command("calibrate")(calibrate)
    app.add_typer(sound, name="sound")


def list_devices() -> None:
    """List the sound devices of this machine."""
    from sanctuary.firmware_bridge.outputs.sound_output import output_devices, sound_library

    names = output_devices(sound_library())
    if not names:
        say("no sound device on this machine")
    for name in names:
        stdout_console().print(name, markup=False, soft_wrap=True)


def calibrate(
    device: Annotated[str, typer.Argument(help="Name as in `sanctuary sound list`.", show_default=False)],
    measured: Annotated[
        float | None, typer.Option(metavar="DBA", help="What the meter at the pillow read during the tone.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who measured.")] = "",
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Play a quiet 1 kHz tone to measure; with --measured, store what a meter at the pillow read."""
    settings = load(config, assignments).settings
    if measured is None:
        _play(device)
        say(f'now store what the meter read: sanctuary sound calibrate "{device}" --measured DBA --by NAME')
        return
    from sanctuary.firmware_bridge.outputs.level_calibration import LevelCalibrations

    path = LevelCalibrations(settings.site.data_dir / "sound").save(_calibration(device, measured, by))
    stdout_console().print(f"wrote {path}", soft_wrap=True)


def _calibration(device: str, measured_dba: float, by: str) -> LevelCalibration:
    from datetime import datetime

    from sanctuary.firmware_bridge.outputs.level_calibration import LevelCalibration

    try:
        return LevelCalibration.of_tone(
            device, measured_dba, datetime.now().astimezone().isoformat(timespec="seconds"), by
        )
    except ValueError as error:
        raise InputError(f"--measured {measured_dba:g}: {error}; is the meter set to dB(A)?") from error


def _play(device: str) -> None:
    import numpy as np

    from sanctuary.firmware_bridge.outputs.level_calibration import TONE_AMPLITUDE, TONE_HZ
    from sanctuary.firmware_bridge.outputs.sound_output import FS_HZ, device_number, sound_library

    library = sound_library()
    number = device_number(library, device)
    say(f"a tone of 1 kHz for {TONE_S:g} s; hold the meter, set to dB(A), where the ear will be")
    t_s = np.arange(round(TONE_S * FS_HZ)) / FS_HZ
    tone = (TONE_AMPLITUDE * np.sin(2.0 * np.pi * TONE_HZ * t_s)).astype(np.float32)
    try:
        library.play(tone, FS_HZ, device=number, blocking=True)
    except Exception as error:
        raise DeviceError(f"{device}: the tone cannot be played ({error})") from error
