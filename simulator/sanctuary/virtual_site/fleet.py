"""What nights of a fleet came to: sharing, waiting, fairness, faults, broken invariants; pure.

Fairness is Jain's index over the sleepers of a circle, of the minutes that each shared for each minute of
stable REM: 1 where all had the same, 1/n where one had everything (Jain, Chiu and Hawe 1984).

Nights of a fleet, one after another or side by side; their result has schema ``sanctuary.simulate.v1``.

Verdicts of simulated sleepers by the real chain, from their signals; they go through it as one stack.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise

import numpy as np

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.scenario_settings import ScenarioSettings
from sanctuary.config.site_settings import PodSettings
from sanctuary.config.sleeper_settings import SleeperSettings
from sanctuary.gateway.results.night_result import cues_of, windows_of
from sanctuary.gateway.site.result import broken_invariants
from sanctuary.gateway.worker_pool import add_work, worker_pool
from sanctuary.signal.chain import SleeperStack
from sanctuary.signal.samples import Stage, StageEstimate
from sanctuary.simulator.sleepers.simulated_sleeper import CHANNELS, Sleeper
from sanctuary.virtual_site.batch_results import (
    FleetFault,
    FleetSleeper,
    FleetTiming,
    FleetTotals,
    FleetViolation,
    FleetWindow,
    SimulateResult,
)
from sanctuary.virtual_site.simulated_guests import (
    FleetNight,
    VerdictLog,
    fleet_night,
    neighbours,
    seed_of,
    site_settings,
)
from sanctuary.virtual_site.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class NightMeasures:
    """What one night came to; each part as in `SimulateResult`."""

    windows: tuple[FleetWindow, ...]
    sleepers: tuple[FleetSleeper, ...]
    faults: tuple[FleetFault, ...]
    violations: tuple[FleetViolation, ...]
    messages: dict[str, int]


def night_measures(night: FleetNight, number: int) -> NightMeasures:
    """Measure one night."""
    found = windows_of(night.records, {circle.id: circle.design for circle in night.settings.circles})
    windows = tuple(FleetWindow(night=number, **dict(window)) for window in found)
    broken = broken_invariants(night.settings, night.records)
    return NightMeasures(
        windows,
        tuple(_sleepers(night, windows, number)),
        tuple(FleetFault(night=number, **asdict(fault)) for fault in night.faults),
        tuple(FleetViolation(night=number, **asdict(violation)) for violation in broken),
        night.messages,
    )


def totals(sleepers: Sequence[FleetSleeper], windows: Sequence[FleetWindow], nights: int) -> FleetTotals:
    """Sum all nights up."""
    lengths_min = [(w.close_s - w.open_s) / 60.0 for w in windows if w.close_s is not None]
    n = len(sleepers)
    return FleetTotals(
        windows_per_night=len(windows) / nights,
        window_mean_min=_mean(lengths_min),
        shared_min_per_sleeper=_mean([each.shared_min for each in sleepers]),
        stable_rem_min_per_sleeper=_mean([each.stable_rem_min for each in sleepers]),
        rem_min_per_sleeper=_mean([each.rem_min for each in sleepers]),
        waited_min_per_sleeper=_mean([each.waited_min for each in sleepers]),
        cues_rendered_per_sleeper=sum(each.cues_rendered for each in sleepers) / n,
        aroused_by_cues_per_sleeper=sum(each.aroused_by_cues for each in sleepers) / n,
        woken_by_cues_per_sleeper=sum(each.woken_by_cues for each in sleepers) / n,
        sleepers_without_a_window=sum(not each.windows for each in sleepers) / n,
        windows_closed_by=dict(sorted(Counter(window.reason_closed for window in windows).items())),
    )


def fairness(sleepers: Sequence[FleetSleeper]) -> dict[str, float | None]:
    """Jain's index of each circle over all nights, and of all sleepers."""
    shared: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    stable: dict[str, float] = defaultdict(float)
    for each in sleepers:
        stable[each.pod] += each.stable_rem_min
        for circle in each.circles:
            shared[circle][each.pod] += each.shared_min
    found = {
        circle: jain([minutes / stable[pod] for pod, minutes in by_pod.items() if stable[pod] > 0.0])
        for circle, by_pod in sorted(shared.items())
    }
    everybody = {pod: minutes for by_pod in shared.values() for pod, minutes in by_pod.items()}
    found["all"] = jain([minutes / stable[pod] for pod, minutes in everybody.items() if stable[pod] > 0.0])
    return found


