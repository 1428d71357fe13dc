"""All drivers by name.

Adding a headband: write its codec under `codecs`, its session and `Driver` here beside the others, and name
it in `DRIVERS`; settings, `sanctuary devices`, `sanctuary scan` and captures know it then.
"""

from __future__ import annotations

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.drivers.always import FREEEEG32, THINKGEAR, ZMAX
from sanctuary.firmware_bridge.drivers.base import Driver
from sanctuary.firmware_bridge.drivers.cyton import CYTON, DAISY
from sanctuary.firmware_bridge.drivers.ganglion import GANGLION
from sanctuary.firmware_bridge.drivers.muse import ATHENA, MUSE

DRIVERS: dict[str, Driver] = {
    driver.name: driver for driver in (CYTON, DAISY, GANGLION, MUSE, ATHENA, ZMAX, THINKGEAR, FREEEEG32)
}


def driver_named(name: str) -> Driver:
    """Give the driver of a name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in DRIVERS:
        raise InputError(f"{name}: no such headband; there are {', '.join(DRIVERS)}")
    return DRIVERS[name]
