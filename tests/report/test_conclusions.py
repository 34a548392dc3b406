"""Tests the conclusions from all runs: the best preset, its rivals, and the ranking."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.conclusions import Ranking
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import find_experiments
from mnist_mlp.report.figures.learning_curve import learning_curve
from tests.report.helpers import preset_spread
from tests.report.reported import content_of, reported_run

TOO_CLOSE = "cannot be told apart from it by test accuracy."


def run(number: int, validation: float, test: float | None = None, seed: int = 1602) -> ReportedRun:
    """Returns a run of a preset whose batch size is its number."""
    return reported_run(number, Preset(batch_size=number), (0.1, validation, 0.1), test, seed)


def runs_of(number: int, *validation: float, test: float | None = None) -> list[ReportedRun]:
    """Returns runs of the same preset with the seeds 0, 1, ..."""
    return [run(number, accuracy, test, seed) for seed, accuracy in enumerate(validation)]


def sentences(*runs: ReportedRun) -> list[str]:
    return content_of(*runs).conclusions.sentences


def test_best_preset_is_chosen_by_validation_not_test_accuracy():
    runs = [run(1, 0.97, 0.95), run(2, 0.96, 0.99)]
    conclusions = content_of(*runs).conclusions
    assert (conclusions.best.label, conclusions.best_run) == ("1", runs[0])
    assert conclusions.sentences[0].startswith(
        "Preset 1 has the highest validation accuracy of 2 presets: 97.00% with one seed. Its test accuracy is 95.00% "
        "(95% interval over seeds: 94."
    )


def test_best_preset_is_chosen_by_mean_over_seeds():
    conclusions = content_of(*runs_of(1, 0.99, 0.95), *runs_of(2, 0.98, 0.98)).conclusions
    assert conclusions.best.label == "2"
    assert "of 2 presets: 98.00% (mean of 2 seeds). It has not been scored" in conclusions.sentences[0]


def test_best_run_is_the_scored_run_with_highest_validation_accuracy():
    runs = [run(1, *accuracies, seed) for seed, accuracies in enumerate([(0.97, 0.95), (0.96, 0.99), (0.98, None)])]
    content = content_of(*runs)
    assert content.conclusions.best_run is runs[0]
    assert "Preset 1, seed 0." in learning_curve(content).subtitle


def test_best_epoch_is_chosen_by_validation_not_training_accuracy():
    best = reported_run(1, Preset(), (0.5, 0.97, 0.9))  # the training accuracy is highest in the third epoch
    assert learning_curve(content_of(best)).headline == "Best epoch: 2 of 3"


def test_report_without_completed_runs_has_no_best_preset():
    fit = reported_run(1, Preset(final_fit=True), test_accuracy=0.99)
    for runs in ([], [fit]):
        conclusions = content_of(*runs).conclusions
        assert (conclusions.best, conclusions.best_run, conclusions.answer, conclusions.next_steps) == (
            None,
            None,
            [],
            [],
        )
        assert conclusions.sentences == [
            "There is nothing to compare yet: no run has finished (final fits are not compared)."
        ]


def test_single_preset_is_described_without_a_ranking():
    (sentence,) = sentences(run(1, 0.97, 0.96))
    assert sentence.startswith("Preset 1 has a validation accuracy of 97.00%. Its test accuracy is 96.00% (")


@pytest.mark.parametrize(
    ("seeds", "counted", "unranked"),
    [
        ({1: 1, 2: 1, 3: 1}, 1, []),
        ({1: 3, 2: 1, 3: 1}, 3, ["2", "3"]),  # one of three is a third
        ({1: 3, 2: 1, 3: 1, 4: 1}, 1, []),
        ({1: 5, 2: 4, 3: 2, 4: 1}, 4, ["3", "4"]),
        ({1: 5, 2: 4, 3: 3, 4: 2, 5: 1, 6: 1, 7: 1}, 3, ["4", "5", "6", "7"]),  # two of seven are less than a third
        ({1: 4, 2: 1}, 4, ["2"]),
    ],
)
def test_ranking_uses_the_largest_number_of_seeds_that_a_third_of_the_presets_have(seeds, counted, unranked):
    runs = [run for number, count in seeds.items() for run in runs_of(number, *[0.97] * count)]
    ranking = Ranking.of(find_experiments(runs))
    assert (ranking.seeds, [experiment.label for experiment in ranking.unranked]) == (counted, unranked)
    assert len(ranking.ranked) == len(seeds) - len(unranked)


def test_of_presets_with_more_seeds_only_the_first_ones_count():
    lucky_later = runs_of(1, 0.96, 0.97, 0.999)[::-1]  # trained in another order
    others = [*runs_of(2, 0.98, 0.97), *runs_of(3, 0.5, 0.5), *runs_of(4, 0.4, 0.4)]
    ranking = Ranking.of(find_experiments([*lucky_later, *others]))
    assert (ranking.seeds, [experiment.label for experiment in ranking.ranked]) == (2, ["2", "1", "3", "4"])
    assert [ranking.validation_accuracy(one) for one in ranking.ranked] == pytest.approx([0.975, 0.965, 0.5, 0.4])


def test_ranked_presets_are_compared_with_the_best_one():
    ranking = Ranking.of(find_experiments([*runs_of(1, 0.97, 0.96), *runs_of(2, 0.98, 0.97), *runs_of(3, 0.99)]))
    assert [(one.label, other.label) for one, other in ranking.pairs] == [("1", "2")]


def test_test_accuracy_over_more_seeds_than_the_ranking_is_marked():
    others = [run for number in (2, 3, 4) for run in runs_of(number, 0.9, 0.9)]  # so the ranking is over two seeds
    two, three = (sentences(*runs_of(1, *[0.97] * seeds, test=0.98), *others)[0] for seeds in (2, 3))
    start = "97.00% (mean of 2 seeds). Its test accuracy is 98.00% (95% interval over seeds: "
    assert start in two and start in three
    assert (two.count("mean of"), three.endswith(", mean of 3 seeds).")) == (1, True)


@pytest.mark.parametrize(("validation", "failed"), [((0.11,), "1 of 1 seed"), ((0.9, 0.1, 0.9), "1 of 3 seeds")])
def test_failure_of_the_best_preset_is_not_hidden(validation, failed):
    (sentence,) = sentences(*runs_of(1, *validation, test=0.6))
    assert sentence.startswith("Preset 1 has a validation accuracy of ")
    assert sentence.endswith(f". Training failed with {failed}.")


def test_presets_with_fewer_seeds_are_not_ranked_even_if_they_are_better():
    content = content_of(*runs_of(1, 0.97, 0.97), *runs_of(2, 0.96, 0.96), *runs_of(3, 0.99), *runs_of(4, 0.5))
    assert content.conclusions.best.label == "1"
    assert content.conclusions.sentences[0].startswith("Preset 1 has the highest validation accuracy of 2 presets")
    assert content.conclusions.sentences[-1] == "2 presets with fewer than 2 seeds are not ranked."
    assert sentences(*runs_of(1, 0.97, 0.97), *runs_of(2, 0.99))[-1] == (
        "1 preset with fewer than 2 seeds is not ranked."
    )


def test_presets_within_the_reach_of_seeds_are_too_close():
    # In 5% of cases, the log odds of two single runs of equal presets differ by more than this.
    deviation, freedom = preset_spread([0.98])
    draws = np.random.default_rng(1).standard_t(freedom, (2, 10**6))
    reach = deviation * np.quantile(np.abs(draws[0] - draws[1]), 0.95)

    def rival(share: float) -> list[str]:
        """Returns the sentences about a rival whose log odds differ from those of 98% by a share of this."""
        test = 1 / (1 + exp(-log(0.98 / 0.02) - share * reach))
        return sentences(run(1, 0.97, 0.98), run(2, 0.96, test))[1:]

    assert rival(0.95) == rival(-0.95) == [f"1 other preset (2) {TOO_CLOSE}"]
    assert rival(1.05) == rival(-1.05) == []


def test_rivals_are_tested_together():
    tests = {2: 0.9843, 3: 0.9748, 4: 0.979, 5: 0.981}
    alone = [sentences(run(1, 0.97, 0.98), run(number, 0.96, test))[1:] for number, test in tests.items()]
    assert alone.count([]) == 2
    together = sentences(run(1, 0.97, 0.98), *(run(number, 0.96, test) for number, test in tests.items()))[1:]
    assert together == [f"4 other presets (2, 3, 4, and 5) {TOO_CLOSE}"]


def test_failed_presets_are_not_rivals():
    assert sentences(run(1, 0.97, 0.98), run(2, 0.15, 0.98))[1:] == []


def test_more_seeds_tell_more_presets_apart():
    def pair(count: int) -> list[ReportedRun]:
        return [*runs_of(1, *[0.97] * count, test=0.98), *runs_of(2, *[0.96] * count, test=0.977)]

    assert sentences(*pair(1))[1:] == [f"1 other preset (2) {TOO_CLOSE}"]
    assert sentences(*pair(4))[1:] == []


def test_many_rivals_are_counted_but_not_named():
    runs = [run(number, 0.97 - number / 10_000, 0.98 - number / 100_000) for number in range(1, 9)]
    assert sentences(*runs)[1:] == [f"7 other presets {TOO_CLOSE}"]


def test_unscored_presets_are_not_rivals():
    assert sentences(run(1, 0.97, 0.98), run(2, 0.96))[1:] == []
    (sentence,) = sentences(run(1, 0.97), run(2, 0.96, 0.98))
    assert sentence.endswith("97.00% with one seed. It has not been scored on the test set yet; run MNIST_eval.py.")


def test_presets_with_equal_extreme_accuracies_are_too_close():
    for accuracy in (0.0, 1.0):
        assert sentences(run(1, 0.97, accuracy), run(2, 0.96, accuracy))[1:] == [f"1 other preset (2) {TOO_CLOSE}"]


def test_better_test_accuracy_does_not_change_the_choice():
    conclusions = content_of(run(1, 0.97, 0.95), run(2, 0.96, 0.98)).conclusions
    assert (conclusions.best.label, len(conclusions.sentences)) == ("1", 1)
    assert conclusions.answer[0].startswith("Safe choices in these runs: batch size 2.")
    assert conclusions.answer[1] == "If you only need a good network, use preset 1: its test accuracy is 95.00%."
