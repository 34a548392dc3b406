"""Tests the replication of 2020: evaluation with dropout left on, the table of runs, intervals, and resuming."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import signal
import subprocess
import sys
from math import exp, inf, log, nan
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from experiments.replicate_2020.bugs import by_preset, cost_table, penalties_table
from experiments.replicate_2020.comparison import (
    AS_IN_2020,
    AS_INTENDED,
    MAJORITY,
    PARTS,
    Comparison,
    read_published,
)
from experiments.replicate_2020.conclusions import conclusions, conclusions_table
from experiments.replicate_2020.evaluation import BestEpoch, Evaluation, logits_of
from experiments.replicate_2020.intervals import Interval, Sample, groups_of, prediction_intervals
from experiments.replicate_2020.runs_file import FinishedRun, Penalty, RunsFile
from experiments.replicate_2020.tables import as_markdown, main_table, outside_table, write_tables
from experiments.replicate_2020.training import Images, RunInProgress, jobs_of, key_of
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.results import EpochResult, LayerStatistics, Metrics, TrainingState
from tests.helpers import PROJECT, only_line, runs_in, wait_for

from hyperparameters import PRESETS

RUN = FinishedRun(
    preset=31,
    penalty=Penalty.CUMULATIVE,
    seed=1602,
    epochs=100,
    status="finished",
    dropout_on_epoch=7,
    dropout_on_validation=0.9798,
    dropout_on_test=0.9756,
    dropout_off_epoch=9,
    dropout_off_validation=0.9844,
    dropout_off_test=0.9831,
    train_cross_entropy=0.1,
    validation_cross_entropy=1 / 3,
    l2_penalties=(0.1, 1 / 3, 1e-9),
    weight_norms=(1.0, 2.5, nan),
    seconds=3600.0,
    machine='A "fast", machine, 2 cores',
    versions="Python 3, TensorFlow 2",
)


def some_weights() -> list[np.ndarray]:
    """Returns the weights of a network with layers of 6, 8, 7, and 3 units."""
    random, sizes = np.random.default_rng(0), (6, 8, 7, 3)
    return [
        random.normal(size=shape).astype(np.float32)
        for inputs, outputs in itertools.pairwise(sizes)
        for shape in ((inputs, outputs), (outputs,))
    ]


def test_dropout_left_on_matches_numpy():
    """Computes every unit with a loop, in float64. The masks are drawn from the same generator, layer by layer."""
    w1, b1, w2, b2, w3, b3 = weights = some_weights()
    pixels = np.random.default_rng(1).random((5, 6), np.float32)
    random = np.random.default_rng([1602, 31])
    masks = [random.random((5, units), np.float32) for units in (8, 7)]
    expected = np.zeros((5, 3))
    for image in range(5):
        units = pixels[image].astype(np.float64)
        for (matrix, bias), mask in zip(((w1, b1), (w2, b2)), masks, strict=True):
            sums = [bias[j] + sum(units[i] * matrix[i, j] for i in range(len(units))) for j in range(len(bias))]
            units = [max(value, 0) / 0.6 if mask[image, j] >= 0.4 else 0.0 for j, value in enumerate(sums)]
        expected[image] = [b3[j] + sum(units[i] * w3[i, j] for i in range(7)) for j in range(3)]
    found = logits_of(weights, pixels, 0.4, np.random.default_rng([1602, 31]))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    labels = expected.argmax(axis=1).astype(np.int32)
    labels[0] = (labels[0] + 1) % 3
    images = Evaluation(LabeledImages((pixels * 255).astype(np.uint8), labels))
    assert images.accuracy(weights, 0.4, key=(1602, 31)) == 0.8
    assert logits_of(weights, pixels, 0.4, np.random.default_rng([1602, 31])).tolist() == found.tolist()


def test_dropout_keeps_the_mean_and_drops_the_given_share():
    weights = [np.eye(4, dtype=np.float32), np.zeros(4, np.float32)] * 2
    outputs = logits_of(weights, np.ones((20_000, 4), np.float32), 0.2, np.random.default_rng(0))
    assert set(np.unique(outputs)) == {0, np.float32(1.25)}
    assert (outputs == 0).mean() == pytest.approx(0.2, abs=0.01)


def test_evaluation_without_dropout_matches_keras(small_data):
    from mnist_mlp.training.model import build_model

    model = build_model(PRESETS[36], seed=3)
    pixels = small_data.validation.pixels / np.float32(255)
    logits = model(pixels, training=False).numpy()
    np.testing.assert_allclose(logits_of(model.get_weights(), pixels), logits, rtol=1e-4, atol=1e-4)
    accuracy = (logits.argmax(axis=1) == small_data.validation.labels).mean()
    assert Evaluation(small_data.validation).accuracy(model.get_weights()) == accuracy


def test_best_epoch_is_the_first_maximum():
    best = BestEpoch()
    for epoch, accuracy in enumerate((0.5, 0.8, 0.7, 0.8, nan), start=1):
        best.see(epoch, accuracy, [np.array(epoch)])
    assert (best.epoch, best.accuracy, best.weights) == (2, 0.8, [2])


class FakeImages:
    """Images on which the accuracy with dropout off is the first weight, and with dropout on the second one."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def accuracy(self, weights, dropout=0.0, key=()):
        self.calls.append((float(weights[0]), dropout, tuple(key)))
        return float(weights[1] if dropout else weights[0])


