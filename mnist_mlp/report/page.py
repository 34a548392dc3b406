"""Writes the report as one self-contained HTML page."""

from __future__ import annotations

import re
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import log
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.disk.files import write_text_atomically
from mnist_mlp.drawing.style import Drawn
from mnist_mlp.evaluation.seed_spread import (
    GUESSING,
    LEARNED,
    LEARNED_PRIOR,
    VARIANCE_FREEDOM,
    freedom_about_pooled,
)
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.descriptions import value_as_text
from mnist_mlp.report.figures.registry import FIGURES
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.report_tables import unvalidated_table
from mnist_mlp.report.studies import title_of
from mnist_mlp.report.tables import Cell, DataTable, Kind, shown
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from mnist_mlp.report.wording import capitalized, p_value

TEMPLATE = "page.html.j2"
FIRST_COLUMNS = ("preset", "seed", "seeds", "test accuracy", "test 95% low", "test 95% high", "validation accuracy")


def write_page(
    content: ReportContent, figures: Mapping[str, Drawn], runs: DataTable, presets: DataTable, path: Path
) -> None:
    """Writes the page with all figures and scripts embedded: it loads no other files.

    Args:
        figures: the figures by name.
        runs: table of all runs.
        presets: table of all presets.
        path: file to write.
    """
    environment = Environment(
        loader=PackageLoader("mnist_mlp.report", "templates"),
        autoescape=True,  # the name of a run directory can contain HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _filters()
    table = _by_preset(_accuracies_first(runs))
    constant = _constant_columns(table)
    presets = _accuracies_first(presets)
    same = _constant_columns(presets)
    varying = [at for at, column in enumerate(presets.columns) if not same[at] or column.heading in FIRST_COLUMNS]
    page = environment.get_template(TEMPLATE).render(
        vars(content),
        data_set=MNIST,
        pictures={name: Drawn(_embedded(drawn.svg), drawn.alt) for name, drawn in figures.items()},
        registered=FIGURES,
        kinds=Kind,
        hyperparameters=HYPERPARAMETERS,
        wordings=WORDINGS,
        verdicts=Verdict,
        uniform_loss=log(MNIST.classes),
        table=table,
        presets=presets.selected(varying),
        quiet=_without_finding(content.findings),
        unvalidated=unvalidated_table(content.evidence, content.spread),
        spread=content.spread,
        comparisons=content.tested,
        undecided=sum(len(finding.inconclusive) for finding in content.findings),
        learned=LEARNED,
        guessing=GUESSING,
        prior=LEARNED_PRIOR.freedom,
        variance_freedom=VARIANCE_FREEDOM,
        freedom_of_5=freedom_about_pooled(4),
        all_presets=len({run.preset for run in content.evidence.runs}),
        constant=constant,
        different={
            column.heading for column, is_constant in zip(table.columns, constant, strict=True) if not is_constant
        },
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text_atomically(path, page)


def _filters() -> dict[str, Callable[..., str]]:
    return {
        "capitalized": capitalized,
        "shown": shown,
        "sort_key": _sort_key,
        "p_value": p_value,
        "title_of": title_of,
        "as_text": value_as_text,
    }


def _embedded(svg: str) -> Markup:
    """Returns an SVG as the content of a data URL in double quotes. Base64 would be 40% longer."""
    on_one_line = re.sub(r"\s+", " ", svg).replace('"', "'")
    return Markup(urllib.parse.quote(on_one_line, safe=" !$'()*+,-./:;=>?@[]^_`{|}~"))  # encodes &, <, and "


def _accuracies_first(table: DataTable) -> DataTable:
    """Returns the table with the accuracy columns moved to the left, where they are visible without scrolling."""
    headings = [column.heading for column in table.columns]
    first = [at for name in FIRST_COLUMNS for at, heading in enumerate(headings) if heading.partition(" (")[0] == name]
    return table.selected([*first, *(index for index in range(len(headings)) if index not in first)])


def _by_preset(table: DataTable) -> DataTable:
    """Returns the table of runs sorted by preset and seed."""
    preset, seed = table.index("preset"), table.index("seed")

    def key(row: list[Cell]) -> tuple[float, str, int]:
        return float(_sort_key(row[preset], Kind.NUMBER)), str(row[preset]), row[seed]

    return DataTable(table.name, table.columns, sorted(table.rows, key=key))


def _without_finding(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Returns the titles of studies without a finding, by verdict: {"inconclusive": ["depth (2)", "width"]}."""
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    for finding in findings:
        if not finding.is_finding:
            titles[WORDINGS[finding.verdict].text][finding.study.title] += 1
    return {
        text: [title if number == 1 else f"{title} ({number})" for title, number in counted.items()]
        for text, counted in titles.items()
    }


def _constant_columns(table: DataTable) -> list[bool]:
    """Returns, for each column, whether all rows have the same value. A table with one row has no such columns."""
    return [len(table.rows) > 1 and len({row[index] for row in table.rows}) == 1 for index in range(len(table.columns))]


def _sort_key(value: Cell, kind: Kind) -> str:
    if value is None:
        return ""
    if kind is Kind.TEXT:
        return str(value)
    return repr(float(value.partition(" ")[0] if isinstance(value, str) else value))  # for example "31 (dropout=0)"
