"""The report's figures, a function each: it writes PNG and SVG and returns the SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from mnist_mlp.data.dataset import LabeledImages
from mnist_mlp.drawing.style import (
    BLUE,
    GRAY,
    PALE,
    TOP,
    VERMILION,
    WIDTH,
    accuracy_scale,
    draw,
    label_ends,
    limits_of_accuracy,
    log_scale,
    look,
    title,
)
from mnist_mlp.evaluation.mistakes import confusion_matrix, surest_mistakes
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.data_tables import interval_of_test
from mnist_mlp.report.evidence import Evidence, ReportedRun
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.importance import Ranking
from mnist_mlp.report.panels import Panels
from mnist_mlp.report.studies import Experiment, name_of

PARTS = ("train", "validation")
MIDDLE = 0.93  # accuracy beyond which a picture of all presets has its free room at the left
SMALLEST_DRAWN = 1e-8  # on a logarithmic axis of small panels: next to it, all else would be flat


def study_figure(finding: Finding, folder: Path) -> bytes:
    """Draws validation accuracy and cross-entropy over the epochs, a line a value, unsmoothed."""
    study = finding.study
    several = any(len(arm.seeds) > 1 for arm in study.arms)
    what = f"On the 5,000 validation images, by {study.title}.\nThe marker is the best epoch"
    what += "; line and band: mean and range over seeds." if several else "."

    def paint(figure: Figure) -> None:
        title(figure, finding.headline, what)
        height = figure.get_figheight()
        upper, lower = figure.subplots(2, sharex=True)
        figure.subplots_adjust(left=0.165, right=0.77, bottom=0.55 / height, top=1 - TOP / height, hspace=0.12)
        for axes, curve in ((upper, "accuracy"), (lower, "cross_entropy")):
            ends = [_study_line(axes, finding, index, f"validation {curve}") for index in range(len(study.arms))]
            axes.set_xlim(0, max(len(run.record.epochs) for arm in study.arms for run in arm.seeds) + 0.5)
            if curve == "accuracy":
                shown = np.concatenate([run.curves["validation accuracy"] for arm in study.arms for run in arm.seeds])
                accuracy_scale(axes, *limits_of_accuracy(shown))
                axes.set_ylabel("accuracy")
            else:
                log_scale(axes)
                axes.set_ylabel("loss without L2, in nats")
            axes.yaxis.set_label_coords(-0.19, 0.5)
            label_ends(axes, [end for end in ends if end], 10 if len(ends) <= 12 else 7)
        lower.set_xlabel("epoch")

    return draw(folder / study.figure, 6.6, paint)


def _study_line(axes: Axes, finding: Finding, index: int, curve: str) -> tuple[float, str, str] | None:
    """Draws one value's line, and its range over seeds; returns its last value, label and color."""
    study, arm, style = finding.study, finding.study.arms[index], look(index)
    length = min(len(run.record.epochs) for run in arm.seeds)
    values = np.array([run.curves[curve][:length] for run in arm.seeds])
    epochs, mean = np.arange(1, length + 1), values.mean(axis=0)
    axes.plot(epochs, mean, color=style.color, linestyle=style.line, linewidth=1.3)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=style.color, alpha=0.18, linewidth=0)
    if len(values) == 1:
        best = arm.seeds[0].record.best_epoch
        axes.plot(best, mean[best - 1], style.marker, color=style.color, markeredgecolor="white", markersize=7)
    label = "\n".join(textwrap.wrap(study.short_value(arm), 20))
    finite = mean[np.isfinite(mean)]
    return (float(finite[-1]), label, style.color) if len(finite) else None


