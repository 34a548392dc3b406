"""Questions and their answers, on runs with known layers."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.questions import QUESTIONS
from mnist_mlp.report.questions.answer import PANELS, Answer, Question
from mnist_mlp.report.questions.failures import failures
from mnist_mlp.report.questions.optimizer import optimizer
from mnist_mlp.report.questions.weight_decay import weight_decay
from mnist_mlp.report.questions.weight_initialization import weight_initialization
from mnist_mlp.report.studies import Experiment
from tests.report.helpers import add_layers, build, make_run
from tests.report.reported import content_of, reported_run

from hyperparameters import PRESETS

HE = Preset(hidden_sizes=(30, 20), weight_init="he", bias_init="zeros", weight_decay=0.0, batch_size=200)


def answer_to(question: Question, *runs) -> Answer | None:
    content = content_of(*runs)
    return question(content.experiments, content.findings)


def test_nothing_is_answered_without_the_runs_for_it():
    assert [answer_to(question, reported_run(1, HE)) for question in QUESTIONS] == [None] * 4


def test_every_question_names_a_figure_of_its_own():
    assert len(PANELS) == len(QUESTIONS)


def test_weight_initializations_are_compared_by_their_last_hidden_layer():
    he, xavier = reported_run(1, HE, layers={}), reported_run(2, HE.but(weight_init="xavier"), layers={})
    he.layers["activation_std"] = np.array([[9.0, 3.0, 9.0], [9.0, 8.0, 9.0], [9.0, 8.0, 9.0]])
    xavier.layers["activation_std"] = np.array([[9.0, 2.0, 9.0], [9.0, 4.0, 9.0], [9.0, 4.0, 9.0]])
    answer = answer_to(weight_initialization, he, xavier)
    text = " ".join(answer.sentences)
    assert "about 2.0 times Xavier's" in text  # two hidden layers: the square of the root of 2
    assert "of 3 with He and 2 with Xavier, 1.5 times as large; after the last epoch, 2 times as large." in text
    assert answer.panels.name == "layers_weight_init"
    row = dict(zip([column.heading for column in answer.table.columns], answer.table.rows[1], strict=True))
    assert row["layer, after epoch 1"] == "hidden 2"
    assert row["standard deviation of the activations, He"] == 3.0
    assert row["standard deviation of the activations, Xavier"] == 2.0


def test_optimizers_are_compared_by_their_steps():
    adam = reported_run(1, HE, layers={"update_ratio": 0.002})
    slow = reported_run(2, HE.but(optimizer="adadelta"), layers={"update_ratio": 4e-7})
    answer = answer_to(optimizer, adam, slow)
    text = " ".join(answer.sentences)
    assert "by 4e-05% of their norm with Adadelta and by 0.2% with Adam, 5,000 times as much" in text
    assert "At 275 steps per epoch" in text
    assert "Adadelta's best epoch is 2 of 3" in text
    assert "changed by -10.00 points, so it has converged" in text
    assert list(answer.panels.columns) == ["Adadelta", "Adam"]


def test_weight_decay_compares_the_penalty_with_the_loss_at_the_best_epoch():
    decay = HE.but(weight_decay=0.01)
    answer = answer_to(
        weight_decay,
        reported_run(1, HE, layers={"weight_norm": 3.0}),
        reported_run(2, decay, layers={"weight_norm": 10.0, "gradient_norm": 0.5}),
    )
    text = " ".join(answer.sentences)
    # the penalty is 0.2; in the second epoch the training cross-entropy is 1 - 0.7
    assert "the L2 term is 0.2000 nats at the best epoch beside a training cross-entropy of 0.3000: 40%" in text
    assert "is 20.0% to 20.0% as large as the whole gradient" in text  # 0.01 * 10 / 0.5
    # without decay the root of 3 * 9; with it the root of 2 * 0.2 / 0.01
    assert "(preset 1) the norm of all weights goes from 5.2 after" in text
    assert "(preset 2) from 6.32 to 6.32" in text
    assert [row[0] for row in answer.table.rows] == [0.0, 0.01]
    assert "is not measured here" not in text


def test_a_failure_is_one_below_20_percent_with_its_cause():
    runs = [reported_run(1, HE), reported_run(2, HE.but(weight_decay=1.0), (0.1, 0.12, 0.11), layers={})]
    runs.append(reported_run(3, HE.but(learning_rate=1.0), (0.1, 0.19, 0.1)))
    runs[2].curves["train cross_entropy"][0] = 1000.0
    runs[1].layers["dead_units"][:, -1] = [0.9, 1.0, 1.0]
    answer = answer_to(failures, *runs)
    # He draws with the root of 2 * (30 + 20 + 10); a penalty of 0.2 and a decay of 1 make a norm of root 0.4
    assert "drawn with a norm of about 11; after the first epoch it is 0.63" in answer.sentences[0]
    assert "From epoch 2 to the last the network gives every image the same logits." in answer.sentences[0]
    assert "The cross-entropy of the first epoch is 1,000 nats on average" in answer.sentences[1]
    assert "costs 2.3." in answer.sentences[1]
    assert [row[0] for row in answer.table.rows] == ["2", "3"]
    assert answer.panels.columns == ["preset 2\ndecay 1\nrate 0.001"]


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
    assert "with 0.001 and everything else equal (preset 18) from 14.1 to 14.1." in page
    # drawn with 2 * (300 + 3 * 200 + 10) = 1820, the root of it; a penalty of 0.1 is half of 0.447 squared
    assert "drawn with a norm of about 42.7; after the first epoch it is 0.45, after the last 0.45." in page
    assert "Weight decay dominates the gradient: after the first epoch it is 100% of the gradient of a typical" in page
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
    assert "older versions did not" in page
    assert "dead hidden units" not in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "losses_weight_decay.png" in names and not any(name.startswith("layers_") for name in names)


def reported_layers(
    weight_norms: tuple[float, ...], dead_units: tuple[float, ...], layers: int
) -> dict[str, np.ndarray]:
    """Returns layers whose norms and shares of dead units change from epoch to epoch, alike in every layer."""
    by_epoch = {"weight_norm": weight_norms, "dead_units": dead_units}
    return {name: np.repeat(np.array(values)[:, np.newaxis], layers, axis=1) for name, values in by_epoch.items()}


def test_every_column_of_the_failed_presets():
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
        "last training cross-entropy": pytest.approx(0.01),
        "norm of weights, first epoch": pytest.approx(3.0 * 2**0.5),
        "norm of weights, last epoch": pytest.approx(5.0 * 2**0.5),
        "dead hidden units, last epoch": 0.75,
    }


def test_every_column_of_the_weight_decays():
    preset = Preset(hidden_sizes=(30,), weight_decay=0.0625)
    worse, better = (reported_run(number, preset.but(dropout=number / 10)) for number in (1, 2))
    without = reported_run(3, preset.but(weight_decay=0.0))
    better.record.epochs[1]["validation"]["accuracy"] = 0.95
    better.curves["train l2_penalty"] = np.array([0.5, 0.25, 0.125])
    better.curves["train cross_entropy"] = np.array([0.9, 0.75, 0.6])
    experiments = [Experiment(run.preset, (run.record.preset_number,), [run]) for run in (worse, better, without)]
    answer = weight_decay(experiments, [])
    assert [row[:2] for row in answer.table.rows] == [[0.0, "3"], [0.0625, "2"]]
    assert dict(zip([column.heading for column in answer.table.columns], answer.table.rows[1], strict=True)) == {
        "weight decay": 0.0625,
        "best preset with it": "2",
        "validation accuracy": 0.95,
        "training cross-entropy": 0.75,
        "L2 penalty": 0.25,
        "its share of the loss": 0.25,
        "norm of all weights": pytest.approx((2 * 0.25 / 0.0625) ** 0.5),
    }
