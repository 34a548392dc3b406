"""Tests comparisons with a reference, and their verdicts."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.stats import t

from mnist_mlp.evaluation.seed_spread import LEARNED_PRIOR
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.comparisons import Comparison, compare_all
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from mnist_mlp.runs.record import RunStatus
from tests.report.reported import content_of, experiment, reported_run


def compared(*arms: Experiment) -> list[Comparison]:
    """Compares experiments with the one that has the lowest number."""
    return compare_all([Study("batch_size", list(arms))])[0]


def verdicts(*arms: Experiment) -> list[Verdict]:
    return [comparison.verdict for comparison in compared(*arms)]


def half_width(accuracy: float, runs: int) -> float:
    """Returns half the width of the interval for a single difference of two presets with about this accuracy."""
    deviation = LEARNED_PRIOR.deviation * accuracy * (1 - accuracy)
    return t.ppf(0.975, LEARNED_PRIOR.freedom) * deviation * sqrt(2 / runs)


def test_clear_difference_is_significant():
    reference, arm = compared(experiment(1, 0.98), experiment(2, 0.97))
    assert (reference.verdict, reference.difference) == (Verdict.REFERENCE, None)
    assert (arm.verdict, arm.difference.amount) == (Verdict.SIGNIFICANT, pytest.approx(-0.01))
    assert arm.difference.p < 0.01


def test_one_seed_cannot_decide_what_several_seeds_can():
    width = half_width(0.98, 1)
    assert 0.003 < width < 0.005  # the margin
    assert verdicts(experiment(1, 0.98), experiment(2, 0.983))[1] is Verdict.INCONCLUSIVE
    assert verdicts(experiment(1, *[0.98] * 5), experiment(2, *[0.983] * 5))[1] is Verdict.SIGNIFICANT
    (_, arm) = compared(experiment(1, *[0.98] * 5), experiment(2, *[0.981] * 5))
    assert (arm.verdict, arm.difference.p > 0.05) == (Verdict.SMALL, True)
    assert arm.difference.half_width == pytest.approx(width / sqrt(5), rel=0.05)


@pytest.mark.parametrize("amount", [-0.003, 0.003])
def test_small_difference_excludes_the_margin_on_both_sides(amount):
    (_, arm) = compared(experiment(1, *[0.97] * 4), experiment(2, *[0.97 + amount] * 4))
    outer = max(abs(arm.difference.low), abs(arm.difference.high))
    assert (arm.difference.half_width < 0.005 < outer, arm.verdict) == (True, Verdict.INCONCLUSIVE)
    (_, arm) = compared(experiment(1, *[0.97] * 20), experiment(2, *[0.97 + amount / 10] * 20))
    assert arm.verdict is Verdict.SMALL


def test_significance_comes_before_smallness():
    (_, arm) = compared(experiment(1, *[0.98] * 20), experiment(2, *[0.982] * 20))
    assert (arm.difference.high < 0.005, arm.verdict) == (True, Verdict.SIGNIFICANT)


def test_unscored_experiment_has_no_difference():
    expected = [Verdict.REFERENCE, Verdict.NOT_SCORED, Verdict.SIGNIFICANT]
    assert verdicts(experiment(1, 0.98), experiment(2, None), experiment(3, 0.9)) == expected
    reference, *others = compared(experiment(1, None), experiment(2, 0.98), experiment(3, None))
    assert reference.verdict is Verdict.REFERENCE
    assert [(arm.verdict, arm.difference) for arm in others] == [(Verdict.NOT_SCORED, None)] * 2


def test_identical_networks_have_no_difference():
    (_, arm) = compared(experiment(1, 0.98, 0.981), experiment(2, 0.98, 0.981))
    assert (arm.verdict, arm.difference) == (Verdict.IDENTICAL, None)


def test_networks_with_different_curves_or_seeds_are_not_identical():
    one, other = experiment(1, 0.97), experiment(2, 0.97)
    other.runs[0].curves["train cross_entropy"] = other.runs[0].curves["train cross_entropy"] + 1e-9
    later = experiment(3, 0.97)
    later.runs[0].record.seed = 7
    assert {comparison.verdict for comparison in compared(one, other, later)[1:]} == {Verdict.INCONCLUSIVE}


def test_networks_that_are_identical_for_all_common_seeds_are_identical():
    (_, arm) = compared(experiment(1, 0.97), experiment(2, 0.97, 0.98))
    assert arm.verdict is Verdict.IDENTICAL


def test_diverged_runs_with_equal_curves_are_identical():
    runs = [reported_run(1, Preset(), test_accuracy=0.9), reported_run(2, Preset(dropout=0.5), test_accuracy=0.9)]
    for run in runs:
        run.record.status = RunStatus.DIVERGED
        run.curves["train cross_entropy"][-1] = np.nan
    (finding,) = content_of(*runs).findings
    assert finding.comparisons[1].verdict is Verdict.IDENTICAL
    runs[1].curves["train cross_entropy"][-1] = 1.5
    (finding,) = content_of(*runs).findings
    assert finding.comparisons[1].verdict is Verdict.INCONCLUSIVE


def test_reference_is_the_preset_with_the_lowest_number():
    dropouts = {10: 0.0, 9: 0.5, 11: 0.2}
    runs = [
        reported_run(number, Preset(dropout=dropout), test_accuracy=0.9 + number / 1000)
        for number, dropout in dropouts.items()
    ]
    (finding,) = content_of(*runs).findings
    assert [arm.label for arm in finding.study.arms] == ["10", "11", "9"]  # sorted by value
    assert finding.study.reference.label == "9"
    by_label = {comparison.arm.label: comparison.verdict for comparison in finding.comparisons}
    assert [label for label, verdict in by_label.items() if verdict is Verdict.REFERENCE] == ["9"]
    amounts = {comparison.arm.label: comparison.difference.amount for comparison in finding.compared}
    assert amounts == {"10": pytest.approx(0.001), "11": pytest.approx(0.002)}


def test_all_comparisons_of_a_report_are_one_family():
    dropout = [reported_run(1, Preset(), test_accuracy=0.98), reported_run(2, Preset(dropout=0.5), test_accuracy=0.974)]
    base = Preset(hidden_sizes=(40,))
    unrelated = [
        reported_run(3 + index, base.but(epochs=10 + index), test_accuracy=0.975 + index / 1000) for index in range(4)
    ]
    (alone,) = content_of(*dropout).findings
    content = content_of(*dropout, *unrelated)
    assert ({finding.study.field for finding in content.findings}, content.comparisons) == ({"dropout", "epochs"}, 4)
    (together,) = (finding for finding in content.findings if finding.study.field == "dropout")
    one, other = alone.comparisons[1], together.comparisons[1]
    assert one.difference.error == other.difference.error
    assert one.difference.half_width * 1.2 < other.difference.half_width
    assert (one.verdict, other.verdict) == (Verdict.SIGNIFICANT, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.98, 0.983), (0.97, 0.9705), (0.97, 0.9726), (0.93, 0.937)],
    ids=["significant", "small", "close to both", "many"],
)
def test_suggested_number_of_seeds_decides_the_comparison(low, high):
    (_, arm) = compared(experiment(1, low), experiment(2, high))
    needed = arm.seeds_needed
    assert (arm.verdict, 1 < needed <= 30) == (Verdict.INCONCLUSIVE, True)
    of = {
        seeds: compared(experiment(1, *[low] * seeds), experiment(2, *[high] * seeds))[1]
        for seeds in (needed - 1, needed)
    }
    assert of[needed - 1].verdict is Verdict.INCONCLUSIVE
    assert of[needed].verdict in (Verdict.SIGNIFICANT, Verdict.SMALL)


def test_suggested_number_of_seeds_allows_for_presets_with_different_numbers_and_spreads():
    several, single = [0.89] * 8, [0.903]  # the others vary much more with the seed than networks that have learned
    (_, arm) = compared(experiment(1, *several), experiment(2, *single))
    needed = arm.seeds_needed
    assert arm.verdict is Verdict.INCONCLUSIVE
    (_, before) = compared(experiment(1, *[0.89] * (needed - 1)), experiment(2, *[0.903] * (needed - 1)))
    (_, after) = compared(experiment(1, *[0.89] * needed), experiment(2, *[0.903] * needed))
    assert (before.verdict, after.verdict) == (Verdict.INCONCLUSIVE, Verdict.SIGNIFICANT)


def test_no_number_of_seeds_is_suggested_for_decided_or_hopeless_comparisons():
    small = [experiment(1, *[0.98] * 9), experiment(2, *[0.9802] * 9)]
    arms = [compared(experiment(1, 0.98), experiment(2, accuracy))[1] for accuracy in (0.9, None, 0.98)]
    arms.append(compared(*small)[1])
    decided = [Verdict.SIGNIFICANT, Verdict.NOT_SCORED, Verdict.IDENTICAL, Verdict.SMALL]
    assert [(arm.verdict, arm.seeds_needed) for arm in arms] == [(verdict, None) for verdict in decided]
    (_, hopeless) = compared(experiment(1, 0.9), experiment(2, 0.9026))
    # It takes (half width / 0.0026)^2 seeds.
    assert (half_width(0.9, 1) / 0.0026) ** 2 > 30
    assert (hopeless.verdict, hopeless.seeds_needed) == (Verdict.INCONCLUSIVE, None)


def test_comparison_with_a_failed_preset_is_marked():
    failed = experiment(2, 0.1)
    for run in failed.runs:
        run.record.epochs[run.record.best_epoch - 1]["validation"]["accuracy"] = 0.19
    arms = compared(experiment(1, 0.98), failed, experiment(3, 0.97))
    assert [arm.has_failure for arm in arms] == [False, True, False]


def test_every_verdict_has_its_own_text():
    assert set(WORDINGS) == set(Verdict)
    assert len({wording.text for wording in WORDINGS.values()}) == len(Verdict)
