"""Creates a report on all runs: an HTML page, an Excel workbook, CSV files and figures.

python for_report/make_report.py
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mnist_mlp.errors import install_error_hook

install_error_hook()

from mnist_mlp.commands import command
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.console.terminal import open_console, print_line
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.presets.loading import load_presets


def parse_arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = ArgumentParser("Creates a report on all runs: HTML page, Excel workbook, CSV files and figures.")
    parser.add_folder("--runs-dir", "runs", "directory with the runs")
    parser.add_folder("--info-dir", "INFOS", "directory with eval_log.txt and ensemble_log.txt, if they exist")
    parser.add_folder("--data-dir", "MNIST_data", "directory with the MNIST files")
    parser.add_folder("--output-dir", "for_report", "directory for the report")
    parser.add_argument("--quiet", action="store_true", help="print only errors")
    return parser.parse_args(given)


def main(given: Sequence[str] = ()) -> None:
    arguments = parse_arguments(given)
    terminal = open_console(quiet=arguments.quiet)
    require_writable_folder(arguments.output_dir, "--output-dir")
    with terminal.status("Creating the report"):
        from mnist_mlp.report.building import PAGE_FILE, build_report
        from mnist_mlp.report.next_steps import Trainer

        training = command("MNIST_train.py", runs_dir=arguments.runs_dir, info_dir=arguments.info_dir)
        folders = arguments.runs_dir, arguments.info_dir, arguments.data_dir, arguments.output_dir
        content = build_report(*folders, Trainer(training, load_presets()))

    evidence = content.evidence
    for name, reason in evidence.skipped.items():
        print_line(terminal, f"Skipped {name}: {reason}")
    for line in (*evidence.notes, *content.conclusions.sentences):
        print_line(terminal, line)
    if len(content.experiments) > 1 and not content.findings:
        print_line(terminal, "There is no study: no two of these presets differ in exactly one hyperparameter.")
    page = arguments.output_dir / PAGE_FILE
    print_line(terminal, f"Runs: {len(evidence.runs)}, studies: {len(content.findings)}. Report: {page}")


if __name__ == "__main__":
    main(sys.argv[1:])
