"""Whose night it is, by its name: nights of one person are never split between training and testing.

Known are the names of public sets in which a person has several nights. Of other names the first letters
count, which rather takes two persons for one than one for two.
"""

from __future__ import annotations

import re

LETTERS = 5
"""First letters of a night's name that are its person, where the name is of no known set."""
_SETS = (
    re.compile(r"(?P<who>(?:SC4|ST7)\d\d)\d", re.IGNORECASE),  # Sleep-EDF: subject, then night
    re.compile(r"(?P<who>\d\d-\d\d-\d{4})\b"),  # MASS: cohort, subset, subject
    re.compile(r"(?P<set>shhs|cfs|mros|sof|mesa|chat|ccshs|abc|apoe|apples|heartbeat|homepap|hchs|nchsdb|wsc|msp"
               r"|numom2b)(?:[ _-]?(?:visit|exam|v)?[ _-]?\d{1,2})?(?:[ _-][a-z]{3,}\d{0,2})*"
               r"[ _-](?P<who>[a-z]{0,2}\d{3,})", re.IGNORECASE),  # NSRR: set, visit, subject
    re.compile(r"(?P<who>SN\d{3})\b", re.IGNORECASE),  # HMC
    re.compile(r"(?P<who>ucddb\d{3})", re.IGNORECASE),  # SVUH
    re.compile(r"(?P<who>(?:brux|ins|n|narco|nfle|plm|rbd|sdb)\d{1,2})(?![0-9a-z])", re.IGNORECASE),  # CAP
)  # fmt: skip
_BIDS = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9]+)")
_ISRUC = re.compile(r"(?:^|/)(?P<who>\d{1,3})/(?:[12]/)?\d{1,3}\.rec$", re.IGNORECASE)
"""Subject, of the second group two nights below, then a file of the folder's name."""


def person_of(name: str, path: str, letters: int | None = None) -> str:
    """Name the person of a night.

    Parameters
    ----------
    name
        Of the night.
    path
        Of its recording, ``/`` between folders.
    letters
        First letters of the name that are the person, 0 for the whole name; None reads the names of public
        sets, and takes `LETTERS` of others.
    """
    if letters is None:
        return known_person(name, path) or name[:LETTERS]
    return name[:letters] if letters else name


def known_person(name: str, path: str) -> str | None:
    """Person by the names of a public set, or None."""
    if subjects := _BIDS.findall(name) or _BIDS.findall(path):
        return str(subjects[-1])
    for pattern in _SETS:
        if found := pattern.match(name.rpartition("/")[2]):
            parts = found.groupdict()
            return f"{parts['set'].lower()}-{parts['who']}" if "set" in parts else found["who"]
    found = _ISRUC.search(path)
    return found["who"] if found else None
