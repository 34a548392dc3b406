"""Tables of docs/past-98.md: the presets with more than 98%, published results, stages, ensembles."""

from __future__ import annotations

import itertools
import re
from collections import Counter

from docs.tables.changes import changes_table
from docs.tables.markdown import REFERENCE, difference_cell, markdown_table, percent_cell, read_rows, time_cell
from mnist_mlp.data.dataset import MNIST

from hyperparameters import PRESETS

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


def results_past_98() -> str:
    return changes_table(lambda number: 38 <= number <= 98)


def times_past_98() -> str:
    rows = [
        (
            row["preset"],
            row["epochs"],
            row["seeds"],
            time_cell(row["training time"]),
            f"{time_cell(row['shortest time'])} to {time_cell(row['longest time'])}" if row["seeds"] != "1" else "-",
            f"{float(row['share in parallel']):.0%}",
        )
        for row in read_rows(REFERENCE / "changes.csv")
        if 38 <= int(row["preset"]) <= 98
    ]
    return markdown_table(("preset", "epochs", "seeds", "median", "range", "time in parallel"), rows)


def published() -> str:
    changes = {int(row["preset"]): row for row in read_rows(REFERENCE / "changes.csv")}
    rows = [(error, f"{error:.2%}", f"{what} ([{paper}]({link}))", "", "") for error, what, paper, link in PUBLISHED]
    for number, what in OUR_NETWORKS.items():
        row = changes[number]
        error, *ends = (1 - float(row[name]) for name in ("test accuracy", "test 95% high", "test 95% low"))
        interval = " to ".join(f"{end * 100:.2f}" for end in ends)
        rows.append(
            (error, f"{error:.2%} ({interval})", f"**preset {number}**: {what}", row["seeds"], _weights(number))
        )
    heading = ("test error (95% interval)", "network", "seeds", "weights")
    return markdown_table(heading, [cells for _, *cells in sorted(rows, reverse=True)])


def _weights(number: int) -> str:
    sizes = MNIST.layer_sizes(PRESETS[number])
    return f"{sum(a * b for a, b in itertools.pairwise(sizes)) / 1e6:.1f} million"


def stages() -> str:
    rows = [
        (
            row["from"],
            row["to"],
            STAGES[int(row["from"]), int(row["to"])],
            f"{percent_cell(row['accuracy before'])} to {percent_cell(row['accuracy after'])}",
            difference_cell(row),
        )
        for row in read_rows(REFERENCE / "stages.csv")
    ]
    return markdown_table(("from", "to", "changes", "test accuracy", "difference (95% interval)"), rows)


def ensembles() -> str:
    rows = []
    for row in read_rows(REFERENCE / "ensemble_log.txt", delimiter="\t"):
        members = Counter(int(number) for number in re.findall(r"_preset(\d+)", row["runs"]))
        text = ", ".join(f"{count} of preset {number}" for number, count in sorted(members.items()))
        rows.append((f"{1 - float(row['test_accuracy']):.2%}", text))
    return markdown_table(("test error", "networks"), sorted(set(rows)))
