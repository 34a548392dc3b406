"""Measures how much the test accuracy of real presets varies with the seed, and checks the model of the report.

.venv/bin/python -m experiments.seed_spread

Uses all presets with several seeds: those of experiments/replicate_2020/runs.csv with both penalties and dropout off,
and presets 38 to 98 of for_report/reference/runs.csv. Everything is on the scale of log odds. Writes
experiments/seed_spread.md. Takes a few seconds. Nothing is trained.
"""

from __future__ import annotations

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log
from pathlib import Path
from statistics import mean, variance

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import chi2, f, fligner

from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.evaluation.seed_spread import GUESSING, LEARNED, log_odds

REPLICATION = PROJECT / "experiments" / "replicate_2020" / "runs.csv"
REFERENCE = PROJECT / "for_report" / "reference" / "runs.csv"
OUTPUT = PROJECT / "experiments" / "seed_spread.md"
IDENTICAL = {"4", "15"}  # presets that give the same networks as others
PAST_98 = range(38, 99)
ACCURATE = 0.975  # networks from 90% to this vary less, on the scale of log odds
RANGES = (GUESSING, LEARNED, ACCURATE, 0.9825, 0.99, 1.0)
SMALLEST = 0.01  # one image of 10,000 is a step of 0.006 at 98.3%, so a smaller standard deviation cannot be measured
GROUPS = ("test accuracy", "presets", "degrees of freedom", "standard deviation (95% interval)")


@dataclass(frozen=True)
class Repeated:
    """A preset with its log odds by seed."""

    name: str
    by_seed: dict[str, float]

    @property
    def accuracy(self) -> float:
        return 1 / (1 + np.exp(-mean(self.by_seed.values())))

    @property
    def freedom(self) -> int:
        return len(self.by_seed) - 1

    @property
    def variance(self) -> float:
        return variance(self.by_seed.values())

    @property
    def residuals(self) -> dict[str, float]:
        """Differences from the mean, scaled so that their variance is that of single runs."""
        middle, scale = mean(self.by_seed.values()), (len(self.by_seed) / self.freedom) ** 0.5
        return {seed: (value - middle) * scale for seed, value in self.by_seed.items()}


def main() -> None:
    ArgumentParser("Measures how much the test accuracy varies with the seed.").parse_args()
    presets = repeated_presets()
    learned = [preset for preset in presets if preset.accuracy >= LEARNED]
    accurate = [preset for preset in presets if preset.accuracy >= ACCURATE]
    lines = [
        "# Spread over seeds",
        "Standard deviations of the log odds of the test accuracy.",
        "\n".join(table(presets)),
        f"All from {LEARNED:.0%}: {describe(learned)}. All from {ACCURATE:.1%}: {describe(accurate)}.",
        *checks(learned),
    ]
    OUTPUT.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    print(OUTPUT.read_text(encoding="utf-8"))


def repeated_presets() -> list[Repeated]:
    """Returns the presets with several seeds, without those that are about as bad as guessing with any of them."""
    by_name: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows(REPLICATION):
        if row["dropout_off_test"] and row["preset"] not in IDENTICAL:
            by_name[f"{row['preset']} {row['penalty']}"][row["seed"]] = float(row["dropout_off_test"])
    for row in rows(REFERENCE):
        if row["test accuracy"] and int(row["preset"]) in PAST_98:
            by_name[row["preset"]][row["seed"]] = float(row["test accuracy"])
    return [
        Repeated(name, {seed: log_odds(accuracy) for seed, accuracy in by_seed.items()})
        for name, by_seed in by_name.items()
        if len(by_seed) > 1 and min(by_seed.values()) >= GUESSING
    ]


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def table(presets: Sequence[Repeated]) -> Iterator[str]:
    """Yields the lines of a Markdown table with one row for each range of accuracies."""
    yield from (f"| {' | '.join(cells)} |" for cells in (GROUPS, ["---"] * len(GROUPS)))
    for low, high in pairwise(RANGES):
        group = [preset for preset in presets if low <= preset.accuracy < high]
        if group:
            freedom = sum(preset.freedom for preset in group)
            yield f"| {low:.2%} to {high:.2%} | {len(group)} | {freedom} | {describe(group)} |"


