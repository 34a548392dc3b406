"""Measures how often the report finds effects that do not exist, and how often it misses effects that do.

.venv/bin/python -m experiments.error_rates

Simulates reports on presets 1 to 37 and 100 with known true accuracies. The accuracies of single runs scatter around
them as real ones do, on the scale of log odds, in one of two ways:

- The residuals are drawn from those of real runs with a similar accuracy, which experiments/seed_spread.py reads.
- The residuals are normal, and every preset has a standard deviation of its own, which is drawn from the distribution
  that experiments/seed_spread.py has fitted to those of real presets.

Every simulated report then estimates its spread, compares, and adjusts as a real one. But it compares with a fixed
preset instead of the one that looks best, so it leaves out how much lucky seeds help the latter.

- Power: all presets have the same true accuracy and number of seeds, except that one preset is worse.
- Coverage: the presets have the true accuracies and numbers of seeds that were measured in the reference runs. Counts
  the reports in which any interval is wrong, for unequal numbers of seeds and for networks of all kinds.

Writes experiments/error_rates.md, and the power table as experiments/error_rates.csv. Takes about a quarter of an hour
on two cores. Nothing is trained.
"""

from __future__ import annotations

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import csv
from bisect import bisect
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from experiments.seed_spread import ACCURATE, repeated_presets
from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.evaluation.seed_spread import (
    GUESSING,
    LEARNED,
    VARIANCE_FREEDOM,
    SpreadOverSeeds,
    log_odds,
    share,
)
from mnist_mlp.report.evidence import TESTED_IMAGES
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.statistics import ALPHA, Difference, Mean, simultaneous_differences
from mnist_mlp.report.studies import find_studies

from hyperparameters import PRESETS

OUTPUT = PROJECT / "experiments" / "error_rates.md"
POWER_TABLE = OUTPUT.with_suffix(".csv")
TRUE_ACCURACY = 0.983
EFFECTS = (0.0, 0.001, 0.003, 0.005, 0.01)
SEEDS = (1, 3, 5)
WITHOUT_EFFECT = 3  # times as many reports, because these rows decide if there are more than 5% false findings
# A real report uses more, because it has to do this only once. A Monte Carlo test keeps its level with any number, if
# each report draws its own random numbers. With this one, the level is 4.9% instead of 5%.
INNER_SIMULATIONS = 999
BEST = 36  # any preset could be the best one
IDENTICAL = (4, 15)  # give the same networks as presets 2 and 11, so they are not compared
NUMBERS = [number for number in (*range(1, 38), 100) if number not in IDENTICAL]
REFERENCE = PROJECT / "for_report" / "reference" / "changes.csv"
EDGES = (LEARNED, ACCURATE)  # the spread of real runs between two of these accuracies is similar
RANGES = (f"below {EDGES[0]:.1%}", f"from there to {EDGES[1]:.1%}", "above")
REAL = "those of real runs"
POWER = ("residuals", "seeds of each preset", "effect in points", "found", "any false finding", "its upper 95% limit")
COVERAGE = ("residuals", "true accuracies", "any wrong interval", "its upper 95% limit")


@dataclass(frozen=True)
class Noise:
    """How the log odds of single runs scatter around those of their preset.

    Attributes:
        residuals: those of real runs, for presets with an accuracy below, between, and above the EDGES.
        is_normal: whether residuals are normal with a different standard deviation for each preset. Otherwise they are
            drawn from the real ones.
    """

    residuals: Sequence[np.ndarray]
    is_normal: bool

    @property
    def title(self) -> str:
        return "normal, own spread of each preset" if self.is_normal else REAL

    def measured(self, accuracy: float, seeds: int, random: np.random.Generator) -> list[float]:
        """Returns test accuracies of some runs with this true accuracy, as multiples of one image."""
        real = self.residuals[bisect(EDGES, accuracy)]
        if self.is_normal:
            variance = real.var() * (VARIANCE_FREEDOM - 2) / random.chisquare(VARIANCE_FREEDOM)
            drawn = random.normal(0, variance**0.5, seeds)
        else:
            drawn = random.choice(real, seeds)
        return [round(share(log_odds(accuracy) + value) * TESTED_IMAGES) / TESTED_IMAGES for value in drawn]


def main() -> None:
    parser = ArgumentParser("Simulates reports with known effects, and counts wrong and missed findings.")
    parser.add_whole_number(
        "--reports", 1, 1_000_000, default=2000, help="number of simulated reports for each row with an effect"
    )
    reports = parser.parse_args().reports
    residuals, pairs = measured_residuals(), compared_presets()
    noises = [Noise(residuals, is_normal) for is_normal in (False, True)]
    seeds, accuracies = reference_design(REFERENCE)
    designs = {"all equal": dict.fromkeys(accuracies, TRUE_ACCURACY), "as in the reference runs": accuracies}
    with ProcessPoolExecutor() as pool:
        power = [
            pool.submit(power_row, pairs, noise, number, effect, reports * (1 if effect else WITHOUT_EFFECT))
            for noise in noises
            for number in SEEDS
            for effect in EFFECTS
        ]
        coverage = [
            pool.submit(coverage_row, title, pairs, noise, seeds, truth, reports)
            for noise in noises
            for title, truth in designs.items()
        ]
        tables = [[row.result() for row in rows] for rows in (power, coverage)]
    measured = ", ".join(
        f"{len(values)} with a standard deviation of {values.std():.3f} {where}"
        for values, where in zip(residuals, RANGES, strict=True)
    )
    with POWER_TABLE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([POWER, *tables[0]])
    lines = [
        "# Error rates of the report",
        f"Each row: {reports:,} simulated reports with {len(pairs)} comparisons, or {reports * WITHOUT_EFFECT:,} "
        f"for the effect 0. Real residuals: {measured}.",
        "## Power\n\nAll presets have the same number of seeds, and one of them is worse by the effect.",
        _markdown(POWER, tables[0]),
        "## Coverage\n\nThe presets have the numbers of seeds of the reference runs.",
        _markdown(COVERAGE, tables[1]),
    ]
    OUTPUT.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    print(f"The tables are in {OUTPUT}")


