"""Conclusions from all runs: the safe values, the best preset, and how far it can be told apart from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from mnist_mlp.report.comparisons import Comparison, Pair
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.next_steps import Step, Trainer, next_steps
from mnist_mlp.report.safe_values import safe_values_in_words
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import count, listed

MAX_NAMED = 6  # maximum number of presets that a sentence lists by number


@dataclass(frozen=True)
class Conclusions:
    """Summary at the top of the report.

    Attributes:
        best: the ranked preset with the highest mean validation accuracy, or None if no run has finished.
        best_run: its run with the highest validation accuracy, among its scored runs if there are any.
        answer: which values of the hyperparameters are safe, and a good preset, as text.
        sentences: the best preset and its rivals, as text.
        next_steps: the most informative runs to add.
        ranked: number of presets that the best one was chosen from.
    """

    best: Experiment | None
    best_run: ReportedRun | None
    answer: list[str]
    sentences: list[str]
    next_steps: list[Step]
    ranked: int


@dataclass(frozen=True)
class Ranking:
    """Presets that can be ranked fairly: each counts with the same number of seeds.

    Attributes:
        seeds: that number, the largest one that at least a third of all presets have.
        ranked: presets with at least this many seeds, the one with the highest validation accuracy first.
        unranked: presets with fewer seeds.
    """

    seeds: int
    ranked: list[Experiment]
    unranked: list[Experiment]

    @classmethod
    def of(cls, experiments: Sequence[Experiment]) -> Ranking:
        numbers = sorted((len(experiment.seeds) for experiment in experiments), reverse=True)
        seeds = numbers[(len(numbers) - 1) // 3]
        ranked = [experiment for experiment in experiments if len(experiment.seeds) >= seeds]
        unranked = [experiment for experiment in experiments if len(experiment.seeds) < seeds]
        ranking = cls(seeds, ranked, unranked)
        ranked.sort(key=lambda experiment: -ranking.validation_accuracy(experiment))
        return ranking

    @property
    def pairs(self) -> list[Pair]:
        """The comparisons of all other ranked presets with the best one."""
        best, *others = self.ranked
        return [(other, best) for other in others]

    def validation_accuracy(self, experiment: Experiment) -> float:
        """Returns the mean validation accuracy over the first seeds."""
        return mean(run.validation_accuracy for run in experiment.seeds[: self.seeds])


def conclude(
    experiments: Sequence[Experiment],
    ranking: Ranking | None,
    findings: Sequence[Finding],
    compared: Mapping[Pair, Comparison],
    trainer: Trainer,
) -> Conclusions:
    """Returns the conclusions. Validation accuracy chooses the best preset, not the test images.

    Args:
        ranking: the ranking of the experiments; None if there are none.
        compared: the comparisons of the ranking's pairs.
        trainer: writes the commands of the next steps.
    """
    if not ranking:
        nothing = "There is nothing to compare yet: no run has finished (final fits are not compared)."
        return Conclusions(None, None, [], [nothing], [], 0)
    best = ranking.ranked[0]
    best_run = max(best.scored or best.seeds, key=lambda run: run.validation_accuracy)
    sentences = [_about_best(ranking), *_about_rivals(ranking, compared)]
    answer = [*safe_values_in_words(findings), *_advice(ranking)]
    steps = next_steps(findings, experiments, trainer)
    return Conclusions(best, best_run, answer, sentences, steps, len(ranking.ranked))


def _advice(ranking: Ranking) -> list[str]:
    best = ranking.ranked[0]
    if not best.scored or best.has_failed or len(ranking.ranked) == 1:
        return []
    return [f"If you only need a good network, use preset {best.label}: its test accuracy is {best.mean_test:.2%}."]


def _about_best(ranking: Ranking) -> str:
    best, presets = ranking.ranked[0], len(ranking.ranked)
    has = (
        f"has the highest validation accuracy of {presets} presets:" if presets > 1 else "has a validation accuracy of"
    )
    chosen = f"Preset {best.label} {has} {ranking.validation_accuracy(best):.2%}"
    chosen += f" (mean of {ranking.seeds} seeds)" if ranking.seeds > 1 else " with one seed" if presets > 1 else ""
    if not best.scored:
        return f"{chosen}. It has not been scored on the test set yet; run MNIST_eval.py."
    if best.has_failed:
        return f"{chosen}. Training failed with {best.failures_in_words}."
    interval = f"95% interval {best.interval.basis}: {best.interval.low:.2%} to {best.interval.high:.2%}"
    seeds = f", mean of {len(best.scored)} seeds" if len(best.scored) != ranking.seeds else ""
    return f"{chosen}. Its test accuracy is {best.mean_test:.2%} ({interval}{seeds})."


def _about_rivals(ranking: Ranking, compared: Mapping[Pair, Comparison]) -> list[str]:
    sentences = []
    close = [pair[0] for pair in ranking.pairs if compared[pair].verdict in (Verdict.INCONCLUSIVE, Verdict.SMALL)]
    if close:
        named = f" ({listed([other.label for other in close])})" if len(close) <= MAX_NAMED else ""
        others = f"{count(len(close), 'other preset')}{named}"
        sentences.append(f"{others} cannot be told apart from it by test accuracy.")
    if ranking.unranked:
        verb = "is" if len(ranking.unranked) == 1 else "are"
        presets = count(len(ranking.unranked), "preset")
        sentences.append(f"{presets} with fewer than {count(ranking.seeds, 'seed')} {verb} not ranked.")
    return sentences