def result(epoch: int, off: float, on: float, loss: float = 0.5) -> EpochResult:
    metrics = Metrics(loss, 0.25, off)
    layers = {name: LayerStatistics(0, 1, 0, 1, norm, 0.1, norm / 10) for name, norm in (("a", 2.0), ("b", 3.0))}
    return EpochResult(1.5, 0.1, metrics, metrics, layers, {}, TrainingState(epoch, [np.array(off), np.array(on)], []))


def finished_run(preset: Preset, *results: EpochResult) -> tuple[FinishedRun, FakeImages, FakeImages]:
    validation, test = FakeImages(), FakeImages()
    number = 231 if preset.cumulative_weight_decay else 31
    run = RunInProgress(Job(number, preset, 1603), Images(validation, test))
    for each in results:
        run.see(each)
    assert test.calls == []  # the test images are for the best epochs only
    return run.finish(), validation, test


def test_run_is_evaluated_with_dropout_on_and_off():
    run, validation, test = finished_run(
        PRESETS[231].but(epochs=4), result(1, 0.8, 0.5), result(2, 0.7, 0.6), result(3, 0.9, 0.6), result(4, 0.1, 0.1)
    )
    assert (run.dropout_on_epoch, run.dropout_on_validation, run.dropout_on_test) == (2, 0.6, 0.6)
    assert (run.dropout_off_epoch, run.dropout_off_validation, run.dropout_off_test) == (3, 0.9, 0.9)
    assert [call[2] for call in validation.calls] == [(1603, 31, epoch, 0) for epoch in (1, 2, 3, 4)]
    assert test.calls == [(0.7, 0.2, (1603, 31, 2, 1)), (0.9, 0.0, ())]
    assert (run.penalty, run.status, run.seconds, run.epochs) == ("cumulative", "finished", 6.0, 4)
    assert (run.l2_penalties, run.weight_norms) == ((0.2, 0.3), (2.0, 3.0))
    assert (run.train_cross_entropy, run.machine.endswith(" cores")) == (0.5, True)


def test_run_without_dropout_is_evaluated_once():
    run, validation, _ = finished_run(PRESETS[17], result(1, 0.8, 0.0), result(2, 0.8, 0.0))
    assert validation.calls == []
    assert (run.dropout_on_epoch, run.dropout_on_validation, run.dropout_on_test) == (1, 0.8, 0.8)
    assert run.penalty == "intended"


def test_diverged_run_keeps_its_earlier_best_epoch():
    run, *_ = finished_run(PRESETS[17], result(1, 0.8, 0.8), result(2, 0.9, 0.9, loss=inf))
    assert (run.status, run.dropout_off_epoch, run.dropout_off_test) == ("diverged", 1, 0.8)
    run, *_ = finished_run(PRESETS[17], result(1, 0.9, 0.9, loss=nan))
    assert (run.status, run.dropout_on_epoch, run.dropout_on_test, run.dropout_off_validation) == (
        "diverged",
        *[None] * 3,
    )


def test_jobs_are_ordered_by_seed_and_then_by_duration():
    jobs = jobs_of({number: PRESETS[number] for number in (1, 6, 18)}, (1602, 1603))
    assert [job.preset_number for job in jobs] == [18, 218, 6, 206, 1] * 2
    assert all(job.preset == PRESETS[job.preset_number] for job in jobs)
    assert [job.seed for job in jobs] == [1602] * 5 + [1603] * 5
    variants = [(1, "none"), (6, "cumulative"), (6, "intended"), (18, "cumulative"), (18, "intended")]
    assert sorted(key_of(job)[:2] for job in jobs[:5]) == variants
    assert {job.threads for job in jobs} == {1}
    assert len(jobs_of({number: PRESETS[number] for number in range(1, 38)}, range(5))) == 5 * (37 + 25)


