"""PED-ANOVA: which hyperparameters separate the best presets from the rest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_mlp.presets.preset import format_field

GOOD_SHARE = 0.25  # PED-ANOVA asks what separates the best quarter from all presets
RESAMPLES = 100


@dataclass(frozen=True)
class Share:
    """A hyperparameter's share of the importance of all, 0 to 1, with the 95% of the shares over resampled presets."""

    value: float
    low: float
    high: float


def importance_shares(varied: Mapping[str, Sequence[Any]], accuracies: Sequence[float]) -> dict[str, Share]:
    """Returns each hyperparameter's share, with an interval from a bootstrap over presets.

    Args:
        varied: the presets' values by hyperparameter; each varies.
        accuracies: of the presets; the highest are the best.
    """
    everything = np.arange(len(accuracies))
    shares = _shares(varied, accuracies, everything)
    random = np.random.default_rng(0)  # the same runs must give the same report
    resampled = [_shares(varied, accuracies, random.choice(everything, len(everything))) for _ in range(RESAMPLES)]
    return {
        name: Share(share, *map(float, np.quantile([other.get(name, 0.0) for other in resampled], (0.025, 0.975))))
        for name, share in shares.items()
    }


def _shares(varied: Mapping[str, Sequence[Any]], accuracies: Sequence[float], chosen: np.ndarray) -> dict[str, float]:
    """Returns the shares by S. Watanabe, A. Bansal and F. Hutter (2023) among some presets.

    Values count as categories: 0 has no position on the logarithmic scale of the other weight decays.
    """
    import optuna  # takes a second to import

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
    importances = evaluator.evaluate(study)
    total = sum(importances.values())
    return {name: float(importances[name]) / total if total else 0.0 for name in distributions}
