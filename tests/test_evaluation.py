"""Scores and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data import LabelledImages
from mnist_mlp.evaluation import TestScore, score
from mnist_mlp.intervals import mean_interval
from mnist_mlp.model import build_model
from mnist_mlp.preset import Preset


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [
        (9_800, 10_000, 0.977072, 0.982561),  # worked out by hand from Wilson's formula
        (8, 10, 0.490162, 0.943318),  # the textbook's example
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
    ],
)
def test_wilson_interval(correct, images, low, high):
    assert TestScore(correct, images, 0.0).interval == pytest.approx((low, high), abs=1e-5)


def test_interval_of_a_mean_is_student_s():
    low, high = mean_interval([0.981, 0.983, 0.985])  # mean 0.983, deviation 0.002, t(2) = 4.302653
    half_width = 4.302653 * 0.002 / 3**0.5
    assert (low, high) == pytest.approx((0.983 - half_width, 0.983 + half_width), abs=1e-8)


def test_score_against_numpy_with_dropout_off():
    model = build_model(Preset(hidden_sizes=(20,), dropout=0.9), seed=3)
    random = np.random.default_rng(0)
    data = LabelledImages(random.integers(0, 256, (300, 784), np.uint8), random.integers(0, 10, 300, np.int32))
    w1, b1, w2, b2 = (weight.astype(np.float64) for weight in model.get_weights())
    logits = np.maximum(data.pixels / 255 @ w1 + b1, 0) @ w2 + b2
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    result = score(model, data)
    assert result.correct == (logits.argmax(axis=1) == data.labels).sum()
    assert result.loss == pytest.approx(-log_probabilities[np.arange(300), data.labels].mean(), rel=1e-5)
    assert result == score(model, data)
