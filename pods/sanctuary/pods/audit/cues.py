"""P1, P5, P7: every cue that sounded had its proof, its window and its entry.

Written against the records, with none of the pod's own code: a mistake in the pod must not excuse itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.night import LogLine, Monitor, Violation

Step = tuple[str, int]

JUDGED_AHEAD_S = 0.25
"""An entry may be written so long before its cue's moment, which is stamped like the entry then."""


def step_of(line: LogLine) -> str:
    """Name the step that a cue or output record is about."""
    return f"step {line['step']} of {line['window']}"


class ProofMonitor(Monitor):
    """P1: the newest estimate before each cue says stable REM, is fresh, and of sufficient quality."""

    kinds = frozenset({"estimate", "pod", "cue"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._newest: LogLine | None = None

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take an estimate, an event of the pod, or a cue."""
        if line["kind"] == "estimate":
            self._newest = line
        elif line["kind"] == "pod":
            if line["event"] in ("headband_lost", "booted"):
                self._newest = None
        elif line["outcome"] == "rendered" and (doubt := self._doubt(line["t_s"])):
            yield self.broken("P1", line["t_s"], f"{step_of(line)}: {doubt}")

    def _doubt(self, t_s: float) -> str:
        newest, settings = self._newest, self._settings
        if newest is None:
            return "no estimate before it"
        age_s = t_s - newest["sampled_s"]
        if age_s >= settings.stale_s + self.slack_s:
            return f"the newest estimate was {age_s:.1f} s old"
        if newest["arousal"]:
            return "the sleeper showed an arousal"
        if not newest["quality"] >= settings.min_quality:
            return f"signal quality was {newest['quality']:.2f}"
        return "" if newest["stable_rem"] else f"not in stable REM ({newest['stage']})"


class PlaceMonitor(Monitor):
    """P5: a pod enters no window before it left the one before; cues belong to the one it is in."""

    kinds = frozenset({"pod", "pod_window", "cue"})

    def __init__(self, pod: str) -> None:
        super().__init__(pod)
        self._inside = ""

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take an event of the pod, a window as the pod sees it, or a cue."""
        kind, inside = line["kind"], self._inside
        if kind == "pod":
            self._inside = "" if line["event"] == "booted" else inside
        elif kind == "cue":
            if line["outcome"] == "rendered" and line["window"] != inside:
                text = f"cue of {line['window']} while in window {inside or 'none'}"
                yield self.broken("P5", line["t_s"], text)
        elif line["event"] == "opened":
            if inside:
                yield self.broken("P5", line["t_s"], f"entered {line['window']} while in {inside}")
            self._inside = line["window"]
        elif line["event"] == "left" and line["window"] == inside:
            self._inside = ""


class EntryMonitor(Monitor):
    """P7: each cue has one entry with its reason; what sounded was logged before, in time, and was no sham.

    Parameters
    ----------
    durable
        Whether ``kept`` records tell which entries have reached the disk; a cue may then sound only after
        its own. A log that is read back from a file needs none: what stands in it was kept.
    """

    kinds = frozenset({"cue", "output", "kept"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0, *, durable: bool) -> None:
        super().__init__(pod, slack_s)
        self._durable = durable
        self._late_s = settings.late_s + JUDGED_AHEAD_S + slack_s
        self._due_s: dict[Step, float] = {}
        self._logged: set[Step] = set()
        self._outstanding: set[Step] = set()
        self._kept: set[Step] = set()

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take an entry of the cue log, word that it was kept, or what an output did."""
        step = (line["window"], line["step"])
        if line["kind"] == "cue":
            yield from self._entry(line, step)
        elif line["kind"] == "kept":
            self._kept.add(step)
        else:
            if step not in self._outstanding:
                text = f"{step_of(line)} sounded without an entry before it"
                yield self.broken("P7", line["t_s"], text)
            elif self._durable and step not in self._kept:
                yield self.broken("P7", line["t_s"], f"{step_of(line)} sounded before its entry was kept")
            elif line["t_s"] > self._due_s[step] + self._late_s:
                late_s = line["t_s"] - self._due_s[step]
                yield self.broken(
                    "P7", line["t_s"], f"{step_of(line)} sounded {late_s:.1f} s after its moment"
                )
            self._outstanding.discard(step)

    def _entry(self, line: LogLine, step: Step) -> Iterator[Violation]:
        if step in self._logged:
            yield self.broken("P7", line["t_s"], f"{step_of(line)} is logged twice")
        if (line["outcome"] == "refused") != bool(line["reason"]):
            yield self.broken("P7", line["t_s"], f"{step_of(line)} has no reason")
        self._logged.add(step)
        if line["outcome"] == "rendered" and not line.get("sham", False):
            self._outstanding.add(step)
            self._due_s[step] = line["due_s"]
