"""Verdicts and sentences of studies."""

from __future__ import annotations

import numpy as np
import pytest
from markupsafe import escape

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from tests.report.helpers import build, make_run, read_sheet, score_runs


@pytest.mark.parametrize(
    ("lost", "course", "verdict", "said"),
    [
        (2, (0.5, 1, 0.99, 0.99), Verdict.NOT_SIGNIFICANT, "): not significant."),
        (
            20,
            (0.5, 1, 0.99, 0.99),
            Verdict.SIGNIFICANT_FOR_THIS_PAIR,
            "but less than the 5.15 points that another seed may make by a rough",
        ),
        (6000, (0.5, 1, 0.99, 0.99), Verdict.SIGNIFICANT, "and more than the 12.84 points that another seed may make"),
        (6000, (0.5, 1, 0.5, 1), Verdict.SIGNIFICANT_FOR_THIS_PAIR, "another seed may make by a rough estimate"),
        (
            6000,
            (0.5, 1),
            Verdict.SIGNIFICANT_FOR_THIS_PAIR,
            "so short a training does not show what the seed alone does",
        ),
        (0, (0.5, 1, 0.99, 0.99), Verdict.IDENTICAL, "it is the same network"),
    ],
)
def test_verdict_of_a_study_with_one_seed_each(tmp_path, labels, lost, course, verdict, said):
    # Two late epochs alike leave the chance of 10,000 images: 12.7062 * 2 * sqrt((0.98 * 0.02 + 0.38 * 0.62) / 10000).
    one = make_run(tmp_path, 1, Preset(), 0.98, course=course)
    other = make_run(tmp_path, 2, Preset(dropout=0.5), 0.97, course=course)
    wrong = np.arange(200)
    scores = {one: (0.98, wrong), other: (0.98 - lost / 10_000, np.arange(200 + lost))}
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (finding,) = report.findings
    assert finding.comparisons[1].verdict == verdict
    assert said in " ".join(finding.sentences)
    assert f"{lost} lost" in " ".join(finding.sentences) or not lost
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(str(escape(sentence)) in page for sentence in finding.sentences)
    (_, row) = read_sheet(tmp_path / "out" / "my_result.xlsx", "Studies")
    assert row["difference"] == pytest.approx(-lost / 10_000)
    assert (row["verdict"], row["test"], row["against"]) == (WORDINGS[verdict].text, "McNemar", "0")


def test_verdict_over_seeds_and_spread(tmp_path, labels):
    scores = {}
    for seed, (one, other) in enumerate([(0.981, 0.961), (0.982, 0.962), (0.983, 0.963)]):
        scores[make_run(tmp_path, 1, Preset(), one, seed)] = (one, None)
        scores[make_run(tmp_path, 2, Preset(dropout=0.5), other, seed)] = (other, None)
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (finding,) = report.findings
    assert finding.comparisons[1].verdict == Verdict.SIGNIFICANT
    assert finding.headline == "Dropout 0.5 costs 2.0 points"
    assert (
        "the accuracy is 2.00 points worse than with dropout 0 (95% interval \N{MINUS SIGN}2.23 to"
        in finding.sentences[1]
    )
    presets = read_sheet(tmp_path / "out" / "my_result.xlsx", "Presets")
    assert [row["seeds"] for row in presets] == [3, 3]
    assert presets[0]["test accuracy"] == pytest.approx(0.982)
    assert presets[0]["test high"] == pytest.approx(0.982 + 4.302653 * 0.001 / 3**0.5, abs=1e-7)
    assert "6 scored runs have no test_predictions.npz" in report.evidence.notes[0]


@pytest.mark.parametrize(
    ("course", "verdict", "limit"),
    [
        # reach of a single run: 4.302653 * 0.003, of a mean of three the root of a third of it
        ((0.5, 1, 0.99, 0.99), Verdict.SIGNIFICANT, 4.302653 * 0.003 * (4 / 3) ** 0.5),
        (
            (0.5, 1, 0.99, 0.9),
            Verdict.SIGNIFICANT_FOR_THIS_PAIR,
            None,
        ),  # its own epochs differ by more than the seeds of the other
    ],
)
def test_verdict_where_one_preset_has_a_single_seed(tmp_path, labels, course, verdict, limit):
    scores = {make_run(tmp_path, 1, Preset(), 0.98, seed): (0.979 + seed * 0.003, None) for seed in range(3)}
    scores[make_run(tmp_path, 2, Preset(dropout=0.5), 0.95, course=course)] = (0.95, None)
    score_runs(tmp_path, scores, labels)
    (finding,) = build(tmp_path).findings
    compared = finding.comparisons[1]
    assert (compared.verdict, compared.is_rough) == (verdict, limit is None)
    if limit:
        assert compared.seed_limit == pytest.approx(limit, abs=1e-7)
