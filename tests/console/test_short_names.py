"""Tests the short names of runs in TensorBoard."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mnist_mlp.console.short_names import ShortNames, folder_with_short_names
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder


def add_run(runs_dir: Path, number: int, seed: int, changed: tuple[str, ...] = ()) -> RunFolder:
    record = RunRecord(number, Preset(), seed, changed=list(changed))
    run = RunFolder.create(runs_dir, 1_700_000_000 + len(list(runs_dir.glob("*"))), record)
    run.summaries.mkdir()
    (run.summaries / "file").write_text(run.name)
    return run


def content_of(folder: Path) -> dict[str, str]:
    return {path.name: (path / "file").read_text() for path in folder.iterdir()}


@pytest.fixture
def names(tmp_path):
    (tmp_path / "runs").mkdir()
    names = ShortNames(tmp_path / "runs")
    yield names
    names.remove()


def test_names_are_unique_and_contain_preset_and_seed(tmp_path, names):
    runs_dir = tmp_path / "runs"
    runs = [add_run(runs_dir, 19, 1602), add_run(runs_dir, 19, 1603), add_run(runs_dir, 19, 1602)]
    runs.append(add_run(runs_dir, 31, 1602, ("dropout",)))
    names.update()
    expected = ["p19_s1602", "p19_s1603", "p19_s1602_2", "p31_changed_s1602"]
    assert content_of(names.folder) == dict(zip(expected, (run.name for run in runs), strict=True))


def test_runs_come_and_go(tmp_path, names):
    first = add_run(tmp_path / "runs", 1, 1602)
    names.update()
    second = add_run(tmp_path / "runs", 2, 1602)
    names.update()
    assert content_of(names.folder) == {"p1_s1602": first.name, "p2_s1602": second.name}
    shutil.rmtree(first.path)
    names.update()
    assert content_of(names.folder) == {"p2_s1602": second.name}


def test_removing_the_links_keeps_the_runs(tmp_path, names):
    run = add_run(tmp_path / "runs", 1, 1602)
    names.update()
    names.remove()
    assert not names.folder.exists()
    assert (run.summaries / "file").read_text() == run.name


def test_runs_directory_is_used_where_links_are_not_allowed(tmp_path, monkeypatch):
    def not_allowed(*arguments, **options):
        raise OSError("no links")

    add_run(tmp_path / "runs", 1, 1602)
    monkeypatch.setattr(Path, "symlink_to", not_allowed)
    assert folder_with_short_names(tmp_path / "runs") == tmp_path / "runs"
