"""How a tortured pod knows the time: it asks by itself, in virtual time, and notices when a clock was set."""

from __future__ import annotations

from collections.abc import Callable

from sanctuary.pods.wire.clock import Offset, TimeResponse
from sanctuary.pods.wire.messages import read
from sanctuary.pods.wire.packets import Message


class OwnAsking:
    """Asks nothing, for this shell asks on a clock of its own; as of `PodTime`.

    Parameters
    ----------
    doubt
        Called when the shell should trust nothing that it measured, and ask at once.
    """

    in_burst = False

    def __init__(self, doubt: Callable[[], None]) -> None:
        self.doubt = doubt

    def hurry(self) -> None:
        """Do nothing."""

    def ask(self, _now_s: float) -> None:
        """Ask for nothing."""

    def take(self, message: Message, now_s: float) -> None:
        """Take nothing."""

    def news(self, _now_s: float) -> None:
        """Give nothing."""


def contradicts(payload: bytes, known: Offset, own_s: float) -> bool:
    """Tell whether an answer leaves no room for the offset that was known."""
    answer = read(TimeResponse, payload)
    low_s, high_s = answer.t3_s - own_s, answer.t2_s - answer.t1_s
    return known.offset_s + known.uncertainty_s < low_s or known.offset_s - known.uncertainty_s > high_s
