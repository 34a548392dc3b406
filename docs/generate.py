"""Updates the generated tables in README.md and docs/*.md, which are marked by `<!-- generated: NAME -->`.

python -m docs.generate
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.results import Results
from benchmarks.speed_tables import better_arrangements, conditions_line, epochs_table
from experiments.replicate_2020.bugs import by_preset, cost_table, penalties_table
from experiments.replicate_2020.comparison import Comparison, read_published
from experiments.replicate_2020.conclusions import conclusions, conclusions_table
from experiments.replicate_2020.runs_file import FinishedRun, RunsFile
from experiments.replicate_2020.tables import conditions_of, summary_of
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import format_field
from mnist_mlp.report.tables import DataTable, shown

from hyperparameters import PRESETS

PROJECT = Path(__file__).resolve().parent.parent
REFERENCE = PROJECT / "for_report" / "reference"
REPLICATION = PROJECT / "experiments" / "replicate_2020" / "runs.csv"
PAGES = (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)

README_ROWS = {
    54: "smallest and fastest: two epochs",
    31: "trained by default: 4 hidden layers, dropout, weight decay",
    65: "no augmentation: wide network, dropout, all 60,000 images",
    69: "deskewing and adversarial training",
    78: "augmentation and adversarial training",
    86: "stronger augmentation, L1 decay, 400 epochs",
}

# Rows of the comparison in docs/past-98.md: our presets, then published results.
OUR_NETWORKS = {
    54: "two epochs",
    65: "dropout, no augmentation",
    69: "deskewing and adversarial training, no random augmentation",
    76: "augmentation",
    78: "augmentation and adversarial training",
    83: "stronger augmentation, 500 epochs",
    86: "stronger augmentation, L1 decay, 400 epochs",
    89: "preset 84 with deskewed copies, smaller batches and a final fit",
    96: "a smaller network with deskewed copies",
    97: "preset 86 with 90 epochs",
    98: "preset 97 with twice the width, 36 epochs",
}
MAXOUT = "https://arxiv.org/abs/1302.4389"
PUBLISHED = (
    (0.016, "800 units, no data augmentation", "Simard et al., 2003", "https://doi.org/10.1109/ICDAR.2003.1227801"),
    (0.0105, "ReLU and dropout, by Srivastava (2013)", "quoted by Goodfellow et al., 2013", MAXOUT),
    (0.0094, "maxout and dropout", "Goodfellow et al., 2013", MAXOUT),
    (0.007, "800 units, elastic deformation", "Simard et al., 2003", "https://doi.org/10.1109/ICDAR.2003.1227801"),
    (
        0.0057,
        "ladder network with an additional unsupervised loss",
        "Rasmus et al., 2015",
        "https://arxiv.org/abs/1507.02672",
    ),
    (
        0.0035,
        "six layers, augmentation, 12 million weights",
        "Ciresan et al., 2010",
        "https://arxiv.org/abs/1003.0358",
    ),
    (0.0031, "committee of seven networks", "Ciresan et al., 2012", "https://doi.org/10.1007/978-3-642-35289-8_31"),
)
STAGES = {
    (38, 48): "batch normalization, cosine learning rate, label smoothing, decoupled weight decay, averaged weights",
    (48, 65): "dropout, three times as many weights and epochs, final fit",
    (48, 69): "dropout, adversarial training, deskewing, final fit",
    (48, 70): "random shifts of up to one pixel",
    (70, 74): "rotation, scaling, shear, elastic deformation",
    (74, 76): "three times as many weights and epochs",
    (76, 78): "adversarial training, final fit",
    (78, 83): "stronger augmentation, 500 epochs instead of 90",
    (83, 86): "L1 decay, 400 epochs instead of 500",
    (78, 86): "stronger augmentation, L1 decay, 400 epochs instead of 90",
    (76, 86): "adversarial training, stronger augmentation, L1 decay, 400 epochs instead of 90, final fit",
    (86, 97): "90 epochs instead of 400",
    (97, 98): "twice the width, 36 epochs instead of 90",
    (74, 90): "adversarial training, final fit",
    (90, 96): "L1 decay, deskewed copies, smaller batches, 120 epochs instead of 30",
    (78, 89): "stronger augmentation, L1 decay, deskewed copies, smaller batches, 120 epochs instead of 90",
}


SHOWN_PENALTIES = (16, 17, 18, 31)  # weight decay 0.1 to 0.0001, all with four hidden layers


def main() -> None:
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


def updated(text: str) -> str:
    """Returns the text of a page with its generated tables replaced by current ones."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n\n{match[3]}", text)


def hyperparameters() -> str:
    rows = [
        (f"`{declared.name}`", _code(format_field(declared.default)), declared.check.allowed, declared.help)
        for declared in HYPERPARAMETERS.values()
    ]
    return _markdown(("name", "default", "allowed values", "effect"), rows)


def results_2020() -> str:
    return _changes(lambda number: number <= 37 or number == 100)


def results_past_98() -> str:
    return _changes(lambda number: 38 <= number <= 98)


def times_past_98() -> str:
    rows = [
        (
            row["preset"],
            row["epochs"],
            row["seeds"],
            _time(row["training time"]),
            f"{_time(row['shortest time'])} to {_time(row['longest time'])}" if row["seeds"] != "1" else "-",
            f"{float(row['share in parallel']):.0%}",
        )
        for row in _rows(REFERENCE / "changes.csv")
        if 38 <= int(row["preset"]) <= 98
    ]
    return _markdown(("preset", "epochs", "seeds", "median", "range", "time in parallel"), rows)


