"""Recomputes the numbers of the reference report from its archive, without the code of the report.

.venv/bin/python -m experiments.recompute

Reads only for_report/reference/records_2020.tar.xz and the MNIST labels. Uses NumPy, SciPy, and statsmodels; imports
nothing from mnist_mlp. Compares the results with the workbook, which has the same numbers as the page. Exit status 1 if
one differs. Takes about half a minute. Needs requirements-dev.txt.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

PROJECT = Path(__file__).resolve().parent.parent
REFERENCE = PROJECT / "for_report" / "reference"
IMAGES = 10_000
LEARNED, GUESSING = 0.9, 0.2
PRIORS = {True: (0.072, 10), False: (0.15, 10)}  # standard deviation of the log odds, degrees of freedom
SIMULATIONS = 400_000


@dataclass(frozen=True)
class Run:
    """A run in the archive: its name, record, and test accuracy."""

    name: str
    record: Mapping[str, Any]
    accuracy: float

    @property
    def preset(self) -> str:
        """The hyperparameters as text, which is equal for equal presets."""
        return json.dumps(self.record["preset"], sort_keys=True)

    @property
    def validation(self) -> list[float]:
        """Validation accuracy of each epoch."""
        part = "validation" if "validation" in self.record["epochs"][0] else "dev"  # as in older records
        return [epoch[part]["accuracy"] for epoch in self.record["epochs"]]


def read_runs(archive: Path) -> list[Run]:
    """Returns the runs in the archive, scored with the test labels."""
    with gzip.open(PROJECT / "MNIST_data" / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    with tarfile.open(archive) as file:
        contents = {member.name: file.extractfile(member).read() for member in file if member.isfile()}
    runs = []
    for name, content in contents.items():
        if name.endswith("record.json"):
            predictions = np.load(io.BytesIO(contents[name.replace("record.json", "test_predictions.npz")]))
            accuracy = float((predictions["predicted"] == labels).mean())
            runs.append(Run(Path(name).parent.name, json.loads(content), accuracy))
    return runs


def log_odds(accuracies: Any) -> Any:
    right = np.asarray(accuracies) * IMAGES
    return np.log((right + 0.5) / (IMAGES - right + 0.5))


def from_log_odds(values: Any) -> Any:
    return ((IMAGES + 1) / (1 + np.exp(-np.asarray(values))) - 0.5) / IMAGES


@dataclass(frozen=True)
class Preset:
    """A preset with one run for each seed."""

    values: Mapping[str, Any]
    numbers: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def accuracies(self) -> np.ndarray:
        return np.array([run.accuracy for run in self.runs])

    @property
    def mean(self) -> float:
        return float(self.accuracies.mean())

    @property
    def has_learned(self) -> bool:
        return self.mean >= LEARNED

    def is_same_as(self, other: Preset) -> bool:
        """Whether both gave the same networks."""
        mine, others = (
            {run.record["seed"]: (run.accuracy, run.validation) for run in each.runs} for each in (self, other)
        )
        common = mine.keys() & others.keys()
        return bool(common) and all(mine[seed] == others[seed] for seed in common)


def presets_of(runs: Iterable[Run]) -> list[Preset]:
    """Groups runs by hyperparameters; the newest run of each seed counts."""
    grouped: dict[str, dict[int, Run]] = defaultdict(dict)
    numbers: dict[str, set[int]] = defaultdict(set)
    for run in sorted(runs, key=lambda run: run.record["started"]):
        grouped[run.preset][run.record["seed"]] = run
        numbers[run.preset].add(run.record["preset_number"])
    presets = [
        Preset(json.loads(text), tuple(sorted(numbers[text])), tuple(seeds[seed] for seed in sorted(seeds)))
        for text, seeds in grouped.items()
    ]
    return sorted(presets, key=lambda preset: preset.numbers)


def spreads(presets: Sequence[Preset]) -> dict[bool, tuple[float, float]]:
    """Returns the standard deviation of the log odds and its degrees of freedom, by whether a preset has learned.

    The pooled variance is the residual variance of a one-way analysis of variance.
    """
    found = {}
    for has_learned, (prior, prior_freedom) in PRIORS.items():
        several = [preset for preset in presets if len(preset.runs) > 1 and preset.has_learned == has_learned]
        several = [preset for preset in several if preset.mean >= GUESSING]
        several.sort(key=lambda preset: -len(preset.runs))
        several = [one for at, one in enumerate(several) if not any(one.is_same_as(other) for other in several[:at])]
        squares, freedom = 0.0, 0.0
        if several:
            groups = np.concatenate([[at] * len(preset.runs) for at, preset in enumerate(several)])
            odds = log_odds(np.concatenate([preset.accuracies for preset in several]))
            fit = sm.OLS(odds, (groups[:, None] == np.arange(len(several))).astype(float)).fit()
            squares, freedom = fit.ssr, fit.df_resid
        total = freedom + prior_freedom
        found[has_learned] = (float(np.sqrt((squares + prior_freedom * prior**2) / total)), total)
    return found


def interval(preset: Preset, spread: Mapping[bool, tuple[float, float]]) -> tuple[float, float]:
    """Returns the 95% interval of the preset's mean test accuracy."""
    deviation, freedom = spread[preset.has_learned]
    error = deviation / np.sqrt(len(preset.runs))
    low, high = stats.t.interval(0.95, freedom, loc=log_odds(preset.mean), scale=error)
    return float(from_log_odds(low)), float(from_log_odds(high))


