"""Builds the whole report: evidence -> studies -> tables, figures, workbook, page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mnist_mlp.commands import command
from mnist_mlp.errors import WorkFailed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report import figures
from mnist_mlp.report.conclusions import Conclusions, conclude
from mnist_mlp.report.csv_files import write_csv
from mnist_mlp.report.data_tables import presets_table, runs_table, studies_table
from mnist_mlp.report.evidence import Evidence, read_evidence
from mnist_mlp.report.findings import Finding, deviation_by_stand_in, find, spread_over_seeds
from mnist_mlp.report.importance import Ranking, rank
from mnist_mlp.report.page import PageContent, write_page
from mnist_mlp.report.questions import answers
from mnist_mlp.report.spreadsheet import write_workbook
from mnist_mlp.report.studies import FIGURES, Experiment, find_experiments, find_studies

CSV_FILES = {"Table": "my_result.csv", "Presets": "my_result_presets.csv", "Studies": "my_result_studies.csv"}


@dataclass(frozen=True)
class Report:
    """What was built."""

    evidence: Evidence
    conclusions: Conclusions
    findings: list[Finding]
    page: Path


def build_report(runs_dir: Path, info_dir: Path, data_dir: Path, output_dir: Path) -> Report:
    """Writes every file of the report into the output folder, each whole.

    Raises:
        UsageError: a folder or table cannot be read.
        WorkFailed: there is no run, or a file cannot be written.
    """
    evidence = read_evidence(runs_dir, info_dir, data_dir)
    if not evidence.runs:
        reasons = "".join(f"; {name}: {reason}" for name, reason in list(evidence.skipped.items())[:3])
        training = command("MNIST_train.py", runs_dir=runs_dir)
        raise WorkFailed(f"{runs_dir} holds no run to report{reasons}; train one first: {training}")
    experiments = find_experiments(evidence.runs)
    spread = spread_over_seeds(experiments)
    findings = [find(study, spread) for study in find_studies(experiments)]
    ranking = rank(experiments, findings)
    conclusions = conclude(experiments, findings, spread)
    tables = {
        each.name: each for each in (runs_table(evidence.runs), presets_table(experiments), studies_table(findings))
    }
    try:
        _remove_old_figures(output_dir)
        drawn = _draw(evidence, experiments, findings, ranking, conclusions, output_dir)
        given = answers(experiments, findings)
        for panels in (answer.panels for answer in given if answer.panels):
            drawn[panels.name] = figures.panels_figure(panels, output_dir)
        write_workbook(list(tables.values()), output_dir / "my_result.xlsx")
        for name, table in tables.items():
            write_csv(table, output_dir / CSV_FILES[name])
        page = output_dir / "report.html"
        by_stand_in = deviation_by_stand_in(experiments)
        write_page(
            PageContent(evidence, conclusions, findings, ranking, given, spread, by_stand_in, drawn, tables), page
        )
    except OSError as error:
        place = error.filename or output_dir
        raise WorkFailed(f"{place} cannot be written ({error.strerror or error}); close it or make room") from None
    return Report(evidence, conclusions, findings, page)


def _draw(
    evidence: Evidence,
    experiments: list[Experiment],
    findings: list[Finding],
    ranking: Ranking,
    conclusions: Conclusions,
    folder: Path,
) -> dict[str, bytes]:
    """Draws what there is something to draw for; returns the SVG by name."""
    drawn: dict[str, bytes | None] = {each.study.figure: figures.study_figure(each, folder) for each in findings}
    if conclusions.best:
        drawn["learning_curve"] = figures.learning_figure(conclusions.best_run, folder)
        drawn["overview"] = figures.overview_figure(experiments, folder)
        drawn["model_graph"] = figures.model_graph(conclusions.best.preset, conclusions.best.label, folder)
        drawn["time_accuracy"] = figures.time_figure(experiments, folder)
        drawn["importance"] = figures.importance_figure(ranking, folder)
        if conclusions.best_run.right is not None:
            drawn["confusion_matrix"] = figures.confusion_figure(conclusions.best_run, evidence.test_labels, folder)
            drawn["mistakes"] = figures.mistakes_figure(conclusions.best_run, evidence, folder)
    return {name: svg for name, svg in drawn.items() if svg is not None}


def _remove_old_figures(folder: Path) -> None:
    """Removes what an earlier report has drawn, lest a study that is no more seems to be one still."""
    studies = "|".join({"width", *(FIGURES.get(field, field) for field in Preset.field_names())})
    others = "overview|learning_curve|model_graph|time_accuracy|importance|confusion_matrix|mistakes"
    others += "|layers_weight_init|layers_optimizer|layers_failed|losses_weight_decay"
    ours = re.compile(rf"(({studies})(_\d+)?|{others})\.(png|svg)")
    for path in folder.iterdir():
        if ours.fullmatch(path.name):
            path.unlink(missing_ok=True)  # another report may have been faster
