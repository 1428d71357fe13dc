"""P4, after the silence: what broke off sounds again only after stable REM without a break."""

from __future__ import annotations

from collections.abc import Iterator

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.cues import step_of
from sanctuary.pods.audit.night import LogLine, Monitor, Violation

LATCHES = frozenset({"stop_pressed", "withdrawn"})
BREAKS = LATCHES | {"arousal", "stale_eeg", "low_quality", "no_estimate", "not_stable_rem", "link_lost"}
"""Reasons of a silence after which REM must be proved anew."""


class RequalifyMonitor(Monitor):
    """Finds cues that came less than `requalify_s` of good verdicts after an interruption."""

    kinds = frozenset({"silence", "pod", "estimate", "cue"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._pending = self._latched = self._good = False
        self._since_s: float | None = None

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a silence, an event of the pod, an estimate, or a cue."""
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
            self._befell(line, t_s)

    def _befell(self, line: LogLine, t_s: float) -> None:
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