def jain(shares: Iterable[float]) -> float | None:
    """Jain's index; None where nobody had anything."""
    values = list(shares)
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def _sleepers(night: FleetNight, windows: Sequence[FleetWindow], number: int) -> Iterator[FleetSleeper]:
    in_window: dict[str, float] = defaultdict(float)
    visited: dict[str, set[str]] = defaultdict(set)
    for window in windows:
        for stay in window.members:
            visited[stay.pod].add(window.id)
            if stay.to_s is not None:
                in_window[stay.pod] += (stay.to_s - stay.from_s) / 60.0
    shared = _shared_min(windows)
    outcomes = Counter((cue.pod, cue.outcome) for cue in cues_of(night.records))
    for pod, truth in night.truths.items():
        yield FleetSleeper(
            night=number,
            pod=pod,
            circles=tuple(circle.id for circle in night.settings.circles if pod in circle.members),
            rem_min=float((truth.stages == Stage.R).sum()) / 60.0,
            stable_rem_min=night.stable_s[pod] / 60.0,
            shared_min=round(shared[pod], 3),
            waited_min=round(max(0.0, night.stable_s[pod] / 60.0 - in_window[pod]), 3),
            windows=len(visited[pod]),
            cues_rendered=outcomes[pod, "rendered"],
            cues_refused=outcomes[pod, "refused"],
            aroused_by_cues=sum(each.arousal is not None for each in night.responses[pod]),
            woken_by_cues=sum(each.awake is not None for each in night.responses[pod]),
        )


def _shared_min(windows: Sequence[FleetWindow]) -> dict[str, float]:
    """Minutes that each pod was in a window while somebody else was in it too."""
    found: dict[str, float] = defaultdict(float)
    for window in windows:
        stays = [(stay.pod, stay.from_s, stay.to_s) for stay in window.members if stay.to_s is not None]
        edges = sorted({edge for _, begin, end in stays for edge in (begin, end)})
        for begin, end in pairwise(edges):
            inside = {pod for pod, from_s, to_s in stays if from_s <= begin and to_s >= end}
            if len(inside) > 1:
                for pod in inside:
                    found[pod] += (end - begin) / 60.0
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


FS_HZ = 250
BLOCK_S = 30


def chain_verdicts(
    seeds: Sequence[tuple[int, tuple[int, ...]]],
    hours: float,
    sleepers: SleeperSettings,
    chain: ChainSettings,
    work: float = 0.0,
) -> list[Verdicts]:
    """Let sleepers sleep, and let the chain judge them.

    Parameters
    ----------
    seeds
        The sleepers, as in their pods, and those who sleep beside each of them.
    work
        What to add to the work of a pool of processes, bit by bit.
    """
    people = [Sleeper(seed, hours, float(FS_HZ), sleepers, beside) for seed, beside in seeds]
    logs = [VerdictLog(PodSettings().min_quality) for _ in people]
    for estimates in _judged(people, hours, chain):
        for log, estimate in zip(logs, estimates, strict=True):
            log.estimate(estimate)
        add_work(work / (hours * 3600.0))
    return [log.verdicts() for log in logs]


def _judged(people: Sequence[Sleeper], hours: float, chain: ChainSettings) -> Iterator[list[StageEstimate]]:
    """Give the estimates of all sleepers, second by second."""
    stack = SleeperStack(len(people), float(FS_HZ), CHANNELS, chain)
    n = int(hours * 3600.0) * FS_HZ
    for start in range(0, n, BLOCK_S * FS_HZ):
        size = min(BLOCK_S * FS_HZ, n - start)
        uv = np.stack([sleeper.render(size) for sleeper in people])
        yield from (list(row) for row in stack.push(start, uv))


MOST_IN_A_STACK = 16
"""Sleepers whose signals are made and judged together; more at once are no faster."""
SIGNALS_SHARE = 0.8
"""Share of the work of a night that making and judging signals is, about."""

_LOST = (
    "a process that simulated nights was ended from outside, perhaps for want of memory; close other "
    "programs, or simulate fewer pods"
)
Done = Callable[[float], None]


