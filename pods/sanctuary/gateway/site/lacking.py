"""What a pod lacks for its circles: a grant in force, a circle, a device; noted in the log, told in words.

A pod without a grant sleeps the whole night without a sound, and that is right; but nobody should have to
guess why. What is lacking is looked at again and again, for grants begin, end and come over the wire.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import UtcRange
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.reports.page import reason as in_words
from sanctuary.gateway.site.event_log import EventSink
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.protocol.gateway_records import TroubleEvent, trouble_record

_LOG = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0

Tell = Callable[[str], None]


def ungranted(
    book: ConsentBook,
    circle: str,
    design: LoadedDesign,
    utc: float | UtcRange,
    threshold_dba: float | None = None,
) -> str:
    """Say what a design asks for and the grants for its circle do not give; empty where they give it all.

    Returns
    -------
    str
        A `ConsentReason`, followed by the modalities that it concerns, if not all.
    """
    grant = book.in_force(circle, utc)
    if isinstance(grant, ConsentReason):
        return str(grant)
    if not book.covers_design(grant, design.hash):
        return str(ConsentReason.DESIGN)
    scope = grant.scope
    if missing := [modality for modality in design.design.modalities if modality not in scope.modalities]:
        return _with(ConsentReason.MODALITY, missing)
    asks = [*design.design.steps, *([design.design.answer] if design.design.answer else [])]
    louder = {
        ask.modality
        for ask in asks
        if (level := ask.level(threshold_dba)) is not None and level > scope.max_level(ask.modality)
    }
    return _with(ConsentReason.LEVEL, [modality for modality in Modality if modality in louder])


def _with(reason: ConsentReason, modalities: list[Modality]) -> str:
    return f"{reason} {' '.join(map(str, modalities))}" if modalities else ""


def said(lack: str) -> str:
    """Read what `ungranted` gives: ``modality not granted (light)``."""
    code, _, modalities = lack.partition(" ")
    return f"{in_words(code)} ({modalities.replace(' ', ', ')})" if modalities else in_words(code)


class GrantWatch:
    """Looks at the grants of one pod, and writes down each change of what is lacking.

    Parameters
    ----------
    circles
        Designs by circle, of the circles that the pod is a member of.
    tell
        Hears of it in a sentence; nobody by default.
    narrow
        Whether it is noted too that a grant in force leaves out some of what the design plays.
    """

    def __init__(
        self,
        pod: Pod,
        log: EventSink,
        circles: Mapping[str, LoadedDesign],
        tell: Tell = lambda _: None,
        *,
        narrow: bool = True,
    ) -> None:
        self._narrow = narrow
        self._pod, self._log, self._circles, self._tell = pod, log, circles, tell
        self._lacking: dict[str, str] = {}
        self._due_s = float("-inf")

    def look(self, now_s: float) -> None:
        """Look, if that was not done a moment ago; wanted every second or so."""
        if not self._due_s - LOOK_EVERY_S < now_s < self._due_s:
            self._due_s = now_s + LOOK_EVERY_S
            for circle, design in self._circles.items():
                self._look_at(circle, design, now_s)

    def _look_at(self, circle: str, design: LoadedDesign, now_s: float) -> None:
        pod, identity = self._pod, self._pod.identity
        lack = ungranted(pod.consent, circle, design, pod.utc(now_s), identity.threshold_dba)
        if " " in lack and not self._narrow:
            lack = ""
        before = self._lacking.get(circle, "")
        if lack == before:
            return
        self._lacking[circle] = lack
        event: TroubleEvent = "began" if lack else "ended"
        self._log.write(trouble_record("no_grant", event, now_s, pod=identity.pod, about=circle, detail=lack))
        if not lack:
            self._tell(f"{identity.pod}: its sleeper's grant covers circle {circle} from now on")
        elif " " in lack:
            self._tell(f"{identity.pod}: in circle {circle} some cues will be refused: {said(lack)}")
        else:
            why = f"no grant in force for circle {circle} ({said(lack)})"
            self._tell(f"{identity.pod}: {why}; no cue of it is rendered here")


def grant_watch(
    settings: SanctuarySettings,
    entry: PodEntry,
    pod: Pod,
    designs: Mapping[str, LoadedDesign],
    log: EventSink,
) -> GrantWatch:
    """Make the watch over one pod's grants; nobody warns of simulated sleepers, who sign as set."""
    mine = {circle.id: designs[circle.design] for circle in settings.circles if entry.id in circle.members}
    if entry.is_simulated:
        return GrantWatch(pod, log, mine, narrow=False)
    return GrantWatch(pod, log, mine, _LOG.warning)


def note_what_is_not_there(
    settings: SanctuarySettings,
    entry: PodEntry,
    designs: Mapping[str, LoadedDesign],
    log: EventSink,
    now_s: float,
    tell: Tell = _LOG.warning,
) -> None:
    """Note once, at the start, that a pod is in no circle, or has no device for what its circles play."""
    mine = [circle for circle in settings.circles if entry.id in circle.members]
    if not mine:
        log.write(trouble_record("no_circle", "noted", now_s, pod=entry.id))
        tell(f"{entry.id}: it is in no circle; its night is only recorded")
    if entry.is_simulated:
        return
    played = {modality for circle in mine for modality in designs[circle.design].design.modalities}
    devices = entry.devices
    there = {Modality.SOUND: devices.sound, Modality.LIGHT: devices.light, Modality.HAPTIC: devices.haptic}
    absent = [str(modality) for modality in Modality if modality in played and there[modality] is None]
    if absent:
        about = " and ".join(absent)
        log.write(trouble_record("no_output", "noted", now_s, pod=entry.id, about=about))
        tell(f"{entry.id}: no device for {about} (pods.devices); such cues go to the cue track alone")
