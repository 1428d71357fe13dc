"""What to do about what did not work in a night."""

from __future__ import annotations

from collections.abc import Mapping

from sanctuary.config.errors import Cause

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
