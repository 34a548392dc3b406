"""The report as one self-contained page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnist_mlp.files import write_text_atomically
from mnist_mlp.report.conclusions import Conclusions
from mnist_mlp.report.data_tables import Cell, DataTable, Kind, shown, unvalidated_table
from mnist_mlp.report.evidence import Evidence
from mnist_mlp.report.findings import (
    BEYOND_CHANCE,
    CHANCE,
    IDENTICAL,
    NOT_SCORED,
    REFERENCE,
    THESE_NETWORKS,
    Finding,
    format_p,
)
from mnist_mlp.report.importance import Ranking
from mnist_mlp.report.questions import Answer
from mnist_mlp.report.statistics import SeedSpread
from mnist_mlp.report.studies import name_of

VERDICT_CLASSES = {
    BEYOND_CHANCE: "beyond",
    THESE_NETWORKS: "networks",
    CHANCE: "chance",
    IDENTICAL: "chance",
    REFERENCE: "reference",
    NOT_SCORED: "chance",
}


@dataclass(frozen=True)
class PageContent:
    """Everything that the page shows.

    Attributes:
        by_stand_in: the deviation that the stand-in says where `spread` has a measured one.
        figures: the SVG of each figure by its name.
        tables: by name, `Table`, `Presets` and `Studies`.
    """

    evidence: Evidence
    conclusions: Conclusions
    findings: Sequence[Finding]
    ranking: Ranking
    answers: Sequence[Answer]
    spread: SeedSpread
    by_stand_in: float
    figures: Mapping[str, bytes]
    tables: Mapping[str, DataTable]


def write_page(content: PageContent, path: Path) -> None:
    """Writes the page: figures and scripts inside, nothing to fetch."""
    environment = Environment(
        loader=PackageLoader("mnist_mlp.report", ""),
        autoescape=True,  # a folder's name may hold HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    runs = _accuracies_first(content.tables["Table"])
    environment.filters |= {"shown": shown, "sort_key": _sort_key, "p_value": format_p, "name_of": name_of}
    page = environment.get_template("page.html.j2").render(
        vars(content),
        pictures={name: base64.b64encode(svg).decode() for name, svg in content.figures.items()},
        verdict_classes=VERDICT_CLASSES,
        table=runs,
        presets=_accuracies_first(content.tables["Presets"]),
        unvalidated=unvalidated_table(content.evidence),
        all_presets=len({run.preset for run in content.evidence.runs}),
        constant=_constant_columns(runs),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text_atomically(path, page)


def _accuracies_first(table: DataTable) -> DataTable:
    """Returns the table with its accuracies behind the first column: a page is narrower than a sheet."""
    headings = [column.heading for column in table.columns]
    first = ["preset", "seeds", "test accuracy", "test low", "test high", "validation accuracy"]
    order = sorted(range(len(headings)), key=lambda at: first.index(headings[at]) if headings[at] in first else 99)
    return DataTable(table.name, [table.columns[at] for at in order], [[row[at] for at in order] for row in table.rows])


def _constant_columns(table: DataTable) -> list[bool]:
    """Returns, for each column, whether all rows say the same; never of a table with a single row."""
    return [len(table.rows) > 1 and len({row[index] for row in table.rows}) == 1 for index in range(len(table.columns))]


def _sort_key(value: Cell, kind: Kind) -> str:
    return "" if value is None else repr(float(value)) if kind != "text" else str(value)
