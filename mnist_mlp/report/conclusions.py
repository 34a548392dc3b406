"""What all runs together say: the best preset, what cannot be told from it, what the studies found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.report.data_tables import interval_of_test
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import BEYOND_CHANCE, CHANCE, IDENTICAL, THESE_NETWORKS, Finding, judge
from mnist_mlp.report.statistics import SeedSpread
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


def conclude(experiments: Sequence[Experiment], findings: Sequence[Finding], spread: SeedSpread) -> Conclusions:
    """Returns the conclusions; the best is chosen on validation, so that its test accuracy is an honest one."""
    if not experiments:
        return Conclusions(None, None, ["There is nothing to compare: no run but final fits has ended by itself yet."])
    best = max(experiments, key=lambda each: each.mean_validation)
    best_run = max(best.scored or best.seeds, key=lambda run: run.validation_accuracy)
    sentences = [
        _about_best(best, len(experiments)),
        _about_rivals(best, experiments, spread),
        _about_studies(findings),
    ]
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


def _about_rivals(best: Experiment, experiments: Sequence[Experiment], spread: SeedSpread) -> str:
    others = [each for each in experiments if each is not best and each.scored]
    if not (best.scored and others):
        return ""
    judged = judge(others, best, spread)
    better = [each.arm.label for each in judged if each.verdict == BEYOND_CHANCE and each.difference.amount > 0]
    if better:
        return f"On the test images better than it, by more than chance: {_presets(better)}."
    equal = [each.arm.label for each in judged if each.verdict in (CHANCE, IDENTICAL)]
    perhaps = [each.arm.label for each in judged if each.verdict == THESE_NETWORKS]
    if not equal and not perhaps:
        if len(others) == 1:
            return "The other preset is worse on the test images by more than chance explains."
        return f"Each of the {len(others)} other presets is worse on the test images by more than chance explains."
    parts = [f"{len(equal)} cannot be told from it on the test images{_named(equal)}"] if equal else []
    parts += [f"{len(perhaps)} may owe the difference to the seed{_named(perhaps)}"] if perhaps else []
    return (
        f"Of the other {_count(len(others), 'preset')}, {', and '.join(parts)}. So it is one of the best, not the best."
    )


def _named(labels: Sequence[str]) -> str:
    return f" ({_presets(labels)})" if 0 < len(labels) <= 6 else ""


def _presets(labels: Sequence[str]) -> str:
    return f"preset {labels[0]}" if len(labels) == 1 else f"presets {', '.join(labels[:-1])} and {labels[-1]}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


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
    return f"Of {_count(compared, 'single change')} in {studies}, {', '.join(parts[:-1])}, and {parts[-1]}."
