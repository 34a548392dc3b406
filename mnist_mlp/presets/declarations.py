"""Declares every hyperparameter. docs/architecture.md explains how to add one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mnist_mlp.presets import checks
from mnist_mlp.presets.hyperparameter import Hyperparameter, Role, declared_by, hyperparameter
from mnist_mlp.presets.keras_names import ACTIVATIONS, BIAS_INITS, OPTIMIZER_ARGUMENTS, WEIGHT_INITS

SCHEDULES = ("constant", "cosine", "one_cycle")
hyperparameter_of_2020 = partial(hyperparameter, in_2020=True)  # one that the 2020 experiment already had
switch = partial(hyperparameter, False, check=checks.true_or_false, example=True)  # one that is off by default


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The hyperparameters of a training run and their defaults. `Preset` validates them."""

    hidden_sizes: tuple[int, ...] = hyperparameter_of_2020(
        (300, 200, 200),
        check=checks.layer_sizes,
        role=Role.CONSTANT,
        title="hidden layers",
        label="",
        figure="depth",
        help="Number of units in each hidden layer, from first to last (1 to 65,536 each). Without hidden layers, the "
        "network is a softmax regression. Typical: 2 to 5 layers of 200 to 1,000 units.",
        example=(40, 30),
    )
    activation: str = hyperparameter_of_2020(
        "relu",
        check=checks.one_of(ACTIVATIONS),
        role=Role.CONSTANT,
        title="activation",
        label="",
        help="Activation function of every hidden layer, by its Keras name. Typical: relu or gelu.",
        example="gelu",
    )
    weight_init: str = hyperparameter_of_2020(
        "default",
        check=checks.one_of(WEIGHT_INITS),
        role=Role.INITIAL_WEIGHTS,
        title="weight initialization",
        label="",
        figure="xehe",
        help='Initial weights: "he" (truncated normal, variance 2 / fan_in; typical for ReLU), "xavier" (uniform, '
        'variance 2 / (fan_in + fan_out)), "default" (TensorFlow 1\'s default, identical to "xavier") or a Keras '
        "initializer.",
        example="he",
    )
    bias_init: str = hyperparameter_of_2020(
        "normal",
        check=checks.one_of(BIAS_INITS),
        role=Role.INITIAL_WEIGHTS,
        title="bias initialization",
        label="bias ",
        help='Initial biases: "normal" (mean 0, standard deviation 1, as in the 2020 experiment), "zeros" (typical) or '
        "another Keras initializer.",
        example="zeros",
    )
    batch_size: int = hyperparameter_of_2020(
        100,
        check=checks.whole_number(1, 10_000_000),
        role=Role.CONSTANT,
        title="batch size",
        label="batch ",
        help="Number of images per training step; at most the number of training images. Typical: 32 to 512.",
        example=200,
    )
    epochs: int = hyperparameter_of_2020(
        100,
        check=checks.whole_number(1, 100_000),
        role=Role.SCHEDULE,
        title="epochs",
        help="Number of passes over the training images. Typical: 30 to 100.",
        example=2,
    )
    optimizer: str = hyperparameter_of_2020(
        "adam",
        check=checks.one_of(OPTIMIZER_ARGUMENTS),
        role=Role.CONSTANT,
        title="optimizer",
        label="",
        help="Optimizer, by its Keras name. Typical: adam.",
        example="sgd",
    )
    optimizer_arguments: tuple[tuple[str, Any], ...] = hyperparameter_of_2020(
        (),
        check=checks.arguments_by_name,
        role=Role.CONSTANT,
        title="optimizer arguments",
        label="",
        help="Arguments of the optimizer other than the learning rate, by their Keras names, for example "
        '{"global_clipnorm": 1.0} to clip gradients. Defaults are Keras\'s, except epsilon=1e-8 (adam, adadelta) and '
        'epsilon_1=1e-16 (adafactor). Changing the optimizer resets them. Typical: {"momentum": 0.9} for sgd.',
        example={"beta_2": 0.99},
    )
    learning_rate: float = hyperparameter_of_2020(
        0.001,
        check=checks.positive,
        role=Role.SCHEDULE,
        title="learning rate",
        label="rate ",
        help="Learning rate. With a schedule or warmup, this is the peak. Typical: 0.001 for adam, 0.1 for sgd.",
        example=0.01,
    )
    weight_decay: float = hyperparameter_of_2020(
        0.0,
        check=checks.non_negative,
        role=Role.STEP_INPUT,
        title="weight decay",
        label="decay ",
        figure="weightdecay",
        help="L2 penalty: adds this factor times half the sum of the squared weights to the loss. It applies to weight "
        "matrices, never to biases. Typical: 0.0001.",
        example=0.0001,
    )
    cumulative_weight_decay: bool = switch(
        role=Role.CONSTANT,
        title="cumulative weight decay",
        help="Whether the L2 penalty is added once per layer, each time as the sum over the layers so far, as the 2020 "
        "experiment did by mistake: of n weight matrices, the first one counts n times and the last one once. Has no "
        "effect without weight_decay. Typical: False.",
    )
    dropout: float = hyperparameter_of_2020(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="dropout",
        help="Probability of dropping a hidden unit in a training step. Typical: 0.2 to 0.5.",
        example=0.2,
    )
    normalization: str = hyperparameter(
        "none",
        check=checks.one_of(("none", "batch", "layer")),
        role=Role.CONSTANT,
        title="normalization",
        help='Normalization before each activation: "batch" normalizes each unit over the batch (validation and test '
        'use statistics of 5,000 training images, computed after every epoch), "layer" normalizes each image over the '
        'units of the layer, "none" turns it off. The shift parameter replaces the bias and is initialized by '
        'bias_init. Typical: "batch".',
        example="batch",
    )
    standardize: bool = switch(
        role=Role.CONSTANT,
        title="input standardization",
        help="Whether the network standardizes its input: subtracts the mean of all training pixels and divides by "
        "their standard deviation. Typical: True.",
    )
    input_dropout: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="input dropout",
        help="Probability of dropping an input pixel in a training step. Typical: 0.1 to 0.2.",
        example=0.2,
    )
    label_smoothing: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="label smoothing",
        help="Fraction of each training label that is spread evenly over all classes. Typical: 0.05 to 0.1.",
        example=0.05,
    )
    decoupled_weight_decay: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.OPTIONAL_STEP_INPUT,
        title="decoupled weight decay",
        help="Weight decay as in AdamW, for any optimizer: each step first multiplies the weight matrices by 1 minus "
        "this factor times the learning rate (Loshchilov and Hutter, 2019). It does not apply to biases, unlike the "
        "optimizer argument weight_decay. Typical: 0.01 to 0.1.",
        example=0.02,
    )
    learning_rate_schedule: str = hyperparameter(
        "constant",
        check=checks.one_of(SCHEDULES),
        role=Role.SCHEDULE,
        title="learning rate schedule",
        label="",
        help='Learning rate after the warmup: "constant", "cosine" (cosine decay to 0) or "one_cycle" (linear decay to '
        '0; L. Smith\'s one-cycle schedule if combined with a warmup). Typical: "cosine".',
        example="one_cycle",
    )
    warmup: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.SCHEDULE,
        title="warmup",
        help="Fraction of all steps during which the learning rate rises linearly from 0 to its peak. Typical: 0.1.",
        example=0.1,
    )
    ema_decay: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="EMA decay",
        help="Per-step decay of an exponential moving average (EMA) of the weights. Validation, checkpoints and test "
        "use the averaged weights. 0 turns averaging off. Typical: 0.998.",
        example=0.9,
    )
    rotation: float = hyperparameter(
        0.0,
        check=checks.degrees,
        role=Role.DEFORMATION,
        title="rotation",
        help="Data augmentation, different in every epoch: rotates each training image by a random angle of up to this "
        "many degrees in either direction. Typical: 10.",
        example=7.0,
    )
    scaling: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.DEFORMATION,
        title="scaling",
        help="Data augmentation: stretches or shrinks the width and height of each training image by independent "
        "random fractions of up to this value. Typical: 0.1.",
        example=0.1,
    )
    shear: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.DEFORMATION,
        title="shear",
        help="Data augmentation: shears each training image to either side by a random amount of up to this many "
        "pixels per row; 0.1 is about 6 degrees. Typical: 0.1.",
        example=0.1,
    )
    shift: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.DEFORMATION,
        title="shift",
        help="Data augmentation: shifts each training image horizontally and vertically by random distances of up to "
        "this many pixels; at most the width of an image (28 for MNIST). Typical: 1.",
        example=1.0,
    )
    elastic: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.DEFORMATION,
        title="elastic deformation",
        help="Data augmentation: deforms each training image by a smooth random displacement field (Simard et al., "
        "2003). The value is the root mean square displacement in pixels; at most the width of an image. Typical: 0.7 "
        "to 1.",
        example=0.7,
    )
    final_fit: bool = switch(
        role=Role.IMAGES,
        title="final fit",
        help="Whether to train on the validation images too, once all hyperparameters have been chosen. The last epoch "
        "is kept instead of the best one. The validation accuracy is then no estimate of the accuracy on new images. "
        "Typical: False.",
    )
    adversarial: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.OPTIONAL_STEP_INPUT,
        title="adversarial training",
        help="L2 norm of the adversarial perturbation. Each step trains half on its images and half on copies that are "
        "perturbed in the direction that increases their loss most (Goodfellow et al., 2015; Miyato et al., 2017, "
        "equation 4). Pixels range from 0 to 1; an MNIST image has a norm of about 9. Steps take twice as long. "
        "Typical: 2.",
        example=2.0,
    )
    deskew: bool = switch(
        role=Role.IMAGES,
        title="deskewing",
        help="Whether to deskew every image (training, validation and test): center it and shear it upright. The saved "
        "model does not include this step; prepare its input with mnist_mlp.data.deskewing.as_seen_by. Typical: False.",
    )
    l1_decay: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.OPTIONAL_STEP_INPUT,
        title="L1 decay",
        help="L1 regularization by soft thresholding: each step ends by moving the weights, but not the biases, toward "
        "0 by this factor times the learning rate, and never past 0. This sets unused weights to exactly 0 (Neyshabur, "
        '"Towards Learning Convolutions from Scratch", 2020). Typical: 0.01.',
        example=0.01,
    )
    upright_beside: bool = switch(
        role=Role.IMAGES,
        title="deskewed copies",
        help="Whether the network's input consists of two versions of every image, the original and a deskewed copy, "
        "both with the same augmentation. Not with deskew=True. The saved model expects both versions. Typical: False.",
    )


HYPERPARAMETERS: Mapping[str, Hyperparameter] = declared_by(Hyperparameters)
DEFORMATIONS = tuple(name for name, declared in HYPERPARAMETERS.items() if declared.role is Role.DEFORMATION)
