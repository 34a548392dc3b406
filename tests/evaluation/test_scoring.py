"""Tests scores, confidence intervals, ensembles and stored predictions."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.evaluation.predictions import TestPredictions, logits_of_ensemble, score
from mnist_mlp.evaluation.scores import TestScore
from mnist_mlp.evaluation.scoring import logits_of
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.training.model import build_model


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [
        (9_800, 10_000, 0.977072, 0.982561),  # calculated by hand from Wilson's formula
        (8, 10, 0.490162, 0.943318),  # textbook example
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
    ],
)
def test_wilson_interval(correct, images, low, high):
    assert TestScore(correct, images, 0.0).interval == pytest.approx((low, high), abs=1e-5)


def test_score_matches_numpy_without_dropout():
    model = build_model(Preset(hidden_sizes=(20,), dropout=0.9), seed=3)
    random = np.random.default_rng(0)
    data = LabeledImages(random.integers(0, 256, (300, 784), np.uint8), random.integers(0, 10, 300, np.int32))
    w1, b1, w2, b2 = (weight.astype(np.float64) for weight in model.get_weights())
    logits = np.maximum(data.pixels / 255 @ w1 + b1, 0) @ w2 + b2
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    result, predictions = score(logits_of(model, data), data.labels)
    assert result.correct == (logits.argmax(axis=1) == data.labels).sum()
    assert result.loss == pytest.approx(-log_probabilities[np.arange(300), data.labels].mean(), rel=1e-5)
    assert result == score(logits_of(model, data), data.labels)[0]
    probabilities = np.exp(log_probabilities)
    np.testing.assert_array_equal(predictions.predicted, logits.argmax(axis=1))
    np.testing.assert_allclose(predictions.confidence, probabilities.max(axis=1), rtol=1e-4)
    np.testing.assert_allclose(predictions.true_probability, probabilities[np.arange(300), data.labels], rtol=1e-3)


def test_ensemble_averages_probabilities_not_logits():
    sure = np.log([[0.98, 0.01, *[0.00125] * 8]]) + 5.0  # the constant does not change the probabilities
    others = [np.log([[0.3, 0.6, *[0.0125] * 8]]) for _ in range(2)]
    result, predictions = score(logits_of_ensemble([sure, *others]), np.array([1], np.int32))
    assert predictions.predicted.tolist() == [0]  # (0.98 + 0.3 + 0.3) / 3 vs. (0.01 + 0.6 + 0.6) / 3
    assert predictions.confidence[0] == pytest.approx(1.58 / 3)
    assert (result.correct, result.loss) == (0, pytest.approx(-np.log(1.21 / 3)))


def test_ensemble_loss_is_finite_if_true_class_has_probability_zero():
    logits = np.full((1, 10), -2000.0)
    logits[0, 0] = 0.0
    result, _ = score(logits_of_ensemble([logits, logits]), np.array([1], np.int32))
    assert np.isfinite(result.loss)


def test_saved_predictions_load_unchanged(tmp_path):
    random = np.random.default_rng(0)
    saved = TestPredictions.from_logits(random.normal(size=(10_000, 10)), random.integers(0, 10, 10_000))
    assert TestPredictions.load(tmp_path) is None
    saved.save(tmp_path)
    read = TestPredictions.load(tmp_path)
    for name in ("predicted", "confidence", "true_probability"):
        np.testing.assert_array_equal(getattr(read, name), getattr(saved, name))
    assert [path.name for path in tmp_path.iterdir()] == ["test_predictions.npz"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "cannot be read"),
        ({"predicted": np.zeros(9_999, np.uint8)}, "does not contain 'predicted' as 10,000 uint8 values"),
        ({"predicted": np.full(10_000, 10, np.uint8)}, "classes that mnist does not have"),
        ({"predicted": np.array([print] * 10_000)}, "cannot be read"),  # pickled data could execute code
    ],
    ids=["missing array", "too few images", "invalid class", "pickle"],
)
def test_invalid_predictions_are_rejected(tmp_path, arrays, message):
    zeros = {"confidence": np.zeros(10_000, np.float32), "true_probability": np.zeros(10_000, np.float32)}
    np.savez(tmp_path / "test_predictions.npz", **{**zeros, **arrays})
    with pytest.raises(InvalidRun, match=message):
        TestPredictions.load(tmp_path)


def test_damaged_predictions_are_rejected(tmp_path):
    for content in (b"", b"PK\x03\x04 not an archive", b"text"):
        (tmp_path / "test_predictions.npz").write_bytes(content)
        with pytest.raises(InvalidRun, match="cannot be read"):
            TestPredictions.load(tmp_path)
