"""What may be kept of a sleeper from night to night: the level of the band powers, and the eye calibration.

Nothing is kept without the sleeper's consent, and all of it can be deleted: see
`sanctuary.gateway.sleeper_memories`. EEG cannot be reconstructed from these few numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sanctuary.config.errors import InputError
from sanctuary.signal.eye_calibration import EyeCalibration
from sanctuary.signal.filters import BAND_NAMES
from sanctuary.signal.samples import FloatArray

SCHEMA = "sanctuary.memory.v1"
LEAST_MIN = 60.0
"""Minutes of usable sleep recording below which a night is not learned from."""


@dataclass(frozen=True, slots=True, eq=False)
class SleeperMemory:
    """One sleeper's numbers.

    Attributes
    ----------
    level_db
        Shape ``(5,)``: level of the log band powers at the end of the last night, dB; None if there was no
        night yet.
    nights
        Nights that went into it.
    calibration
        The sleeper's own gaze, from the "eyes left, eyes right" routine; None if it was not done.
    """

    level_db: FloatArray | None = None
    nights: int = 0
    calibration: EyeCalibration | None = None

    def to_json(self) -> str:
        """Text of a memory file."""
        level_db = None if self.level_db is None else np.round(self.level_db, 4).tolist()
        calibration = None if self.calibration is None else self.calibration.to_dict()
        body = {"schema": SCHEMA, "bands": list(BAND_NAMES), "nights": self.nights, "level_db": level_db}
        return json.dumps({**body, "calibration": calibration}, indent=1) + "\n"


def parse_memory(text: str, origin: str) -> SleeperMemory:
    """Read a memory file's text.

    Raises
    ------
    InputError
        Naming `origin` and what does not fit.
    """
    try:
        body = json.loads(text)
        if not isinstance(body, Mapping) or body.get("schema") != SCHEMA:
            raise ValueError(f"it is not of schema {SCHEMA!r}")
        if body["bands"] != list(BAND_NAMES):
            raise ValueError("its bands are not those of this version")
        calibration = body["calibration"]
        return SleeperMemory(
            _level(body["level_db"]),
            int(body["nights"]),
            None if calibration is None else EyeCalibration.from_dict(calibration),
        )
    except KeyError as error:
        raise InputError(f"{origin}: not a sleeper's memory: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{origin}: not a sleeper's memory: {error}") from error


def _level(values: Any) -> FloatArray | None:
    if values is None:
        return None
    level_db = np.array(values, dtype=np.float64)
    if level_db.shape != (len(BAND_NAMES),) or not np.isfinite(level_db).all():
        raise ValueError(f"level_db must hold {len(BAND_NAMES)} finite numbers")
    return level_db
