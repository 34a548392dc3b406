"""How much do He and Xavier initialization differ, and why?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding, in_words
from mnist_mlp.report.panels import Panels, panels_of_layers
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import MEASURES, mean_curve, rows_of, run_with_layers, runs_in_words
from mnist_mlp.report.tables import Cell, Column, DataTable, Kind
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import capitalized, count
from mnist_mlp.training.results import layer_names

QUESTION = "How much do He and Xavier initialization differ, and why?"
FIGURE = panels_name("layers_weight_init")
FIRST_EPOCHS = 30  # epochs shown; later, the gradients of single batches are very noisy
SHOWN = ("activation_std", "gradient_norm", "update_ratio")


def weight_initialization(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers the question from the first study that has both initializations."""
    for finding in findings:
        arms = {finding.study.value(comparison.arm): comparison for comparison in finding.comparisons}
        xavier = arms.get("xavier") or arms.get("default")
        if finding.study.field == "weight_init" and "he" in arms and xavier:
            return _answer(finding, arms["he"], xavier)
    return None


def _answer(finding: Finding, he: Comparison, xavier: Comparison) -> Answer:
    compared = xavier if he.verdict is Verdict.REFERENCE else he
    layers = len(he.arm.preset.hidden_sizes)
    sentences = [_standard_deviations(layers)]
    table = panels = None
    runs = {"He": run_with_layers(he.arm, SHOWN), "Xavier": run_with_layers(xavier.arm, SHOWN)}
    if layers and None not in runs.values():
        sentences += _signals(runs, he.arm)
        table, panels = _table(runs, he.arm), _panels(runs)
    first = [mean_curve(side.arm, "validation accuracy")[0] for side in (he, xavier)]
    sentences.append(
        f"After one epoch, the validation accuracy is {first[0]:.2%} with He and {first[1]:.2%} with Xavier; at the "
        f"best epoch, it is {he.arm.mean_validation:.2%} and {xavier.arm.mean_validation:.2%}."
    )
    if compared.difference:
        sentences.append(f"{capitalized(finding.study.phrase(compared.arm))}, {in_words(compared, finding.study)}")
    if compared.verdict in (Verdict.SMALL, Verdict.IDENTICAL):
        sentences.append(
            f"So in this network with {count(layers, 'hidden layer')} and the {he.arm.preset.optimizer} optimizer, the "
            "choice between He and Xavier hardly matters."
        )
    return Answer(QUESTION, sentences, table, panels)


def _standard_deviations(layers: int) -> str:
    return (
        "The standard deviation of the initial weights is \N{SQUARE ROOT}(2 / inputs) with He initialization and "
        "\N{SQUARE ROOT}(2 / (inputs + outputs)) with Xavier. Between layers of equal size, He weights are therefore "
        f"{sqrt(2):.2f} times as large. Without biases, the signal after {count(layers, 'hidden layer')} would be "
        f"about {sqrt(2) ** layers:.1f} times as large with He as with Xavier."
    )


def _signals(runs: dict[str, ReportedRun], he: Experiment) -> list[str]:
    deepest = he.preset.weight_layers - 2
    signals = [run.layers["activation_std"][:, deepest] for run in runs.values()]
    gradients = [run.layers["gradient_norm"][0, 0] for run in runs.values()]
    steps = [run.layers["update_ratio"][0].mean() for run in runs.values()]
    signal = (
        f"After the first epoch, the activations of the last hidden layer have a standard deviation of "
        f"{signals[0][0]:.3g} with He and {signals[1][0]:.3g} with Xavier{_times(signals[0][0], signals[1][0])}. "
        f"After the last epoch, it is {signals[0][-1]:.3g} and {signals[1][-1]:.3g}"
        f"{_times(signals[0][-1], signals[1][-1])}."
    )
    if he.preset.bias_init == "normal":
        signal += (
            " In both networks, the initial biases have a standard deviation of 1. They add to the signal in every "
            "layer, so it cannot vanish in deep layers."
        )
    gradient = (
        f"The gradient of the first layer has a norm of {gradients[0]:.2g} with He and {gradients[1]:.2g} with Xavier. "
        f"On average over the layers, a step changes the weights by {steps[0]:.2%} of their norm with He and by "
        f"{steps[1]:.2%} with Xavier."
    )
    return [signal, gradient]


@dataclass(frozen=True)
class _Measure:
    """A layer statistic of a run after the first epoch. Calling it returns the value for a layer."""

    measure: str
    run: ReportedRun

    def __call__(self, layer: int) -> Cell:
        return float(self.run.layers[self.measure][0, layer])


def _table(runs: dict[str, ReportedRun], he: Experiment) -> DataTable:
    names = [name.replace("_", " ") for name in layer_names(he.preset)]
    columns = [Column("layer (after epoch 1)", Kind.TEXT, lambda layer: names[layer])]
    columns += [
        Column(f"{MEASURES[measure].label} ({name})", Kind.NUMBER, _Measure(measure, run))
        for measure in SHOWN
        for name, run in runs.items()
    ]
    return DataTable.of("Initialization", columns, range(len(names))).without_unknown_columns()


def _panels(runs: dict[str, ReportedRun]) -> Panels:
    return panels_of_layers(
        FIGURE,
        _headline(runs),
        f"{runs_in_words(runs.values())} First {FIRST_EPOCHS} epochs.\n"
        "Gradient and step: in the first step after each epoch.",
        rows_of(SHOWN),
        runs,
        FIRST_EPOCHS,
    )


def _headline(runs: dict[str, ReportedRun]) -> str:
    he, xavier = (run.layers["activation_std"][0, -2] for run in runs.values())
    return f"Activations of the last hidden layer after epoch 1: {he:.3g} with He, {xavier:.3g} with Xavier"


def _times(one: float, other: float) -> str:
    """Returns " (1.3 times as large)", or "" if the ratio does not exist."""
    return f" ({one / other:.2g} times as large)" if other > 0 else ""
