"""Scores every finished run of runs/ on the 10,000 test images, with its best checkpoint and dropout off.

Its answer to each image goes to test_predictions.npz in the run's folder, its accuracy to INFOS/eval_log.txt, and the
confusion matrix and the surest mistakes to TensorBoard.

python MNIST_eval.py                        all runs
python MNIST_eval.py 1795499400_preset31    only this one (the others keep their rows in eval_log.txt)
python MNIST_eval.py --ensemble RUN RUN     also the mean of these runs' probabilities (to INFOS/ensemble_log.txt)
"""

from mnist_mlp.commands import command
from mnist_mlp.console.command_line import ArgumentParser, console, escape
from mnist_mlp.console.tables import repeats_table, scores_table
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.files import require_writable_folder
from mnist_mlp.runs.info_tables import ENSEMBLE_COLUMNS, EVAL_COLUMNS, log_ensemble, read_table, write_eval_log
from mnist_mlp.runs.run_folder import InvalidRun, scan


def parse_arguments():
    parser = ArgumentParser("Scores every finished run on MNIST's test set, and writes eval_log.txt.")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names of the runs to score; all where none is given")
    parser.add_argument(
        "--ensemble", action="store_true", help="also score the mean of all these runs' probabilities, as one network"
    )
    parser.add_folder("--runs-dir", "runs", "the folder of the runs")
    parser.add_folder("--info-dir", "INFOS", "eval_log.txt is written in it")
    parser.add_folder("--data-dir", "MNIST_data", "holds MNIST's four files")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    terminal = console()
    found = list(scan(arguments.runs_dir, arguments.runs))
    if not found:
        training = command("MNIST_train.py", runs_dir=arguments.runs_dir)
        raise WorkFailed(f"{arguments.runs_dir} holds no run; train one first: {training}")
    if arguments.ensemble and len(found) < 2:
        raise UsageError("--ensemble needs at least two runs; name another, or train another")
    spaced = [name for name, _ in found if arguments.ensemble and " " in name]
    if spaced:
        raise UsageError(f"--ensemble: {spaced[0]!r} has a space in its name, which separates runs; rename the folder")
    require_writable_folder(arguments.info_dir, "--info-dir")
    eval_log, ensemble_log = (arguments.info_dir / name for name in ("eval_log.txt", "ensemble_log.txt"))
    named = {name for name, _ in found} if arguments.runs else None
    # A table that cannot be kept is refused before minutes of work.
    if named:
        read_table(eval_log, EVAL_COLUMNS)
    if arguments.ensemble:
        read_table(ensemble_log, ENSEMBLE_COLUMNS)

    with terminal.status("Starting TensorFlow"):
        from mnist_mlp.data.dataset import load_test_data
        from mnist_mlp.data.deskewing import as_seen_by
        from mnist_mlp.evaluation.events import write_evaluation
        from mnist_mlp.evaluation.scoring import load_best_model, logits_of, logits_of_ensemble, score
    test_data = load_test_data(arguments.data_dir)

    scored, skipped, logits = [], {}, []
    with terminal.status("Scoring") as status:
        for name, run in found:
            status.update(f"Scoring {escape(name)}")
            try:
                if isinstance(run, InvalidRun):
                    raise run
                of_run = logits_of(load_best_model(run), as_seen_by(run.record.preset, test_data))
                result, predictions = score(of_run, test_data.labels)
                predictions.save(run.path)
                write_evaluation(run, predictions, test_data)
                scored.append((result, run))
                logits.append(of_run)
            except InvalidRun as reason:
                skipped[name] = reason
            except OSError as error:
                raise WorkFailed(
                    f"{run.path} cannot be written ({error.strerror or error}); make room there or make it writable"
                ) from None

    for name, reason in skipped.items():
        terminal.print(f"Skipped {escape(name)}: {escape(str(reason))}", soft_wrap=True)
    if not scored:
        raise WorkFailed(f"no run of {arguments.runs_dir} could be scored")
    rows = [
        {
            "run": run.name,
            "preset": run.record.preset_number,
            "seed": run.record.seed,
            "test_accuracy": result.accuracy,
            "test_loss": result.loss,
        }
        for result, run in scored
    ]
    ensemble = None
    if arguments.ensemble and len(scored) > 1 and not (named and skipped):
        ensemble, _ = score(logits_of_ensemble(logits), test_data.labels)
    try:
        write_eval_log(eval_log, rows, named)
        if ensemble:
            log_ensemble(ensemble_log, [run.name for _, run in scored], ensemble.accuracy, ensemble.loss)
    except OSError as error:
        raise WorkFailed(
            f"{arguments.info_dir} cannot be written ({error.strerror or error}); make room there"
        ) from None
    terminal.print(scores_table(scored, ensemble))
    repeats = repeats_table(((run.record, result.accuracy) for result, run in scored), "test accuracy")
    if repeats:
        terminal.print("\nOver the seeds of a preset:", repeats, sep="\n")
    if arguments.ensemble and not ensemble:
        raise WorkFailed("no ensemble was scored: it needs at least two runs, and every run that was named")


if __name__ == "__main__":
    main()
