"""Presets with their runs, and what is known about their accuracy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from mnist_mlp.evaluation.seed_spread import GUESSING, MEASURED_BEFORE, SpreadOverSeeds
from mnist_mlp.presets.changes import PresetName
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.intervals import Interval, interval_over_seeds
from mnist_mlp.report.wording import count


@dataclass(eq=False)
class Experiment:
    """A preset with its runs.

    Attributes:
        preset: the hyperparameters.
        numbers: the preset's names, lowest number first; more than one if the registry contains the preset twice.
        runs: all runs of the preset, oldest first.
        spread: how much the test accuracy varies with the seed, pooled over presets.
    """

    preset: Preset
    numbers: tuple[PresetName, ...]
    runs: list[ReportedRun]
    spread: SpreadOverSeeds = MEASURED_BEFORE

    @property
    def label(self) -> str:
        """The preset's numbers as text."""
        return label_of(self.numbers)

    @property
    def seeds(self) -> list[ReportedRun]:
        """One completed run per seed: the newest scored run, or the newest run if none is scored.

        Two runs with the same seed give the same network, so only one of them counts.
        """
        chosen: dict[int, ReportedRun] = {}
        for run in self.runs:
            before = chosen.get(run.record.seed)
            if run.is_comparable and (before is None or run.test_accuracy is not None or before.test_accuracy is None):
                chosen[run.record.seed] = run
        return [chosen[seed] for seed in sorted(chosen)]

    @property
    def scored(self) -> list[ReportedRun]:
        """The runs in `seeds` that are scored on the test set."""
        return [run for run in self.seeds if run.test_accuracy is not None]

    @property
    def mean_validation(self) -> float:
        """Mean validation accuracy over seeds."""
        return mean(run.validation_accuracy for run in self.seeds)

    @property
    def mean_test(self) -> float | None:
        """Mean test accuracy over the scored seeds, or None if no seed is scored."""
        return mean(self.accuracies) if self.scored else None

    @property
    def accuracies(self) -> list[float]:
        """Test accuracy of each scored seed."""
        return [run.test_accuracy for run in self.scored]

    @property
    def failed(self) -> list[ReportedRun]:
        """The runs in `seeds` that are hardly better than guessing."""
        return [run for run in self.seeds if run.validation_accuracy < GUESSING]

    @property
    def has_failed(self) -> bool:
        """Whether the network is hardly better than guessing, with at least one seed."""
        return bool(self.failed)

    @property
    def failures_in_words(self) -> str:
        """How many seeds failed: "2 of 3 seeds"."""
        return f"{len(self.failed)} of {count(len(self.seeds), 'seed')}"

    @property
    def interval(self) -> Interval | None:
        """95% interval for the mean test accuracy over all seeds; None if no seed is scored, or if training failed."""
        return None if self.has_failed else interval_over_seeds(self.accuracies, self.spread)

    @property
    def mean_seconds(self) -> float:
        """Mean training time over seeds, in seconds."""
        return mean(run.record.training_seconds for run in self.seeds)


def label_of(numbers: Iterable[PresetName]) -> str:
    """Returns a preset's numbers as text: "31", or "2 (= 4)" if the registry contains the preset twice."""
    first, *others = map(str, numbers)
    return f"{first} (= {', '.join(others)})" if others else first


def find_experiments(runs: Iterable[ReportedRun]) -> list[Experiment]:
    """Groups completed runs by preset, sorted by lowest preset number."""
    by_preset: dict[Preset, list[ReportedRun]] = defaultdict(list)
    for run in runs:
        if run.is_comparable:
            by_preset[run.preset].append(run)
    experiments = [
        Experiment(preset, tuple(sorted({run.record.preset_name for run in same})), same)
        for preset, same in by_preset.items()
    ]
    spread = spread_over_seeds(experiments)
    for experiment in experiments:
        experiment.spread = spread
    return sorted(experiments, key=lambda experiment: experiment.numbers)


def spread_over_seeds(experiments: Sequence[Experiment]) -> SpreadOverSeeds:
    """Returns the spread of test accuracy over seeds. Presets with identical networks count once."""
    different: list[Experiment] = []
    for experiment in sorted(experiments, key=lambda experiment: -len(experiment.scored)):
        if not any(are_identical(experiment, other) for other in different):
            different.append(experiment)
    return SpreadOverSeeds.of([experiment.accuracies for experiment in different])


def are_identical(one: Experiment, other: Experiment) -> bool:
    """Whether both presets gave the same networks, for the same seeds."""
    return gave_identical_networks(one.scored, other.scored)


def gave_identical_networks(runs: Sequence[ReportedRun], others: Sequence[ReportedRun]) -> bool:
    """Whether runs have the same curves and test accuracies as others, for all seeds that both have.

    NaN, which diverged runs have at the end of their curves, is equal to NaN.
    """
    by_seed = {run.record.seed: run for run in others}
    pairs = [(run, by_seed[run.record.seed]) for run in runs if run.record.seed in by_seed]
    return bool(pairs) and all(
        run.test_accuracy == same.test_accuracy
        and all(np.array_equal(run.curves[name], same.curves[name], equal_nan=True) for name in run.curves)
        for run, same in pairs
    )
