"""Tests that the tables on the page, in the workbook, in CSV files and in INFOS agree."""

from __future__ import annotations

import math
import re

import numpy as np
import openpyxl
import pytest

from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS, log_ensemble
from mnist_mlp.evaluation.scores import TestScore
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.report_tables import unvalidated_table
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS
from mnist_mlp.runs.text_table import read_table
from tests.report.helpers import build, make_run, read_csv, read_sheet, score_runs, seed_interval


def test_page_workbook_csv_and_infos_contain_the_same_values(evaluated):
    overall = {row["run"]: row for row in read_table(evaluated / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)}
    scores = {row["run"]: row for row in read_table(evaluated / "INFOS" / "eval_log.txt", EVAL_COLUMNS)}
    sheet = read_sheet(evaluated / "out" / "my_result.xlsx", "Table")
    rows = read_csv(evaluated / "out" / "my_result.csv")
    page = (evaluated / "out" / "report.html").read_text()
    assert len(sheet) == len(rows) == len(overall) == len(scores) == 2
    assert list(sheet[0])[:18] == [
        *("preset", "hidden layers", "number of layers", "activation", "weight initialization"),
        *("bias initialization", "batch size", "epochs", "optimizer", "optimizer arguments", "learning rate"),
        *("weight decay", "dropout", "training time", "best epoch", "validation accuracy", "run", "test accuracy"),
    ]
    names = {declared.title: name for name, declared in HYPERPARAMETERS.items()}
    low, high = "test 95% low (over test images)", "test 95% high (over test images)"
    names |= {"number of layers": "weight_layers", "training time": "training_seconds"}
    for in_sheet, in_csv in zip(sheet, rows, strict=True):
        score = scores[in_sheet["run"]]
        info = {**overall[in_sheet["run"]], "test_accuracy": score["test_accuracy"], "test_loss": score["test_loss"]}
        for heading, value in in_sheet.items():
            if heading in (low, high):
                assert float(in_csv[heading]) == pytest.approx(value)
                continue
            in_info = info[names.get(heading, heading.replace(" ", "_"))]
            if isinstance(value, str):
                assert value == in_csv[heading] == in_info
            else:
                assert value == pytest.approx(float(in_info), rel=1e-7)
                assert float(in_csv[heading]) == pytest.approx(value, rel=1e-12)
        assert in_sheet[low] < in_sheet["test accuracy"] < in_sheet[high]
        for heading in ("validation accuracy", "test accuracy"):
            assert f"{in_sheet[heading]:.2%}</td>" in page
            assert f'data-value="{in_sheet[heading]!r}"' in page


def test_workbook_and_csv_are_equal_and_page_shows_studies(tmp_path, labels):
    scores = {}
    for number, dropout in enumerate((0.0, 0.2, 0.5), start=1):
        for seed in (1, 2)[: 1 + (number == 1)]:
            run = make_run(tmp_path, number, Preset(dropout=dropout), 0.98 - dropout / 100, seed)
            wrong = np.arange(200 + 10 * number + seed)
            scores[run] = (1 - len(wrong) / 10_000, wrong)
    unscored = make_run(tmp_path, 4, Preset(dropout=0.7), 0.9)
    score_runs(tmp_path, scores, labels)
    build(tmp_path)
    files = {"Table": "my_result.csv", "Presets": "my_result_presets.csv", "Studies": "my_result_studies.csv"}
    for name, file in files.items():
        in_sheet, in_csv = read_sheet(tmp_path / "out" / "my_result.xlsx", name), read_csv(tmp_path / "out" / file)
        assert len(in_sheet) == len(in_csv) > 2
        for cells, texts in zip(in_sheet, in_csv, strict=True):
            assert list(cells) == list(texts)
            for heading, value in cells.items():
                text = texts[heading]
                assert text == (value or "") if isinstance(value, str | None) else float(text) == pytest.approx(value)
    book = openpyxl.load_workbook(tmp_path / "out" / "my_result.xlsx")
    assert book.sheetnames == list(files)
    assert all(sheet.freeze_panes == "B2" and sheet.conditional_formatting for sheet in book)
    assert [len(sheet._charts) for sheet in book] == [1, 1, 0]
    page = re.sub(r"\s+", " ", (tmp_path / "out" / "report.html").read_text())
    for row in read_csv(tmp_path / "out" / "my_result_studies.csv"):
        assert f'<td class="text value">{row["value"]}<small>preset {row["preset"]}' in page
        if row["difference"]:
            points = [
                f"{float(row[f'difference{end}']) * 100:+.2f}".replace("-", "\u2212")
                for end in ("", " 95% low", " 95% high")
            ]
            assert f"<td>{points[0]}<small>{points[1]} to {points[2]}</small></td>" in page
    assert f"Not scored on the test set yet: {unscored.record.preset.dropout}" in page


