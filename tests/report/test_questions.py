"""Tests the questions, with runs that have known layer statistics."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.questions import QUESTIONS
from mnist_mlp.report.questions.answer import PANELS, Answer, Question
from mnist_mlp.report.questions.cumulative_weight_decay import cumulative_weight_decay
from mnist_mlp.report.questions.failures import failures
from mnist_mlp.report.questions.measures import norm_of_weights, share_of_decay
from mnist_mlp.report.questions.optimizer import optimizer
from mnist_mlp.report.questions.weight_decay import weight_decay
from mnist_mlp.report.questions.weight_initialization import weight_initialization
from tests.report.helpers import add_layers, build, make_run
from tests.report.reported import content_of, reported_run

from hyperparameters import PRESETS

HE = Preset(hidden_sizes=(30, 20), weight_init="he", bias_init="zeros", weight_decay=0.0, batch_size=200)


def answer_to(question: Question, *runs) -> Answer | None:
    content = content_of(*runs)
    return question(content.experiments, content.findings)


def test_question_without_suitable_runs_has_no_answer():
    assert [answer_to(question, reported_run(1, HE)) for question in QUESTIONS] == [None] * len(QUESTIONS)


def test_every_question_has_its_own_figure():
    assert len(PANELS) == len(QUESTIONS)


def test_weight_initialization_compares_last_hidden_layer():
    he, xavier = reported_run(1, HE, layers={}), reported_run(2, HE.but(weight_init="xavier"), layers={})
    he.layers["activation_std"] = np.array([[9.0, 3.0, 9.0], [9.0, 8.0, 9.0], [9.0, 8.0, 9.0]])
    xavier.layers["activation_std"] = np.array([[9.0, 2.0, 9.0], [9.0, 4.0, 9.0], [9.0, 4.0, 9.0]])
    answer = answer_to(weight_initialization, he, xavier)
    text = " ".join(answer.sentences)
    assert "about 2.0 times as large with He as with Xavier" in text  # two hidden layers: sqrt(2) squared
    assert "of 3 with He and 2 with Xavier (1.5 times as large). After the last epoch, it is 8 and 4 (2 times" in text
    assert answer.panels.name == "layers_weight_init"
    assert answer.panels.headline == "Activations of the last hidden layer after epoch 1: 3 with He, 2 with Xavier"
    row = dict(zip([column.heading for column in answer.table.columns], answer.table.rows[1], strict=True))
    assert row["layer (after epoch 1)"] == "hidden 2"
    assert row["standard deviation of the activations (He)"] == 3.0
    assert row["standard deviation of the activations (Xavier)"] == 2.0


def test_optimizer_compares_step_sizes():
    adam = reported_run(1, HE, layers={"update_ratio": 0.002})
    slow = reported_run(2, HE.but(optimizer="adadelta"), layers={"update_ratio": 4e-7})
    answer = answer_to(optimizer, adam, slow)
    text = " ".join(answer.sentences)
    assert "by 4e-05% of their norm with Adadelta and by 0.2% with Adam, which is 5,000 times as much" in text
    assert "(275 per epoch," in text
    assert "Adadelta's best epoch is 2 of 3" in text
    assert "changed by \N{MINUS SIGN}10.00 points: it had converged" in text
    assert list(answer.panels.columns) == ["Adadelta", "Adam"]
    slow.curves["validation accuracy"] = np.array([0.6, 0.8, 0.9])
    text = " ".join(answer_to(optimizer, adam, slow).sentences)
    assert "changed by +10.00 points: it was still improving" in text


def decay_runs() -> list[ReportedRun]:
    """Returns runs without weight decay and with two small ones."""
    return [
        reported_run(1, HE, test_accuracy=0.98, layers={"weight_norm": 3.0}),
        reported_run(2, HE.but(weight_decay=0.01), test_accuracy=0.97, layers={"weight_norm": 10.0}),
        reported_run(3, HE.but(weight_decay=0.1), test_accuracy=0.95, layers={"weight_norm": 1.0}),
    ]


def test_smallest_weight_decay_is_compared_with_none():
    answer = answer_to(weight_decay, *decay_runs())
    assert answer.sentences[0].startswith(
        "With a weight decay of 0.01, the test accuracy is 1.00 points lower than without weight decay (95% interval "
    )
    # the norm is sqrt(3 * 9) without weight decay, and sqrt(2 * 0.2 / 0.01) with it
    assert answer.sentences[1] == (
        "Without weight decay (preset 1), the norm of all weights changes from 5.2 after the first epoch to 5.2 after "
        "the last. With it (preset 2), the norm is 6.32 and 6.32."
    )
    assert "the effect of its weight decay is unknown" not in " ".join(answer.sentences)


def test_penalty_is_compared_with_cross_entropy_at_the_best_epoch():
    text = " ".join(answer_to(weight_decay, *decay_runs()).sentences)
    # the penalty is 0.2; in the second epoch the training cross-entropy is 1 - 0.7
    assert (
        "At the best epoch of preset 2, the L2 penalty is 0.2000 and the training cross-entropy is 0.3000 nats, so the "
        "penalty is 40% of the loss" in text
    )
    assert "it is 20.0% to 20.0% as large as the total gradient" in text  # 0.01 * 10 / 0.5


def test_weight_decay_figure_shows_the_arms_of_the_study():
    panels = answer_to(weight_decay, *decay_runs()).panels
    assert list(panels.columns) == ["decay 0", "decay 0.01", "decay 0.1"]
    assert panels.headline == "Norm of the weights at the end: 5.2 with decay 0 and 6.32 with decay 0.01"
    np.testing.assert_allclose(panels.curves[1, 2]["norm of all weights"], 2)  # sqrt(2 * 0.2 / 0.1)
    runs = decay_runs()
    runs[0].layers = None  # the norm is unknown
    assert list(answer_to(weight_decay, *runs).panels.columns) == ["decay 0.01", "decay 0.1"]


def test_study_with_the_smallest_weight_decay_answers_the_question():
    base = HE.but(hidden_sizes=(9,), epochs=7)
    others = [reported_run(4, base), reported_run(5, base.but(weight_decay=0.001))]
    answer = answer_to(weight_decay, *decay_runs(), *others)
    assert [row[:2] for row in answer.table.rows] == [[0.0, "4"], [0.001, "5"]]


def test_weight_decay_without_a_study_is_not_discussed():
    base = HE.but(weight_decay=0.01)
    runs = [reported_run(7, base), reported_run(8, base.but(weight_decay=0.1))]
    assert "No run has the hyperparameters of preset 7 without weight decay" in " ".join(
        answer_to(weight_decay, *runs).sentences
    )
    assert answer_to(weight_decay, runs[0]) is None


def test_weight_norm_and_share_of_gradient_with_cumulative_weight_decay():
    preset = HE.but(weight_decay=0.01, cumulative_weight_decay=True)
    run = reported_run(2, preset, layers={"weight_norm": 10.0, "gradient_norm": 0.5})
    np.testing.assert_allclose(norm_of_weights(run), 300**0.5)  # three matrices; not from the penalty
    np.testing.assert_allclose(share_of_decay(run)[0], [0.6, 0.4, 0.2])  # 0.01 * (3, 2, 1) * 10 / 0.5
    assert np.isnan(norm_of_weights(reported_run(2, preset))).all()


def test_cumulative_weight_decay_is_another_question():
    cumulative = [HE.but(weight_decay=decay, cumulative_weight_decay=True) for decay in (0.001, 0.01)]
    runs = [reported_run(200 + number, preset, layers={}) for number, preset in enumerate(cumulative, start=4)]
    assert answer_to(weight_decay, *runs) is None
    answer = answer_to(weight_decay, *decay_runs(), *runs)
    assert [row[:2] for row in answer.table.rows] == [[0.0, "1"], [0.01, "2"], [0.1, "3"]]


def test_cumulative_weight_decay_compares_both_penalties_layer_by_layer():
    runs = []
    for number, decay in ((31, 0.0001), (16, 0.1)):
        for is_cumulative in (False, True):
            preset = HE.but(weight_decay=decay, cumulative_weight_decay=is_cumulative)
            accuracy = 0.98 - decay * is_cumulative
            run = reported_run(number + 200 * is_cumulative, preset, test_accuracy=accuracy, layers={})
            run.layers["weight_norm"][-1] = (8.0, 6.0, 4.0) if is_cumulative else (9.0, 6.0, 3.0)
            run.curves["train l2_penalty"] *= 2 if is_cumulative else 1
            runs.append(run)
    answer = answer_to(cumulative_weight_decay, *runs)
    text = " ".join(answer.sentences)
    assert answer.sentences[0].startswith("No.")
    assert "(preset 231), the 3 layers are decayed by 0.0003, 0.0002, and 0.0001." in text
    # in the second epoch, the training cross-entropy is 1 - 0.7
    assert "is 0.3000 nats and the penalty is 0.2000 with the intended penalty (preset 31)" in text
    assert "With that of 2020, they are 0.3000 and 0.4000." in text
    assert "first layer's weights is 9 with the intended penalty and 8 with that of 2020." in text
    assert "For the output layer, it is 3 and 4." in text
    assert "changes accuracy most at a weight decay of 0.1. With cumulative weight decay (preset 216), the test" in text
    assert "10.00 points lower than without cumulative weight decay" in text
    columns = [column.heading for column in answer.table.columns]
    rows = [dict(zip(columns, row, strict=True)) for row in answer.table.rows]
    assert [row["presets"] for row in rows] == ["31, 231", "16, 216"]
    assert rows[1] == {
        "presets": "16, 216",
        "weight decay": 0.1,
        "test accuracy, intended": 0.98,
        "test accuracy, as in 2020": 0.88,
        "difference in points": pytest.approx(-0.1),
        "L2 penalty, intended": 0.2,
        "L2 penalty, as in 2020": 0.4,
        "norm of the first layer, intended": 9.0,
        "norm of the first layer, as in 2020": 8.0,
        "norm of the output layer, intended": 3.0,
        "norm of the output layer, as in 2020": 4.0,
    }
    assert answer.panels.columns == ["preset 31\nintended", "preset 231\nas in 2020"]
    lines = answer.panels.curves[0, 1]
    assert list(lines) == ["training cross-entropy", "hidden 1", "hidden 2", "logits"]


def test_cumulative_weight_decay_is_answered_without_scores_and_layer_statistics():
    preset = HE.but(weight_decay=0.01)
    runs = reported_run(17, preset), reported_run(217, preset.but(cumulative_weight_decay=True))
    answer = answer_to(cumulative_weight_decay, *runs)
    assert answer.panels is None
    assert "decayed by 0.03, 0.02, and 0.01" in answer.sentences[1]
    assert "norm" not in " ".join(answer.sentences)
    headings = {column.heading for column in answer.table.columns}
    assert headings == {"presets", "weight decay", "L2 penalty, intended", "L2 penalty, as in 2020"}


def test_presets_below_20_percent_count_as_failed_and_have_a_cause():
    runs = [reported_run(1, HE), reported_run(2, HE.but(weight_decay=1.0), (0.1, 0.12, 0.11), layers={})]
    runs.append(reported_run(3, HE.but(learning_rate=1.0), (0.1, 0.19, 0.1)))
    runs[2].curves["train cross_entropy"][0] = 1_234_567.0
    runs[1].layers["dead_units"][:, -1] = [0.9, 1.0, 1.0]
    answer = answer_to(failures, *runs)
    # He: sqrt(2 * (30 + 20 + 10)); a penalty of 0.2 with weight decay 1 means a norm of sqrt(0.4)
    assert "norm is about 11 at initialization, 0.63 after the first epoch" in answer.sentences[0]
    assert "From epoch 2 on, the network gives the same output for every image." in answer.sentences[0]
    assert "The mean cross-entropy of the first epoch is about 1,230,000 nats" in answer.sentences[1]
    assert "gives 2.3." in answer.sentences[1]
    assert [row[0] for row in answer.table.rows] == ["2", "3"]
    assert answer.panels.columns == ["preset 2\ndecay 1\nrate 0.001"]
    assert answer.panels.headline == "Failed networks: up to 100% of the units in a layer are dead"


def test_failure_is_explained_by_a_seed_that_failed():
    runs = [reported_run(2, HE, (0.1, value, 0.1), seed=seed, layers={}) for seed, value in enumerate((0.98, 0.15))]
    runs[0].layers["dead_units"][-1], runs[1].layers["dead_units"][-1] = 0.25, 0.75
    answer = answer_to(failures, *runs)
    assert "75% of the units in the worst layer are dead" in answer.sentences[0]
    assert answer.table.column("validation accuracy") == [0.15]
    assert answer.panels.headline == "Failed network: up to 75% of the units in a layer are dead"


def test_answers_on_the_page_use_layer_statistics(tmp_path):
    add_layers(make_run(tmp_path, 14, PRESETS[14], 0.98), activation_std=3.0, update_ratio=0.002)
    add_layers(make_run(tmp_path, 15, PRESETS[15], 0.98), activation_std=2.0, update_ratio=0.003)
    add_layers(make_run(tmp_path, 18, PRESETS[18], 0.98))
    add_layers(make_run(tmp_path, 22, PRESETS[22], 0.97), update_ratio=0.002)
    add_layers(make_run(tmp_path, 26, PRESETS[26], 0.5), update_ratio=4e-7)
    add_layers(make_run(tmp_path, 29, PRESETS[29], 0.11), dead_units=1.0, gradient_norm=10.0)
    build(tmp_path)
    page = re.sub(r"\s+", " ", (tmp_path / "out" / "report.html").read_text())
    assert "a standard deviation of 3 with He and 2 with Xavier (1.5 times as large)" in page
    assert "by 0.20% of their norm with He and by 0.30% with Xavier" in page
    assert "by 4e-05% of their norm with Adadelta and by 0.2% with Adam, which is 5,000 times as much" in page
    assert "Adadelta would move the weights by 0.00033 times their norm" in page  # 3 epochs of 275 steps
    # 0.001 * 10 / 0.5 of preset 18, the best with the smallest weight decay
    assert "is 2.0% to 2.0% as large as the total gradient" in page
    # preset 14 has five weight matrices with norm 10; the penalty of preset 18 is 0.1 = 0.001 / 2 * 200
    assert (
        "(preset 14), the norm of all weights changes from 22.4 after the first epoch to 22.4 after the last." in page
    )
    assert "With it (preset 18), the norm is 14.1 and 14.1." in page
    # He: sqrt(2 * (300 + 3 * 200 + 10)) = sqrt(1820); a penalty of 0.1 is half of 0.447 squared
    assert "norm is about 42.7 at initialization, 0.45 after the first epoch, and 0.45 after the last." in page
    assert (
        "In a typical layer after the first epoch, the gradient of the L2 penalty is 100% as large as the total "
        "gradient." in page
    )
    assert "From epoch 1 on, the network gives the same output for every image." in page
    assert "dead hidden units, last epoch" in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"layers_weight_init.png", "layers_optimizer.svg", "layers_failed.png", "losses_weight_decay.svg"} <= names


def test_questions_are_answered_from_curves_if_there_are_no_layer_statistics(tmp_path):
    for number, accuracy in ((14, 0.98), (15, 0.98), (18, 0.98), (22, 0.97), (26, 0.5), (33, 0.11)):
        make_run(tmp_path, number, PRESETS[number], accuracy)
    report = build(tmp_path)
    page = (tmp_path / "out" / "report.html").read_text()
    assert report.evidence.notes == []
    assert "After one epoch, the validation accuracy is 49.00% with He and 49.00% with Xavier" in page
    assert "it changed by 0.0% with Adadelta" in page
    assert "older versions of this program did not record them" in page
    assert "dead hidden units" not in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "losses_weight_decay.png" in names and not any(name.startswith("layers_") for name in names)


def reported_layers(
    weight_norms: tuple[float, ...], dead_units: tuple[float, ...], layers: int
) -> dict[str, np.ndarray]:
    """Returns layer statistics with these values per epoch, equal in all layers."""
    by_epoch = {"weight_norm": weight_norms, "dead_units": dead_units}
    return {name: np.repeat(np.array(values)[:, np.newaxis], layers, axis=1) for name, values in by_epoch.items()}


def test_failed_presets_table_columns():
    preset = Preset(hidden_sizes=(30,), learning_rate=0.25, optimizer="sgd")
    run = reported_run(7, preset, validation=(0.1, 0.125, 0.09375), layers={"gradient_norm": 2.0})
    run.layers |= reported_layers((3.0, 4.0, 5.0), (0.25, 0.5, 0.75), layers=2)
    answer = failures([Experiment(preset, (7,), [run])], [])
    assert answer.table.name == "Failed"
    assert dict(zip([column.heading for column in answer.table.columns], answer.table.rows[0], strict=True)) == {
        "preset": "7",
        "weight decay": 0.0,
        "learning rate": 0.25,
        "optimizer": "sgd",
        "validation accuracy": 0.125,
        "final training cross-entropy": pytest.approx(0.01),
        "norm of weights, first epoch": pytest.approx(3.0 * 2**0.5),
        "norm of weights, last epoch": pytest.approx(5.0 * 2**0.5),
        "dead hidden units, last epoch": 0.75,
    }


def test_weight_decay_table_columns():
    preset = Preset(hidden_sizes=(30,), weight_decay=0.0625)
    run, without = reported_run(2, preset), reported_run(3, preset.but(weight_decay=0.0), layers={"weight_norm": 3.0})
    run.record.epochs[1]["validation"]["accuracy"] = 0.95
    run.curves["train l2_penalty"] = np.array([0.5, 0.25, 0.125])
    run.curves["train cross_entropy"] = np.array([0.9, 0.75, 0.6])
    answer = answer_to(weight_decay, run, without)
    assert [row[:2] for row in answer.table.rows] == [[0.0, "3"], [0.0625, "2"]]
    assert dict(zip([column.heading for column in answer.table.columns], answer.table.rows[1], strict=True)) == {
        "weight decay": 0.0625,
        "preset": "2",
        "validation accuracy": 0.95,
        "training cross-entropy": 0.75,
        "L2 penalty": 0.25,
        "L2 penalty / loss": 0.25,
        "norm of all weights, best epoch": pytest.approx((2 * 0.25 / 0.0625) ** 0.5),
    }
    assert answer.table.rows[0][-1] == pytest.approx(18**0.5)