def learning_figure(run: ReportedRun, folder: Path) -> bytes:
    """Draws one run's accuracy and loss over its epochs, on training and on validation images."""
    best = run.record.best_epoch
    what = f"Preset {run.record.preset_number}, seed {run.record.seed}. Training: mean over the epoch, dropout on.\n"
    what += "Validation: after the epoch, dropout off; the marker is the best epoch."

    def paint(figure: Figure) -> None:
        title(figure, f"Best after epoch {best} of {len(run.record.epochs)}", what)
        height = figure.get_figheight()
        upper, lower = figure.subplots(2, sharex=True)
        figure.subplots_adjust(left=0.165, right=0.78, bottom=0.55 / height, top=1 - TOP / height, hspace=0.12)
        epochs = np.arange(1, len(run.record.epochs) + 1)
        for axes, curve in ((upper, "accuracy"), (lower, "cross_entropy")):
            ends = []
            for index, (part, name) in enumerate((("train", "training"), ("validation", "validation"))):
                values, style = run.curves[f"{part} {curve}"], look(index)
                axes.plot(epochs, values, color=style.color, linestyle=style.line)
                if part == "validation":
                    marker = {"color": style.color, "markeredgecolor": "white", "markersize": 8}
                    axes.plot(best, values[best - 1], style.marker, **marker)
                ends += [(float(values[np.isfinite(values)][-1]), name, style.color)]
            axes.set_xlim(0, len(epochs) + 0.5)
            if curve == "accuracy":
                accuracy_scale(axes, *limits_of_accuracy(np.concatenate([run.curves[f"{p} accuracy"] for p in PARTS])))
                axes.set_ylabel("accuracy")
            else:
                log_scale(axes)
                axes.set_ylabel("loss without L2, in nats")
            axes.yaxis.set_label_coords(-0.19, 0.5)
            label_ends(axes, ends)
        lower.set_xlabel("epoch")

    return draw(folder / "learning_curve", 6.0, paint)


def overview_figure(experiments: Sequence[Experiment], folder: Path) -> bytes:
    """Draws every preset's test accuracy with its interval, and its validation accuracy beside it."""
    any_scored = any(each.scored for each in experiments)
    ordered = sorted(experiments, key=lambda each: (each.mean_test or 0.0, each.mean_validation))
    row = 0.25 if len(ordered) <= 60 else 0.14
    best = max(experiments, key=lambda each: each.mean_validation)
    finding = f"Best on validation: preset {best.label}"
    if best.mean_test is not None:
        finding += f", {best.mean_test:.2%} in the test"

    def paint(figure: Figure) -> None:
        what = "Every preset's accuracy; errors halve at equal steps to the right."
        what += "\nFilled: test, with 95% interval (square: over seeds). Open: validation." if any_scored else ""
        title(figure, finding, what)
        height = figure.get_figheight()
        axes = figure.subplots()
        figure.subplots_adjust(left=0.12, right=0.97, bottom=0.55 / height, top=1 - TOP / height)
        for place, each in enumerate(ordered):
            low, high, over = interval_of_test(each)
            axes.plot(each.mean_validation, place, "o", markersize=5, markerfacecolor="none", color=GRAY)
            if low is not None:
                axes.plot([low, high], [place, place], color=BLUE, linewidth=2, solid_capstyle="butt")
                axes.plot(each.mean_test, place, "s" if "seeds" in over else "o", color=BLUE, markersize=5.5)
        means = [value for each in ordered for value in (each.mean_validation, each.mean_test) if value is not None]
        low, high = limits_of_accuracy(means, room=1.3)  # an interval over two seeds may go on beyond the picture
        if low > MIDDLE:  # the points to the right half, so that the words have room
            low = 1 - (1 - low) ** 2 / (1 - high)
        accuracy_scale(axes, low, high, vertical=False)
        axes.set_ylim(-0.7, len(ordered) - 0.3)
        points = 8 if row > 0.2 else 6
        box = axes.get_window_extent()
        letter = 0.53 * points * figure.dpi / 72 / box.width
        for place, each in enumerate(ordered):
            shown = [axes.transData.transform((x, 0))[0] for x in _shown_accuracies(each)]
            before, after = (min(shown) - box.x0) / box.width, (box.x1 - max(shown)) / box.width
            at_left = before > after
            letters = int((max(before, after) - 0.04) / letter)
            words = described(each.preset)
            if len(words) > letters:
                words = textwrap.shorten(change_from_nearest(each, experiments), max(4, letters), placeholder=" ...")
            where = {"ha": "left" if at_left else "right", "va": "center", "transform": axes.get_yaxis_transform()}
            axes.text(0.01 if at_left else 0.99, place, words, fontsize=points, color=GRAY, **where)
        axes.set_yticks(range(len(ordered)), [each.label for each in ordered], fontsize=points + 1)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set_ylabel("preset")
        axes.set_xlabel("accuracy")

    return draw(folder / "overview", TOP + 0.6 + row * max(len(ordered), 4), paint)


