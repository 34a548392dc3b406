"""Evaluates finished runs on the 10,000 MNIST test images, using the best checkpoint of each run.

Writes the predictions to test_predictions.npz in the run directory, the accuracy to INFOS/eval_log.txt, and the
confusion matrix and the most confident mistakes to TensorBoard. For runs that have not changed since they were
evaluated, it uses the stored predictions.

python MNIST_eval.py                        all runs
python MNIST_eval.py --all                  all runs, without using stored predictions
python MNIST_eval.py 1795499400_preset31    one run (rows of other runs in eval_log.txt are kept)
python MNIST_eval.py --ensemble RUN RUN     also evaluate these runs as an ensemble (see INFOS/ensemble_log.txt)
python MNIST_eval.py RUN --export DIR       only write the run's best network to DIR as a TensorFlow SavedModel
"""

from mnist_mlp.errors import install_error_hook

install_error_hook()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mnist_mlp.commands import command, typed_path
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.console.tables import repeats_table, scores_table
from mnist_mlp.console.terminal import escape, open_console, print_line
from mnist_mlp.disk.disk_errors import explained
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.evaluation.score_tables import EVAL_LOG_FILE, read_ensemble_log, read_eval_log
from mnist_mlp.runs.run_folder import FoundRuns, find_runs


def parse_arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = ArgumentParser("Evaluates finished runs on the MNIST test set.")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names of the runs to evaluate (default: all)")
    parser.add_argument(
        "--all",
        action="store_true",
        help="evaluate all of these runs again, even those that have not changed since they were evaluated",
    )
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="also evaluate these runs as an ensemble (mean of their class probabilities)",
    )
    parser.add_argument(
        "--export",
        type=typed_path,
        metavar="DIR",
        help="only write the best network of one run to this new or empty directory, as a TensorFlow SavedModel",
    )
    parser.add_folder("--runs-dir", "runs", help="directory with the runs")
    parser.add_folder("--info-dir", "INFOS", help="directory for eval_log.txt and ensemble_log.txt")
    parser.add_folder("--data-dir", "MNIST_data", help="directory with the MNIST files")
    return parser.parse_args(given)


def find_runs_to_score(arguments: argparse.Namespace) -> FoundRuns:
    found = find_runs(arguments.runs_dir, arguments.runs)
    if not found.names:
        training = command("MNIST_train.py", runs_dir=arguments.runs_dir)
        raise WorkFailed(f"{arguments.runs_dir} contains no runs; train a preset first: {training}")
    if arguments.ensemble and len(found.names) < 2:
        raise UsageError("--ensemble needs at least two runs; name or train another one")
    spaced = [name for name in found.names if arguments.ensemble and " " in name]
    if spaced:
        raise UsageError(f"--ensemble: run name {spaced[0]!r} contains a space; rename the directory")
    return found


def export(arguments: argparse.Namespace, found: FoundRuns, terminal: Console) -> None:
    """Exports the best network of the only run that was found."""
    if arguments.ensemble or arguments.all or len(found.names) != 1:
        raise UsageError("--export writes one network; name one run, and leave out --ensemble and --all")
    for name, reason in found.skipped.items():
        raise WorkFailed(f"{name} cannot be exported: {reason}")
    require_empty_folder(arguments.export)
    with terminal.status("Starting TensorFlow"):
        from mnist_mlp.evaluation.export import export_best_model

    (run,) = found.runs
    description = export_best_model(run, arguments.export)
    print_line(terminal, f"Exported {run.name} to {arguments.export} ({description})")


def require_empty_folder(folder: Path) -> None:
    require_writable_folder(folder, "--export")
    try:
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"cannot read {folder} {explained(error, folder)}, or choose another directory with --export"
        ) from None
    if not is_empty:
        raise UsageError(f"--export: {folder} is not empty; choose a new directory")


def require_tables(arguments: argparse.Namespace) -> None:
    """Checks before the evaluation that the score tables can be read and written."""
    require_writable_folder(arguments.info_dir, "--info-dir")
    if arguments.runs:
        read_eval_log(arguments.info_dir)
    if arguments.ensemble:
        read_ensemble_log(arguments.info_dir)


def main(given: Sequence[str] = ()) -> None:
    arguments = parse_arguments(given)
    terminal = open_console()
    found = find_runs_to_score(arguments)
    if arguments.export:
        export(arguments, found, terminal)
        return
    require_tables(arguments)
    from mnist_mlp.evaluation.evaluate import evaluate  # imports SciPy

    with terminal.status("Evaluating") as status:
        evaluation = evaluate(
            found,
            arguments.data_dir,
            arguments.info_dir,
            only_these=bool(arguments.runs),
            again=arguments.all,
            ensemble=arguments.ensemble,
            say=lambda line: print_line(terminal, line),
            show=lambda activity: status.update(escape(activity)),
        )
    terminal.print(scores_table(evaluation.scored, evaluation.ensemble))
    accuracies = [(scored_run.run.record, scored_run.score.accuracy) for scored_run in evaluation.scored]
    if repeats := repeats_table(accuracies, "test accuracy"):
        terminal.print("\nPresets with several seeds (the intervals are over seeds):", repeats, sep="\n")
    reporting = command("for_report/make_report.py", runs_dir=arguments.runs_dir, info_dir=arguments.info_dir)
    print_line(terminal, f"\nThe scores are in {arguments.info_dir / EVAL_LOG_FILE}. Create the report: {reporting}")
    if arguments.ensemble and not evaluation.ensemble:
        raise WorkFailed(
            "ensemble not evaluated: it needs at least two runs, and none of the named runs may be skipped"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
