"""Questions that tuning by hand leaves behind, answered from the runs' own records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log, nan, sqrt
from statistics import mean

import numpy as np

from mnist_mlp.presets.preset import TRAINING_IMAGES, Preset
from mnist_mlp.report.data_tables import Cell, Column, DataTable, known
from mnist_mlp.report.evidence import ReportedRun, layer_names
from mnist_mlp.report.findings import CHANCE, IDENTICAL, Finding, told, with_name
from mnist_mlp.report.panels import Panels, of_layers
from mnist_mlp.report.studies import Experiment, Study

FAILED = 0.2  # validation accuracy below which a preset counts as one that has learned nothing: twice a blind guess
THROWN = 10 * log(10)  # nats in the first epoch, ten times what knowing nothing costs
FIRST_EPOCHS = 30  # what the panels of initializations show: later, the gradients of single batches scatter widely
MOST_COLUMNS = 4  # of runs that panels have room for
MEASURES = {
    "activation_std": "standard deviation of the activations",
    "dead_units": "share of dead units",
    "gradient_norm": "norm of the gradient",
    "weight_norm": "norm of the weights",
    "update_ratio": "step over norm of the weights",
}


INIT_MEASURES = ("activation_std", "gradient_norm", "update_ratio")
STEP_MEASURES = ("update_ratio", "gradient_norm")
FAILURE_MEASURES = ("dead_units", "activation_std", "gradient_norm", "weight_norm")


@dataclass(frozen=True)
class Answer:
    """A question, its answer in sentences, and the numbers where there are more than sentences hold."""

    question: str
    sentences: list[str]
    table: DataTable | None = None
    panels: Panels | None = None


def answers(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> list[Answer]:
    """Returns the answers that these runs can give."""
    given = (
        _he_against_xavier(findings),
        _adadelta(findings),
        _weight_decay(experiments, findings),
        _failures(experiments),
    )
    return [answer for answer in given if answer]


def _he_against_xavier(findings: Sequence[Finding]) -> Answer | None:
    for finding in findings:
        arms = {finding.study.value(each.arm): each for each in finding.comparisons}
        if finding.study.field != "weight_init" or "he" not in arms or not {"xavier", "default"} & set(arms):
            continue
        he, xavier = arms["he"], arms.get("xavier") or arms["default"]
        compared = he if he.difference else xavier
        layers = len(he.arm.preset.hidden_sizes)
        first = {
            name: _mean_curve(each.arm, "validation accuracy")[0] for name, each in (("He", he), ("Xavier", xavier))
        }
        sentences = [
            "He draws weights with a standard deviation of \N{SQUARE ROOT}(2 / inputs), Xavier with "
            "\N{SQUARE ROOT}(2 / (inputs + outputs)): between layers of one size He's are "
            f"{sqrt(2):.2f} times as large, so without biases {_count(layers, 'hidden layer')} would make He's signal "
            f"about {sqrt(2) ** layers:.1f} times Xavier's.",
        ]
        table = panels = None
        runs = {"He": _with_layers(he.arm, INIT_MEASURES), "Xavier": _with_layers(xavier.arm, INIT_MEASURES)}
        if layers and None not in runs.values():
            said, table, panels = _layers_of_inits(runs, he.arm)
            sentences += said
        sentences.append(
            f"After one epoch He is at {first['He']:.2%} on validation and Xavier at {first['Xavier']:.2%}; at their "
            f"best epochs {he.arm.mean_validation:.2%} and {xavier.arm.mean_validation:.2%}."
        )
        if compared.difference:
            sentences.append(f"With {with_name(finding.study, compared.arm)}, {told(compared, finding.study)}")
        if compared.verdict in (CHANCE, IDENTICAL):
            sentences.append(
                f"So with {_count(layers, 'hidden layer')} and {he.arm.preset.optimizer} it hardly matters where the "
                "weights start."
            )
        return Answer("Why do He and Xavier differ so little, or so much?", sentences, table, panels)
    return None


def _layers_of_inits(runs: dict[str, ReportedRun], he: Experiment) -> tuple[list[str], DataTable, Panels]:
    deepest = he.preset.weight_layers - 2
    signals = [run.layers["activation_std"][:, deepest] for run in runs.values()]
    gradients = [run.layers["gradient_norm"][0, 0] for run in runs.values()]
    steps = [run.layers["update_ratio"][0].mean() for run in runs.values()]
    sentences = [
        f"Measured after the first epoch, the activations of the last hidden layer have a standard deviation of "
        f"{signals[0][0]:.3g} with He and {signals[1][0]:.3g} with Xavier, {_times(signals[0][0], signals[1][0])}; "
        f"after the last epoch, {_times(signals[0][-1], signals[1][-1])}."
    ]
    if he.preset.bias_init == "normal":
        sentences[0] += (
            " The biases are drawn with a standard deviation of 1 in both, so every layer begins with a signal of its "
            "own, and none can fade from layer to layer."
        )
    sentences.append(
        f"The gradient reaches the first layer with a norm of {gradients[0]:.2g} with He and {gradients[1]:.2g} with "
        f"Xavier. A step changes the weights of a layer by {steps[0]:.2%} of their norm with He and by {steps[1]:.2%} "
        "with Xavier, on average over the layers."
    )
    names = [name.replace("_", " ") for name in layer_names(he.preset)]
    columns = [Column("layer, after epoch 1", "text")]
    columns += [Column(f"{MEASURES[each]}, {name}", "number") for each in INIT_MEASURES for name in runs]
    rows = [
        known([layer, *(float(run.layers[each][0, place]) for each in INIT_MEASURES for run in runs.values())])
        for place, layer in enumerate(names)
    ]
    panels = of_layers(
        "layers_weight_init",
        "He and Xavier, layer by layer",
        _of_runs(runs.values())
        + f" The first {FIRST_EPOCHS} epochs.\nGradient and step: of the next epoch's first batch.",
        {each: MEASURES[each] for each in INIT_MEASURES},
        runs,
        FIRST_EPOCHS,
    )
    return sentences, _table("Initialization", columns, rows), panels


def _adadelta(findings: Sequence[Finding]) -> Answer | None:
    for finding in findings:
        arms = {each.arm.preset.optimizer: each for each in finding.comparisons}
        if finding.study.field != "optimizer" or not {"adadelta", "adam"} <= set(arms):
            continue
        slow, fast = arms["adadelta"], arms["adam"]
        preset = slow.arm.preset
        epsilon = dict(preset.optimizer_arguments).get("epsilon", 1e-8)  # the project's own default for Adadelta
        curve = _mean_curve(slow.arm, "validation accuracy")
        epochs = len(curve)
        tenth = max(1, epochs // 10)
        adam_first = _mean_curve(fast.arm, "validation accuracy")[0]
        sentences = [
            f"Adadelta makes its own step length, which begins at about \N{SQUARE ROOT}epsilon = {sqrt(epsilon):g}, "
            f"and here it is multiplied by the learning rate {preset.learning_rate:g}: a first step of about "
            f"{sqrt(epsilon) * preset.learning_rate:.0e} a weight, where Adam's is {fast.arm.preset.learning_rate:g}."
        ]
        runs = {"Adadelta": _with_layers(slow.arm, STEP_MEASURES), "Adam": _with_layers(fast.arm, STEP_MEASURES)}
        moved = {name: _l2_change(each.arm) for name, each in (("Adadelta", slow), ("Adam", fast))}
        panels = None
        if None not in runs.values():
            said, panels = _steps_of_optimizers(runs, preset.batch_size)
            sentences += said
        elif None not in moved.values():
            sentences.append(
                f"The records show it: from the first epoch to the last the L2 term of the weights changed by "
                f"{moved['Adadelta']:.1%} with Adadelta and by {moved['Adam']:.1%} with Adam."
            )
        if epochs > tenth:
            gained = curve[-1] - curve[-1 - tenth]
            best_epoch = mean(run.record.best_epoch for run in slow.arm.seeds)
            last = f"last {tenth} epochs" if tenth > 1 else "last epoch"
            sentences.append(
                f"Adadelta's best epoch is {best_epoch:.0f} of {epochs}; in its {last} the validation accuracy still "
                f"changed by {gained * 100:+.2f} points, so it "
                f"{'has not finished' if gained > 0.001 else 'has come to rest'}. "
                f"Adam is at {adam_first:.2%} after its first epoch."
            )
        compared = slow if slow.difference else fast
        if compared.difference:
            sentences.append(f"With {with_name(finding.study, compared.arm)}, {told(compared, finding.study)}")
        question = "Why is Adadelta so much worse than Adam at the same learning rate?"
        return Answer(question, sentences, panels=panels)
    return None


def _steps_of_optimizers(runs: dict[str, ReportedRun], batch_size: int) -> tuple[list[str], Panels | None]:
    steps = TRAINING_IMAGES // batch_size
    ratios = {name: run.layers["update_ratio"] for name, run in runs.items()}
    first = {name: values[0].mean() for name, values in ratios.items()}  # over the layers
    way = {name: steps * values.sum(axis=0).max() for name, values in ratios.items()}
    if not min(first.values()) > 0:
        return [], None
    times = f"{first['Adam'] / first['Adadelta']:,.0f} times"
    shares = {name: f"{share * 100:.1g}%" for name, share in first.items()}
    sentences = [
        f"Measured after the first epoch, one step changes the weights of a layer by {shares['Adadelta']} of their "
        f"norm with Adadelta and by {shares['Adam']} with Adam, {times} as much.",
        f"At {steps} steps an epoch, with the step measured once an epoch, all steps of the training together are "
        f"{_rounded(way['Adadelta'])} times the norm of the weights with Adadelta, in the layer that moves most, even "
        f"if every one went the same way; with Adam {_rounded(way['Adam'])} times.",
    ]
    panels = of_layers(
        "layers_optimizer",
        f"Adam's steps are {times} Adadelta's",
        _of_runs(runs.values()) + "\nOf the first step of the next epoch: its length over the norm of the weights.",
        {each: MEASURES[each] for each in STEP_MEASURES},
        runs,
    )
    return sentences, panels


def _weight_decay(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    decays = sorted({each.preset.weight_decay for each in experiments} - {0.0})
    if not decays:
        return None
    rows = []
    for decay in ([0.0] if len({each.preset.weight_decay for each in experiments}) > len(decays) else []) + decays:
        alike = [each for each in experiments if each.preset.weight_decay == decay]
        best = max(alike, key=lambda each: each.mean_validation)
        penalty, loss = (
            _at_best(best, lambda run, curve=curve: run.curves[f"train {curve}"])
            for curve in ("l2_penalty", "cross_entropy")
        )
        share = penalty / (penalty + loss) if penalty + loss else None
        norm = _at_best(best, _norm_of_weights)
        rows.append(known([decay, best.label, best.mean_validation, loss, penalty, share, norm]))
    columns = [Column("weight decay", "number"), Column("best preset with it", "text")]
    columns += [Column("validation accuracy", "percent"), Column("training cross-entropy", "number")]
    columns += [Column("L2 penalty", "number"), Column("its share of the loss", "percent")]
    columns += [Column("norm of all weights", "number")]
    decay, label, _, loss, penalty, share, _ = next(row for row in rows if row[0] == decays[0])
    sentences = []
    if share is not None:
        sentences.append(
            f"At the smallest weight decay here, {decay:g} (preset {label}), the L2 term is {penalty:.4f} nats at the "
            f"best epoch beside a training cross-entropy of {loss:.4f}: {share:.0%} of the loss that is minimized."
        )
    smallest = max(
        (each for each in experiments if each.preset.weight_decay == decay), key=lambda each: each.mean_validation
    )
    run = _with_layers(smallest, ("gradient_norm", "weight_norm"))
    pull = _pull(run)[run.record.best_epoch - 1] if run else np.array([nan])
    if np.isfinite(pull).all():
        sentences.append(
            f"In the step after that epoch the term's own gradient, which pulls every weight to 0, is "
            f"{pull.min():.1%} to {pull.max():.1%} as large as the whole gradient, from layer to layer."
        )
    sentences += _without_decay(findings, smallest)
    arms = [smallest]
    studied = [each for each in findings if each.study.field == "weight_decay"]
    if studied:
        finding = min(studied, key=lambda each: _smallest_decay(each.study))
        arms = finding.study.arms
        tried = _smallest_decay(finding.study)
        compared = next(each for each in finding.comparisons if each.arm.preset.weight_decay == tried)
        if compared.difference:
            sentences.append(f"With {with_name(finding.study, compared.arm)}, {told(compared, finding.study)}")
    table = _table("L2", columns, rows) if len(rows) > 1 else None
    return Answer("Does a small weight decay do anything at all?", sentences, table, _losses_by_decay(arms))


def _smallest_decay(study: Study) -> float:
    return min(arm.preset.weight_decay for arm in study.arms if arm.preset.weight_decay)


def _without_decay(findings: Sequence[Finding], smallest: Experiment) -> list[str]:
    """Returns how large the weights get without weight decay and with the smallest that was tried beside it."""
    pairs = []
    for finding in findings:
        arms = {arm.preset.weight_decay: arm for arm in finding.study.arms}
        if finding.study.field == "weight_decay" and 0.0 in arms:
            decay = _smallest_decay(finding.study)
            pairs.append((decay, arms[0.0], arms[decay]))
    sentences = []
    for decay, without, tried in sorted(pairs, key=lambda pair: pair[0]):
        runs = [_with_layers(without, ("weight_norm",)), tried.seeds[0]]
        if None not in runs:
            (first, last), (first_tried, last_tried) = (_norm_of_weights(run)[[0, -1]] for run in runs)
            sentences.append(
                f"Without weight decay (preset {without.label}) the norm of all weights goes from {first:.3g} after "
                f"the first epoch to {last:.3g} after the last; with {decay:g} and all else equal (preset "
                f"{tried.label}) from {first_tried:.3g} to {last_tried:.3g}."
            )
            break
    decay, number = smallest.preset.weight_decay, smallest.numbers[0]
    if all(each > decay for each, _, _ in pairs):
        sentences.append(
            f"What {decay:g} alone does is not measured here: no preset equals preset {number} but for having no "
            f"weight decay. PRESETS[{number}].but(weight_decay=0.0) would be it."
        )
    return sentences


def _losses_by_decay(arms: Sequence[Experiment]) -> Panels:
    """Returns the two parts of the loss over the epochs, and the norm of the weights, a column a weight decay."""
    shown = [arm for arm in arms if arm.preset.weight_decay or _with_layers(arm, ("weight_norm",))][:MOST_COLUMNS]
    runs = {f"decay {arm.preset.weight_decay:g}": _with_layers(arm, ("weight_norm",)) or arm.seeds[0] for arm in shown}
    curves = {}
    for column, run in enumerate(runs.values()):
        curves[0, column] = {
            "training cross-entropy": run.curves["train cross_entropy"],
            "L2 penalty": run.curves["train l2_penalty"],
        }
        curves[1, column] = {"all weights": _norm_of_weights(run)}
    return Panels(
        "losses_weight_decay",
        "What the L2 penalty adds to the loss",
        _of_runs(runs.values()),
        ["parts of the loss, in nats", MEASURES["weight_norm"]],
        list(runs),
        curves,
    )


def _failures(experiments: Sequence[Experiment]) -> Answer | None:
    failed = {each.label: each for each in experiments if each.mean_validation < FAILED}
    if not failed:
        return None
    runs = {label: run for label, each in failed.items() if (run := _with_layers(each, FAILURE_MEASURES))}
    sentences = [
        _cause(label, runs.get(label, each.seeds[0]), label in runs)
        for label, each in list(failed.items())[:MOST_COLUMNS]
    ]
    if len(failed) > MOST_COLUMNS:
        sentences.append("The others are in the table.")
    if len(runs) < len(failed):
        sentences.append("What the layers did is not known of every run here: older versions did not record it.")
    columns = [Column("preset", "text"), Column("weight decay", "number"), Column("learning rate", "number")]
    columns += [Column("optimizer", "text"), Column("validation accuracy", "percent")]
    columns += [Column("last training cross-entropy", "number")]
    columns += [Column("norm of weights, first epoch", "number"), Column("norm of weights, last epoch", "number")]
    columns += [Column("dead hidden units, last epoch", "percent")]
    rows = []
    for label, each in failed.items():
        run, preset = runs.get(label, each.seeds[0]), each.preset
        norms = _norm_of_weights(run)
        row = [label, preset.weight_decay, preset.learning_rate, preset.optimizer, run.validation_accuracy]
        row += [float(run.curves["train cross_entropy"][-1]), norms[0], norms[-1]]
        sizes = np.array(preset.hidden_sizes)
        dead = run.layers["dead_units"][-1, :-1] @ sizes / sizes.sum() if label in runs and len(sizes) else None
        rows.append(known([*row, dead]))
    panels = None
    if runs:
        shown = dict(list(runs.items())[:MOST_COLUMNS])
        panels = of_layers(
            "layers_failed",
            "How the failed networks died" if len(failed) > 1 else "How the failed network died",
            _of_runs(shown.values()) + "\nWhat falls below 0.00000001 is not drawn: there a line ends.",
            {each: MEASURES[each] for each in FAILURE_MEASURES},
            {_what_is_extreme(label, run): run for label, run in shown.items()},
        )
    return Answer("What did the failed networks die of?", sentences, _table("Failed", columns, rows), panels)


def _cause(label: str, run: ReportedRun, is_known: bool) -> str:
    """Returns of what a failed network died, as far as its record tells, with its layers where those are known."""
    preset, norms, loss = run.preset, _norm_of_weights(run), run.curves["train cross_entropy"]
    drawn = _drawn_norm(preset)
    text = f"Preset {label} (weight decay {preset.weight_decay:g}, learning rate {preset.learning_rate:g}): "
    if run.record.status == "diverged":
        text += f"it diverged. After epoch {len(loss)} its loss was no finite number any more, and training ended."
    elif preset.weight_decay and drawn and norms[0] < 0.2 * drawn:
        text += (
            f"weight decay pressed its weights towards 0. They are drawn with a norm of about {drawn:.3g}; after the "
            f"first epoch it is {norms[0]:.2g}, after the last {norms[-1]:.2g}."
        )
        pull = float(np.median(_pull(run)[0])) if is_known else nan
        if isfinite(pull):
            text += (
                f" The decay's pull is {pull:.0%} of the gradient of a typical layer after the "
                "first epoch: the images have no say."
            )
    elif not loss[0] < THROWN:
        text += (
            f"its first steps threw it off. The cross-entropy of the first epoch is {loss[0]:,.0f} nats on average, "
            f"where taking all digits for equally likely costs {log(10):.1f}."
        )
    elif norms[0] and abs(norms[-1] / norms[0] - 1) < 0.02:
        text += (
            f"it has hardly been trained. From the first epoch to the last, the norm of its weights went from "
            f"{norms[0]:.4g} to {norms[-1]:.4g}."
        )
    else:
        text += (
            f"after the last epoch its cross-entropy is {loss[-1]:.3g} nats, and what led there its curves do not tell."
        )
    return text + (_what_is_dead(run.layers["dead_units"]) if is_known else "")


def _what_is_dead(dead: np.ndarray) -> str:
    """Returns a sentence on the units that say the same of every image: float64 [epochs, layers] of their shares."""
    if dead[-1, -1] == 1:
        alive = np.flatnonzero(dead[:, -1] < 1)
        since = int(alive[-1]) + 2 if len(alive) else 1
        return f" From epoch {since} to the last the network gives every image the same logits."
    return f" After the last epoch, {dead[-1].max():.0%} of the units of its worst layer are dead."


def _drawn_norm(preset: Preset) -> float | None:
    """Returns the norm of all weights to expect at the start; None for initializers other than the assignment's."""
    shapes = list(pairwise(preset.layer_sizes))
    if preset.weight_init == "he":
        return sqrt(sum(2 * outputs for _, outputs in shapes))
    if preset.weight_init in ("xavier", "default"):
        return sqrt(sum(2 * inputs * outputs / (inputs + outputs) for inputs, outputs in shapes))
    return None