def measured_residuals() -> list[np.ndarray]:
    """Returns how far the log odds of real runs are from their preset's mean, scaled so that the variance is right.

    There is one array for each range of accuracies: below, between, and above the EDGES.
    """
    residuals: list[list[float]] = [[] for _ in RANGES]
    for preset in repeated_presets():
        residuals[bisect(EDGES, preset.accuracy)] += preset.residuals.values()
    return [np.array(values) for values in residuals]


def reference_design(path: Path) -> tuple[dict[int, int], dict[int, float]]:
    """Returns the number of seeds and the mean test accuracy of each preset in the reference runs."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = {int(row["preset"]): row for row in csv.DictReader(file)}
    return (
        {number: int(rows[number]["seeds"]) for number in NUMBERS},
        {number: float(rows[number]["test accuracy"]) for number in NUMBERS},
    )


def compared_presets() -> list[tuple[int, int]]:
    """Returns the comparisons of a report as (preset, reference): those in studies, and those with the best preset."""
    experiments = [Experiment(PRESETS[number], (number,), []) for number in NUMBERS]
    studied = [
        (arm.numbers[0], study.reference.numbers[0]) for study in find_studies(experiments) for arm in study.others
    ]
    ranked = [(number, BEST) for number in NUMBERS if number != BEST]
    return list(dict.fromkeys([*studied, *ranked]))


def power_row(pairs: Sequence[tuple[int, int]], noise: Noise, seeds: int, effect: float, reports: int) -> list[str]:
    """Returns a row with the share of reports in which the effect was found, and in which any other difference was.

    The chosen comparison is a different one in each report. Its preset is worse than its reference by the effect, so
    other comparisons with this preset are not false findings either.
    """
    random = np.random.default_rng([seeds, round(effect * 10_000)])
    hits, errors = [], []
    for report in range(reports):
        chosen = pairs[report % len(pairs)]
        worse = chosen[0]
        accuracies = {
            number: noise.measured(TRUE_ACCURACY - effect * (number == worse), seeds, random) for number in NUMBERS
        }
        differences = compare(pairs, accuracies, random)
        significant = {pair for pair, (_, difference) in zip(pairs, differences, strict=True) if difference.p < ALPHA}
        hits.append(chosen in significant)
        errors.append(any(not effect or worse not in pair for pair in significant))
    found = f"{sum(hits) / len(hits):.1%}" if effect else "-"
    return [noise.title, str(seeds), f"{effect * 100:g}", found, *_share_and_limit(errors)]


def coverage_row(
    title: str,
    pairs: Sequence[tuple[int, int]],
    noise: Noise,
    seeds: dict[int, int],
    truth: dict[int, float],
    reports: int,
) -> list[str]:
    """Returns a row with the share of reports in which any interval misses the true difference, in log odds."""
    random = np.random.default_rng(0)
    trained = {number for number, accuracy in truth.items() if accuracy >= GUESSING}
    pairs = [pair for pair in pairs if trained.issuperset(pair)]
    errors = []
    for _ in range(reports):
        accuracies = {number: noise.measured(truth[number], seeds[number], random) for number in trained}
        differences = compare(pairs, accuracies, random)
        errors.append(any(_misses(pair, *item, truth) for pair, item in zip(pairs, differences, strict=True)))
    return [noise.title, title, *_share_and_limit(errors)]


def _misses(pair: tuple[int, int], reference: float, difference: Difference, truth: dict[int, float]) -> bool:
    shift = log_odds(truth[pair[0]]) - log_odds(truth[pair[1]])
    low, high = (log_odds(reference + end) - log_odds(reference) for end in (difference.low, difference.high))
    return not low <= shift <= high


def compare(
    pairs: Sequence[tuple[int, int]], accuracies: dict[int, list[float]], random: np.random.Generator
) -> list[tuple[float, Difference]]:
    """Compares presets as a report does. Returns the mean accuracy of each reference, and the difference from it."""
    spread = SpreadOverSeeds.of(accuracies.values())
    means = {number: Mean.of(values, spread) for number, values in accuracies.items()}
    found = simultaneous_differences([(means[one], means[other]) for one, other in pairs], INNER_SIMULATIONS, random)
    return [(means[other].accuracy, difference) for (_, other), difference in zip(pairs, found, strict=True)]


def _share_and_limit(errors: Sequence[bool]) -> list[str]:
    """Returns the share of errors and its upper 95% limit (one-sided, Clopper and Pearson)."""
    limit = binomtest(sum(errors), len(errors)).proportion_ci(0.9).high
    return [f"{sum(errors) / len(errors):.1%}", f"{limit:.1%}"]


def _markdown(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heading, ["---"] * len(heading), *rows))


if __name__ == "__main__":
    main()