def published() -> str:
    changes = {int(row["preset"]): row for row in _rows(REFERENCE / "changes.csv")}
    rows = [(error, f"{error:.2%}", f"{what} ([{paper}]({link}))", "", "") for error, what, paper, link in PUBLISHED]
    for number, what in OUR_NETWORKS.items():
        row = changes[number]
        error, *ends = (1 - float(row[name]) for name in ("test accuracy", "test 95% high", "test 95% low"))
        interval = " to ".join(f"{end * 100:.2f}" for end in ends)
        rows.append(
            (error, f"{error:.2%} ({interval})", f"**preset {number}**: {what}", row["seeds"], _weights(number))
        )
    heading = ("test error (95% interval)", "network", "seeds", "weights")
    return _markdown(heading, [cells for _, *cells in sorted(rows, reverse=True)])


def _weights(number: int) -> str:
    sizes = MNIST.layer_sizes(PRESETS[number])
    return f"{sum(a * b for a, b in itertools.pairwise(sizes)) / 1e6:.1f} million"


def stages() -> str:
    rows = [
        (
            row["from"],
            row["to"],
            STAGES[int(row["from"]), int(row["to"])],
            f"{_percent(row['accuracy before'])} to {_percent(row['accuracy after'])}",
            _points(row),
        )
        for row in _rows(REFERENCE / "stages.csv")
    ]
    return _markdown(("from", "to", "changes", "test accuracy", "difference (95% interval)"), rows)


def ensembles() -> str:
    rows = []
    for row in _rows(REFERENCE / "ensemble_log.txt", delimiter="\t"):
        members = Counter(int(number) for number in re.findall(r"_preset(\d+)", row["runs"]))
        text = ", ".join(f"{count} of preset {number}" for number, count in sorted(members.items()))
        rows.append((f"{1 - float(row['test_accuracy']):.2%}", text))
    return _markdown(("test error", "networks"), sorted(set(rows)))


def summary() -> str:
    """Returns the README's table: a few presets, lowest accuracy first."""
    changes = {int(row["preset"]): row for row in _rows(REFERENCE / "changes.csv")}
    chosen = sorted(README_ROWS, key=lambda number: float(changes[number]["test accuracy"]))
    rows = [
        (str(number), README_ROWS[number], _accuracy(row), row["seeds"], _time(row["training time"]))
        for number, row in ((number, changes[number]) for number in chosen)
    ]
    return _markdown(("preset", "description", "test accuracy (95% interval)", "seeds", "training time"), rows)


def replication_2020() -> str:
    comparison = _comparison()
    return f"{summary_of(comparison)}\n\n{conditions_of(comparison.runs)}"


def conclusions_2020() -> str:
    return _as_markdown(conclusions_table(conclusions(_comparison(), PRESETS)))


def bugs_2020() -> str:
    return _as_markdown(cost_table(by_preset(_replication(), PRESETS)))


def penalties_2020() -> str:
    groups = by_preset(_replication(), PRESETS)
    return _as_markdown(penalties_table([group for group in groups if group.number in SHOWN_PENALTIES]))


def _comparison() -> Comparison:
    return Comparison(_replication(), PRESETS, read_published())


def _replication() -> list[FinishedRun]:
    return RunsFile(REPLICATION).runs


def speed() -> str:
    results = Results.read(PROJECT / "benchmarks")
    epochs = [measurement for measurement in results.measurements if measurement.table == "epochs"]
    return f"{conditions_line(results.conditions)}\n\n{epochs_table(better_arrangements(epochs))}"


TABLES: dict[str, Callable[[], str]] = {
    "hyperparameters": hyperparameters,
    "results-2020": results_2020,
    "replication-2020": replication_2020,
    "conclusions-2020": conclusions_2020,
    "bugs-2020": bugs_2020,
    "penalties-2020": penalties_2020,
    "past-98": results_past_98,
    "times-past-98": times_past_98,
    "published": published,
    "stages": stages,
    "ensembles": ensembles,
    "summary": summary,
    "speed": speed,
}


def _changes(is_shown: Callable[[int], bool]) -> str:
    rows = [
        (row["preset"], row["change"], row["seeds"], _percent(row["validation accuracy"]), _accuracy(row), _points(row))
        for row in _rows(REFERENCE / "changes.csv")
        if is_shown(int(row["preset"]))
    ]
    heading = ("preset", "change", "seeds", "validation", "test (95% interval)", "difference (95% interval)")
    return _markdown(heading, rows)


def _rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def _accuracy(row: dict[str, str]) -> str:
    if not row["test 95% low"]:
        return _percent(row["test accuracy"])
    low, high = (f"{float(row[name]):.2%}"[:-1] for name in ("test 95% low", "test 95% high"))
    return f"{float(row['test accuracy']):.2%} ({low} to {high})"


def _percent(value: str) -> str:
    return f"{float(value):.2%}" if value else "-"


def _points(row: dict[str, str]) -> str:
    if not row["difference"]:
        return "-" if row.get("test 95% low", "-") else "training fails"
    middle, low, high = (f"{float(row[f'difference{end}']) * 100:+.2f}" for end in ("", " 95% low", " 95% high"))
    return f"{middle} ({low} to {high})".replace("-", "\N{MINUS SIGN}")


def _time(text: str) -> str:
    seconds = float(text)
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _as_markdown(table: DataTable) -> str:
    rows = [[shown(value, column.kind) for value, column in zip(row, table.columns, strict=True)] for row in table.rows]
    return _markdown([column.heading for column in table.columns], rows)


def _markdown(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [heading, ["---"] * len(heading), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
