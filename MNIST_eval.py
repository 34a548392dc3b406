"""Scores every finished run of runs/ on the 10,000 test images, with its best checkpoint and dropout off.

python MNIST_eval.py                        all runs
python MNIST_eval.py 1795499400_preset31    only this one (the others keep their rows in eval_log.txt)
"""

from rich.table import Table

from mnist_mlp.errors import WorkFailed
from mnist_mlp.files import require_writable_folder
from mnist_mlp.info_logs import read_table, write_eval_log
from mnist_mlp.run_folder import NotARun, scan
from mnist_mlp.terminal import ArgumentParser, console, escape


def parse_arguments():
    parser = ArgumentParser("Scores every finished run on MNIST's test set, and writes eval_log.txt.")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names of the runs to score; all where none is given")
    parser.add_folder("--runs-dir", "runs", "the folder of the runs")
    parser.add_folder("--info-dir", "INFOS", "eval_log.txt is written in it")
    parser.add_folder("--data-dir", "MNIST_data", "holds MNIST's four files")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    terminal = console()
    found = list(scan(arguments.runs_dir, arguments.runs))
    if not found:
        raise WorkFailed(f"{arguments.runs_dir} holds no run; train one first: python MNIST_train.py")
    require_writable_folder(arguments.info_dir, "--info-dir")

    with terminal.status("Starting TensorFlow"):
        from mnist_mlp.data import load_test_data
        from mnist_mlp.evaluation import load_best_model, score
    test_data = load_test_data(arguments.data_dir)

    scored, skipped = [], {}
    with terminal.status("Scoring") as status:
        for name, run in found:
            status.update(f"Scoring {escape(name)}")
            try:
                if isinstance(run, NotARun):
                    raise run
                scored.append((score(load_best_model(run), test_data), run))
            except NotARun as reason:
                skipped[name] = reason

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
    eval_log = arguments.info_dir / "eval_log.txt"
    others = [row for row in read_table(eval_log) if arguments.runs and row["run"] not in arguments.runs]
    write_eval_log(eval_log, sorted([*others, *rows], key=lambda row: row["run"]))

    for name, reason in skipped.items():
        terminal.print(f"Skipped {escape(name)}: {escape(str(reason))}", soft_wrap=True)
    if not scored:
        raise WorkFailed(f"no run of {arguments.runs_dir} could be scored")
    terminal.print(scores_table(scored))


def scores_table(scored):
    """Returns the table of the scores for the terminal, the best first."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("preset", "test accuracy", "95% interval", "test loss", "validation accuracy", "seed", "run"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for result, run in sorted(scored, key=lambda each: each[0].accuracy, reverse=True):
        low, high = result.interval
        record = run.record
        accuracies = (f"{result.accuracy:.2%}", f"{low:.2%} to {high:.2%}", f"{result.loss:.4f}")
        validation = f"{record.best_validation_accuracy:.2%}"
        table.add_row(str(record.preset_number), *accuracies, validation, str(record.seed), escape(run.name))
    return table


if __name__ == "__main__":
    main()