def test_runs_file_keeps_rows_and_drops_a_torn_line(tmp_path):
    path = tmp_path / "runs.csv"
    first, second = RUN, dataclasses.replace(RUN, seed=1603, dropout_on_epoch=None, dropout_on_validation=None)
    file = RunsFile(path)
    file.append(first)
    file.append(second)
    complete = path.read_bytes()
    assert complete.count(b"\n") == 3
    for torn in (b"31,cum", complete.splitlines()[1][:-3]):
        path.write_bytes(complete + torn)
        assert repr(RunsFile(path).runs) == repr([first, second]) == repr(file.runs)  # repr: NaN differs from NaN
        assert path.read_bytes() == complete
    path.write_bytes(complete[:20])  # the heading is torn
    assert RunsFile(path).runs == []
    assert path.read_bytes() == complete[: complete.index(b"\n") + 1]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda text: text.replace("seed", "sead"), "has other columns; move it"),
        (lambda text: text.replace("1602", "x"), "line 2 of .* is damaged; delete it"),
        (lambda text: text + "31,cumulative\n", "line 3 of .* is damaged; delete it"),
    ],
)
def test_damaged_runs_file_is_reported(tmp_path, damage, complaint):
    path = tmp_path / "runs.csv"
    RunsFile(path).append(RUN)
    path.write_text(damage(path.read_text()))
    with pytest.raises(UsageError, match=complaint):
        RunsFile(path)


def logit(accuracy: float) -> float:
    return log(accuracy / (1 - accuracy))


def accuracy_of(value: float) -> float:
    return 1 / (1 + exp(-value))


def test_prediction_interval_by_hand():
    """Two presets with 6 seeds each: 10 degrees of freedom. t(97.5%, 10) is 2.228139 in printed tables."""
    one = [accuracy_of(3 + deviation) for deviation in (-0.1, 0.1, -0.1, 0.1, -0.1, 0.1)]
    other = [accuracy_of(3.5 + deviation) for deviation in (-0.2, 0.2, -0.2, 0.2, -0.2, 0.2)]
    samples = [Sample(1, False, tuple(one)), Sample(2, False, tuple(other))]
    deviation = ((6 * 0.01 + 6 * 0.04) / 10) ** 0.5
    half = 2.228139 * deviation * (1 + 1 / 6) ** 0.5
    intervals = prediction_intervals(samples, 0.1135)
    for number, middle in ((1, 3), (2, 3.5)):
        assert (intervals[number].low, intervals[number].high) == pytest.approx(
            (accuracy_of(middle - half), accuracy_of(middle + half)), abs=1e-7
        )


def sample(preset: int, has_dropout: bool, accuracy: float, seeds: int = 5) -> Sample:
    return Sample(preset, has_dropout, tuple(accuracy + 0.0002 * index for index in range(seeds)))


def members(groups) -> list[list[int]]:
    return [sorted(each.preset for each in group.samples) for group in groups]


def test_presets_are_grouped_by_dropout_and_accuracy():
    no = [sample(number, False, accuracy) for number, accuracy in ((1, 0.985), (2, 0.981), (3, 0.99), (4, 0.9))]
    no += [sample(number, False, accuracy) for number, accuracy in ((5, 0.85), (6, 0.91), (7, 0.97))]
    yes = [sample(number, True, accuracy) for number, accuracy in ((11, 0.97), (12, 0.96), (13, 0.955), (14, 0.3))]
    assert members(groups_of([*no, *yes], 0.1135)) == [[4, 5, 6], [1, 2, 3, 7], [11, 12, 13, 14]]
    assert [group.freedom for group in groups_of([*no, *yes], 0.1135)] == [12, 16, 16]
    assert members(groups_of(yes[3:], 0.1135)) == [[14]]  # there is nothing that it could be joined with


