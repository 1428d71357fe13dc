"""The family of faults by name, as somebody types them: ``drop=0.01``, ``stall=5@60``, ``electrode=2@60-90``.

A fault is a value; it makes its manipulator for whatever a headband is: bytes of a serial port or socket,
notifications of Bluetooth, or the signal itself. What befalls the link as a whole, to be disconnected and to
begin slowly, is up to whoever holds the link (`sanctuary.simulator.virtual_headband`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sanctuary.simulator.devices import faults, unit_faults
from sanctuary.simulator.devices import gatt as notification_faults
from sanctuary.simulator.devices.cyton.packets import PACKET_BYTES
from sanctuary.simulator.devices.faults import Manipulator
from sanctuary.simulator.devices.gatt import NotificationManipulator
from sanctuary.simulator.devices.source import ElectrodeOff, SignalSource
from sanctuary.simulator.devices.unit_faults import Clock

SOON_S = 10.0
"""When a stall, a silence or a loose electrode begins if nothing is said: the headband streams by then."""

_TEXT = re.compile(r"(?P<name>[a-z]+)=(?P<amount>[^@]+)(@(?P<begin>[^-]+)(-(?P<end>.+))?)?")


@dataclass(frozen=True, slots=True)
class Kind:
    """One member of the family.

    Attributes
    ----------
    usage
        How to write it, and what it does.
    least, most
        Bounds of the amount.
    timed
        Whether ``@`` may say when it begins; `ending`, whether also when it ends.
    """

    usage: str
    least: float
    most: float
    timed: bool = False
    ending: bool = False


KINDS: Mapping[str, Kind] = {
    "drop": Kind("drop=SHARE (packets lost, 0 to 1)", 0.0, 1.0),
    "bytes": Kind("bytes=SHARE (single bytes lost, 0 to 1)", 0.0, 1.0),
    "duplicate": Kind("duplicate=SHARE (packets that come twice, 0 to 1)", 0.0, 1.0),
    "reorder": Kind("reorder=SHARE (packets that come after the next one, 0 to 1)", 0.0, 1.0),
    "corrupt": Kind("corrupt=SHARE (packets with a wrong byte, 0 to 1)", 0.0, 1.0),
    "stall": Kind("stall=SECONDS[@FROM_S] (held back, then all at once)", 0.0, 86_400.0, timed=True),
    "silence": Kind("silence=SECONDS[@FROM_S] (nothing arrives)", 0.0, 86_400.0, timed=True),
    "electrode": Kind(
        "electrode=CHANNEL[@FROM_S[-TO_S]] (off the skin, from 1)", 1.0, 16.0, timed=True, ending=True
    ),
    "battery": Kind("battery=SECONDS (then it ends for good)", 0.0, 86_400.0),
    "disconnect": Kind("disconnect=SECONDS[@FROM_S] (unplugged, or out of reach)", 0.0, 86_400.0, timed=True),
    "slow": Kind("slow=SECONDS (to begin)", 0.0, 600.0),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong; made by `parse_fault`.

    Attributes
    ----------
    name
        A key of `KINDS`.
    amount
        Share, seconds or channel, as its kind says.
    seed
        Chooses what is hit.
    from_s, to_s
        When it begins, and when an electrode holds again; seconds after the first bytes, or of signal.
    """

    name: str
    amount: float
    seed: int
    from_s: float = SOON_S
    to_s: float = math.inf

    def for_bytes(
        self, clock: Clock, *, packet_bytes: int = PACKET_BYTES, start: bytes = faults.START
    ) -> Manipulator:
        """Make the manipulator of a byte stream; it changes nothing if the fault lies in the signal.

        Parameters
        ----------
        clock
            Monotonic seconds.
        packet_bytes, start
            Length of a packet, and the bytes that it begins with.
        """
        if self.name in _ON_BYTES:
            make = _ON_BYTES[self.name]
            return make(self.amount, self.seed, packet_bytes=packet_bytes, start=start)
        if self.name == "bytes":
            return faults.drop_bytes(self.amount, self.seed)
        if self.name == "stall":
            return faults.stall(self.amount, self.from_s, clock)
        if self.name in ("silence", "battery"):
            return faults.silence_by_clock(*self._silence(), clock)
        return faults.untouched

    def for_notifications(self, clock: Clock) -> NotificationManipulator:
        """Make the manipulator of a Bluetooth headband's notifications; `clock` is monotonic seconds."""
        if self.name in _ON_NOTIFICATIONS:
            return _ON_NOTIFICATIONS[self.name](self.amount, self.seed)
        if self.name == "stall":
            return unit_faults.stall(self.amount, self.from_s, clock)
        if self.name in ("silence", "battery"):
            return unit_faults.silence(*self._silence(), clock)
        return notification_faults.untouched

    def for_source(self, source: SignalSource, fs_hz: float) -> SignalSource:
        """Wrap the signal; it comes back as it is if the fault lies on the way."""
        if self.name != "electrode":
            return source
        return ElectrodeOff(source, fs_hz, round(self.amount) - 1, self.from_s, self.to_s)

    def _silence(self) -> tuple[float, float]:
        """Duration and beginning."""
        return (math.inf, self.amount) if self.name == "battery" else (self.amount, self.from_s)


_ON_BYTES: Mapping[str, Callable[..., Manipulator]] = {
    "drop": faults.drop_packets,
    "duplicate": faults.duplicate_packets,
    "reorder": faults.reorder_packets,
    "corrupt": faults.corrupt_packets,
}
_ON_NOTIFICATIONS: Mapping[str, Callable[[float, int], NotificationManipulator]] = {
    "drop": unit_faults.drop,
    "duplicate": unit_faults.duplicate,
    "reorder": unit_faults.reorder,
    "corrupt": notification_faults.corrupt,
    "bytes": notification_faults.lose_bytes,
}


def parse_fault(text: str, seed: int) -> Fault:
    """Read a fault as somebody types it.

    Parameters
    ----------
    text
        ``NAME=AMOUNT``, for some kinds with ``@FROM_S`` or ``@FROM_S-TO_S``; see `KINDS`.
    seed
        Chooses what is hit.

    Raises
    ------
    ValueError
        No such fault, or no such amount; says how faults are written.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None or match["name"] not in KINDS:
        raise ValueError(f"fault {text!r}: must be one of {_usages(list(KINDS.values()))}")
    name, kind = match["name"], KINDS[match["name"]]
    amount = _number(match["amount"])
    if not kind.least <= amount <= kind.most or (name == "electrode" and amount % 1.0):
        raise ValueError(
            f"fault {text!r}: must be {kind.usage}, at least {kind.least:g}, at most {kind.most:g}"
        )
    if (match["begin"] and not kind.timed) or (match["end"] and not kind.ending):
        raise ValueError(f"fault {text!r}: must be {kind.usage}, without more times")
    begin_s = _number(match["begin"]) if match["begin"] else SOON_S
    end_s = _number(match["end"]) if match["end"] else math.inf
    if not 0.0 <= begin_s < end_s:
        raise ValueError(
            f"fault {text!r}: must be {kind.usage}, with times in seconds, the earlier one first"
        )
    return Fault(name, amount, seed, begin_s, end_s)


def _number(text: str) -> float:
    """Read a number; NaN, which lies in no range, for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _usages(kinds: Sequence[Kind]) -> str:
    return ", ".join(kind.usage for kind in kinds)
