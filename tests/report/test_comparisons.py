"""Tests comparisons with a reference, and their verdicts."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest
from scipy.stats import norm, t

from mnist_mlp.evaluation.seed_spread import LEARNED_PRIOR, MEASURED_BEFORE
from mnist_mlp.presets.changes import PresetName
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.comparisons import Comparison, compare_all
from mnist_mlp.report.experiments import Experiment, find_experiments
from mnist_mlp.report.statistics import Mean, critical_value
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from mnist_mlp.runs.record import RunStatus
from tests.report.helpers import logit, preset_spread
from tests.report.reported import content_of, experiment, reported_run

GUESS = (0.1, 0.19, 0.1)  # validation accuracies of a network that has not learned


def compared(reference: Experiment, *arms: Experiment) -> list[Comparison]:
    """Compares experiments with the first one."""
    return list(compare_all([(arm, reference) for arm in arms]).values())


def verdicts(reference: Experiment, *arms: Experiment) -> list[Verdict]:
    return [comparison.verdict for comparison in compared(reference, *arms)]


def limits(arm: float, reference: float, runs: int) -> tuple[float, float]:
    """Returns the interval of a single difference of two presets, with as many runs each that are all equal."""
    deviation, freedom = preset_spread([arm] * runs)
    draws = np.random.default_rng(1).standard_t(freedom, (2, 10**6))
    half_width = np.quantile(np.abs(draws[0] - draws[1]), 0.95) * deviation / sqrt(runs)
    low, high = (1 / (1 + exp(-logit(arm) - sign * half_width)) - reference for sign in (-1, 1))
    return low, high


def test_clear_difference_is_significant():
    (arm,) = compared(experiment(1, 0.98), experiment(2, 0.97))
    assert (arm.verdict, arm.amount, arm.difference.amount) == (Verdict.SIGNIFICANT, *[pytest.approx(-0.01)] * 2)
    assert arm.difference.p < 0.01


def test_one_seed_cannot_decide_what_several_seeds_can():
    low, high = limits(0.983, 0.98, runs=1)
    assert low < 0 and high > 0.005  # the margin
    assert verdicts(experiment(1, 0.98), experiment(2, 0.983)) == [Verdict.INCONCLUSIVE]
    assert verdicts(experiment(1, *[0.98] * 5), experiment(2, *[0.983] * 5)) == [Verdict.SIGNIFICANT]
    (arm,) = compared(experiment(1, *[0.98] * 5), experiment(2, *[0.981] * 5))
    assert (arm.verdict, arm.difference.p > 0.05) == (Verdict.SMALL, True)
    assert (arm.difference.low, arm.difference.high) == pytest.approx(limits(0.981, 0.98, runs=5), abs=1e-4)


@pytest.mark.parametrize("amount", [-0.003, 0.003])
def test_small_difference_excludes_the_margin_on_both_sides(amount):
    (arm,) = compared(experiment(1, *[0.97] * 2), experiment(2, *[0.97 + amount] * 2))
    inner, outer = sorted(abs(end) for end in (arm.difference.low, arm.difference.high))
    assert (inner < 0.005 < outer, arm.verdict) == (True, Verdict.INCONCLUSIVE)
    (arm,) = compared(experiment(1, *[0.97] * 5), experiment(2, *[0.97 + amount / 10] * 5))
    assert arm.verdict is Verdict.SMALL


def test_significance_comes_before_smallness():
    (arm,) = compared(experiment(1, *[0.98] * 20), experiment(2, *[0.982] * 20))
    assert (arm.difference.high < 0.005, arm.verdict) == (True, Verdict.SIGNIFICANT)


def test_unscored_experiment_has_no_difference():
    expected = [Verdict.NOT_SCORED, Verdict.SIGNIFICANT]
    assert verdicts(experiment(1, 0.98), experiment(2, None), experiment(3, 0.9)) == expected
    arms = compared(experiment(1, None), experiment(2, 0.98), experiment(3, None))
    assert [(arm.verdict, arm.difference, arm.amount) for arm in arms] == [(Verdict.NOT_SCORED, None, None)] * 2


def test_identical_networks_have_no_difference():
    (arm,) = compared(experiment(1, 0.98, 0.981), experiment(2, 0.98, 0.981))
    assert (arm.verdict, arm.difference, arm.amount) == (Verdict.IDENTICAL, None, 0)


def test_networks_with_different_curves_or_seeds_are_not_identical():
    one, other = experiment(1, 0.97), experiment(2, 0.97)
    other.runs[0].curves["train cross_entropy"] = other.runs[0].curves["train cross_entropy"] + 1e-9
    later = experiment(3, 0.97)
    later.runs[0].record.seed = 7
    assert verdicts(one, other, later) == [Verdict.INCONCLUSIVE] * 2


def test_networks_that_are_identical_for_all_common_seeds_are_identical():
    assert verdicts(experiment(1, 0.97), experiment(2, 0.97, 0.98)) == [Verdict.IDENTICAL]


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


def failing(number: int, *validation: float) -> Experiment:
    """Returns an experiment with these validation accuracies, and the same test accuracies."""
    preset = Preset(batch_size=number)
    runs = [reported_run(number, preset, (0.1, value, 0.1), value, seed) for seed, value in enumerate(validation)]
    return Experiment(preset, (PresetName(number),), runs)


@pytest.mark.parametrize("validation", [[0.19], [0.98, 0.98, 0.19]], ids=["all seeds", "one of three seeds"])
def test_failed_network_is_not_tested(validation):
    reference, failed = experiment(1, 0.98), failing(2, *validation)
    other, arm = compared(reference, experiment(3, 0.97), failed)
    assert (arm.verdict, arm.difference) == (Verdict.FAILED, None)
    assert arm.amount == pytest.approx(np.mean(validation) - 0.98)
    assert other == compared(reference, other.arm)[0]  # as if the failed one did not exist


def test_nothing_is_tested_against_a_failed_reference():
    reference = failing(1, 0.98, 0.19)
    arms = compared(reference, experiment(2, 0.98), failing(3, 0.1))
    assert [(arm.verdict, arm.difference) for arm in arms] == [(Verdict.FAILED, None)] * 2


def test_failed_networks_can_be_unscored_or_identical():
    assert verdicts(experiment(1, None), failing(2, 0.1)) == [Verdict.NOT_SCORED]
    assert verdicts(failing(1, 0.1), failing(2, 0.1)) == [Verdict.IDENTICAL]


def test_failed_networks_do_not_count_as_tested():
    runs = [reported_run(1, Preset(), test_accuracy=0.98), reported_run(2, Preset(dropout=0.5), test_accuracy=0.97)]
    content = content_of(*runs, reported_run(3, Preset(learning_rate=1.0), GUESS, 0.1))
    assert {finding.study.field: finding.verdict for finding in content.findings} == {
        "learning_rate": Verdict.FAILED,
        "dropout": Verdict.SIGNIFICANT,
    }
    assert content.tested == 1


def test_all_comparisons_of_a_report_are_one_family():
    dropout = [reported_run(1, Preset(), test_accuracy=0.98), reported_run(2, Preset(dropout=0.5), test_accuracy=0.974)]
    base = Preset(hidden_sizes=(40,))
    unrelated = [
        reported_run(3 + index, base.but(epochs=10 + index), (0.6, 0.8, 0.7), 0.975 + index / 1000)
        for index in range(4)
    ]
    (alone,) = content_of(*dropout).findings
    content = content_of(*dropout, *unrelated)
    assert {finding.study.field for finding in content.findings} == {"dropout", "epochs"}
    assert content.tested == 1 + 3 + 4  # in both studies, and of the unrelated ones with the best preset
    (together,) = (finding for finding in content.findings if finding.study.field == "dropout")
    one, other = alone.comparisons[1], together.comparisons[1]
    assert 0.05 / 8 / 3 < other.difference.level < one.difference.level / 3
    assert (one.verdict, other.verdict) == (Verdict.SIGNIFICANT, Verdict.INCONCLUSIVE)


def test_comparisons_of_the_ranking_belong_to_the_family():
    one = [reported_run(1, Preset(), test_accuracy=0.98), reported_run(2, Preset(dropout=0.5), test_accuracy=0.974)]
    stranger = reported_run(3, Preset(hidden_sizes=(40,), epochs=10), (0.6, 0.8, 0.7), 0.97)  # not in any study
    before, after = content_of(*one), content_of(*one, stranger)
    assert [len(content.findings) for content in (before, after)] == [1, 1]
    assert (before.tested, after.tested) == (1, 2)  # the pair of the study is also one of the ranking
    (p_before,), (p_after,) = (
        [item.difference.p for item in content.findings[0].compared] for content in (before, after)
    )
    assert p_before * 1.2 < p_after < p_before * 2


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.98, 0.983), (0.98, 0.9835), (0.97, 0.97), (0.97, 0.9726), (0.93, 0.937)],
    ids=["close to both", "significant", "equal", "between", "many"],
)
def test_suggested_number_of_seeds_decides_the_comparison_with_80_percent_power(low, high):
    (arm,) = compared(experiment(1, low), changed(experiment(2, high)))
    needed = arm.seeds_needed
    assert (arm.verdict, 2 <= needed <= 30) == (Verdict.INCONCLUSIVE, True)

    def power(seeds: int) -> float:
        """Returns the probability that the interval excludes 0 or all differences of at least 0.5 points."""
        _, freedom = preset_spread([low])
        error = LEARNED_PRIOR.deviation * sqrt(2 / seeds)
        shifts = logit(high) - logit(low) + error * norm.ppf((np.arange(20_000) + 0.5) / 20_000)
        reach = t.ppf(1 - arm.difference.level / 2, 2 * (freedom + seeds - 1)) * error
        ends = [1 / (1 + np.exp(-logit(low) - shifts - sign * reach)) - low for sign in (-1, 1)]
        return np.mean((ends[0] > 0) | (ends[1] < 0) | ((ends[0] > -0.005) & (ends[1] < 0.005)))

    assert power(needed) >= 0.8 > power(needed - 1)


def changed(same: Experiment) -> Experiment:
    """Returns the experiment after another training, so that it is not identical to one with the same accuracy."""
    for run in same.runs:
        run.curves["train cross_entropy"] = run.curves["train cross_entropy"] + 1e-9
    return same


def test_suggested_number_of_seeds_keeps_its_promise_in_simulated_reports():
    (arm,) = compared(experiment(1, 0.97), experiment(2, 0.9726))
    random, decided = np.random.default_rng(0), []
    for _ in range(60):
        runs = []
        for number, mean in ((1, 0.97), (2, 0.9726)):
            odds = random.normal(logit(mean), LEARNED_PRIOR.deviation, arm.seeds_needed)
            runs += [
                reported_run(number, Preset(batch_size=number), test_accuracy=1 / (1 + exp(-value)), seed=seed)
                for seed, value in enumerate(odds)
            ]
        decided += verdicts(*find_experiments(runs))
    # More than 80%, because these runs also tell more about the spread over seeds.
    assert 1 - decided.count(Verdict.INCONCLUSIVE) / 60 > 0.75  # the standard error is 0.05


def test_suggested_number_of_seeds_allows_for_presets_with_different_numbers_and_spreads():
    several, single = [0.893] * 8, [0.903]  # the others vary much more with the seed than networks that have learned
    (arm,) = compared(experiment(1, *several), experiment(2, *single))
    assert arm.verdict is Verdict.INCONCLUSIVE

    def power(seeds: int) -> float:
        """Returns the probability that the difference is significant, which is nearly all of the power."""
        spreads = [MEASURED_BEFORE.planned(runs, seeds) for runs in (several, single)]
        error = sqrt(sum(spread.deviation**2 for spread in spreads) / seeds)
        critical = critical_value(*(Mean(0.9, seeds, spread) for spread in spreads), arm.difference.level)
        return norm.sf(critical - (logit(0.903) - logit(0.893)) / error)

    assert power(arm.seeds_needed) > 0.8 > power(arm.seeds_needed - 1)


def test_suggested_number_of_seeds_is_larger_than_the_present_one():
    # In the small gap between both verdicts, the same number of new seeds would probably decide it, but we have those.
    for seeds in range(1, 12):
        (arm,) = compared(experiment(1, *[0.98] * seeds), experiment(2, *[0.9825] * seeds))
        assert arm.seeds_needed is None or arm.seeds_needed > seeds


def test_no_number_of_seeds_is_suggested_for_decided_or_hopeless_comparisons():
    small = [experiment(1, *[0.98] * 9), experiment(2, *[0.9802] * 9)]
    arms = [compared(experiment(1, 0.98), experiment(2, accuracy))[0] for accuracy in (0.9, None, 0.98)]
    arms += [compared(*small)[0], compared(experiment(1, 0.98), failing(2, 0.1))[0]]
    decided = [Verdict.SIGNIFICANT, Verdict.NOT_SCORED, Verdict.IDENTICAL, Verdict.SMALL, Verdict.FAILED]
    assert [(arm.verdict, arm.seeds_needed) for arm in arms] == [(verdict, None) for verdict in decided]
    (hopeless,) = compared(experiment(1, 0.9), experiment(2, 0.9026))
    shift, reach = logit(0.9026) - logit(0.9), t.ppf(0.975, 60) * LEARNED_PRIOR.deviation * sqrt(2 / 30)
    assert shift - reach < 0 and shift + reach > logit(0.905) - logit(0.9)
    assert (hopeless.verdict, hopeless.seeds_needed) == (Verdict.INCONCLUSIVE, None)


def test_every_verdict_has_its_own_text():
    assert set(WORDINGS) == set(Verdict)
    assert len({wording.text for wording in WORDINGS.values()}) == len(Verdict)
