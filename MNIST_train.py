"""Trains the presets chosen below, each into its own folder in runs/.

python MNIST_train.py                    the presets of the list below
python MNIST_train.py --presets 9-13,31  these instead
"""

presets = [31]  # <- edit me: numbers from hyperparameters.py, such as [9, 10, 11, 12, 13]

from mnist_mlp.errors import install_error_hook

install_error_hook()

import argparse
import sys

from rich.console import Console

from mnist_mlp.commands import command
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.console.tables import presets_tables, repeats_table, results_table
from mnist_mlp.console.terminal import escape, open_console
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.files import require_writable_folder
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.engines import choose_engine
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.plan import Plan, plan_new_runs, plan_resume
from mnist_mlp.sweep.signals import Interruption

from hyperparameters import PRESETS

SEED = 1602


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Trains presets of hyperparameters.py on MNIST.")
    parser.add_argument(
        "--presets", metavar="LIST", help="numbers and ranges such as 9-13,31, instead of the script's list"
    )
    parser.add_argument("--epochs", type=int, help="epochs of every preset, instead of its own")
    parser.add_whole_number(
        "--seed", 0, 2**32 - 1000, default=SEED, help="decides initial weights, shuffles, dropout, deformations"
    )
    parser.add_whole_number("--repeats", 1, 1000, default=1, help="number of seeds to train every preset with")
    parser.add_whole_number("--workers", 1, 1000, help="presets trained side by side (default: one per core)")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="where to train (default: local)")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="of a running Ray cluster, HOST:PORT or auto")
    parser.add_folder("--runs-dir", "runs", help="each run becomes a folder in it")
    parser.add_folder("--info-dir", "INFOS", help="text logs are appended in it")
    parser.add_folder("--data-dir", "MNIST_data", help="holds MNIST's four files")
    parser.add_argument("--resume", action="store_true", help="continue the unfinished runs of the runs folder")
    parser.add_argument("--skip-done", action="store_true", help="skip finished runs")
    parser.add_argument("--quiet", action="store_true", help="print only errors")
    parser.add_argument("--list", action="store_true", help="print all presets and train nothing")
    arguments = parser.parse_args()
    if arguments.resume and (arguments.epochs is not None or arguments.repeats != 1 or arguments.skip_done):
        raise UsageError("--resume continues runs as they were started; it takes no --epochs, --repeats or --skip-done")
    if arguments.ray_address and arguments.engine != "ray":
        raise UsageError("--ray-address needs --engine ray")
    return arguments


def plan_runs(arguments: argparse.Namespace) -> Plan:
    chosen = PRESETS.select(presets if arguments.presets is None else arguments.presets)
    require_writable_folder(arguments.runs_dir, "--runs-dir")
    require_writable_folder(arguments.info_dir, "--info-dir")
    if arguments.resume:
        return plan_resume(arguments.runs_dir, PRESETS, numbers=chosen if arguments.presets else None)
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    skip_done_in = arguments.runs_dir if arguments.skip_done else None
    return plan_new_runs(chosen, seeds, arguments.epochs, skip_done_in)


def train(jobs: list[Job], arguments: argparse.Namespace, terminal: Console) -> list[RunFolder]:
    interruption = Interruption(terminal.print, terminal.show_cursor)
    with terminal.status("Starting TensorFlow"):  # takes seconds, so only once there is something to train
        engine = choose_engine(arguments.engine, jobs, arguments.workers, arguments.ray_address, arguments.data_dir)
        from mnist_mlp.console.progress import SweepProgress
        from mnist_mlp.sweep.sweep import run_sweep

    with SweepProgress(terminal, jobs) as progress:
        return run_sweep(jobs, engine, arguments.runs_dir, arguments.info_dir, progress, interruption)


def print_results(runs: list[RunFolder], terminal: Console) -> None:
    terminal.print()
    terminal.print(results_table(runs))
    finished = [run.record for run in runs if run.record.status is RunStatus.FINISHED]
    validated = [(record, record.best_validation_accuracy) for record in finished if not record.preset.final_fit]
    if repeats := repeats_table(validated, "validation accuracy"):
        terminal.print("\nOver the seeds of a preset:", repeats, sep="\n")


def print_next_steps(arguments: argparse.Namespace, terminal: Console) -> None:
    scoring = command("MNIST_eval.py", runs_dir=arguments.runs_dir, info_dir=arguments.info_dir)
    showing = command("tensorboard_run.py", runs_dir=arguments.runs_dir)
    terminal.print(f"\nNext: [bold]{escape(scoring)}[/bold] scores the runs on the test set,", soft_wrap=True)
    terminal.print(f"      [bold]{escape(showing)}[/bold] shows how they went.", soft_wrap=True)


def main() -> None:
    arguments = parse_arguments()
    terminal = open_console(arguments.quiet)
    if arguments.list:
        terminal.print(*presets_tables(PRESETS, terminal.width), sep="\n")
        return
    plan = plan_runs(arguments)
    for warning in plan.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    if not plan.jobs and not plan.lost:
        terminal.print(f"Nothing to train: all of it is finished in {arguments.runs_dir}.")
        return
    runs = plan.lost + train(plan.jobs, arguments, terminal)
    print_results(runs, terminal)
    failed = [f"{run.name} ({run.record.reason})" for run in runs if run.record.status is RunStatus.FAILED]
    if failed:
        raise WorkFailed(f"{len(failed)} of {len(runs)} runs failed: {', '.join(failed)}")
    print_next_steps(arguments, terminal)


if __name__ == "__main__":
    main()
