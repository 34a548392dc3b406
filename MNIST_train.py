"""Trains presets from hyperparameters.py on MNIST. Each run gets its own directory in runs/.

python MNIST_train.py                    train the presets in the list below
python MNIST_train.py --presets 9-13,31  train these presets instead
"""

presets = [31]  # <- edit me: preset numbers from hyperparameters.py, for example [9, 10, 11, 12, 13]

from mnist_mlp.errors import install_error_hook

install_error_hook()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mnist_mlp.commands import command
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.console.tables import presets_tables, repeats_table, results_table
from mnist_mlp.console.terminal import escape, open_console, print_line, print_marked_up
from mnist_mlp.console.training import train_jobs
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.presets.changes import lines_to_keep, parse_changes
from mnist_mlp.presets.loading import load_presets
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import MAX_THREADS, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.plan import Plan, plan_new_runs, plan_resume

PRESETS = load_presets(Path(__file__).resolve().parent)

SEED = 1602


def parse_arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = ArgumentParser("Trains presets from hyperparameters.py on MNIST.")
    parser.add_argument(
        "--presets",
        nargs="+",
        action="extend",
        metavar="LIST",
        help="preset numbers and ranges, for example 9-13,31 (default: the list in this script)",
    )
    parser.add_changes("--set", help="change a hyperparameter of all these presets, for example learning_rate=0.01")
    parser.add_whole_number("--epochs", 1, 100_000, help="number of epochs (default: set by each preset)")
    parser.add_whole_number(
        "--seed",
        0,
        2**32 - 1000,
        default=SEED,
        help="random seed for initialization, shuffling, dropout, and augmentation",
    )
    parser.add_whole_number("--repeats", 1, 1000, default=1, help="number of seeds per preset, counting up from --seed")
    parser.add_whole_number(
        "--workers",
        1,
        1000,
        help="number of runs to train in parallel (default: one per core, as memory allows; one on a GPU)",
    )
    parser.add_whole_number(
        "--threads", 1, MAX_THREADS, help="number of threads per run (default: one in a sweep, more if cores are left)"
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="train in local processes or with Ray (default: local)",
    )
    parser.add_argument("--ray-address", metavar="ADDRESS", help="address of a running Ray cluster: HOST:PORT or auto")
    parser.add_folder("--runs-dir", "runs", help="directory for the runs")
    parser.add_folder("--info-dir", "INFOS", help="directory for the log tables")
    parser.add_folder("--data-dir", "MNIST_data", help="directory with the MNIST files")
    parser.add_argument("--resume", action="store_true", help="resume the unfinished runs in --runs-dir")
    parser.add_argument(
        "--skip-done", action="store_true", help="skip every preset and seed that already has a finished run"
    )
    parser.add_argument("--quiet", action="store_true", help="print only warnings and errors")
    parser.add_argument("--list", action="store_true", help="list all presets and exit")
    arguments = parser.parse_args(given)
    arguments.changes = parse_changes(arguments.changes)
    changes_runs = arguments.changes or arguments.epochs is not None or arguments.repeats != 1 or arguments.threads
    if arguments.resume and (changes_runs or arguments.skip_done):
        raise UsageError("--resume cannot be combined with --set, --epochs, --repeats, --threads, or --skip-done")
    if "epochs" in arguments.changes and arguments.epochs is not None:
        raise UsageError("--epochs and --set epochs=... set the same hyperparameter; use one of them")
    if arguments.ray_address and arguments.engine != "ray":
        raise UsageError("--ray-address requires --engine ray")
    return arguments


def chosen_presets(arguments: argparse.Namespace) -> dict[int, Preset]:
    return PRESETS.select(presets if arguments.presets is None else " ".join(arguments.presets))


def plan_runs(arguments: argparse.Namespace) -> Plan:
    chosen = chosen_presets(arguments)
    if arguments.resume and not arguments.runs_dir.exists():
        raise UsageError(f"--resume: the runs directory {arguments.runs_dir} does not exist; choose another --runs-dir")
    require_writable_folder(arguments.runs_dir, "--runs-dir")
    require_writable_folder(arguments.info_dir, "--info-dir")
    if arguments.resume:
        return plan_resume(arguments.runs_dir, PRESETS, numbers=chosen if arguments.presets else None)
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    skip_done_in = arguments.runs_dir if arguments.skip_done else None
    return plan_new_runs(
        chosen, seeds, arguments.epochs, skip_done_in, changes=arguments.changes, threads=arguments.threads
    )


def train(jobs: list[Job], arguments: argparse.Namespace, terminal: Console) -> list[RunFolder]:
    folders = arguments.runs_dir, arguments.info_dir, arguments.data_dir
    return train_jobs(jobs, terminal, *folders, arguments.engine, arguments.workers, arguments.ray_address)


def print_results(runs: list[RunFolder], terminal: Console) -> None:
    terminal.print()
    terminal.print(results_table(sorted(runs, key=lambda run: (run.record.preset_name, run.record.seed))))
    finished = [run.record for run in runs if run.record.status is RunStatus.FINISHED]
    validated = [(record, record.best_validation_accuracy) for record in finished if not record.preset.final_fit]
    if repeats := repeats_table(validated, "validation accuracy"):
        terminal.print("\nPresets with several seeds (the intervals are over seeds):", repeats, sep="\n")


def print_next_steps(arguments: argparse.Namespace, terminal: Console) -> None:
    scoring = command("MNIST_eval.py", runs_dir=arguments.runs_dir, info_dir=arguments.info_dir)
    showing = command("tensorboard_run.py", runs_dir=arguments.runs_dir)
    print_marked_up(terminal, f"\nEvaluate on the test set: [bold]{escape(scoring)}[/bold]")
    print_marked_up(terminal, f"View in TensorBoard:      [bold]{escape(showing)}[/bold]")
    if arguments.changes and (lines := lines_to_keep(PRESETS, chosen_presets(arguments), arguments.changes)):
        print_line(terminal, "To keep a changed preset, add its line to hyperparameters.py:")
        for line in lines:
            print_line(terminal, f"    {line}")


def main(given: Sequence[str] = ()) -> None:
    """Trains presets.

    Args:
        given: command-line options. The default is none: a notebook that calls `main()` has a command line of its own.
    """
    arguments = parse_arguments(given)
    terminal = open_console(arguments.quiet)
    if arguments.list:
        terminal.print(*presets_tables(PRESETS, terminal.width), sep="\n")
        return
    plan = plan_runs(arguments)
    for warning in plan.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    if not plan.jobs and not plan.lost:
        reason = "no unfinished runs" if arguments.resume else "finished runs of all selected presets"
        terminal.print(f"Nothing to train: {arguments.runs_dir} contains {reason}.")
        return
    runs = plan.lost + train(plan.jobs, arguments, terminal)
    print_results(runs, terminal)
    failed = [f"{run.name} ({run.record.reason})" for run in runs if run.record.status is RunStatus.FAILED]
    if failed:
        raise WorkFailed(f"{len(failed)} of {len(runs)} runs failed: {', '.join(failed)}")
    print_next_steps(arguments, terminal)


if __name__ == "__main__":
    main(sys.argv[1:])