def test_networks_that_predict_one_class_have_no_spread():
    constant = Sample(16, False, (0.1135,) * 5)
    mixed = Sample(17, False, (0.1135, 0.1135, 0.1028))
    assert prediction_intervals([constant], 0.1135) == {16: Interval(0.1135, 0.1135)}
    assert members(groups_of([constant, mixed], 0.1135)) == [[17]]
    interval = prediction_intervals([constant, mixed], 0.1135)[16]
    assert interval.contains(0.1135) and not interval.contains(0.1136) and not interval.contains(0.1028)


def test_single_seed_gives_no_interval():
    assert prediction_intervals([Sample(1, False, (0.98,)), Sample(2, False, (0.97,))], 0.1135) == {}
    assert set(prediction_intervals([Sample(1, False, (0.98,)), sample(2, False, 0.981)], 0.1135)) == {1, 2}


def a_run(preset: int, penalty: Penalty, seed: int, on: float, off: float) -> FinishedRun:
    return dataclasses.replace(
        RUN,
        preset=preset,
        penalty=penalty,
        seed=seed,
        dropout_on_validation=on,
        dropout_on_test=on - 0.01,
        dropout_off_validation=off,
        dropout_off_test=off - 0.01,
    )


@pytest.fixture
def comparison() -> Comparison:
    """Presets 1 (no weight decay), 16 (constant as in 2020), 31, and 32 (not trained)."""
    runs = []
    for seed, change in enumerate((-0.002, 0.0, 0.002)):
        runs.append(a_run(1, Penalty.NONE, seed, 0.98 + change, 0.98 + change))
        runs.append(a_run(31, Penalty.CUMULATIVE, seed, 0.975 + change, 0.99))
        runs.append(a_run(31, Penalty.INTENDED, seed, 0.5, 0.982 + change))
        constant = a_run(16, Penalty.CUMULATIVE, seed, 0.1126, 0.1126)
        runs.append(dataclasses.replace(constant, dropout_on_test=0.1135, dropout_off_test=0.1135))
    published = {
        1: {"validation": 0.981, "test": 0.9},
        16: {"validation": 0.1126, "test": 0.1135},
        31: {"validation": 0.9798, "test": 0.9662},
        32: {"validation": 0.9468, "test": 0.9391},
    }
    return Comparison(runs, PRESETS, published)


def test_figures_of_both_variants(comparison):
    figure = comparison.figure(31, AS_IN_2020, "test")
    assert (figure.published, figure.ours) == (0.9662, pytest.approx((0.963, 0.965, 0.967)))
    assert (figure.mean, figure.deviation) == (pytest.approx(0.965), pytest.approx(0.002))
    logits = [logit(accuracy) for accuracy in (0.963, 0.965, 0.967)]
    half = 4.302653 * np.std(logits, ddof=1) * (4 / 3) ** 0.5  # t(97.5%, 2)
    low, high = accuracy_of(np.mean(logits) - half), accuracy_of(np.mean(logits) + half)
    assert (figure.low, figure.high) == (pytest.approx(low, abs=1e-7), pytest.approx(high, abs=1e-7))
    assert figure.is_inside
    assert comparison.figure(31, AS_INTENDED, "validation").ours == pytest.approx((0.98, 0.982, 0.984))
    assert comparison.figure(1, AS_IN_2020, "validation").ours == comparison.figure(1, AS_INTENDED, "validation").ours
    assert comparison.figure(1, AS_IN_2020, "test").is_inside is False
    assert comparison.figure(16, AS_IN_2020, "test").interval == Interval(0.1135, 0.1135)
    assert comparison.figure(16, AS_INTENDED, "test").ours == ()
    missing = comparison.figure(32, AS_IN_2020, "test")
    assert (missing.mean, missing.deviation, missing.interval, missing.is_inside) == (None, None, None, None)


def test_table_as_csv(comparison, tmp_path):
    write_tables(comparison, tmp_path)
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = {int(row["preset"]): row for row in csv.DictReader(file)}
    assert list(rows) == [1, 16, 31, 32]
    assert rows[31]["published validation"] == "0.9798" and rows[31]["published test"] == "0.9662"
    assert rows[31]["seeds as in 2020"] == rows[31]["seeds as intended"] == "3"
    assert float(rows[31]["test as in 2020"]) == pytest.approx(0.965)
    assert float(rows[31]["test as in 2020 SD"]) == pytest.approx(0.002)
    assert float(rows[31]["validation as intended"]) == pytest.approx(0.982)
    assert [row["test as in 2020: published inside"] for row in rows.values()] == ["no", "yes", "yes", ""]
    assert rows[32]["validation as in 2020"] == rows[32]["validation as in 2020 95% low"] == ""


