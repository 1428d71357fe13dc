"""P4: silence within 1 s of every cause, and nothing sounds while latched, offline or out of a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.cues import step_of
from sanctuary.pods.audit.night import TICK_S, LogLine, Monitor, Violation

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
    """For each cue: the first cause to stop that falls into it must be followed by silence in time.

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

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a record of the pod."""
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
            self._bars.take(line)
        self._wait()

    def passed(self, t_s: float) -> Iterator[Violation]:
        """Let EEG go stale, windows run out and deadlines pass."""
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
                self._befell(line["event"], t_s)
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

    def _befell(self, event: str, t_s: float) -> None:
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

    def take(self, line: LogLine) -> None:
        if line["kind"] == "pod":
            self._befell(line)
        elif line["kind"] == "consent" and line["act"] == "withdraw_here":
            if (
                line["t_s"] > self._booted_s
            ):  # a pod that boots writes down old ones; its latch it says itself
                self._latch = "withdrawn"
        elif line["kind"] == "pod_window" and line["event"] in ("opened", "extended"):
            fresh = line["event"] == "opened"
            self._valid_s = line["valid_until_s"] if fresh else max(self._valid_s, line["valid_until_s"])

    def _befell(self, line: LogLine) -> None:
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
