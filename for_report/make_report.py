"""Turns runs/ and INFOS/ into a report: a page, a workbook, CSV files and figures, in this folder.

python for_report/make_report.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mnist_mlp.console.command_line import ArgumentParser, console, escape
from mnist_mlp.files import require_writable_folder


def parse_arguments():
    parser = ArgumentParser("Makes a report of every run: report.html, my_result.xlsx, CSV files and figures.")
    parser.add_folder("--runs-dir", "runs", "the folder of the runs")
    parser.add_folder("--info-dir", "INFOS", "holds eval_log.txt, if the runs are scored")
    parser.add_folder("--data-dir", "MNIST_data", "holds MNIST's four files")
    parser.add_folder("--output-dir", "for_report", "the report is written in it")
    parser.add_argument("--quiet", action="store_true", help="print nothing unless something fails")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    terminal = console(quiet=arguments.quiet)
    require_writable_folder(arguments.output_dir, "--output-dir")
    with terminal.status("Making the report"):
        from mnist_mlp.report.building import build_report

        report = build_report(arguments.runs_dir, arguments.info_dir, arguments.data_dir, arguments.output_dir)

    for name, reason in report.evidence.skipped.items():
        terminal.print(f"Skipped {escape(name)}: {escape(reason)}", soft_wrap=True)
    for note in report.evidence.notes:
        terminal.print(escape(note), soft_wrap=True)
    for sentence in report.conclusions.sentences:
        terminal.print(escape(sentence), soft_wrap=True)
    terminal.print(
        f"Runs: {len(report.evidence.runs)}, studies: {len(report.findings)}; open {escape(str(report.page))}"
    )


if __name__ == "__main__":
    main()
