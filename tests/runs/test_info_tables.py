"""The INFOS tables: one header, whole rows, many writers."""

from __future__ import annotations

import multiprocessing

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.runs.info_tables import (
    EVAL_COLUMNS,
    OVERALL_COLUMNS,
    AppendedTable,
    InfoLogs,
    read_table,
    write_eval_log,
)

COLUMNS = ["run", "text", "number"]


def append_hundred(path, writer: int) -> None:
    table = AppendedTable(path, COLUMNS)
    for number in range(100):
        table.append({"run": f"writer{writer}", "text": "x" * 500, "number": number})


def test_rows_of_many_writers_are_whole_and_the_header_is_there_once(tmp_path):
    path = tmp_path / "table.txt"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=append_hundred, args=(path, writer)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = path.read_text().splitlines()
    assert lines[0].split("\t") == COLUMNS
    assert len(lines) == 401
    expected = {f"writer{writer}\t{'x' * 500}\t{number}" for writer in range(4) for number in range(100)}
    assert set(lines[1:]) == expected


def test_a_second_start_appends_below_the_same_header(tmp_path):
    for number in (1, 2):
        AppendedTable(tmp_path / "table.txt", COLUMNS).append({"run": "r", "text": "t", "number": number})
    assert (tmp_path / "table.txt").read_text() == "run\ttext\tnumber\nr\tt\t1\nr\tt\t2\n"


def test_table_of_other_columns_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\tsomething\n1\t2\n")
    with pytest.raises(UsageError, match=r"table.txt has other columns .* rename it"):
        AppendedTable(path, COLUMNS)
    assert path.read_text() == "run\tsomething\n1\t2\n"


def test_a_table_of_before_some_hyperparameters_is_brought_up_to_date_once(tmp_path):
    """As the version wrote it whose presets ended with dropout."""
    path = tmp_path / "overral_info.txt"
    later = list(Preset.further_fields())
    columns = [column for column in OVERALL_COLUMNS if column not in later]
    rows = [[f"{column}{number}" for column in columns] for number in (1, 2)]
    old = ["\t".join(row) for row in (columns, *rows, ["mine", "and no more", *[""] * (len(columns) - 2)])]
    path.write_text("\n".join([*old, "torn\t"]))
    InfoLogs(tmp_path)
    first, second, third = read_table(path, OVERALL_COLUMNS)
    for row, number in ((first, 1), (second, 2)):
        assert [row[column] for column in columns] == [f"{column}{number}" for column in columns]
        assert (row["normalization"], row["standardize"], row["ema_decay"]) == ("none", "False", "0")
        assert [row[name] for name in later] == [format_field(getattr(Preset(), name)) for name in later]
    assert (third["preset"], third["seed"], third["run"]) == ("mine", "and no more", "")
    content = path.read_bytes()
    InfoLogs(tmp_path)
    assert path.read_bytes() == content
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".txt") == [path.name, "training_log.txt"]


def open_and_append(path, together, writer: int) -> None:
    together.wait()
    AppendedTable(path, COLUMNS, added={"number": 0}).append({"run": "new", "text": "t", "number": writer})


def test_many_who_bring_one_old_table_up_to_date_lose_no_row(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\n" + "old\tt\n" * 20_000)  # large enough that they meet
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(4, timeout=60)
    writers = [spawn.Process(target=open_and_append, args=(path, together, writer)) for writer in range(1, 5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    header, *rows = path.read_text().splitlines()
    assert header.split("\t") == COLUMNS
    assert rows[:20_000] == ["old\tt\t0"] * 20_000
    assert sorted(rows[20_000:]) == [f"new\tt\t{writer}" for writer in range(1, 5)]


def test_a_table_with_a_line_that_is_none_is_refused(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(f"run\ttext\nold\tt\nold\t{'x' * 200_000}\n")
    with pytest.raises(UsageError, match=r"table\.txt, line 3, is no row \(.*\); mend or rename it"):
        read_table(path, ["run", "text"])


@pytest.mark.parametrize("missing", [{"epochs"}, set(Preset.field_names())], ids=len)
def test_a_table_that_lacks_something_else_is_refused(tmp_path, missing):
    path = tmp_path / "overral_info.txt"
    header = "\t".join(column for column in OVERALL_COLUMNS if column not in missing) + "\n"
    path.write_text(header)
    with pytest.raises(UsageError, match="other columns"):
        InfoLogs(tmp_path)
    assert path.read_text() == header


def test_a_row_never_continues_a_line_that_lost_its_newline(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\tnumber\nr\tt\t1")  # as some editors leave it
    AppendedTable(path, COLUMNS).append({"run": "r", "text": "t", "number": 2})
    assert path.read_text() == "run\ttext\tnumber\nr\tt\t1\nr\tt\t2\n"


def test_a_torn_last_row_is_taken_away_but_never_from_a_table_that_is_not_ours(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\tnumber\nr\tt\t1\nr\t")
    AppendedTable(path, COLUMNS).append({"run": "r", "text": "t", "number": 2})
    assert path.read_text() == "run\ttext\tnumber\nr\tt\t1\nr\tt\t2\n"
    path.write_text("my own notes\nwithout a last newline")
    with pytest.raises(UsageError, match="other columns"):
        AppendedTable(path, COLUMNS)
    assert path.read_text() == "my own notes\nwithout a last newline"


@pytest.mark.parametrize("damage", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe\x00")])
def test_table_that_cannot_be_used_is_refused(tmp_path, damage):
    damage(tmp_path / "table.txt")
    with pytest.raises(UsageError, match="rename it"):
        AppendedTable(tmp_path / "table.txt", COLUMNS)
    with pytest.raises(UsageError, match="rename it"):
        read_table(tmp_path / "table.txt", COLUMNS)


def test_eval_log_is_read_as_it_was_written(tmp_path):
    rows = [{"run": "a", "preset": 1, "seed": 2, "test_accuracy": 0.98765, "test_loss": 0.0456789012345}]
    write_eval_log(tmp_path / "eval_log.txt", rows)
    assert read_table(tmp_path / "eval_log.txt", EVAL_COLUMNS) == [
        {"run": "a", "preset": "1", "seed": "2", "test_accuracy": "0.98765", "test_loss": "0.045678901"}
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"eval_log.txt", ".eval_log.txt.lock"}
    assert read_table(tmp_path / "missing.txt", COLUMNS) == []
