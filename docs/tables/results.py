"""Tables of docs/results.md: presets 1 to 37 and 100, and the replication of 2020."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict

from docs.tables.changes import changes_table
from docs.tables.markdown import PROJECT, REFERENCE, markdown_of, markdown_table, points, read_rows
from experiments.replicate_2020.bugs import by_preset, cost_table, penalties_table
from experiments.replicate_2020.comparison import Comparison, read_published
from experiments.replicate_2020.conclusions import conclusions, conclusions_table
from experiments.replicate_2020.runs_file import FinishedRun, RunsFile
from experiments.replicate_2020.tables import conditions_of, outside_table, summary_of
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.report.verdicts import WORDINGS, Verdict

from hyperparameters import PRESETS

REPLICATION = PROJECT / "experiments" / "replicate_2020" / "runs.csv"
VERDICTS = (Verdict.SMALL, Verdict.SIGNIFICANT, Verdict.INCONCLUSIVE, Verdict.FAILED)
SHOWN_PENALTIES = (16, 17, 18, 31)  # weight decay 0.1 to 0.0001, all with four hidden layers


def results_2020() -> str:
    return changes_table(lambda number: number <= 37 or number == 100)


def what_mattered() -> str:
    """Returns one row for each study of the report: its values, sorted by verdict."""
    rows = []
    for figure, study in itertools.groupby(read_rows(REFERENCE / "studies.csv"), lambda row: row["study"]):
        by_verdict: dict[str, list[str]] = defaultdict(list)
        presets = []
        for row in study:
            presets.append(row["preset"])
            is_identical = row["verdict"] == WORDINGS[Verdict.IDENTICAL].text
            verdict = WORDINGS[Verdict.SMALL].text if is_identical else row["verdict"]
            difference = f" ({points(row['difference'])})" if row["difference"] else ""
            by_verdict[verdict].append(f"{row['value']}{' (identical)' if is_identical else difference}")
        field = HYPERPARAMETERS[row["hyperparameter"]]
        name = re.sub(r"_\d+$", "", figure) if field.name == "hidden_sizes" else field.title
        reference = by_verdict[WORDINGS[Verdict.REFERENCE].text]
        found = (", ".join(by_verdict[WORDINGS[verdict].text]) or "-" for verdict in VERDICTS)
        rows.append((name, ", ".join(presets), *reference, *found))
    return markdown_table(("hyperparameter", "presets", "reference", *(WORDINGS[v].text for v in VERDICTS)), rows)


def replication_2020() -> str:
    comparison = _comparison()
    return f"{summary_of(comparison)}\n\n{conditions_of(comparison.runs)}"


def outside_2020() -> str:
    return outside_table(_comparison())


def conclusions_2020() -> str:
    return markdown_of(conclusions_table(conclusions(_comparison(), PRESETS)))


def bugs_2020() -> str:
    return markdown_of(cost_table(by_preset(_replication(), PRESETS)))


def penalties_2020() -> str:
    groups = by_preset(_replication(), PRESETS)
    return markdown_of(penalties_table([group for group in groups if group.number in SHOWN_PENALTIES]))


def _comparison() -> Comparison:
    return Comparison(_replication(), PRESETS, read_published())


def _replication() -> list[FinishedRun]:
    return RunsFile(REPLICATION).runs
