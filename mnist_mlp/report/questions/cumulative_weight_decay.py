"""Was the weight decay of the 2020 experiment implemented correctly?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding, in_words
from mnist_mlp.report.panels import Panels, Row, curves_by_layer
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import MEASURES, mean_at_best, run_with_layers, runs_in_words
from mnist_mlp.report.tables import Cell, Column, DataTable, Kind
from mnist_mlp.report.wording import capitalized, count, listed

QUESTION = "Was the weight decay of 2020 implemented correctly?"
FIGURE = panels_name("layers_cumulative_weight_decay")
SHOWN = ("l2_penalty", "weight_norm")


@dataclass(frozen=True)
class _Pair:
    """A preset with the intended L2 penalty, and the same preset with the cumulative one."""

    finding: Finding

    @property
    def intended(self) -> Experiment:
        return self.finding.study.arms[0]

    @property
    def cumulative(self) -> Experiment:
        return self.finding.study.arms[1]

    @property
    def weight_decay(self) -> float:
        return self.intended.preset.weight_decay

    @property
    def comparison(self) -> Comparison | None:
        """The comparison of the two test accuracies, or None if one of them is unknown."""
        return next(iter(self.finding.compared), None)

    @property
    def difference(self) -> float | None:
        """Test accuracy with the cumulative penalty minus test accuracy with the intended one."""
        means = self.cumulative.mean_test, self.intended.mean_test
        return None if None in means else means[0] - means[1]


def _of_both(name: str, kind: Kind, value: Callable[[Experiment], Cell]) -> list[Column]:
    return [
        Column(f"{name}, intended", kind, lambda pair: value(pair.intended)),
        Column(f"{name}, as in 2020", kind, lambda pair: value(pair.cumulative)),
    ]


COLUMNS = [
    Column("presets", Kind.TEXT, lambda pair: f"{pair.intended.label}, {pair.cumulative.label}"),
    Column("weight decay", Kind.NUMBER, lambda pair: pair.weight_decay),
    *_of_both("test accuracy", Kind.PERCENT, lambda arm: arm.mean_test),
    Column("difference in points", Kind.POINTS, lambda pair: pair.difference),
    *_of_both("L2 penalty", Kind.NUMBER, lambda arm: _mean_penalty(arm)),
    *_of_both("norm of the first layer", Kind.NUMBER, lambda arm: _norm(arm, 0)),
    *_of_both("norm of the output layer", Kind.NUMBER, lambda arm: _norm(arm, -1)),
]


def cumulative_weight_decay(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers the question if any preset was trained with both penalties."""
    studied = [finding for finding in findings if finding.study.field == "cumulative_weight_decay"]
    pairs = sorted(map(_Pair, studied), key=lambda pair: pair.weight_decay)
    if not pairs:
        return None
    weakest = pairs[0]
    sentences = [
        "No. The 2020 code added the L2 penalty once per layer, each time as the sum over the layers so far. Of n "
        "weight matrices, the first therefore counts n times and the last once.",
        *_weakest_in_words(weakest),
        *_largest_in_words(pairs),
        *_failures_in_words(pairs),
    ]
    table = DataTable.of("Penalties", COLUMNS, pairs).without_unknown_columns()
    return Answer(QUESTION, sentences, table, _panels(weakest))


def _weakest_in_words(pair: _Pair) -> list[str]:
    """Returns sentences on the pair with the smallest weight decay: its strength per layer, penalties, and accuracy."""
    intended, cumulative = pair.intended, pair.cumulative
    decays = [f"{pair.weight_decay * counts:g}" for counts in cumulative.preset.penalty_counts]
    sentences = [
        f"With weight decay = {pair.weight_decay:g} (preset {cumulative.label}), the "
        f"{count(len(decays), 'layer is', 'layers are')} decayed by {listed(decays)}.",
        f"At the best epoch, the training cross-entropy is {_mean_cross_entropy(intended):.4f} nats and the penalty is "
        f"{_mean_penalty(intended):.4f} with the intended penalty (preset {intended.label}). With that of 2020, they "
        f"are {_mean_cross_entropy(cumulative):.4f} and {_mean_penalty(cumulative):.4f}.",
    ]
    norms = [(_norm(intended, layer), _norm(cumulative, layer)) for layer in (0, -1)]
    if not any(None in both for both in norms):
        (first, first_2020), (output, output_2020) = norms
        sentences.append(
            f"After the last epoch, the norm of the first layer's weights is {first:.3g} with the intended penalty and "
            f"{first_2020:.3g} with that of 2020. For the output layer, it is {output:.3g} and {output_2020:.3g}."
        )
    return sentences + _accuracy_in_words(pair)


def _largest_in_words(pairs: Sequence[_Pair]) -> list[str]:
    """Returns sentences on the pair with the largest difference in test accuracy, unless it is the weakest one."""
    largest = max((pair for pair in pairs if pair.comparison), key=lambda pair: abs(pair.difference), default=pairs[0])
    if largest is pairs[0]:
        return []
    start = (
        "Among the networks that learn with both penalties, that of 2020 changes accuracy most at a weight decay of "
        f"{largest.weight_decay:g}."
    )
    return [start, *_accuracy_in_words(largest)]


def _failures_in_words(pairs: Sequence[_Pair]) -> list[str]:
    """Returns sentences on the pairs that learn only with the intended penalty."""
    return [
        f"With a weight decay of {pair.weight_decay:g}, training fails with the penalty of 2020 (preset "
        f"{pair.cumulative.label}). With the intended one (preset {pair.intended.label}), the test accuracy is "
        f"{pair.intended.mean_test:.2%}."
        for pair in pairs
        if pair.cumulative.has_failed and not pair.intended.has_failed and pair.intended.scored
    ]


def _accuracy_in_words(pair: _Pair) -> list[str]:
    if not pair.comparison:
        return []
    study, arm = pair.finding.study, pair.comparison.arm
    return [f"{capitalized(study.phrase(arm))} (preset {arm.label}), {in_words(pair.comparison, study)}"]


def _panels(pair: _Pair) -> Panels | None:
    """Returns panels of the parts of the loss and of the norms of the weights, one column per penalty."""
    arms = {"intended": pair.intended, "as in 2020": pair.cumulative}
    runs = {f"preset {arm.label}\n{title}": run_with_layers(arm, SHOWN) for title, arm in arms.items()}
    if None in runs.values():
        return None
    curves = {}
    for column, run in enumerate(runs.values()):
        cross_entropy = {"training cross-entropy": run.curves["train cross_entropy"]}
        curves[0, column] = cross_entropy | curves_by_layer(run, "l2_penalty")
        curves[1, column] = curves_by_layer(run, "weight_norm")
    rows = [Row("cross-entropy, and L2 penalty of each layer"), MEASURES["weight_norm"]]
    subtitle = f"{runs_in_words(runs.values())} Weight decay: {pair.weight_decay:g}."
    return Panels(FIGURE, "The L2 penalty as intended and as in 2020", subtitle, rows, list(runs), curves)


def _mean_penalty(arm: Experiment) -> float:
    return mean_at_best(arm, lambda run: run.curves["train l2_penalty"])


def _mean_cross_entropy(arm: Experiment) -> float:
    return mean_at_best(arm, lambda run: run.curves["train cross_entropy"])


def _norm(arm: Experiment, layer: int) -> float | None:
    """Returns the norm of a layer's weights after the last epoch, averaged over seeds; None if it is unknown."""
    norms = [run.layers["weight_norm"][-1, layer] for run in arm.seeds if run.layers]
    return float(np.mean(norms)) if norms and np.isfinite(norms).all() else None
