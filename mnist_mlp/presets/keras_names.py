"""Keras's names for activations, initializers and optimizers, and the arguments of each optimizer.

They are hardcoded because importing Keras would import TensorFlow. A test compares them with Keras.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.checks import Check, fraction, non_negative, non_positive, not_allowed, positive
from mnist_mlp.presets.checks import any_number as number
from mnist_mlp.presets.checks import true_or_false as boolean

# Not included: activations that need arguments (threshold, constant) or change the number of units (glu).
ACTIVATIONS = tuple(
    "relu gelu tanh sigmoid elu selu celu silu mish leaky_relu relu6 softplus softsign squareplus softmax log_softmax "
    "log_sigmoid exponential linear hard_sigmoid hard_silu hard_tanh hard_shrink soft_shrink tanh_shrink "
    "sparse_plus sparse_sigmoid sparsemax".split()
)
INITIALIZERS = tuple(
    "he_normal he_uniform glorot_normal glorot_uniform lecun_normal lecun_uniform random_normal random_uniform "
    "truncated_normal variance_scaling orthogonal identity zeros ones".split()
)
WEIGHT_INITS = ("he", "xavier", "default", *INITIALIZERS)  # the first three are ours
BIAS_INITS = ("normal", *(name for name in INITIALIZERS if name not in ("orthogonal", "identity")))

_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
_COMMON = dict(weight_decay=non_negative, **dict.fromkeys(_CLIPPING, positive))
_ADAM = dict(beta_1=fraction, beta_2=fraction, epsilon=positive, **_COMMON)
OPTIMIZER_ARGUMENTS: dict[str, dict[str, Check]] = {
    "adam": dict(_ADAM, amsgrad=boolean),
    "adamw": dict(_ADAM, amsgrad=boolean),
    "nadam": _ADAM,
    "adamax": _ADAM,
    "adadelta": dict(rho=fraction, epsilon=positive, **_COMMON),
    "adagrad": dict(initial_accumulator_value=non_negative, epsilon=positive, **_COMMON),
    "adafactor": dict(
        beta_2_decay=number,
        epsilon_1=positive,
        epsilon_2=positive,
        clip_threshold=positive,
        relative_step=boolean,
        **_COMMON,
    ),
    "rmsprop": dict(rho=fraction, momentum=fraction, epsilon=positive, centered=boolean, **_COMMON),
    "sgd": dict(momentum=fraction, nesterov=boolean, **_COMMON),
    "lion": dict(beta_1=fraction, beta_2=fraction, **_COMMON),
    "muon": dict(momentum=fraction, nesterov=boolean, epsilon=positive, adam_weight_decay=non_negative, **_COMMON),
    "ftrl": dict(
        learning_rate_power=non_positive,
        initial_accumulator_value=non_negative,
        l1_regularization_strength=non_negative,
        l2_regularization_strength=non_negative,
        l2_shrinkage_regularization_strength=non_negative,
        beta=non_negative,
        **_COMMON,
    ),
}


def check_optimizer_arguments(optimizer: str, arguments: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Returns the arguments with validated values.

    Raises:
        UsageError: the optimizer has no such argument, or a value is not allowed.
    """
    checks = OPTIMIZER_ARGUMENTS[optimizer]
    for argument, value in arguments:
        if argument not in checks:
            raise unknown_name(argument, value, f"argument of the optimizer {optimizer}", checks)
    if sum(argument in _CLIPPING for argument, _ in arguments) > 1:
        raise not_allowed("optimizer_arguments", dict(arguments), f"a dict with at most one of {', '.join(_CLIPPING)}")
    return tuple(
        (argument, checks[argument](f"optimizer_arguments['{argument}']", value)) for argument, value in arguments
    )


def unknown_name(name: str, value: Any, kind: str, known: Iterable[str]) -> UsageError:
    """Returns an error for an unknown name. It suggests the closest known name, or lists all known names."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(known)}"
    return UsageError(f"{name}={value!r}: there is no such {kind}; {hint}")
