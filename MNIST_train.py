"""Trains the presets chosen below, each into a folder of its own in runs/.

python MNIST_train.py                    the presets of the list below
python MNIST_train.py --presets 9-13,31  these instead
"""

import sys
from functools import partial

from mnist_mlp.commands import command
from mnist_mlp.console.command_line import ArgumentParser, console, escape
from mnist_mlp.console.tables import repeats_table, results_table
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.files import require_writable_folder
from mnist_mlp.presets.preset import refusal
from mnist_mlp.sweep.engines import Job, WorkerProcesses, in_this_process
from mnist_mlp.sweep.resume import done_runs, unfinished_runs
from mnist_mlp.sweep.schedule import fitting_workers, longest_first
from mnist_mlp.sweep.signals import Interruption

from hyperparameters import PRESETS, select

presets = [31]  # <- edit me: numbers from hyperparameters.py, such as [9, 10, 11, 12, 13]

SEED = 1602


def parse_arguments():
    parser = ArgumentParser("Trains presets of hyperparameters.py on MNIST.")
    parser.add_argument(
        "--presets", metavar="LIST", help="numbers and ranges such as 9-13,31, instead of the script's list"
    )
    parser.add_argument("--epochs", type=int, help="for every preset, instead of its own number")
    parser.add_argument(
        "--seed", type=int, default=SEED, help=f"decides initial weights, shuffles, dropout, deformations ({SEED})"
    )
    parser.add_argument("--repeats", type=int, default=1, help="train every preset with this many seeds (1)")
    parser.add_argument("--workers", type=int, help="presets trained side by side (as is fastest here)")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="where to train (local)")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="of a running Ray cluster, HOST:PORT or auto")
    parser.add_folder("--runs-dir", "runs", "each run becomes a folder in it")
    parser.add_folder("--info-dir", "INFOS", "the text logs grow in it")
    parser.add_folder("--data-dir", "MNIST_data", "holds MNIST's four files")
    parser.add_argument("--resume", action="store_true", help="finish the unfinished runs of the runs folder")
    parser.add_argument("--skip-done", action="store_true", help="leave out what has been trained to its end already")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--list", action="store_true", help="print all presets and train nothing")
    return parser.parse_args()


def engine_for(jobs, arguments):
    if arguments.engine == "ray":
        from mnist_mlp.sweep.ray_engine import RayTasks

        return RayTasks(arguments.ray_address, arguments.workers, arguments.data_dir)
    workers = min(arguments.workers or fitting_workers(jobs), len(jobs))
    if workers > 1:
        return WorkerProcesses(workers, arguments.data_dir)
    return partial(in_this_process, data_dir=arguments.data_dir)


def main():
    arguments = parse_arguments()
    terminal = console(arguments.quiet)
    if arguments.list:
        terminal.print(PRESETS.table(terminal.width))
        return
    if arguments.resume and (arguments.epochs is not None or arguments.repeats != 1 or arguments.skip_done):
        raise UsageError(
            "--resume goes on with runs as they were begun; it takes no --epochs, --repeats or --skip-done"
        )
    chosen = select(presets if arguments.presets is None else arguments.presets)
    if arguments.epochs is not None:
        chosen = {number: preset.but(epochs=arguments.epochs) for number, preset in chosen.items()}
    most = {"seed": 2**32 - 1000, "repeats": 1000, "workers": 1000}
    for option, least in (("seed", 0), ("repeats", 1), ("workers", 1)):
        value = getattr(arguments, option)
        if value is not None and not least <= value <= most[option]:
            raise refusal(f"--{option}", value, f"a whole number from {least} to {most[option]}")
    if arguments.ray_address and arguments.engine != "ray":
        raise UsageError("--ray-address needs --engine ray")
    require_writable_folder(arguments.runs_dir, "--runs-dir")
    require_writable_folder(arguments.info_dir, "--info-dir")

    lost = []
    if arguments.resume:
        unfinished = unfinished_runs(arguments.runs_dir, PRESETS, chosen if arguments.presets else None)
        for warning in unfinished.warnings:
            print(f"Warning: {warning}", file=sys.stderr)
        jobs, lost = unfinished.jobs, unfinished.lost
    else:
        seeds = range(arguments.seed, arguments.seed + arguments.repeats)
        jobs = [Job(number, preset, seed) for number, preset in chosen.items() for seed in seeds]
    if arguments.skip_done:
        done = done_runs(arguments.runs_dir)
        jobs = [job for job in jobs if (job.preset, job.seed) not in done]
    if not jobs and not lost:
        terminal.print(f"Nothing is left to train: all of it is done in {arguments.runs_dir}.")
        return
    jobs = longest_first(jobs)
    interruption = Interruption(terminal)
    with terminal.status("Starting TensorFlow"):  # seconds, so only once there is something to train
        engine = engine_for(jobs, arguments)
        from mnist_mlp.console.progress import SweepProgress
        from mnist_mlp.sweep.sweep import run_sweep

    with SweepProgress(terminal, jobs) as progress:
        runs = lost + run_sweep(jobs, engine, arguments.runs_dir, arguments.info_dir, progress, interruption)

    terminal.print()
    terminal.print(results_table(runs))
    ended_well = [run.record for run in runs if run.record.status == "finished"]
    validated = ((each, each.best_validation_accuracy) for each in ended_well if not each.preset.final_fit)
    repeats = repeats_table(validated, "validation accuracy")
    if repeats:
        terminal.print("\nOver the seeds of a preset:", repeats, sep="\n")
    failed = [f"{run.name} ({run.record.reason})" for run in runs if run.record.status == "failed"]
    if failed:
        raise WorkFailed(f"{len(failed)} of {len(runs)} runs failed: {', '.join(failed)}")
    scoring = command("MNIST_eval.py", runs_dir=arguments.runs_dir, info_dir=arguments.info_dir)
    showing = command("tensorboard_run.py", runs_dir=arguments.runs_dir)
    terminal.print(f"\nNext: [bold]{escape(scoring)}[/bold] scores the runs on the test set,", soft_wrap=True)
    terminal.print(f"      [bold]{escape(showing)}[/bold] shows how they went.", soft_wrap=True)


if __name__ == "__main__":
    main()
