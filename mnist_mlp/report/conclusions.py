"""The conclusions from all runs together: the best preset, its rivals, the results of the studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.report.comparisons import compare_all
from mnist_mlp.report.evidence import TESTED_IMAGES, ReportedRun
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.intervals import interval_of_test
from mnist_mlp.report.statistics import SeedSpread
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import count, listed

MOST_NAMED = 6  # presets that a sentence names


@dataclass(frozen=True)
class Conclusions:
    """The top of the report.

    Attributes:
        best: the preset with the highest mean validation accuracy, None if no run has ended.
        best_run: its run with the highest validation accuracy, among scored ones if there are any.
        sentences: what was found, in full.
    """

    best: Experiment | None
    best_run: ReportedRun | None
    sentences: list[str]


def conclude(experiments: Sequence[Experiment], findings: Sequence[Finding], spread: SeedSpread) -> Conclusions:
    """Returns the conclusions; the best preset is chosen on validation, so that its test accuracy is unbiased."""
    if not experiments:
        return Conclusions(None, None, ["There is nothing to compare: no run except final fits has ended yet."])
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
    has = "has the highest validation accuracy," if presets > 1 else "has a validation accuracy of"
    chosen = f"Preset {best.label} {has} {best.mean_validation:.2%}"
    chosen += f" on average over {seeds} seeds" if seeds > 1 else ""
    interval = interval_of_test(best)
    if interval is None:
        return f"{chosen}. It is not scored on the test set yet: run MNIST_eval.py."
    basis = "over seeds" if interval.is_over_seeds else f"for {TESTED_IMAGES:,} test images"
    return (
        f"{chosen}; its accuracy on the test images is {best.mean_test:.2%} "
        f"({interval.low * 100:.2f} to {interval.high:.2%}, the 95% interval {basis})."
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
        return f"Significantly better on the test images: {_presets(better)}."
    labels = {verdict: [one.arm.label for one in compared if one.verdict is verdict] for verdict in Verdict}
    equal = labels[Verdict.NOT_SIGNIFICANT] + labels[Verdict.IDENTICAL]
    perhaps = labels[Verdict.SIGNIFICANT_FOR_THIS_PAIR]
    if not equal and not perhaps:
        rivals = "The other preset is" if len(others) == 1 else f"Each of the {len(others)} other presets is"
        return f"{rivals} significantly worse on the test images."
    parts = []
    if equal:
        verb = "does" if len(equal) == 1 else "do"
        parts.append(f"{len(equal)} {verb} not differ significantly from it on the test images{_named(equal)}")
    if perhaps:
        parts.append(f"{len(perhaps)} may differ only by the seed{_named(perhaps)}")
    rivals = count(len(others), "other preset")
    return f"Of the {rivals}, {', and '.join(parts)}. So it is one of the best, not the best."


def _named(labels: Sequence[str]) -> str:
    return f" ({_presets(labels)})" if 0 < len(labels) <= MOST_NAMED else ""


def _presets(labels: Sequence[str]) -> str:
    return f"{'preset' if len(labels) == 1 else 'presets'} {listed(labels)}"


def _about_studies(findings: Sequence[Finding]) -> str:
    verdicts = Counter(comparison.verdict for finding in findings for comparison in finding.compared)
    if not verdicts:
        return ""
    parts = [f"{verdicts[Verdict.SIGNIFICANT]} changed the accuracy significantly"]
    if perhaps := verdicts[Verdict.SIGNIFICANT_FOR_THIS_PAIR]:
        parts.append(f"{perhaps} may differ only by the seed")
    parts.append(f"{verdicts[Verdict.NOT_SIGNIFICANT] + verdicts[Verdict.IDENTICAL]} did not")
    changes = count(sum(verdicts.values()), "single change")
    return f"Of {changes} in {count(len(findings), 'study', 'studies')}, {', '.join(parts[:-1])}, and {parts[-1]}."