def simulate(
    scenario: ScenarioSettings,
    seed: int,
    nights: int,
    processes: int = 1,
    done: Done = lambda _: None,
    *,
    signals: bool = False,
) -> SimulateResult:
    """Sleep all nights; the result is the same however many processes share them, but for ``timing``.

    Ctrl-C ends it early: the result is that of the nights before the first one that is not over.

    Parameters
    ----------
    done
        Called with the number of nights that are over, parts of nights among them.
    signals
        Whether the sleepers' signals are made and go through the real chain; verdicts are drawn otherwise.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted before the first night was over.
    """
    began_s = time.perf_counter()
    found: list[NightMeasures] = []
    messages: Counter[str] = Counter()
    try:
        for night in _slept(scenario, seed, nights, processes, done, signals=signals):
            found.append(night)
            messages.update(night.messages)
    except KeyboardInterrupt:
        if not found:
            raise
    nights = len(found)
    wall_s = time.perf_counter() - began_s
    windows = tuple(window for night in found for window in night.windows)
    sleepers = tuple(sleeper for night in found for sleeper in night.sleepers)
    return SimulateResult(
        schema="sanctuary.simulate.v1",
        version=version("dream-sanctuary"),
        seed=seed,
        nights=nights,
        signals=signals,
        scenario=scenario.model_dump(mode="json"),
        totals=totals(sleepers, windows, nights),
        fairness=fairness(sleepers),
        messages=dict(messages),
        windows=windows,
        sleepers=sleepers,
        faults=tuple(fault for night in found for fault in night.faults),
        violations=tuple(violation for night in found for violation in night.violations),
        timing=FleetTiming(
            wall_s=round(wall_s, 2),
            processes=processes,
            pod_nights_per_s=round(scenario.pods * nights / wall_s, 2),
        ),
    )


def _slept(
    scenario: ScenarioSettings, seed: int, nights: int, processes: int, done: Done, *, signals: bool
) -> Iterator[NightMeasures]:
    if signals:
        yield from _slept_with_signals(scenario, seed, nights, processes, done)
    elif processes == 1 or nights == 1:
        yield from _slept_here(scenario, seed, nights, done)
    else:
        with worker_pool(processes, _LOST) as pool:
            tasks = [pool.submit(_one_night, scenario, seed, number, add_work) for number in range(nights)]
            yield from pool.in_order(tasks, done)


def _slept_here(scenario: ScenarioSettings, seed: int, nights: int, done: Done) -> Iterator[NightMeasures]:
    over = 0.0

    def passed(share: float) -> None:
        nonlocal over
        over += share
        done(over)

    yield from (_one_night(scenario, seed, number, passed) for number in range(nights))


def _slept_with_signals(
    scenario: ScenarioSettings, seed: int, nights: int, processes: int, done: Done
) -> Iterator[NightMeasures]:
    """Share the sleepers of a night among the processes; one holds some hundred MB of signals."""
    with worker_pool(processes, _LOST) as pool:
        for number in range(nights):
            settings = site_settings(scenario, seed, number)
            pods, beside = settings.pods, neighbours(settings)
            size = min(MOST_IN_A_STACK, -(-len(pods) // processes))
            groups = [pods[at : at + size] for at in range(0, len(pods), size)]
            tasks = [
                pool.submit(
                    chain_verdicts,
                    [(seed_of(pod), beside.get(pod.id, ())) for pod in group],
                    scenario.hours,
                    scenario.sleepers,
                    scenario.chain,
                    SIGNALS_SHARE * len(group) / len(pods),
                )
                for group in groups
            ]
            verdicts = {
                pod.id: each
                for group, found in zip(groups, pool.in_order(tasks, done), strict=True)
                for pod, each in zip(group, found, strict=True)
            }
            night = fleet_night(
                scenario,
                seed,
                number,
                verdicts,
                lambda share: done(pool.add_work((1.0 - SIGNALS_SHARE) * share)),
            )
            yield night_measures(night, number)


def _one_night(
    scenario: ScenarioSettings, seed: int, number: int, passed: Callable[[float], None]
) -> NightMeasures:
    return night_measures(fleet_night(scenario, seed, number, passed=passed), number)
