"""Whom a coordinator speaks for, and its two clocks."""

from __future__ import annotations

from dataclasses import dataclass

from nacl.signing import SigningKey

from sanctuary.pods.effects import IdSource


@dataclass(frozen=True)
class Office:
    """A gateway in its role as coordinator.

    Attributes
    ----------
    gateway
        Its id.
    key
        Signs commands and claims; the same for all gateways of a site.
    ids
        Source of ids that were never used before; its boot tells this start from others.
    gateways
        Ids of all gateways of the site, in the same order everywhere.
    """

    site: str
    gateway: str
    key: SigningKey
    ids: IdSource
    gateways: tuple[str, ...] = ("gateway-1",)


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on both clocks.

    The shell reads the sanctuary clock first. Should the process be put to sleep between the two readings,
    then `alive_s` is the later one: authority is found to be out, and no command is made. The other way
    round a command would be given a life that begins after the authority for it has ended.

    Attributes
    ----------
    t_s
        The sanctuary clock: stands in commands and records; may be set.
    alive_s
        This computer's own clock, for authority and fences; it never stands still,
        not even while the computer sleeps.
    """

    t_s: float
    alive_s: float
