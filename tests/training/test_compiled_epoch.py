"""Compares the compiled epoch with plain Keras and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data.augmentation import deformed
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.data.sampling import with_neighbors
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.presets.keras_names import OPTIMIZER_ARGUMENTS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.compiled_epoch import CompiledEpoch
from mnist_mlp.training.learning_rates import rates_of
from mnist_mlp.training.loop import shuffle, train
from mnist_mlp.training.model import build_model
from tests.helpers import EVERYTHING, SMALL, numpy_key, numpy_mask


def train_with_plain_keras(preset: Preset, optimizer: keras.optimizers.Optimizer, seed: int, data) -> list[np.ndarray]:
    """Trains with a plain loop over steps, using Keras layers, Keras's L2 regularizer and Keras's loss.

    Cumulative weight decay: of n matrices, the k-th counts n - k + 1 times.
    """
    model = build_model(preset, seed)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for index, layer in enumerate(dense):
        count = len(dense) - index if preset.cumulative_weight_decay else 1
        layer.kernel.regularizer = keras.regularizers.L2(preset.weight_decay / 2 * count)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for epoch in range(1, preset.epochs + 1):
        order = shuffle(len(data.train), seed, epoch)
        for step in range(len(order) // preset.batch_size):
            batch = order[step * preset.batch_size : (step + 1) * preset.batch_size]
            with tf.GradientTape() as tape:
                activations = tf.constant(data.train.pixels[batch] / np.float32(255))
                for index, layer in enumerate(model.layers):
                    if isinstance(layer, keras.layers.Dropout):
                        activations *= numpy_mask(seed, epoch, step, index, activations.shape, preset.dropout)
                    else:
                        activations = layer(activations)
                total = loss(data.train.labels[batch], activations) + sum(model.losses)
            optimizer.apply_gradients(
                zip(tape.gradient(total, model.trainable_variables), model.trainable_variables, strict=True)
            )
    return model.get_weights()


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(
    ("optimizer", "keras_optimizer"),
    [
        ("sgd", lambda: keras.optimizers.SGD(0.01)),
        ("adam", lambda: keras.optimizers.Adam(0.01, epsilon=1e-8)),
        ("adadelta", lambda: keras.optimizers.Adadelta(0.01, rho=0.95, epsilon=1e-8)),
        ("clipped", lambda: keras.optimizers.SGD(0.01, global_clipnorm=0.5)),
    ],
)
def test_training_matches_plain_keras(small_data, optimizer, keras_optimizer, dropout):
    preset = SMALL.but(optimizer="sgd" if optimizer == "clipped" else optimizer, dropout=dropout, weight_decay=0.05)
    if optimizer == "clipped":
        preset = preset.but(optimizer_arguments={"global_clipnorm": 0.5})
    require_equal_training(preset, keras_optimizer(), small_data)


@pytest.mark.parametrize("hidden_sizes", [(), (30,), (30, 20), (25, 20, 15, 12)])
def test_cumulative_weight_decay_matches_plain_keras(small_data, hidden_sizes):
    preset = SMALL.but(hidden_sizes=hidden_sizes, optimizer="sgd", weight_decay=0.3, cumulative_weight_decay=True)
    require_equal_training(preset, keras.optimizers.SGD(0.01), small_data)


def test_cumulative_weight_decay_with_adam_and_dropout_matches_plain_keras(small_data):
    preset = SMALL.but(optimizer="adam", dropout=0.4, weight_decay=0.05, cumulative_weight_decay=True)
    require_equal_training(preset, keras.optimizers.Adam(0.01, epsilon=1e-8), small_data)


def require_equal_training(preset: Preset, optimizer: keras.optimizers.Optimizer, data: TrainingData) -> None:
    """Checks the final weights against plain Keras. The tolerance is 1% of the largest change during training."""
    *_, last = train(preset, 1602, data)
    expected = train_with_plain_keras(preset, optimizer, 1602, data)
    initial_weights = build_model(preset, 1602).get_weights()
    for ours, theirs, initial in zip(last.state.weights, expected, initial_weights, strict=True):
        moved = np.abs(theirs - initial).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.01 * moved)


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_all_hyperparameters_together_match_plain_keras(small_data, normalization):
    """Checks the weights, the averaged weights and their metrics on the validation images."""
    preset, seed, steps = EVERYTHING.but(normalization=normalization), 3, 5
    *_, last = train(preset, seed, small_data)

    model, average = (build_model(preset, seed) for _ in range(2))
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.5)
    not_matrices = [variable for variable in model.trainable_variables if len(variable.shape) == 1]
    optimizer.exclude_from_weight_decay(var_list=not_matrices)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    neighbors = tf.constant(with_neighbors(small_data.train.pixels))
    strengths = tf.constant(preset.deformations, tf.float32)
    plain_losses = []
    for epoch in (1, 2):
        order = shuffle(len(small_data.train), seed, epoch)
        for step, rate in enumerate(rates_of(preset, epoch, steps)):
            batch = order[step * 200 : (step + 1) * 200]
            key = tf.constant(numpy_key(seed, epoch, step, 2**31)[0])
            labels = small_data.train.labels[batch]

            def logits_of(images, epoch=epoch, step=step):
                activations = images
                for index, layer in enumerate(model.layers):
                    if isinstance(layer, keras.layers.Dropout):
                        dropout_rate = 0.1 if layer.name == "dropout_pixels" else 0.2
                        activations *= numpy_mask(seed, epoch, step, index, activations.shape, dropout_rate)
                    else:
                        activations = layer(activations, training=True)
                return activations

            one_hot = np.eye(10, dtype=np.float32)[labels]
            images = tf.Variable(deformed(neighbors, tf.constant(batch), key, strengths) / 255)
            with tf.GradientTape() as tape:
                clean_loss = loss(one_hot, logits_of(images))
            gradient = tape.gradient(clean_loss, images).numpy()
            norms = np.linalg.norm(gradient, axis=1, keepdims=True)  # 0 if dropout removed the whole image
            adversarial_images = tf.constant(images + 1.5 * gradient / np.maximum(norms, 1e-12))
            with tf.GradientTape() as tape:
                logits = logits_of(images)
                kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Dense)]
                penalty = 0.01 / 2 * sum(tf.reduce_sum(kernel**2) for kernel in kernels)
                total = (loss(one_hot, logits) + loss(one_hot, logits_of(adversarial_images))) / 2 + penalty
            plain_losses.append(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
            optimizer.learning_rate = rate
            gradients = tape.gradient(total, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            for kernel in kernels:
                values = kernel.numpy()
                kernel.assign(values - np.clip(values, -0.05 * rate, 0.05 * rate))
            taken = (epoch - 1) * steps + step + 1
            decay = min(0.3, taken / (taken + 9))
            for mean, variable in zip(average.trainable_variables, model.trainable_variables, strict=True):
                mean.assign(decay * mean + (1 - decay) * variable)

    initial_weights = build_model(preset, seed).trainable_variables
    for found, expected in ((last.state.weights, model), (last.state.average, average)):
        ours = build_model(preset, seed)
        ours.set_weights(found)
        for mine, theirs, initial in zip(
            ours.trainable_variables, expected.trainable_variables, initial_weights, strict=True
        ):
            moved = np.abs(theirs.numpy() - initial.numpy()).max()
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=0.02 * moved, err_msg=mine.path)

    assert last.train.cross_entropy == pytest.approx(np.mean(plain_losses[steps:]), rel=1e-3)  # without label smoothing
    assert last.learning_rate == pytest.approx(rates_of(preset, 2, steps)[-1])
    ours = build_model(preset, seed)
    ours.set_weights(last.state.evaluated_weights)
    # In evaluation, batch normalization uses statistics of the epoch's first training images.
    activations = small_data.train.pixels[order] / np.float32(255)
    for layer in ours.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            np.testing.assert_allclose(layer.moving_mean, np.mean(activations, axis=0), rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(layer.moving_variance, np.var(activations, axis=0), rtol=1e-3, atol=1e-4)
        activations = layer(activations, training=False)
    predicted = ours(small_data.validation.pixels / np.float32(255), training=False).numpy()
    assert last.validation.accuracy == pytest.approx(
        (predicted.argmax(axis=1) == small_data.validation.labels).mean(), abs=1 / 200
    )
    cross_entropies = keras.losses.sparse_categorical_crossentropy(
        small_data.validation.labels, predicted, from_logits=True
    )
    assert last.validation.cross_entropy == pytest.approx(np.mean(cross_entropies), rel=1e-3)


def test_weight_decay_shrinks_matrices_but_not_biases(small_data):
    """If all pixels are 0, only weight decay acts on the first matrix: SGD scales it by (1 - rate * decay) per step."""
    blank = LabeledImages(np.zeros_like(small_data.train.pixels), small_data.train.labels)
    data = TrainingData(train=blank, validation=small_data.validation)
    preset = SMALL.but(optimizer="sgd", learning_rate=0.1, weight_decay=0.5, epochs=1, bias_init="ones")
    (result,) = train(preset, 7, data)
    before = build_model(preset, 7).get_weights()
    np.testing.assert_allclose(result.state.weights[0], before[0] * (1 - 0.1 * 0.5) ** 5, rtol=1e-5)
    assert np.abs(result.state.weights[1] - 1).max() > 0  # biases change only through their gradients
    unpenalized = next(train(preset.but(weight_decay=0.0), 7, data))
    np.testing.assert_array_equal(unpenalized.state.weights[0], before[0])


def test_one_sgd_step_matches_numpy(small_data):
    """Uses softmax regression with zero initial weights, because its gradients are simple formulas."""
    preset = SMALL.but(
        hidden_sizes=(), batch_size=1000, epochs=1, weight_init="zeros", optimizer="sgd", learning_rate=0.5
    )
    (result,) = train(preset, 3, small_data)
    pixels = small_data.train.pixels.astype(np.float64) / 255
    error = np.full((1000, 10), 0.1)
    error[np.arange(1000), small_data.train.labels] -= 1
    np.testing.assert_allclose(result.state.weights[0], -0.5 * pixels.T @ error / 1000, atol=1e-6)
    np.testing.assert_allclose(result.state.weights[1], -0.5 * error.mean(axis=0), atol=1e-6)
    assert result.train.cross_entropy == pytest.approx(np.log(10), rel=1e-6)
    assert result.train.accuracy == pytest.approx((small_data.train.labels == 0).mean())


def test_metrics_match_numpy(small_data):
    preset = SMALL.but(dropout=0.5, weight_decay=0.01)
    *_, last = train(preset, 5, small_data)
    w1, b1, w2, b2, w3, b3 = (weight.astype(np.float64) for weight in last.state.weights)
    pixels, labels = small_data.validation.pixels / 255, small_data.validation.labels
    logits = np.maximum(np.maximum(pixels @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3  # no dropout
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert last.validation.accuracy == (logits.argmax(axis=1) == labels).mean()
    assert last.validation.cross_entropy == pytest.approx(-log_probabilities[np.arange(200), labels].mean(), rel=1e-4)
    penalty = 0.01 * sum((w**2).sum() for w in (w1, w2, w3)) / 2
    assert last.validation.l2_penalty == pytest.approx(penalty, rel=1e-5)
    assert last.validation.loss == pytest.approx(last.validation.cross_entropy + penalty, rel=1e-6)


def test_cumulative_penalty_matches_numpy(small_data):
    preset = SMALL.but(weight_decay=0.01, cumulative_weight_decay=True)
    *_, last = train(preset, 5, small_data)
    w1, _, w2, _, w3, _ = (weight.astype(np.float64) for weight in last.state.weights)
    by_layer = [0.01 * count * (w**2).sum() / 2 for count, w in ((3, w1), (2, w2), (1, w3))]
    assert [layer.l2_penalty for layer in last.layers.values()] == pytest.approx(by_layer, rel=1e-5)
    assert last.train.l2_penalty == last.validation.l2_penalty == pytest.approx(sum(by_layer), rel=1e-5)
    assert [layer.weight_norm for layer in last.layers.values()] == pytest.approx(
        [np.linalg.norm(w) for w in (w1, w2, w3)], rel=1e-5
    )


def test_presets_with_equal_compile_keys_share_one_compilation(small_data, monkeypatch):
    traces, run = [], CompiledEpoch._run
    monkeypatch.setattr(CompiledEpoch, "_run", lambda self, *tensors: traces.append(self) or run(self, *tensors))
    preset = EVERYTHING.but(hidden_sizes=(31, 21), dropout=0.2, epochs=1)
    changes = {"learning_rate": 0.1, "weight_decay": 0.1, "dropout": 0.7, "weight_init": "xavier", "epochs": 2}
    changes |= {"input_dropout": 0.3, "label_smoothing": 0.3, "decoupled_weight_decay": 0.1, "ema_decay": 0.5}
    changes |= {"learning_rate_schedule": "one_cycle", "warmup": 0.0, "rotation": 30, "elastic": 0.0}
    changes |= {"adversarial": 0.5, "l1_decay": 0.2}
    for seed, (name, value) in enumerate(changes.items()):
        assert CompileKey.of(preset.but(**{name: value})) == CompileKey.of(preset)
        list(train(preset.but(**{name: value}), seed, small_data))
    assert len(traces) == 1


@pytest.mark.usefixtures("eager")
def test_averaged_weights_use_a_lower_decay_in_early_steps(small_data):
    """The decay of step n is n / (n + 9), which is far below 0.99 in the two steps of this test."""
    preset = SMALL.but(batch_size=500, epochs=1, ema_decay=0.99, optimizer="sgd", learning_rate=0.5)
    (both,) = train(preset, 1, small_data)
    one_step = TrainingData(
        train=LabeledImages(*(array[shuffle(1000, 1, 1)[:500]] for array in vars(small_data.train).values())),
        validation=small_data.validation,
    )
    (first,) = train(preset.but(ema_decay=0.0), 1, one_step)
    initial = build_model(preset, 1).get_weights()
    for average, start, after_1, after_2 in zip(
        both.state.average, initial, first.state.weights, both.state.weights, strict=True
    ):
        average_1 = start / 10 + after_1 * 9 / 10
        np.testing.assert_allclose(average, average_1 * 2 / 11 + after_2 * 9 / 11, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("eager")
def test_partial_last_batch_is_dropped(small_data):
    result = next(train(SMALL.but(batch_size=300), 1, small_data))
    assert result.train.accuracy * 900 == pytest.approx(round(result.train.accuracy * 900))


@pytest.mark.parametrize("optimizer", sorted(set(OPTIMIZER_ARGUMENTS) - {"adam", "adadelta", "sgd"}))
def test_every_optimizer_compiles_and_updates_the_weights(small_data, optimizer):
    *_, last = train(SMALL.but(optimizer=optimizer), 1, small_data)
    before = build_model(SMALL, 1).get_weights()
    assert np.isfinite(last.train.loss)
    assert all(np.abs(now - then).max() > 0 for now, then in zip(last.state.weights, before, strict=True))


def test_adafactor_loss_stays_finite_with_constant_pixels(data):
    assert np.isfinite(next(train(Preset(hidden_sizes=(20,), optimizer="adafactor"), 1, data)).train.loss)
