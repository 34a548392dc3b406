"""Tests the committed results: they match the archived predictions, recomputed without the code of the report."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from experiments.make_reference import ARCHIVES, REFERENCE, STAGES, has_failed, parallel_share
from experiments.recompute import statistics
from experiments.recompute.archive import Preset, Run, read_runs
from experiments.recompute.statistics import compare, interval, spreads
from tests.report.reported import reported_run

from hyperparameters import PRESETS


@pytest.fixture(scope="module")
def presets() -> dict[int, Preset]:
    """Returns the archived presets by number."""
    runs = [run for archive in ARCHIVES.values() for run in read_runs(REFERENCE / archive)]
    newest = {(run.record["preset_number"], run.record["seed"]): run for run in sorted(runs, key=started)}
    by_number = defaultdict(list)
    for (number, _), run in sorted(newest.items()):
        by_number[number].append(run)
    return {number: Preset(same[0].record["preset"], (number,), tuple(same)) for number, same in by_number.items()}


def started(run: Run) -> str:
    return run.record["started"]


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_runs_have_the_archived_accuracies(presets):
    table = {(int(row["preset"]), int(row["seed"])): float(row["test accuracy"]) for row in rows("runs.csv")}
    archived = {
        (number, run.record["seed"]): pytest.approx(run.accuracy)
        for number, preset in presets.items()
        for run in preset.runs
    }
    assert table == archived


def test_means_and_intervals(presets):
    spread = spreads(list(presets.values()))
    for row in rows("changes.csv"):
        preset = presets[int(row["preset"])]
        assert (int(row["seeds"]), float(row["test accuracy"])) == (len(preset.runs), pytest.approx(preset.mean))
        limits = [row["test 95% low"], row["test 95% high"]]
        if preset.has_failed:
            assert limits == ["", ""]
        else:
            assert [float(limit) for limit in limits] == pytest.approx(interval(preset, spread))


def test_differences_and_their_intervals(presets):
    parents = {row["preset"]: row["change"].split(":")[0] for row in rows("changes.csv") if ":" in row["change"]}
    tables = {
        "changes.csv": [(int(one), int(other)) for one, other in parents.items()],
        "stages.csv": [(int(row["to"]), int(row["from"])) for row in rows("stages.csv")],
    }
    trained = [pair for pairs in tables.values() for pair in pairs if set(pair) <= set(presets)]
    tested = statistics.testable((presets[one], presets[other]) for one, other in trained)
    values = compare(tested, spreads(list(presets.values())))  # of both tables together
    expected = {(*one.numbers, *other.numbers): found for (one, other), found in zip(tested, values, strict=True)}
    for name, pairs in tables.items():
        found = [row for row in rows(name) if row["difference"]]
        different = [pair for pair in pairs if pair in expected]
        assert len(found) == len(different) > 0
        for row, pair in zip(found, different, strict=True):
            amount, low, high, p = expected[pair]
            assert float(row["difference"]) == pytest.approx(amount)
            limits = [float(row["difference 95% low"]), float(row["difference 95% high"])]
            assert limits == pytest.approx([low, high], abs=0.02 * (high - low))
            assert float(row["p (adjusted)"]) == pytest.approx(p, abs=0.005 + 0.05 * p)


def test_identical_networks_have_no_difference():
    differences = {int(row["preset"]): row["difference"] for row in rows("changes.csv")}
    assert differences[4] == differences[15] == ""  # preset 15 names the default initialization, Xavier
    assert differences[14] != ""


def test_failed_networks_have_no_difference():
    by_number = {int(row["preset"]): row for row in rows("changes.csv")}
    assert by_number[29]["difference"] == by_number[33]["difference"] == ""
    assert float(by_number[29]["test accuracy"]) < 0.2


@pytest.mark.parametrize(("validation", "failed"), [((0.98, 0.2), False), ((0.98, 0.19, 0.97), True)])
def test_preset_has_failed_if_any_seed_has(validation, failed):
    runs = [reported_run(1, PRESETS[1], (0.1, value, 0.1), 0.98, seed) for seed, value in enumerate(validation)]
    assert has_failed(runs) is failed


def test_every_stage_is_in_the_table():
    assert [(int(row["from"]), int(row["to"])) for row in rows("stages.csv")] == list(STAGES)


def test_share_of_time_in_parallel():
    def run(started: int, finished: int):
        times = {"started": f"2026-01-01T00:{started:02}:00+00:00", "finished": f"2026-01-01T00:{finished:02}:00+00:00"}
        return type("Run", (), {"record": type("Record", (), times)})()

    alone, first, overlapping, inside = run(0, 10), run(20, 30), run(24, 34), run(26, 28)
    runs = [alone, first, overlapping, inside]
    assert [parallel_share(item, runs) for item in runs] == [0, 0.6, 0.6, 1]