Pair = tuple[Preset, Preset]


def studied_pairs(presets: Sequence[Preset]) -> list[Pair]:
    """Returns all pairs (preset, reference): they differ in one hyperparameter, and the reference came first."""
    pairs: list[Pair] = []
    for field in presets[0].values:
        ignored = {field, "optimizer_arguments"} if field == "optimizer" else {field}
        groups: dict[str, list[Preset]] = defaultdict(list)
        for preset in presets:
            rest = {name: value for name, value in preset.values.items() if name not in ignored}
            groups[json.dumps(rest, sort_keys=True)].append(preset)
        for group in groups.values():
            reference = min(group, key=lambda preset: preset.numbers)
            pairs += [(preset, reference) for preset in group if preset is not reference]
    return [pair for pair in pairs if not pair[0].is_same_as(pair[1])]


def slope(accuracy: float) -> float:
    """Returns how much the accuracy changes with its log odds, as in the delta method."""
    right = accuracy * IMAGES
    return (right + 0.5) * (IMAGES - right + 0.5) / (IMAGES * (IMAGES + 1))


def errors_of(pair: Pair, spread: Mapping[bool, tuple[float, float]]) -> np.ndarray:
    """Returns the standard errors of both means."""
    return np.array([spread[preset.has_learned][0] * slope(preset.mean) / np.sqrt(len(preset.runs)) for preset in pair])


def compare(pairs: Sequence[Pair], spread: Mapping[bool, tuple[float, float]]) -> Iterator[tuple[float, ...]]:
    """Yields difference, lower limit, upper limit, and adjusted p-value of each pair.

    All differences are simulated together, from their covariance matrix and the pooled variances.
    """
    errors = np.array([errors_of(pair, spread) for pair in pairs])
    presets = list({id(preset): preset for pair in pairs for preset in pair}.values())
    design = np.zeros((len(pairs), len(presets)))
    for row, pair in enumerate(pairs):
        for column, sign in zip(pair, (1, -1), strict=True):
            design[row, [preset is column for preset in presets].index(True)] = sign * errors[row, 0 if sign > 0 else 1]
    random = np.random.default_rng(12345)
    noise = random.standard_normal((SIMULATIONS, len(presets))) @ design.T
    factors = {key: random.chisquare(freedom, SIMULATIONS) / freedom for key, (_, freedom) in spread.items()}
    freedoms, p_simulated = [], np.ones(SIMULATIONS)
    for row, pair in enumerate(pairs):
        squares = errors[row] ** 2
        kinds = [preset.has_learned for preset in pair]
        by_kind = {kind: sum(s for s, k in zip(squares, kinds, strict=True) if k == kind) for kind in set(kinds)}
        freedom = sum(squares) ** 2 / sum(square**2 / spread[kind][1] for kind, square in by_kind.items())
        scale = np.sqrt(sum(square * factors[kind] for kind, square in by_kind.items()))
        p_simulated = np.minimum(p_simulated, 2 * stats.t.sf(np.abs(noise[:, row] / scale), freedom))
        freedoms.append(freedom)
    p_simulated.sort()
    critical = np.quantile(p_simulated, 0.05)
    for (preset, reference), both, freedom in zip(pairs, errors, freedoms, strict=True):
        amount, error = preset.mean - reference.mean, float(np.hypot(*both))
        p = 2 * stats.t.sf(abs(amount) / error, freedom)
        half = stats.t.ppf(1 - critical / 2, freedom) * error
        adjusted = np.searchsorted(p_simulated, p, side="right") / SIMULATIONS
        yield amount, amount - half, amount + half, float(min(adjusted, len(pairs) * p))


