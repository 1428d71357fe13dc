"""What to do about what did not work in a night.

Says once that everything runs, and before that what is still waited for.

Another sanctuary with the same `site.id` at one broker: heard by its claims, which its own key has signed.

Gateways of one sanctuary share a secret, so that each knows the others' claims. A claim on our topics with
another signature is of another sanctuary, or of one whose secret was lost. Nothing of it is ever obeyed; but
its pods' snapshots would stand on the topics of ours, so people must know, best before the night begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nacl.signing import VerifyKey

from sanctuary.config.errors import Cause, ProtocolError
from sanctuary.firmware_bridge.stream.reader import HeadbandState
from sanctuary.pods.coordinator.claims import SOLE_RENEW_S
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol.envelope import Kind, unseal
from sanctuary.pods.protocol.messages import GatewayClaim, read

HEADBANDS: Mapping[str, str] = {
    Cause.RADIO_OFF: "Switch this machine's Bluetooth on (`bluetoothctl power on`), or plug a dongle in.",
    Cause.NOT_FOUND: "Switch the headband on and see that it is charged; `sanctuary devices` and `sanctuary "
    "scan` show what is there: pods.headband must name it.",
    Cause.REFUSED: "See that no other program uses it, and that you may use the port (group dialout).",
    Cause.DROPPED: "Charge it, bring receiver and headband nearer to each other, and see that the plug sits "
    "firmly.",
    Cause.SILENT: "It is connected and sends nothing: switch it off and on again, and charge it.",
}
"""By the cause that a headband's driver gave."""

GRANTS: Mapping[str, str] = {
    "no_grant": "The sleeper signs a grant for this circle and design; put it into consent/POD/ of "
    "site.data_dir, or send it to the pod.",
    "entries_missing": "Entries that were here before are not any more: restore consent/POD/ from a backup.",
    "withdrawn": "The sleeper withdrew. That stands until they sign a new grant.",
    "forked": "Two different entries have one number: the key may be stolen. The sleeper begins a new one.",
    "uncited_withdrawal": "The newest grant does not follow on from the withdrawal before it: sign it anew.",
    "grant_not_yet_in_force": "The grant begins later: see its period (nbf), and this machine's date.",
    "grant_expired": "The grant has ended: the sleeper signs a new one.",
    "design_not_granted": "The grant is for another design, or for another version of it: sign it for this.",
    "modality_not_granted": "The grant leaves out a kind of cue that the design plays; nothing is wrong if "
    "that is meant.",
    "level_above_grant": "The design is louder or brighter than granted; nothing is wrong if that is meant.",
}
"""By the reason why consent does not cover what was asked."""

REST: Mapping[str, str] = {
    "latched": "Somebody pressed stop, or withdrew by hand; that outlasts restarts, and stands in "
    "pods/POD/memory.json of site.data_dir.",
    "signal_unusable": "See to the electrodes: clean the skin, moisten or tighten them; hair lies between.",
    "link_lost": "Look at the broker's log, and at the network between it and this machine.",
    "site_shared": "Give each sanctuary at the broker a site.id of its own.",
    "broker_died": "Look at this machine's log for why it ended; an external broker outlives this program.",
    "clock_unsynchronised": "See `timedatectl` or `chronyc tracking`, or set clock.allow_unsynchronised = "
    "true where somebody has set the clock by hand (docs/clock.md).",
    "clock_doubted": "A clock was wrong: see docs/clock.md.",
    "clock_set": "Somebody or something set a clock: see docs/clock.md.",
    "cue_missed": "This machine stood still at a cue's moment: see what else ran on it.",
    "no_circle": "Name the pod among the members of a [[circles]] table, unless it is only to be recorded.",
    "no_output": "Name a device in pods.devices; the cue track holds what it would have rendered.",
    "output_failed": "See that the device has power and is plugged in or reachable.",
    "samples_dropped": "This machine is too slow for its pods: stop other programs, or give it fewer pods.",
    "chain_failed": "This is a mistake in the program: please report it with this machine's log.",
    "not_recorded": "See that site.data_dir has room and can be written.",
    "log_unwritten": "See that site.data_dir has room and can be written; no cue sounds without it.",
    "entry_refused": "The entry is of another person, pod or sanctuary, or damaged: have it signed anew.",
}
CUES: Mapping[str, str] = {
    "memory_not_kept": "See that site.data_dir has room and can be written.",
    "log_not_kept": "See that site.data_dir has room and can be written.",
    "no_threshold": "Measure the sleeper's hearing threshold and set threshold_dba; the design goes by it.",
}


