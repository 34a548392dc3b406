"""Collects the content of the report, before any figures or files are created."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_mlp.report.comparisons import single_run_deviation, spread_over_seeds
from mnist_mlp.report.conclusions import Conclusions, conclude
from mnist_mlp.report.evidence import Evidence
from mnist_mlp.report.findings import Finding, find
from mnist_mlp.report.importance import Ranking, rank
from mnist_mlp.report.questions import answers
from mnist_mlp.report.questions.answer import Answer
from mnist_mlp.report.reading import read_evidence
from mnist_mlp.report.statistics import SeedSpread
from mnist_mlp.report.studies import Experiment, find_experiments, find_studies


@dataclass(frozen=True)
class ReportContent:
    """The content of a report.

    Attributes:
        evidence: all runs, with scores and predictions.
        experiments: presets with their runs.
        spread: how much the seed alone changes the test accuracy.
        estimated_seed_deviation: standard deviation over seeds, estimated from single runs of the presets that `spread`
            covers, for comparison with `spread`.
        findings: results of each study.
        ranking: hyperparameters, ranked by importance.
        conclusions: summary of all runs.
        answers: the questions that these runs can answer, with their answers.
    """

    evidence: Evidence
    experiments: list[Experiment]
    spread: SeedSpread
    estimated_seed_deviation: float
    findings: list[Finding]
    ranking: Ranking
    conclusions: Conclusions
    answers: list[Answer]


def gather(runs_dir: Path, info_dir: Path, data_dir: Path) -> ReportContent:
    """Returns the content of the report about the runs in these directories.

    Raises:
        UsageError: a directory or table cannot be read.
        WorkFailed: a run has predictions, but the test images are missing and cannot be downloaded.
    """
    evidence = read_evidence(runs_dir, info_dir, data_dir)
    experiments = find_experiments(evidence.runs)
    spread = spread_over_seeds(experiments)
    findings = [find(study, spread) for study in find_studies(experiments)]
    return ReportContent(
        evidence=evidence,
        experiments=experiments,
        spread=spread,
        estimated_seed_deviation=single_run_deviation(experiments),
        findings=findings,
        ranking=rank(experiments, findings),
        conclusions=conclude(experiments, findings, spread),
        answers=answers(experiments, findings),
    )
