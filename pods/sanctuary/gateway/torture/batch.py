"""Many tortured nights, side by side; the result has schema ``sanctuary.torture.v1``."""

from __future__ import annotations

import importlib.util
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError
from sanctuary.gateway.torture.engine import Torture, TorturedNight
from sanctuary.gateway.torture.outline import draw_outline
from sanctuary.gateway.torture.shrink import shrink
from sanctuary.gateway.torture.story import story

SCHEMA = "sanctuary.torture.v1"
CHUNK = 4
"""Seeds that a process takes at a time."""

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Ordeal:
    """What all nights of a batch have in common.

    Attributes
    ----------
    pods, gateways, hours
        As for `draw_outline`.
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


def sleep(ordeal: Ordeal, seed: int, keep: Collection[int] | None = None) -> TorturedNight:
    """Sleep one night.

    Parameters
    ----------
    keep
        Numbers of the faults that are to happen; all where not given.
    """
    with planted(ordeal.bugs, ordeal.bug):
        outline = draw_outline(seed, ordeal.pods, ordeal.gateways, ordeal.hours)
        return Torture(outline, None if keep is None else frozenset(keep)).run()


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


def reduced(ordeal: Ordeal, seed: int, night: TorturedNight) -> tuple[tuple[int, ...], list[str]]:
    """Shrink a night that broke a rule; gives the faults that it takes, and its story."""
    rule = night.violations[0].rule

    def still_breaks(keep: tuple[int, ...]) -> bool:
        found = sleep(ordeal, seed, keep).violations
        return bool(found) and found[0].rule == rule

    kept = shrink(night.struck, still_breaks)
    again = sleep(ordeal, seed, kept)
    faults = {number: again.outline.faults[number] for number in kept}
    return kept, story(again, faults)


def replay_command(ordeal: Ordeal, seed: int, kept: Collection[int]) -> str:
    """Write the command that sleeps this very night again."""
    options = [f"--seed {seed}", f"--keep {','.join(map(str, kept)) or 'none'}"]
    options += [
        f"--{name} {value:g}"
        for name, value in (("pods", ordeal.pods), ("gateways", ordeal.gateways), ("hours", ordeal.hours))
        if value is not None
    ]
    if ordeal.bug:
        options.append(f"--bug {ordeal.bug}")
    return f"sanctuary torture {' '.join(options)}"


def torture(
    ordeal: Ordeal,
    seeds: Sequence[int],
    processes: int = 1,
    done: Done = lambda _: None,
    *,
    until_broken: bool = False,
) -> dict[str, Any]:
    """Sleep all nights; the result is the same however many processes share them, but for ``timing``.

    Parameters
    ----------
    done
        Hears how many nights are over.
    until_broken
        Whether to stop at the first night that breaks a rule.
    """
    began_s = time.perf_counter()
    counts: Counter[str] = Counter()
    nights: dict[str, float] = {"pod_nights": 0, "pod_hours": 0.0, "events": 0, "nights": 0}
    broken: list[dict[str, Any]] = []
    for number, night in enumerate(_slept(ordeal, seeds, processes), start=1):
        nights["nights"] += 1
        for name in ("pod_nights", "pod_hours", "events"):
            nights[name] += night[name]
        counts.update(night["counts"])
        broken += night["violations"]
        done(number)
        if broken and until_broken:
            break
    wall_s = time.perf_counter() - began_s
    return {
        "schema": SCHEMA,
        "version": version("dream-sanctuary"),
        "seeds": [seeds[0], seeds[-1]],
        "bug": ordeal.bug or None,
        **nights,
        "counts": dict(sorted(counts.items())),
        "violations": broken,
        "timing": {"wall_s": round(wall_s, 2), "processes": processes},
    }


def sensible_processes(nights: int) -> int:
    """Give the number of processes that helps: one a core."""
    return max(1, min(-(-nights // CHUNK), len(os.sched_getaffinity(0))))


def _slept(ordeal: Ordeal, seeds: Sequence[int], processes: int) -> Iterator[dict[str, Any]]:
    if processes == 1:
        yield from (_summary(ordeal, seed) for seed in seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(partial(_summary, ordeal), seeds, chunksize=CHUNK)
        finally:
            pool.shutdown(cancel_futures=True)


def _summary(ordeal: Ordeal, seed: int) -> dict[str, Any]:
    night = sleep(ordeal, seed)
    pods = len(night.outline.pods)
    return {
        "pod_nights": pods,
        "pod_hours": pods * night.outline.length_s / 3600.0,
        "events": night.events,
        "counts": night.counts,
        "violations": [
            {"seed": seed, "rule": one.rule, "t_s": one.t_s, "subject": one.subject, "text": one.text}
            for one in night.violations[:1]
        ],
    }
