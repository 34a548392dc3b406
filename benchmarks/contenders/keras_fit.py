"""Trains a preset with Keras `Model.fit`: from arrays, from tf.data, or from arrays with `steps_per_execution`."""

from __future__ import annotations

from benchmarks.contenders.protocol import Task, TrainEpochs, serve
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.training.model import build_model, build_optimizer

STEPS_PER_EXECUTION = 55  # divides the number of steps per epoch for batch sizes 100 and 200


def prepare(task: Task) -> TrainEpochs:
    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    data, preset = load_training_data(task.data_dir), task.preset
    model = build_model(preset, task.seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.kernel.regularizer = keras.regularizers.L2(preset.weight_decay / 2)
    model.compile(
        build_optimizer(preset),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=STEPS_PER_EXECUTION if task.variant == "steps_per_execution" else 1,
    )
    train, validation = (
        (images.pixels.astype("float32") / 255, images.labels) for images in (data.train, data.validation)
    )
    if task.variant == "tf.data":
        batches = tf.data.Dataset.from_tensor_slices(train).shuffle(len(data.train), task.seed)
        batches = batches.batch(preset.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
        validation_batches = tf.data.Dataset.from_tensor_slices(validation).batch(preset.batch_size).cache()
        fit = dict(x=batches, validation_data=validation_batches)
    else:
        fit = dict(x=train[0], y=train[1], batch_size=preset.batch_size, validation_data=validation)

    def train_epochs(epochs: int) -> float:
        return model.fit(**fit, epochs=epochs, verbose=0).history["val_accuracy"][-1]

    return train_epochs


if __name__ == "__main__":
    serve(prepare)
