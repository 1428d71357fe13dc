"""Why windows close."""

from __future__ import annotations

from enum import StrEnum


class ClosingReason(StrEnum):
    """Stands in `close` commands and in the records of windows."""

    NO_QUORUM = "no_quorum"
    """Too few answered the offer; nothing ever played."""
    QUORUM_LOST = "quorum_lost"
    """Live leases fell below k (C4)."""
    DESIGN_DONE = "design_done"
    MAX_LENGTH = "max_length"
    HANDED_OVER = "handed_over"
    """Another gateway takes the circle, in order."""
    STOPPED = "stopped"
    """This gateway ends its work, in order."""
    TERM_RAISED = "term_raised"
    """A pod knows a higher term than the one that the window was opened in."""
    CLOCK_SET = "clock_set"
    """The sanctuary clock was set back under this gateway."""
    SUPERSEDED = "superseded"
    """A higher claim was heard. No command goes out; pods fall silent as their time runs out."""
    LINK_LOST = "link_lost"
    """This gateway lost the broker. As above."""
    CONTESTED = "contested"
    """This gateway was cut off, and meanwhile another one claimed. As above."""
