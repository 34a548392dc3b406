"""Tests complete reports."""

from __future__ import annotations

import importlib.util
import math
import re
import sys

import pytest

from mnist_mlp.drawing.style import Picture
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report import figures as figures_package
from mnist_mlp.report.figures import registry
from mnist_mlp.report.figures.registry import Section
from tests.helpers import PROJECT, folders, only_line
from tests.report.helpers import build, make_run, read_sheet, score_runs, seed_interval
from tests.report.reported import reported_run, write_report

from hyperparameters import PRESETS


def test_all_files_are_written(evaluated):
    names = {path.name for path in (evaluated / "out").iterdir()}
    figures = {"overview", "model_graph", "confusion_matrix", "mistakes", "learning_curve"}
    assert {f"{figure}.{extension}" for figure in figures for extension in ("png", "svg")} <= names
    assert {"report.html", "my_result.xlsx", "my_result.csv", "my_result_presets.csv", "my_result_studies.csv"} <= names


def test_report_does_not_import_tensorflow(evaluated, script):
    code = (
        "import sys; sys.argv = ['make_report.py', *sys.argv[1:]]; import runpy\n"
        f"runpy.run_path({str(PROJECT / 'for_report' / 'make_report.py')!r}, run_name='__main__')\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    process = script("-c", code, *folders(evaluated), "--output-dir", evaluated / "again", "--quiet")
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


def test_report_of_one_run_before_and_after_scoring(tmp_path, labels, script):
    run = make_run(tmp_path, 31, PRESETS[31], 0.98)
    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out")
    assert (process.returncode, process.stderr) == (0, "")
    assert "It has not been scored on the test set yet; run MNIST_eval.py." in process.stdout
    score_runs(tmp_path, {run: (0.979, None)}, labels)
    low, high = seed_interval([0.979])
    assert (
        f"Its test accuracy is 97.90% (95% interval over seeds: {low:.2%} to {high:.2%})"
        in build(tmp_path).conclusions.sentences[0]
    )
    page = (tmp_path / "out" / "report.html").read_text()
    assert "There is no study yet" in page
    assert "There is no confusion matrix, because the run has no test_predictions.npz" in page


def test_unfinished_runs_are_listed_but_not_compared(tmp_path):
    make_run(tmp_path, 1, Preset(), 0.98, status="running")
    make_run(tmp_path, 2, Preset(dropout=0.5), 0.98, status="failed")
    assert build(tmp_path).conclusions.sentences == [
        "There is nothing to compare yet: no run has finished (final fits are not compared)."
    ]
    sheet = read_sheet(tmp_path / "out" / "my_result.xlsx", "Table")
    assert [row["status"] for row in sheet] == ["running", "failed"]
    assert read_sheet(tmp_path / "out" / "my_result.xlsx", "Presets") == []


def test_missing_runs_and_wrong_directories_give_one_line_errors(tmp_path, script):
    (tmp_path / "runs").mkdir()
    out = ["--output-dir", tmp_path / "out"]
    process = script("for_report/make_report.py", *folders(tmp_path), *out)
    assert process.returncode == 1
    assert "contains no runs to report; train a preset first: " in only_line(process)
    process = script("for_report/make_report.py", "--runs-dir", tmp_path / "none", *out)
    assert (process.returncode, "cannot be read" in only_line(process)) == (2, True)
    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", "/proc/out")
    assert (process.returncode, "--output-dir" in only_line(process)) == (2, True)
    process = script("for_report/make_report.py", "--output-folder", tmp_path / "out")
    assert (process.returncode, " for_report/make_report.py --help)" in only_line(process)) == (2, True)


def test_diverged_run_is_reported(tmp_path, labels):
    run = make_run(tmp_path, 1, Preset(), 0.98, status="diverged")
    other = make_run(tmp_path, 2, Preset(dropout=0.5), 0.98)
    for part in ("train", "validation"):
        run.record.epochs[2][part] = {**run.record.epochs[2][part], "cross_entropy": float("nan"), "loss": float("inf")}
    run.save_record()
    score_runs(tmp_path, {run: (0.98, None), other: (0.97, None)}, labels)
    assert len(build(tmp_path).findings) == 1
    assert read_sheet(tmp_path / "out" / "my_result.xlsx", "Table")[0]["status"] == "diverged"


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
@pytest.mark.parametrize(("measure", "first"), [("accuracy", 2), ("cross_entropy", 0), ("l2_penalty", 0)])
def test_numbers_that_are_not_finite_are_reported(tmp_path, labels, measure, first, value):
    runs = [make_run(tmp_path, number, Preset(dropout=number / 10), 0.98, status="diverged") for number in (1, 2)]
    for epoch in runs[0].record.epochs[first:]:  # the accuracy of the best epoch, the second one, is always a number
        epoch["train"] = epoch["validation"] = {**epoch["train"], measure: value}
    runs[0].save_record()
    score_runs(tmp_path, {runs[0]: (0.98, None), runs[1]: (0.97, None)}, labels)
    report = build(tmp_path)
    assert (len(report.findings), report.conclusions.best.label, report.evidence.skipped) == (1, "1", {})


@pytest.mark.parametrize("accuracies", [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.98), (0.1135, 0.098)])
def test_extreme_accuracies_are_reported(tmp_path, accuracies):
    runs = [
        reported_run(number, Preset(dropout=number / 10), (0.0, accuracy, 0.0), accuracy)
        for number, accuracy in enumerate(accuracies, start=1)
    ]
    page = write_report(tmp_path, *runs)
    assert f"<td>{accuracies[1]:.2%}<small>val. {accuracies[1]:.2%}" in page
    assert not re.search(r">[^<]*\b(nan|inf)\b", page[page.index("<main") : page.index("</main")])


