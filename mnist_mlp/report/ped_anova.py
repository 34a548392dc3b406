"""PED-ANOVA: measures how well each hyperparameter distinguishes the best presets from the rest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_mlp.presets.preset import format_field

GOOD_SHARE = 0.25  # fraction of presets that count as the best
RESAMPLES = 100


@dataclass(frozen=True)
class Share:
    """A hyperparameter's share of the total importance, 0 to 1, with a 95% bootstrap interval."""

    value: float
    low: float
    high: float


def importance_shares(varied: Mapping[str, Sequence[Any]], accuracies: Sequence[float]) -> dict[str, Share]:
    """Returns the share of each hyperparameter, with an interval from a bootstrap over presets.

    Args:
        varied: for each hyperparameter, its value in each preset. The values must not all be equal.
        accuracies: the accuracy of each preset.
    """
    presets = np.arange(len(accuracies))
    shares = _shares(varied, accuracies, presets)
    random = np.random.default_rng(0)  # fixed seed: the same runs must give the same report
    resampled = [_shares(varied, accuracies, random.choice(presets, len(presets))) for _ in range(RESAMPLES)]
    return {
        name: Share(share, *map(float, np.quantile([sample.get(name, 0.0) for sample in resampled], (0.025, 0.975))))
        for name, share in shares.items()
    }


def _shares(varied: Mapping[str, Sequence[Any]], accuracies: Sequence[float], chosen: np.ndarray) -> dict[str, float]:
    """Returns the shares for the chosen presets, by the method of S. Watanabe, A. Bansal, and F. Hutter (2023).

    Values are treated as categories, because weight decays need a logarithmic scale, which cannot represent 0.

    Args:
        chosen: int, indices of presets; they may repeat.
    """
    import optuna  # imported here because the import takes a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=GOOD_SHARE, evaluate_on_local=True)
    texts = {name: [format_field(values[index]) for index in chosen] for name, values in varied.items()}
    distributions = {
        name: optuna.distributions.CategoricalDistribution(sorted(set(values)))
        for name, values in texts.items()
        if len(set(values)) > 1
    }
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: texts[name][trial] for name in distributions},
                distributions=distributions,
                value=accuracies[index],
            )
            for trial, index in enumerate(chosen)
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # if most accuracies are equal, once for each resample
        importances = evaluator.evaluate(study)
    total = sum(importances.values())
    return {name: float(importances[name]) / total if total else 0.0 for name in distributions}
