"""Tests the verdicts and sentences of studies."""

from __future__ import annotations

import numpy as np
import pytest
from markupsafe import escape

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from tests.report.helpers import build, make_run, read_sheet, score_runs


@pytest.mark.parametrize(
    ("lost", "shares", "verdict", "text"),
    [
        (2, (0.5, 1, 0.99, 0.99), Verdict.NOT_SIGNIFICANT, "). The difference is not significant."),
        (
            20,
            (0.5, 1, 0.99, 0.99),
            Verdict.SIGNIFICANT_FOR_THIS_PAIR,
            "but smaller than the 5.15 points that different seeds alone could cause (rough estimate)",
        ),
        (
            6000,
            (0.5, 1, 0.99, 0.99),
            Verdict.SIGNIFICANT,
            "and larger than the 12.84 points that different seeds alone",
        ),
        (
            6000,
            (0.5, 1, 0.5, 1),
            Verdict.SIGNIFICANT_FOR_THIS_PAIR,
            "different seeds alone could cause (rough estimate)",
        ),
        (
            6000,
            (0.5, 1),
            Verdict.SIGNIFICANT_FOR_THIS_PAIR,
            "The runs are too short to estimate how much the seed alone changes the accuracy",
        ),
        (0, (0.5, 1, 0.99, 0.99), Verdict.IDENTICAL, "(identical runs)"),
    ],
)
def test_verdict_of_a_study_with_one_seed_each(tmp_path, labels, lost, shares, verdict, text):
    # The last two epochs are equal, so only the variance over images remains:
    # 12.7062 * 2 * sqrt((0.98 * 0.02 + 0.38 * 0.62) / 10000).
    one = make_run(tmp_path, 1, Preset(), 0.98, shares=shares)
    other = make_run(tmp_path, 2, Preset(dropout=0.5), 0.97, shares=shares)
    wrong = np.arange(200)
    scores = {one: (0.98, wrong), other: (0.98 - lost / 10_000, np.arange(200 + lost))}
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (finding,) = report.findings
    assert finding.comparisons[1].verdict == verdict
    assert text in " ".join(finding.sentences)
    assert f"{lost} newly wrong" in " ".join(finding.sentences) or not lost
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(str(escape(sentence)) in page for sentence in finding.sentences)
    (_, row) = read_sheet(tmp_path / "out" / "my_result.xlsx", "Studies")
    assert row["difference"] == pytest.approx(-lost / 10_000)
    assert (row["verdict"], row["statistical test"], row["reference value"]) == (
        WORDINGS[verdict].text,
        "McNemar's test",
        "0",
    )


def test_verdict_over_seeds_and_presets_sheet(tmp_path, labels):
    scores = {}
    for seed, (one, other) in enumerate([(0.981, 0.961), (0.982, 0.962), (0.983, 0.963)]):
        scores[make_run(tmp_path, 1, Preset(), one, seed)] = (one, None)
        scores[make_run(tmp_path, 2, Preset(dropout=0.5), other, seed)] = (other, None)
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (finding,) = report.findings
    assert finding.comparisons[1].verdict == Verdict.SIGNIFICANT
    assert finding.headline == "Dropout 0 \N{RIGHTWARDS ARROW} 0.5: \N{MINUS SIGN}2.0 points (significant)"
    assert (
        "the test accuracy is 2.00 points lower than with dropout = 0 (95% interval \N{MINUS SIGN}2.23 to"
        in finding.sentences[1]
    )
    presets = read_sheet(tmp_path / "out" / "my_result.xlsx", "Presets")
    assert [row["seeds"] for row in presets] == [3, 3]
    assert presets[0]["test accuracy"] == pytest.approx(0.982)
    assert presets[0]["test 95% high"] == pytest.approx(0.982 + 4.302653 * 0.001 / 3**0.5, abs=1e-7)
    assert "6 scored runs have no test_predictions.npz" in report.evidence.notes[0]


@pytest.mark.parametrize(
    ("shares", "verdict", "limit"),
    [
        # a single run may be off by 4.302653 * 0.003, and the mean of three runs by 1 / sqrt(3) of that
        ((0.5, 1, 0.99, 0.99), Verdict.SIGNIFICANT, 4.302653 * 0.003 * (4 / 3) ** 0.5),
        # its accuracy varies more between epochs than the other preset's accuracy does between seeds
        ((0.5, 1, 0.99, 0.9), Verdict.SIGNIFICANT_FOR_THIS_PAIR, None),
    ],
)
def test_verdict_if_one_preset_has_a_single_seed(tmp_path, labels, shares, verdict, limit):
    scores = {make_run(tmp_path, 1, Preset(), 0.98, seed): (0.979 + seed * 0.003, None) for seed in range(3)}
    scores[make_run(tmp_path, 2, Preset(dropout=0.5), 0.95, shares=shares)] = (0.95, None)
    score_runs(tmp_path, scores, labels)
    (finding,) = build(tmp_path).findings
    compared = finding.comparisons[1]
    assert (compared.verdict, compared.is_rough) == (verdict, limit is None)
    if limit:
        assert compared.seed_limit == pytest.approx(limit, abs=1e-7)
