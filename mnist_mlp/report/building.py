"""Builds the report: collects the content, draws the figures, and writes the tables and the page."""

from __future__ import annotations

from pathlib import Path

from mnist_mlp.commands import command
from mnist_mlp.disk.disk_errors import reason, remedy
from mnist_mlp.errors import WorkFailed
from mnist_mlp.report.content import ReportContent, gather
from mnist_mlp.report.csv_files import write_csv
from mnist_mlp.report.evidence import Evidence
from mnist_mlp.report.figures.registry import draw_all, remove_drawn
from mnist_mlp.report.next_steps import Trainer
from mnist_mlp.report.page import write_page
from mnist_mlp.report.report_tables import presets_table, runs_table, studies_table
from mnist_mlp.report.spreadsheet import write_workbook

PAGE_FILE = "report.html"
WORKBOOK_FILE = "my_result.xlsx"
CSV_FILES = {"Table": "my_result.csv", "Presets": "my_result_presets.csv", "Studies": "my_result_studies.csv"}


def build_report(
    runs_dir: Path,
    info_dir: Path,
    data_dir: Path,
    output_dir: Path,
    trainer: Trainer,
) -> ReportContent:
    """Writes all files of the report to the output directory and returns the content. Each file is written atomically.

    Args:
        trainer: writes the commands that the report suggests.

    Raises:
        UsageError: a directory or table cannot be read.
        WorkFailed: there are no runs to report, or a file cannot be written.
    """
    content = gather(runs_dir, info_dir, data_dir, trainer)
    if not content.evidence.runs:
        raise _no_runs(content.evidence, runs_dir)
    try:
        remove_drawn(output_dir)
        _write(content, output_dir)
    except OSError as error:
        path = Path(error.filename or output_dir)
        advice = remedy(error, path)
        if isinstance(error, PermissionError):  # Windows locks a file that is open in another program
            advice = f"close it in other programs, or {advice}"
        raise WorkFailed(f"{path} cannot be written ({reason(error)}); {advice}") from None
    return content


def _write(content: ReportContent, output_dir: Path) -> None:
    figures = draw_all(content, output_dir)
    runs, presets = runs_table(content.evidence.runs), presets_table(content.experiments)
    studies = studies_table(content.findings)
    write_workbook(runs, presets, studies, output_dir / WORKBOOK_FILE)
    for table in (runs, presets, studies):
        write_csv(table, output_dir / CSV_FILES[table.name])
    write_page(content, figures, runs, presets, output_dir / PAGE_FILE)


def _no_runs(evidence: Evidence, runs_dir: Path) -> WorkFailed:
    reasons = "".join(f"; {name}: {reason}" for name, reason in list(evidence.skipped.items())[:3])
    training = command("MNIST_train.py", runs_dir=runs_dir)
    return WorkFailed(f"{runs_dir} contains no runs to report{reasons}; train a preset first: {training}")