def test_table_as_markdown(comparison):
    page = as_markdown(comparison)
    lines = page.splitlines()
    assert '- Machine: A "fast", machine, 2 cores' in lines
    assert "- Versions: Python 3, TensorFlow 2" in lines
    assert "- Training time: 12.0 hours (sum over 12 runs on one thread each, 0 of which diverged)" in lines
    (summary,) = [line for line in lines if line.startswith("- As in 2020 (")]
    widths = [figure.interval.width for figure in comparison.figures(AS_IN_2020, "test") if figure.interval]
    assert "validation 3 of 3 (median width " in summary
    assert summary.endswith(f"test 2 of 3 (median width {sorted(widths)[1] * 100:.2f} points)")
    (control,) = [line for line in lines if line.startswith("- Control, as intended (")]
    assert "validation 2 of 2 " in control and "test 1 of 2 " in control
    rows = [row.split(" | ") for row in main_table(comparison).splitlines()]
    assert set(main_table(comparison).splitlines()) <= set(lines)
    table = {row[0]: row for row in rows}
    assert table["| 16"][1:6] == ["11.26%", "11.26%", "0.00", "11.26% to 11.26%", "yes"]
    assert table["| 16"][11:] == ["\N{EN DASH}", "\N{EN DASH}", "3 and 0 |"]
    assert table["| 1"][6:9] == ["90.00%", "97.00%", "0.20"] and table["| 1"][10] == "**no**"
    assert table["| 32"][2] == "\N{EN DASH}"
    assert "| test | yes | 31 | " in page


def test_figures_outside_are_listed_with_the_spread_of_the_preset(comparison):
    # The only one outside, in a group of its own, so both intervals are the same.
    logits = [logit(accuracy) for accuracy in (0.968, 0.97, 0.972)]
    half = 4.302653 * np.std(logits, ddof=1) * (4 / 3) ** 0.5  # t(97.5%, 2)
    low, high = accuracy_of(np.mean(logits) - half), accuracy_of(np.mean(logits) + half)
    interval = f"{low:.2%} to {high:.2%} (outside)"
    (row,) = outside_table(comparison).splitlines()[2:]
    assert row == f"| 1 | test | 90.00% | 97.00% | 0.20 | {interval} | {interval} |"


def test_published_figures_and_shares_of_the_majority(data):
    published = read_published()
    assert list(published) == list(range(1, 38))
    assert published[31] == {"validation": 0.9798, "test": 0.9756}
    labels = {"validation": data.validation.labels, "test": load_test_data(PROJECT / "MNIST_data").labels}
    assert {part: np.bincount(labels[part]).max() / len(labels[part]) for part in PARTS} == MAJORITY


def start(folder: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "experiments.replicate_2020", "--output-dir", str(folder), *options]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_interrupted_replication_is_resumed(tmp_path):
    options = ("--presets", "8", "--seeds", "2", "--epochs", "1")
    process = start(tmp_path, *options)
    wait_for(process, "4 of 4 runs to train", "(1 of 4, about ")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Interrupted. To continue, repeat the command: finished runs are not trained again.\n"
    rows = RunsFile(tmp_path / "runs.csv").runs
    assert 1 <= len(rows) < 4
    assert f"sum over {len(rows)} runs" in (tmp_path / "table.md").read_text()
    with (tmp_path / "runs.csv").open("a") as file:
        file.write("8,cumul")  # killed while it wrote a row

    process = start(tmp_path, *options)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert output.startswith(f"{4 - len(rows)} of 4 runs to train\n")
    resumed = RunsFile(tmp_path / "runs.csv").runs
    assert resumed[: len(rows)] == rows
    assert len({run.key for run in resumed}) == len(resumed) == 4
    for run in resumed:
        count = 4 if run.penalty is Penalty.CUMULATIVE else 1  # there are four weight matrices
        assert run.l2_penalties[0] == pytest.approx(count * 0.01 * run.weight_norms[0] ** 2 / 2, rel=1e-5)
        assert run.dropout_on_validation != run.dropout_off_validation
    assert "sum over 4 runs" in (tmp_path / "table.md").read_text()
    kept = [run.record for run in runs_in(tmp_path) if run.record.status == "finished"]
    expected = {(number, seed) for number in (8, 208) for seed in (1602, 1603)}
    assert {(record.preset_number, record.seed) for record in kept} == expected
    for record in kept:
        assert record.preset == PRESETS[record.preset_number].but(epochs=1)

    process = start(tmp_path, *options)
    assert process.communicate(timeout=60)[0].startswith("0 of 4 runs to train\n")