def advice_for(what: str, reason: str, cause: str = "") -> str:
    """Say what to do about a problem; empty where there is nothing to say.

    Parameters
    ----------
    what, reason
        As in `Problem`.
    cause
        Of a headband, one of `Cause`.
    """
    word = reason.partition(" ")[0]
    match what:
        case "link_lost" if "another program" in reason:
            return "End the other program: two must not share a data folder, or a copy of one."
        case "headband_missing" | "headband_lost":
            return HEADBANDS.get(cause, HEADBANDS[Cause.DROPPED])
        case "no_grant" | "grant_too_narrow":
            return GRANTS.get(word, "")
        case "cue_refused":
            return CUES.get(word, "")
    return REST.get(what, "")


PATIENCE_S = 5.0
"""What is still missing after this is told; most nights are running by then, or wait for a circle."""


@dataclass(frozen=True, slots=True)
class PodNow:
    """How a pod stands at a moment; `headband` is None before it is looked for."""

    id: str
    linked: bool
    headband: HeadbandState | None


def awaited(pods: Iterable[PodNow], circles: Iterable[str]) -> list[str]:
    """Name what has neither come nor failed yet.

    Parameters
    ----------
    circles
        Those that this gateway is to hold and does not yet.
    """
    missing = []
    for pod in pods:
        if not pod.linked:
            missing.append(f"the broker for {pod.id}")
        state = pod.headband
        if state is None or (state.state == "connecting" and state.cause is None):
            missing.append(f"the headband of {pod.id}")
    return [*missing, *(f"circle {circle}" for circle in circles)]


def running(pods: Iterable[PodNow]) -> str:
    """Say that everything runs, and which headbands are still tried."""
    pods = list(pods)
    tried = [
        f"{pod.id} ({pod.headband.cause})"
        for pod in pods
        if pod.headband is not None and pod.headband.cause is not None
    ]
    told = f"running: {', '.join(pod.id for pod in pods)}"
    if tried:
        told += f"; headbands that are not there yet are tried again and again: {', '.join(tried)}"
    return f"{told}; Ctrl-C ends the night"


class Readiness:
    """Looks at the pods until everything runs.

    Parameters
    ----------
    tell
        Hears of it in a sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._began_s: float | None = None
        self._told = False
        self.is_complete = False

    def look(self, now_s: float, pods: Sequence[PodNow], circles: Sequence[str]) -> None:
        """Look, at monotonic seconds `now_s`."""
        if self.is_complete:
            return
        if self._began_s is None:
            self._began_s = now_s
        missing = awaited(pods, circles)
        if not missing:
            self.is_complete = True
            self._tell(running(pods))
        elif not self._told and now_s - self._began_s >= PATIENCE_S:
            self._told = True
            self._tell(f"starting; still waiting for {', '.join(missing)}")


KEPT_S = 0.5
"""What the broker kept comes with the subscription, within this."""
LIVE_S = 2.5 * SOLE_RENEW_S
"""A gateway that lives claims anew within this."""


class Strangers:
    """Listens to the claims on the topics of a site.

    Parameters
    ----------
    key
        With which the gateways of this sanctuary sign.

    Attributes
    ----------
    kept
        Whether the broker kept a claim of a stranger that was not given up: of one that lives or has died.
    live
        Whether a stranger has claimed while we listened.
    reported
        Whether people were told of a live one.
    listening
        To be set once all is in that the broker had kept, retained or queued for us since we were here last.
    """

    def __init__(self, key: VerifyKey) -> None:
        self._key = key
        self.kept = False
        self.live = False
        self.listening = False
        self.reported = False

    def hear(self, message: MqttMessage) -> None:
        """Take a message of the topic of claims."""
        claim = self._foreign(message.payload)
        if claim is None or claim.released:
            return
        if message.retain or not self.listening:
            self.kept = True
        else:
            self.live = True

    def _foreign(self, payload: bytes) -> GatewayClaim | None:
        try:
            unseal(Kind.CLAIM, payload, self._key)
        except ProtocolError:
            try:
                return read(GatewayClaim, payload.partition(b"\n")[0])
            except ProtocolError:
                return None  # neither a claim of ours nor of anybody's
        return None


def told(site: str, where: str) -> str:
    """Say in a sentence what is wrong and what to do."""
    return (
        f'site.id = "{site}": another sanctuary of this name is at work at {where}; set one of its own for '
        "each (where they are to be one, give both the same secret.key)"
    )
