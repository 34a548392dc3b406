"""Measures of runs that several questions use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nan
from statistics import mean

import numpy as np

from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.panels import Row, Scale
from mnist_mlp.report.studies import Experiment

MOST_COLUMNS = 4  # of runs that panels have room for

MEASURES: Mapping[str, Row] = {
    "activation_std": Row("standard deviation of the activations"),
    "dead_units": Row("share of dead units", Scale.SHARE),
    "gradient_norm": Row("norm of the gradient"),
    "weight_norm": Row("norm of the weights"),
    "update_ratio": Row("step relative to the norm of the weights"),
}


def rows_of(measures: Sequence[str]) -> dict[str, Row]:
    """Returns the rows of panels for these measures."""
    return {measure: MEASURES[measure] for measure in measures}


def runs_in_words(runs: Iterable[ReportedRun]) -> str:
    """Returns which runs panels show: "Presets 14, 15; seed 1602."."""
    runs = list(runs)
    seeds = sorted({run.record.seed for run in runs})
    numbers = ", ".join(str(run.record.preset_number) for run in runs)
    presets = f"Preset {numbers}" if len(runs) == 1 else f"Presets {numbers}"
    return f"{presets}; seed {seeds[0]}." if len(seeds) == 1 else f"{presets}; one seed each."


def run_with_layers(experiment: Experiment, measures: Sequence[str]) -> ReportedRun | None:
    """Returns the first of its seeds that recorded these measures of its layers in every epoch, None without one."""
    for run in experiment.seeds:
        if run.layers and all(np.isfinite(run.layers[measure]).all() for measure in measures):
            return run
    return None


def norm_of_weights(run: ReportedRun) -> np.ndarray:
    """Returns the norm of all weight matrices together: float64 [epochs], NaN where the record does not have it."""
    if run.preset.weight_decay:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.sqrt(2 * run.curves["train l2_penalty"] / run.preset.weight_decay)
    if run.layers:
        return np.sqrt((run.layers["weight_norm"] ** 2).sum(axis=1))
    return np.full(len(run.record.epochs), nan)


def share_of_decay(run: ReportedRun) -> np.ndarray:
    """Returns the norm of the L2 penalty's own gradient relative to the whole gradient's: float64 [epochs, layers]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return run.preset.weight_decay * run.layers["weight_norm"] / run.layers["gradient_norm"]


def mean_curve(experiment: Experiment, curve: str) -> np.ndarray:
    """Returns a curve's mean over seeds, as long as the shortest: float64 [epochs]."""
    length = min(len(run.record.epochs) for run in experiment.seeds)
    return np.mean([run.curves[curve][:length] for run in experiment.seeds], axis=0)


def mean_at_best(experiment: Experiment, curve: Callable[[ReportedRun], np.ndarray]) -> float:
    """Returns a curve's value at the best epoch, the mean over seeds."""
    return mean(float(curve(run)[run.record.best_epoch - 1]) for run in experiment.seeds)


def rounded(number: float) -> str:
    """Returns a ratio with few digits."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
