"""What all runs together say: the best preset, what cannot be told from it, what the studies found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.report.data_tables import interval_of_test
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import BEYOND_CHANCE, CHANCE, IDENTICAL, THESE_NETWORKS, Finding, compare
from mnist_mlp.report.statistics import ALPHA, holm
from mnist_mlp.report.studies import Experiment


@dataclass(frozen=True)
class Conclusions:
    """The top of the report.

    Attributes:
        best: the preset with the highest mean validation accuracy, None where no run has ended.
        best_run: its run with the highest, scored ones first.
        sentences: what was found, in full.
    """

    best: Experiment | None
    best_run: ReportedRun | None
    sentences: list[str]


def conclude(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Conclusions:
    """Returns the conclusions; the best is chosen on validation, so that its test accuracy is an honest one."""
    if not experiments:
        return Conclusions(None, None, ["No run has ended by itself yet, so there is nothing to compare."])
    best = max(experiments, key=lambda each: each.mean_validation)
    best_run = max(best.scored or best.seeds, key=lambda run: run.validation_accuracy)
    sentences = [_about_best(best, len(experiments)), _about_rivals(best, experiments), _about_studies(findings)]
    return Conclusions(best, best_run, [sentence for sentence in sentences if sentence])


def _about_best(best: Experiment, presets: int) -> str:
    seeds = len(best.seeds)
    has = "has the highest validation accuracy" if presets > 1 else "has a validation accuracy of"
    chosen = f"Preset {best.label} {has}{',' if presets > 1 else ''} {best.mean_validation:.2%}"
    chosen += f" on average over {seeds} seeds" if seeds > 1 else ""
    if best.mean_test is None:
        return f"{chosen}. It is not scored on the test set yet: run MNIST_eval.py."
    low, high, over = interval_of_test(best)
    what = "over seeds" if "seeds" in over else "that 10,000 test images allow"
    return (
        f"{chosen}; its accuracy on the test images is {best.mean_test:.2%} "
        f"({low * 100:.2f} to {high:.2%}, the 95% interval {what})."
    )


def _about_rivals(best: Experiment, experiments: Sequence[Experiment]) -> str:
    others = [each for each in experiments if each is not best and each.scored]
    if not (best.scored and others):
        return ""
    differences = [compare(each, best) for each in others]
    adjusted = holm([difference.p for difference in differences])
    equal = [each.label for each, p in zip(others, adjusted, strict=True) if p >= ALPHA]
    better = [
        each.label
        for each, difference, p in zip(others, differences, adjusted, strict=True)
        if p < ALPHA and difference.amount > 0
    ]
    if better:
        return f"On the test images better than it, by more than chance: preset {', '.join(better)}."
    if not equal:
        return f"Each of the {len(others)} other presets is worse on the test images by more than chance explains."
    named = f": {', '.join(equal)}" if len(equal) <= 12 else ""
    return (
        f"Of the {len(others)} other presets, {len(equal)} cannot be told from it on the test images{named}. "
        "So it is one of the best, not the best."
    )


def _about_studies(findings: Sequence[Finding]) -> str:
    verdicts = Counter(each.verdict for finding in findings for each in finding.comparisons if each.difference)
    if not verdicts:
        return ""
    compared = sum(verdicts.values())
    parts = [f"{verdicts[BEYOND_CHANCE]} changed the accuracy by more than chance"]
    if verdicts[THESE_NETWORKS]:
        parts.append(f"{verdicts[THESE_NETWORKS]} may owe their difference to the seed")
    parts.append(f"{verdicts[CHANCE] + verdicts[IDENTICAL]} cannot be told from chance")
    studies = "1 study" if len(findings) == 1 else f"{len(findings)} studies"
    return f"Of {compared} single changes in {studies}, {', '.join(parts[:-1])}, and {parts[-1]}."
