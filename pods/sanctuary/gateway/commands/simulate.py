"""``sanctuary simulate``: nights of a whole fleet in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sanctuary.config.errors import InputError
from sanctuary.gateway.consoles import say, stderr_console, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from sanctuary.config.scenario import ScenarioSettings

EXIT_TROUBLE = 2


def register(app: typer.Typer) -> None:
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
    from sanctuary.gateway.fleet.simulation import sensible_processes
    from sanctuary.gateway.fleet.simulation import simulate as sleep_nights

    if json_path is not None:
        check_place(json_path, "the result")
    with stderr_console().status(f"{settings.pods} sleepers, night 1 of {nights}") as status:
        result = sleep_nights(
            settings,
            seed,
            nights,
            sensible_processes(settings.pods if signals else nights),
            lambda n: status.update(f"{settings.pods} sleepers, {n} of {nights} nights over"),
            signals=signals,
        )
    stdout_console().print(_table(result))
    if json_path is not None:
        write_json(json_path, result, "the result")
        stdout_console().print(f"wrote {json_path}", soft_wrap=True)
    if result["violations"]:
        for violation in result["violations"][:5]:
            say(
                f"{violation['rule']} broken in night {violation['night']} at {violation['t_s']:.1f} s: "
                f"{violation['subject']}: {violation['text']}"
            )
        raise typer.Exit(EXIT_TROUBLE)


def _scenario(path: Path | None, pods: int | None, assignments: list[str]) -> ScenarioSettings:
    """Load a scenario; options stand above the file."""
    from sanctuary.config.assignments import parse_override
    from sanctuary.config.layering import load_model
    from sanctuary.config.scenario import ScenarioSettings

    overrides = [parse_override(text) for text in assignments]
    if pods is not None:
        if any(text.partition("=")[0].strip() == "pods" for text in assignments):
            raise InputError("--pods and --set pods=: say it once")
        overrides.append(parse_override(f"pods={pods}"))
    return load_model(ScenarioSettings, path=path, overrides=overrides).settings


def _table(result: dict[str, Any]) -> Table:
    from rich.table import Table

    totals, timing = result["totals"], result["timing"]
    nights = result["nights"]
    title = f"{result['scenario']['pods']} sleepers, {nights} night{'s' if nights > 1 else ''}"
    table = Table(title=title, show_header=False)
    rows = (
        ("windows a night", f"{totals['windows_per_night']:.1f}"),
        ("mean length of a window", _minutes(totals["window_mean_min"])),
        ("REM a sleeper and night, found stable", _pair(totals)),
        ("shared a sleeper and night", _minutes(totals["shared_min_per_sleeper"])),
        ("stable REM without a window", _minutes(totals["waited_min_per_sleeper"])),
        ("aroused, woken by cues a sleeper and night", _aroused(totals)),
        ("sleeper-nights without a window", f"{100 * totals['sleepers_without_a_window']:.0f} %"),
        ("fairness (Jain), all sleepers", _share(result["fairness"]["all"])),
        ("faults met", str(len(result["faults"]))),
        ("invariants broken", str(len(result["violations"]))),
        ("time", f"{timing['wall_s']:.1f} s, {timing['pod_nights_per_s']:.1f} sleeper-nights a second"),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _pair(totals: dict[str, Any]) -> str:
    return f"{_minutes(totals['rem_min_per_sleeper'])}, {_minutes(totals['stable_rem_min_per_sleeper'])}"


def _aroused(totals: dict[str, Any]) -> str:
    return f"{totals['aroused_by_cues_per_sleeper']:.1f}, {totals['woken_by_cues_per_sleeper']:.1f}"


def _minutes(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} min"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