def describe(presets: Sequence[Repeated]) -> str:
    """Returns the pooled standard deviation with its 95% interval, as if all presets had the same one."""
    freedom = sum(preset.freedom for preset in presets)
    squares = sum(preset.freedom * preset.variance for preset in presets)
    middle, low, high = ((squares / x) ** 0.5 for x in (freedom, *chi2.ppf([0.975, 0.025], freedom)))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def checks(learned: Sequence[Repeated]) -> Iterator[str]:
    """Yields sentences on the assumptions of the report, for presets that have learned."""
    groups = [
        [value for preset in learned if low <= preset.accuracy < high for value in preset.residuals.values()]
        for low, high in pairwise(RANGES[1:])
    ]
    p = fligner(*(group for group in groups if group)).pvalue
    yield f"The same spread in all ranges from {LEARNED:.0%}: p = {p:.2g} (Fligner and Killeen)."
    for lowest in (LEARNED, ACCURATE):
        freedom, low, high, p = scatter_of_variances([preset for preset in learned if preset.accuracy >= lowest])
        yield (
            f"Variances of presets from {lowest:.1%}, as a scaled inverse chi-squared distribution (by maximum "
            f"likelihood): {freedom:.1f} degrees of freedom (95% interval {low:.1f} to {high:.1f}). "
            f"The same variance for all of them: p = {p:.2g} (likelihood ratio)."
        )
    effects, p = seed_effects(learned)
    yield f"The same mean residual for all seeds: p = {p:.2g} (F test). " + ", ".join(
        f"{seed}: {effect:+.3f}" for seed, effect in effects.items()
    )


def scatter_of_variances(presets: Sequence[Repeated]) -> tuple[float, float, float, float]:
    """Fits a scaled inverse chi-squared distribution to the variances: G. K. Smyth (2004), by maximum likelihood.

    Returns its degrees of freedom with their 95% interval, and the p-value of infinitely many.
    """
    variances = np.array([max(preset.variance, SMALLEST**2) for preset in presets])
    freedoms = np.array([preset.freedom for preset in presets])

    def loss(log_scale: float, freedom: float) -> float:
        scale = np.exp(log_scale)
        return -float(np.sum(f.logpdf(variances / scale, freedoms, freedom) - log_scale))

    def profile(log_freedom: float) -> float:
        return minimize_scalar(loss, bounds=(-10, -2), args=(np.exp(log_freedom),), method="bounded").fun

    best = minimize(lambda x: loss(*x[:1], np.exp(x[1])), (log(0.004), log(8)), method="Nelder-Mead")
    limit, infinite = best.fun + chi2.ppf(0.95, 1) / 2, log(1e6)
    low = brentq(lambda x: profile(x) - limit, log(0.5), best.x[1])
    is_limited = profile(infinite) > limit
    high = brentq(lambda x: profile(x) - limit, best.x[1], infinite) if is_limited else inf
    p = chi2.sf(2 * max(profile(infinite) - best.fun, 0), 1) / 2  # infinity is at the edge, so half of the chi-squared
    return float(np.exp(best.x[1])), float(np.exp(low)), float(np.exp(high)), float(p)


def seed_effects(presets: Sequence[Repeated]) -> tuple[dict[str, float], float]:
    """Returns the effect of each seed on all presets alike, and the p-value of no such effects.

    A two-way analysis of variance of presets and seeds.
    """
    seeds = sorted({seed for preset in presets for seed in preset.by_seed})
    points = [
        (index, seeds.index(seed), value)
        for index, preset in enumerate(presets)
        for seed, value in preset.by_seed.items()
    ]
    index, seed, values = (np.array(column) for column in zip(*points, strict=True))
    of_preset = (index[:, None] == np.arange(len(presets))).astype(float)
    of_seed = (seed[:, None] == np.arange(len(seeds))).astype(float)
    left = values - of_preset @ np.linalg.lstsq(of_preset, values, rcond=None)[0]
    both = np.hstack([of_preset, of_seed])
    found, _, rank, _ = np.linalg.lstsq(both, values, rcond=None)
    rest = values - both @ found
    more, freedom = rank - len(presets), len(values) - rank
    ratio = (left @ left - rest @ rest) / more / (rest @ rest / freedom)
    effects = found[len(presets) :] - found[len(presets) :].mean()
    return dict(zip(seeds, map(float, effects), strict=True)), float(f.sf(ratio, more, freedom))


if __name__ == "__main__":
    main()
