"""Collects the content of the report, before any figures or files are created."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_mlp.evaluation.seed_spread import MEASURED_BEFORE, SpreadOverSeeds
from mnist_mlp.report.comparisons import compare_all
from mnist_mlp.report.conclusions import Conclusions, Ranking, conclude
from mnist_mlp.report.effects import Importance, importances
from mnist_mlp.report.evidence import Evidence
from mnist_mlp.report.experiments import Experiment, find_experiments
from mnist_mlp.report.findings import Finding, find_all, pairs_of
from mnist_mlp.report.next_steps import Trainer
from mnist_mlp.report.questions import answers
from mnist_mlp.report.questions.answer import Answer
from mnist_mlp.report.reading import read_evidence
from mnist_mlp.report.studies import find_studies


@dataclass(frozen=True)
class ReportContent:
    """The content of a report.

    Attributes:
        evidence: all runs, with scores and predictions.
        experiments: presets with their runs.
        findings: results of each study: significant ones first, by the size of their largest difference.
        tested: number of differences that are tested together: those in studies, and those from the best preset.
        importances: hyperparameters, significant ones first, by the size of their largest effect.
        conclusions: summary of all runs.
        answers: the questions that these runs can answer, with their answers.
        train: the command that trains presets into the reported directories.
    """

    evidence: Evidence
    experiments: list[Experiment]
    findings: list[Finding]
    tested: int
    importances: list[Importance]
    conclusions: Conclusions
    answers: list[Answer]
    train: str

    @property
    def spread(self) -> SpreadOverSeeds:
        """How much the seed alone changes the test accuracy."""
        return self.experiments[0].spread if self.experiments else MEASURED_BEFORE


def gather(runs_dir: Path, info_dir: Path, data_dir: Path, trainer: Trainer) -> ReportContent:
    """Returns the content of the report about the runs in these directories.

    Args:
        trainer: writes the commands that the report suggests.

    Raises:
        UsageError: a directory or table cannot be read.
        WorkFailed: a run has predictions, but the test images are missing and cannot be downloaded.
    """
    evidence = read_evidence(runs_dir, info_dir, data_dir)
    experiments = find_experiments(evidence.runs)
    studies = find_studies(experiments)
    ranking = Ranking.of(experiments) if experiments else None
    compared = compare_all([*pairs_of(studies), *(ranking.pairs if ranking else [])])
    findings = find_all(studies, compared)
    return ReportContent(
        evidence=evidence,
        experiments=experiments,
        findings=findings,
        tested=sum(comparison.difference is not None for comparison in compared.values()),
        importances=importances(findings),
        conclusions=conclude(experiments, ranking, findings, compared, trainer),
        answers=answers(experiments, findings),
        train=trainer.command,
    )
