"""Many nights of fault injection, side by side; the result has schema ``sanctuary.torture.v1``.

Which of a night's faults a violation takes: delta debugging (Zeller and Hildebrandt 2002).
"""

from __future__ import annotations

import importlib.util
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError
from sanctuary.gateway.worker_pool import worker_pool
from sanctuary.virtual_site.batch_results import BrokenNight, CampaignTiming, TortureResult
from sanctuary.virtual_site.failure_trace import failure_trace
from sanctuary.virtual_site.fault_injection import FaultInjection, InjectedNight
from sanctuary.virtual_site.scenario import draw_scenario

MOST_TRIES = 250


def shrink(faults: Sequence[int], still_breaks: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...]:
    """Leave faults out while the rule still breaks.

    Parameters
    ----------
    faults
        Numbers of those that struck.
    still_breaks
        Sleeps the night with some of them; tells whether the same rule breaks.

    Returns
    -------
    tuple of int
        A set of which none can be left out, unless that took more than `MOST_TRIES` nights.
    """
    kept, parts, tries = tuple(faults), 2, 0
    if kept and still_breaks(()):
        return ()
    while kept and tries < MOST_TRIES:
        size = max(1, len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            tries += 1
            if still_breaks(rest):
                kept, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), 2 * parts)
    return kept


CHUNK = 4
"""Seeds that a process takes at a time."""

Done = Callable[[float], None]
_LOST = (
    "a process that slept tortured nights was ended from outside, perhaps for want of memory; close other "
    "programs, or use fewer --processes"
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What all nights of a batch have in common.

    Attributes
    ----------
    pods, gateways, hours
        As for `draw_scenario`.
    bug
        Name of a planted bug; empty for none.
    bugs
        The file that has it: a Python module with a dictionary ``BUGS`` of context managers by name.
    """

    pods: int | None = None
    gateways: int | None = None
    hours: float | None = None
    bug: str = ""
    bugs: Path = field(default=Path("benchmarks") / "planted_bugs.py")


def sleep(campaign: Campaign, seed: int, keep: Collection[int] | None = None) -> InjectedNight:
    """Sleep one night.

    Parameters
    ----------
    keep
        Numbers of the faults that are to happen; all where not given.
    """
    with planted(campaign.bugs, campaign.bug):
        scenario = draw_scenario(seed, campaign.pods, campaign.gateways, campaign.hours)
        return FaultInjection(scenario, None if keep is None else frozenset(keep)).run()


def planted(path: Path, name: str) -> AbstractContextManager[Any]:
    """Plant a bug for as long as the context lasts.

    Raises
    ------
    InputError
        There is no such file, or it has no such bug.
    """
    if not name:
        return nullcontext()
    found = importlib.util.spec_from_file_location("planted_bugs", path)
    if found is None or found.loader is None or not path.is_file():
        raise InputError(f"{path}: not found; planted bugs lie beside the source, run this from there")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    bugs: dict[str, Callable[[], AbstractContextManager[Any]]] = module.BUGS
    if name not in bugs:
        raise InputError(f"--bug {name}: no such bug in {path}; there are {', '.join(sorted(bugs))}")
    return bugs[name]()


def reduced(campaign: Campaign, seed: int, night: InjectedNight) -> tuple[tuple[int, ...], list[str]]:
    """Shrink a night that broke a rule; gives the faults that it takes, and its trace."""
    rule = night.violations[0].rule

    def still_breaks(keep: tuple[int, ...]) -> bool:
        found = sleep(campaign, seed, keep).violations
        return bool(found) and found[0].rule == rule

    kept = shrink(night.struck, still_breaks)
    again = sleep(campaign, seed, kept)
    faults = {number: again.scenario.faults[number] for number in kept}
    return kept, failure_trace(again, faults)


def replay_command(campaign: Campaign, seed: int, kept: Collection[int]) -> str:
    """Write the command that sleeps this very night again."""
    options = [f"--seed {seed}", f"--keep {','.join(map(str, kept)) or 'none'}"]
    drawn = {"pods": campaign.pods, "gateways": campaign.gateways, "hours": campaign.hours}
    options += [f"--{name} {value:g}" for name, value in drawn.items() if value is not None]
    if campaign.bug:
        options.append(f"--bug {campaign.bug}")
    return f"sanctuary torture {' '.join(options)}"


def run_campaign(
    campaign: Campaign,
    seeds: Sequence[int],
    processes: int = 1,
    done: Done = lambda _: None,
    *,
    until_broken: bool = False,
) -> TortureResult:
    """Sleep all nights; the result is the same however many processes share them, but for ``timing``.

    Ctrl-C ends it early: the result is that of the nights before the first one that is not over.

    Parameters
    ----------
    done
        Called with the number of nights that are over.
    until_broken
        Whether to stop at the first night that breaks a rule.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted before the first night was over.
    """
    began_s = time.perf_counter()
    counts: Counter[str] = Counter()
    slept: list[NightSummary] = []
    broken: list[BrokenNight] = []
    try:
        for night in _slept(campaign, seeds, processes):
            slept.append(night)
            counts.update(night.counts)
            broken += [night.broken] if night.broken is not None else []
            done(len(slept))
            if broken and until_broken:
                break
    except KeyboardInterrupt:
        if not slept:
            raise
    wall_s = time.perf_counter() - began_s
    return TortureResult(
        schema="sanctuary.torture.v1",
        version=version("dream-sanctuary"),
        seeds=(seeds[0], seeds[len(slept) - 1]),
        bug=campaign.bug or None,
        pod_nights=sum(night.pods for night in slept),
        pod_hours=sum(night.pod_hours for night in slept),
        events=sum(night.events for night in slept),
        nights=len(slept),
        counts=dict(sorted(counts.items())),
        violations=tuple(broken),
        timing=CampaignTiming(wall_s=round(wall_s, 2), processes=processes),
    )


def chunks(nights: int) -> int:
    """Give the number of parts that processes take so many nights in."""
    return -(-nights // CHUNK)


def _slept(campaign: Campaign, seeds: Sequence[int], processes: int) -> Iterator[NightSummary]:
    if processes == 1:
        yield from (_summary(campaign, seed) for seed in seeds)
        return
    with worker_pool(processes, _LOST) as pool:
        yield from pool.map(partial(_summary, campaign), seeds, chunksize=CHUNK)


@dataclass(frozen=True, slots=True)
class NightSummary:
    """What a batch keeps of one night."""

    pods: int
    pod_hours: float
    events: int
    counts: Mapping[str, int]
    broken: BrokenNight | None


def _summary(campaign: Campaign, seed: int) -> NightSummary:
    night = sleep(campaign, seed)
    pods = len(night.scenario.pods)
    broken = [BrokenNight(seed=seed, **asdict(violation)) for violation in night.violations[:1]]
    return NightSummary(
        pods,
        pods * night.scenario.length_s / 3600.0,
        night.events,
        night.counts,
        broken[0] if broken else None,
    )
