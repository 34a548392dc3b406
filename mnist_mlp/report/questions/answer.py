"""The type of an answer, and the registry of the answers' figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.panels import Panels
from mnist_mlp.report.tables import DataTable


@dataclass(frozen=True)
class Answer:
    """A question with its answer as sentences and, optionally, a table and a figure of panels."""

    question: str
    sentences: list[str]
    table: DataTable | None = None
    panels: Panels | None = None


Question = Callable[[Sequence[Experiment], Sequence[Finding]], Answer | None]
"""Returns the answer to a question, or None if the runs do not answer it."""

PANELS: set[str] = set()
"""Names of the answers' figures."""


def panels_name(name: str) -> str:
    """Registers the figure of an answer; returns its name."""
    PANELS.add(name)
    return name
