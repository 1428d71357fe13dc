"""The live table of a night: what each pod says now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.signal.samples import Stage

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

REFRESHES_PER_S = 4
LINE_EVERY_S = 3600.0
"""Where there is no terminal to redraw, one line an hour of the night tells how it goes."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of the night as a whole.

    Attributes
    ----------
    now_s, end_s
        Sanctuary clock, and when the night ends (None: when somebody says so).
    times_real_time
        Speed so far.
    windows
        Ids of the windows proposed or open.
    opened
        Windows opened so far.
    """

    now_s: float
    end_s: float | None
    times_real_time: float
    windows: tuple[str, ...]
    opened: int


class LiveTable:
    """Draws the table on a terminal, or a line an hour elsewhere.

    Parameters
    ----------
    truth
        Simulated stage of a pod's sleeper at a time, or None where nobody knows.
    """

    def __init__(
        self, console: Console, runners: Sequence[PodShell], truth: Callable[[str, float], str | None]
    ) -> None:
        from rich.live import Live

        self._console = console
        self._runners = runners
        self._truth = truth
        self._moment = Moment(0.0, None, 0.0, (), 0)
        self._line_due_s = LINE_EVERY_S
        self._live = (
            Live(
                get_renderable=self._table,
                console=console,
                refresh_per_second=REFRESHES_PER_S,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=True,
            )
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, moment: Moment) -> None:
        """Show another moment; the terminal is redrawn by itself."""
        self._moment = moment
        if self._live is None and moment.now_s >= self._line_due_s:
            self._line_due_s += LINE_EVERY_S
            stages = ", ".join(f"{runner.id} {_stage(runner)}" for runner in self._runners)
            self._console.print(
                f"{clock(moment.now_s)}  {stages}  windows so far: {moment.opened}", soft_wrap=True
            )

    def _table(self) -> Table:
        from rich.table import Table

        moment = self._moment
        until = f" of {clock(moment.end_s)}" if moment.end_s is not None else ""
        speed = f"  ({moment.times_real_time:.0f} times real time)" if moment.times_real_time > 1.5 else ""
        table = Table(title=f"{clock(moment.now_s)}{until}{speed}", caption=_caption(moment))
        for heading in ("pod", "truth", "stage", "P(R)", "quality", "state", "window", "cues"):
            table.add_column(heading, justify="right" if heading in ("P(R)", "quality", "cues") else "left")
        for runner in self._runners:
            table.add_row(*self._row(runner, moment.now_s))
        return table

    def _row(self, runner: PodShell, now_s: float) -> tuple[str, ...]:
        last = runner.last
        p_rem = f"{last.p[Stage.R]:.2f}" if last is not None else "-"
        quality = f"{last.quality:.2f}" if last is not None else "-"
        return (
            runner.id,
            self._truth(runner.id, now_s) or "-",
            _stage(runner),
            p_rem,
            quality,
            str(runner.pod.phase).replace("_", " "),
            runner.pod.window or "-",
            str(runner.cues["rendered"]),
        )


def clock(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _stage(runner: PodShell) -> str:
    last = runner.last
    return "?" if last is None or last.stage is Stage.UNKNOWN else last.stage.name


def _caption(moment: Moment) -> str:
    now = f"open or proposed: {', '.join(moment.windows)}" if moment.windows else "no window open"
    return f"{now}; opened so far: {moment.opened}"