def _what_is_extreme(label: str, run: ReportedRun) -> str:
    """Returns a heading for a narrow column: the preset, and what of it is least like the usual."""
    return f"preset {label}\ndecay {run.preset.weight_decay:g}\nrate {run.preset.learning_rate:g}"


def _of_runs(runs: Iterable[ReportedRun]) -> str:
    """Returns which runs the panels are of."""
    runs = list(runs)
    seeds = sorted({run.record.seed for run in runs})
    numbers = ", ".join(str(run.record.preset_number) for run in runs)
    presets = f"Preset {numbers}" if len(runs) == 1 else f"Presets {numbers}"
    return f"{presets}; seed {seeds[0]}." if len(seeds) == 1 else f"{presets}; a seed each."


def _with_layers(experiment: Experiment, measures: Sequence[str]) -> ReportedRun | None:
    """Returns the first of its seeds that recorded these measures of its layers in every epoch, None without one."""
    for run in experiment.seeds:
        if run.layers and all(np.isfinite(run.layers[measure]).all() for measure in measures):
            return run
    return None


def _norm_of_weights(run: ReportedRun) -> np.ndarray:
    """Returns the norm of all weight matrices together: float64 [epochs], NaN where the record does not tell."""
    if run.preset.weight_decay:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.sqrt(2 * run.curves["train l2_penalty"] / run.preset.weight_decay)
    if run.layers:
        return np.sqrt((run.layers["weight_norm"] ** 2).sum(axis=1))
    return np.full(len(run.record.epochs), nan)