def wrong_cells(runs: Sequence[Run]) -> Iterator[str]:
    """Yields what differs between the recomputed values and the report's workbook."""
    presets = presets_of(runs)
    sheets = pandas.read_excel(REFERENCE / "my_result.xlsx", sheet_name=None, dtype={"preset": str, "value": str})
    spread = spreads(presets)
    by_label = {label(preset): preset for preset in presets}
    if set(sheets["Presets"]["preset"]) != set(by_label):
        yield f"presets: {sorted(set(sheets['Presets']['preset']) ^ set(by_label))}"
    for row in sheets["Presets"].to_dict("records"):
        preset = by_label[row["preset"]]
        low, high = interval(preset, spread)
        yield from different(
            row,
            {
                "seeds": len(preset.runs),
                "validation accuracy": np.mean([max(run.validation) for run in preset.runs]),
                "test accuracy": preset.mean,
                "test 95% low (over seeds)": low,
                "test 95% high (over seeds)": high,
            },
        )
    by_name = {run.name: run for run in runs}
    for row in sheets["Table"].to_dict("records"):
        run = by_name[row["run"]]
        low, high = proportion_confint(round(run.accuracy * IMAGES), IMAGES, method="wilson")
        yield from different(
            row,
            {
                "test accuracy": run.accuracy,
                "validation accuracy": max(run.validation),
                "best epoch": int(np.argmax(run.validation)) + 1,
                "test 95% low (over test images)": low,
                "test 95% high (over test images)": high,
            },
        )
    yield from wrong_differences(sheets["Studies"].to_dict("records"), presets, spread)


def wrong_differences(
    rows: Sequence[dict[str, Any]], presets: Sequence[Preset], spread: Mapping[bool, tuple[float, float]]
) -> Iterator[str]:
    pairs = studied_pairs(presets)
    found = {
        (label(one), label(other)): values for (one, other), values in zip(pairs, compare(pairs, spread), strict=True)
    }
    references = {row["study"]: row["preset"] for row in rows if row["verdict"] == "reference"}
    shown = {(row["preset"], references[row["study"]]): row for row in rows if row["difference"] == row["difference"]}
    if set(shown) != set(found):
        yield f"comparisons: {sorted(set(shown) ^ set(found))}"
    for pair in set(shown) & set(found):
        amount, low, high, p = found[pair]
        names = ("difference", "difference 95% low", "difference 95% high")
        yield from different(shown[pair], dict(zip(names, (amount, low, high), strict=True)), 0.02 * (high - low))
        yield from different(shown[pair], {"p (adjusted)": p}, 0.005 + 0.05 * p)
        significant = low > 0 or high < 0
        small = not significant and low > -0.005 and high < 0.005
        verdict = "significant" if significant else "less than 0.5 points" if small else "inconclusive"
        if shown[pair]["verdict"] != verdict:
            yield f"{pair}: {shown[pair]['verdict']}, but {verdict} when recomputed"


def label(preset: Preset) -> str:
    first, *others = map(str, preset.numbers)
    return f"{first} (= {', '.join(others)})" if others else first


def different(row: Mapping[str, Any], expected: Mapping[str, float], tolerance: float = 1e-9) -> Iterator[str]:
    for name, value in expected.items():
        if not abs(row[name] - value) <= tolerance:
            yield f"preset {row['preset']}, {name}: {row[name]}, but {value} when recomputed"


def main() -> int:
    runs = read_runs(REFERENCE / "records_2020.tar.xz")
    for has_learned, (deviation, freedom) in spreads(presets_of(runs)).items():
        networks = "trained networks" if has_learned else "other networks"
        print(f"Spread over seeds of {networks}: {deviation:.4f}, {freedom:.0f} degrees of freedom")
    wrong = list(wrong_cells(runs))
    print(*(wrong or ["All numbers are the same."]), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
