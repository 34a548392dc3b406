"""Tests the messages about wrong options."""

from __future__ import annotations

import pytest

from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.errors import UsageError


@pytest.fixture
def parser() -> ArgumentParser:
    parser = ArgumentParser("A script.")
    parser.add_whole_number("--repeats", 1, 1000, help="number of seeds", default=1)
    parser.add_folder("--runs-dir", "runs", help="directory for the runs")
    return parser


@pytest.mark.parametrize(
    ("option", "meant"), [("--reapeats", "--repeats"), ("--repeat", "--repeats"), ("--runsdir=x", "--runs-dir")]
)
def test_similar_option_is_suggested(parser, option, meant):
    with pytest.raises(UsageError, match=rf"^there is no option {option.partition('=')[0]}; did you mean {meant}\?"):
        parser.parse_args([option, "3"])


@pytest.mark.parametrize("unknown", ["--color", "31"])
def test_nothing_is_suggested_for_other_arguments(parser, unknown):
    with pytest.raises(UsageError, match=f"^unrecognized arguments: {unknown}"):
        parser.parse_args([unknown])


def test_preset_numbers_without_their_option_are_explained(parser):
    parser.add_argument("--presets", nargs="+")
    with pytest.raises(UsageError, match=r"^unrecognized arguments: 9-13 31; .*: --presets 9-13 31"):
        parser.parse_args(["9-13", "31", "--color"])


@pytest.mark.parametrize("text", ["five", "0", "1001", "2.5"])
def test_whole_number_outside_of_its_range_is_rejected(parser, text):
    with pytest.raises(UsageError, match=rf"--repeats: must be a whole number from 1 to 1,000, not '?{text}'?"):
        parser.parse_args(["--repeats", text])
