"""The report as one self-contained page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.files import write_text_atomically
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.registry import FIGURES
from mnist_mlp.report.report_tables import unvalidated_table
from mnist_mlp.report.studies import title_of
from mnist_mlp.report.tables import Cell, DataTable, Kind, shown
from mnist_mlp.report.verdicts import WORDINGS
from mnist_mlp.report.wording import p_value

TEMPLATE = "page.html.j2"
FIRST_COLUMNS = ["preset", "seeds", "test accuracy", "test low", "test high", "validation accuracy"]


def write_page(
    content: ReportContent, figures: Mapping[str, bytes], runs: DataTable, presets: DataTable, path: Path
) -> None:
    """Writes the page, with figures and scripts inside: it loads nothing from elsewhere.

    Args:
        figures: the SVG of each figure by its name.
        runs, presets: the tables of all runs and of all presets.
    """
    environment = Environment(
        loader=PackageLoader("mnist_mlp.report", "templates"),
        autoescape=True,  # a folder's name may hold HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "sort_key": _sort_key, "p_value": p_value, "title_of": title_of}
    table = _accuracies_first(runs)
    page = environment.get_template(TEMPLATE).render(
        vars(content),
        data_set=MNIST,
        pictures={name: base64.b64encode(svg).decode() for name, svg in figures.items()},
        registered=FIGURES,
        kinds=Kind,
        wordings=WORDINGS,
        table=table,
        presets=_accuracies_first(presets),
        unvalidated=unvalidated_table(content.evidence),
        all_presets=len({run.preset for run in content.evidence.runs}),
        constant=_constant_columns(table),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text_atomically(path, page)


def _accuracies_first(table: DataTable) -> DataTable:
    """Returns the table with its accuracies behind the first column, because a page is narrower than a sheet."""
    headings = [column.heading for column in table.columns]
    first = [headings.index(heading) for heading in FIRST_COLUMNS if heading in headings]
    return table.selected([*first, *(index for index in range(len(headings)) if index not in first)])


def _constant_columns(table: DataTable) -> list[bool]:
    """Returns whether all rows agree, for each column; never for a table with a single row."""
    return [len(table.rows) > 1 and len({row[index] for row in table.rows}) == 1 for index in range(len(table.columns))]


def _sort_key(value: Cell, kind: Kind) -> str:
    if value is None:
        return ""
    return str(value) if kind is Kind.TEXT else repr(float(value))
