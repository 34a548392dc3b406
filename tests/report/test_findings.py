"""Tests the headlines and sentences of studies, and that the page and the workbook have them."""

from __future__ import annotations

import pytest
from markupsafe import escape

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from mnist_mlp.report.wording import p_value
from tests.report.helpers import build, make_run, read_sheet, score_runs, seed_interval
from tests.report.reported import content_of, reported_run

MINUS, ARROW, SPACE = "\N{MINUS SIGN}", "\N{RIGHTWARDS ARROW}", "\N{NO-BREAK SPACE}"


def finding_of(*accuracies: float | None, seeds: int = 1) -> Finding:
    """Returns the result of a study of dropout with these accuracies; all seeds of a preset have the same accuracy."""
    return _only(content_of(*dropout_runs(*accuracies, seeds=seeds)).findings)


def dropout_runs(*accuracies: float | None, seeds: int = 1) -> list[ReportedRun]:
    return [
        reported_run(number, Preset(dropout=(number - 1) / 10), test_accuracy=accuracy, seed=seed)
        for number, accuracy in enumerate(accuracies, start=1)
        for seed in range(seeds)
    ]


def _only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_significant_difference():
    finding = finding_of(0.98, 0.96)
    assert finding.headline == f"Dropout 0 {ARROW} 0.1: {MINUS}2.0 points"
    difference = finding.comparisons[1].difference
    assert finding.sentences == [
        "With a dropout of 0.1, the test accuracy is 2.00 points lower than without dropout (95% interval "
        f"{MINUS}{-difference.low * 100:.2f} to {MINUS}{-difference.high * 100:.2f}; {p_value(difference.p)}). "
        "The difference is significant."
    ]
    assert finding.is_finding
    assert "2.00 points higher than without dropout (" in finding_of(0.96, 0.98).sentences[0]


def test_inconclusive_difference():
    finding = finding_of(0.98, 0.983)
    assert finding.headline == "Dropout: inconclusive, more seeds needed"
    p = finding.comparisons[1].difference.p
    assert (
        f"; p{SPACE}={SPACE}{p:.2g}). The comparison is inconclusive. About 3 seeds of each will probably decide it."
        in finding.sentences[0]
    )
    assert finding_of(0.9, 0.9026).sentences[0].endswith("The comparison is inconclusive. More seeds are needed.")
    assert not finding.is_finding


def test_small_difference():
    finding = finding_of(0.98, 0.9801, seeds=9)
    assert finding.headline == "Dropout: less than 0.5 points"
    assert finding.sentences[0].endswith("If there is a difference, it is less than 0.5 points.")


def test_equal_accuracies_of_different_networks():
    runs = dropout_runs(0.98, 0.98)
    runs[1].curves["train cross_entropy"] = runs[1].curves["train cross_entropy"] / 2
    finding = _only(content_of(*runs).findings)
    start, _, end = finding.sentences[0].partition(" (")
    assert start == "With a dropout of 0.1, the test accuracy is the same as without dropout"
    assert f"; p{SPACE}>{SPACE}0.99). " in end


def test_identical_networks():
    finding = finding_of(0.98, 0.98)
    assert (finding.headline, finding.sentences) == (
        "Dropout: identical runs",
        ["Identical to the reference: 0.1."],
    )


def test_unscored_values():
    finding = finding_of(None, None)
    assert finding.headline == "Dropout: not scored on the test set yet"
    assert finding.sentences == ["Not scored on the test set yet: 0 and 0.1. Run MNIST_eval.py."]
    assert finding_of(0.98, 0.9, None).sentences[-1] == "Not scored on the test set yet: 0.2. Run MNIST_eval.py."
    finding = finding_of(None, 0.98, 0.97)  # the reference
    assert finding.headline == "Dropout: not scored on the test set yet"
    assert finding.sentences == ["Not scored on the test set yet: 0. Run MNIST_eval.py."]


def test_all_values_are_listed_by_verdict_with_the_largest_difference_first():
    finding = finding_of(0.98, 0.95, 0.93, 0.982, 0.98, None)
    assert finding.headline == f"Dropout 0 {ARROW} 0.2: {MINUS}5.0 points"
    first, *others = finding.sentences
    assert first.startswith(
        "The difference is largest with a dropout of 0.2: the test accuracy is 5.00 points lower than"
    )
    assert others == [
        f"Also significant: 0.1 ({MINUS}3.00).",
        "Inconclusive: 0.3 (+0.20).",
        "Identical to the reference: 0.4.",
        "Not scored on the test set yet: 0.5. Run MNIST_eval.py.",
    ]


def failing_runs(*accuracies: float, seeds: int = 1) -> list[ReportedRun]:
    """Returns runs like `dropout_runs`. Their validation accuracies are the same as their test accuracies."""
    runs = dropout_runs(*accuracies, seeds=seeds)
    for run in runs:
        run.record.epochs[run.record.best_epoch - 1]["validation"]["accuracy"] = run.test_accuracy
    return runs


def test_failed_value():
    finding = _only(content_of(*failing_runs(0.98, 0.96, 0.11)).findings)
    assert (finding.verdict, finding.is_finding) == (Verdict.FAILED, True)
    assert finding.headline == "Dropout: training fails with a dropout of 0.2"
    first, second = finding.sentences
    assert first == "Training failed with a dropout of 0.2: these networks are hardly better than guessing."
    assert second.startswith("With a dropout of 0.1, the test accuracy is 2.00 points lower than without dropout (")
    assert [item.arm.label for item in finding.failed] == ["3"]
    assert [item.arm.label for item in finding.compared] == ["2"]