def _shown_accuracies(experiment: Experiment) -> list[float]:
    low, high, _ = interval_of_test(experiment)
    return [each for each in (experiment.mean_validation, experiment.mean_test, low, high) if each is not None]


def described(preset: Preset) -> str:
    """Returns a preset in few words: its hidden layers, and what else is not the usual."""
    return _in_words(preset, ["hidden_sizes", *preset.differences(Preset(hidden_sizes=preset.hidden_sizes))])


def change_from_nearest(experiment: Experiment, experiments: Sequence[Experiment]) -> str:
    """Returns in what a preset differs from the nearest one of a lower number; what it is where there is none."""
    preset = experiment.preset
    earlier = [each for each in experiments if each.numbers < experiment.numbers]
    if not earlier:
        return described(preset)
    nearest = min(reversed(earlier), key=lambda each: len(preset.differences(each.preset)))
    return f"as {nearest.label}, but {_in_words(preset, preset.differences(nearest.preset))}"


def _in_words(preset: Preset, names: Iterable[str]) -> str:
    before = {"weight_init": "", "optimizer": "", "activation": "", "weight_decay": "L2 ", "dropout": "dropout "}
    before |= {"batch_size": "batch ", "learning_rate": "rate ", "epochs": "epochs ", "bias_init": "bias "}
    before |= {"optimizer_arguments": "", "learning_rate_schedule": "", "hidden_sizes": ""}
    words = []
    for name in names:
        value = format_field(getattr(preset, name))
        says_nothing_alone = value in ("none", "default", "constant")
        words.append((f"{name_of(name)} " if says_nothing_alone else before.get(name, f"{name_of(name)} ")) + value)
        if name == "optimizer" and preset.optimizer_arguments:
            words[-1] += f" {format_field(preset.optimizer_arguments)}"
    return ", ".join(words)


def confusion_figure(run: ReportedRun, labels: np.ndarray, folder: Path) -> bytes:
    """Draws how often each digit was taken for each."""
    picture = confusion_matrix(run.predictions, labels, _best_by_validation(run))
    return draw(folder / "confusion_matrix", *picture)


def mistakes_figure(run: ReportedRun, evidence: Evidence, folder: Path) -> bytes | None:
    """Draws the mistakes that the network was surest of; None where it made none."""
    test = LabeledImages(evidence.test_pixels, evidence.test_labels)
    picture = surest_mistakes(run.predictions, test, _best_by_validation(run))
    return draw(folder / "mistakes", *picture) if picture else None


def _best_by_validation(run: ReportedRun) -> str:
    return f"Preset {run.record.preset_number}, best run by validation"


def time_figure(experiments: Sequence[Experiment], folder: Path) -> bytes | None:
    """Draws training time against test accuracy, a point a preset; None where fewer than two are scored."""
    scored = [each for each in experiments if each.scored]
    if len(scored) < 2:
        return None
    minutes = [np.mean([run.record.training_seconds for run in each.scored]) / 60 for each in scored]
    accuracies = [each.mean_test for each in scored]
    finding, correlation = "Training time against test accuracy", ""
    if len(scored) >= 5 and len(set(accuracies)) > 1 and len(set(minutes)) > 1:
        from scipy.stats import spearmanr

        rank = float(spearmanr(minutes, accuracies).statistic)
        correlation = f"Rank correlation {rank:.2f}. "
        strength = "says little about" if abs(rank) < 0.3 else "goes along with" if rank > 0 else "goes against"
        finding = f"Training time {strength} accuracy"

    def paint(figure: Figure) -> None:
        title(
            figure,
            finding,
            f"{correlation}A point a preset, its number beside it.\nRuns that shared the machine took longer.",
        )
        height = figure.get_figheight()
        axes = figure.add_axes((0.15, 0.6 / height, 0.81, 1 - (TOP + 0.6) / height))
        axes.plot(minutes, accuracies, "o", color=BLUE, markersize=7, markeredgecolor="white")
        accuracy_scale(axes, *limits_of_accuracy(accuracies))
        axes.set_xlim(0, max(minutes) * 1.12)
        axes.set_xlabel("training time in minutes")
        axes.set_ylabel("test accuracy")
        _label_points(axes, minutes, accuracies, [each.label for each in scored])

    return draw(folder / "time_accuracy", 5.2, paint)


