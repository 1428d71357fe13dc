"""Mentions a serial port that appeared while a named one is gone: a dongle may have come back renamed.

It is never connected to by itself: it may be anything, and which pod it is of is for a person to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

BY_ID = Path("/dev/serial/by-id")
"""Names that Linux gives to ports by what is plugged in; they stay the same wherever it is plugged in."""
EVERY_S = 5.0

Names = Mapping[str, str]
"""By device (``/dev/ttyUSB0``): its lasting name, or the device where it has none."""


def ports_now() -> Names:
    """List the serial ports of this machine."""
    from serial.tools import list_ports

    lasting = {}
    if BY_ID.is_dir():
        lasting = {os.path.realpath(path): str(path) for path in BY_ID.iterdir()}
    return {port.device: lasting.get(port.device, port.device) for port in list_ports.comports()}


class NewPorts:
    """Compares the ports that there are with those that there were.

    Parameters
    ----------
    named
        Ports that the settings name, by pod.
    listed
        Lists the ports.
    tell
        Hears of it in a sentence.
    """

    def __init__(
        self, named: Mapping[str, str], tell: Callable[[str], None], listed: Callable[[], Names] = ports_now
    ) -> None:
        self._named, self._tell, self._listed = named, tell, listed
        self._known: set[str] | None = None
        self._due_s = float("-inf")

    def look(self, now_s: float, gone: Iterable[str]) -> None:
        """Look, now and then, while pods lack their headband; `now_s` is monotonic."""
        if not self._named or now_s < self._due_s:
            return
        self._due_s = now_s + EVERY_S
        missing = [pod for pod in gone if pod in self._named]
        if self._known is not None and not missing:
            return
        ports = self._listed()
        if self._known is None:
            self._known = set(ports)
        ours = {os.path.realpath(port) for port in self._named.values()}
        fresh = [device for device in ports if device not in self._known and device not in ours]
        self._known |= set(ports)
        for device in fresh:
            self._mention(device, ports[device], missing)

    def _mention(self, device: str, name: str, missing: list[str]) -> None:
        lost = " and ".join(f"{self._named[pod]} of {pod}" for pod in missing)
        lasting = "" if name == device else f" (lasting name: {name})"
        self._tell(
            f"{lost} is gone, and a new serial port is there: {device}{lasting}; the same headband? Then "
            "name it in pods.headband.port, best by its lasting name"
        )