def test_value_that_fails_with_one_of_several_seeds():
    runs = failing_runs(0.98, 0.98, seeds=3)
    runs[-1].record.epochs[1]["validation"]["accuracy"] = runs[-1].test_accuracy = 0.1
    finding = _only(content_of(*runs).findings)
    assert finding.sentences == [
        "Training failed with a dropout of 0.1 (1 of 3 seeds): these networks are hardly better than guessing."
    ]
    assert (finding.comparisons[1].amount, finding.comparisons[1].arm.interval) == (
        pytest.approx((0.98 * 2 + 0.1) / 3 - 0.98),
        None,
    )


def test_failed_reference():
    finding = _only(content_of(*failing_runs(0.11, 0.1)).findings)
    assert finding.headline == "Dropout: training fails with all values tried"
    assert finding.sentences == [
        "Training failed without dropout and with a dropout of 0.1: these networks are hardly better than guessing."
    ]
    assert [item.verdict for item in finding.comparisons] == [Verdict.REFERENCE, Verdict.FAILED]


def test_all_values_with_which_training_fails_are_in_the_headline():
    finding = _only(content_of(*failing_runs(0.98, 0.19, 0.1, 0.15)).findings)
    assert finding.headline == "Dropout: training fails with 0.1, 0.2, and 0.3"


def test_significant_difference_comes_before_a_larger_inconclusive_one():
    # Networks below 90% vary far more with the seed. Several seeds of the others decide the smaller difference.
    runs = [
        *dropout_runs(0.91, 0.925, seeds=4),
        reported_run(9, Preset(dropout=0.9), test_accuracy=0.885),
    ]
    finding = _only(content_of(*runs).findings)
    assert {item.arm.label: item.verdict for item in finding.compared} == {
        "2": Verdict.SIGNIFICANT,
        "9": Verdict.INCONCLUSIVE,
    }
    assert finding.headline == f"Dropout 0 {ARROW} 0.1: +1.5 points"


def test_studies_are_sorted_by_significance_and_then_by_size():
    changes = {
        2: ({"dropout": 0.5}, 0.95),
        3: ({"epochs": 50}, 0.983),
        4: ({"deskew": True}, 0.99),
        5: ({"activation": "gelu"}, 0.9801),
        6: ({"standardize": True}, None),
    }
    runs = [reported_run(1, Preset(), test_accuracy=0.98)]
    runs += [reported_run(number, Preset(**change), test_accuracy=test) for number, (change, test) in changes.items()]
    findings = content_of(*runs).findings
    assert [finding.study.field for finding in findings] == ["dropout", "deskew", "epochs", "activation", "standardize"]
    assert [finding.is_finding for finding in findings] == [True, True, False, False, False]


def test_only_significant_differences_count_for_the_order_of_significant_studies():
    mixed = [*dropout_runs(0.91, 0.925, seeds=4), reported_run(9, Preset(dropout=0.9), test_accuracy=0.885)]
    base = Preset(activation="gelu", batch_size=50)
    clear = [
        reported_run(number, base.but(epochs=number), test_accuracy=test, seed=seed)
        for number, test in ((20, 0.96), (30, 0.98))
        for seed in range(4)
    ]
    bad = base.but(normalization="batch", epochs=7)
    undecided = [
        reported_run(40, bad, test_accuracy=0.85),
        reported_run(50, bad.but(warmup=0.5), test_accuracy=0.82),
    ]
    findings = content_of(*undecided, *mixed, *clear).findings
    assert [finding.study.field for finding in findings] == ["epochs", "dropout", "warmup"]
    largest = [max(abs(item.difference.amount) for item in finding.compared) for finding in findings]
    assert largest == pytest.approx([0.02, 0.025, 0.03])  # the last two are inconclusive


@pytest.mark.parametrize(
    ("other", "seeds", "verdict"),
    [
        (0.96, 1, Verdict.SIGNIFICANT),
        (0.983, 1, Verdict.INCONCLUSIVE),
        (0.9802, 9, Verdict.SMALL),
        (0.98, 1, Verdict.IDENTICAL),
        (0.1135, 1, Verdict.FAILED),
    ],
)
def test_page_and_workbook_have_the_result(tmp_path, labels, other, seeds, verdict):
    scores = {}
    for number, (dropout, accuracy) in enumerate(((0.0, 0.98), (0.5, other)), start=1):
        for seed in range(seeds):
            validation = 0.98 if accuracy > 0.9 else accuracy
            scores[make_run(tmp_path, number, Preset(dropout=dropout), validation, seed)] = (accuracy, None)
    score_runs(tmp_path, scores, labels)
    finding = _only(build(tmp_path).findings)
    assert finding.comparisons[1].verdict is verdict
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(str(escape(sentence)) in page for sentence in finding.sentences)
    _, row = read_sheet(tmp_path / "out" / "my_result.xlsx", "Studies")
    difference = None if verdict in (Verdict.IDENTICAL, Verdict.FAILED) else pytest.approx(other - 0.98)
    assert (row["verdict"], row["difference"]) == (WORDINGS[verdict].text, difference)
    assert row["reference value"] == (None if verdict is Verdict.IDENTICAL else "0")


def test_presets_sheet_has_means_and_intervals_over_seeds(tmp_path, labels):
    scores = {make_run(tmp_path, 1, Preset(), 0.98, seed): (0.981 + seed / 1000, None) for seed in range(3)}
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (row,) = read_sheet(tmp_path / "out" / "my_result.xlsx", "Presets")
    low, high = seed_interval([0.981, 0.982, 0.983], repeated=[0.981, 0.982, 0.983])
    assert (row["seeds"], row["test accuracy"]) == (3, pytest.approx(0.982))
    assert (row["test 95% low (over seeds)"], row["test 95% high (over seeds)"]) == pytest.approx((low, high))
    assert "3 scored runs have no test_predictions.npz" in report.evidence.notes[0]
