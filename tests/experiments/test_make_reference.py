"""Tests the committed results: they match the archived predictions, recomputed with NumPy and SciPy."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections import defaultdict

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


def test_means_and_intervals_over_seeds(correct):
    accuracies = defaultdict(list)
    for (preset, _), right in correct.items():
        accuracies[preset].append(right.mean())
    for row in rows("changes.csv"):
        values = accuracies[int(row["preset"])]
        assert (int(row["seeds"]), float(row["test accuracy"])) == (len(values), pytest.approx(np.mean(values)))
        if np.std(values) > 0:
            low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
            assert (float(row["test low"]), float(row["test high"])) == pytest.approx((low, min(high, 1)))


def test_difference_of_single_runs_is_paired(correct):
    row = next(row for row in rows("changes.csv") if row["preset"] == "70")
    after, before = correct[70, 1602], correct[48, 1602]
    gained, lost = (after & ~before).sum() + 1, (before & ~after).sum() + 1  # Bonett and Price (2012), adjusted
    middle = (gained - lost) / 10_002
    half = 1.959964 * np.sqrt(((gained + lost) / 10_002 - middle**2) / 10_002)
    found = [float(row[name]) for name in ("difference", "difference low", "difference high")]
    assert found == pytest.approx([after.mean() - before.mean(), middle - half, middle + half], abs=1e-8)


def test_difference_over_seeds_is_welch_s(correct):
    row = next(row for row in rows("stages.csv") if (row["from"], row["to"]) == ("76", "78"))
    after, before = ([correct[preset, seed].mean() for seed in (1602, 1603, 1604)] for preset in (78, 76))
    low, high = stats.ttest_ind(after, before, equal_var=False).confidence_interval()
    found = [float(row[name]) for name in ("difference", "difference low", "difference high")]
    assert found == pytest.approx([np.mean(after) - np.mean(before), low, high])


def test_every_stage_is_in_the_table():
    assert [(int(row["from"]), int(row["to"])) for row in rows("stages.csv")] == list(STAGES)


def test_share_of_time_in_parallel():
    def run(started: int, finished: int):
        times = {"started": f"2026-01-01T00:{started:02}:00+00:00", "finished": f"2026-01-01T00:{finished:02}:00+00:00"}
        return type("Run", (), {"record": type("Record", (), times)})()

    alone, first, overlapping, inside = run(0, 10), run(20, 30), run(24, 34), run(26, 28)
    runs = [alone, first, overlapping, inside]
    assert [parallel_share(item, runs) for item in runs] == [0, 0.6, 0.6, 1]
