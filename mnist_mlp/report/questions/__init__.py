"""Questions that the report answers from the run records, one module per question."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.questions.answer import Answer, Question
from mnist_mlp.report.questions.cumulative_weight_decay import cumulative_weight_decay
from mnist_mlp.report.questions.failures import failures
from mnist_mlp.report.questions.optimizer import optimizer
from mnist_mlp.report.questions.weight_decay import weight_decay
from mnist_mlp.report.questions.weight_initialization import weight_initialization

QUESTIONS: tuple[Question, ...] = (
    cumulative_weight_decay,
    weight_initialization,
    optimizer,
    weight_decay,
    failures,
)


def answers(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> list[Answer]:
    """Returns the answers that these runs can give, in the order of the questions."""
    given = (question(experiments, findings) for question in QUESTIONS)
    return [answer for answer in given if answer]
