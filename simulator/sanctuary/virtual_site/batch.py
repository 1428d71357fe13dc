"""Many tortured nights, side by side; the result has schema ``sanctuary.torture.v1``.

The last moments before a rule broke, in plain words.

Which of a night's faults a violation takes: delta debugging (Zeller and Hildebrandt 2002).
"""

from __future__ import annotations

import importlib.util
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError
from sanctuary.virtual_site.batch_results import BrokenNight, CampaignTiming, TortureResult
from sanctuary.virtual_site.campaign import Torture, TorturedNight
from sanctuary.virtual_site.failure_trace import Fault, draw_outline

BEFORE_S = 40.0
MOST_LINES = 40

Record = Mapping[str, Any]


def story(night: TorturedNight, kept: Mapping[int, Fault]) -> list[str]:
    """Tell what was struck and what followed, up to the violation.

    Parameters
    ----------
    night
        A night that broke a rule.
    kept
        The faults that it takes, by number.
    """
    violation = night.violations[0]
    told = [f"{violation.rule} broken at {violation.t_s:.2f} s by {violation.subject}: {violation.text}"]
    told += ["faults that it takes:" if kept else "it takes no fault at all"]
    told += [f"  [{number}] {in_words(fault)}" for number, fault in kept.items()]
    lines = [*_moments(night.recent, violation.subject, violation.t_s)][-MOST_LINES:]
    return [*told, "what happened:", *lines]


def in_words(fault: Fault) -> str:
    """Describe a fault."""
    who = ", ".join(fault.who) or "everybody"
    kind = str(fault.kind).replace("_", " ")
    return f"{fault.at_s:9.2f} s  {kind}: {who}, for {fault.for_s:.1f} s ({fault.value:g})"


def _moments(records: list[Record], subject: str, at_s: float) -> Iterator[str]:
    """Write the records that concern the subject; of estimates only those that say something new."""
    verdicts: dict[str, tuple[Any, ...]] = {}
    for record in records:
        if record["t_s"] < at_s - BEFORE_S or not _concerns(record, subject):
            continue
        if record["kind"] == "estimate":
            verdict = (record["stable_rem"], record["arousal"], record["quality"])
            if verdicts.get(record["pod"]) == verdict:
                continue
            verdicts[record["pod"]] = verdict
        yield f"{record['t_s']:11.3f}  {_told(record)}"


def _concerns(record: Record, subject: str) -> bool:
    if record["kind"] == "fault":
        return True
    if record["kind"] in ("kept", "refused_message"):
        return False
    mine = (record.get("pod"), record.get("window"), record.get("circle"))
    return subject in mine or not record.get("pod") or not subject.startswith("pod-")


def _told(record: Record) -> str:
    words = _WORDS.get(record["kind"])
    who = record.get("pod") or record.get("gateway") or "a gateway"
    if words is not None:
        return words(who, record)
    rest = ", ".join(f"{key} {value}" for key, value in record.items() if key not in ("kind", "t_s", "pod"))
    return f"{who}: {record['kind']} {rest}"


def _fault(_who: str, record: Record) -> str:
    return f"*** {record['fault']}: {', '.join(record['who']) or 'everybody'}, for {record['for_s']:.1f} s"


def _pod(who: str, record: Record) -> str:
    return f"{who}: {record['event'].replace('_', ' ')} {record['detail']}".rstrip()


def _estimate(who: str, record: Record) -> str:
    verdict = "stable REM" if record["stable_rem"] else "no stable REM"
    aroused = ", aroused" if record["arousal"] else ""
    return f"{who}: chain says {verdict}{aroused}, quality {record['quality']:.2f}"


def _cue(who: str, record: Record) -> str:
    done = f"{record['outcome']} {record['reason']}".rstrip() if "outcome" in record else "sounds"
    return f"{who}: step {record['step']} of {record['window']} {done}"


def _command(who: str, record: Record) -> str:
    done = "obeyed" if record["obeyed"] else f"refused ({record['reason']})"
    return f"{who}: {record['op'] or 'command'} {record['id'] or ''} of term {record['term']} {done}"


def _window(who: str, record: Record) -> str:
    until = f" until {record['valid_until_s']:.2f} s" if record["valid_until_s"] else ""
    whose = f"{who}: " if record["kind"] == "pod_window" else f"{record['circle']}, {who}: "
    live = f", live {', '.join(record['live'])}" if "live" in record else ""
    return f"{whose}{record['event']} {record['window']}{until}{live} {record['reason']}".rstrip()


def _lease(who: str, record: Record) -> str:
    taken = "taken" if record["accepted"] else f"refused ({record['reason']})"
    return f"{who}: lease {record['seq']} for {record['window']} {taken}, to {record['expires_s']:.2f} s"


def _consent(who: str, record: Record) -> str:
    return f"{who}: {record['act']} {record['circle']} {record['seq']} {record['reason']}".rstrip()


def _leadership(who: str, record: Record) -> str:
    until_s = record["authority_until_s"]
    until = f", authority until {until_s:.2f} s" if until_s is not None else ""
    return f"{who}: {record['circle']} {record['event']} in term {record['term']} {record['reason']}{until}"


_WORDS: Mapping[str, Callable[[str, Record], str]] = {
    "fault": _fault,
    "pod": _pod,
    "estimate": _estimate,
    "cue": _cue,
    "output": _cue,
    "command": _command,
    "pod_window": _window,
    "window": _window,
    "lease": _lease,
    "consent": _consent,
    "leadership": _leadership,
    "silence": lambda who, record: f"{who}: silent, {record['reason']}",
    "hang": lambda who, record: f"{who}: stands still until {record['until_s']:.2f} s",
}


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
) -> TortureResult:
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
    slept: list[NightSummary] = []
    broken: list[BrokenNight] = []
    for number, night in enumerate(_slept(ordeal, seeds, processes), start=1):
        slept.append(night)
        counts.update(night.counts)
        broken += [night.broken] if night.broken is not None else []
        done(number)
        if broken and until_broken:
            break
    wall_s = time.perf_counter() - began_s
    return TortureResult(
        schema="sanctuary.torture.v1",
        version=version("dream-sanctuary"),
        seeds=(seeds[0], seeds[-1]),
        bug=ordeal.bug or None,
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


def _slept(ordeal: Ordeal, seeds: Sequence[int], processes: int) -> Iterator[NightSummary]:
    if processes == 1:
        yield from (_summary(ordeal, seed) for seed in seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(partial(_summary, ordeal), seeds, chunksize=CHUNK)
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class NightSummary:
    """What a batch keeps of one night."""

    pods: int
    pod_hours: float
    events: int
    counts: Mapping[str, int]
    broken: BrokenNight | None


def _summary(ordeal: Ordeal, seed: int) -> NightSummary:
    night = sleep(ordeal, seed)
    pods = len(night.outline.pods)
    broken = [BrokenNight(seed=seed, **asdict(violation)) for violation in night.violations[:1]]
    return NightSummary(
        pods,
        pods * night.outline.length_s / 3600.0,
        night.events,
        night.counts,
        broken[0] if broken else None,
    )
