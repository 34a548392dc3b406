"""Tests locks on file systems that do not support file locks."""

from __future__ import annotations

import pytest

from mnist_mlp.disk import locks
from mnist_mlp.disk.disk_errors import reason, remedy
from mnist_mlp.disk.locks import LeftoverMark, Lock


def test_mark_of_another_machine_is_waited_for_and_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(locks, "_can_lock_files", lambda folder: False)
    monkeypatch.setattr(locks, "SECONDS_TO_WAIT", 0.5)
    mark = tmp_path / ".table.held"
    mark.write_text("4711\nanother-machine\n")
    with pytest.raises(LeftoverMark) as raised, Lock(tmp_path / ".table"):
        pass
    assert capsys.readouterr().err == f"Waiting for another process to delete {mark}\n"
    assert reason(raised.value) == f"another process holds {mark}"
    assert remedy(raised.value, tmp_path) == "delete that file if no other process uses this directory"
    mark.unlink()
    with Lock(tmp_path / ".table"):
        assert mark.exists()
    assert not mark.exists()
