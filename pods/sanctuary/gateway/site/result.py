"""The result of a night of several pods, schema ``sanctuary.demo.v1``, from the logs and the runners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.event_log import EPOCH_S
from sanctuary.gateway.site.pod_shell import PodRunner
from sanctuary.gateway.site.problems import problems_of
from sanctuary.pods.audit import check_violations
from sanctuary.signal.samples import STAGES, Stage
from sanctuary.signal.scoring import confusion, gate_scores, kappa, ratio, rem_specificity, stage_scores

SCHEMA = "sanctuary.demo.v1"

LogLine = Mapping[str, Any]
Truths = Mapping[str, NDArray[np.int8]]


def night_result(
    settings: SanctuarySettings,
    runners: Sequence[PodRunner],
    records: Sequence[LogLine],
    truths: Truths,
    extra: Mapping[str, Any],
    *,
    live: bool,
    end_s: float,
) -> dict[str, Any]:
    """Put the result of a night together.

    Parameters
    ----------
    records
        All log records, each writer's in order.
    truths
        Simulated stages of each 30 s epoch, by pod; of simulated sleepers only.
    extra
        Further fields: seed, hours, broker, timing.
    live
        Whether it was slept in real time.
    end_s
        When it ended, sanctuary clock.
    """
    return {
        "schema": SCHEMA,
        "version": version("dream-sanctuary"),
        "site": settings.site.id,
        "live": live,
        **extra,
        "epoch_s": EPOCH_S,
        "circles": circles_of(settings),
        "pods": {runner.id: _pod(settings, runner, truths) for runner in runners},
        "windows": windows_of(records, {c.id: c.design for c in settings.circles}),
        "cues": cues_of(records),
        "problems": [
            problem.row(end_s) for problem in problems_of(records, end_s, pod_settings=settings.pod)
        ],
        "violations": violations_of(settings, records),
        "detection": _detection(runners, truths),
    }


def circles_of(settings: SanctuarySettings) -> list[dict[str, Any]]:
    """Who shares windows with whom, of what."""
    return [
        {"id": c.id, "members": list(c.members), "quorum": c.quorum, "design": c.design}
        for c in settings.circles
    ]


def violations_of(settings: SanctuarySettings, records: Sequence[LogLine]) -> list[dict[str, Any]]:
    """Broken invariants, proved from the log."""
    found = check_violations(records, pod_settings=settings.pod, limiter_settings=settings.limiter)
    return [{"rule": v.rule, "t_s": v.t_s, "subject": v.subject, "text": v.text} for v in found]


def _pod(settings: SanctuarySettings, runner: PodRunner, truths: Truths) -> dict[str, Any]:
    entry = next(pod for pod in settings.pods if pod.id == runner.id)
    body: dict[str, Any] = {
        "sleeper": entry.sleeper,
        "simulated": entry.is_simulated,
        "headband": entry.headband.kind,
        "epochs": runner.epochs.rows,
        "gate": [
            {"open_s": o.open_s, "close_s": o.close_s, "reason": o.reason} for o in runner.openings.openings
        ],
    }
    if runner.id in truths:
        truth = truths[runner.id][: len(runner.epochs.rows)]
        body["truth"] = [Stage(int(stage)).name for stage in truth]
    return body


def windows_of(records: Iterable[LogLine], designs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Windows that opened, in order, with the stay of each pod as the pods themselves logged it."""
    windows: dict[str, dict[str, Any]] = {}
    stays: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["kind"] == "window" and record["event"] in ("opened", "closed"):
            _note_window(windows, record, designs)
        elif record["kind"] == "pod_window" and record["event"] in ("opened", "left"):
            _note_stay(stays.setdefault(record["window"], []), record)
    for window in windows.values():
        members = [stay for stay in stays.get(window["id"], []) if stay["from_s"] is not None]
        window["members"] = members
        window["pods"] = sorted({stay["pod"] for stay in members})
    return sorted(windows.values(), key=lambda window: (window["open_s"], window["id"]))


def _note_window(windows: dict[str, dict[str, Any]], record: LogLine, designs: Mapping[str, str]) -> None:
    if record["event"] == "opened":
        windows[record["window"]] = {
            "id": record["window"],
            "circle": record["circle"],
            "design": designs[record["circle"]],
            "open_s": record["t_s"],
            "close_s": None,
            "reason_closed": "",
        }
    elif record["window"] in windows:
        windows[record["window"]] |= {"close_s": record["t_s"], "reason_closed": record["reason"]}


def _note_stay(stays: list[dict[str, Any]], record: LogLine) -> None:
    if record["event"] == "opened":
        stays.append({"pod": record["pod"], "from_s": record["t_s"], "to_s": None, "reason_left": ""})
        return
    for stay in stays:
        if stay["pod"] == record["pod"] and stay["to_s"] is None:
            stay |= {"to_s": record["t_s"], "reason_left": record["reason"]}


def cues_of(records: Iterable[LogLine]) -> list[dict[str, Any]]:
    """Cues that came due, rendered or refused.

    ``sham`` stands where one was kept from the output, ``answers`` where one answers another's eye signal.
    """
    keys = ("t_s", "pod", "window", "step", "outcome", "reason", "modality", "level", "sham", "answers")
    cues = (record for record in records if record["kind"] == "cue")
    return [{key: record[key] for key in keys if key in record} for record in cues]


def _detection(runners: Sequence[PodRunner], truths: Truths) -> dict[str, Any]:
    """Compare truth and detection, pod by pod and pooled."""
    found: dict[str, Any] = {}
    pooled = np.zeros((len(STAGES), len(STAGES) + 1), dtype=np.int64)
    for runner in runners:
        if runner.id not in truths or not runner.epochs.rows:
            continue
        detected = np.array(runner.epochs.stages, dtype=np.int8)
        truth = truths[runner.id][: len(detected)]
        table = confusion(truth, detected)
        pooled += table
        found[runner.id] = _agreement(table) | {"gate": gate_scores(runner.openings.openings, truth, EPOCH_S)}
    if found:
        found["pooled"] = _agreement(pooled)
    return found


def _agreement(table: NDArray[np.int64]) -> dict[str, Any]:
    n = len(STAGES)
    return {
        "accuracy": ratio(float(np.trace(table[:, :n])), float(table.sum())),
        "kappa": kappa(table),
        "rem": stage_scores(table, Stage.R),
        "rem_specificity": rem_specificity(table),
    }
