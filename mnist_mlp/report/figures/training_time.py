"""Figure: test accuracy vs. training time, one point per preset."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from mnist_mlp.drawing.labels import label_points
from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy
from mnist_mlp.drawing.style import BLUE, TOP, Picture, title
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.registry import Section, figure

MIN_FOR_CORRELATION = 5  # minimum number of presets for a correlation
WEAK = 0.3  # smaller rank correlations are called weak


@figure(
    "time_accuracy",
    alt="Test accuracy vs. training time, one point per preset",
    section=Section.RUNS,
    is_in_text=True,
)
def training_time(content: ReportContent) -> Picture | None:
    """Returns the figure, or None if fewer than two presets are scored."""
    scored = [experiment for experiment in content.experiments if experiment.scored]
    if len(scored) < 2:
        return None
    minutes = [
        sum(run.record.training_seconds for run in experiment.scored) / len(experiment.scored) / 60
        for experiment in scored
    ]
    accuracies = [experiment.mean_test for experiment in scored]
    headline, correlation = _correlation(minutes, accuracies)
    subtitle = f"{correlation}Each point is a preset, labeled with its number."
    subtitle += "\nRuns that shared the machine with other jobs took longer."

    def paint(figure: Figure) -> None:
        title(figure, headline, subtitle)
        height = figure.get_figheight()
        axes = figure.add_axes((0.15, 0.6 / height, 0.81, 1 - (TOP + 0.6) / height))
        axes.plot(minutes, accuracies, "o", color=BLUE, markersize=7, markeredgecolor="white")
        accuracy_scale(axes, *limits_of_accuracy(accuracies))
        axes.set_xlim(0, max(minutes) * 1.12)
        axes.set_xlabel("training time (minutes)")
        axes.set_ylabel("test accuracy")
        label_points(axes, minutes, accuracies, [experiment.label for experiment in scored])

    return Picture(5.2, paint)


def _correlation(minutes: Sequence[float], accuracies: Sequence[float]) -> tuple[str, str]:
    """Returns a headline and the rank correlation as text; the text is "" if there are too few points."""
    if len(minutes) < MIN_FOR_CORRELATION or len(set(accuracies)) < 2 or len(set(minutes)) < 2:
        return "Test accuracy vs. training time", ""
    from scipy.stats import spearmanr

    rank = float(spearmanr(minutes, accuracies).statistic)
    headline = f"Accuracy {'rises' if rank > 0 else 'falls'} with training time"
    if abs(rank) < WEAK:
        headline = "Accuracy and training time are weakly correlated"
    return headline, f"Rank correlation {rank:.2f}. "
