"""Nights of a fleet, one after another or side by side; their result has schema ``sanctuary.simulate.v1``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

from sanctuary.config.scenario import ScenarioSettings
from sanctuary.gateway.fleet.chains import chain_verdicts
from sanctuary.gateway.fleet.measures import fairness, night_measures, totals
from sanctuary.gateway.fleet.simulated import fleet_night, neighbours, seed_of, site_settings

SCHEMA = "sanctuary.simulate.v1"
MOST_IN_A_STACK = 16
"""Sleepers whose signals are made and judged together; more at once are no faster."""

Done = Callable[[int], None]


def simulate(
    scenario: ScenarioSettings,
    seed: int,
    nights: int,
    processes: int = 1,
    done: Done = lambda _: None,
    *,
    signals: bool = False,
) -> dict[str, Any]:
    """Sleep all nights; the result is the same however many processes share them, but for ``timing``.

    Parameters
    ----------
    done
        Hears how many nights are over.
    signals
        Whether the sleepers' signals are made and go through the real chain; verdicts are drawn otherwise.
    """
    began_s = time.perf_counter()
    found: dict[str, list[Any]] = {name: [] for name in ("windows", "sleepers", "faults", "violations")}
    messages: dict[str, int] = {}
    for number, night in enumerate(_slept(scenario, seed, nights, processes, signals=signals), start=1):
        for name, elements in found.items():
            elements += night[name]
        messages = {name: messages.get(name, 0) + count for name, count in night["messages"].items()}
        done(number)
    wall_s = time.perf_counter() - began_s
    return {
        "schema": SCHEMA,
        "version": version("dream-sanctuary"),
        "seed": seed,
        "nights": nights,
        "signals": signals,
        "scenario": scenario.model_dump(mode="json"),
        "totals": totals(found["sleepers"], found["windows"], nights),
        "fairness": fairness(found["sleepers"]),
        "messages": messages,
        **found,
        "timing": {
            "wall_s": round(wall_s, 2),
            "processes": processes,
            "pod_nights_per_s": round(scenario.pods * nights / wall_s, 2),
        },
    }


def sensible_processes(parts: int) -> int:
    """Give the number of processes that helps with work of so many parts: one a core."""
    return max(1, min(parts, len(os.sched_getaffinity(0))))


def _slept(
    scenario: ScenarioSettings, seed: int, nights: int, processes: int, *, signals: bool
) -> Iterator[dict[str, Any]]:
    if signals:
        yield from _slept_with_signals(scenario, seed, nights, processes)
        return
    if processes == 1 or nights == 1:
        yield from (_one_night(scenario, seed, number) for number in range(nights))
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_one_night, scenario, seed, number) for number in range(nights)]
        for night in waiting:
            yield night.result()


def _slept_with_signals(
    scenario: ScenarioSettings, seed: int, nights: int, processes: int
) -> Iterator[dict[str, Any]]:
    """Share the sleepers of a night among the processes; one holds some hundred MB of signals."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for number in range(nights):
            settings = site_settings(scenario, seed, number)
            pods, beside = settings.pods, neighbours(settings)
            size = min(MOST_IN_A_STACK, -(-len(pods) // processes))
            groups = [pods[at : at + size] for at in range(0, len(pods), size)]
            judged = [
                pool.submit(
                    chain_verdicts,
                    [(seed_of(pod), beside.get(pod.id, ())) for pod in group],
                    scenario.hours,
                    scenario.sleepers,
                    scenario.chain,
                )
                for group in groups
            ]
            verdicts = {
                pod.id: each
                for group, found in zip(groups, judged, strict=True)
                for pod, each in zip(group, found.result(), strict=True)
            }
            yield night_measures(fleet_night(scenario, seed, number, verdicts), number)


def _one_night(scenario: ScenarioSettings, seed: int, number: int) -> dict[str, Any]:
    return night_measures(fleet_night(scenario, seed, number), number)
