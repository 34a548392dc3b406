"""Tests that contenders take turns, that every turn is saved, and that an interrupted benchmark continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from benchmarks import steps
from benchmarks.contender import TurnFailed
from benchmarks.measurement import Turn
from benchmarks.results import Results
from benchmarks.rounds import Row
from benchmarks.steps import Steps
from mnist_mlp.errors import UsageError, WorkFailed

CONDITIONS = {"date": "2026-01-01", "cores": "2"}


class Scripted:
    """A contender whose turns are given as seconds or as errors. It notes its turns in a list."""

    def __init__(self, name: str, turns: Sequence[float | BaseException], seen: list[str], processes: int = 1) -> None:
        self.name, self.processes = name, processes
        self._turns, self._seen = iter(turns), seen

    def take_turn(self) -> Turn:
        self._seen.append(self.name)
        turn = next(self._turns)
        if isinstance(turn, BaseException):
            raise turn
        return Turn(turn, threads=2, megabytes=100 * turn, validation_accuracy=turn / 10)


@pytest.fixture
def measure(tmp_path) -> Callable[..., tuple[Results, list[str]]]:
    """Measures turns by name in tmp_path: measure({"a": [1.0]}, rounds=1) -> the results read back, the turns taken."""

    def measure_turns(turns: dict[str, Sequence[float | BaseException]], rounds: int) -> tuple[Results, list[str]]:
        seen: list[str] = []
        row = Row("commands", "preset 54", [Scripted(name, each, seen) for name, each in turns.items()])
        try:
            row.measure(Results.continued(tmp_path, CONDITIONS), rounds, log=lambda text: None)
        except KeyboardInterrupt:
            seen.append("interrupted")
        return Results.read(tmp_path), seen

    return measure_turns


def seconds(results: Results) -> dict[str, list[float]]:
    return {measurement.how: measurement.seconds for measurement in results.measurements}


def test_contenders_alternate_and_every_other_round_is_reversed(measure):
    results, seen = measure({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}, rounds=3)
    assert seen == ["a", "b", "b", "a", "a", "b"]
    assert seconds(results) == {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}
    measured = results.measurements[0]
    assert (measured.threads, measured.megabytes, measured.validation_accuracy) == (2, 300, 0.3)


def test_interrupted_benchmark_keeps_its_turns_and_continues(measure):
    results, seen = measure({"a": [1.0, KeyboardInterrupt()], "b": [4.0, 5.0]}, rounds=2)
    assert seen == ["a", "b", "b", "a", "interrupted"]
    assert seconds(results) == {"a": [1.0], "b": [4.0, 5.0]}
    results, seen = measure({"a": [2.0], "b": []}, rounds=2)
    assert seen == ["a"]
    assert seconds(results) == {"a": [1.0, 2.0], "b": [4.0, 5.0]}
    assert measure({"a": [], "b": []}, rounds=2)[1] == []


def test_failed_contender_takes_no_more_turns_until_the_next_command(measure):
    results, seen = measure({"a": [1.0, 2.0, 3.0], "b": [4.0, TurnFailed("no compiler")]}, rounds=3)
    assert seen == ["a", "b", "b", "a", "a"]
    assert results.find("commands", "preset 54", "b").failure == "no compiler"
    results, seen = measure({"a": [], "b": [5.0, 6.0]}, rounds=3)
    assert seen == ["b", "b"]
    assert seconds(results) == {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}
    assert results.find("commands", "preset 54", "b").failure == ""


def test_arrangements_of_one_contender_are_measured_separately(tmp_path):
    results, seen = Results.continued(tmp_path, CONDITIONS), []
    contenders = [Scripted("JAX", [1.0, 2.0], seen), Scripted("JAX", [3.0, 4.0], seen, processes=2)]
    Row("epochs", "preset 31", contenders).measure(results, 2, log=lambda text: None)
    assert [(each.processes, each.seconds) for each in results.measurements] == [(1, [1.0, 2.0]), (2, [3.0, 4.0])]


def test_row_can_limit_its_rounds(tmp_path):
    results, seen = Results.continued(tmp_path, CONDITIONS), []
    Row("commands", "a", [Scripted("a", [1.0], seen)], most_rounds=1).measure(results, 7, log=lambda text: None)
    assert seen == ["a"]


def test_results_of_other_conditions_are_not_continued(tmp_path):
    Results(tmp_path, CONDITIONS).save()
    assert Results.continued(tmp_path, {**CONDITIONS, "date": "2026-01-02"}).conditions == CONDITIONS
    with pytest.raises(UsageError) as refused:
        Results.continued(tmp_path, {**CONDITIONS, "cores": "4"})
    assert str(refused.value) == (
        f"{tmp_path / 'results.json'} was measured under other conditions (cores: 2, now 4); "
        "choose another directory with --output-dir"
    )


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"conditions": {}, "epochs": []}', '{"conditions": {}, "measurements": [{}]}']
)
def test_file_that_is_not_results_is_reported_and_kept(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UsageError, match=r"results\.json does not contain results of this version; choose another"):
        Results.continued(tmp_path, CONDITIONS)
    assert (tmp_path / "results.json").read_text() == content


def test_results_that_cannot_be_written_are_reported(tmp_path):
    with pytest.raises(WorkFailed, match=r"cannot write to .*gone \(No such file or directory\); check whether"):
        Results(tmp_path / "gone", CONDITIONS).save()


def test_failed_steps_are_recorded_and_do_not_end_the_benchmark(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "EPOCHS", "many")
    Steps().measure(Results(tmp_path, CONDITIONS), 2, log=lambda text: None)
    (failed,) = Results.read(tmp_path).measurements
    assert failed.failure == "ValueError: invalid literal for int() with base 10: 'many'"


@pytest.mark.slow
def test_steps_add_up_to_the_whole_and_continue(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "EPOCHS", 2)
    results = Results(tmp_path, CONDITIONS)
    Steps().measure(results, 1, log=lambda text: None)
    for part in ("start_up", "epoch"):
        whole, *parts = (each.seconds[0] for each in Results.read(tmp_path).measurements if each.row == part)
        assert sum(parts) == pytest.approx(whole)
        assert len(parts) > 5
    Steps().measure(Results.continued(tmp_path, CONDITIONS), 1, log=lambda text: None)
    assert Results.read(tmp_path) == results
