"""Tests which GPUs are found, with made-up files of the driver."""

from __future__ import annotations

import pytest

from mnist_mlp.host import gpus
from mnist_mlp.host.gpus import visible_gpus


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """Sets the models that the driver reports: driver("NVIDIA H200", "NVIDIA H200")."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "DRIVER", tmp_path)
    monkeypatch.setattr(gpus, "DEVICE", tmp_path / "device")

    def reports(*models: str) -> None:
        for number, model in enumerate(models):
            folder = tmp_path / f"0000:{number}"
            folder.mkdir()
            (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 34\n")

    return reports


def test_models_are_listed_once(driver):
    assert visible_gpus() == ""
    driver("NVIDIA H200", "NVIDIA H200", "NVIDIA L4")
    assert visible_gpus() == "NVIDIA H200, NVIDIA L4"


@pytest.mark.parametrize(("value", "found"), [("", ""), ("-1", ""), ("0", "NVIDIA H200"), ("1,0", "NVIDIA H200")])
def test_gpus_that_the_user_hides_do_not_count(driver, monkeypatch, value, found):
    driver("NVIDIA H200")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == found


def test_gpu_without_information_is_unknown(driver, tmp_path):
    (tmp_path / "device").touch()
    assert visible_gpus() == "unknown"
