"""``sanctuary replay --circle``: what several recorded nights would have shared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sanctuary.cli.console import progress_bar, stdout_console
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.config.sanctuary import SanctuarySettings
    from sanctuary.firmware_bridge.hypnograms.hypnogram import HypnogramOptions
    from sanctuary.firmware_bridge.recordings.recording_source import ReadingOptions
    from sanctuary.gateway.replay.recorded_night import OpenedNight
    from sanctuary.gateway.results.circle_result import CircleResult
    from sanctuary.signal.emission import Emission
    from sanctuary.virtual_site.recorded_circle import HeardNight

EXIT_TROUBLE = 2
MOST_NIGHTS = 64
QUORUM = 2
_SECONDS = re.compile(r"[+-]?\d{1,6}")


@dataclass(frozen=True, slots=True)
class CircleAsked:
    """What the command line asks for.

    Attributes
    ----------
    nights, hypnograms
        Recordings, and as many hypnograms in the same order or none.
    channels
        Of every night; found by name if None.
    hypnogram_options
        For every hypnogram.
    reading
        What the recordings do not say of themselves; the same for all.
    quorum, design
        The usual ones if None.
    offsets
        ``POD=SECONDS`` each.
    emission
        The package's own if None.
    """

    nights: Sequence[Path]
    hypnograms: Sequence[Path]
    channels: Sequence[str] | None
    hypnogram_options: HypnogramOptions
    reading: ReadingOptions
    quorum: int | None
    design: str | None
    offsets: Sequence[str]
    emission: Emission | None


def replay_circle(
    settings: SanctuarySettings, asked: CircleAsked, json_path: Path | None, report: Path | None
) -> None:
    """Check everything, replay all nights, let the pods live through them, and write and tell the result.

    Raises
    ------
    InputError
        Something asked for cannot be; nothing has been done then.
    typer.Exit
        With code 2 where an invariant was broken.
    """
    from sanctuary.gateway.designs.design_library import find_design
    from sanctuary.gateway.files import check_apart, check_places, write_json
    from sanctuary.gateway.site.assembly import designs_of, warn_of_thresholds
    from sanctuary.virtual_site.recorded_circle import aligned, check_overlap, circle_night, circle_settings

    check_apart(
        ((f"--json {json_path}", json_path), (f"--report {report}", report)),
        (*asked.nights, *asked.hypnograms),
    )
    check_places(((json_path, "the result"), (report, "the report")))
    quorum = _quorum(asked)
    offsets_s = aligned(_offsets(asked.offsets, len(asked.nights)))
    if asked.design is not None:
        find_design(asked.design)
    circle = circle_settings(settings, len(asked.nights), quorum, asked.design)
    warn_of_thresholds(circle, designs_of(circle.circles))
    opened = _opened(asked)
    check_overlap([night.duration_s for night in opened], offsets_s, quorum)
    heard = list(_heard(circle, opened, asked.emission))
    result = circle_night(circle, heard, offsets_s)
    for warning in _warnings(asked, result):
        say(f"warning: {warning}")
    if json_path is not None:
        write_json(json_path, result.to_json(), "the result")
    if report is not None:
        from sanctuary.gateway.reports.night_report import write_circle_report

        write_circle_report(report, result)
    console = stdout_console()
    console.print(_table(result))
    for line in result.assumed:
        console.print(f"assumed: {line}", soft_wrap=True)
    for path in (json_path, report):
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)
    if result.violations:
        say(f"{len(result.violations)} invariants were broken; see the result")
        raise typer.Exit(EXIT_TROUBLE)


def _quorum(asked: CircleAsked) -> int:
    n = len(asked.nights)
    if not 2 <= n <= MOST_NIGHTS:
        raise InputError(f"--circle: takes 2 to {MOST_NIGHTS} nights, one a pod, and {n} was given")
    quorum = QUORUM if asked.quorum is None else asked.quorum
    if not 2 <= quorum <= n:
        raise InputError(f"--quorum {quorum}: not possible with {n} nights; allowed: 2 to {n}")
    return quorum


def _offsets(given: Sequence[str], pods: int) -> list[int]:
    """Give the offset of each pod, seconds."""
    found: dict[str, int] = {}
    names = [f"pod-{number}" for number in range(1, pods + 1)]
    for each in given:
        pod, equals, seconds = each.partition("=")
        if not equals or not _SECONDS.fullmatch(seconds):
            raise InputError(f"--offset {each}: write POD=SECONDS in whole seconds, such as pod-2=600")
        if pod not in names:
            raise InputError(f"--offset {each}: no such pod; the nights are pod-1 to pod-{pods}, in order")
        if pod in found:
            raise InputError(f"--offset {each}: {pod} has an offset already")
        found[pod] = int(seconds)
    return [found.get(name, 0) for name in names]


def _opened(asked: CircleAsked) -> list[OpenedNight]:
    """Open every night before any work is done."""
    from sanctuary.firmware_bridge.hypnograms.hypnogram import NO_OPTIONS
    from sanctuary.gateway.replay.recorded_night import open_night
    from sanctuary.gateway.training.sources import hypnogram_beside

    if asked.hypnograms and len(asked.hypnograms) != len(asked.nights):
        raise InputError(
            f"--hypnogram: {len(asked.hypnograms)} for {len(asked.nights)} nights; give one for each, in "
            "their order, or none to take those that lie beside the nights"
        )
    hypnograms: Sequence[Path | None] = asked.hypnograms or list(map(hypnogram_beside, asked.nights))
    options = asked.hypnogram_options
    if options != NO_OPTIONS and not any(hypnograms):
        raise InputError("--epoch-s and --stages go with hypnograms, and none lies beside the nights")
    return [
        open_night(path, hypnogram, asked.channels, options if hypnogram else NO_OPTIONS, asked.reading)
        for path, hypnogram in zip(asked.nights, hypnograms, strict=True)
    ]


def _heard(
    settings: SanctuarySettings, nights: Sequence[OpenedNight], emission: Emission | None
) -> Iterator[HeardNight]:
    """Replay one night after the other."""
    from sanctuary.virtual_site.recorded_circle import hear_night

    lengths_s = [night.duration_s for night in nights]
    with progress_bar(f"{len(nights)} nights", sum(lengths_s)) as progress:
        for night, before_s in zip(nights, accumulate(lengths_s, initial=0.0), strict=False):
            yield hear_night(night, settings, partial(_further, progress, before_s), emission)


def _further(progress: Callable[[float], None], before_s: float, done_s: float) -> None:
    progress(before_s + done_s)


def _warnings(asked: CircleAsked, result: CircleResult) -> Iterator[str]:
    yield from result.warnings
    without = [pod for pod, night in result.pods.items() if night.replay.scores is None]
    if without and len(without) < len(asked.nights):
        yield f"{', '.join(without)}: no hypnogram; what was shared of the expert's REM takes one a night"


def _table(result: CircleResult) -> Table:
    from rich.table import Table

    circle, shared = result.circles[0], result.shared
    table = Table(
        title=f"{len(circle.members)} recorded nights, any {circle.quorum} together, {circle.design}"
    )
    for heading in ("pod", "night", "begins", "REM", "gate open", "in windows", "cued", "cues", "in REM"):
        table.add_column(heading, justify="left" if heading in ("pod", "night") else "right")
    for pod, night in result.pods.items():
        table.add_row(pod, night.replay.file, f"{night.offset_s} s", *_cells(pod, result))
    if shared is not None:
        table.add_section()
        times = map(_minutes, (shared.possible_s, shared.open_s, shared.windows_s, shared.cued_s))
        table.add_row("together", "", "", *times, str(shared.cues), str(shared.cues_in_rem))
    table.caption = "\n".join(_counts(result))
    return table


def _cells(pod: str, result: CircleResult) -> list[str]:
    if result.shared is not None:
        own = result.shared.per_pod[pod]
        times = map(_minutes, (own.rem_s, own.open_s, own.windows_s, own.cued_s))
        return [*times, str(own.cues), str(own.cues_in_rem)]
    from sanctuary.gateway.results.circle_result import length_s, stays_of

    gate = result.pods[pod].replay.gate
    stays = [stay for window in result.windows for stay in stays_of(window).get(pod, ())]
    cues = [cue for cue in result.cues if cue.pod == pod and cue.is_rendered]
    return [
        "-",
        _minutes(sum(opening.close_s - opening.open_s for opening in gate)),
        _minutes(length_s(stays)),
        "-",
        str(len(cues)),
        "-",
    ]


def _counts(result: CircleResult) -> list[str]:
    from sanctuary.gateway.reports.page import count

    refused = sum(not cue.is_rendered for cue in result.cues)
    parts = (len(result.windows), "window"), (len(result.violations), "broken invariant")
    lines = [f"{count(*parts[0])}; {count(refused, 'refused cue')}; {count(*parts[1])}"]
    shared = result.shared
    if shared is None:
        return [*lines, "without a hypnogram for every night it is not known how much REM could be shared"]
    if shared.share is not None:
        lines.append(f"REM that could be shared and was spent in windows: {100 * shared.share:.0f} %")
    return lines


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"
