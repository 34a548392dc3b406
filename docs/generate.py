"""Updates the generated tables in README.md and docs/*.md, which are marked by `<!-- generated: NAME -->`.

python -m docs.generate
"""

from __future__ import annotations

import re
from collections.abc import Callable

from benchmarks.results import Results
from benchmarks.speed_tables import better_arrangements, conditions_line, epochs_table
from docs.tables import changes, error_rates, past_98, results
from docs.tables.markdown import PROJECT, code_cell, markdown_table
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import format_field

PAGES = (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def main() -> None:
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


def updated(text: str) -> str:
    """Returns the text of a page with its generated tables replaced by current ones."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n\n{match[3]}", text)


def hyperparameters() -> str:
    rows = [
        (f"`{declared.name}`", code_cell(format_field(declared.default)), declared.check.allowed, declared.help)
        for declared in HYPERPARAMETERS.values()
    ]
    return markdown_table(("name", "default", "allowed values", "effect"), rows)


def speed() -> str:
    results = Results.read(PROJECT / "benchmarks")
    epochs = [measurement for measurement in results.measurements if measurement.table == "epochs"]
    return f"{conditions_line(results.conditions)}\n\n{epochs_table(better_arrangements(epochs))}"


TABLES: dict[str, Callable[[], str]] = {
    "hyperparameters": hyperparameters,
    "summary": changes.summary,
    "speed": speed,
    "results-2020": results.results_2020,
    "what-mattered": results.what_mattered,
    "replication-2020": results.replication_2020,
    "outside-2020": results.outside_2020,
    "conclusions-2020": results.conclusions_2020,
    "bugs-2020": results.bugs_2020,
    "penalties-2020": results.penalties_2020,
    "error-rates": error_rates.error_rates,
    "past-98": past_98.results_past_98,
    "times-past-98": past_98.times_past_98,
    "published": past_98.published,
    "stages": past_98.stages,
    "ensembles": past_98.ensembles,
}


if __name__ == "__main__":
    main()
