"""Tests the functions of mnist_mlp/notebook.py and their tables, without a kernel."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pandas
import pytest

from mnist_mlp import notebook
from mnist_mlp.console.run_table import Table
from mnist_mlp.errors import UsageError, WorkFailed
from tests.helpers import PROJECT, runs_in


def test_runs_returns_results_scores_and_changed_hyperparameters(evaluated):
    table = notebook.runs(evaluated / "runs", evaluated / "INFOS")
    assert [row["preset"] for row in table] == [1, 8]
    assert len({tuple(row) for row in table}) == 1  # all rows have the same columns
    for row, run in zip(table, runs_in(evaluated), strict=True):
        assert (row["run"], row["seed"], row["status"]) == (run.name, 1602, "finished")
        assert row["validation_accuracy"] == run.record.best_validation_accuracy
        assert 0.9 < row["test_accuracy"] < 1
        assert row["dropout"] == run.record.preset.dropout
    assert "label_smoothing" not in table[0]  # it has its default value in both


def test_run_without_score_has_none(trained):
    table = notebook.runs(trained / "runs", trained / "INFOS")
    assert [row["test_accuracy"] for row in table] == [None, None]


def test_pandas_reads_the_table(trained, evaluated):
    for folder, kind in ((trained, "object"), (evaluated, "float64")):
        frame = pandas.DataFrame(notebook.runs(folder / "runs", folder / "INFOS"))
        assert frame["test_accuracy"].dtype == kind
        assert frame["test_accuracy"].isna().all() == (folder == trained)
        assert frame["validation_accuracy"].dtype == "float64"
        assert frame.groupby("preset")["seed"].first().to_dict() == {1: 1602, 8: 1602}


def test_score_returns_best_run_first(evaluated, tmp_path, capsys):
    names = [run.name for run in runs_in(evaluated)]
    table = notebook.score(runs_dir=evaluated / "runs", info_dir=tmp_path)
    assert sorted(row["run"] for row in table) == names
    assert table[0]["test_accuracy"] > table[1]["test_accuracy"]
    (row,) = notebook.score(names[0], runs_dir=evaluated / "runs", info_dir=tmp_path)
    assert row["run"] == names[0]
    assert len((tmp_path / "eval_log.txt").read_text().splitlines()) == 3
    used = "Used stored predictions for the unchanged runs:"
    assert capsys.readouterr() == (f"{used} 2 of 2\n{used} 1 of 1\n", "")


def test_score_again_does_not_use_stored_predictions(evaluated, tmp_path, capsys):
    shutil.copytree(evaluated / "runs", tmp_path / "runs")
    name = runs_in(tmp_path)[0].name
    stored = tmp_path / "runs" / name / "test_predictions.npz"
    before = stored.stat().st_mtime_ns
    tables = [
        notebook.score(name, again=again, runs_dir=tmp_path / "runs", info_dir=tmp_path) for again in (False, True)
    ]
    assert tables[0] == tables[1]
    assert stored.stat().st_mtime_ns > before
    assert capsys.readouterr().out == "Used stored predictions for the unchanged runs: 1 of 1\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"presets": 999}, "preset 999 does not exist"),
        ({"presets": []}, "no preset is selected"),
        ({"presets": 3.5}, "presets: 3.5 is not a preset number"),
        ({"presets": None}, "presets: None is not a preset number"),
        ({"presets": 54, "seeds": -1}, "seeds: must be a whole number from 0"),
        ({"presets": 54, "seeds": ["a"]}, "seeds: must be a whole number from 0"),
        ({"presets": 54, "seeds": []}, "seeds: none is given"),
        ({"presets": 54, "workers": 0}, "workers: must be a whole number from 1"),
        ({"presets": 54, "epochs": "two"}, "epochs: must be a whole number"),
        ({"presets": 54, "changes": {"dropout": 2}}, "dropout: must be a number"),
        ({"presets": 54, "info_dir": "/proc/INFOS"}, "cannot write to /proc/INFOS"),
    ],
)
def test_wrong_argument_is_one_line(tmp_path, arguments, message):
    with pytest.raises(UsageError) as raised:
        notebook.train(**{"runs_dir": tmp_path / "runs", "info_dir": tmp_path / "INFOS", **arguments})
    (line,) = raised.value._render_traceback_()  # what IPython shows
    assert line.startswith("Error: ")
    assert message in line
    assert "\n" not in line
    assert not list(tmp_path.glob("runs/*"))


def test_score_without_runs_fails(tmp_path):
    with pytest.raises(WorkFailed, match="contains no runs"):
        notebook.score(runs_dir=tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        notebook.runs(tmp_path / "missing")


def test_table_escapes_text_and_shows_none_as_empty():
    shown = Table([{"run": "<b>", "test_accuracy": None}, {"run": "a", "test_accuracy": 0.975}])._repr_html_()
    rows = "<tr><td>&lt;b&gt;</td><td></td></tr><tr><td>a</td><td>0.975</td></tr>"
    assert shown == f"<table><tr><th>run</th><th>test_accuracy</th></tr>{rows}</table>"
    assert Table()._repr_html_() == "<table><tr></tr></table>"


def test_numpy_numbers_are_accepted(trained):
    folders = {"runs_dir": trained / "runs", "info_dir": trained / "INFOS"}
    presets, seeds = np.array([1, 8]), np.array([1602])
    assert notebook.train(presets, seeds, np.int64(2), np.int64(1), skip_done=True, **folders) == []


def test_import_does_not_import_tensorflow_or_ipython():
    code = "import sys, mnist_mlp.notebook; print({'tensorflow', 'IPython', 'pandas'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert process.stdout == "set()\n"


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_console_overwrites_lines_only_on_a_terminal(script, environment):
    code = "from mnist_mlp.console.terminal import open_console; print(open_console().is_terminal)"
    assert script("-c", code, **environment).stdout == "False\n"


def test_console_does_not_overwrite_lines_in_a_cell_that_runs_a_command(script):
    code = (
        "import os, pty, sys; os.environ['JPY_PARENT_PID'] = '1'\n"
        "code = 'from mnist_mlp.console.terminal import open_console; print(open_console().is_terminal)'\n"
        "pty.spawn([sys.executable, '-c', code])"
    )
    assert script("-c", code).stdout.strip() == "False"


def test_tilde_is_home_directory(trained, monkeypatch):
    monkeypatch.setenv("HOME", str(trained))
    assert len(notebook.runs("~/runs", "~/INFOS")) == 2
