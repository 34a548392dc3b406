"""Runs a short version of the chaos test. `make chaos` runs the long version."""

import pytest

from tests.sweep import chaos


@pytest.mark.slow
def test_killed_sweep_loses_nothing(capsys, monkeypatch):
    monkeypatch.setattr(chaos, "train_on_full_disk", lambda folder: None)  # test_faults.py covers this
    chaos.main(["--kills", "2", "--epochs", "4", "--seed", "1"])
    assert "all runs match the uninterrupted sweep" in capsys.readouterr().out
