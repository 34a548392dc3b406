"""Tests the conclusions from all runs."""

from __future__ import annotations

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.figures.learning_curve import learning_curve
from tests.report.reported import content_of, painted, reported_run, write_report


def test_best_preset_is_chosen_by_validation_not_test_accuracy():
    runs = [
        reported_run(1, Preset(), (0.5, 0.97, 0.9), test_accuracy=0.95),
        reported_run(2, Preset(dropout=0.5), (0.5, 0.96, 0.9), test_accuracy=0.99),
    ]
    conclusions = content_of(*runs).conclusions
    assert (conclusions.best.label, conclusions.best_run) == ("1", runs[0])
    assert conclusions.sentences[0].startswith(
        "Preset 1 has the highest validation accuracy: 97.00%. Its test accuracy is 95.00% ("
    )


def test_best_preset_is_chosen_by_mean_over_seeds():
    lucky = [reported_run(1, Preset(), (0.5, accuracy, 0.5), seed=seed) for seed, accuracy in enumerate((0.99, 0.95))]
    steady = reported_run(2, Preset(dropout=0.5), (0.5, 0.98, 0.5))
    assert content_of(*lucky, steady).conclusions.best.label == "2"


def test_best_run_is_the_scored_run_with_highest_validation_accuracy():
    validation_and_test = [(0.97, 0.95), (0.96, 0.99), (0.98, None)]
    runs = [
        reported_run(1, Preset(), (0.5, validation, 0.9), test, seed)
        for seed, (validation, test) in enumerate(validation_and_test)
    ]
    content = content_of(*runs)
    assert content.conclusions.best_run is runs[0]
    assert "Preset 1, seed 0." in painted(learning_curve(content)).texts[1].get_text()


def test_best_epoch_is_chosen_by_validation_not_training_accuracy():
    run = reported_run(1, Preset(), (0.5, 0.97, 0.9))  # the training accuracy is highest in the third epoch
    assert painted(learning_curve(content_of(run))).texts[0].get_text() == "Best epoch: 2 of 3"


def test_page_starts_with_test_accuracy_of_best_preset(tmp_path):
    runs = [
        reported_run(1, Preset(), (0.5, 0.97, 0.9), test_accuracy=0.95),
        reported_run(2, Preset(dropout=0.5), (0.5, 0.96, 0.9), test_accuracy=0.99),
    ]
    page = write_report(tmp_path, *runs)
    assert "<b>95.00%</b><span>test accuracy of preset 1, which has the highest validation accuracy</span>" in page
    assert "<h2>The best network: preset 1</h2>" in page


def test_significantly_better_test_accuracy_is_mentioned_but_not_chosen():
    runs = [
        reported_run(number, Preset(dropout=dropout), (0.5, validation, 0.5), test + seed / 1000, seed)
        for number, dropout, validation, test in ((1, 0.0, 0.97, 0.95), (2, 0.5, 0.96, 0.98))
        for seed in range(3)
    ]
    conclusions = content_of(*runs).conclusions
    assert conclusions.best.label == "1"
    assert conclusions.sentences[1] == "On the test set, however, preset 2 is significantly better."