def _label_points(axes: Axes, xs: Sequence[float], ys: Sequence[float], labels: Sequence[str]) -> None:
    """Writes each label beside its point, left out where there is no room; the best are labeled first."""
    pixels = axes.transData.transform(np.column_stack([xs, ys]))
    scale = axes.figure.dpi / 72
    taken = [(x - 4 * scale, x + 4 * scale, y - 4 * scale, y + 4 * scale) for x, y in pixels]
    for index in np.argsort(-np.asarray(ys), kind="stable"):
        x, y = pixels[index]
        wide = 6 * scale * len(labels[index])
        for dx, dy, side in ((6, 0, "left"), (-6, 0, "right"), (0, 9, "center"), (0, -9, "center")):
            left = x + dx * scale - {"left": 0, "right": wide, "center": wide / 2}[side]
            box = (left, left + wide, y + (dy - 5) * scale, y + (dy + 5) * scale)
            own = taken[index]
            if not any(other is not own and _overlap(box, other) for other in taken):
                axes.annotate(
                    labels[index],
                    (xs[index], ys[index]),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    ha=side,
                    va="center",
                    fontsize=9,
                )
                taken.append(box)
                break


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def importance_figure(ranking: Ranking, folder: Path) -> bytes | None:
    """Draws each field's largest one-change effect and PED-ANOVA's share; None where nothing was ranked."""
    fields = [each for each in ranking.fields if each.share is not None or each.largest_effect is not None][::-1]
    if not fields:
        return None
    has_shares = any(each.share is not None for each in fields)
    strongest = fields[-1]
    name = name_of(strongest.field)
    finding = f"{name.capitalize()} changed most when changed alone"

    def paint(figure: Figure) -> None:
        what = "Left: the largest change of accuracy by this alone."
        what += "\nRight: PED-ANOVA, what sets the best quarter of presets apart." if has_shares else ""
        title(figure, finding, what)
        height = figure.get_figheight()
        panels = figure.subplots(1, 2 if has_shares else 1, sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.32, right=0.96, bottom=0.6 / height, top=1 - TOP / height, wspace=0.1)
        places = range(len(fields))
        effects = [abs(each.largest_effect or 0.0) * 100 for each in fields]
        colors = [BLUE if (each.largest_effect or 0) >= 0 else VERMILION for each in fields]
        panels[0].barh(places, effects, color=colors, height=0.55)
        for place, each in enumerate(fields):
            text = "not changed alone" if each.largest_effect is None else f"{each.largest_effect * 100:+.2f}"
            text = text.replace("-", "\N{MINUS SIGN}")
            panels[0].annotate(text, (effects[place], place), (4, 0), textcoords="offset points", va="center", size=9)
        panels[0].set_xlim(0, (max(effects) or 1) * 1.35)
        panels[0].set_xlabel("points of accuracy")
        panels[0].set_yticks(places, [name_of(each.field) for each in fields])
        panels[0].tick_params(axis="y", length=0)
        if has_shares:
            for place, each in enumerate(fields):
                if each.share is not None:
                    panels[1].plot([each.low * 100, each.high * 100], [place, place], color=GRAY, linewidth=2)
                    panels[1].plot(each.share * 100, place, "o", color=BLUE, markersize=7)
            panels[1].set_xlim(left=0)
            panels[1].set_xlabel("share, in %")
            panels[1].tick_params(axis="y", length=0)

    return draw(folder / "importance", TOP + 0.8 + 0.42 * len(fields), paint)


def model_graph(preset: Preset, label: str, folder: Path) -> bytes:
    """Draws a preset's network from pixels to logits, a bar a layer, as wide as the root of its units."""
    sizes = preset.layer_sizes
    parameters = sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))
    step = 0.78

    def paint(figure: Figure) -> None:
        decay = f"L2 weight decay {preset.weight_decay:g}" if preset.weight_decay else "no weight decay"
        dropout = f"dropout {preset.dropout:g} after each hidden layer" if preset.dropout else "no dropout"
        drawn = f"weights drawn by {preset.weight_init}, biases by {preset.bias_init}"
        what = f"{parameters:,} parameters; {drawn}.\n{dropout[0].upper()}{dropout[1:]}, {decay}."
        title(figure, f"The network of preset {label}: {preset.weight_layers} weight layers", what)
        height = figure.get_figheight()
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, height)
        for index, units in enumerate(sizes):
            y = height - TOP - 0.45 - index * step
            width = 3.0 * (units / max(sizes)) ** 0.5
            last = index == len(sizes) - 1
            color = PALE if index == 0 else VERMILION if last else BLUE
            left = WIDTH / 2 - 1.0 - width / 2
            axes.add_patch(_rounded(left, y - 0.16, width, 0.32, color))
            name = (
                "pixels (28 by 28)" if index == 0 else "logits, one a digit" if last else f"{preset.activation} units"
            )
            axes.text(WIDTH / 2 + 0.75, y, f"{units:,} {name}", va="center", fontsize=11)
            if index:
                weights = f"{sizes[index - 1]:,} by {units:,} weights"
                x = WIDTH / 2 - 1.0
                axes.annotate("", (x, y + 0.18), (x, y + step - 0.18), arrowprops={"arrowstyle": "-|>", "color": GRAY})
                axes.text(WIDTH / 2 - 0.85, y + step / 2, weights, va="center", fontsize=8.5, color=GRAY)

    return draw(folder / "model_graph", TOP + 0.9 + step * (len(sizes) - 1), paint)