@pytest.mark.parametrize("is_scored", [True, False])
def test_report_on_failed_networks_only(tmp_path, is_scored):
    runs = [
        reported_run(number, Preset(learning_rate=float(number)), (0.1, accuracy, 0.1), accuracy if is_scored else None)
        for number, accuracy in ((1, 0.1135), (2, 0.1028))
    ]
    page = write_report(tmp_path, *runs)
    assert "Preset 1 has the highest validation accuracy of 2 presets: 11.35% with one seed. " in page
    assert ("Training failed with 1 of 1 seed." in page) == is_scored
    assert ("Learning rate: training fails with all values tried" in page) == is_scored
    assert "Why did some networks fail?" in page
    assert not (tmp_path / "effects.svg").exists()


def test_report_removes_old_figures_and_keeps_other_files(tmp_path):
    stale, others = ["dropout_3.png", "depth.svg"], ["my_notes.png", "make_report.py", "overview_2.png"]
    for name in stale + others:
        (tmp_path / name).write_text("x")
    write_report(tmp_path, reported_run(1, Preset()))
    names = {path.name for path in tmp_path.iterdir()}
    assert {*others, "overview.png"} <= names
    assert not set(stale) & names


@pytest.fixture
def restored_figures():
    """Restores the registry of figures after the test."""
    before = dict(registry.FIGURES)
    yield
    registry.FIGURES.clear()
    registry.FIGURES.update(before)


def section_of(page: str, section: Section) -> str:
    """Returns the HTML of a section of the page."""
    start = page.index(f'<section id="{section}"')
    return page[start : page.index("</section>", start)]


@pytest.mark.parametrize("section", Section)
@pytest.mark.parametrize("several", [True, False], ids=["all sections", "few sections"])
def test_registered_figure_appears_in_its_section(tmp_path, restored_figures, section, several):
    @registry.figure("brand_new", section=section)
    def brand_new(content):
        return Picture("Something <new>", f"{len(content.experiments)} presets", 1, lambda figure: None)

    runs = [reported_run(1, Preset(), test_accuracy=0.9)]
    if several:  # so that there are studies, a ranking, and an answer
        changes = {2: Preset(weight_decay=0.1), 3: Preset(dropout=0.5)}
        runs += [reported_run(number, preset, test_accuracy=0.8) for number, preset in changes.items()]
    page = write_report(tmp_path, *runs)
    is_on_page = several or section in (Section.RESULT, Section.BEST, Section.RUNS)
    alt = f'alt="Something &lt;new&gt;. {3 if several else 1} preset'
    assert alt in section_of(page, section if is_on_page else Section.RUNS)
    assert page.count(alt) == 1
    assert page.count('alt="Best on validation: preset 1') == 1
    assert {"brand_new.png", "brand_new.svg", "overview.png"} <= {path.name for path in tmp_path.iterdir()}


NEW_MODULE = """
from mnist_mlp.drawing.style import Picture
from mnist_mlp.report.figures.registry import Section, figure

@figure("from_a_new_file", section=Section.STUDIES)
def from_a_new_file(content):
    return Picture("From a new file", "", 1, lambda canvas: None)
"""


def test_new_figure_module_is_imported_automatically(tmp_path, restored_figures, monkeypatch):
    (tmp_path / "from_a_new_file.py").write_text(NEW_MODULE)
    name = figures_package.__name__
    folders = [*figures_package.__path__, str(tmp_path)]
    spec = importlib.util.spec_from_file_location(name, figures_package.__file__, submodule_search_locations=folders)
    with monkeypatch.context() as imports:
        imports.setitem(sys.modules, name, importlib.util.module_from_spec(spec))
        spec.loader.exec_module(sys.modules[name])
    del sys.modules[f"{name}.from_a_new_file"]
    page = write_report(tmp_path, reported_run(1, Preset()), reported_run(2, Preset(dropout=0.5)))
    assert 'alt="From a new file.' in section_of(page, Section.STUDIES)
    assert (tmp_path / "from_a_new_file.png").exists()
