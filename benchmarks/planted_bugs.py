"""Bugs planted on purpose, each breaking one rule, and how many tortured nights it takes to find them.

    python benchmarks/planted_bugs.py                          a table of all
    sanctuary torture --bug no_fence_at_takeover --seeds 50    one of them, with its story

Each is a context manager that changes a rule of the running program for as long as it is entered; nothing of
this is part of the product.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.entries import UtcRange
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.storage import MemoryKeeper
from sanctuary.pods.coordinator import coordinator as coordination
from sanctuary.pods.coordinator import turns
from sanctuary.pods.coordinator.claims import ClaimMonitor
from sanctuary.pods.coordinator.leadership_state import CircleLeadership
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import Render
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod import command_handler, permission
from sanctuary.pods.pod.context import PodContext
from sanctuary.pods.pod.evidence import ClockTrust, Evidence, EvidenceReason
from sanctuary.pods.pod.outgoing import Outgoing
from sanctuary.pods.pod.permission import CommandReason
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.pod.states import Trigger
from sanctuary.pods.protocol import topics
from sanctuary.virtual_site.batch_results import sensible_processes
from sanctuary.virtual_site.campaign import Campaign, chunks, run_campaign

MOST_SEEDS = 200

Bug = Callable[[], AbstractContextManager[Any]]


@contextmanager
def _around(owner: Any, name: str, wrapped: Callable[..., Any]) -> Iterator[None]:
    """Put `wrapped` in the place of a method; it gets the method as its first argument."""
    original = getattr(owner, name)

    def instead(*args: Any, **kwargs: Any) -> Any:
        return wrapped(original, *args, **kwargs)

    with patch.object(owner, name, instead):
        yield


def around(owner: Any, name: str, wrapped: Callable[..., Any]) -> Bug:
    """Make a bug of a method that is wrapped."""
    return partial(_around, owner, name, wrapped)


# --- the pod ---


def _stale_counts(original: Any, last: Any, now_s: float, settings: Any) -> EvidenceReason | None:
    reason: EvidenceReason | None = original(last, now_s, settings)
    if reason is not EvidenceReason.STALE:
        return reason
    return original(last, min(now_s, last.t_s), settings)  # type: ignore[no-any-return]


def _withdrawal_by_hand_forgotten(original: Any, book: ConsentBook, circle: str) -> Any:
    kept, book._local = book._local, None  # noqa: SLF001
    try:
        return original(book, circle)
    finally:
        book._local = kept  # noqa: SLF001


def _grants_never_end(original: Any, book: ConsentBook, circle: str, now: float | UtcRange) -> Any:
    verdict = original(book, circle, now)
    if verdict == "grant_expired":
        return book._verdicts[circle]  # noqa: SLF001
    return verdict


def _leaves_loudly(trigger: Trigger) -> Callable[..., None]:
    """Leave by one trigger without a word to the outputs."""

    def leave(original: Any, context: PodContext, by: Trigger, reason: str, now_s: float) -> None:
        if by is not trigger:
            original(context, by, reason, now_s)
            return
        with patch.object(PodContext, "silence", lambda *_: None):
            original(context, by, reason, now_s)

    return leave


def _no_gap_after_restart(original: Any, limiter: Limiter, *args: Any) -> None:
    original(limiter, *args)
    limiter._last_start_s = limiter._last_end_s = float("-inf")  # noqa: SLF001


def _without_memory(original: Any, pod: Pod, *args: Any, **kwargs: Any) -> None:
    original(pod, *args, **(kwargs | {"memory": None}))


def _without_latch(original: Any, pod: Pod, *args: Any, **kwargs: Any) -> None:
    memory = kwargs.get("memory")
    unlatched = memory.model_copy(update={"latch": None}) if memory is not None else None
    original(pod, *args, **(kwargs | {"memory": unlatched}))


def _but_for(reason: CommandReason) -> Callable[..., CommandReason | None]:
    def judged(original: Any, *args: Any, **kwargs: Any) -> CommandReason | None:
        found: CommandReason | None = original(*args, **kwargs)
        return None if found is reason else found

    return judged


def _log_after_render(original: Any, outgoing: Outgoing, entry: Any, render: Render | None) -> None:
    out = outgoing._effects  # noqa: SLF001
    begin = len(out)
    original(outgoing, entry, render)
    out[begin:] = sorted(out[begin:], key=lambda effect: not isinstance(effect, Render))


def _done_anyway(original: Any, *args: Any, **kwargs: Any) -> bool:
    original(*args, **kwargs)
    return True


@contextmanager
def _unkept_cues_sound() -> Iterator[None]:
    """Take every word for kept, whatever the disk says."""
    with _around(PodShell, "_write_cue", _done_anyway), _around(MemoryKeeper, "keep", _done_anyway):
        yield


def _sounds_however_late(_original: Any, runner: PodShell, now_s: float) -> None:
    """Hand cues over that wait, whatever has become of their moment."""
    while runner._waiting and runner._waiting[0].at_s <= now_s:  # noqa: SLF001
        runner._hand_over(runner._waiting.popleft(), now_s)  # noqa: SLF001


def _signals_leak(original: Any, runner: PodShell, estimate: Any, now_s: float) -> None:
    if estimate.stable_rem:
        topic = topics.signal(runner._site, runner.id, "eeg")  # noqa: SLF001
        runner._send(MqttMessage(topic, b"\x00\x01" * 250, 0))  # noqa: SLF001
    original(runner, estimate, now_s)


# --- the gateways ---


def _opens_without_leases(
    original: Any, coordinator: Any, run: WindowRun, now_s: float, out: list[Any]
) -> None:
    """Take an offer for a lease."""

    def offered(run: WindowRun, now_s: float) -> list[str]:
        return sorted(run.offers) if len(run.leases) else live(run, now_s)

    live = WindowRun.live
    with patch.object(WindowRun, "live", offered):
        original(coordinator, run, now_s, out)


def _lapsed_leases_count(original: Any, run: WindowRun, now_s: float) -> list[str]:
    return original(run, now_s - 8.0)  # type: ignore[no-any-return]


def _confirmed_when_sent(original: Any, circle: CircleLeadership, *args: Any, **kwargs: Any) -> Any:
    """Count a claim as come back as soon as it is sent."""
    sent = original(circle, *args, **kwargs)
    sent_s = (at_s for at_s, _ in circle._unconfirmed.values())  # noqa: SLF001
    circle._confirmed_s = max(sent_s, default=circle._confirmed_s)  # noqa: SLF001
    return sent


@contextmanager
def _two_windows() -> Iterator[None]:
    """Let a pod be offered, and enter, a window while it is in another."""

    def move(original: Any, context: PodContext, trigger: Trigger) -> None:
        if trigger is Trigger.LEASE:
            context.phase = type(context.phase).ELIGIBLE
        original(context, trigger)

    def reason(original: Any, handler: Any, offer: Any, found: Any) -> Any:
        why = original(handler, offer, found)
        return None if why in (CommandReason.ENGAGED, CommandReason.NOT_ELIGIBLE) else why

    def eligible(original: Any, directory: Any, pod: str, circle: str, now_s: float) -> bool:
        state = directory._views[pod].state  # noqa: SLF001
        engaged = state is not None and state.state == "in_window" and circle in state.willing
        return engaged or original(directory, pod, circle, now_s)

    from sanctuary.pods.coordinator.turns import PodDirectory

    with (
        _around(PodContext, "move", move),
        _around(command_handler.CommandHandler, "_offer_reason", reason),
        _around(PodDirectory, "is_eligible", eligible),
        _around(
            WindowRun,
            "holds",
            lambda original, run, pod, now_s: pod in run.offers and original(run, pod, now_s),
        ),
        patch.object(coordination.Coordinator, "_available", _available_anyway),
    ):
        yield


def _available_anyway(coordinator: Any, circle: Any, now_s: float) -> list[str]:
    mine = coordinator._runs.get(circle.id)  # noqa: SLF001
    return [
        pod
        for pod in sorted(circle.members)
        if coordinator._directory.is_eligible(pod, circle.id, now_s)  # noqa: SLF001
        and not (mine is not None and mine.holds(pod, now_s))
    ]


def _longest_served_first(_original: Any, last_end_s: Any) -> str:
    since_s = turns._waiting_since_s  # noqa: SLF001
    return str(max(last_end_s, key=lambda circle: (since_s(last_end_s[circle]), circle)))


BUGS: dict[str, Bug] = {
    "stale_eeg_counts": around(permission, "p1_stable_rem", _stale_counts),
    "grant_never_ends": around(ConsentBook, "in_force", _grants_never_end),
    "withdrawal_by_hand_forgotten": around(ConsentBook, "_judge", _withdrawal_by_hand_forgotten),
    "withdrawal_not_silent": around(PodContext, "leave", _leaves_loudly(Trigger.WITHDRAW)),
    "stop_not_silent": around(PodContext, "leave", _leaves_loudly(Trigger.STOP)),
    "link_loss_not_silent": around(PodContext, "leave", _leaves_loudly(Trigger.LINK_DOWN)),
    "gap_not_counted_after_restart": around(Limiter, "recall", _no_gap_after_restart),
    "memory_not_restored": around(Pod, "__init__", _without_memory),
    "latch_lost_at_restart": around(Pod, "__init__", _without_latch),
    "requalification_skipped": around(Evidence, "is_requalified", lambda *_: True),
    "clock_uncertainty_ignored": around(ClockTrust, "is_sure", lambda *_: True),
    "clock_set_ignored": around(Limiter, "on_clock_set", lambda *_: None),
    "duplicate_obeyed": around(command_handler, "p6_command", _but_for(CommandReason.DUPLICATE)),
    "expired_obeyed": around(command_handler, "p6_command", _but_for(CommandReason.EXPIRED)),
    "old_term_obeyed": around(command_handler, "p6_command", _but_for(CommandReason.OLD_TERM)),
    "two_windows_at_a_pod": _two_windows,
    "log_after_render": around(Outgoing, "cue", _log_after_render),
    "unkept_cue_sounds": _unkept_cues_sound,
    "late_cue_sounds": around(PodShell, "render_due", _sounds_however_late),
    "signals_leak": around(PodShell, "on_estimate", _signals_leak),
    "leases_not_asked_at_opening": around(coordination.Coordinator, "_await_quorum", _opens_without_leases),
    "no_close_below_quorum": around(WindowRun, "live", _lapsed_leases_count),
    "no_fence_at_takeover": around(ClaimMonitor, "clear_s", lambda *_: float("-inf")),
    "claim_echo_ignored": around(CircleLeadership, "_send", _confirmed_when_sent),
    "rotation_ignored": around(coordination, "next_in_turn", _longest_served_first),
}
"""By name, for ``sanctuary torture --bug``."""


def main() -> int:
    """Print a table; the exit code tells whether every bug was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=MOST_SEEDS)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--only", default="", help="names, with commas")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [*BUGS]
    missed = 0
    print(f"{'bug':34} {'seeds':>5} {'rule':>4} {'s':>6}  first violation")
    for name in names:
        began_s = time.perf_counter()
        campaign = Campaign(bug=name, bugs=Path(__file__))
        seeds = range(options.first, options.first + options.seeds)
        found = run_campaign(campaign, seeds, sensible_processes(chunks(len(seeds))), until_broken=True)
        took_s = time.perf_counter() - began_s
        first = found.violations[0] if found.violations else None
        missed += first is None
        if first is None:
            print(f"{name:34} {'-':>5} {'-':>4} {took_s:6.1f}  not found", flush=True)
        else:
            needed = first.seed - options.first + 1
            print(f"{name:34} {needed:5} {first.rule:>4} {took_s:6.1f}  {first.text}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
