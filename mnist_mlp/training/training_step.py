"""One training step as TensorFlow operations. Every hyperparameter that acts within a step is applied here."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence

from mnist_mlp.data.randomness import dropout_mask, fold
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.compile_key import INPUTS, Enabled
from mnist_mlp.training.model import INPUT_DROPOUT, cross_entropy, is_weight_matrix, smoothed_cross_entropy, times
from mnist_mlp.training.network import Network

SMALLEST_NORM = 1e-12  # avoids division by zero where the gradient of an image is 0

StepInputs = namedtuple("StepInputs", ["seed", *INPUTS, "deformations"])
StepInputs.__doc__ = "Tensors by hyperparameter name. Presets that share a compiled step differ only in these."

StepResult = namedtuple("StepResult", ["cross_entropy", "correct", "gradients"])
StepResult.__doc__ = "Mean cross-entropy, number of correct predictions and gradients of the loss, before the update."


def step_inputs(preset: Preset, seed: int) -> StepInputs:
    """Returns the preset's values as tensors: seed as uint32, everything else as float32."""
    values = {name: tf.constant(getattr(preset, name), tf.float32) for name in INPUTS}
    deformations = tf.constant(preset.deformations, tf.float32)
    return StepInputs(seed=tf.constant(seed, tf.uint32), **values, deformations=deformations)


class TrainingStep:
    """Updates a network's variables by one optimizer step. Optional parts that are not enabled cost nothing.

    Args:
        network: its variables are updated.
        enabled: the optional parts.
        penalty_counts: how often each weight matrix counts in the L2 penalty, from input to output.
    """

    def __init__(self, network: Network, enabled: Enabled, penalty_counts: Sequence[int]) -> None:
        self._network = network
        self._enabled = enabled
        self._penalty_counts = penalty_counts

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, step_key: tf.Tensor, rate: tf.Tensor, inputs: StepInputs
    ) -> StepResult:
        """Runs one step.

        Args:
            images: float32 [n, pixels], 0 to 1.
            labels: int32 [n].
            step_key: uint32 scalar, the random key of the step's dropout masks.
            rate: float32 scalar, the learning rate.
            inputs: tensor inputs of the step.
        """
        network, variables = self._network, self._network.model.trainable_variables
        logits, gradients = self._gradients_of_loss(images, labels, step_key, inputs)
        gradients = self._with_weight_decay(gradients, variables, inputs.weight_decay)
        if self._enabled.decoupled_weight_decay:
            for matrix in filter(is_weight_matrix, variables):
                matrix.assign(matrix * (1.0 - rate * inputs.decoupled_weight_decay))
        network.optimizer.learning_rate.assign(rate)
        network.optimizer.apply(gradients, variables)
        if self._enabled.l1_decay:
            for matrix in filter(is_weight_matrix, variables):
                shrunk = tf.maximum(tf.abs(matrix) - rate * inputs.l1_decay, 0.0)
                matrix.assign(tf.sign(matrix) * shrunk)
        if self._enabled.ema_decay:
            self._update_average(inputs.ema_decay)
        return StepResult(cross_entropy(logits, labels), count_correct(logits, labels), gradients)

    def _gradients_of_loss(
        self, images: tf.Tensor, labels: tf.Tensor, step_key: tf.Tensor, inputs: StepInputs
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns (logits, gradients of the loss without weight decay); includes adversarial training if enabled."""
        variables = self._network.model.trainable_variables
        if not self._enabled.adversarial:
            return self._gradients(images, labels, step_key, inputs, variables)
        logits, (*gradients, direction) = self._gradients(images, labels, step_key, inputs, [*variables, images])
        images += inputs.adversarial * direction / (tf.norm(direction, axis=1, keepdims=True) + SMALLEST_NORM)
        _, adversarial = self._gradients(images, labels, step_key, inputs, variables)
        return logits, [(clean + other) / 2 for clean, other in zip(gradients, adversarial, strict=True)]

    def _gradients(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        step_key: tf.Tensor,
        inputs: StepInputs,
        sources: list[keras.Variable | tf.Tensor],
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns (logits, gradients of the cross-entropy with respect to the sources); smooths labels if enabled."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = self._forward(images, step_key, inputs)
            if self._enabled.label_smoothing:
                objective = smoothed_cross_entropy(logits, labels, inputs.label_smoothing)
            else:
                objective = cross_entropy(logits, labels)
        return logits, tape.gradient(objective, sources)

    def _forward(self, activations: tf.Tensor, step_key: tf.Tensor, inputs: StepInputs) -> tf.Tensor:
        """Returns the logits in training mode, with dropout."""
        for index, layer in enumerate(self._network.model.layers):
            if isinstance(layer, keras.layers.Dropout):
                rate = inputs.input_dropout if layer.name == INPUT_DROPOUT else inputs.dropout
                activations *= dropout_mask(fold(step_key, index), activations.shape, rate)
            elif isinstance(layer, keras.layers.BatchNormalization):
                activations = layer(activations, training=True)
            else:
                activations = layer(activations)
        return activations

    def _with_weight_decay(
        self, gradients: list[tf.Tensor], variables: list[keras.Variable], weight_decay: tf.Tensor
    ) -> list[tf.Tensor]:
        """Adds the known gradient of the L2 penalty, which is faster than differentiating the penalty."""
        counts = iter(self._penalty_counts)
        return [
            gradient + times(next(counts), weight_decay) * variable if is_weight_matrix(variable) else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _update_average(self, decay: tf.Tensor) -> None:
        """Updates the averaged weights, with a lower decay in early steps to forget the initial weights quickly."""
        network = self._network
        steps = tf.cast(network.optimizer.iterations, tf.float32)
        decay = tf.minimum(decay, steps / (steps + 9.0))
        averages, variables = network.averaged_model.trainable_variables, network.model.trainable_variables
        for average, variable in zip(averages, variables, strict=True):
            average.assign(average + (1.0 - decay) * (variable - average))


def count_correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the number of images that are classified correctly: int32 scalar."""
    return tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == labels, tf.int32))
