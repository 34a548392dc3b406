"""(Preset, seed, data) -> one EpochResult an epoch; the compiled epoch lives here.

An epoch is one compiled call: the images stay on the device, a shuffle arrives as a permutation, the loop over steps
and the validation after it run inside. Learning rate, weight decay, dropout rate, seed and initial weights are inputs,
so presets of one shape share one compilation. Same preset, seed and machine: same bits, since shuffles and dropout
masks are functions of seed, epoch and step, and nothing else is drawn.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator

import numpy as np

from mnist_mlp.data import LabelledImages, TrainingData
from mnist_mlp.dropout import dropout_mask, fold
from mnist_mlp.model import build_model, build_optimizer, cross_entropy, is_weight_matrix, l2_norm_penalty
from mnist_mlp.preset import Preset
from mnist_mlp.quiet_tensorflow import keras, tf
from mnist_mlp.results import EpochResult, LayerStatistics, Metrics, TrainingState

IMAGES_LOOKED_AT = 1000  # of validation, for the statistics of activations; the first hundred for their histograms
IMAGES_IN_HISTOGRAMS = 100
HISTOGRAM_BUCKETS = 30  # TensorBoard's own number


def train(
    preset: Preset, seed: int, data: TrainingData, resume_from: TrainingState | None = None
) -> Iterator[EpochResult]:
    """Trains the preset's network, giving each epoch's result as it comes; ends early where training diverges.

    Args:
        preset: what to train.
        seed: 0 to 2**32 - 1; decides initial weights, shuffles and dropout masks.
        data: to train and to validate on.
        resume_from: of this preset and seed; None starts with epoch 1.
    """
    network = _compiled_network(_shape_of(preset), data)
    state = resume_from or TrainingState(0, build_model(preset, seed).get_weights(), network.initial_optimizer_state)
    for epoch in range(state.epoch + 1, preset.epochs + 1):
        started = time.perf_counter()
        network.set_state(state, preset.learning_rate)
        train_sums, dev_sums, norm_penalty = network.run_epoch(
            tf.constant(shuffle(len(data.train), seed, epoch)),
            tf.constant(seed, tf.uint32),
            tf.constant(epoch, tf.uint32),
            tf.constant(preset.weight_decay, tf.float32),
            tf.constant(preset.dropout, tf.float32),
        )
        l2_penalty = preset.weight_decay * float(norm_penalty)
        state = network.state_after(epoch)
        next_batch = shuffle(len(data.train), seed, epoch + 1)[: preset.batch_size]
        layers, histograms = network.look_at_layers(next_batch, seed, epoch + 1, preset)
        result = EpochResult(
            seconds=time.perf_counter() - started,
            learning_rate=preset.learning_rate,
            train=_metrics(train_sums, l2_penalty, network.images_an_epoch),
            dev=_metrics(dev_sums, l2_penalty, len(data.dev)),
            layers=layers,
            histograms=histograms,
            state=state,
        )
        yield result
        if result.diverged:
            return


def shuffle(images: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order in which an epoch sees the training images: int32 [images], a permutation."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(np.arange(images, dtype=np.int32))


def _metrics(sums: tuple[tf.Tensor, tf.Tensor], l2_penalty: float, images: int) -> Metrics:
    mean_cross_entropy, correct = sums
    return Metrics(float(mean_cross_entropy), l2_penalty, int(correct) / images)


def _shape_of(preset: Preset) -> Preset:
    """Returns the preset with everything that the compiled epoch takes as an input set to one value."""
    return preset.but(
        weight_init="zeros",
        bias_init="zeros",
        epochs=1,
        learning_rate=1.0,
        weight_decay=0.0,
        dropout=0.5 if preset.dropout else 0.0,  # without dropout, no mask is computed at all
    )


@functools.lru_cache(maxsize=4)
def _compiled_network(shape: Preset, data: TrainingData) -> _CompiledNetwork:
    return _CompiledNetwork(shape, data)


class _CompiledNetwork:
    """A network and its optimiser with an epoch compiled for them.

    Its variables hold a training's state only while an epoch runs, so trainings of one shape can take turns.
    """

    def __init__(self, shape: Preset, data: TrainingData) -> None:
        self.batch_size = shape.batch_size
        self.steps = len(data.train) // shape.batch_size
        self.images_an_epoch = self.steps * shape.batch_size
        self.model = build_model(shape, seed=0)
        self.optimizer = build_optimizer(shape)
        self.optimizer.build(self.model.trainable_variables)
        self.initial_optimizer_state = [variable.numpy() for variable in self.optimizer.variables]
        self.train_set, self.dev_set = (_on_device(images) for images in (data.train, data.dev))
        self.run_epoch = tf.function(self._run_epoch, jit_compile=True)
        self._look_inside = tf.function(self._forward_and_next_step)  # XLA would take seconds to compile it

    def set_state(self, state: TrainingState, learning_rate: float) -> None:
        variables = [*self.model.weights, *self.optimizer.variables]
        for variable, value in zip(variables, [*state.weights, *state.optimizer_state], strict=True):
            variable.assign(value)
        self.optimizer.learning_rate.assign(learning_rate)

    def state_after(self, epoch: int) -> TrainingState:
        weights, optimizer_state = (
            [variable.numpy() for variable in variables] for variables in (self.model.weights, self.optimizer.variables)
        )
        return TrainingState(epoch, weights, optimizer_state)

    def look_at_layers(
        self, next_batch: np.ndarray, seed: int, next_epoch: int, preset: Preset
    ) -> tuple[dict[str, LayerStatistics], dict[str, np.ndarray]]:
        """Returns statistics and histograms of each layer; leaves the variables a step ahead of the state."""
        weight_matrices = {layer.name: layer.kernel.numpy() for layer in self._dense_layers}
        activations, numbers = self._look_inside(
            tf.constant(next_batch),
            tf.constant(seed, tf.uint32),
            tf.constant(next_epoch, tf.uint32),
            tf.constant(preset.weight_decay, tf.float32),
            tf.constant(preset.dropout, tf.float32),
        )
        statistics, histograms = {}, {}
        for name, of_layer, row in zip(weight_matrices, activations, numbers.numpy().tolist(), strict=True):
            mean, deviation, dead_units, gradient_norm, weight_norm, change_norm = row
            statistics[name] = LayerStatistics(
                activation_mean=mean,
                activation_std=deviation,
                dead_units=dead_units,
                gradient_norm=gradient_norm,
                weight_norm=weight_norm,
                update_ratio=change_norm / weight_norm if weight_norm else math.nan,
                l2_penalty=preset.weight_decay * weight_norm**2 / 2,
            )
            for kind, values in (("weights", weight_matrices[name]), ("activations", of_layer.numpy())):
                if np.isfinite(values).all():
                    counts, edges = np.histogram(values, HISTOGRAM_BUCKETS)
                    histograms[f"{kind}/{name}"] = np.stack([edges[:-1], edges[1:], counts], axis=1)
        return statistics, histograms

    @property
    def _dense_layers(self) -> list[keras.layers.Dense]:
        return [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dense)]

    def _run_epoch(self, order, seed, epoch, weight_decay, dropout):
        """Returns ((mean cross-entropy, number correct) of training, the same of validation, half the squared norm)."""
        epoch_key = _epoch_key(seed, epoch)
        cross_entropy_sum, correct_sum = tf.constant(0.0), tf.constant(0)
        for step in tf.range(self.steps):
            batch = tf.slice(order, [step * self.batch_size], [self.batch_size])
            pixels, labels = (tf.gather(each, batch) for each in self.train_set)
            batch_cross_entropy, correct, _ = self._step(pixels, labels, fold(epoch_key, step), weight_decay, dropout)
            cross_entropy_sum += batch_cross_entropy
            correct_sum += correct
        dev_pixels, dev_labels = self.dev_set
        dev_logits = self.model(_scaled(dev_pixels), training=False)
        return (
            (cross_entropy_sum / self.steps, correct_sum),
            (cross_entropy(dev_logits, dev_labels), _count_correct(dev_logits, dev_labels)),
            l2_norm_penalty(self.model.trainable_variables),
        )

    def _step(self, pixels, labels, step_key, weight_decay, dropout):
        """Returns (mean cross-entropy, number correct, gradients of the loss) of the batch, from before the step."""
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._forward_with_dropout(_scaled(pixels), step_key, dropout)
            batch_cross_entropy = cross_entropy(logits, labels)
        gradients = tape.gradient(batch_cross_entropy, variables)
        # The L2 penalty's gradient is known, so it is added rather than differentiated, which would take longer.
        gradients = [
            gradient + weight_decay * variable if is_weight_matrix(variable) else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        self.optimizer.apply(gradients, variables)
        return batch_cross_entropy, _count_correct(logits, labels), gradients

    def _forward_and_next_step(self, next_batch, seed, next_epoch, weight_decay, dropout):
        """Returns (activations, a list of [images, units]; float32 [layers, 6]) in the order of the dense layers."""
        outputs, activations = [], _scaled(self.dev_set[0][:IMAGES_LOOKED_AT])
        for layer in self.model.layers:
            activations = layer(activations, training=False)
            if isinstance(layer, keras.layers.Dense):
                outputs.append(activations)
        matrices = [layer.kernel for layer in self._dense_layers]
        before = [tf.identity(matrix) for matrix in matrices]
        pixels, labels = (tf.gather(each, next_batch) for each in self.train_set)
        first_step = fold(_epoch_key(seed, next_epoch), tf.constant(0))
        _, _, gradients = self._step(pixels, labels, first_step, weight_decay, dropout)
        gradients = [gradient for gradient in gradients if is_weight_matrix(gradient)]
        numbers = [
            (*_moments(output), _share_of_dead_units(output), tf.norm(gradient), tf.norm(old), tf.norm(new - old))
            for output, gradient, old, new in zip(outputs, gradients, before, matrices, strict=True)
        ]
        return [output[:IMAGES_IN_HISTOGRAMS] for output in outputs], tf.stack([tf.stack(row) for row in numbers])

    def _forward_with_dropout(self, activations, step_key, dropout):
        for place, layer in enumerate(self.model.layers):
            if isinstance(layer, keras.layers.Dropout):
                activations *= dropout_mask(fold(step_key, place), activations.shape, dropout)
            else:
                activations = layer(activations)
        return activations


@functools.lru_cache(maxsize=2)
def _on_device(images: LabelledImages) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(images.pixels), tf.constant(images.labels)


def _epoch_key(seed: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
    return fold(fold(tf.constant(0, tf.uint32), seed), epoch)


def _moments(activations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.reduce_mean(activations), tf.math.reduce_std(activations)


def _share_of_dead_units(activations: tf.Tensor) -> tf.Tensor:
    is_dead = tf.reduce_max(activations, axis=0) == tf.reduce_min(activations, axis=0)
    return tf.reduce_mean(tf.cast(is_dead, tf.float32))


def _scaled(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32) / 255.0


def _count_correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == labels, tf.int32))
