"""Everything that the report says, before it is drawn and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_mlp.report.comparisons import deviation_by_stand_in, spread_over_seeds
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
        evidence: what it is based on.
        experiments: the presets with their runs.
        spread: how much the seed alone changes the accuracy.
        by_stand_in: the deviation of the stand-in for the presets that `spread` is pooled over.
        findings: of each study.
        ranking: of the hyperparameters.
        conclusions: from everything together.
        answers: to the questions that the runs can answer.
    """

    evidence: Evidence
    experiments: list[Experiment]
    spread: SeedSpread
    by_stand_in: float
    findings: list[Finding]
    ranking: Ranking
    conclusions: Conclusions
    answers: list[Answer]


def gather(runs_dir: Path, info_dir: Path, data_dir: Path) -> ReportContent:
    """Returns the content of the report on these folders.

    Raises:
        UsageError: a folder or table cannot be read.
        WorkFailed: the test images are missing and a run has predictions.
    """
    evidence = read_evidence(runs_dir, info_dir, data_dir)
    experiments = find_experiments(evidence.runs)
    spread = spread_over_seeds(experiments)
    findings = [find(study, spread) for study in find_studies(experiments)]
    return ReportContent(
        evidence=evidence,
        experiments=experiments,
        spread=spread,
        by_stand_in=deviation_by_stand_in(experiments),
        findings=findings,
        ranking=rank(experiments, findings),
        conclusions=conclude(experiments, findings, spread),
        answers=answers(experiments, findings),
    )
