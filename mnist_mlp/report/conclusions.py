"""Conclusions from all runs: the best preset, how the others compare with it, and the results of the studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.report.comparisons import compare_all
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.intervals import interval_of_test
from mnist_mlp.report.statistics import SeedSpread
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import count, listed

MAX_NAMED = 6  # maximum number of presets that a sentence lists by number


@dataclass(frozen=True)
class Conclusions:
    """Summary at the top of the report.

    Attributes:
        best: preset with the highest mean validation accuracy, or None if no run has finished.
        best_run: the run of this preset with the highest validation accuracy, among its scored runs if there are any.
        sentences: conclusions as text.
    """

    best: Experiment | None
    best_run: ReportedRun | None
    sentences: list[str]


def conclude(experiments: Sequence[Experiment], findings: Sequence[Finding], spread: SeedSpread) -> Conclusions:
    """Returns the conclusions. The best preset is chosen by validation accuracy, so its test accuracy is unbiased."""
    if not experiments:
        return Conclusions(
            None, None, ["There is nothing to compare yet: no run has finished (final fits are not compared)."]
        )
    best = max(experiments, key=lambda experiment: experiment.mean_validation)
    best_run = max(best.scored or best.seeds, key=lambda run: run.validation_accuracy)
    sentences = [
        _about_best(best, len(experiments)),
        _about_rivals(best, experiments, spread),
        _about_studies(findings),
    ]
    return Conclusions(best, best_run, [sentence for sentence in sentences if sentence])


def _about_best(best: Experiment, presets: int) -> str:
    seeds = len(best.seeds)
    has = "has the highest validation accuracy:" if presets > 1 else "has a validation accuracy of"
    chosen = f"Preset {best.label} {has} {best.mean_validation:.2%}"
    chosen += f" on average over {seeds} seeds" if seeds > 1 else ""
    interval = interval_of_test(best)
    if interval is None:
        return f"{chosen}. It has not been scored on the test set yet; run MNIST_eval.py."
    return (
        f"{chosen}. Its test accuracy is {best.mean_test:.2%} "
        f"(95% interval {interval.basis}: {interval.low:.2%} to {interval.high:.2%})."
    )


def _about_rivals(best: Experiment, experiments: Sequence[Experiment], spread: SeedSpread) -> str:
    others = [experiment for experiment in experiments if experiment is not best and experiment.scored]
    if not (best.scored and others):
        return ""
    compared = compare_all(others, best, spread)
    better = [
        comparison.arm.label
        for comparison in compared
        if comparison.verdict is Verdict.SIGNIFICANT and comparison.difference.amount > 0
    ]
    if better:
        verb = "is" if len(better) == 1 else "are"
        return f"On the test set, however, {_presets(better)} {verb} significantly better."
    labels = {verdict: [one.arm.label for one in compared if one.verdict is verdict] for verdict in Verdict}
    equal = labels[Verdict.NOT_SIGNIFICANT] + labels[Verdict.IDENTICAL]
    perhaps = labels[Verdict.SIGNIFICANT_FOR_THIS_PAIR]
    if not equal and not perhaps:
        subject = "The other preset is" if len(others) == 1 else f"All {len(others)} other presets are"
        return f"{subject} significantly worse on the test set."
    sentences = []
    if equal:
        sentences.append(f"On the test set, it does not differ significantly from {_some(equal, len(others))}.")
    if perhaps:
        start = "The comparison" if equal else "On the test set, the comparison"
        some = f"{count(len(perhaps), 'other')}{_named(perhaps)}" if equal else _some(perhaps, len(others))
        sentences.append(f"{start} with {some} is inconclusive: more seeds are needed.")
    return " ".join([*sentences, "So it is one of the best presets, but not a clear winner."])


def _some(labels: Sequence[str], others: int) -> str:
    """Returns "the other preset (preset 2)" or "2 of the 5 other presets (presets 2 and 3)"."""
    text = "the other preset" if others == 1 else f"{len(labels)} of the {others} other presets"
    return f"{text}{_named(labels)}"


def _named(labels: Sequence[str]) -> str:
    return f" ({_presets(labels)})" if len(labels) <= MAX_NAMED else ""


def _presets(labels: Sequence[str]) -> str:
    return f"{'preset' if len(labels) == 1 else 'presets'} {listed(labels)}"


def _about_studies(findings: Sequence[Finding]) -> str:
    verdicts = Counter(comparison.verdict for finding in findings for comparison in finding.compared)
    if not verdicts:
        return ""
    parts = [f"{verdicts[Verdict.SIGNIFICANT]} significant"]
    if perhaps := verdicts[Verdict.SIGNIFICANT_FOR_THIS_PAIR]:
        parts.append(f"{perhaps} inconclusive (more seeds are needed)")
    parts.append(f"{verdicts[Verdict.NOT_SIGNIFICANT] + verdicts[Verdict.IDENTICAL]} not significant")
    comparisons = count(sum(verdicts.values()), "one-factor comparison")
    return f"Results of {comparisons} in {count(len(findings), 'study', 'studies')}: {listed(parts)}."
