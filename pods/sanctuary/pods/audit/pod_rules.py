"""What must be true of each pod between cues: silence in time, consent, and REM proved anew (P2, P4).

Written against the records, with none of the pod's own code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import inf

from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.audit.invariants import Violation
from sanctuary.pods.audit.monitor import TICK_S, LogLine, Monitor, step_of

_PRESSED = frozenset({"stop_pressed", "link_lost", "headband_lost"})
_WITHDRAWALS = frozenset({"withdraw", "withdraw_here"})


@dataclass(slots=True)
class _Sounding:
    """A cue that nothing has silenced yet; `deadline_s` once there is a cause to."""

    line: LogLine
    over_s: float
    deadline_s: float = inf
    cause_s: float = inf
    cause: str = ""
    hold_s: float = -inf


class SilenceMonitor(Monitor):
    """P4: the first cause to stop that falls into a cue must be followed by silence within 1 s.

    What time alone brings about (EEG that goes stale, a window that runs out) is a cause as well. A machine
    that hangs, as a ``hang`` record says, keeps no promise until it goes on; its cue ends by its own length.
    """

    kinds = frozenset({"cue", "silence", "pod", "estimate", "consent", "pod_window", "hang"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._sounding: list[_Sounding] = []
        self._stale_s = inf
        self._valid_s: dict[str, float] = {}
        self._bars = _Bars()

    def push(self, line: LogLine) -> Iterator[Violation]:
        kind, t_s = line["kind"], line["t_s"]
        if kind == "cue":
            if line["outcome"] == "rendered":
                if bar := self._bars.against(t_s, self.slack_s):
                    yield self.broken("P4", t_s, f"{step_of(line)} sounded while {bar}")
                self._sounding.append(_Sounding(line, t_s + line["duration_s"]))
        elif kind == "silence":
            self._sounding.clear()
        elif kind == "hang":
            self._hold(line["until_s"])
        else:
            self._note(line, t_s)
            self._bars.push(line)
        self._wait()

    def advance(self, t_s: float) -> Iterator[Violation]:
        if self._stale_s < t_s:
            self._cause(self._stale_s, "the EEG went stale")
            self._stale_s = inf
        for window, until_s in [*self._valid_s.items()]:
            if until_s < t_s:
                self._cause(until_s, "the window's time ran out")
                del self._valid_s[window]
        for one in [*self._sounding]:
            if one.deadline_s + self.slack_s < t_s:
                text = f"{step_of(one.line)} sounded on after {one.cause} at {one.cause_s:.1f} s"
                yield self.broken("P4", one.cause_s, text)
                self._sounding.remove(one)
            elif one.cause_s == inf and one.over_s < t_s:
                self._sounding.remove(one)
        self._wait()

    def _hold(self, until_s: float) -> None:
        """Demand nothing before the machine goes on."""
        for one in self._sounding:
            one.hold_s = until_s + TICK_S
            if one.cause:
                one.deadline_s = max(one.deadline_s, one.hold_s)
        self._stale_s = max(self._stale_s, until_s)
        self._valid_s = {window: max(end_s, until_s) for window, end_s in self._valid_s.items()}

    def _note(self, line: LogLine, t_s: float) -> None:
        match line["kind"]:
            case "pod":
                self._on_pod_event(line["event"], t_s)
            case "estimate":
                self._stale_s = max(line["sampled_s"] + self._settings.stale_s, t_s)
                if line["arousal"]:
                    self._cause(t_s, "an arousal")
            case "consent" if line["act"] in _WITHDRAWALS:
                self._cause(t_s, "a withdrawal")
            case "pod_window" if line["event"] in ("opened", "extended"):
                before_s = self._valid_s.get(line["window"], -inf)
                self._valid_s[line["window"]] = max(before_s, line["valid_until_s"])
            case "pod_window" if line["event"] == "left":
                self._valid_s.pop(line["window"], None)
                self._cause(t_s, "the window was left")

    def _on_pod_event(self, event: str, t_s: float) -> None:
        if event in _PRESSED:
            self._cause(t_s, event)
        elif event in ("booted", "crashed"):
            self._sounding.clear()
            self._valid_s.clear()
            self._stale_s = inf

    def _cause(self, t_s: float, name: str) -> None:
        for one in self._sounding:
            if one.cause_s == inf and one.line["t_s"] - self.slack_s <= t_s < one.over_s - TICK_S:
                one.cause_s, one.cause, one.deadline_s = t_s, name, max(t_s + TICK_S, one.hold_s)

    def _wait(self) -> None:
        if not self._sounding:
            self.due_s = inf
            return
        over_s = min(min(one.over_s, one.deadline_s + self.slack_s) for one in self._sounding)
        self.due_s = min(over_s, self._stale_s, min(self._valid_s.values(), default=inf))


class _Bars:
    """What forbids a pod any sound: latch, link, time of the window."""

    def __init__(self) -> None:
        self._latch, self._link_up, self._valid_s = "", True, -inf
        self._booted_s = -inf

    def against(self, t_s: float, slack_s: float) -> str:
        """Name the bar that is down."""
        if self._latch or not self._link_up:
            return self._latch or "offline"
        return "past the window's time" if t_s >= self._valid_s + slack_s else ""

    def push(self, line: LogLine) -> None:
        if line["kind"] == "pod":
            self._on_pod_event(line)
        elif line["kind"] == "consent" and line["act"] == "withdraw_here":
            # A pod that boots records old withdrawals anew; its latch stands in its ``booted``.
            if line["t_s"] > self._booted_s:
                self._latch = "withdrawn"
        elif line["kind"] == "pod_window" and line["event"] in ("opened", "extended"):
            fresh = line["event"] == "opened"
            self._valid_s = line["valid_until_s"] if fresh else max(self._valid_s, line["valid_until_s"])

    def _on_pod_event(self, line: LogLine) -> None:
        match line["event"]:
            case "booted":
                self._latch, self._link_up = self._latch or line["detail"], False
                self._booted_s = line["t_s"]
            case "stop_pressed":
                self._latch = self._latch or "stopped"
            case "person_reset":
                self._latch = ""
            case "link_lost":
                self._link_up = False
            case "link_restored":
                self._link_up = True


_ANY_VOTED = "any-voted"
_LEVEL_SLACK = 1e-9


class ConsentMonitor(Monitor):
    """P2: before each cue stands a grant that covers it, and no withdrawal at or after that grant.

    A grant must hold in the whole range of what UTC may be, as the pod wrote it down last; and nothing may
    sound while the pod says that UTC is not known well enough.

    Parameters
    ----------
    voted
        Hashes of designs that the assembly chose.
    """

    kinds = frozenset({"consent", "cue", "pod"})

    def __init__(self, pod: str, voted: Collection[str], slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._voted = voted
        self._seen: list[LogLine] = []
        self._zeros_s = (0.0, 0.0)
        self._utc_known = False
        self._utc_suffices = True

    def push(self, line: LogLine) -> Iterator[Violation]:
        if line["kind"] == "consent":
            self._consent(line)
        elif line["kind"] == "pod":
            self._utc(line)
        elif line["outcome"] == "rendered":
            if not self._utc_suffices:
                yield self.broken("P2", line["t_s"], f"{step_of(line)}: by a clock that nobody keeps")
            seen = self._seen
            if not any(self._covers(one, line) and not _ended(one, seen, self.slack_s) for one in seen):
                yield self.broken("P2", line["t_s"], f"{step_of(line)}: no grant in force")

    def _utc(self, line: LogLine) -> None:
        """Keep what UTC may be; a pod that boots has it measured anew."""
        if line["event"] == "booted":
            self._utc_known, self._utc_suffices = False, True
        elif line["event"] == "utc_heard":
            earliest_s, latest_s = line["utc_range_s"]
            self._zeros_s = (earliest_s - line["t_s"], latest_s - line["t_s"])
            self._utc_known, self._utc_suffices = True, line["utc_suffices"]

    def _consent(self, line: LogLine) -> None:
        """Keep an entry; a pod that boots records anew what it knows, which adds nothing."""
        if line["act"] == "refused":
            return
        if line["act"] != "withdraw_here":
            if not self._utc_known:
                self._zeros_s = (line["utc_s"] - line["t_s"],) * 2
            if any(_same(line, other) for other in self._seen):
                return
        self._seen.append(line)

    def _covers(self, grant: LogLine, cue: LogLine) -> bool:
        if grant["act"] != "grant" or grant["circle"] != cue["circle"]:
            return False
        if cue.get("answers") and not grant.get("echo", False):
            return False
        by_vote = grant["design"] == _ANY_VOTED and cue["design"] in self._voted
        if grant["design"] != cue["design"] and not by_vote:
            return False
        cap = grant["caps"].get(cue["modality"])
        earliest_s, latest_s = (zero_s + cue["t_s"] for zero_s in self._zeros_s)
        in_time = grant["nbf"] - self.slack_s <= earliest_s and latest_s < grant["exp"] + self.slack_s
        return cap is not None and cue["level"] <= cap + _LEVEL_SLACK and in_time


def _same(one: LogLine, other: LogLine) -> bool:
    """Tell whether two records are of the same entry."""
    names = ("act", "circle", "seq", "design", "nbf", "exp", "caps")
    return all(one[name] == other[name] for name in names)


def _ended(grant: LogLine, seen: list[LogLine], slack_s: float) -> bool:
    """Tell whether a withdrawal, a fork or a newer grant of the circle takes this grant's place."""
    for other in seen:
        if other["circle"] not in (grant["circle"], "*") and other["seq"] != grant["seq"]:
            continue
        if other["act"] == "withdraw_here" and (
            other["seq"] >= grant["seq"] or grant["nbf"] + slack_s < other["utc_s"]
        ):
            return True
        if other["act"] == "withdraw" and other["seq"] >= grant["seq"]:
            return True
        if other["act"] == "grant" and other is not grant and other["seq"] >= grant["seq"]:
            return True
    return False


