"""A serial port: bytes in, bytes out, and clear words when it goes wrong."""

from __future__ import annotations

import errno
import os
import select

import serial

from sanctuary.config.errors import DeviceError

BAUD = 115_200
"""The Cyton dongle's fixed rate, 8N1, no flow control."""
READ_BYTES = 65_536

_HINTS = {
    errno.ENOENT: "there is no such port; plug the dongle in, and see `ls /dev/ttyUSB*`",
    errno.EACCES: "permission denied; add yourself to the group `dialout` and log in again",
    errno.EBUSY: "another program uses it; close that one first",
    errno.EAGAIN: "another program uses it; close that one first",
    errno.EIO: "the port does not answer; unplug the dongle and plug it in again",
    errno.ENOTTY: "it is not a serial port",
}


class SerialTransport:
    """An open port, held exclusively.

    Parameters
    ----------
    port
        Path, such as ``/dev/ttyUSB0``.

    Raises
    ------
    DeviceError
        It cannot be opened; says why and what to do.
    """

    def __init__(self, port: str) -> None:
        self.port = port
        try:
            self._serial = serial.Serial(port, BAUD, timeout=0.0, write_timeout=2.0, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            raise DeviceError(f"{port}: cannot be opened: {_hint(error)}") from error

    def read(self, timeout_s: float) -> bytes:
        """Read what is there; wait at most `timeout_s` for the first byte. Empty if none came.

        Raises
        ------
        DeviceError
            The port went away.
        """
        try:
            ready, _, _ = select.select([self._serial], [], [], timeout_s)
            data: bytes = self._serial.read(READ_BYTES) if ready else b""
        except (serial.SerialException, OSError, TypeError, ValueError) as error:
            raise DeviceError(f"{self.port}: the headband went away ({_reason(error)})") from error
        return data

    def write(self, data: bytes) -> None:
        """Write all of `data`.

        Raises
        ------
        DeviceError
            The port went away or takes nothing.
        """
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise DeviceError(f"{self.port}: the headband takes no commands ({_reason(error)})") from error

    def close(self) -> None:
        """Close the port; a port that has gone is closed as well."""
        try:
            self._serial.close()
        except (serial.SerialException, OSError):
            return


def _hint(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if isinstance(error, serial.SerialException) and "lock" in str(error).lower():
        number = errno.EBUSY
    return _HINTS.get(number or 0, _reason(error))


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
