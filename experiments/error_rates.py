"""Measures how often the report finds effects that do not exist, and how often it misses effects that do.

.venv/bin/python -m experiments.error_rates

Simulates reports on presets 1 to 37 and 100 with known true accuracies. All presets have the same true accuracy, except
the two of one comparison. The accuracies of single runs scatter around it as real ones do: the log odds get residuals
that are drawn from those of real runs (presets with several seeds in experiments/replicate_2020/runs.csv). Every
simulated report then pools its spread, compares, and adjusts exactly as a real one.

Writes experiments/error_rates.md. Takes about ten minutes. Nothing is trained.
"""

from __future__ import annotations

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from scipy.stats import binomtest

from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.evaluation.seed_spread import LEARNED, SpreadOverSeeds, log_odds, share
from mnist_mlp.report.evidence import TESTED_IMAGES
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.statistics import ALPHA, Difference, Mean, simultaneous_differences
from mnist_mlp.report.studies import find_studies

from hyperparameters import PRESETS

RUNS_FILE = PROJECT / "experiments" / "replicate_2020" / "runs.csv"
OUTPUT = PROJECT / "experiments" / "error_rates.md"
TRUE_ACCURACY = 0.983
EFFECTS = (0.0, 0.001, 0.003, 0.005, 0.01)
SEEDS = (1, 3, 5)
INNER_SIMULATIONS = 4_000  # a real report uses more, because it has to do this only once
IDENTICAL = (4, 15)  # give the same networks as presets 2 and 11, so they are not compared
NUMBERS = [number for number in (*range(1, 38), 100) if number not in IDENTICAL]
HEADING = ("seeds of each preset", "effect in points", "found", "any false finding", "its upper 95% limit")


def main() -> None:
    parser = ArgumentParser("Simulates reports with known effects, and counts wrong and missed findings.")
    parser.add_whole_number("--reports", 1, 1_000_000, default=2000, help="number of simulated reports for each row")
    reports = parser.parse_args().reports
    residuals, pairs = measured_residuals(RUNS_FILE), compared_presets()
    rows = [
        row_of(seeds, effect, simulate(pairs, residuals, seeds, effect, reports))
        for seeds in SEEDS
        for effect in EFFECTS
    ]
    lines = ["| " + " | ".join(cells) + " |" for cells in (HEADING, ["---"] * len(HEADING), *rows)]
    introduction = (
        f"Each row: {reports:,} simulated reports with {len(pairs)} comparisons; {len(residuals)} measured residuals "
        f"with a standard deviation of {residuals.std():.3f}."
    )
    OUTPUT.write_text("\n".join(["# Error rates of the report", "", introduction, "", *lines, ""]), encoding="utf-8")
    print(f"The table is in {OUTPUT}")


def measured_residuals(path: Path) -> np.ndarray:
    """Returns how far the log odds of real runs are from their preset's mean, scaled so that the variance is right."""
    by_preset = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["dropout_off_test"]:
                by_preset[row["preset"], row["penalty"]].append(float(row["dropout_off_test"]))
    residuals = []
    for accuracies in by_preset.values():
        if len(accuracies) > 1 and mean(accuracies) >= LEARNED:
            odds = np.array([log_odds(accuracy) for accuracy in accuracies])
            residuals.append((odds - odds.mean()) * np.sqrt(len(odds) / (len(odds) - 1)))
    return np.concatenate(residuals)


def compared_presets() -> list[tuple[int, int]]:
    """Returns the comparisons of a report on these presets as (preset, reference)."""
    experiments = [Experiment(PRESETS[number], (number,), []) for number in NUMBERS]
    return [
        (arm.numbers[0], study.reference.numbers[0])
        for study in find_studies(experiments)
        for arm in study.arms
        if arm is not study.reference
    ]


def simulate(
    pairs: Sequence[tuple[int, int]], residuals: np.ndarray, seeds: int, effect: float, reports: int
) -> list[tuple[bool, bool]]:
    """Returns, for each simulated report, whether the effect was found, and whether any other difference was.

    The chosen comparison is a different one in each report. Its preset is worse than its reference by the effect, so
    other comparisons with this preset are not false findings either.
    """
    random = np.random.default_rng([seeds, round(effect * 10_000)])
    found = []
    for report in range(reports):
        chosen = pairs[report % len(pairs)]
        worse = chosen[0]
        accuracies = {
            number: measured(TRUE_ACCURACY - effect * (number == worse), seeds, residuals, random) for number in NUMBERS
        }
        differences = compare(pairs, accuracies)
        significant = {pair for pair, difference in zip(pairs, differences, strict=True) if difference.p < ALPHA}
        is_false = any(not effect or worse not in pair for pair in significant)
        found.append((chosen in significant, is_false))
    return found


def measured(accuracy: float, seeds: int, residuals: np.ndarray, random: np.random.Generator) -> list[float]:
    """Returns test accuracies of some runs with this true accuracy, as multiples of one image."""
    odds = log_odds(accuracy) + random.choice(residuals, seeds)
    return [round(share(value) * TESTED_IMAGES) / TESTED_IMAGES for value in odds]


def compare(pairs: Sequence[tuple[int, int]], accuracies: dict[int, list[float]]) -> list[Difference]:
    """Compares the presets as a report does."""
    spread = SpreadOverSeeds.of(accuracies.values())
    means = {
        number: Mean(mean(values), len(values), spread.near(mean(values))) for number, values in accuracies.items()
    }
    return simultaneous_differences([(means[one], means[other]) for one, other in pairs], INNER_SIMULATIONS)


def row_of(seeds: int, effect: float, found: Sequence[tuple[bool, bool]]) -> list[str]:
    hits, errors = (sum(column) for column in zip(*found, strict=True))
    limit = binomtest(errors, len(found)).proportion_ci(0.9).high  # one-sided
    share_found = f"{hits / len(found):.1%}" if effect else "-"
    return [str(seeds), f"{effect * 100:g}", share_found, f"{errors / len(found):.1%}", f"{limit:.1%}"]


if __name__ == "__main__":
    main()
