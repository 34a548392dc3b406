"""Command-line parsing shared by the scripts."""

from __future__ import annotations

import argparse
import difflib
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mnist_mlp.commands import PROJECT, python_command, quoted, relative_to_here, typed_path
from mnist_mlp.errors import WrongCommand
from mnist_mlp.presets.changes import hyperparameter_meant_by
from mnist_mlp.presets.checks import not_allowed
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import format_field

PRESETS_OPTION = "--presets"


class ArgumentParser(argparse.ArgumentParser):
    """Parser that reports usage errors in one line and has helpers for common option types."""

    def __init__(self, description: str, epilog: str | None = None) -> None:
        super().__init__(
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,  # "--epoch 5" should not start a training
        )
        self._changes_option: str | None = None

    def error(self, message: str) -> NoReturn:
        command = _this_command()
        raise WrongCommand(f"{message} (see {command} --help)" if command else message)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        namespace, unknown = super().parse_known_args(args, namespace)
        if self._changes_option and (suggestion := _suggestion(self._changes_option, unknown)):
            self.error(suggestion)
        if meant := self._option_meant_by(unknown):
            self.error(f"there is no option {unknown[0].partition('=')[0]}; did you mean {meant}?")
        numbers = " ".join(itertools.takewhile(lambda text: text[:1].isdigit(), unknown))
        if numbers and PRESETS_OPTION in self._option_string_actions:
            self.error(
                f"unrecognized arguments: {numbers}; preset numbers follow {PRESETS_OPTION}: {PRESETS_OPTION} {numbers}"
            )
        return namespace, unknown

    def _option_meant_by(self, unknown: Sequence[str]) -> str | None:
        """Returns the option that is most similar to the first unknown argument, or None."""
        option = unknown[0].partition("=")[0] if unknown else ""
        options = [name for name in self._option_string_actions if name.startswith("--")]
        longer = [name for name in options if name.replace("-", "").startswith(option.replace("-", ""))]
        similar = difflib.get_close_matches(option, options, n=1)
        return next(iter(longer + similar), None) if option.startswith("--") else None

    def add_changes(self, option: str, help: str) -> None:
        """Adds a repeatable option that changes a hyperparameter. Its texts are in `changes`."""
        self.add_argument(
            option, dest="changes", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help=help
        )
        self._changes_option = option

    def add_folder(self, option: str, default: str, help: str) -> None:
        """Adds an option for a directory. The default is relative to the project directory."""
        self.add_argument(
            option,
            type=typed_path,
            default=relative_to_here(PROJECT / default),
            metavar="DIR",
            help=f"{help} (default: {default})",
        )

    def add_whole_number(self, option: str, low: int, high: int, help: str, default: int | None = None) -> None:
        """Adds an option for an integer from low to high, inclusive."""
        shown = "" if default is None else f" (default: {default})"
        self.add_argument(option, type=_integer(option, low, high), default=default, metavar="N", help=f"{help}{shown}")


def _suggestion(changes_option: str, unknown: Sequence[str]) -> str | None:
    """Returns how to set a hyperparameter if the first unknown argument is its name, as in --learning-rate 0.01."""
    option, _, value = (unknown[0] if unknown else "").partition("=")
    name = hyperparameter_meant_by(option) if option.startswith("-") else None
    if not name:
        return None
    following = itertools.takewhile(lambda text: not text.startswith("--"), unknown[1:])
    value = value or ",".join(following) or format_field(HYPERPARAMETERS[name].example)
    return f"{option} is a hyperparameter, not an option; use {changes_option} {quoted(f'{name}={value}')}"


def _integer(option: str, low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise not_allowed(option, text if number is None else number, f"a whole number from {low:,} to {high:,}")
        return number

    return convert


def _this_command() -> str | None:
    """Returns the command that runs this script, or None if a notebook or another program called its `main`."""
    main = sys.modules["__main__"]
    if not getattr(main, "__file__", None):
        return None
    module = getattr(main, "__spec__", None)  # set by `python -m`; None for a script, missing after a second `%run`
    if module:
        return f"{python_command()} -m {module.name.removesuffix('.__main__')}"
    return f"{python_command()} {relative_to_here(Path(sys.argv[0]).resolve())}"