def _rounded(x: float, y: float, width: float, height: float, color: str):
    from matplotlib.patches import FancyBboxPatch

    shape = f"round,pad=0,rounding_size={min(width, height) / 4}"
    return FancyBboxPatch((x, y), width, height, boxstyle=shape, facecolor=color, edgecolor="none")


def panels_figure(panels: Panels, folder: Path) -> bytes:
    """Draws small panels, their lines named below."""
    names = list(dict.fromkeys(name for lines in panels.curves.values() for name in lines))
    legend_rows = -(-len(names) // 3)
    is_share = ["share" in label for label in panels.rows]
    head = TOP - 0.18 * (1 - panels.what.count("\n")) + 0.16 * (1 + panels.columns[0].count("\n")) + 0.05

    def paint(figure: Figure) -> None:
        title(figure, panels.finding, panels.what)
        height = figure.get_figheight()
        grid = figure.subplots(len(panels.rows), len(panels.columns), sharex=True, sharey="row", squeeze=False)
        figure.subplots_adjust(
            left=0.185,
            right=0.97,
            bottom=(0.62 + 0.24 * legend_rows) / height,
            top=1 - head / height,
            hspace=0.12,
            wspace=0.1 if len(panels.columns) < 3 else 0.2,
        )
        for (row, column), lines in panels.curves.items():
            axes = grid[row, column]
            axes.tick_params(labelsize=9)
            for name, values in lines.items():
                style, epochs = look(names.index(name)), np.arange(1, len(values) + 1)
                is_drawn = np.isfinite(values) & ((values >= SMALLEST_DRAWN) | is_share[row])
                marker = style.marker if is_drawn.sum() == 1 else None
                seen = np.where(is_drawn, values, np.nan)
                axes.plot(epochs, seen, color=style.color, linestyle=style.line, marker=marker, linewidth=1.2)
        for row, label in enumerate(panels.rows):
            axes = grid[row, 0]
            if is_share[row]:
                axes.set_ylim(-0.03, 1.03)
                axes.yaxis.set_major_formatter(PercentFormatter(1))
            else:
                log_scale(axes)
            axes.set_ylabel("\n".join(textwrap.wrap(label, 20)), fontsize=10)
            axes.yaxis.set_label_coords(-0.6 / (axes.get_position().width * WIDTH), 0.5)
        longest = max(len(values) for lines in panels.curves.values() for values in lines.values())
        grid[0, 0].set_xscale("log")
        grid[0, 0].set_xlim(0.9, max(longest, 2) * 1.2)
        grid[0, 0].xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: f"{epoch:g}"))
        grid[0, 0].xaxis.set_minor_formatter(NullFormatter())
        for column, heading in enumerate(panels.columns):
            grid[0, column].set_title(heading, fontsize=10 if len(panels.columns) < 4 else 9, linespacing=1.2)
        place = (0.2 + 0.24 * legend_rows) / height
        figure.text(0.58, place, "epoch, on a logarithmic scale", ha="center", fontsize=10)
        handles = [Line2D([], [], color=look(place).color, linestyle=look(place).line) for place, _ in enumerate(names)]
        figure.legend(handles, names, loc="lower center", ncol=3, frameon=False, fontsize=10, handlelength=3)

    return draw(folder / panels.name, head + 0.78 + 0.24 * legend_rows + 1.75 * len(panels.rows), paint)
