"""Compares layer statistics with plain Keras."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.compiled_epoch import compiled_epoch
from mnist_mlp.training.layer_statistics import layer_monitor
from mnist_mlp.training.loop import shuffle, train
from mnist_mlp.training.model import build_model
from mnist_mlp.training.training_step import step_inputs
from tests.helpers import EVERYTHING, SMALL, numpy_mask


def test_statistics_are_measured_after_normalization_and_activation(small_data):
    preset = SMALL.but(normalization="batch", activation="sigmoid", dropout=0.5, ema_decay=0.5)
    *_, last = train(preset, 1, small_data)
    model = build_model(preset, 1)
    model.set_weights(last.state.weights)
    statistics = model.get_layer("normalization_1").moving_mean.numpy()
    order = shuffle(len(small_data.train), 1, preset.epochs)
    inputs = model.get_layer("hidden_1")(small_data.train.pixels[order] / np.float32(255))
    np.testing.assert_allclose(statistics, np.mean(inputs, axis=0), rtol=1e-3, atol=1e-4)
    hidden = keras.Model(model.inputs[0], model.get_layer("activation_1").output)
    activations = hidden(small_data.validation.pixels / np.float32(255)).numpy()
    assert last.layers["hidden_1"].activation_mean == pytest.approx(activations.mean(), rel=1e-4)
    assert list(last.layers) == ["hidden_1", "hidden_2", "logits"]


def test_statistics_match_plain_keras(small_data):
    """After epoch 1, gradients and updates are those of the first step of epoch 2."""
    preset = SMALL.but(optimizer="sgd", dropout=0.4, weight_decay=0.01, bias_init="normal", batch_size=1000, epochs=1)
    (result,) = train(preset, 5, small_data)
    model = build_model(preset, seed=0)
    model.set_weights(result.state.weights)
    batch = shuffle(len(small_data.train), 5, 2)
    with tf.GradientTape() as tape:
        activations = tf.constant(small_data.train.pixels[batch] / np.float32(255))
        for index, layer in enumerate(model.layers):
            is_dropout = isinstance(layer, keras.layers.Dropout)
            mask = numpy_mask(5, 2, 0, index, activations.shape, 0.4) if is_dropout else None
            activations = activations * mask if is_dropout else layer(activations)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(small_data.train.labels[batch], activations)
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        loss += sum(0.01 / 2 * tf.reduce_sum(layer.kernel**2) for layer in dense)
    gradients = tape.gradient(loss, [layer.kernel.value for layer in dense])

    assert list(result.layers) == ["hidden_1", "hidden_2", "logits"]
    activations = small_data.validation.pixels / np.float32(255)
    for layer, gradient in zip(dense, gradients, strict=True):
        found, weights = result.layers[layer.name], layer.kernel.numpy()
        activations = layer(activations).numpy()
        gradient_norm, weight_norm = np.linalg.norm(gradient), np.linalg.norm(weights)
        assert found.activation_mean == pytest.approx(activations.mean(), rel=1e-4)
        assert found.activation_std == pytest.approx(activations.std(), rel=1e-4)
        assert found.dead_units == pytest.approx((np.ptp(activations, axis=0) == 0).mean())
        assert found.gradient_norm == pytest.approx(gradient_norm, rel=1e-4)
        assert found.weight_norm == pytest.approx(weight_norm, rel=1e-5)
        assert found.update_ratio == pytest.approx(0.01 * gradient_norm / weight_norm, rel=1e-3)
        assert found.l2_penalty == pytest.approx(0.01 * weight_norm**2 / 2, rel=1e-5)
        for kind, values in (("weights", weights), ("activations", activations[:100])):
            low, high, counts = result.histograms[f"{kind}/{layer.name}"].T
            assert (low[0], high[-1]) == pytest.approx((values.min(), values.max()))
            assert (counts == [((values >= a) & (values < b)).sum() for a, b in zip(low, high, strict=True)])[:-1].all()
            assert counts.sum() == values.size
    assert result.layers["hidden_1"].dead_units > 0
    assert sum(layer.l2_penalty for layer in result.layers.values()) == pytest.approx(
        result.validation.l2_penalty, rel=1e-5
    )


@pytest.mark.parametrize("hidden_sizes", [(), (30, 20)])
def test_gradient_includes_the_cumulative_penalty(small_data, hidden_sizes):
    """If all pixels are 0, the penalty is the whole gradient of the first matrix."""
    blank = LabeledImages(np.zeros_like(small_data.train.pixels), small_data.train.labels)
    data = TrainingData(train=blank, validation=small_data.validation)
    preset = SMALL.but(hidden_sizes=hidden_sizes, epochs=1, weight_decay=0.5, cumulative_weight_decay=True)
    first = next(iter(next(train(preset, 1, data)).layers.values()))
    assert first.gradient_norm == pytest.approx(0.5 * preset.weight_layers * first.weight_norm, rel=1e-5)


def test_measuring_does_not_change_the_state(small_data):
    key = CompileKey.of(EVERYTHING)
    network = compiled_epoch(key, small_data).network
    state = network.initial_state(build_model(EVERYTHING, 1).get_weights())
    network.set_state(state)
    statistics, _ = layer_monitor(key, small_data).measure(
        next_batch=np.arange(200, dtype=np.int32),
        next_epoch=1,
        next_rate=0.1,
        inputs=step_inputs(EVERYTHING, 1),
        weight_decays=[0.01] * 3,
    )
    assert min(layer.update_ratio for layer in statistics.values()) > 0
    before, after = state.to_arrays(), network.state_after(0).to_arrays()
    assert list(before) == list(after)
    assert {name.split("_")[0] for name in after} == {"weight", "optimizer", "average"}
    for name, array in after.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
