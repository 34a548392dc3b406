"""A preset: every hyperparameter of one training, typed, validated and frozen. Imports no TensorFlow."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from mnist_mlp.errors import UsageError

TRAINING_IMAGES = 55_000  # MNIST's 60,000 less the 5,000 of validation; no batch can be larger
MOST_WEIGHTS = 250_000_000  # 1 GB of float32, and three times that with Adam's moments

# Keras's own names, written out because asking Keras would import TensorFlow; a test compares them with Keras.
# Left out: what needs arguments (threshold, constant) or changes the number of units (glu).
ACTIVATIONS = tuple(
    "relu gelu tanh sigmoid elu selu celu silu mish leaky_relu relu6 softplus softsign squareplus softmax log_softmax "
    "log_sigmoid exponential linear hard_sigmoid hard_silu hard_tanh hard_shrink soft_shrink tanh_shrink "
    "sparse_plus sparse_sigmoid sparsemax".split()
)
KERAS_INITIALIZERS = tuple(
    "he_normal he_uniform glorot_normal glorot_uniform lecun_normal lecun_uniform random_normal random_uniform "
    "truncated_normal variance_scaling orthogonal identity zeros ones".split()
)
WEIGHT_INITS = ("he", "xavier", "default", *KERAS_INITIALIZERS)
NORMALIZATIONS = ("none", "batch", "layer")
SCHEDULES = ("constant", "cosine", "one_cycle")
DEFORMATIONS = ("rotation", "scaling", "shear", "shift", "elastic")
BIAS_INITS = tuple(name for name in ("normal", *KERAS_INITIALIZERS) if name not in ("orthogonal", "identity"))

Check = Callable[[str, Any], Any]  # (field name, value) -> the value to keep; raises UsageError


def refusal(name: str, value: Any, allowed: str) -> UsageError:
    """Returns the error that names the field, its value and what is allowed."""
    shown = repr(value)
    return UsageError(f"{name}={shown if len(shown) <= 80 else shown[:77] + '...'} is not allowed; allowed: {allowed}")


def _number(allowed: str, is_allowed: Callable[[float], bool]) -> Check:
    def check(name: str, value: Any) -> float:
        try:
            number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and is_allowed(number)):
            raise refusal(name, value, allowed)
        return number

    return check


def _whole_number(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if not isinstance(value, Integral) or isinstance(value, bool) or not low <= value <= high:
            raise refusal(name, value, f"a whole number from {low} to {high}")
        return int(value)

    return check


def _one_of(names: Iterable[str]) -> Check:
    names = tuple(names)

    def check(name: str, value: Any) -> str:
        snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value).lower() if isinstance(value, str) else value
        for candidate in (snake_case, value.lower() if isinstance(value, str) else value):  # HeNormal, RMSprop
            if candidate in names:
                return candidate
        raise refusal(name, value, "one of " + ", ".join(names))

    return check


def _true_or_false(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise refusal(name, value, "True or False")
    return value


def _layer_sizes(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > 100:
        raise refusal(name, value, "a tuple of at most 100 layer sizes, such as (300, 200, 200)")
    size = _whole_number(1, 65_536)
    return tuple(size(f"{name}[{index}]", units) for index, units in enumerate(value))


any_number = _number("a finite number", lambda number: True)
positive = _number("a finite number above 0", lambda number: number > 0)
not_negative = _number("a finite number of at least 0", lambda number: number >= 0)
fraction = _number("a number of at least 0 and below 1", lambda number: 0 <= number < 1)

_CLIPPING = {"clipnorm", "clipvalue", "global_clipnorm"}
_COMMON = dict(weight_decay=not_negative, **dict.fromkeys(sorted(_CLIPPING), positive))
_ADAM = dict(beta_1=fraction, beta_2=fraction, epsilon=positive, **_COMMON)
OPTIMIZER_ARGUMENTS: dict[str, dict[str, Check]] = {
    "adam": dict(_ADAM, amsgrad=_true_or_false),
    "adamw": dict(_ADAM, amsgrad=_true_or_false),
    "nadam": _ADAM,
    "adamax": _ADAM,
    "adadelta": dict(rho=fraction, epsilon=positive, **_COMMON),
    "adagrad": dict(initial_accumulator_value=not_negative, epsilon=positive, **_COMMON),
    "adafactor": dict(
        beta_2_decay=any_number,
        epsilon_1=positive,
        epsilon_2=positive,
        clip_threshold=positive,
        relative_step=_true_or_false,
        **_COMMON,
    ),
    "rmsprop": dict(rho=fraction, momentum=fraction, epsilon=positive, centered=_true_or_false, **_COMMON),
    "sgd": dict(momentum=fraction, nesterov=_true_or_false, **_COMMON),
    "lion": dict(beta_1=fraction, beta_2=fraction, **_COMMON),
    "muon": dict(
        momentum=fraction, nesterov=_true_or_false, epsilon=positive, adam_weight_decay=not_negative, **_COMMON
    ),
    "ftrl": dict(
        learning_rate_power=_number("a finite number of at most 0", lambda number: number <= 0),
        initial_accumulator_value=not_negative,
        l1_regularization_strength=not_negative,
        l2_regularization_strength=not_negative,
        l2_shrinkage_regularization_strength=not_negative,
        beta=not_negative,
        **_COMMON,
    ),
}


def _unknown(name: str, value: Any, kind: str, known: Iterable[str]) -> UsageError:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(known)}"
    return UsageError(f"{name}={value!r}: there is no such {kind}; {hint}")


def _check_optimizer_arguments(optimizer: str, arguments: Any) -> tuple[tuple[str, Any], ...]:
    name = "optimizer_arguments"
    try:
        arguments = dict(arguments)
    except (TypeError, ValueError):
        raise refusal(name, arguments, 'a dict such as {"momentum": 0.9}') from None
    checks = OPTIMIZER_ARGUMENTS[optimizer]
    for argument, value in arguments.items():
        if argument not in checks:
            raise _unknown(str(argument), value, f"argument of the optimizer {optimizer}", checks)
    if len(_CLIPPING & arguments.keys()) > 1:
        raise refusal(name, arguments, f"at most one of {', '.join(sorted(_CLIPPING))}")
    return tuple(
        (argument, checks[argument](f"{name}: {argument}", arguments[argument])) for argument in sorted(arguments)
    )


_CHECKS: dict[str, Check] = {
    "hidden_sizes": _layer_sizes,
    "activation": _one_of(ACTIVATIONS),
    "weight_init": _one_of(WEIGHT_INITS),
    "bias_init": _one_of(BIAS_INITS),
    "batch_size": _whole_number(1, TRAINING_IMAGES),
    "epochs": _whole_number(1, 100_000),
    "optimizer": _one_of(OPTIMIZER_ARGUMENTS),
    "learning_rate": positive,
    "weight_decay": not_negative,
    "dropout": fraction,
    "normalization": _one_of(NORMALIZATIONS),
    "standardize": _true_or_false,
    "input_dropout": fraction,
    "label_smoothing": fraction,
    "decoupled_weight_decay": not_negative,
    "learning_rate_schedule": _one_of(SCHEDULES),
    "warmup": fraction,
    "ema_decay": fraction,
    "rotation": _number("degrees from 0 to 180", lambda number: 0 <= number <= 180),
    "scaling": fraction,
    "shear": not_negative,
    "shift": _number("pixels from 0 to 28", lambda number: 0 <= number <= 28),
    "elastic": _number("pixels from 0 to 28", lambda number: 0 <= number <= 28),
    "final_fit": _true_or_false,
    "adversarial": not_negative,
    "deskew": _true_or_false,
    "l1_decay": not_negative,
    "upright_beside": _true_or_false,
}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """The hyperparameters of one training.

    Attributes:
        hidden_sizes: units of each hidden layer, from the pixels to the logits; () is softmax regression.
        activation: of every hidden layer, by Keras's name.
        weight_init: "he" (truncated normal, variance 2 / fan_in), "xavier" (uniform, variance 2 / (fan_in + fan_out)),
            "default" (TensorFlow 1's default, which is "xavier") or the name of any Keras initializer.
        bias_init: "normal" (mean 0, standard deviation 1, as in 2020) or the name of a Keras initializer.
        batch_size: images a step.
        epochs: passes over the training images: 55,000, and 60,000 in a final fit.
        optimizer: by Keras's name.
        optimizer_arguments: the optimizer's own arguments by Keras's names, given as a dict, kept as sorted pairs.
            Where they give none, `model.OPTIMIZER_DEFAULTS` come before Keras's own defaults.
        learning_rate: of the optimizer; with a schedule or a warm-up, the highest.
        weight_decay: factor of the L2 penalty that is added to the loss: the sum over all weight matrices, never a
            bias, of half the squared norm.
        dropout: probability that a hidden unit is dropped in a training step.
        normalization: of what goes into each activation: "batch" (over the images of a step, each unit by itself; in
            evaluation by statistics of training images), "layer" (over a layer's units, each image by itself) or
            "none". Its shift takes the bias's place, and `bias_init`.
        standardize: whether the network first takes MNIST's mean from the pixels and divides by its deviation.
        input_dropout: probability that a pixel is dropped in a training step.
        label_smoothing: share of every label that is spread evenly over the ten classes, in training alone.
        decoupled_weight_decay: each step first shrinks the weight matrices, never a bias, by this factor times the
            learning rate, past the optimizer (Loshchilov and Hutter, 2019). The optimizer argument weight_decay does
            so to biases too.
        learning_rate_schedule: "constant", "cosine" (falls to 0 along half a cosine) or "one_cycle" (in a straight
            line; with a warm-up that is L. Smith's one cycle), from the end of the warm-up to that of the training.
        warmup: share of all steps in which the learning rate rises from 0 in a straight line.
        ema_decay: of an exponential moving average of the weights, a step; what is validated, kept and evaluated is
            then the average. 0 is none.
        rotation, scaling, shear, shift, elastic: how far the training images are deformed, drawn anew for every image
            and epoch. Evenly up to so many degrees either way; up to this share wider or narrower, and taller or
            flatter; up to this slant; up to so many pixels across and down. Elastic: root mean square of a smooth
            random displacement, in pixels.
        final_fit: trains on all 60,000 images, validation's 5,000 among them, once everything has been chosen: the
            last epoch is kept, and validation figures are of images that it has seen.
        adversarial: each step learns, half and half, from its images and from what they are once moved by this length
            in the direction in which their loss rises fastest (I. Goodfellow and others, Explaining and Harnessing
            Adversarial Examples, 2015; by Euclidean length as in T. Miyato and others, 2017, equation 4). Pixels are
            from 0 to 1, so an image is about 9 long.
        deskew: whether every image, of training, validation and test, is first sheared until it stands upright, and
            centerd (`deskewing.deskewed`). That is no part of the network, so a model of such a run wants it done.
        l1_decay: each step ends by moving the weights of the matrices, never a bias, towards 0 by this times the
            learning rate, and no further than 0: the proximal step of an L1 penalty, past the optimizer. Weights of
            little use fade, so that a unit looks at fewer pixels (B. Neyshabur, Towards Learning Convolutions from
            Scratch, 2020).
        upright_beside: whether the network sees every image twice, as it is and, beside it, upright and centerd as by
            `deskew`: 1568 pixels. In training both are deformed alike. No part of the network either.

    Raises:
        UsageError: a field is unknown, of the wrong type or outside its range; names field, value and what is allowed.
    """

    hidden_sizes: tuple[int, ...] = (300, 200, 200)
    activation: str = "relu"
    weight_init: str = "default"
    bias_init: str = "normal"
    batch_size: int = 100
    epochs: int = 100
    optimizer: str = "adam"
    optimizer_arguments: tuple[tuple[str, Any], ...] = ()
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    dropout: float = 0.0
    normalization: str = "none"
    standardize: bool = False
    input_dropout: float = 0.0
    label_smoothing: float = 0.0
    decoupled_weight_decay: float = 0.0
    learning_rate_schedule: str = "constant"
    warmup: float = 0.0
    ema_decay: float = 0.0
    rotation: float = 0.0
    scaling: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    final_fit: bool = False
    adversarial: float = 0.0
    deskew: bool = False
    l1_decay: float = 0.0
    upright_beside: bool = False
    parent: Preset | None = field(default=None, compare=False, repr=False)

    def __new__(cls, *positional: Any, **values: Any) -> Preset:
        if positional:
            raise UsageError("Preset takes its fields by name, such as Preset(hidden_sizes=(300, 200), dropout=0.2)")
        for name, value in values.items():
            if name not in cls.__dataclass_fields__:
                raise _unknown(name, value, "field", cls.field_names())
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        arguments = _check_optimizer_arguments(self.optimizer, self.optimizer_arguments)
        object.__setattr__(self, "optimizer_arguments", arguments)
        if self.deskew and self.upright_beside:
            raise refusal("upright_beside", True, "False beside deskew=True, which lets every image stand upright")
        sizes = self.layer_sizes
        weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(sizes))
        if weights > MOST_WEIGHTS:
            raise refusal("hidden_sizes", self.hidden_sizes, f"at most {MOST_WEIGHTS:,} weights, not {weights:,}")

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Units of every layer, the pixels and the 10 logits included."""
        return (784 * self.views, *self.hidden_sizes, 10)

    @property
    def views(self) -> int:
        """In how many ways the network sees an image at once."""
        return 2 if self.upright_beside else 1

    @property
    def weight_layers(self) -> int:
        """Number of weight matrices: the hidden layers and the output layer."""
        return len(self.hidden_sizes) + 1

    @property
    def deformations(self) -> tuple[float, ...]:
        """How far the training images are deformed, in the order of DEFORMATIONS; all 0 where they are not."""
        return tuple(getattr(self, name) for name in DEFORMATIONS)

    def shape(self) -> Preset:
        """Returns the preset with everything leveled that may differ between presets that share a compiled epoch."""
        switches = (
            *("dropout", "input_dropout", "label_smoothing", "decoupled_weight_decay"),
            *("ema_decay", "adversarial", "l1_decay"),
        )
        return self.but(
            weight_init="zeros",
            bias_init="zeros",
            epochs=1,
            learning_rate=1.0,
            learning_rate_schedule="constant",
            warmup=0.0,
            weight_decay=0.0,
            **{name: 0.5 if getattr(self, name) else 0.0 for name in switches},  # what is 0 is not computed at all
            **dict.fromkeys(DEFORMATIONS, 0.5 if any(self.deformations) else 0.0),
        )

    def switched_on(self) -> dict[str, str]:
        """Returns as text what it has of the fields that the experiment of 2020 did without."""
        return {
            name.replace("_", " "): format_field(getattr(self, name))
            for name, off in self.further_fields().items()
            if getattr(self, name) != off
        }

    @classmethod
    def further_fields(cls) -> dict[str, Any]:
        """Returns the fields that the experiment of 2020 did without, with their values that change nothing."""
        names = cls.field_names()
        return {name: getattr(cls, name) for name in names[names.index("dropout") + 1 :]}

    @classmethod
    def field_names(cls) -> list[str]:
        """Names of the hyperparameters, in the order of the class."""
        return [each.name for each in fields(cls) if each.name != "parent"]

    def but(self, **changes: Any) -> Preset:
        """Returns this preset with a change, remembering this one as its parent.

        A new optimizer starts from its own defaults: the arguments of the old one would mean nothing to it.
        """
        kept = {name: getattr(self, name) for name in self.field_names()}
        if "optimizer" in changes:
            kept["optimizer_arguments"] = ()
        return Preset(**{**kept, **changes, "parent": self})

    def differences(self, other: Preset) -> dict[str, tuple[Any, Any]]:
        """Returns {field: (value here, value in other)} for the fields that differ; empty for the same experiment.

        Another optimizer counts as one difference, the arguments that go with it included.
        """
        changed = {
            name: (getattr(self, name), getattr(other, name))
            for name in self.field_names()
            if getattr(self, name) != getattr(other, name)
        }
        if "optimizer" in changed:
            changed.pop("optimizer_arguments", None)
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Returns the hyperparameters as plain JSON values; `from_dict` is its inverse."""
        values = {name: getattr(self, name) for name in self.field_names()}
        return {
            **values,
            "hidden_sizes": list(self.hidden_sizes),
            "optimizer_arguments": dict(self.optimizer_arguments),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preset:
        """Returns the preset of `to_dict`, validated.

        Raises:
            UsageError: as the class does.
        """
        if not isinstance(values, Mapping) or "parent" in values:
            raise UsageError("a preset is a JSON object of the fields " + ", ".join(cls.field_names()))
        return cls(**values)


def format_field(value: Any) -> str:
    """Returns a field's value as the tables and logs show it: 300-200-200, momentum=0.9, 0.001."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return " ".join(f"{name}={format_field(argument)}" for name, argument in value)
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
