"""What each part of staging is worth: the same nights with one part changed at a time.

    python benchmarks/staging_ablation.py --train FOLDER [FOLDER ...] --test FOLDER [--json OUT.json]

Every row is fitted anew, leaving each person out, on the 30 s epochs of --train, and judged causally on the
epochs of --test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from leave_one_out import with_rem
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.gateway.training.fitting import held_out_scores
from sanctuary.gateway.training.gathering import Recipe, load_nights
from sanctuary.gateway.training.sources import find_nights
from sanctuary.signal.emission import Emission, design
from sanctuary.signal.emission_training import ScoredNight, filtered, fit_emission, sharpened
from sanctuary.signal.samples import FloatArray
from sanctuary.signal.staging import EpochStager, RunningLevel

Judge = Callable[[ScoredNight, Emission, ChainSettings], FloatArray]


def by_filter(night: ScoredNight, model: Emission, settings: ChainSettings) -> FloatArray:
    """Probabilities by the whole staging."""
    return filtered(night, model, settings, eyes=True)


def without_eyes(night: ScoredNight, model: Emission, settings: ChainSettings) -> FloatArray:
    """Probabilities without eye movements."""
    return filtered(night, model, settings, eyes=False)


def without_filter(night: ScoredNight, model: Emission, settings: ChainSettings) -> FloatArray:
    """Probabilities of each epoch alone: the emission's posterior, no memory of stages."""
    start_min = np.array([settings.normalisation.prior_min])
    level = RunningLevel(settings.normalisation, model.population_db[np.newaxis], start_min, model.n2_db)
    centred = np.concatenate([level.centre(row[np.newaxis]) for row in night.band_db])
    return np.exp(model.heads["pair"].log_posterior(design(centred, night.eyes)))


def remembering(nights: Sequence[ScoredNight]) -> Judge:
    """Begin each night at the level of the same person's other night."""

    def judge(night: ScoredNight, model: Emission, settings: ChainSettings) -> FloatArray:
        others = [n for n in nights if n.person == night.person and n.name != night.name]
        if not others:
            return by_filter(night, model, settings)
        start_min = np.array([settings.normalisation.prior_min])
        level = RunningLevel(settings.normalisation, model.population_db[np.newaxis], start_min, model.n2_db)
        for row in others[0].band_db:
            level.centre(row[np.newaxis])
        own_min = np.array([settings.normalisation.own_min])
        stager = EpochStager(settings, model, level.level_db, own_min)
        return np.concatenate([stager.step(night.features(k)).p for k in range(len(night.stages))])

    return judge


def row(
    train: Sequence[ScoredNight],
    test: Sequence[ScoredNight],
    settings: ChainSettings,
    judge: Judge,
) -> dict[str, Any]:
    """Scores of one variant."""
    judged = []
    for person in sorted({night.person for night in test}):
        others = [night for night in train if night.person != person]
        model = fit_emission(others, settings.normalisation, {})
        judged += [
            (sharpened(judge(night, model, settings), 0.6), night.stages)
            for night in test
            if night.person == person
        ]
    rem_p = settings.staging.rem_p_without_eyes if judge is without_eyes else settings.staging.rem_p
    return held_out_scores(judged, 0.3 if judge is without_filter else rem_p)


def changed(part: str, **values: Any) -> ChainSettings:
    """Change one part of the settings."""
    base = ChainSettings()
    return base.model_copy(update={part: getattr(base, part).model_copy(update=values)})


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    recipe = Recipe(ChainSettings())
    train = load_nights(with_rem(find_nights(args.train)), recipe)
    test = [n for n in load_nights(with_rem(find_nights([args.test])), recipe) if n.has_eyes]
    louder = [replace(night, band_db=night.band_db + 6.0) for night in test]
    variants: dict[str, tuple[Sequence[ScoredNight], ChainSettings, Judge]] = {
        "all of it": (test, ChainSettings(), by_filter),
        "without eye movements": (test, ChainSettings(), without_eyes),
        "without the filter": (test, ChainSettings(), without_filter),
        "without REM's time of night": (
            test,
            changed("staging", rem_entry_start_min=0.0, rem_entry_full_min=0.0),
            by_filter,
        ),
        "level of the population, fixed": (test, changed("normalisation", prior_min=1e6), by_filter),
        "level not clipped": (test, changed("normalisation", clip_db=60.0), by_filter),
        "level forgotten in 240 min": (test, changed("normalisation", memory_min=240.0), by_filter),
        "re-centred on N2 (half)": (test, changed("normalisation", n2_weight=0.5), by_filter),
        "own level of another night": (test, ChainSettings(), remembering(test)),
        "headband 6 dB louder": (louder, ChainSettings(), by_filter),
        "6 dB louder, level fixed": (louder, changed("normalisation", prior_min=1e6), by_filter),
        "6 dB louder, re-centred on N2": (louder, changed("normalisation", n2_weight=0.5), by_filter),
    }
    result = {}
    for name, (nights, settings, judge) in variants.items():
        result[name] = row(train, nights, settings, judge)
        _print(name, result[name])
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


def _print(name: str, found: dict[str, Any]) -> None:
    share = found["not_called_rem"]
    print(
        f"{name:32s} F1 {found['rem_f1']:.3f} (least {found['rem_f1_least']:.3f})  "
        f"kappa {found['kappa']:.3f}  not REM: W {share['W']:.3f} N1 {share['N1']:.3f} N2 {share['N2']:.3f}  "
        f"log loss {found['log_loss_nats']:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
