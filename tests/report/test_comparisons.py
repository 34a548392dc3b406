"""Tests comparisons with a reference, and their verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.comparisons import compare_all, difference_of, spread_over_seeds
from mnist_mlp.report.evidence import TESTED_IMAGES
from mnist_mlp.report.statistics import Method
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from tests.report.reported import content_of, experiment, reported_run

SPREAD = spread_over_seeds([experiment(90, 0.977, 0.98, 0.983)])  # the limit is 1.83 points


def test_verdict_uses_holm_adjusted_p_value():
    # Deviations of 0.002 over three seeds: half a point is t = 3.062, p = 0.0376 with four degrees of freedom.
    reference = experiment(1, 0.970, 0.972, 0.974)
    half_a_point_worse = [experiment(number, 0.965, 0.967, 0.969) for number in (2, 3)]
    far_worse = experiment(4, 0.950, 0.952, 0.954)
    _, alone = compare_all([reference, half_a_point_worse[0]], reference, SPREAD)
    assert alone.verdict is Verdict.SIGNIFICANT
    assert alone.p_adjusted == alone.difference.p == pytest.approx(0.0376, abs=1e-4)
    first, *compared, last = compare_all([reference, *half_a_point_worse, far_worse], reference, SPREAD)
    assert (first.verdict, first.difference, first.p_adjusted) == (Verdict.REFERENCE, None, None)
    assert [comparison.difference.p < 0.05 for comparison in compared] == [True, True]
    assert [comparison.p_adjusted for comparison in compared] == pytest.approx([2 * 0.0376] * 2, abs=2e-4)
    assert [comparison.verdict for comparison in compared] == [Verdict.NOT_SIGNIFICANT] * 2
    assert (last.verdict, last.p_adjusted) == (Verdict.SIGNIFICANT, pytest.approx(3 * last.difference.p))


def test_p_values_are_adjusted_within_each_study():
    runs = [reported_run(1, Preset(), test_accuracy=0.98)]
    runs += [reported_run(2 + index, Preset(dropout=0.1 + index / 10), test_accuracy=0.9757) for index in range(3)]
    runs += [reported_run(5, Preset(batch_size=200), test_accuracy=0.9757)]
    batch_size, dropout = content_of(*runs).findings
    (compared,) = batch_size.compared
    assert compared.p_adjusted == compared.difference.p == pytest.approx(0.0388284, abs=1e-6)
    assert [comparison.p_adjusted for comparison in dropout.compared] == pytest.approx([3 * 0.0388284] * 3, abs=1e-5)
    assert {comparison.verdict for comparison in dropout.compared} == {Verdict.NOT_SIGNIFICANT}
    assert dropout.headline == "Dropout: no significant difference"
    assert "after Holm correction). The difference is not significant." in dropout.sentences[1]


def test_reference_is_the_preset_with_the_lowest_number():
    dropouts = {10: 0.0, 9: 0.5, 11: 0.2}
    runs = [
        reported_run(number, Preset(dropout=dropout), test_accuracy=0.9 + number / 1000)
        for number, dropout in dropouts.items()
    ]
    (finding,) = content_of(*runs).findings
    assert [arm.label for arm in finding.study.arms] == ["10", "11", "9"]  # sorted by value
    assert finding.study.reference.label == "9"
    verdicts = {comparison.arm.label: comparison.verdict for comparison in finding.comparisons}
    assert [label for label, verdict in verdicts.items() if verdict is Verdict.REFERENCE] == ["9"]
    amounts = {comparison.arm.label: comparison.difference.amount for comparison in finding.compared}
    assert amounts == {"10": pytest.approx(0.001), "11": pytest.approx(0.002)}


def test_method_depends_on_seeds_and_predictions():
    several, single = experiment(1, 0.98, 0.982, 0.984), experiment(2, 0.95)
    difference = difference_of(several, single)
    assert (difference.method, difference.amount) == (Method.OVER_SEEDS, pytest.approx(0.032))
    other = experiment(3, 0.96)
    assert difference_of(other, single).method is Method.TWO_PROPORTIONS
    for one, wrong in ((single, 500), (other, 400)):
        one.scored[0].right = np.arange(TESTED_IMAGES) >= wrong
    difference = difference_of(other, single)
    assert (difference.method, difference.gained, difference.lost) == (Method.MCNEMAR, 100, 0)


def test_unscored_experiment_has_no_difference():
    scored, unscored = experiment(1, 0.98), experiment(2, None)
    assert difference_of(unscored, scored) is None
    assert difference_of(scored, unscored) is None
    verdicts = [comparison.verdict for comparison in compare_all([scored, unscored], scored, SPREAD)]
    assert verdicts == [Verdict.REFERENCE, Verdict.NOT_SCORED]


def test_spread_over_seeds_ignores_presets_below_90_percent():
    learned, failed = experiment(1, 0.98, 0.99), experiment(2, 0.1, 0.8)
    assert spread_over_seeds([learned, failed]) == spread_over_seeds([learned])
    assert spread_over_seeds([failed]).freedom == 0


def test_difference_within_seed_limit_is_significant_for_this_pair_only():
    reference, arm = experiment(1, 0.98), experiment(2, 0.95)
    wide = spread_over_seeds([experiment(90, 0.97, 0.98, 0.99)])
    _, above = compare_all([reference, arm], reference, SPREAD)
    _, below = compare_all([reference, arm], reference, wide)
    assert above.p_adjusted == below.p_adjusted < 0.05
    # t with two degrees of freedom, 4.302653, times the standard deviation times sqrt(2)
    assert (above.seed_limit, below.seed_limit) == pytest.approx((0.018255, 0.060849), abs=1e-6)
    assert (above.is_rough, below.is_rough) == (False, False)
    assert (above.verdict, below.verdict) == (Verdict.SIGNIFICANT, Verdict.SIGNIFICANT_FOR_THIS_PAIR)


def test_every_verdict_has_its_own_text():
    assert set(WORDINGS) == set(Verdict)
    assert len({wording.text for wording in WORDINGS.values()}) == len(Verdict)
