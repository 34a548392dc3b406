"""Every hyperparameter, declared once. `docs/architecture.md` has the steps to add one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnist_mlp.presets import checks
from mnist_mlp.presets.hyperparameter import Hyperparameter, Role, declared_by, hyperparameter
from mnist_mlp.presets.keras_names import ACTIVATIONS, INITIALIZERS, OPTIMIZER_ARGUMENTS

WEIGHT_INITS = ("he", "xavier", "default", *INITIALIZERS)
BIAS_INITS = ("normal", *(name for name in INITIALIZERS if name not in ("orthogonal", "identity")))
NORMALIZATIONS = ("none", "batch", "layer")
SCHEDULES = ("constant", "cosine", "one_cycle")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The hyperparameters of one training, with their defaults; `Preset` checks and uses them."""

    hidden_sizes: tuple[int, ...] = hyperparameter(
        (300, 200, 200),
        check=checks.layer_sizes,
        role=Role.CONSTANT,
        title="hidden layers",
        label="",
        figure="depth",
        help="Units of each hidden layer, from the pixels to the logits. () is softmax regression.",
        example=(40, 30),
        in_2020=True,
    )
    activation: str = hyperparameter(
        "relu",
        check=checks.one_of(ACTIVATIONS),
        role=Role.CONSTANT,
        title="activation",
        label="",
        help="Activation function of every hidden layer, by Keras's name.",
        example="gelu",
        in_2020=True,
    )
    weight_init: str = hyperparameter(
        "default",
        check=checks.one_of(WEIGHT_INITS),
        role=Role.INITIAL_WEIGHTS,
        title="weight initialization",
        label="",
        figure="xehe",
        help='"he" (truncated normal, variance 2 / fan_in), "xavier" (uniform, variance 2 / (fan_in + fan_out)), '
        '"default" (TensorFlow 1\'s default, which is "xavier") or a Keras initializer.',
        example="he",
        in_2020=True,
    )
    bias_init: str = hyperparameter(
        "normal",
        check=checks.one_of(BIAS_INITS),
        role=Role.INITIAL_WEIGHTS,
        title="bias initialization",
        label="bias ",
        help='"normal" (mean 0, standard deviation 1, as in 2020) or a Keras initializer.',
        example="zeros",
        in_2020=True,
    )
    batch_size: int = hyperparameter(
        100,
        check=checks.whole_number(1, 10_000_000),
        role=Role.CONSTANT,
        title="batch size",
        label="batch ",
        help="Images per training step; at most the number of training images.",
        example=200,
        in_2020=True,
    )
    epochs: int = hyperparameter(
        100,
        check=checks.whole_number(1, 100_000),
        role=Role.SCHEDULE,
        title="epochs",
        help="Passes over the training images.",
        example=2,
        in_2020=True,
    )
    optimizer: str = hyperparameter(
        "adam",
        check=checks.one_of(OPTIMIZER_ARGUMENTS),
        role=Role.CONSTANT,
        title="optimizer",
        label="",
        help="Optimizer, by Keras's name.",
        example="sgd",
        in_2020=True,
    )
    optimizer_arguments: tuple[tuple[str, Any], ...] = hyperparameter(
        (),
        check=checks.arguments_by_name,
        role=Role.CONSTANT,
        title="optimizer arguments",
        label="",
        help="The optimizer's own arguments by Keras's names, given as a dict and kept as sorted pairs. For arguments "
        "that are not given, `training.model.OPTIMIZER_DEFAULTS` come before Keras's defaults.",
        example={"beta_2": 0.99},
        in_2020=True,
    )
    learning_rate: float = hyperparameter(
        0.001,
        check=checks.positive,
        role=Role.SCHEDULE,
        title="learning rate",
        label="rate ",
        help="Learning rate of the optimizer; with a schedule or warm-up, the highest.",
        example=0.01,
        in_2020=True,
    )
    weight_decay: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.STEP_INPUT,
        title="weight decay",
        label="L2 ",
        figure="weightdecay",
        help="Factor of the L2 penalty in the loss: half the squared norm of each weight matrix, summed. Biases "
        "are not penalized.",
        example=0.0001,
        in_2020=True,
    )
    dropout: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="dropout",
        help="Probability that a hidden unit is dropped in a training step.",
        example=0.2,
        in_2020=True,
    )
    normalization: str = hyperparameter(
        "none",
        check=checks.one_of(NORMALIZATIONS),
        role=Role.CONSTANT,
        title="normalization",
        help='Normalization before each activation: "batch" (over the images of a step, per unit; evaluated with '
        'statistics of training images), "layer" (over a layer\'s units, per image) or "none". Its shift replaces the '
        "bias and uses `bias_init`.",
        example="batch",
    )
    standardize: bool = hyperparameter(
        False,
        check=checks.true_or_false,
        role=Role.CONSTANT,
        title="standardized inputs",
        help="Whether the network first subtracts the data set's mean from the pixels and divides by its deviation.",
        example=True,
    )
    input_dropout: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="input dropout",
        help="Probability that a pixel is dropped in a training step.",
        example=0.2,
    )
    label_smoothing: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="label smoothing",
        help="Share of each label that is spread evenly over the classes, in training only.",
        example=0.05,
    )
    decoupled_weight_decay: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.OPTIONAL_STEP_INPUT,
        title="decoupled weight decay",
        help="Each step first shrinks the weight matrices by this factor times the learning rate, outside the "
        "optimizer (Loshchilov and Hutter, 2019). Biases are not changed; the optimizer argument "
        "weight_decay shrinks them too.",
        example=0.02,
    )
    learning_rate_schedule: str = hyperparameter(
        "constant",
        check=checks.one_of(SCHEDULES),
        role=Role.SCHEDULE,
        title="learning rate schedule",
        label="",
        help='From the end of the warm-up to the end of the training: "constant", "cosine" (falls to 0 along half a '
        'cosine) or "one_cycle" (falls to 0 linearly; with a warm-up, L. Smith\'s one cycle).',
        example="one_cycle",
    )
    warmup: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.SCHEDULE,
        title="warm-up",
        help="Share of all steps in which the learning rate rises linearly from 0.",
        example=0.1,
    )
    ema_decay: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.OPTIONAL_STEP_INPUT,
        title="averaged weights",
        help="Decay per step of an exponential moving average of the weights. The average is then validated, kept and "
        "evaluated. 0 keeps no average.",
        example=0.9,
    )
    rotation: float = hyperparameter(
        0.0,
        check=checks.degrees,
        role=Role.DEFORMATION,
        title="rotation",
        help="Training images are rotated by up to so many degrees either way, drawn anew for each image and epoch.",
        example=7.0,
    )
    scaling: float = hyperparameter(
        0.0,
        check=checks.fraction,
        role=Role.DEFORMATION,
        title="scaling",
        help="Training images become wider or narrower, and taller or flatter, by up to this share.",
        example=0.1,
    )
    shear: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.DEFORMATION,
        title="shear",
        help="Training images are slanted by up to this many columns per row.",
        example=0.1,
    )
    shift: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.DEFORMATION,
        title="shift",
        help="Training images are shifted by up to so many pixels across and down; at most the side of an image.",
        example=1.0,
    )
    elastic: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.DEFORMATION,
        title="elastic deformation",
        help="Root mean square of a smooth random displacement of the training images' pixels, in pixels; at most the "
        "side of an image.",
        example=0.7,
    )
    final_fit: bool = hyperparameter(
        False,
        check=checks.true_or_false,
        role=Role.IMAGES,
        title="final fit",
        help="Trains on the validation images too, once everything has been chosen. The last epoch is kept, and "
        "validation figures are of images that the network has been trained on.",
        example=True,
    )
    adversarial: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.OPTIONAL_STEP_INPUT,
        title="adversarial images",
        help="Each step learns half from its images and half from the same images moved by this Euclidean length in "
        "the direction in which their loss rises fastest (Goodfellow and others, 2015; Miyato and others, 2017, "
        "equation 4). Pixels are from 0 to 1; an MNIST image has a length of about 9.",
        example=2.0,
    )
    deskew: bool = hyperparameter(
        False,
        check=checks.true_or_false,
        role=Role.IMAGES,
        title="deskewed images",
        help="Whether every image (training, validation and test) is first sheared until it is upright, and centered. "
        "This is not part of the saved model, which expects deskewed images.",
        example=True,
    )
    l1_decay: float = hyperparameter(
        0.0,
        check=checks.non_negative,
        role=Role.OPTIONAL_STEP_INPUT,
        title="L1 decay",
        help="Each step ends by moving the weights of the matrices toward 0 by this times the learning rate, and no "
        "further than 0: the proximal step of an L1 penalty. Unused weights become 0 (Neyshabur, Towards Learning "
        "Convolutions from Scratch, 2020).",
        example=0.01,
    )
    upright_beside: bool = hyperparameter(
        False,
        check=checks.true_or_false,
        role=Role.IMAGES,
        title="upright images beside",
        help="Whether the network sees every image twice: as it is and, beside it, deskewed. Both are deformed alike. "
        "This is not part of the saved model.",
        example=True,
    )


HYPERPARAMETERS: Mapping[str, Hyperparameter] = declared_by(Hyperparameters)
DEFORMATIONS = tuple(name for name, declared in HYPERPARAMETERS.items() if declared.role is Role.DEFORMATION)
