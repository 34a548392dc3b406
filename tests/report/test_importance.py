"""Tests the ranking of hyperparameters."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.ped_anova import importance_shares
from tests.helpers import folders
from tests.report.helpers import build, make_run, score_runs
from tests.report.reported import content_of, reported_run

# The best quarter has one value of `learning_rate` and the worst quarter one value of `dropout`.
ACCURACIES = [0.99, 0.98, 0.97, 0.96, 0.60, 0.62, 0.64, 0.66, 0.05, 0.04, 0.03, 0.02]
LEARNING_RATES = [0.001] * 4 + [0.01, 0.1] * 4
DROPOUTS = [0.0, 0.2] * 4 + [0.8] * 4


def test_ped_anova_separates_the_best_presets_not_the_worst():
    varied = {"learning_rate": LEARNING_RATES, "dropout": DROPOUTS}
    shares = importance_shares(varied, ACCURACIES)
    assert shares["learning_rate"].value > shares["dropout"].value
    assert sum(share.value for share in shares.values()) == pytest.approx(1)
    assert all(0 <= share.low <= share.high <= 1 for share in shares.values())
    reversed_shares = importance_shares(varied, [1 - accuracy for accuracy in ACCURACIES])
    assert reversed_shares["dropout"].value > reversed_shares["learning_rate"].value


def test_ranking_has_largest_effect_overall_and_among_presets_that_learn():
    ranking = content_of(
        reported_run(1, Preset(), test_accuracy=0.98),
        reported_run(2, Preset(learning_rate=0.1), test_accuracy=0.3),
        reported_run(3, Preset(learning_rate=0.01), test_accuracy=0.975),
        reported_run(4, Preset(dropout=0.5), test_accuracy=0.95),
    ).ranking
    first, second = ranking.fields
    assert (first.field, first.values, second.field, second.values) == ("learning_rate", 3, "dropout", 2)
    assert (first.largest.amount, first.largest_working.amount) == pytest.approx((-0.68, -0.005))
    assert first.largest.change == "0.001 \N{RIGHTWARDS ARROW} 0.1"
    assert first.largest_working.change == "0.001 \N{RIGHTWARDS ARROW} 0.01"
    assert (first.compared, second.compared) == (2, 1)
    assert (first.share, second.share) == (None, None)
    assert "4 presets are too few for PED-ANOVA" in ranking.warning
    assert ranking.sentences[1].startswith(
        "If both values reach a test accuracy of 90%, dropout has the largest effect"
    )


def test_optuna_is_imported_only_when_needed(script):
    code = "import sys, mnist_mlp.report.importance, mnist_mlp.report.ped_anova; assert 'optuna' not in sys.modules"
    assert script("-c", code).returncode == 0


def test_ranking_is_empty_for_one_preset():
    ranking = content_of(reported_run(1, Preset())).ranking
    assert (ranking.fields, ranking.sentences) == ([], [])
    assert "nothing to rank" in ranking.warning


def test_page_shows_ranking_and_warns_about_too_few_presets(tmp_path, labels):
    scores = {}
    base = Preset()
    changes = [dict(dropout=d, learning_rate=r) for d in (0.0, 0.2, 0.5) for r in (0.0001, 0.001, 0.01)]
    for number, change in enumerate(changes, start=1):
        accuracy = {0.0001: 0.96, 0.001: 0.98, 0.01: 0.9}[change["learning_rate"]] - change["dropout"] / 1000
        scores[make_run(tmp_path, number, base.but(**change), accuracy)] = (accuracy, None)
    score_runs(tmp_path, scores, labels)
    build(tmp_path)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Too few presets for a reliable PED-ANOVA ranking: 2 hyperparameters vary" in page
    assert (tmp_path / "out" / "importance.png").exists()
    assert page.index(">learning rate</td><td>3") < page.index(">dropout</td><td>3")


def test_no_warning_if_half_of_the_presets_learn_nothing(tmp_path, labels, script):
    accuracies = [0.95, 0.96, 0.97, 0.98, *[0.098] * 4]
    changes = [dict(dropout=d, learning_rate=r) for r in (0.001, 10.0) for d in (0.0, 0.1, 0.2, 0.3)]
    runs = [
        make_run(tmp_path, number, Preset().but(**change), accuracy)
        for number, (change, accuracy) in enumerate(zip(changes, accuracies, strict=True), start=1)
    ]
    score_runs(tmp_path, {run: (accuracy, None) for run, accuracy in zip(runs, accuracies, strict=True)}, labels)
    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out")
    assert (process.returncode, process.stderr) == (0, "")
