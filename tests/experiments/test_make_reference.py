"""Tests the committed results: they match the archived predictions, recomputed with NumPy and SciPy."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from scipy import stats

from experiments.make_reference import ARCHIVES, REFERENCE, STAGES, parallel_share
from tests.helpers import PROJECT

Correct = dict[tuple[int, int], np.ndarray]


@pytest.fixture(scope="module")
def correct() -> Correct:
    """Returns {(preset, seed): bool [10,000], whether the run classified each test image correctly}."""
    with gzip.open(PROJECT / "MNIST_data" / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    runs: Correct = {}
    for archive in ARCHIVES.values():
        with tarfile.open(REFERENCE / archive) as file:
            contents = {member.name: file.extractfile(member).read() for member in file if member.isfile()}
        for name, content in contents.items():
            if name.endswith("record.json"):
                record = json.loads(content)
                predictions = np.load(io.BytesIO(contents[name.replace("record.json", "test_predictions.npz")]))
                runs[record["preset_number"], record["seed"]] = predictions["predicted"] == labels
    return runs


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_runs_have_the_archived_accuracies(correct):
    table = {(int(row["preset"]), int(row["seed"])): float(row["test accuracy"]) for row in rows("runs.csv")}
    assert table == {run: pytest.approx(right.mean()) for run, right in correct.items()}


def accuracies(correct: Correct, preset: int) -> list[float]:
    return [correct[run].mean() for run in sorted(correct) if run[0] == preset]


def test_means_and_intervals(correct):
    for row in rows("changes.csv"):
        values = accuracies(correct, int(row["preset"]))
        assert (int(row["seeds"]), float(row["test accuracy"])) == (len(values), pytest.approx(np.mean(values)))
        if len(values) > 1:
            low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        else:
            right = round(values[0] * 10_000)
            low, high = stats.binomtest(right, 10_000).proportion_ci(method="wilson")
        assert (float(row["test 95% low"]), float(row["test 95% high"])) == pytest.approx((low, min(high, 1)))


def paired_interval(after: np.ndarray, before: np.ndarray) -> list[float]:
    """Returns the interval of Bonett and Price (2012) for the difference of two paired proportions."""
    gained, lost = (after & ~before).sum() + 1, (before & ~after).sum() + 1
    middle = (gained - lost) / 10_002
    half = 1.959964 * np.sqrt(((gained + lost) / 10_002 - middle**2) / 10_002)
    return [middle - half, middle + half]


def test_differences_and_their_intervals(correct):
    parents = {row["preset"]: row["change"].split(":")[0] for row in rows("changes.csv") if ":" in row["change"]}
    changes = [
        (row, int(parents[row["preset"]]), int(row["preset"])) for row in rows("changes.csv") if row["difference"]
    ]
    stages = [(row, int(row["from"]), int(row["to"])) for row in rows("stages.csv")]
    for row, earlier, later in changes + stages:
        before, after = accuracies(correct, earlier), accuracies(correct, later)
        found = [float(row[name]) for name in ("difference", "difference 95% low", "difference 95% high")]
        if len(before) == len(after) == 1:
            low, high = paired_interval(correct[later, 1602], correct[earlier, 1602])
        elif min(len(before), len(after)) > 1:
            low, high = stats.ttest_ind(after, before, equal_var=False).confidence_interval()
        else:  # one run on one side: the spread of the other side is used for both
            spread = np.std(max(before, after, key=len), ddof=1) * np.sqrt(1 / len(before) + 1 / len(after))
            freedom = len(before) + len(after) - 2
            low, high = stats.t.interval(0.95, freedom, np.mean(after) - np.mean(before), spread)
        assert found == pytest.approx([np.mean(after) - np.mean(before), low, high], abs=1e-8), (earlier, later)


def test_every_stage_is_in_the_table():
    assert [(int(row["from"]), int(row["to"])) for row in rows("stages.csv")] == list(STAGES)


def test_share_of_time_in_parallel():
    def run(started: int, finished: int):
        times = {"started": f"2026-01-01T00:{started:02}:00+00:00", "finished": f"2026-01-01T00:{finished:02}:00+00:00"}
        return type("Run", (), {"record": type("Record", (), times)})()

    alone, first, overlapping, inside = run(0, 10), run(20, 30), run(24, 34), run(26, 28)
    runs = [alone, first, overlapping, inside]
    assert [parallel_share(item, runs) for item in runs] == [0, 0.6, 0.6, 1]