LATCHES = frozenset({"stop_pressed", "withdrawn"})
BREAKS = LATCHES | {"arousal", "stale_eeg", "low_quality", "no_estimate", "not_stable_rem", "link_lost"}
"""Reasons of a silence after which REM must be proved anew."""


class RequalifyMonitor(Monitor):
    """P4, after the silence: no cue before `requalify_s` of good verdicts since an interruption."""

    kinds = frozenset({"silence", "pod", "estimate", "cue"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._pending = self._latched = self._good = False
        self._since_s: float | None = None

    def push(self, line: LogLine) -> Iterator[Violation]:
        kind, t_s = line["kind"], line["t_s"]
        if kind == "cue":
            if line["outcome"] == "rendered":
                if self._pending and not self._is_enough(t_s):
                    yield self.broken("P4", t_s, f"{step_of(line)} sounded too soon after an interruption")
                self._pending = False
        elif kind == "silence":
            if line["reason"] in BREAKS:
                self._begin_anew(t_s)
                self._pending = True
                self._latched = self._latched or line["reason"] in LATCHES
        elif kind == "estimate":
            self._judge(line, t_s)
        else:
            self._on_pod_event(line, t_s)

    def _on_pod_event(self, line: LogLine, t_s: float) -> None:
        """See whether an interruption is over, so that the proof may begin, or the proof is lost."""
        event = line["event"]
        if event in ("headband_lost", "booted"):
            self._judge(None, t_s)
        elif event == "link_restored" or (self._latched and event == "person_reset"):
            self._latched = self._latched and event != "person_reset"
            self._begin_anew(t_s)

    def _begin_anew(self, t_s: float) -> None:
        self._since_s = t_s if self._good else None

    def _judge(self, line: LogLine | None, t_s: float) -> None:
        was_good, self._good = self._good, line is not None and self._is_good(line)
        if not self._good:
            self._pending = self._pending and not self._is_enough(t_s)
            self._since_s = None
        elif not was_good:
            self._since_s = t_s

    def _is_good(self, line: LogLine) -> bool:
        good = line["stable_rem"] and not line["arousal"]
        return bool(good and line["quality"] >= self._settings.min_quality)

    def _is_enough(self, t_s: float) -> bool:
        return self._since_s is not None and t_s - self._since_s >= self._settings.requalify_s - self.slack_s