def test_other_presets_are_rejected(script):
    process = script("-m", "experiments.replicate_2020", "--presets", "36-38")
    assert process.returncode == 2
    assert only_line(process) == "Error: preset 38 was not part of the 2020 experiment; its presets are 1 to 37"


def test_cost_of_each_bug():
    def run(penalty: Penalty, seed: int, on: float, off: float) -> FinishedRun:
        return dataclasses.replace(RUN, penalty=penalty, seed=seed, dropout_on_test=on, dropout_off_test=off)

    runs = [run(Penalty.INTENDED, seed, 0.975, 0.98 + seed / 1000) for seed in (0, 2)]
    runs += [run(Penalty.CUMULATIVE, 0, 0.95, 0.971)]
    runs += [dataclasses.replace(run(Penalty.NONE, 0, 0.98, 0.98), preset=1)]  # has neither dropout nor weight decay
    table = cost_table(by_preset(runs, PRESETS))
    headings = [column.heading for column in table.columns]
    (row,) = [dict(zip(headings, row, strict=True)) for row in table.rows]
    assert row == {
        "preset": 31,
        "weight decay": 0.0001,
        "dropout": 0.2,
        "as intended": pytest.approx(0.981),
        "dropout left on": pytest.approx(-0.006),
        "penalty once per layer": pytest.approx(-0.01),
        "both": pytest.approx(-0.031),
    }


def test_bug_that_makes_training_diverge_has_no_cost():
    diverged = dataclasses.replace(RUN, dropout_on_test=None, dropout_off_test=None)
    table = cost_table(by_preset([diverged, dataclasses.replace(RUN, penalty=Penalty.INTENDED)], PRESETS))
    assert table.rows[0][3:] == [RUN.dropout_off_test, pytest.approx(-0.0075), None, None]


def test_penalties_and_norms_are_averaged_over_seeds():
    runs = [
        dataclasses.replace(RUN, seed=seed, l2_penalties=(0.1 * seed, 0.2), weight_norms=(10.0, 2.0 * seed))
        for seed in (1, 3)
    ]
    table = penalties_table(by_preset(runs, PRESETS))
    assert table.rows == [
        [31, 0.0001, "as in 2020", pytest.approx(0.1), pytest.approx(0.4), "0.2, 0.2", "10, 4"]
    ]  # there are no runs with the intended penalty


def test_conclusions_are_tested_in_both_variants():
    runs = []
    for seed, change in enumerate((-0.001, 0.0, 0.001)):
        for preset, as_in_2020 in ((31, 0.975 + change), (36, 0.985 - change)):
            runs.append(a_run(preset, Penalty.CUMULATIVE, seed, as_in_2020, 0.9))
            runs.append(a_run(preset, Penalty.INTENDED, seed, 0.9, 0.98 + change))
    test = {31: 0.97, 36: 0.968, 1: 0.98, 9: 0.98}
    comparison = Comparison(runs, PRESETS, {number: dict.fromkeys(PARTS, test[number]) for number in test})
    (found,) = conclusions(comparison, PRESETS)  # neither bug affects preset 9, and the parent of 31 was not published
    assert (found.preset, found.change) == (36, "31: hidden_sizes 300-200-200-200 -> 300-200-200")
    assert found.published == pytest.approx(-0.002)
    difference = found.differences[AS_IN_2020]
    assert difference.amount == pytest.approx(0.01)
    logits = [[logit(mean + change) for change in (-0.001, 0, 0.001)] for mean in (0.965, 0.975)]
    pooled = np.mean([np.var(values, ddof=1) for values in logits])
    critical = t.ppf(1 - difference.level / 2, 4)
    reach = critical * (pooled * 2 / 3) ** 0.5
    ends = [1 / (1 + exp(-logit(0.975) - sign * reach)) - 0.965 for sign in (-1, 1)]
    assert (difference.low, difference.high) == pytest.approx(ends, abs=1e-4)
    assert 2.776 < critical < 4  # t(97.5%, 4), wider for two differences
    assert found.differences[AS_INTENDED].amount == pytest.approx(0)
    (row,) = conclusions_table([found]).rows
    assert row[3].startswith("+1.00 (+0.") and row[4].startswith("+0.00 (\N{MINUS SIGN}0.")
