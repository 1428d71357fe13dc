"""Fit, judge by leaving one person out, and write down what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from sanctuary.config.errors import InputError
from sanctuary.gateway.training.gathering import Gathered, Recipe, Say
from sanctuary.signal.emission import PAIR, SINGLE, Emission
from sanctuary.signal.emission_training import (
    IntArray,
    ScoredNight,
    best_calibration,
    filtered,
    fit_emission,
    log_loss,
    sharpened,
)
from sanctuary.signal.samples import STAGES, FloatArray, Stage
from sanctuary.signal.scoring import confusion, kappa, ratio, rem_specificity, stage_scores
from sanctuary.signal.staging import name_stages

HeldOut = list[tuple[ScoredNight, Emission]]


def train(gathered: Gathered, recipe: Recipe, say: Say = lambda _: None) -> Emission:
    """Fit on all nights; scores and exponents come from fits that leave each person out in turn.

    Raises
    ------
    InputError
        Fewer than two persons, or a stage that nobody shows.
    """
    nights = gathered.nights
    _check(nights)
    held_out = leave_one_person_out(nights, recipe)
    calibrations, scores = {}, {}
    for head in (PAIR, SINGLE):
        judged = [
            (filtered(night, model, recipe.settings, eyes=head == PAIR), night.stages)
            for night, model in held_out
            if head in model.heads and (head == SINGLE or night.has_eyes)
        ]
        if not judged:
            continue
        calibrations[head] = best_calibration(judged)
        staging = recipe.settings.staging
        rem_p = staging.rem_p if head == PAIR else staging.rem_p_without_eyes
        true = [(sharpened(p, calibrations[head]), stages) for p, stages in judged]
        scores[head] = {**held_out_scores(true, rem_p), "calibration": calibrations[head]}
        say(f"{head}: held out, REM F1 {scores[head]['rem_f1']}, kappa {scores[head]['kappa']}")
    provenance = _provenance(gathered, recipe, scores)
    return fit_emission(nights, recipe.settings.normalisation, provenance, calibrations)


def _check(nights: Sequence[ScoredNight]) -> None:
    persons = sorted({night.person for night in nights})
    if len(persons) < 2:
        raise InputError(
            f"only one person ({persons[0]}) in these nights: two are needed to judge a model on somebody it "
            "has not seen; --person-letters says how many letters of a night's name are its person"
        )
    stages = np.concatenate([night.stages for night in nights])
    absent = [stage.name for stage in STAGES if not (stages == stage).any()]
    if absent:
        raise InputError(f"no epoch of {', '.join(absent)} in these nights; a model needs all five stages")


def leave_one_person_out(nights: Sequence[ScoredNight], recipe: Recipe) -> HeldOut:
    """Pair each night with a model that was fitted without its person."""
    models = {}
    for person in {night.person for night in nights}:
        others = [night for night in nights if night.person != person]
        models[person] = fit_emission(others, recipe.settings.normalisation, {})
    return [(night, models[night.person]) for night in nights]


def held_out_scores(judged: Sequence[tuple[FloatArray, IntArray]], rem_p: float) -> dict[str, Any]:
    """Mean scores of probabilities ``(n, 5)``, each epoch judged causally, beside the expert's stages."""
    f1, agreement, losses = [], [], []
    pooled = np.zeros((len(STAGES), len(STAGES) + 1), dtype=np.int64)
    for p, stages in judged:
        table = confusion(stages, name_stages(p, rem_p))
        pooled += table
        losses.append(log_loss(p, stages))
        agreement.append(kappa(table) or 0.0)
        if (stages == Stage.R).any():
            f1.append(stage_scores(table, Stage.R)["f1"] or 0.0)
    return {
        "nights": len(judged),
        "rem_f1": round(float(np.mean(f1)), 4) if f1 else None,
        "rem_f1_least": round(float(np.min(f1)), 4) if f1 else None,
        "kappa": round(float(np.mean(agreement)), 4),
        "accuracy": _rounded(ratio(float(np.trace(pooled[:, : len(STAGES)])), float(pooled.sum()))),
        "log_loss_nats": round(float(np.mean(losses)), 4),
        "not_called_rem": {name: _rounded(share) for name, share in rem_specificity(pooled).items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _provenance(gathered: Gathered, recipe: Recipe, scores: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for file, loaded in gathered.used:
        night = loaded.nights[0]
        kind = "bands" if loaded.hypnogram is None else "recording"
        row: dict[str, Any] = {"night": file.name, "person": night.person, "kind": kind}
        row |= {"epochs": int((night.stages != Stage.UNKNOWN).sum())}
        row |= {"file": file.path.name, "sha256": loaded.hashes[file.path]}
        if (path := loaded.hypnogram) is not None:
            row |= {"hypnogram": path.name, "hypnogram_sha256": loaded.hashes[path]}
        rows.append(row)
    return {
        "made_by": f"sanctuary train {version('dream-sanctuary')}",
        "note": recipe.note,
        "split": "leave one person out; the model itself is fitted on all nights",
        "persons": len({row["person"] for row in rows}),
        "normalisation": recipe.settings.normalisation.model_dump(),
        "rem_p": [recipe.settings.staging.rem_p, recipe.settings.staging.rem_p_without_eyes],
        "scores": dict(scores),
        "data": rows,
        "left_out": [{"night": n.name, "reason": n.reason} for n in gathered.left_out if n.is_night],
    }