def _pull(run: ReportedRun) -> np.ndarray:
    """Returns the norm of the L2 penalty's own gradient over that of the whole: float64 [epochs, layers]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return run.preset.weight_decay * run.layers["weight_norm"] / run.layers["gradient_norm"]


def _table(name: str, columns: Sequence[Column], rows: Sequence[list[Cell]]) -> DataTable:
    """Returns the table without the columns in which nothing is known."""
    places = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    return DataTable(name, [columns[place] for place in places], [[row[place] for place in places] for row in rows])


def _mean_curve(experiment: Experiment, curve: str) -> np.ndarray:
    """Returns a curve's mean over seeds, as long as the shortest: float64 [epochs]."""
    length = min(len(run.record.epochs) for run in experiment.seeds)
    return np.mean([run.curves[curve][:length] for run in experiment.seeds], axis=0)


def _at_best(experiment: Experiment, curve: Callable[[ReportedRun], np.ndarray]) -> float:
    return mean(float(curve(run)[run.record.best_epoch - 1]) for run in experiment.seeds)


def _l2_change(experiment: Experiment) -> float | None:
    """Returns by what share the L2 term changed between the first and the last epoch; None without weight decay."""
    curve = _mean_curve(experiment, "validation l2_penalty")
    return abs(float(curve[-1] / curve[0]) - 1) if curve[0] > 0 and np.isfinite(curve[-1]) else None


def _times(one: float, other: float) -> str:
    """Returns how many times as large the one is: "1.3 times as large"."""
    return f"{one / other:.2g} times as large" if other > 0 else "which has no ratio"


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
