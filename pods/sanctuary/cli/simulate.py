"""``sanctuary simulate``: nights of a whole fleet in virtual time.

``sanctuary torture``: nights under every fault that a seed can draw, all invariants watched.

``sanctuary night``: one simulated night as a file, with its truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import progress, stderr_console, stdout_console
from sanctuary.cli.options import ConfigOption, SetOption, load
from sanctuary.config.errors import InputError
from sanctuary.gateway.streams import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from sanctuary.config.scenario_settings import ScenarioSettings
    from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
    from sanctuary.virtual_site.batch_results import FleetTotals, SimulateResult, TortureResult
    from sanctuary.virtual_site.campaign import Campaign

EXIT_TROUBLE = 2
EXIT_INTERRUPTED = 130


def register_simulate(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    pods: Annotated[int | None, typer.Option(min=2, max=10_000, help="Sleepers.", show_default="8")] = None,
    nights: Annotated[int, typer.Option(min=1, max=10_000, help="Nights, each of its own.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Chooses everything.")] = 1,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who sleeps, and what goes wrong, as TOML.")
    ] = None,
    signals: Annotated[
        bool, typer.Option("--signals", help="Make the sleepers' signals, and judge them by the real chain.")
    ] = False,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result here.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Override one setting of the scenario."),
    ] = None,
) -> None:
    """Sleep nights of many pods in virtual time: sharing, waiting, fairness, faults, broken invariants."""
    settings = _scenario(scenario, pods, assignments or [])
    from sanctuary.gateway.files import check_place, write_json
    from sanctuary.virtual_site.batch_results import sensible_processes
    from sanctuary.virtual_site.fleet import simulate as sleep_nights

    if json_path is not None:
        check_place(json_path, "the result")
    with progress("nights", nights, lambda done: f"{done:.1f} of {nights} nights simulated") as step:
        result = sleep_nights(
            settings,
            seed,
            nights,
            sensible_processes(settings.pods if signals else nights),
            step,
            signals=signals,
        )
    if result.nights < nights:
        say(f"stopped early; what follows is of the first {result.nights} of {nights} nights")
    stdout_console().print(_table(result))
    if json_path is not None:
        write_json(json_path, result.to_json(), "the result")
        stdout_console().print(f"wrote {json_path}", soft_wrap=True)
    if result.violations:
        for violation in result.violations[:5]:
            say(
                f"{violation.rule} broken in night {violation.night} at {violation.t_s:.1f} s: "
                f"{violation.subject}: {violation.text}"
            )
        raise typer.Exit(EXIT_TROUBLE)
    if result.nights < nights:
        raise typer.Exit(EXIT_INTERRUPTED)


def _scenario(path: Path | None, pods: int | None, assignments: list[str]) -> ScenarioSettings:
    """Load a scenario; options stand above the file."""
    from sanctuary.config.loading import load_model, parse_override
    from sanctuary.config.scenario_settings import ScenarioSettings

    overrides = [parse_override(text) for text in assignments]
    if pods is not None:
        if any(text.partition("=")[0].strip() == "pods" for text in assignments):
            raise InputError("--pods and --set pods=: say it once")
        overrides.append(parse_override(f"pods={pods}"))
    return load_model(ScenarioSettings, path=path, overrides=overrides).settings


def _table(result: SimulateResult) -> Table:
    from rich.table import Table

    totals, timing = result.totals, result.timing
    nights = result.nights
    title = f"{result.scenario['pods']} sleepers, {nights} night{'s' if nights > 1 else ''}"
    table = Table(title=title, show_header=False)
    rows = (
        ("windows a night", f"{totals.windows_per_night:.1f}"),
        ("mean length of a window", _minutes(totals.window_mean_min)),
        ("REM a sleeper and night, found stable", _pair(totals)),
        ("shared a sleeper and night", _minutes(totals.shared_min_per_sleeper)),
        ("stable REM without a window", _minutes(totals.waited_min_per_sleeper)),
        ("aroused, woken by cues a sleeper and night", _aroused(totals)),
        ("sleeper-nights without a window", f"{100 * totals.sleepers_without_a_window:.0f} %"),
        ("fairness (Jain), all sleepers", _share(result.fairness["all"])),
        ("faults met", str(len(result.faults))),
        ("invariants broken", str(len(result.violations))),
        ("time", f"{timing.wall_s:.1f} s, {timing.pod_nights_per_s:.1f} sleeper-nights a second"),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _pair(totals: FleetTotals) -> str:
    return f"{_minutes(totals.rem_min_per_sleeper)}, {_minutes(totals.stable_rem_min_per_sleeper)}"


def _aroused(totals: FleetTotals) -> str:
    return f"{totals.aroused_by_cues_per_sleeper:.1f}, {totals.woken_by_cues_per_sleeper:.1f}"


def _minutes(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} min"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


EXIT_BROKEN = 1
MOST_TRACES = 3
NONE = "none"


def register_torture(app: typer.Typer) -> None:
    """Add the command."""
    app.command("torture")(torture)


def torture(
    seeds: Annotated[int, typer.Option(min=1, max=10_000_000, help="Nights, each of its own seed.")] = 200,
    first: Annotated[int, typer.Option("--from", min=0, max=2**31, help="The first seed.")] = 0,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31, help="Sleep this one night, and tell its story.")
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="With --seed: only these of its faults; `none` for none."),
    ] = None,
    pods: Annotated[
        int | None, typer.Option(min=2, max=32, help="Pods of each site.", show_default="drawn, 2 to 8")
    ] = None,
    gateways: Annotated[
        int | None, typer.Option(min=1, max=8, help="Gateways of each site.", show_default="drawn, 1 to 3")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(min=0.05, max=24.0, help="Length of each night.", show_default="drawn, 10 min to 2 h"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="Nights slept side by side.", show_default="one a core")
    ] = None,
    bug: Annotated[str, typer.Option(metavar="NAME", help="Plant a bug that is to be found.")] = "",
    bugs: Annotated[Path, typer.Option(metavar="FILE", help="Where the planted bugs are.")] = Path(
        "benchmarks/planted_bugs.py"
    ),
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result here.")
    ] = None,
) -> None:
    """Sleep nights in virtual time while everything goes wrong; invariants are watched after every event."""
    from sanctuary.gateway.files import check_place, write_json
    from sanctuary.virtual_site.batch_results import sensible_processes
    from sanctuary.virtual_site.campaign import Campaign, chunks, planted, run_campaign

    campaign = Campaign(pods, gateways, hours, bug, bugs)
    with planted(bugs, bug):
        """Complain now of a bug that is not there."""
    if seed is not None:
        _one_night(campaign, seed, keep)
        return
    if keep is not None:
        raise InputError("--keep: names faults of one night; say which with --seed")
    if json_path is not None:
        check_place(json_path, "the result")
    numbers = range(first, first + seeds)
    with progress("nights", seeds, lambda done: f"{done:.0f} of {seeds} nights over") as step:
        result = run_campaign(
            campaign,
            numbers,
            processes or sensible_processes(chunks(seeds)),
            step,
        )
    if result.nights < seeds:
        say(f"stopped early; what follows is of the first {result.nights} of {seeds} nights")
    stdout_console().print(_torture_table(result))
    if json_path is not None:
        write_json(json_path, result.to_json(), "the result")
        stdout_console().print(f"wrote {json_path}", soft_wrap=True)
    for broken in result.violations[:MOST_TRACES]:
        _tell(campaign, broken.seed)
    if result.violations:
        say(f"{len(result.violations)} of {result.nights} nights broke a rule")
        raise typer.Exit(EXIT_BROKEN)
    if result.nights < seeds:
        raise typer.Exit(EXIT_INTERRUPTED)


def _one_night(campaign: Campaign, seed: int, keep: str | None) -> None:
    """Sleep one night; a broken one is shrunk unless the faults were named."""
    from sanctuary.virtual_site.campaign import sleep
    from sanctuary.virtual_site.failure_trace import failure_trace

    numbers = _numbers(keep)
    night = sleep(campaign, seed, numbers)
    drawn = len(night.scenario.faults)
    if strangers := [number for number in numbers or () if not 0 <= number < drawn]:
        raise InputError(f"--keep {strangers[0]}: seed {seed} draws faults 0 to {drawn - 1} only")
    if not night.violations:
        windows, cues = night.counts.get("windows opened", 0), night.counts.get("cues rendered", 0)
        stdout_console().print(
            f"seed {seed}: {len(night.scenario.pods)} pods, {len(night.struck)} faults, {windows} windows, "
            f"{cues} cues, no rule broken",
            soft_wrap=True,
        )
        return
    if numbers is None:
        _tell(campaign, seed)
    else:
        faults = {number: night.scenario.faults[number] for number in night.struck}
        text = "\n".join(failure_trace(night, faults))
        stdout_console().print(text, soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(EXIT_BROKEN)


def _tell(campaign: Campaign, seed: int) -> None:
    """Print the shortest trace of a night that broke a rule, and how to see it again."""
    from sanctuary.virtual_site.campaign import reduced, replay_command, sleep

    kept, lines = reduced(campaign, seed, sleep(campaign, seed))
    text = "\n".join([f"seed {seed}", *lines, f"replay: {replay_command(campaign, seed, kept)}", ""])
    stdout_console().print(text, soft_wrap=True, markup=False, highlight=False)


def _numbers(keep: str | None) -> tuple[int, ...] | None:
    if keep is None:
        return None
    if keep.strip() in ("", NONE):
        return ()
    try:
        return tuple(int(number) for number in keep.split(","))
    except ValueError as error:
        raise InputError(f'--keep {keep}: numbers of faults expected, such as 3,7,9, or "{NONE}"') from error


def _torture_table(result: TortureResult) -> Table:
    from rich.table import Table

    counts, timing = result.counts, result.timing
    table = Table(title=f"seeds {result.seeds[0]} to {result.seeds[1]}", show_header=False)
    faults = sum(count for name, count in counts.items() if name.startswith("fault "))
    rows = (
        ("pod-nights", f"{result.pod_nights} ({result.pod_hours:.0f} h)"),
        ("events", str(result.events)),
        ("messages", str(counts.get("messages", 0))),
        ("faults", str(faults)),
        ("windows", str(counts.get("windows opened", 0))),
        ("pods in windows", str(counts.get("pods in windows", 0))),
        ("cues rendered, refused", f"{counts.get('cues rendered', 0)}, {counts.get('cues refused', 0)}"),
        ("takeovers", str(counts.get("takeovers", 0))),
        ("violations", str(len(result.violations))),
        ("time", f"{timing.wall_s:.1f} s, {timing.processes} at a time"),
    )
    for row in rows:
        table.add_row(*row)
    return table


CUE_COLUMNS = ("at_s", "modality", "level")


def register_night(app: typer.Typer) -> None:
    """Add the command."""
    app.command("night")(night)


def night(
    path: Annotated[Path, typer.Argument(metavar="NAME.edf", help="Where to write it.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="Chooses the sleeper and the night.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, max=24.0, help="Length of the night.")] = 8.0,
    fs_hz: Annotated[
        float, typer.Option(min=100.0, max=2000.0, help="Sampling rate, a whole number.")
    ] = 256.0,
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES.csv", help="Cues that the sleeper hears: at_s,modality,level."),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Write one simulated night: EDF+ with stages and arousals marked, and NAME.hypnogram.csv."""
    settings = load(config, assignments).settings
    from sanctuary.gateway.files import check_place, write_together
    from sanctuary.simulator.sleepers.night_file import edf_bytes, hypnogram_csv
    from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper

    if path.suffix.lower() != ".edf":
        raise InputError(f"{path}: a night is written as EDF+; name a file that ends with .edf")
    beside = path.with_suffix(".hypnogram.csv")
    for place, what in ((path, "the night"), (beside, "its hypnogram")):
        check_place(place, what)
    try:
        sleeper = Sleeper(seed, hours, fs_hz, settings.sleepers)
    except ValueError as error:
        raise InputError(str(error)) from error
    if cues is not None:
        _hear(sleeper, cues)
    csv = hypnogram_csv(sleeper.truth).encode()
    with _progress(path.name, sleeper.truth.duration_s) as advance:
        write_together(
            [(path, _counted(edf_bytes(sleeper), advance), "the night"), (beside, [csv], "its hypnogram")]
        )
    console = stdout_console()
    for place in (path, beside):
        console.print(f"wrote {place}", soft_wrap=True)


def _hear(sleeper: Sleeper, path: Path) -> None:
    import csv

    from sanctuary.firmware_bridge.cues import Modality

    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as cues: {error}") from error
    if not rows or tuple(name.strip() for name in rows[0]) != CUE_COLUMNS:
        raise InputError(f"{path}: line 1 must be {','.join(CUE_COLUMNS)}")
    for line, row in enumerate(rows[1:], 2):
        try:
            at_s, modality, level = (cell.strip() for cell in row)
            sleeper.stimulate(float(level), Modality(modality), float(at_s))
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}") from error


def _counted(parts: Iterator[bytes], advance: Callable[[], None]) -> Iterator[bytes]:
    for part in parts:
        yield part
        advance()


@contextmanager
def _progress(name: str, duration_s: float) -> Iterator[Callable[[], None]]:
    from rich.progress import Progress

    console = stderr_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=duration_s)
        yield lambda: bar.advance(task)
