"""(Preset, seed, data) -> one EpochResult an epoch; the compiled epoch lives here.

An epoch is one compiled call: the images stay on the device, a shuffle arrives as a permutation, the loop over steps
and the validation after it run inside. Learning rates, weight decay, dropout rates, seed and initial weights are
inputs, so presets of one shape share one compilation; what a preset does without is not compiled at all. Same preset,
seed and machine: same bits, since shuffles, dropout masks and deformations are functions of seed, epoch and step, and
nothing else is drawn.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mnist_mlp.data.augmentation import deformed
from mnist_mlp.data.dataset import LabeledImages, TrainingData
from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.randomness import dropout_mask, fold
from mnist_mlp.data.sampling import with_neighbors
from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet_tensorflow import keras, tf
from mnist_mlp.training.learning_rates import rates_of
from mnist_mlp.training.model import (
    INPUT_DROPOUT,
    build_model,
    build_optimizer,
    cross_entropy,
    is_weight_matrix,
    l2_norm_penalty,
    smoothed_cross_entropy,
)
from mnist_mlp.training.results import EpochResult, LayerStatistics, Metrics, TrainingState

IMAGES_LOOKED_AT = 1000  # of validation, for the statistics of activations; the first hundred for their histograms
IMAGES_IN_HISTOGRAMS = 100
HISTOGRAM_BUCKETS = 30  # TensorBoard's own number

IMAGES_FOR_STATISTICS = 5000  # of training, for those of batch normalization after an epoch
_DECIDE_ON_IMAGES = ("deskew", "upright_beside", "final_fit")  # presets alike in these share the images
SMALLEST_NORM = 1e-12  # where an image has no direction, it stays
_DEFORMATION = 2**31  # no layer has this place, so the numbers drawn for it are unlike those of any dropout mask


def train(
    preset: Preset, seed: int, data: TrainingData, resume_from: TrainingState | None = None
) -> Iterator[EpochResult]:
    """Trains the preset's network, giving each epoch's result as it comes; ends early where training diverges.

    Args:
        preset: what to train.
        seed: 0 to 2**32 - 1; decides initial weights, shuffles, dropout masks and deformations.
        data: to train and to validate on.
        resume_from: of this preset and seed; None starts with epoch 1.
    """
    how_seen = Preset(**{name: getattr(preset, name) for name in _DECIDE_ON_IMAGES})
    if how_seen != Preset():
        data = _prepared(how_seen, data)
    network = _compiled_network(preset.shape(), data)
    state = resume_from or network.initial_state(build_model(preset, seed).get_weights())
    inputs = _Inputs.of(preset, seed)
    for epoch in range(state.epoch + 1, preset.epochs + 1):
        started = time.perf_counter()
        network.set_state(state)
        rates = rates_of(preset, epoch, network.steps)
        train_sums, validation_sums, norm_penalty = network.run_epoch(
            tf.constant(shuffle(len(data.train), seed, epoch)),
            tf.constant(epoch, tf.uint32),
            tf.constant(rates, tf.float32),
            inputs,
        )
        l2_penalty = preset.weight_decay * float(norm_penalty)
        state = network.state_after(epoch)
        next_batch = shuffle(len(data.train), seed, epoch + 1)[: preset.batch_size]
        next_rate = rates_of(preset, epoch + 1, network.steps)[0] if epoch < preset.epochs else rates[-1]
        layers, histograms = network.look_at_layers(next_batch, epoch + 1, next_rate, inputs, preset.weight_decay)
        result = EpochResult(
            seconds=time.perf_counter() - started,
            learning_rate=float(rates[-1]),
            train=_metrics(train_sums, l2_penalty, network.images_an_epoch),
            validation=_metrics(validation_sums, l2_penalty, len(data.validation)),
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


@functools.lru_cache(maxsize=4)
def _prepared(preset: Preset, data: TrainingData) -> TrainingData:
    """Returns the images as the network sees them, in a final fit the validation images among the training images."""
    train, dev = (as_seen_by(preset, images) for images in (data.train, data.validation))
    if preset.final_fit:
        both = ([getattr(each, name) for each in (train, dev)] for name in ("pixels", "labels"))
        train = LabeledImages(*map(np.concatenate, both))
    return TrainingData(train=train, validation=dev)


class _Inputs(NamedTuple):
    """What the compiled functions take as tensors beside the images: of the preset all that `Preset.shape` levels."""

    seed: tf.Tensor
    weight_decay: tf.Tensor
    dropout: tf.Tensor
    input_dropout: tf.Tensor
    label_smoothing: tf.Tensor
    decoupled_weight_decay: tf.Tensor
    ema_decay: tf.Tensor
    deformations: tf.Tensor
    adversarial: tf.Tensor
    l1_decay: tf.Tensor

    @classmethod
    def of(cls, preset: Preset, seed: int) -> _Inputs:
        of_preset = (tf.constant(getattr(preset, name), tf.float32) for name in cls._fields[1:])
        return cls(tf.constant(seed, tf.uint32), *of_preset)


@functools.lru_cache(maxsize=4)
def _compiled_network(shape: Preset, data: TrainingData) -> _CompiledNetwork:
    return _CompiledNetwork(shape, data)


class _CompiledNetwork:
    """A network and its optimizer with an epoch compiled for them.

    Its variables hold a training's state only while an epoch runs, so trainings of one shape can take turns.
    """

    def __init__(self, shape: Preset, data: TrainingData) -> None:
        self.shape = shape
        self.batch_size = shape.batch_size
        self.steps = len(data.train) // shape.batch_size
        self.images_an_epoch = self.steps * shape.batch_size
        self.model = build_model(shape, seed=0)
        self.averaged_model = build_model(shape, seed=0) if shape.ema_decay else None
        self.evaluated_model = self.averaged_model or self.model
        self.optimizer = build_optimizer(shape)
        self.optimizer.build(self.model.trainable_variables)
        self.initial_optimizer_state = [variable.numpy() for variable in self.optimizer.variables]
        self.train_set, self.validation_set = (_on_device(images) for images in (data.train, data.validation))
        self.neighbors = _neighbors_on_device(data.train) if any(shape.deformations) else None
        # Without AutoGraph: it would look a second and a half for loops to rewrite, and there is one.
        self.run_epoch = tf.function(self._run_epoch, jit_compile=True, autograph=False)
        # Without XLA, which would take seconds to compile it.
        self._look_inside = tf.function(self._forward_and_next_step, autograph=False)

    def initial_state(self, weights: list[np.ndarray]) -> TrainingState:
        return TrainingState(0, weights, self.initial_optimizer_state, weights if self.averaged_model else [])

    def set_state(self, state: TrainingState) -> None:
        values = [*state.weights, *state.optimizer_state, *state.average]
        for variable, value in zip(itertools.chain(*self._variables), values, strict=True):
            variable.assign(value)

    def state_after(self, epoch: int) -> TrainingState:
        return TrainingState(epoch, *([variable.numpy() for variable in part] for part in self._variables))

    @property
    def _variables(self) -> tuple[list[keras.Variable], ...]:
        """What holds each part of a TrainingState."""
        average = self.averaged_model.weights if self.averaged_model else []
        return self.model.weights, self.optimizer.variables, average

    def look_at_layers(
        self, next_batch: np.ndarray, next_epoch: int, next_rate: float, inputs: _Inputs, weight_decay: float
    ) -> tuple[dict[str, LayerStatistics], dict[str, np.ndarray]]:
        """Returns statistics and histograms of each layer; leaves the variables a step ahead of the state."""
        weight_matrices = {layer.name: layer.kernel.numpy() for layer in self._dense_layers}
        activations, numbers = self._look_inside(
            tf.constant(next_batch),
            tf.constant(next_epoch, tf.uint32),
            tf.constant(next_rate, tf.float32),
            inputs,
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
                l2_penalty=weight_decay * weight_norm**2 / 2,
            )
            for kind, values in (("weights", weight_matrices[name]), ("activations", of_layer.numpy())):
                if np.isfinite(values).all():
                    counts, edges = np.histogram(values, HISTOGRAM_BUCKETS)
                    histograms[f"{kind}/{name}"] = np.stack([edges[:-1], edges[1:], counts], axis=1)
        return statistics, histograms

    @property
    def _dense_layers(self) -> list[keras.layers.Dense]:
        return [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dense)]

    def _run_epoch(self, order, epoch, rates, inputs):
        """Returns ((mean cross-entropy, number correct) of training, the same of validation, half the squared norm)."""
        epoch_key = _epoch_key(inputs.seed, epoch)

        def one_more(step, cross_entropy_sum, correct_sum):
            batch = tf.slice(order, [step * self.batch_size], [self.batch_size])
            batch_cross_entropy, correct, _ = self._step(batch, fold(epoch_key, step), rates[step], inputs)
            return step + 1, cross_entropy_sum + batch_cross_entropy, correct_sum + correct

        _, cross_entropy_sum, correct_sum = tf.while_loop(
            lambda step, *_: step < self.steps,
            one_more,
            (tf.constant(0), tf.constant(0.0), tf.constant(0)),
        )
        for model in dict.fromkeys((self.model, self.evaluated_model)):
            self._estimate_statistics(model, order[:IMAGES_FOR_STATISTICS])
        validation_pixels, validation_labels = self.validation_set
        validation_logits = self.evaluated_model(_scaled(validation_pixels), training=False)
        return (
            (cross_entropy_sum / self.steps, correct_sum),
            (cross_entropy(validation_logits, validation_labels), _count_correct(validation_logits, validation_labels)),
            l2_norm_penalty(self.model.trainable_variables),
        )

    def _step(self, batch, step_key, rate, inputs):
        """Returns (mean cross-entropy, number correct, gradients of the loss) of the batch, from before the step."""
        pixels, labels = self._training_images(batch, step_key, inputs)
        images, variables = _scaled(pixels), self.model.trainable_variables
        if self.shape.adversarial:
            logits, (*gradients, uphill) = self._gradients(images, labels, step_key, inputs, [*variables, images])
            images += inputs.adversarial * uphill / (tf.norm(uphill, axis=1, keepdims=True) + SMALLEST_NORM)
            _, of_moved = self._gradients(images, labels, step_key, inputs, variables)
            gradients = [(one + other) / 2 for one, other in zip(gradients, of_moved, strict=True)]
        else:
            logits, gradients = self._gradients(images, labels, step_key, inputs, variables)
        # The L2 penalty's gradient is known, so it is added rather than differentiated, which would take longer.
        gradients = [
            gradient + inputs.weight_decay * variable if is_weight_matrix(variable) else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        if self.shape.decoupled_weight_decay:
            for matrix in filter(is_weight_matrix, variables):
                matrix.assign(matrix * (1.0 - rate * inputs.decoupled_weight_decay))
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(gradients, variables)
        if self.shape.l1_decay:
            for matrix in filter(is_weight_matrix, variables):
                shrunk = tf.maximum(tf.abs(matrix) - rate * inputs.l1_decay, 0.0)
                matrix.assign(tf.sign(matrix) * shrunk)
        if self.averaged_model:
            self._average(variables, inputs.ema_decay)
        return cross_entropy(logits, labels), _count_correct(logits, labels), gradients

    def _gradients(self, images, labels, step_key, inputs, sources):
        """Returns (logits, the gradient of what is minimized, without weight decay, by each of the sources)."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = self._forward_in_training(images, step_key, inputs)
            if self.shape.label_smoothing:
                objective = smoothed_cross_entropy(logits, labels, inputs.label_smoothing)
            else:
                objective = cross_entropy(logits, labels)
        return logits, tape.gradient(objective, sources)

    def _training_images(self, batch, step_key, inputs):
        """Returns (pixels from 0 to 255, labels) of the batch, deformed where the preset asks for it."""
        train_pixels, train_labels = self.train_set
        if self.neighbors is None:
            return tf.gather(train_pixels, batch), tf.gather(train_labels, batch)
        key = fold(step_key, tf.constant(_DEFORMATION, tf.uint32))
        pixels = deformed(self.neighbors, batch, key, inputs.deformations, self.shape.views)
        return pixels, tf.gather(train_labels, batch)

    def _average(self, variables, decay):
        """Lets the averaged weights follow, at first faster, so that nothing stays of the initial weights."""
        steps = tf.cast(self.optimizer.iterations, tf.float32)
        decay = tf.minimum(decay, steps / (steps + 9.0))
        for average, variable in zip(self.averaged_model.trainable_variables, variables, strict=True):
            average.assign(average + (1.0 - decay) * (variable - average))

    def _estimate_statistics(self, model, images):
        """Sets what batch normalization evaluates with to the statistics of training images, undeformed, no dropout."""
        if self.shape.normalization != "batch":
            return
        activations = _scaled(tf.gather(self.train_set[0], images))
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                mean, variance = tf.nn.moments(activations, axes=[0])
                layer.moving_mean.assign(mean)
                layer.moving_variance.assign(variance)
            activations = layer(activations, training=False)

    def _forward_and_next_step(self, next_batch, next_epoch, next_rate, inputs):
        """Returns (activations, a list of [images, units]; float32 [layers, 6]) in the order of the dense layers."""
        outputs, activations = [], _scaled(self.validation_set[0][:IMAGES_LOOKED_AT])
        for layer in self.model.layers:
            activations = layer(activations, training=False)
            if isinstance(layer, keras.layers.Dense):
                outputs.append(activations)
            elif outputs:
                outputs[-1] = activations  # normalization and activation, where they are layers of their own
        matrices = [layer.kernel for layer in self._dense_layers]
        before = [tf.identity(matrix) for matrix in matrices]
        first_step = fold(_epoch_key(inputs.seed, next_epoch), tf.constant(0))
        _, _, gradients = self._step(next_batch, first_step, next_rate, inputs)
        gradients = [gradient for gradient in gradients if is_weight_matrix(gradient)]
        numbers = [
            (*_moments(output), _share_of_dead_units(output), tf.norm(gradient), tf.norm(old), tf.norm(new - old))
            for output, gradient, old, new in zip(outputs, gradients, before, matrices, strict=True)
        ]
        return [output[:IMAGES_IN_HISTOGRAMS] for output in outputs], tf.stack([tf.stack(row) for row in numbers])

    def _forward_in_training(self, activations, step_key, inputs):
        for place, layer in enumerate(self.model.layers):
            if isinstance(layer, keras.layers.Dropout):
                rate = inputs.input_dropout if layer.name == INPUT_DROPOUT else inputs.dropout
                activations *= dropout_mask(fold(step_key, place), activations.shape, rate)
            elif isinstance(layer, keras.layers.BatchNormalization):
                activations = layer(activations, training=True)
            else:
                activations = layer(activations)
        return activations


@functools.lru_cache(maxsize=1)
def _neighbors_on_device(images: LabeledImages) -> tf.Tensor:
    return tf.constant(with_neighbors(images.pixels))


@functools.lru_cache(maxsize=6)  # train, dev and both together, as presets see them; 94 MB at most
def _on_device(images: LabeledImages) -> tuple[tf.Tensor, tf.Tensor]:
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
