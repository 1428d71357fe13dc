"""``sanctuary demo``: a simulated night of several pods, in simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import stderr_console, stdout_console
from sanctuary.cli.options import SetOption, load
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.config.sanctuary import SanctuarySettings
    from sanctuary.gateway.results.night_result import NightResult

EXIT_INTERRUPTED = 130
EXIT_TROUBLE = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    pods: Annotated[int, typer.Option(min=2, max=16, help="Sleepers in the circle.")] = 4,
    hours: Annotated[float, typer.Option(min=0.02, max=24.0, help="Length of the night.")] = 8.0,
    speed: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="N", help="Times real time, at most; as fast as it goes if left out."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Chooses the sleepers and their night.")] = 1,
    quorum: Annotated[int, typer.Option(min=2, max=16, help="Members who must be in REM together.")] = 2,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for report, result, log and sound.")
    ] = Path("out/demo"),
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result here too.")
    ] = None,
    assignments: SetOption = None,
) -> None:
    """Sleep a simulated night: virtual headbands, real drivers, chain, pods, broker, windows and cues."""
    if quorum > pods:
        raise InputError(f"--quorum {quorum}: {pods} pods can never reach it; allowed: 2 to {pods}")
    settings = _fleet(load(None, assignments).settings, pods, seed, quorum)
    import asyncio
    from functools import partial

    from sanctuary.gateway.files import check_place, write_json
    from sanctuary.gateway.reports.figures import warm_up
    from sanctuary.gateway.reports.night_report import write_night_report
    from sanctuary.gateway.site.demo_night import DemoOptions, run_demo
    from sanctuary.gateway.site.live_table import LiveTable
    from sanctuary.gateway.site.stopping import stop_on_signals

    for path in (out / "night.json", json_path):
        if path is not None:
            check_place(path, "the result")
    console = stderr_console()
    warm_up()
    options = DemoOptions(hours, seed, out, speed)
    written = [out / "report.html", out / "night.json", *([json_path] if json_path is not None else [])]
    with stop_on_signals() as stop:
        result = asyncio.run(run_demo(settings, options, partial(LiveTable, console), stop))
        for path in written[1:]:
            write_json(path, result.to_json(), "the result")
        write_night_report(written[0], result)
    _tell(result, [*written, out / "events.jsonl"])


def _fleet(settings: SanctuarySettings, pods: int, seed: int, quorum: int) -> SanctuarySettings:
    """Put `pods` simulated sleepers into one circle; the first four are those of the shipped settings."""
    from sanctuary.config.headband_settings import SimulatedHeadband
    from sanctuary.config.pod_settings import PodEntry
    from sanctuary.gateway.site.assembly import in_one_circle

    named = [(pod.sleeper, pod.threshold_dba) for pod in settings.pods]
    named += [(f"sleeper-{k + 1}", None) for k in range(len(named), pods)]
    entries = tuple(
        PodEntry(
            id=f"pod-{k + 1}",
            sleeper=sleeper,
            threshold_dba=threshold_dba,
            headband=SimulatedHeadband(kind="simulated", seed=(seed * 1000 + k + 1) % 2**32),
        )
        for k, (sleeper, threshold_dba) in enumerate(named[:pods])
    )
    return in_one_circle(settings, entries, quorum=quorum)


def _tell(result: NightResult, written: list[Path]) -> None:
    console = stdout_console()
    console.print(_table(result))
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)
    if result.violations:
        say(f"{len(result.violations)} invariants were broken; see the report")
        raise typer.Exit(EXIT_TROUBLE)
    if result.trouble:
        say(f"the night was broken off: {result.trouble}")
        raise typer.Exit(EXIT_TROUBLE)
    if result.interrupted:
        say("stopped early; the report shows the night up to then")
        raise typer.Exit(EXIT_INTERRUPTED)


def _table(result: NightResult) -> Table:
    from rich.table import Table

    from sanctuary.gateway.results.circle_result import together_minutes

    rendered = sum(cue.is_rendered for cue in result.cues)
    timing, pooled = result.timing, result.detection.get("pooled")
    rem = "-, -" if pooled is None else f"{_share(pooled.rem.precision)}, {_share(pooled.rem.recall)}"
    table = Table(title=f"{len(result.pods)} sleepers, {result.hours:g} h", show_header=False)
    rows = (
        ("shared-dream windows", str(len(result.windows))),
        ("minutes together", f"{together_minutes(result.windows):.1f}"),
        ("cues rendered, refused", f"{rendered}, {len(result.cues) - rendered}"),
        ("invariants broken", str(len(result.violations))),
        ("REM found: precision, recall", rem),
        ("broker", result.broker),
        ("time", f"{timing.wall_s:.0f} s, {timing.times_real_time:.0f} times real time"),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
