"""Tests the tables of the benchmark."""

from __future__ import annotations

import math

from benchmarks.measurement import Measurement
from benchmarks.results import Results
from benchmarks.speed_tables import better_arrangements, epochs_table, markdown

CONDITIONS = {"processor": "AMD EPYC", "threads": "one each"}


def epochs(how: str, seconds: list[float], processes: int = 1, **more: object) -> Measurement:
    fields = {"threads": 2, "megabytes": 100.4, "validation_accuracy": 0.978, **more}
    return Measurement("epochs", "preset 31", how, processes, seconds=seconds, **fields)


def test_better_arrangement_of_each_contender_comes_first():
    measured = [
        epochs("our sweep", [1.0, 2.0, 3.0], processes=2, threads=1),
        epochs("JAX, scan", [2.0, 6.0, 3.0]),
        epochs("JAX, scan", [2.0, 5.0, 2.5], processes=2, threads=1),
        epochs("Keras fit, arrays", [3.0, 4.0, 3.0]),
        epochs("Keras fit, arrays", [], processes=2, failure="out of memory"),
        epochs("PyTorch, compiled", [], failure="no compiler"),
    ]
    assert better_arrangements(measured) == [measured[index] for index in (0, 2, 3, 5)]
    text = markdown(CONDITIONS, measured)
    better, every = text.split("all arrangements")
    rows = [
        "| preset 31 | our sweep | 2 x 1 thread | 2.00 (1.00 to 3.00) | 1.00 (1.00 to 1.00) | 100 MB | 97.8% |",
        "| preset 31 | JAX, scan | 2 x 1 thread | 2.50 (2.00 to 5.00) | 2.00 (0.83 to 2.50) | 100 MB | 97.8% |",
        "| preset 31 | PyTorch, compiled | 1 x 2 threads | failed: no compiler |  | 100 MB | 97.8% |",
    ]
    assert [row for row in rows if row not in better or row not in every] == []
    single = "| preset 31 | JAX, scan | 1 x 2 threads | 3.00 (2.00 to 6.00) | 2.00 (1.00 to 3.00) | 100 MB | 97.8% |"
    assert (single in better, single in every) == (False, True)


def test_conditions_are_in_the_header():
    assert markdown(CONDITIONS, []) == "# Speed\n\n- processor: AMD EPYC\n- threads: one each\n"


def test_baseline_is_compared_by_rounds():
    measured = [
        Measurement("commands", "preset 54", "this version", seconds=[4.0, 9.0, 6.0]),
        Measurement("commands", "preset 54", "baseline", seconds=[5.0, 10.0, 10.0]),
        Measurement("commands", "presets 1-8", "this version", seconds=[12.34]),
    ]
    text = markdown(CONDITIONS, measured)
    assert "| preset 54 | 6.00 (4.00 to 9.00) | 10.00 (5.00 to 10.00) | 0.80 (0.60 to 0.90) |" in text
    assert "| presets 1-8 | 12.34 |  |  |" in text
    assert "| measured | this version |\n| --- | --- |\n| presets 1-8 | 12.34 |" in markdown(CONDITIONS, measured[2:])


def test_steps_have_their_share_of_the_whole():
    measured = [
        Measurement("steps", "start_up", "command to first epoch", seconds=[5.0, 6.0, 7.0]),
        Measurement("steps", "start_up", "imports", seconds=[3.0, 3.0, 4.0]),
    ]
    text = markdown(CONDITIONS, measured)
    assert "| command to first epoch | 6.000 (5.000 to 7.000) | 100.0% |" in text
    assert "| imports | 3.000 (3.000 to 4.000) | 50.0% |" in text
    assert "Within an epoch" not in text


def test_accuracy_that_is_null_in_results_is_left_out(tmp_path):
    Results(tmp_path, CONDITIONS, [epochs("our sweep", [1.0], validation_accuracy=math.nan)]).save()
    assert "| 1.00 | 1.00 | 100 MB |  |" in epochs_table(Results.read(tmp_path).measurements)
