"""Why do He and Xavier initialization differ so little, or so much?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import Finding, in_words
from mnist_mlp.report.panels import Panels, panels_of_layers
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import MEASURES, mean_curve, rows_of, run_with_layers, runs_in_words
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.tables import Cell, Column, DataTable, Kind
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import count
from mnist_mlp.training.results import layer_names

QUESTION = "Why do He and Xavier differ so little, or so much?"
FIGURE = panels_name("layers_weight_init", "Activations, gradients and steps of each layer with He and Xavier")
FIRST_EPOCHS = 30  # shown: later, the gradients of single batches scatter widely
SHOWN = ("activation_std", "gradient_norm", "update_ratio")


def weight_initialization(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers from the first study that has both."""
    for finding in findings:
        arms = {finding.study.value(comparison.arm): comparison for comparison in finding.comparisons}
        xavier = arms.get("xavier") or arms.get("default")
        if finding.study.field == "weight_init" and "he" in arms and xavier:
            return _answer(finding, arms["he"], xavier)
    return None


def _answer(finding: Finding, he: Comparison, xavier: Comparison) -> Answer:
    compared = he if he.difference else xavier
    layers = len(he.arm.preset.hidden_sizes)
    sentences = [_drawn(layers)]
    table = panels = None
    runs = {"He": run_with_layers(he.arm, SHOWN), "Xavier": run_with_layers(xavier.arm, SHOWN)}
    if layers and None not in runs.values():
        sentences += _signals(runs, he.arm)
        table, panels = _table(runs, he.arm), _panels(runs)
    first = [mean_curve(side.arm, "validation accuracy")[0] for side in (he, xavier)]
    sentences.append(
        f"After one epoch He is at {first[0]:.2%} on validation and Xavier at {first[1]:.2%}; at their best epochs "
        f"{he.arm.mean_validation:.2%} and {xavier.arm.mean_validation:.2%}."
    )
    if compared.difference:
        sentences.append(f"With {finding.study.named_value(compared.arm)}, {in_words(compared, finding.study)}")
    if compared.verdict in (Verdict.NOT_SIGNIFICANT, Verdict.IDENTICAL):
        sentences.append(
            f"So with {count(layers, 'hidden layer')} and {he.arm.preset.optimizer} the initialization hardly matters."
        )
    return Answer(QUESTION, sentences, table, panels)


def _drawn(layers: int) -> str:
    return (
        "He draws weights with a standard deviation of \N{SQUARE ROOT}(2 / inputs), Xavier with "
        "\N{SQUARE ROOT}(2 / (inputs + outputs)): between layers of one size He's are "
        f"{sqrt(2):.2f} times as large, so without biases {count(layers, 'hidden layer')} would make He's signal "
        f"about {sqrt(2) ** layers:.1f} times Xavier's."
    )


def _signals(runs: dict[str, ReportedRun], he: Experiment) -> list[str]:
    deepest = he.preset.weight_layers - 2
    signals = [run.layers["activation_std"][:, deepest] for run in runs.values()]
    gradients = [run.layers["gradient_norm"][0, 0] for run in runs.values()]
    steps = [run.layers["update_ratio"][0].mean() for run in runs.values()]
    signal = (
        f"Measured after the first epoch, the activations of the last hidden layer have a standard deviation of "
        f"{signals[0][0]:.3g} with He and {signals[1][0]:.3g} with Xavier, {_times(signals[0][0], signals[1][0])}; "
        f"after the last epoch, {_times(signals[0][-1], signals[1][-1])}."
    )
    if he.preset.bias_init == "normal":
        signal += (
            " The biases are drawn with a standard deviation of 1 in both, so every layer adds a signal of its own, "
            "and the signal cannot vanish from layer to layer."
        )
    gradient = (
        f"The gradient reaches the first layer with a norm of {gradients[0]:.2g} with He and {gradients[1]:.2g} with "
        f"Xavier. A step changes the weights of a layer by {steps[0]:.2%} of their norm with He and by {steps[1]:.2%} "
        "with Xavier, on average over the layers."
    )
    return [signal, gradient]


@dataclass(frozen=True)
class _Measure:
    """A measure of one run after the first epoch, as a column has it."""

    measure: str
    run: ReportedRun

    def __call__(self, layer: int) -> Cell:
        return float(self.run.layers[self.measure][0, layer])


def _table(runs: dict[str, ReportedRun], he: Experiment) -> DataTable:
    names = [name.replace("_", " ") for name in layer_names(he.preset)]
    columns = [Column("layer, after epoch 1", Kind.TEXT, lambda layer: names[layer])]
    columns += [
        Column(f"{MEASURES[measure].label}, {name}", Kind.NUMBER, _Measure(measure, run))
        for measure in SHOWN
        for name, run in runs.items()
    ]
    return DataTable.of("Initialization", columns, range(len(names))).without_unknown_columns()


def _panels(runs: dict[str, ReportedRun]) -> Panels:
    return panels_of_layers(
        FIGURE,
        "He and Xavier, layer by layer",
        f"{runs_in_words(runs.values())} The first {FIRST_EPOCHS} epochs.\n"
        "Gradient and step: of the next epoch's first batch.",
        rows_of(SHOWN),
        runs,
        FIRST_EPOCHS,
    )


def _times(one: float, other: float) -> str:
    """Returns how many times as large the one is: "1.3 times as large"."""
    return f"{one / other:.2g} times as large" if other > 0 else "which has no ratio"
