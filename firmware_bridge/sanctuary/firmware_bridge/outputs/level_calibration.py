"""How loud a loudspeaker is at the pillow: measured once with a level meter, stored, used by name."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.outputs.sound_rendering import AMPLITUDE_CAP

TONE_HZ = 1000.0
TONE_AMPLITUDE = AMPLITUDE_CAP / 10.0
"""Amplitude of the tone that is measured: 20 dB below the amplitude cap."""
FULL_SCALE_DBA = (40.0, 130.0)
"""Levels that a full-scale sine of a loudspeaker near a pillow can have."""
_FILE_NAME = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class LevelCalibration:
    """One loudspeaker's.

    Attributes
    ----------
    device
        Name of the output device.
    full_scale_dba
        Level at the pillow of a 1 kHz sine of full scale.
    measured_at, by
        When, ISO 8601, and by whom.
    """

    device: str
    full_scale_dba: float
    measured_at: str
    by: str

    def __post_init__(self) -> None:
        if not all(isinstance(text, str) for text in (self.device, self.measured_at, self.by)):
            raise ValueError("device, measured_at and by must be text")
        low, high = FULL_SCALE_DBA
        if not (math.isfinite(self.full_scale_dba) and low <= self.full_scale_dba <= high):
            raise ValueError(f"full_scale_dba = {self.full_scale_dba}: must be {low:g} to {high:g} dBA")
        if not self.device or not self.measured_at:
            raise ValueError("device and measured_at must be given")

    @classmethod
    def of_tone(cls, device: str, measured_dba: float, measured_at: str, by: str) -> LevelCalibration:
        """Calibrate from the level at which the tone of `TONE_AMPLITUDE` was measured."""
        return cls(device, measured_dba - 20.0 * math.log10(TONE_AMPLITUDE), measured_at, by)


class LevelCalibrations:
    """All that are stored.

    Parameters
    ----------
    folder
        Where; made when something is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, device: str) -> Path:
        """Where a device's calibration lies, or would."""
        return self._folder / f"{_FILE_NAME.sub('-', device).strip('-') or 'default'}.json"

    def save(self, calibration: LevelCalibration) -> Path:
        """Store a calibration, in place of an earlier one.

        Raises
        ------
        InputError
            It cannot be written.
        """
        path = self.path(calibration.device)
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(calibration), indent=1) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error
        return path

    def load(self, device: str) -> LevelCalibration:
        """Read a device's calibration.

        Raises
        ------
        InputError
            There is none, or it is damaged; says what to do.
        """
        path = self.path(device)
        again = f'calibrate it: sanctuary sound calibrate "{device}"'
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f'{path}: the loudspeaker "{device}" has not been calibrated, and nobody knows how loud '
                f"it is; {again}"
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}); {again}") from error
        calibration = _parse(told, path, again)
        if calibration.device != device:
            raise InputError(f'{path}: device = "{calibration.device}" is another loudspeaker; {again}')
        return calibration


def _parse(told: Any, path: Path, again: str) -> LevelCalibration:
    if not isinstance(told, dict) or not isinstance(told.get("full_scale_dba"), int | float):
        raise InputError(f"{path}: full_scale_dba is missing or no number; {again}")
    try:
        return LevelCalibration(**told)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}; {again}") from error
