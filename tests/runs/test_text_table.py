"""Tests text tables: one header, complete rows, several writers, columns found by name."""

from __future__ import annotations

import multiprocessing

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.runs.text_table import AppendedTable, lock_of, read_table, replace_table

COLUMNS = ["run", "text", "number"]


def append_hundred(path, writer: int) -> None:
    table = AppendedTable(path, COLUMNS)
    for number in range(100):
        table.append({"run": f"writer{writer}", "text": "x" * 500, "number": number})


def run_in_parallel(target, *arguments, writers: int = 4) -> None:
    """Runs target(*arguments, writer) in several processes at the same time."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=target, args=(*arguments, writer)) for writer in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * writers


def test_parallel_writers_write_complete_rows_and_one_header(tmp_path):
    path = tmp_path / "table.txt"
    run_in_parallel(append_hundred, path)
    lines = path.read_text().splitlines()
    assert lines[0].split("\t") == COLUMNS
    assert len(lines) == 401
    expected = {f"writer{writer}\t{'x' * 500}\t{number}" for writer in range(4) for number in range(100)}
    assert set(lines[1:]) == expected


def test_reopened_table_keeps_its_header(tmp_path):
    for number in (1, 2):
        AppendedTable(tmp_path / "table.txt", COLUMNS).append({"run": "r", "text": "t", "number": number})
    assert (tmp_path / "table.txt").read_text() == "run\ttext\tnumber\nr\tt\t1\nr\tt\t2\n"


@pytest.mark.parametrize(
    "old",
    [
        "number\trun\ttext\n1\ta\tb\n2\tc\td\n",  # different order
        "run\tnumber\na\t1\nc\t2\n",  # missing column in the middle
        "number\trun\n1\ta\n2\tc\n",  # both
        "number\trun\n1\ta\n2\tc\n3",  # both, with an incomplete last row
    ],
)
def test_table_with_reordered_or_missing_columns_is_rewritten(tmp_path, old):
    path = tmp_path / "table.txt"
    path.write_text(old)
    texts = ["b", "d"] if "text" in old else ["0.5", "0.5"]
    expected = [{"run": run, "text": text, "number": n} for run, text, n in zip("ac", texts, "12", strict=True)]
    assert read_table(path, COLUMNS, {"text": 0.5})[:2] == expected
    AppendedTable(path, COLUMNS, {"text": 0.5}).append({"run": "e", "text": "f", "number": 3})
    rows = [*(row.values() for row in expected), ("e", "f", "3")]
    assert path.read_text() == "".join("\t".join(row) + "\n" for row in (COLUMNS, *rows))


def test_short_rows_are_kept_when_a_table_is_rewritten(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("text\trun\nmine\n\nb\ta\n")
    AppendedTable(path, COLUMNS, {"number": 7})
    assert path.read_text() == "run\ttext\tnumber\n\tmine\t7\na\tb\t7\n"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("run\ttext\tnumber\tsomething", "(unknown: something)"),
        ("run\tnumber", "(missing: text)"),
        ("run\tsomething", "(unknown: something; missing: text)"),
        ("run\ttext\tnumber\trun", "(duplicate: run)"),
    ],
)
def test_table_with_wrong_columns_is_rejected_and_not_changed(tmp_path, header, problem):
    path = tmp_path / "table.txt"
    path.write_text(f"{header}\n1\t2\n")
    for use in (AppendedTable, read_table):
        with pytest.raises(UsageError) as caught:
            use(path, COLUMNS, {"number": 0})
        assert str(caught.value) == (
            f"{path} has columns that do not match this version {problem}; rename the file to keep it, then try again"
        )
    assert path.read_text() == f"{header}\n1\t2\n"


def test_long_list_of_wrong_columns_is_shortened(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("\t".join("x" * 100 + str(number) for number in range(1000)))
    with pytest.raises(UsageError) as caught:
        read_table(path, COLUMNS)
    assert len(str(caught.value)) < 600 + len(str(path))


def open_and_append(path, barrier, writer: int) -> None:
    barrier.wait()
    AppendedTable(path, COLUMNS, {"number": 0}).append({"run": "new", "text": "t", "number": writer})


def test_parallel_writers_that_rewrite_an_old_table_keep_all_rows(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("text\trun\n" + "t\told\n" * 20_000)  # large enough that the writers overlap
    run_in_parallel(open_and_append, path, multiprocessing.get_context("spawn").Barrier(4, timeout=60))
    header, *rows = path.read_text().splitlines()
    assert header.split("\t") == COLUMNS
    assert rows[:20_000] == ["old\tt\t0"] * 20_000
    assert sorted(rows[20_000:]) == [f"new\tt\t{writer}" for writer in range(4)]


def test_table_with_an_invalid_row_is_rejected(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text(f"run\ttext\nold\tt\nold\t{'x' * 200_000}\n")
    with pytest.raises(UsageError, match=r"table\.txt, line 3: invalid row \(.*\); fix or rename the file"):
        read_table(path, ["run", "text"])


def test_row_is_appended_on_a_new_line_if_the_last_newline_is_missing(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\tnumber\nr\tt\t1")  # some editors remove the last newline
    AppendedTable(path, COLUMNS).append({"run": "r", "text": "t", "number": 2})
    assert path.read_text() == "run\ttext\tnumber\nr\tt\t1\nr\tt\t2\n"


def test_incomplete_last_row_is_removed_only_from_our_tables(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\tnumber\nr\tt\t1\nr\t")
    AppendedTable(path, COLUMNS).append({"run": "r", "text": "t", "number": 2})
    assert path.read_text() == "run\ttext\tnumber\nr\tt\t1\nr\tt\t2\n"
    path.write_text("my own notes\nwithout a last newline")
    with pytest.raises(UsageError, match="columns that do not match"):
        AppendedTable(path, COLUMNS)
    assert path.read_text() == "my own notes\nwithout a last newline"


@pytest.mark.parametrize(
    "create", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe\x00")], ids=["directory", "binary"]
)
def test_directory_or_binary_file_is_rejected(tmp_path, create):
    create(tmp_path / "table.txt")
    for use in (AppendedTable, read_table):
        with pytest.raises(UsageError, match="rename"):
            use(tmp_path / "table.txt", COLUMNS)


def test_replaced_table_round_trip(tmp_path):
    path = tmp_path / "table.txt"
    assert read_table(path, COLUMNS) == []
    for text in ("first", "second"):
        with lock_of(path):
            replace_table(path, COLUMNS, [{"run": "a", "text": text, "number": 0.0456789012345}])
    assert read_table(path, COLUMNS) == [{"run": "a", "text": "second", "number": "0.045678901"}]
    assert {found.name for found in tmp_path.iterdir()} == {"table.txt", ".table.txt.lock"}


def test_table_that_an_editor_saved_with_byte_order_mark(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\tnumber\nr\tt\t1\n", encoding="utf-8-sig", newline="\r\n")
    AppendedTable(path, COLUMNS).append({"run": "r", "text": "t", "number": 2})
    assert [row["number"] for row in read_table(path, COLUMNS)] == ["1", "2"]
    path.write_text("text\trun\nt\tr\n", encoding="utf-8-sig", newline="\r\n")
    AppendedTable(path, COLUMNS, {"number": 0})
    assert read_table(path, COLUMNS) == [{"run": "r", "text": "t", "number": "0"}]


def test_table_in_utf_16_is_rejected(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("run\ttext\tnumber\n", encoding="utf-16")
    for use in (AppendedTable, read_table):
        with pytest.raises(UsageError, match=r"table\.txt is encoded as UTF-16; save it as UTF-8, or rename it"):
            use(path, COLUMNS)
