"""Quantities that several questions use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nan
from statistics import mean

import numpy as np

from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.panels import Row, Scale
from mnist_mlp.report.wording import listed

MAX_COLUMNS = 4  # number of runs that fit in one figure

MEASURES: Mapping[str, Row] = {
    "activation_std": Row("standard deviation of the activations"),
    "dead_units": Row("share of dead units", Scale.SHARE),
    "gradient_norm": Row("norm of the gradient"),
    "weight_norm": Row("norm of the weights"),
    "update_ratio": Row("step / norm of the weights"),
}


def rows_of(measures: Sequence[str]) -> dict[str, Row]:
    """Returns the panel rows for these quantities."""
    return {measure: MEASURES[measure] for measure in measures}


def runs_in_words(runs: Iterable[ReportedRun]) -> str:
    """Returns the presets and seeds of runs, such as "Presets 14 and 15, seed 1602."."""
    runs = list(runs)
    seeds = sorted({run.record.seed for run in runs})
    numbers = listed([str(run.record.preset_name) for run in runs])
    presets = f"Preset {numbers}" if len(runs) == 1 else f"Presets {numbers}"
    return f"{presets}, seed {seeds[0]}." if len(seeds) == 1 else f"{presets}, one seed each."


def run_with_layers(experiment: Experiment, measures: Sequence[str]) -> ReportedRun | None:
    """Returns the first run that recorded these layer statistics in every epoch, or None if there is none."""
    for run in experiment.seeds:
        if run.layers and all(np.isfinite(run.layers[measure]).all() for measure in measures):
            return run
    return None


def norm_of_weights(run: ReportedRun) -> np.ndarray:
    """Returns the norm of all weights, float64 [epochs]; NaN if it was not recorded.

    Without layer statistics, it can be derived from the L2 penalty, unless matrices count differently often in it.
    """
    if run.preset.weight_decay and not run.preset.cumulative_weight_decay:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.sqrt(2 * run.curves["train l2_penalty"] / run.preset.weight_decay)
    if run.layers:
        return np.sqrt((run.layers["weight_norm"] ** 2).sum(axis=1))
    return np.full(len(run.record.epochs), nan)


def share_of_decay(run: ReportedRun) -> np.ndarray:
    """Returns the norm of the penalty's gradient divided by that of the total gradient, float64 [epochs, layers]."""
    weight_decays = run.preset.weight_decay * np.array(run.preset.penalty_counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return weight_decays * run.layers["weight_norm"] / run.layers["gradient_norm"]


def mean_curve(experiment: Experiment, curve: str) -> np.ndarray:
    """Returns a curve averaged over seeds, float64 [epochs of the shortest run]."""
    length = min(len(run.record.epochs) for run in experiment.seeds)
    return np.mean([run.curves[curve][:length] for run in experiment.seeds], axis=0)


def mean_at_best(experiment: Experiment, curve: Callable[[ReportedRun], np.ndarray]) -> float:
    """Returns the value of a curve at the best epoch, averaged over seeds."""
    return mean(float(curve(run)[run.record.best_epoch - 1]) for run in experiment.seeds)


def rounded(number: float) -> str:
    """Returns a ratio as text with few digits."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