@pytest.mark.parametrize(
    "name", ["=cmd()", "<b onclick=alert(1)>x", "+1", "@x", "-2", "a\tb", "{{ 7 * 7 }}", "a\nb\x01"]
)
def test_hostile_run_names_are_written_as_text(tmp_path, labels, name):
    run = make_run(tmp_path, 1, Preset(), 0.98)
    run.path.rename(tmp_path / "runs" / name)
    run.path = tmp_path / "runs" / name
    (tmp_path / "runs" / f"{name}2").mkdir()
    build(tmp_path)
    clean = re.sub(r"[\t\n\x01]", "\ufffd", name)
    headings, cells = openpyxl.load_workbook(tmp_path / "out" / "my_result.xlsx")["Table"].iter_rows()
    (cell,) = (cell for heading, cell in zip(headings, cells, strict=True) if heading.value == "run")
    assert (cell.value, cell.data_type) == (clean, "s")
    (row,) = read_csv(tmp_path / "out" / "my_result.csv")
    assert row["run"] == (f"'{clean}" if clean[0] in "=+-@" else clean)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b onclick" not in page
    escaped = clean.replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</td>" in page
    assert f"Skipped {escaped}2: it does not contain a record.json" in page


def test_final_fit_is_listed_but_not_chosen_or_compared(tmp_path, labels):
    runs = [make_run(tmp_path, 1, Preset(), 0.98), make_run(tmp_path, 2, Preset(final_fit=True), 0.999)]
    score_runs(tmp_path, {runs[0]: (0.98, None), runs[1]: (0.985, None)}, labels)
    report = build(tmp_path)
    assert (report.conclusions.best.label, report.findings) == ("1", [])
    assert report.evidence.notes[0].startswith("1 run is a final fit (trained on the training and validation images)")
    rows = read_sheet(tmp_path / "out" / "my_result.xlsx", "Table")
    assert [row["validation accuracy"] for row in rows] == [0.98, None]
    assert [(row["test accuracy"], row["final fit"]) for row in rows] == [(0.98, "False"), (0.985, "True")]


def test_final_fits_and_ensembles_are_in_one_table(tmp_path, labels):
    one = make_run(tmp_path, 1, Preset(), 0.98)
    fits = [make_run(tmp_path, 2, Preset(final_fit=True), 0.999, seed) for seed in (1, 2)]
    score_runs(tmp_path, {one: (0.98, None), fits[0]: (0.984, None), fits[1]: (0.986, None)}, labels)
    log = tmp_path / "INFOS"
    log_ensemble(log, [one.name, *(run.name for run in fits)], TestScore(9_901, 10_000, 0.05))
    for number in (9, 10):
        log_ensemble(log, [one.name, f"1_preset{number}"], TestScore(9_902, 10_000, 0.05))  # these runs do not exist
    log_ensemble(log, [one.name, fits[0].name], TestScore(math.nan, 10_000, 0.05))
    report = build(tmp_path)
    table = unvalidated_table(report.evidence, report.spread)
    # Wilson score interval for 99.01% of 10,000:
    # (0.9901 + 0.00019207 +- 1.96 * sqrt(0.9901 * 0.0099 / 10000 + 9.6e-9)) / 1.00038415
    expected = [
        ["final fit: preset 2", 2, 0.985, *seed_interval([0.984, 0.986]), "over seeds"],
        ["ensemble: 1 run of preset 1, 2 runs of preset 2", 3, 0.9901, 0.98796, 0.99186, "over test images"],
    ]
    assert [row[:2] + row[5:] for row in table.rows] == [row[:2] + row[5:] for row in expected]
    assert [row[2:5] for row in table.rows] == [pytest.approx(row[2:5], abs=1e-5) for row in expected]
    assert [note for note in report.evidence.notes if "ensemble_log.txt" in note] == [
        "Skipped 2 rows of ensemble_log.txt: not all member runs are in the runs directory.",
        "Skipped 1 row of ensemble_log.txt: no valid accuracy.",
    ]
    page = re.sub(r"\s+", " ", (tmp_path / "out" / "report.html").read_text())
    assert '<td class="text">ensemble: 1 run of preset 1, 2 runs of preset 2</td>' in page
    assert "These are 3 runs of 2 presets. " in page
