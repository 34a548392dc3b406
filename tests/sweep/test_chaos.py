"""The chaos script, short; `make chaos` is the long one."""

import pytest

from tests.sweep import chaos


@pytest.mark.slow
def test_a_sweep_under_attack_loses_nothing(capsys, monkeypatch):
    monkeypatch.setattr(chaos, "fill_the_disk", lambda folder, sweep: None)  # test_faults.py fills one, in three ways
    chaos.main(["--kills", "2", "--epochs", "4", "--seed", "1"])
    assert "every run has the bits of the undisturbed sweep" in capsys.readouterr().out
