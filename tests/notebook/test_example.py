"""Tests that docs/example.ipynb works."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers import PROJECT, project_with, runs_in

EXAMPLE = PROJECT / "docs" / "example.ipynb"


@pytest.mark.slow
def test_all_cells_of_the_example_work(tmp_path):
    project = project_with(tmp_path / "project", "")
    notebook = nbformat.read(project / "docs" / EXAMPLE.name, as_version=4)
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(project / "docs")}}).execute()
    assert [run.record.status for run in runs_in(project)] == ["finished"] * 4
    *_, training, scoring, listing = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert training[0].data["text/plain"].startswith("4 of 4 runs ended")
    for outputs in (training, scoring):
        assert outputs[-1].data["text/html"].count("<tr>") == 5
    accuracies = eval(listing[0].data["text/plain"])
    assert {preset: len(values) for preset, values in accuracies.items()} == {53: 2, 54: 2}
    assert min(min(values) for values in accuracies.values()) > 0.9


def test_example_is_stored_without_output():
    notebook = nbformat.read(EXAMPLE, as_version=4)
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []
