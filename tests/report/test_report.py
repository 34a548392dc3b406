"""The report: studies, statistics, and that page, workbook, CSV and INFOS say the same."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from markupsafe import escape

from mnist_mlp.data.dataset import load_test_data
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.building import build_report
from mnist_mlp.report.data_tables import unvalidated_table
from mnist_mlp.report.evidence import read_evidence
from mnist_mlp.report.figures import overview_figure
from mnist_mlp.report.findings import BEYOND_CHANCE, CHANCE, IDENTICAL, THESE_NETWORKS
from mnist_mlp.report.statistics import holm, mcnemar, over_seeds, seed_spread, stand_in_spread, two_proportions
from mnist_mlp.report.studies import find_experiments, find_studies
from mnist_mlp.runs.info_tables import EVAL_COLUMNS, OVERALL_COLUMNS, InfoLogs, log_ensemble, read_table, write_eval_log
from mnist_mlp.runs.run_folder import RunFolder, RunRecord
from tests.helpers import PROJECT, folders, only_line

from hyperparameters import PRESETS

DATA = PROJECT / "MNIST_data"


@pytest.fixture(scope="module")
def labels():
    return load_test_data(DATA).labels


def make_run(
    folder: Path, number: int, preset: Preset, accuracy: float, seed=1602, status="finished", course=(0.5, 1.0, 0.9)
):
    """Makes a run whose epochs reach such shares of the accuracy, the second the best, and its rows in INFOS."""
    epochs = []
    for epoch, share in enumerate(course, start=1):
        losses = {"loss": 1.5 - share, "cross_entropy": 1.4 - share, "l2_penalty": 0.1}
        metrics = {**losses, "accuracy": round(accuracy * share, 4)}
        epochs.append(
            {"epoch": epoch, "seconds": 1.25, "learning_rate": 0.001, "train": metrics, "validation": metrics}
        )
    record = RunRecord(number, preset, seed, status, finished="2026-01-01T00:00:00+00:00", epochs=epochs)
    record.best_epoch, record.best_checkpoint = 2, "checkpoints/epoch_000002.keras"
    run = RunFolder.create(folder / "runs", 1_700_000_000 + number, record)
    (folder / "INFOS").mkdir(exist_ok=True)
    InfoLogs(folder / "INFOS").append_run(run)
    return run


def score_runs(folder: Path, scores: dict[RunFolder, tuple[float, np.ndarray | None]], labels: np.ndarray) -> None:
    """Writes eval_log.txt, and the predictions of those runs of which the wrong images are given."""
    rows = []
    for run, (accuracy, wrong) in scores.items():
        who = {"run": run.name, "preset": run.record.preset_number, "seed": run.record.seed}
        rows.append({**who, "test_accuracy": accuracy, "test_loss": 0.1})
        if wrong is not None:
            predicted = labels.copy()
            predicted[wrong] = (labels[wrong] + 1) % 10
            confidence = np.full(len(labels), 0.9, np.float32)
            TestPredictions(predicted.astype(np.uint8), confidence, confidence / 2).save(run.path)
    write_eval_log(folder / "INFOS" / "eval_log.txt", rows)


def build(folder: Path):
    (folder / "out").mkdir(exist_ok=True)
    return build_report(folder / "runs", folder / "INFOS", DATA, folder / "out")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_sheet(path: Path, name: str) -> list[dict[str, object]]:
    rows = openpyxl.load_workbook(path)[name].iter_rows(values_only=True)
    headings = next(rows)
    return [dict(zip(headings, row, strict=True)) for row in rows]


# Studies


def test_studies_of_2020s_registry_are_found(tmp_path):
    for number in range(1, 38):
        make_run(tmp_path, number, PRESETS[number], 0.98)
    experiments = find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs)
    studies = find_studies(experiments)
    found = {study.figure: (study.field, [arm.label for arm in study.arms]) for study in studies}
    assert found == {
        "depth": ("hidden_sizes", ["9", "10", "11", "12", "13"]),
        "depth_2": ("hidden_sizes", ["37", "27"]),
        "depth_3": ("hidden_sizes", ["36", "31"]),
        "width": ("hidden_sizes", ["2 (= 4)", "3"]),
        "xehe": ("weight_init", ["11", "14", "15"]),
        "batch_size": ("batch_size", ["19", "22"]),
        "optimizer": ("optimizer", ["26", "22"]),
        "learning_rate": ("learning_rate", ["35", "31", "32", "33", "34"]),
        "learning_rate_2": ("learning_rate", ["6", "7"]),
        "weightdecay": ("weight_decay", ["31", "22", "27", "28", "29", "30"]),
        "weightdecay_2": ("weight_decay", ["14", "18", "17", "16"]),
        "weightdecay_3": ("weight_decay", ["36", "37"]),
        "dropout": ("dropout", ["18", "19", "20", "21"]),
        "dropout_2": ("dropout", ["23", "22", "24", "25"]),
        "dropout_3": ("dropout", ["7", "8"]),
    }
    assert {study.figure: study.reference.label for study in studies}["weightdecay"] == "22"


def test_users_own_presets_make_studies_and_another_optimizer_brings_its_arguments(tmp_path):
    base = Preset()
    sgd = base.but(optimizer="sgd", optimizer_arguments={"momentum": 0.9})
    for number, preset in enumerate((base, sgd, sgd.but(activation="gelu"), base.but(epochs=3)), start=38):
        make_run(tmp_path, number, preset, 0.98)
    make_run(tmp_path, 42, base.but(dropout=0.5), 0.98, status="interrupted")  # never ran all of its epochs
    for number, change in enumerate(({"normalization": "batch"}, {"normalization": "layer"}, {"elastic": 1.5}), 43):
        make_run(tmp_path, number, base.but(**change), 0.98)
    studies = find_studies(find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs))
    found = {study.figure: [study.value(arm) for arm in study.arms] for study in studies}
    assert found == {
        "activation": ["gelu", "relu"],
        "epochs": ["3", "100"],
        "optimizer": ["adam", "sgd momentum=0.9"],
        "normalization": ["batch", "layer", "none"],
        "elastic": ["0", "1.5"],
    }


def test_a_preset_of_too_many_fields_is_told_by_what_it_changed(tmp_path):
    for number in (31, 48, 70, 71, 72):
        make_run(tmp_path, number, PRESETS[number], 0.98)
    experiments = find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs)
    told = overview_figure(experiments, tmp_path).decode()
    assert "300-200-200-200, he, batch 200, L2 0.0001, dropout 0.2" in told
    assert "as 48, but shift 1" in told
    assert "as 71, but scaling 0.07" in told


def test_a_seed_trained_twice_counts_once(tmp_path):
    for seed in (1, 1, 2):
        make_run(tmp_path, 1, Preset(), 0.98, seed)
    (experiment,) = find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs)
    assert len(experiment.runs) == 3
    assert [run.record.seed for run in experiment.seeds] == [1, 2]


# Statistics


def right(count: int, gained: int, lost: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which of so many images each of two networks has right: the first gained some and lost some."""
    one, other = np.ones(count, bool), np.ones(count, bool)
    other[:gained] = False
    one[gained : gained + lost] = False
    return one, other


def test_mcnemar_against_values_worked_by_hand():
    result = mcnemar(*right(100, gained=1, lost=9))
    assert result.p == pytest.approx(2 * (1 + 10) / 2**10)  # two-sided binomial: 0 or 1 of 10, twice
    assert (result.amount, result.gained, result.lost) == (-0.08, 1, 9)
    # Bonett and Price: shares 2/102 and 10/102, deviation sqrt((12/102 - (8/102)^2) / 102)
    half_width = 1.959964 * ((12 / 102 - (8 / 102) ** 2) / 102) ** 0.5
    assert (result.low, result.high) == pytest.approx((-8 / 102 - half_width, -8 / 102 + half_width), abs=1e-6)


def test_networks_that_are_right_about_the_same_images_are_identical():
    result = mcnemar(*right(100, 0, 0))
    assert (result.p, result.amount, result.is_identical) == (1.0, 0.0, True)
    assert not mcnemar(*right(100, 1, 1)).is_identical


def test_two_proportions_against_values_worked_by_hand():
    result = two_proportions(56, 48, 80)
    assert result.amount == pytest.approx(0.1)
    (low, high), (other_low, other_high) = (0.592318, 0.789354), (0.490455, 0.700382)  # Wilson's intervals
    assert result.low == pytest.approx(0.1 - ((0.7 - low) ** 2 + (other_high - 0.6) ** 2) ** 0.5, abs=1e-5)
    assert result.high == pytest.approx(0.1 + ((high - 0.7) ** 2 + (0.6 - other_low) ** 2) ** 0.5, abs=1e-5)
    assert result.p == pytest.approx(0.184844, abs=1e-5)  # z = 0.1 / sqrt(2 * 0.65 * 0.35 / 80) = 1.325987


def test_welch_over_seeds_against_values_worked_by_hand():
    result = over_seeds([0.97, 0.98, 0.99], [0.95, 0.96, 0.97])
    # both deviations 0.01: error 0.01 * sqrt(2/3), four degrees of freedom, t(0.975) = 2.776445
    error = 0.01 * (2 / 3) ** 0.5
    assert (result.low, result.high) == pytest.approx((0.02 - 2.776445 * error, 0.02 + 2.776445 * error), abs=1e-7)
    assert result.p == pytest.approx(0.070484, abs=1e-5)  # t = 2.449490


def test_one_seed_against_several_takes_their_deviation():
    result = over_seeds([0.99], [0.95, 0.96, 0.97])
    half_width = 4.302653 * 0.01 * (1 + 1 / 3) ** 0.5  # two degrees of freedom
    assert (result.amount, result.high) == pytest.approx((0.03, 0.03 + half_width), abs=1e-7)
    assert over_seeds([0.1135], [0.1135, 0.1135]) is None  # nothing varies, so nothing can be said


def test_holm_and_the_spread_over_seeds():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    spread = seed_spread([[0.97, 0.98, 0.99], [0.5], [0.95, 0.95, 0.95]])
    assert (spread.deviation, spread.freedom, spread.presets) == pytest.approx((0.01 / 2**0.5, 4, 2))
    assert spread.limit == pytest.approx(2.776445 * 0.01, abs=1e-7)


def test_what_stands_in_for_a_spread_over_seeds_against_values_worked_by_hand():
    spread = stand_in_spread([0.1, 0.9, 0.9, 0.98, 0.97, 0.99], 0.98, 10_000)
    # the last three deviate by 0.01; 0.98 * 0.02 / 10000 = 1.96e-6; two degrees of freedom
    assert spread.reach == pytest.approx(4.302653 * 2 * (0.0001 + 1.96e-6) ** 0.5, abs=1e-7)
    assert stand_in_spread([0.9, 0.9], 0.9, 10_000).reach == float("inf")  # one epoch has no spread


# The whole report


def test_page_workbook_csv_and_infos_agree(evaluated):
    overall = {row["run"]: row for row in read_table(evaluated / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)}
    scores = {row["run"]: row for row in read_table(evaluated / "INFOS" / "eval_log.txt", EVAL_COLUMNS)}
    sheet = read_sheet(evaluated / "out" / "my_result.xlsx", "Table")
    rows = read_csv(evaluated / "out" / "my_result.csv")
    page = (evaluated / "out" / "report.html").read_text()
    assert len(sheet) == len(rows) == len(overall) == len(scores) == 2
    assert list(sheet[0])[:16] == [
        *("preset", "batch size", "activation", "number of layers", "layer sizes", "epochs", "weight initialization"),
        *("optimizer", "learning rate", "weight decay", "dropout", "training time", "best epoch"),
        *("validation accuracy", "run", "test accuracy"),
    ]
    names = {
        **{"number of layers": "weight_layers", "weight initialization": "weight_init", "optimizer": "optimizer"},
        **{"layer sizes": "hidden_sizes", "training time": "training_seconds", "bias initialization": "bias_init"},
        **{"optimizer arguments": "optimizer_arguments", "normalization": "normalization", "warm-up": "warmup"},
        **{"standardized inputs": "standardize", "averaged weights": "ema_decay", "elastic deformation": "elastic"},
        **{"adversarial images": "adversarial", "deskewed images": "deskew", "L1 decay": "l1_decay"},
        **{"upright images beside": "upright_beside"},
    }
    for in_sheet, in_csv in zip(sheet, rows, strict=True):
        score = scores[in_sheet["run"]]
        info = {**overall[in_sheet["run"]], "test_accuracy": score["test_accuracy"], "test_loss": score["test_loss"]}
        for heading, value in in_sheet.items():
            if heading in ("test low", "test high"):
                assert float(in_csv[heading]) == pytest.approx(value)
                continue
            in_info = info[names.get(heading, heading.replace(" ", "_"))]
            if isinstance(value, str):
                assert value == in_csv[heading] == in_info
            else:
                assert value == pytest.approx(float(in_info), rel=1e-7)
                assert float(in_csv[heading]) == pytest.approx(value, rel=1e-12)
        assert in_sheet["test low"] < in_sheet["test accuracy"] < in_sheet["test high"]
        for heading in ("validation accuracy", "test accuracy"):
            assert f"{in_sheet[heading]:.2%}</td>" in page
            assert f'data-value="{in_sheet[heading]!r}"' in page


def test_workbook_and_csv_agree_in_every_cell_and_the_page_tells_the_studies(tmp_path, labels):
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
                f"{float(row[f'difference{end}']) * 100:+.2f}".replace("-", "\u2212") for end in ("", " low", " high")
            ]
            assert f"<td>{points[0]}<small>{points[1]} to {points[2]}</small></td>" in page
    assert f"Not scored on the test set yet: {unscored.record.preset.dropout}" in page


def test_predictions_of_the_evaluation_have_the_accuracy_of_the_log(evaluated, labels):
    scores = read_table(evaluated / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    for row in scores:
        predictions = TestPredictions.load(evaluated / "runs" / row["run"])
        is_right = predictions.predicted == labels
        assert is_right.mean() == float(row["test_accuracy"])
        np.testing.assert_array_equal(predictions.confidence[is_right], predictions.true_probability[is_right])
        assert (predictions.confidence >= predictions.true_probability).all()
    assert "no test_predictions.npz" not in (evaluated / "out" / "report.html").read_text()


def test_the_page_needs_nothing_from_outside(evaluated):
    page = (evaluated / "out" / "report.html").read_text()
    assert "//" not in re.sub(r"base64,[^\"]*|^.*//  .*$|// [a-z]", "", page, flags=re.M)
    assert set(re.findall(r'(?:src|href)="([^"]{1,5})', page)) <= {"data:", *re.findall(r'"(#[a-z_0-9]{1,4})', page)}
    for picture in re.findall(r'base64,([^"]*)"', page):
        assert base64.b64decode(picture).startswith(b"<?xml")
    names = {path.name for path in (evaluated / "out").iterdir()}
    assert {"overview.png", "overview.svg", "model_graph.png", "confusion_matrix.png", "mistakes.png"} <= names
    assert {"time_accuracy.png", "learning_curve.png", "report.html", "my_result.xlsx", "my_result.csv"} <= names


def test_the_report_imports_no_tensorflow(evaluated, script):
    code = (
        "import sys; sys.argv = ['make_report.py', *sys.argv[1:]]; import runpy\n"
        f"runpy.run_path({str(PROJECT / 'for_report' / 'make_report.py')!r}, run_name='__main__')\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    process = script("-c", code, *folders(evaluated), "--output-dir", evaluated / "again", "--quiet")
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("lost", "course", "verdict", "said"),
    [
        (2, (0.5, 1, 0.99, 0.99), CHANCE, "it cannot be told from chance"),
        (
            20,
            (0.5, 1, 0.99, 0.99),
            THESE_NETWORKS,
            "by less than the 5.15 points that another seed may make by a rough",
        ),
        (6000, (0.5, 1, 0.99, 0.99), BEYOND_CHANCE, "and more than the 12.84 points that another seed may make"),
        (6000, (0.5, 1, 0.5, 1), THESE_NETWORKS, "another seed may make by a rough estimate"),
        (6000, (0.5, 1), THESE_NETWORKS, "so short a training does not show what the seed alone does"),
        (0, (0.5, 1, 0.99, 0.99), IDENTICAL, "the same network under another name"),
    ],
)
def test_verdict_of_a_study_with_one_seed_each(tmp_path, labels, lost, course, verdict, said):
    # Two late epochs alike leave the chance of 10,000 images: 12.7062 * 2 * sqrt((0.98 * 0.02 + 0.38 * 0.62) / 10000).
    one = make_run(tmp_path, 1, Preset(), 0.98, course=course)
    other = make_run(tmp_path, 2, Preset(dropout=0.5), 0.97, course=course)
    wrong = np.arange(200)
    scores = {one: (0.98, wrong), other: (0.98 - lost / 10_000, np.arange(200 + lost))}
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (finding,) = report.findings
    assert finding.comparisons[1].verdict == verdict
    assert said in " ".join(finding.sentences)
    assert f"{lost} lost" in " ".join(finding.sentences) or not lost
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(str(escape(sentence)) in page for sentence in finding.sentences)
    (_, row) = read_sheet(tmp_path / "out" / "my_result.xlsx", "Studies")
    assert row["difference"] == pytest.approx(-lost / 10_000)
    assert (row["verdict"], row["test"], row["against"]) == (verdict, "McNemar", "0")


def test_verdict_over_seeds_and_spread(tmp_path, labels):
    scores = {}
    for seed, (one, other) in enumerate([(0.981, 0.961), (0.982, 0.962), (0.983, 0.963)]):
        scores[make_run(tmp_path, 1, Preset(), one, seed)] = (one, None)
        scores[make_run(tmp_path, 2, Preset(dropout=0.5), other, seed)] = (other, None)
    score_runs(tmp_path, scores, labels)
    report = build(tmp_path)
    (finding,) = report.findings
    assert finding.comparisons[1].verdict == BEYOND_CHANCE
    assert finding.headline == "Dropout 0.5 costs 2.0 points"
    assert (
        "the accuracy is 2.00 points worse than with dropout 0 (95% interval \N{MINUS SIGN}2.23 to"
        in finding.sentences[1]
    )
    presets = read_sheet(tmp_path / "out" / "my_result.xlsx", "Presets")
    assert [row["seeds"] for row in presets] == [3, 3]
    assert presets[0]["test accuracy"] == pytest.approx(0.982)
    assert presets[0]["test high"] == pytest.approx(0.982 + 4.302653 * 0.001 / 3**0.5, abs=1e-7)
    assert "6 scored runs have no test_predictions.npz" in report.evidence.notes[0]


@pytest.mark.parametrize(
    ("course", "verdict", "limit"),
    [
        # reach of a single run: 4.302653 * 0.003, of a mean of three the root of a third of it
        ((0.5, 1, 0.99, 0.99), BEYOND_CHANCE, 4.302653 * 0.003 * (4 / 3) ** 0.5),
        ((0.5, 1, 0.99, 0.9), THESE_NETWORKS, None),  # its own epochs differ by more than the seeds of the other
    ],
)
def test_verdict_where_one_preset_has_a_single_seed(tmp_path, labels, course, verdict, limit):
    scores = {make_run(tmp_path, 1, Preset(), 0.98, seed): (0.979 + seed * 0.003, None) for seed in range(3)}
    scores[make_run(tmp_path, 2, Preset(dropout=0.5), 0.95, course=course)] = (0.95, None)
    score_runs(tmp_path, scores, labels)
    (finding,) = build(tmp_path).findings
    compared = finding.comparisons[1]
    assert (compared.verdict, compared.is_rough) == (verdict, limit is None)
    if limit:
        assert compared.seed_limit == pytest.approx(limit, abs=1e-7)


def test_one_run_without_a_score_and_then_with_one(tmp_path, labels, script):
    run = make_run(tmp_path, 31, PRESETS[31], 0.98)
    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out")
    assert (process.returncode, process.stderr) == (0, "")
    assert "It is not scored on the test set yet: run MNIST_eval.py." in process.stdout
    score_runs(tmp_path, {run: (0.979, None)}, labels)
    assert "its accuracy on the test images is 97.90% (97.60 to 98.16%" in build(tmp_path).conclusions.sentences[0]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "there is no study yet" in page
    assert "No confusion matrix: the run has no test_predictions.npz" in page


def test_runs_that_have_not_ended_are_listed_and_not_compared(tmp_path):
    make_run(tmp_path, 1, Preset(), 0.98, status="running")
    make_run(tmp_path, 2, Preset(dropout=0.5), 0.98, status="failed")
    assert build(tmp_path).conclusions.sentences == [
        "There is nothing to compare: no run but final fits has ended by itself yet."
    ]
    sheet = read_sheet(tmp_path / "out" / "my_result.xlsx", "Table")
    assert [row["status"] for row in sheet] == ["running", "failed"]
    assert read_sheet(tmp_path / "out" / "my_result.xlsx", "Presets") == []


def test_no_run_and_wrong_folders_are_told_in_one_line(tmp_path, script):
    (tmp_path / "runs").mkdir()
    out = ["--output-dir", tmp_path / "out"]
    process = script("for_report/make_report.py", *folders(tmp_path), *out)
    assert process.returncode == 1
    assert "holds no run to report; train one first: " in only_line(process)
    process = script("for_report/make_report.py", "--runs-dir", tmp_path / "none", *out)
    assert (process.returncode, "cannot be read" in only_line(process)) == (2, True)
    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", "/proc/out")
    assert (process.returncode, "--output-dir" in only_line(process)) == (2, True)
    process = script("for_report/make_report.py", "--output-folder", tmp_path / "out")
    assert (process.returncode, " for_report/make_report.py --help)" in only_line(process)) == (2, True)


def test_damaged_runs_are_skipped_with_their_reason(tmp_path, labels):
    good, other = make_run(tmp_path, 1, Preset(), 0.98), make_run(tmp_path, 2, Preset(), 0.98, seed=7)
    bad = make_run(tmp_path, 3, Preset(), 0.98)
    record = json.loads((bad.path / "record.json").read_text())
    del record["epochs"][2]["train"]["cross_entropy"]
    (bad.path / "record.json").write_text(json.dumps(record))
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("text")
    score_runs(tmp_path, {good: (0.98, np.arange(200)), other: (0.97, np.arange(200))}, labels)
    shutil.rmtree(tmp_path / "runs" / "empty" / "nothing", ignore_errors=True)
    with (tmp_path / "INFOS" / "eval_log.txt").open("a") as file:
        file.write("gone\t1\t1602\t0.98\t0.1\n")
    report = build(tmp_path)
    assert report.evidence.skipped == {
        bad.name: "its record.json is damaged (KeyError in its epochs)",
        "empty": "it holds no record.json",
        "notes.txt": "it is not a folder",
    }
    assert report.evidence.notes == [
        "1 row of eval_log.txt is of runs that are not in the runs folder, and left out.",
        f"{other.name}: its test_predictions.npz and eval_log.txt disagree; score it again with MNIST_eval.py.",
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Skipped notes.txt: it is not a folder." in page


@pytest.mark.parametrize(
    "name", ["=cmd()", "<b onclick=alert(1)>x", "+1", "@x", "-2", "a\tb", "{{ 7 * 7 }}", "a\nb\x01"]
)
def test_hostile_names_come_out_as_text(tmp_path, labels, name):
    run = make_run(tmp_path, 1, Preset(), 0.98)
    run.path.rename(tmp_path / "runs" / name)
    run.path = tmp_path / "runs" / name
    (tmp_path / "runs" / f"{name}2").mkdir()
    build(tmp_path)
    clean = re.sub(r"[\t\n\x01]", "\ufffd", name)
    cell = openpyxl.load_workbook(tmp_path / "out" / "my_result.xlsx")["Table"]["O2"]
    assert (cell.value, cell.data_type) == (clean, "s")
    (row,) = read_csv(tmp_path / "out" / "my_result.csv")
    assert row["run"] == (f"'{clean}" if clean[0] in "=+-@" else clean)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b onclick" not in page
    escaped = clean.replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</td>" in page
    assert f"Skipped {escaped}2: it holds no record.json" in page


def test_figures_of_an_earlier_report_go_and_other_files_stay(tmp_path):
    make_run(tmp_path, 1, Preset(), 0.98)
    (tmp_path / "out").mkdir()
    for name in ("dropout_3.png", "depth.svg", "my_notes.png", "make_report.py"):
        (tmp_path / "out" / name).write_text("x")
    build(tmp_path)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"my_notes.png", "make_report.py"} <= names
    assert not {"dropout_3.png", "depth.svg"} & names


def test_a_final_fit_is_listed_and_neither_chosen_nor_compared(tmp_path, labels):
    runs = [make_run(tmp_path, 1, Preset(), 0.98), make_run(tmp_path, 2, Preset(final_fit=True), 0.999)]
    score_runs(tmp_path, {runs[0]: (0.98, None), runs[1]: (0.985, None)}, labels)
    report = build(tmp_path)
    assert (report.conclusions.best.label, report.findings) == ("1", [])
    assert report.evidence.notes[0].startswith("1 run is a final fit, on all 60,000 images")
    rows = read_sheet(tmp_path / "out" / "my_result.xlsx", "Table")
    assert [row["validation accuracy"] for row in rows] == [0.98, None]
    assert [(row["test accuracy"], row["final fit"]) for row in rows] == [(0.98, "False"), (0.985, "True")]


def test_final_fits_and_ensembles_stand_beside_each_other(tmp_path, labels):
    one = make_run(tmp_path, 1, Preset(), 0.98)
    fits = [make_run(tmp_path, 2, Preset(final_fit=True), 0.999, seed) for seed in (1, 2)]
    score_runs(tmp_path, {one: (0.98, None), fits[0]: (0.984, None), fits[1]: (0.986, None)}, labels)
    log = tmp_path / "INFOS" / "ensemble_log.txt"
    log_ensemble(log, [one.name, *(run.name for run in fits)], 0.9901, 0.05)
    for number in (9, 10):
        log_ensemble(log, [one.name, f"1_preset{number}"], 0.9902, 0.05)  # no such run
    log_ensemble(log, [one.name, fits[0].name], float("nan"), 0.05)
    report = build(tmp_path)
    table = unvalidated_table(report.evidence)
    # 98.4 and 98.6%: a deviation of 0.1414 points; 12.7062 (one degree of freedom) * 0.1414 / sqrt(2) = 1.27 points.
    # 99.01% of 10,000, by Wilson: (0.9901 + 0.00019207 +- 1.96 * sqrt(0.9901 * 0.0099 / 10000 + 9.6e-9)) / 1.00038415
    expected = [
        ["final fit: preset 2", 2, 0.985, 0.9723, 0.9977, "over 2 seeds"],
        ["ensemble: 1 of preset 1, 2 of preset 2", 3, 0.9901, 0.98796, 0.99186, "over test images"],
    ]
    assert [row[:2] + row[5:] for row in table.rows] == [row[:2] + row[5:] for row in expected]
    assert [row[2:5] for row in table.rows] == [pytest.approx(row[2:5], abs=1e-5) for row in expected]
    assert [note for note in report.evidence.notes if "ensemble_log.txt" in note] == [
        "2 rows of ensemble_log.txt are of runs that are not in the runs folder, and left out.",
        "1 row of ensemble_log.txt is without an accuracy, and left out.",
    ]
    page = re.sub(r"\s+", " ", report.page.read_text())
    assert '<td class="text">ensemble: 1 of preset 1, 2 of preset 2</td>' in page
    assert "<b>3</b><span>runs of 2 presets</span>" in page


def test_a_run_that_diverged_is_reported(tmp_path, labels):
    run = make_run(tmp_path, 1, Preset(), 0.98, status="diverged")
    other = make_run(tmp_path, 2, Preset(dropout=0.5), 0.98)
    for part in ("train", "validation"):
        run.record.epochs[2][part] = {**run.record.epochs[2][part], "cross_entropy": float("nan"), "loss": float("inf")}
    run.save_record()
    score_runs(tmp_path, {run: (0.98, None), other: (0.97, None)}, labels)
    assert len(build(tmp_path).findings) == 1
    assert read_sheet(tmp_path / "out" / "my_result.xlsx", "Table")[0]["status"] == "diverged"


def test_importance_ranks_and_warns(tmp_path, labels):
    scores = {}
    base = Preset()
    changes = [dict(dropout=d, learning_rate=r) for d in (0.0, 0.2, 0.5) for r in (0.0001, 0.001, 0.01)]
    for number, change in enumerate(changes, start=1):
        accuracy = {0.0001: 0.96, 0.001: 0.98, 0.01: 0.9}[change["learning_rate"]] - change["dropout"] / 1000
        scores[make_run(tmp_path, number, base.but(**change), accuracy)] = (accuracy, None)
    score_runs(tmp_path, scores, labels)
    build(tmp_path)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Too few runs for a firm ranking by PED-ANOVA: 9 presets vary 2 hyperparameters" in page
    assert (tmp_path / "out" / "importance.png").exists()
    assert page.index(">learning rate</td><td>3") < page.index(">dropout</td><td>3")


# Questions, answered by what the layers do


def add_layers(run: RunFolder, **values: float) -> RunFolder:
    """Says of every layer of the run, in every epoch, that it has these values, and what is usual else."""
    usual = {"activation_mean": 0.1, "activation_std": 1.0, "dead_units": 0.0, "gradient_norm": 0.5}
    usual |= {"weight_norm": 10.0, "update_ratio": 0.001, "l2_penalty": 0.0}
    names = [f"hidden_{place + 1}" for place in range(len(run.record.preset.hidden_sizes))] + ["logits"]
    for epoch in run.record.epochs:
        epoch["layers"] = {name: {**usual, **values} for name in names}
    run.save_record()
    return run


def test_questions_are_answered_by_what_the_layers_do(tmp_path):
    add_layers(make_run(tmp_path, 14, PRESETS[14], 0.98), activation_std=3.0, update_ratio=0.002)
    add_layers(make_run(tmp_path, 15, PRESETS[15], 0.98), activation_std=2.0, update_ratio=0.003)
    add_layers(make_run(tmp_path, 18, PRESETS[18], 0.98))
    add_layers(make_run(tmp_path, 22, PRESETS[22], 0.97), update_ratio=0.002)
    add_layers(make_run(tmp_path, 26, PRESETS[26], 0.5), update_ratio=4e-7)
    add_layers(make_run(tmp_path, 29, PRESETS[29], 0.11), dead_units=1.0, gradient_norm=10.0)
    build(tmp_path)
    page = re.sub(r"\s+", " ", (tmp_path / "out" / "report.html").read_text())
    assert "a standard deviation of 3 with He and 2 with Xavier, 1.5 times as large" in page
    assert "by 0.20% of their norm with He and by 0.30% with Xavier" in page
    assert "by 4e-05% of their norm with Adadelta and by 0.2% with Adam, 5,000 times as much" in page
    assert "are 0.00033 times the norm of the weights with Adadelta" in page  # 3 epochs of 275 steps
    # of preset 18, the best with the smallest decay, 0.001 * 10 beside 0.5
    assert "is 2.0% to 2.0% as large as the whole gradient" in page
    # preset 14 has five weight matrices, each of norm 10; preset 18 a penalty of 0.1 = 0.001 / 2 * 200
    assert "(preset 14) the norm of all weights goes from 22.4 after the first epoch to 22.4 after the last" in page
    assert "with 0.001 and all else equal (preset 18) from 14.1 to 14.1." in page
    # drawn with 2 * (300 + 3 * 200 + 10) = 1820, the root of it; a penalty of 0.1 is half of 0.447 squared
    assert "drawn with a norm of about 42.7; after the first epoch it is 0.45, after the last 0.45." in page
    assert "The decay's pull is 100% of the gradient of a typical layer" in page.replace("&#39;", "'")
    assert "From epoch 1 to the last the network gives every image the same logits." in page
    assert "dead hidden units, last epoch" in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"layers_weight_init.png", "layers_optimizer.svg", "layers_failed.png", "losses_weight_decay.svg"} <= names


def test_runs_of_older_versions_give_what_their_curves_hold(tmp_path):
    for number, accuracy in ((14, 0.98), (15, 0.98), (18, 0.98), (22, 0.97), (26, 0.5), (33, 0.11)):
        make_run(tmp_path, number, PRESETS[number], accuracy)
    report = build(tmp_path)
    page = (tmp_path / "out" / "report.html").read_text()
    assert report.evidence.notes == []
    assert "After one epoch He is at 49.00% on validation and Xavier at 49.00%" in page
    assert "the L2 term of the weights changed by 0.0% with Adadelta" in page
    assert "older versions did not record it" in page
    assert "dead hidden units" not in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "losses_weight_decay.png" in names and not any(name.startswith("layers_") for name in names)


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        None,
        {"hidden_1": {}},
        {"hidden_2": "x"},
        {"logits": {"weight_norm": "1"}},
        {"logits": {"weight_norm": True}},
        {"logits": {"weight_norm": 10**400}},
        {"logits": {"weight_norm": 1e300}},
        {"logits": {"gradient_norm": -1.0}},
        {"hidden_1": {"dead_units": 1.5}},
    ],
)
def test_damaged_layers_are_left_out_with_their_reason(tmp_path, damaged):
    run = add_layers(make_run(tmp_path, 31, PRESETS[31], 0.98))
    epoch = run.record.epochs[1]
    if isinstance(damaged, dict):
        ((name, values),) = damaged.items()
        whole = epoch["layers"]
        damaged = {**whole, name: {**whole[name], **values} if values and isinstance(values, dict) else values}
    epoch["layers"] = damaged
    run.save_record()
    report = build(tmp_path)
    assert report.evidence.runs[0].layers is None
    (note,) = report.evidence.notes
    assert note.startswith(f"{run.name}: what its record.json says of its layers is damaged (")


def test_layers_that_are_no_numbers_or_missing_in_some_epochs_do_no_harm(tmp_path):
    diverged = add_layers(make_run(tmp_path, 33, PRESETS[33], 0.11, status="diverged"), weight_norm=float("nan"))
    half = add_layers(make_run(tmp_path, 34, PRESETS[34], 0.11))
    del half.record.epochs[0]["layers"]  # made by an older version, gone on with by this one
    half.save_record()
    zeros = add_layers(
        make_run(tmp_path, 29, PRESETS[29], 0.11), **dict.fromkeys(("weight_norm", "gradient_norm"), 0.0)
    )
    report = build(tmp_path)
    assert report.evidence.notes == []
    by_name = {run.name: run for run in report.evidence.runs}
    assert np.isnan(by_name[diverged.name].layers["weight_norm"]).all()
    assert np.isnan(by_name[half.name].layers["dead_units"][:, 0]).tolist() == [True, False, False]
    assert (by_name[zeros.name].layers["weight_norm"] == 0).all()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "it diverged. After epoch 3 its loss was no finite number any more" in page
    assert " nan" not in page


def test_records_of_the_real_training_have_layers(evaluated):
    evidence = read_evidence(evaluated / "runs", evaluated / "INFOS", DATA)
    assert evidence.notes == []
    for run in evidence.runs:
        shape = (len(run.record.epochs), run.preset.weight_layers)
        assert {values.shape for values in run.layers.values()} == {shape}
        norms = np.sqrt((run.layers["weight_norm"] ** 2).sum(axis=1))
        np.testing.assert_allclose(
            run.preset.weight_decay * norms**2 / 2, run.curves["validation l2_penalty"], rtol=1e-4
        )
