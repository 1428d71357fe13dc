"""Device faults by name, as typed on the command line: ``drop=0.01``, ``stall=5@60``, ``electrode=2@60-90``.

A `DeviceFault` is a value. It makes the manipulator for each kind of link: bytes of a serial port or socket,
notifications of Bluetooth LE, or the signal itself. Faults of the link as a whole (disconnection, a slow
start) are carried out by `sanctuary.simulator.virtual_headband`, which holds the link.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.cyton_packets import PACKET_BYTES
from sanctuary.simulator.devices.link_faults import ByteManipulator, Clock, NotificationManipulator
from sanctuary.simulator.devices.signal_source import ElectrodeOff, SignalSource

SOON_S = 10.0
"""When a stall, a silence or a loose electrode begins by default: the headband streams by then."""

_TEXT = re.compile(r"(?P<name>[a-z]+)=(?P<amount>[^@]+)(@(?P<begin>[^-]+)(-(?P<end>.+))?)?")


@dataclass(frozen=True, slots=True)
class FaultSpec:
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


FAULT_SPECS: Mapping[str, FaultSpec] = {
    "drop": FaultSpec("drop=SHARE (packets lost, 0 to 1)", 0.0, 1.0),
    "bytes": FaultSpec("bytes=SHARE (single bytes lost, 0 to 1)", 0.0, 1.0),
    "duplicate": FaultSpec("duplicate=SHARE (packets that come twice, 0 to 1)", 0.0, 1.0),
    "reorder": FaultSpec("reorder=SHARE (packets that come after the next one, 0 to 1)", 0.0, 1.0),
    "corrupt": FaultSpec("corrupt=SHARE (packets with a wrong byte, 0 to 1)", 0.0, 1.0),
    "stall": FaultSpec("stall=SECONDS[@FROM_S] (held back, then all at once)", 0.0, 86_400.0, timed=True),
    "silence": FaultSpec("silence=SECONDS[@FROM_S] (nothing arrives)", 0.0, 86_400.0, timed=True),
    "electrode": FaultSpec(
        "electrode=CHANNEL[@FROM_S[-TO_S]] (off the skin, from 1)", 1.0, 16.0, timed=True, ending=True
    ),
    "battery": FaultSpec("battery=SECONDS (then it ends for good)", 0.0, 86_400.0),
    "disconnect": FaultSpec(
        "disconnect=SECONDS[@FROM_S] (unplugged, or out of reach)", 0.0, 86_400.0, timed=True
    ),
    "slow": FaultSpec("slow=SECONDS (to begin)", 0.0, 600.0),
}


@dataclass(frozen=True, slots=True)
class DeviceFault:
    """Something that goes wrong; made by `parse_fault`.

    Attributes
    ----------
    name
        A key of `FAULT_SPECS`.
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
    ) -> ByteManipulator:
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
            return faults.stall_bytes(self.amount, self.from_s, clock)
        if self.name in ("silence", "battery"):
            return faults.silence_bytes(*self._silence(), clock)
        return faults.untouched

    def for_notifications(self, clock: Clock) -> NotificationManipulator:
        """Make the manipulator of a Bluetooth headband's notifications; `clock` is monotonic seconds."""
        if self.name in _ON_NOTIFICATIONS:
            return _ON_NOTIFICATIONS[self.name](self.amount, self.seed)
        if self.name == "stall":
            return faults.stall(self.amount, self.from_s, clock)
        if self.name in ("silence", "battery"):
            return faults.silence(*self._silence(), clock)
        return faults.untouched

    def for_source(self, source: SignalSource, fs_hz: float) -> SignalSource:
        """Wrap the signal; it comes back as it is if the fault lies on the way."""
        if self.name != "electrode":
            return source
        return ElectrodeOff(source, fs_hz, round(self.amount) - 1, self.from_s, self.to_s)

    def _silence(self) -> tuple[float, float]:
        """Duration and beginning."""
        return (math.inf, self.amount) if self.name == "battery" else (self.amount, self.from_s)


_ON_BYTES: Mapping[str, Callable[..., ByteManipulator]] = {
    "drop": faults.drop_packets,
    "duplicate": faults.duplicate_packets,
    "reorder": faults.reorder_packets,
    "corrupt": faults.corrupt_packets,
}
_ON_NOTIFICATIONS: Mapping[str, Callable[[float, int], NotificationManipulator]] = {
    "drop": faults.drop,
    "duplicate": faults.duplicate,
    "reorder": faults.reorder,
    "corrupt": faults.corrupt_notifications,
    "bytes": faults.shorten_notifications,
}


def parse_fault(text: str, seed: int) -> DeviceFault:
    """Parse a fault as typed.

    Parameters
    ----------
    text
        ``NAME=AMOUNT``, for some kinds with ``@FROM_S`` or ``@FROM_S-TO_S``; see `FAULT_SPECS`.
    seed
        Chooses what is hit.

    Raises
    ------
    ValueError
        No such fault, or no such amount; the message says how faults are written.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None or match["name"] not in FAULT_SPECS:
        raise ValueError(f"fault {text!r}: must be one of {_usages(list(FAULT_SPECS.values()))}")
    name, kind = match["name"], FAULT_SPECS[match["name"]]
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
    return DeviceFault(name, amount, seed, begin_s, end_s)


def _number(text: str) -> float:
    """Read a number; NaN, which lies in no range, for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _usages(kinds: Sequence[FaultSpec]) -> str:
    return ", ".join(kind.usage for kind in kinds)
