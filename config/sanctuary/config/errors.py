"""The project's error tree.

::

    SanctuaryError          anything we raise on purpose; its text is one clear sentence for a person
    ├── InputError          the person can mend it: a file, an option, a setting (exit code 2)
    │   ├── ConfigError     one or more mistakes in settings, all listed (see `sanctuary.config.loading`)
    │   └── RecordingError  an EDF file or hypnogram that cannot be used
    ├── DeviceError         a headband or port that cannot be opened or does not answer
    ├── BrokerError         a broker that cannot be started or reached
    └── ProtocolError       a message, frame or signature that breaks its contract

Messages name the file, line or field, what was wrong, and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class SanctuaryError(Exception):
    """Base of every error that the project raises on purpose."""


class InputError(SanctuaryError):
    """Something a person gave us is wrong and can be mended by that person."""


class ConfigError(InputError):
    """Settings that cannot be used; the message lists every mistake found."""


class RecordingError(InputError):
    """A recorded night or hypnogram that is missing, damaged or of an unsupported kind."""


class Cause(StrEnum):
    """Why a device cannot be used; decides how patiently it is tried again."""

    RADIO_OFF = "radio off"
    """This machine has no Bluetooth, or it is switched off."""
    NOT_FOUND = "not found"
    """No such port or headband is there."""
    REFUSED = "refused"
    """It is there, but does not let itself be used: permission, another program, wrong answers."""
    DROPPED = "dropped"
    """It was connected and went away."""
    SILENT = "silent"
    """It is connected and sends nothing."""


class DeviceError(SanctuaryError):
    """A headband or its port cannot be opened, does not answer, or went away for good.

    Attributes
    ----------
    cause
        Why.
    """

    def __init__(self, message: str, cause: Cause = Cause.DROPPED) -> None:
        super().__init__(message)
        self.cause = cause


class BrokerError(SanctuaryError):
    """The MQTT broker cannot be started or reached."""


class ProtocolError(SanctuaryError):
    """A message, frame or signature that breaks its contract; the offender is refused, not obeyed."""
