"""``sanctuary torture``: nights under every fault that a seed can draw, all invariants watched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.consoles import say, stderr_console, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.gateway.torture.batch import Ordeal

EXIT_BROKEN = 1
MOST_STORIES = 3
NONE = "none"


def register(app: typer.Typer) -> None:
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
    from sanctuary.gateway.torture.batch import Ordeal, planted, sensible_processes
    from sanctuary.gateway.torture.batch import torture as sleep_nights

    ordeal = Ordeal(pods, gateways, hours, bug, bugs)
    with planted(bugs, bug):
        """Complain now of a bug that is not there."""
    if seed is not None:
        _one_night(ordeal, seed, keep)
        return
    if keep is not None:
        raise InputError("--keep: names faults of one night; say which with --seed")
    if json_path is not None:
        check_place(json_path, "the result")
    numbers = range(first, first + seeds)
    with stderr_console().status(f"night 1 of {seeds}") as status:
        result = sleep_nights(
            ordeal,
            numbers,
            processes or sensible_processes(seeds),
            lambda n: status.update(f"{n} of {seeds} nights over"),
        )
    stdout_console().print(_table(result))
    if json_path is not None:
        write_json(json_path, result, "the result")
        stdout_console().print(f"wrote {json_path}", soft_wrap=True)
    for broken in result["violations"][:MOST_STORIES]:
        _tell(ordeal, broken["seed"])
    if result["violations"]:
        say(f"{len(result['violations'])} of {seeds} nights broke a rule")
        raise typer.Exit(EXIT_BROKEN)


def _one_night(ordeal: Ordeal, seed: int, keep: str | None) -> None:
    """Sleep one night; a broken one is shrunk unless the faults were named."""
    from sanctuary.gateway.torture.batch import sleep
    from sanctuary.gateway.torture.story import story

    numbers = _numbers(keep)
    night = sleep(ordeal, seed, numbers)
    drawn = len(night.outline.faults)
    if strangers := [number for number in numbers or () if not 0 <= number < drawn]:
        raise InputError(f"--keep {strangers[0]}: seed {seed} draws faults 0 to {drawn - 1} only")
    if not night.violations:
        windows, cues = night.counts.get("windows opened", 0), night.counts.get("cues rendered", 0)
        stdout_console().print(
            f"seed {seed}: {len(night.outline.pods)} pods, {len(night.struck)} faults, {windows} windows, "
            f"{cues} cues, no rule broken",
            soft_wrap=True,
        )
        return
    if numbers is None:
        _tell(ordeal, seed)
    else:
        faults = {number: night.outline.faults[number] for number in night.struck}
        stdout_console().print("\n".join(story(night, faults)), soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(EXIT_BROKEN)


def _tell(ordeal: Ordeal, seed: int) -> None:
    """Print the smallest story of a night that broke a rule, and how to see it again."""
    from sanctuary.gateway.torture.batch import reduced, replay_command, sleep

    kept, lines = reduced(ordeal, seed, sleep(ordeal, seed))
    text = "\n".join([f"seed {seed}", *lines, f"replay: {replay_command(ordeal, seed, kept)}", ""])
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


def _table(result: dict[str, Any]) -> Table:
    from rich.table import Table

    counts, timing = result["counts"], result["timing"]
    table = Table(title=f"seeds {result['seeds'][0]} to {result['seeds'][1]}", show_header=False)
    faults = sum(count for name, count in counts.items() if name.startswith("fault "))
    rows = (
        ("pod-nights", f"{result['pod_nights']} ({result['pod_hours']:.0f} h)"),
        ("events", str(result["events"])),
        ("messages", str(counts.get("messages", 0))),
        ("faults", str(faults)),
        ("windows", str(counts.get("windows opened", 0))),
        ("pods in windows", str(counts.get("pods in windows", 0))),
        ("cues rendered, refused", f"{counts.get('cues rendered', 0)}, {counts.get('cues refused', 0)}"),
        ("takeovers", str(counts.get("takeovers", 0))),
        ("violations", str(len(result["violations"]))),
        ("time", f"{timing['wall_s']:.1f} s, {timing['processes']} at a time"),
    )
    for row in rows:
        table.add_row(*row)
    return table
