"""Figures: the best run's confusion matrix and most confident mistakes on the test images."""

from __future__ import annotations

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.drawing.style import Picture
from mnist_mlp.evaluation.mistakes import confident_mistakes, confusion_matrix
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.figures.registry import Section, figure


@figure(
    "confusion_matrix",
    section=Section.BEST,
    is_in_text=True,
)
def confusion(content: ReportContent) -> Picture | None:
    """Returns the confusion matrix, or None if there are no predictions."""
    run = _best_run_with_predictions(content)
    return confusion_matrix(run.predictions, content.evidence.test_labels, _network(run)) if run else None


@figure(
    "mistakes",
    section=Section.BEST,
    is_in_text=True,
)
def mistakes(content: ReportContent) -> Picture | None:
    """Returns the most confident mistakes, or None if there are no predictions or no mistakes."""
    run = _best_run_with_predictions(content)
    if not run:
        return None
    test = LabeledImages(content.evidence.test_pixels, content.evidence.test_labels)
    return confident_mistakes(run.predictions, test, _network(run))


def _best_run_with_predictions(content: ReportContent) -> ReportedRun | None:
    run = content.conclusions.best_run
    return run if run and run.predictions else None


def _network(run: ReportedRun) -> str:
    return f"Preset {run.record.preset_name}, best run by validation accuracy"
