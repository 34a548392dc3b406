"""A question with its answer, and the list of questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnist_mlp.report.findings import Finding
from mnist_mlp.report.panels import Panels
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.tables import DataTable


@dataclass(frozen=True)
class Answer:
    """A question, its answer in sentences, and a table and panels where there are more numbers than sentences hold."""

    question: str
    sentences: list[str]
    table: DataTable | None = None
    panels: Panels | None = None


Question = Callable[[Sequence[Experiment], Sequence[Finding]], Answer | None]
"""Answers a question from the runs, with None if they have no answer."""

PANELS: dict[str, str] = {}
"""The alternative text of the panels of each question, by the name of the figure."""


def panels_name(name: str, alt: str) -> str:
    """Registers the name of a figure that an answer draws, and returns it."""
    PANELS[name] = alt
    return name
