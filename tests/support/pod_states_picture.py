"""Draw the pod's table of states: ``docs/images/pod-states.svg``, written to standard output.

The ways come from the table alone. What is set here by hand is where they run; a way without a place, or a
place without a way, is a mistake that stops the drawing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from sanctuary.pods.pod.states import ENGAGED, LATCHED, TRANSITIONS, PodPhase, Trigger

_P, _T = PodPhase, Trigger
_UP = frozenset({_P.IDLE, _P.REQUALIFYING, _P.ELIGIBLE, *ENGAGED})
_FREE = frozenset(PodPhase) - LATCHED

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """States that share ways out, and the frame around them."""

    title: str
    members: frozenset[PodPhase]
    corner: Point
    size: Point


@dataclass(frozen=True, slots=True)
class Way:
    """One arrow: from a state or a frame, by a trigger, to a state."""

    start: str
    trigger: Trigger
    to: PodPhase


@dataclass(frozen=True, slots=True)
class Route:
    """Where an arrow runs, and where its name stands."""

    points: tuple[Point, ...]
    label: Point
    anchor: str = "middle"


FRAMES = (
    Frame("not latched", _FREE, (20, 20), (700, 510)),
    Frame("link up", _UP, (220, 50), (480, 460)),
    Frame("lease out", ENGAGED, (490, 215), (180, 270)),
    Frame("latched", LATCHED, (800, 120), (170, 330)),
)
"""From the outside in: a way that all states of a frame have is drawn once, from the outermost."""

PLACES: dict[PodPhase, Point] = {
    _P.OFFLINE: (110, 120),
    _P.CUT_OFF: (110, 430),
    _P.IDLE: (320, 120),
    _P.REQUALIFYING: (320, 430),
    _P.ELIGIBLE: (580, 120),
    _P.LEASED: (580, 270),
    _P.IN_WINDOW: (580, 430),
    _P.STOPPED: (885, 190),
    _P.WITHDRAWN: (885, 390),
}

ROUTES: dict[Way, Route] = {
    Way(_P.OFFLINE, _T.LINK_UP, _P.IDLE): Route(((170, 120), (258, 120)), (196, 112)),
    Way(_P.CUT_OFF, _T.LINK_UP, _P.REQUALIFYING): Route(((170, 440), (258, 440)), (196, 457)),
    Way("link up", _T.LINK_DOWN, _P.CUT_OFF): Route(((220, 290), (110, 290), (110, 405)), (165, 282)),
    Way(_P.REQUALIFYING, _T.PROVED, _P.IDLE): Route(((300, 405), (300, 147)), (292, 280), "end"),
    Way(_P.IDLE, _T.READY, _P.ELIGIBLE): Route(((380, 110), (518, 110)), (450, 102)),
    Way(_P.ELIGIBLE, _T.UNREADY, _P.IDLE): Route(((520, 130), (382, 130)), (450, 147)),
    Way(_P.ELIGIBLE, _T.LEASE, _P.LEASED): Route(((580, 145), (580, 243)), (588, 195), "start"),
    Way(_P.LEASED, _T.OPEN, _P.IN_WINDOW): Route(((580, 295), (580, 403)), (588, 355), "start"),
    Way("lease out", _T.LEAVE, _P.IDLE): Route(((490, 270), (350, 270), (350, 147)), (420, 262)),
    Way("lease out", _T.FALTER, _P.REQUALIFYING): Route(((490, 430), (382, 430)), (436, 422)),
    Way("not latched", _T.STOP, _P.STOPPED): Route(((720, 190), (823, 190)), (760, 182)),
    Way("not latched", _T.WITHDRAW, _P.WITHDRAWN): Route(((720, 390), (823, 390)), (760, 382)),
    Way(_P.STOPPED, _T.WITHDRAW, _P.WITHDRAWN): Route(((885, 215), (885, 363)), (893, 300), "start"),
    Way("latched", _T.RESET, _P.REQUALIFYING): Route(
        ((885, 450), (885, 560), (320, 560), (320, 457)), (600, 552)
    ),
}

_WIDTH, _HEIGHT, _HALF_W, _HALF_H = 1000, 590, 60, 25
_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"
 width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="14">
<title>States of a pod</title>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8"
 orient="auto"><path d="M0 0 10 5 0 10z" fill="#333"/></marker></defs>"""
_COLOURS = {"sounds": "#e8c36a", "latch": "#d98c7a", "wait": "#c9d8ea", "plain": "#f4f1ea"}


def ways() -> Iterator[Way]:
    """Read every way from the table; ways that lead nowhere else are left out."""
    shared: set[tuple[PodPhase, Trigger]] = set()
    for frame in FRAMES:
        first, *others = (TRANSITIONS[phase] for phase in sorted(frame.members))
        for trigger, to in first.items():
            if to in frame.members and to in LATCHED:
                continue
            if all(moves.get(trigger) == to for moves in others) and not _all_drawn(frame, trigger, shared):
                shared |= {(phase, trigger) for phase in frame.members}
                yield Way(frame.title, trigger, to)
    for phase, moves in TRANSITIONS.items():
        for trigger, to in moves.items():
            if to is not phase and (phase, trigger) not in shared:
                yield Way(phase, trigger, to)


def picture() -> str:
    """Give the picture as SVG.

    Raises
    ------
    LookupError
        The table has a way that has no place here, or the other way round.
    """
    wanted = set(ways())
    if wanted != set(ROUTES) or set(PLACES) != set(PodPhase):
        odd = sorted(f"{way.start} {way.trigger} {way.to}" for way in wanted ^ set(ROUTES))
        raise LookupError(f"picture of the pod's states: no place, or no way: {', '.join(odd)}")
    lines = [
        _HEAD,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *(_frame(frame) for frame in FRAMES),
        *(_arrow(way, ROUTES[way]) for way in sorted(wanted, key=lambda way: (way.start, way.trigger))),
        *(_box(phase) for phase in PodPhase),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _all_drawn(frame: Frame, trigger: Trigger, shared: set[tuple[PodPhase, Trigger]]) -> bool:
    return all((phase, trigger) in shared for phase in frame.members)


def _frame(frame: Frame) -> str:
    (x, y), (width, height) = frame.corner, frame.size
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="12" fill="none" stroke="#999"'
        f' stroke-dasharray="6 4"/><text x="{x + 12}" y="{y + 18}" fill="#666" font-style="italic">'
        f"{escape(frame.title)}</text>"
    )


def _arrow(way: Way, route: Route) -> str:
    points = " ".join(f"{x},{y}" for x, y in route.points)
    (x, y), name = route.label, escape(way.trigger.replace("_", " "))
    return (
        f'<polyline points="{points}" fill="none" stroke="#333" stroke-width="1.5" marker-end="url(#tip)"/>'
        f'<text x="{x}" y="{y}" text-anchor="{route.anchor}">{name}</text>'
    )


def _box(phase: PodPhase) -> str:
    x, y = PLACES[phase]
    kind = {_P.IN_WINDOW: "sounds", _P.REQUALIFYING: "wait", _P.CUT_OFF: "wait"}.get(phase, "plain")
    colour = _COLOURS["latch" if phase in LATCHED else kind]
    return (
        f'<rect x="{x - _HALF_W}" y="{y - _HALF_H}" width="{2 * _HALF_W}" height="{2 * _HALF_H}" rx="8"'
        f' fill="{colour}" stroke="#333" stroke-width="1.5"/><text x="{x}" y="{y + 5}" text-anchor="middle"'
        f' font-weight="bold">{escape(phase.replace("_", " "))}</text>'
    )


if __name__ == "__main__":
    sys.stdout.write(picture())
