"""Tests the scripts and mnist_mlp/notebook.py in the kernel of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers import PROJECT, folders, project_with, results, runs_in
from tests.notebook.kernel import Kernel, kernel_in
from tests.sweep.resuming import rewrite_records

pytestmark = pytest.mark.slow


@pytest.fixture
def start() -> Iterator[Callable[[Path], Kernel]]:
    """Starts a kernel: start(directory) -> Kernel."""
    with ExitStack() as kernels:
        yield lambda folder: kernels.enter_context(kernel_in(folder))


@pytest.fixture
def kernel(start) -> Kernel:
    return start(PROJECT)


def in_folder(folder: Path) -> str:
    """Arguments of `train` that make it write to this directory."""
    return f"runs_dir={str(folder / 'runs')!r}, info_dir={str(folder / 'INFOS')!r}"


def statuses(folder: Path) -> list[str]:
    return [run.record.status for run in runs_in(folder)]


def test_run_works_repeatedly_with_one_worker_and_several(kernel, tmp_path):
    options = " ".join(folders(tmp_path))
    for presets, workers in (("54", 1), ("53,54", 2), ("54", 1)):
        shown = kernel.run(f"%run MNIST_train.py --presets {presets} --epochs 1 --workers {workers} {options}")
        assert (shown.status, shown.errors) == ("ok", [])
        lines = [line for line in shown.text.splitlines() if line]
        assert len(lines) == len(set(lines)) <= 10  # the progress display replaces itself
        assert "\x1b" not in shown.text
        assert shown.displays == 1
        assert shown.updates >= len(presets.split(","))
        assert "Evaluate on the test set: %run MNIST_eval.py --runs-dir" in shown.text
    assert statuses(tmp_path) == ["finished"] * 4
    shown = kernel.run(f"%run MNIST_eval.py {options}")
    assert (shown.errors, shown.text.count("\n")) == ([], 8)  # two lines of heading, four runs, the path of the scores


def test_main_does_not_read_the_kernels_arguments(kernel):
    shown = kernel.run("import MNIST_train\nMNIST_train.presets = [999]\nMNIST_train.main()")
    (error,) = shown.errors
    assert error.startswith("Error: preset 999 does not exist; available: ")
    for script in ("MNIST_eval", "tensorboard_run"):
        shown = kernel.run(f"import {script}\n{script}.main(['--runs-dir', 'missing'])")
        (error,) = shown.errors
        assert error.startswith("Error: ")
        assert "missing" in error


@pytest.mark.parametrize("cell", ["%run MNIST_train.py --bogus", "import MNIST_train; MNIST_train.main(['--bogus'])"])
def test_wrong_option_is_one_line_again_and_again(kernel, cell):
    for _ in range(2):
        shown = kernel.run(cell)
        (error,) = shown.errors
        assert error.startswith("Error: unrecognized arguments: --bogus")
        assert "\n" not in error
        assert "ipykernel" not in error
    assert kernel.run("print(1 + 1)").text == "2\n"


def test_edited_registry_is_used(start, tmp_path):
    project = project_with(tmp_path / "project", "")
    registry = project / "hyperparameters.py"
    kernel = start(project)
    train = "from mnist_mlp.notebook import train; train(301)"
    for cell in ("%run MNIST_train.py --presets 301", train):
        assert "preset 301 does not exist" in kernel.run(cell).errors[0]
    text = registry.read_text()
    registry.write_text(
        text.replace('PRESETS.section("Your own', 'PRESETS[301] = PRESETS[54].but(typo=1)\n\nPRESETS.section("Your own')
    )
    for cell in ("%run MNIST_train.py --presets 301", train):
        (error,) = kernel.run(cell).errors
        assert error.startswith("Error: hyperparameters.py, line ")
        assert "typo" in error
        assert "\n" not in error
    registry.write_text(registry.read_text().replace("typo=1", "epochs=1"))
    assert kernel.run("%run MNIST_train.py --presets 301").errors == []
    assert kernel.run(train).errors == []
    assert [(run.record.preset_number, run.record.status) for run in runs_in(project)] == [(301, "finished")] * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_stop_button_stops_the_runs_and_not_the_kernel(kernel, tmp_path, workers):
    train = f"train([52, 53, 54], epochs=40, workers={workers}, {in_folder(tmp_path)})"
    cell = f"from mnist_mlp.notebook import train\n{train}"
    shown = kernel.run(cell, interrupt_after=f"({workers} of 3)")
    assert "Stopping after this epoch" in shown.text
    (error,) = shown.errors
    assert error.startswith("Interrupted. The results so far are in ")
    assert "To resume: %run MNIST_train.py --runs-dir" in error
    assert statuses(tmp_path) == ["interrupted"] * workers
    # The handlers are as before, so the stop button works in other cells.
    code = "import signal, time\nprint(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, flush=True)\ntime.sleep(20)"
    for _ in range(3):  # Python loses an exception that it raises in a destructor
        if (shown := kernel.run(code, "True")).errors:
            break
    assert "KeyboardInterrupt" in shown.errors[0]


def test_run_that_was_not_resumed_is_not_locked(kernel, tmp_path):
    train = f"from mnist_mlp.notebook import train\ntrain([52, 53], epochs=30, workers=2, {in_folder(tmp_path)})"
    kernel.run(train, interrupt_after="(2 of 2)")
    resume = f"%run MNIST_train.py --resume --workers 1 {' '.join(folders(tmp_path))}"
    for _ in range(2):  # only one of them starts, then the other one must be free again
        shown = kernel.run(resume, interrupt_after="(1 of 2)")
        assert "is being trained" not in shown.text
        assert len(shown.errors) == 1


def test_rejected_resume_locks_nothing(kernel, tmp_path):
    train = f"from mnist_mlp.notebook import train\ntrain([52, 53], epochs=30, workers=2, {in_folder(tmp_path)})"
    kernel.run(train, interrupt_after="(2 of 2)")
    edited = max(runs_in(tmp_path), key=lambda run: run.record.preset_number)
    rewrite_records(edited, lambda record: setattr(record, "preset", record.preset.but(dropout=0.123)))
    resume = f"%run MNIST_train.py --resume {' '.join(folders(tmp_path))}"
    (error,) = kernel.run(resume).errors
    assert "preset 53 was edited after the run started" in error
    assert kernel.run(f"{resume} --presets 52 --workers 1", interrupt_after="(1 of 1)").errors != []
    assert "is being trained" not in error


def test_downloads_of_keras_still_work(kernel, tmp_path):
    (tmp_path / "keras").mkdir()
    home = {"KERAS_HOME": str(tmp_path / "keras")}
    kernel.run(f"import os\nos.environ.update({home!r})")
    assert kernel.run("from mnist_mlp.notebook import runs, score\nimport mnist_mlp.training.loop").errors == []
    (tmp_path / "file").write_text("content")
    download = f"import keras\nprint(keras.utils.get_file('copy', origin={(tmp_path / 'file').as_uri()!r}))"
    shown = kernel.run(download)
    assert (shown.errors, shown.text.splitlines()[-1]) == ([], str(tmp_path / "keras" / "datasets" / "copy"))
    assert kernel.run("print(os.environ['KERAS_HOME'])").text == f"{tmp_path / 'keras'}\n"


USED_TENSORFLOW = """
import os
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.random.set_seed(7)
print(tf.constant(1) + 1)
"""
DETERMINISTIC = "import tensorflow as tf\ntf.config.experimental.enable_op_determinism()"
WITH_FLAGS = """
import os
os.environ["XLA_FLAGS"] = "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_nans=false"
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(2)
print(tf.function(lambda x: x + 1, jit_compile=True)(1.0))
"""


@pytest.mark.parametrize("used", [USED_TENSORFLOW, DETERMINISTIC, WITH_FLAGS], ids=["threads", "determinism", "flags"])
def test_bits_do_not_depend_on_tensorflow_in_other_cells(kernel, script, tmp_path, used):
    process = script("MNIST_train.py", "--presets", "54", "--epochs", 1, *folders(tmp_path / "script"))
    assert process.returncode == 0
    assert kernel.run(used).errors == []
    train = (
        "import os\nfrom mnist_mlp.notebook import train\nos.chdir('/')  # sys.path contains '', so it changes\n"
        f"train(54, epochs=1, workers=1, {in_folder(tmp_path / 'kernel')})"
    )
    shown = kernel.run(train)
    assert shown.errors == []
    assert shown.displays == 2  # the progress and the table
    assert results(tmp_path / "kernel") == results(tmp_path / "script")
    kernel.run("import keras; keras.config.set_dtype_policy('mixed_float16')")
    (error,) = kernel.run(train).errors
    assert error.startswith("Error: Keras's dtype policy is 'mixed_float16' in this process; ")


# Spyder runs a file in a main module that has no __spec__, and a second time in the same process.
WITHOUT_SPEC = """
import runpy, sys, types
for name in ("MNIST_train.py", "MNIST_train.py"):
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = name
    del main.__spec__
    exec(compile(open(name).read(), name, "exec"), vars(main))
"""


def test_main_module_without_spec(script, tmp_path):
    process = script("-c", WITHOUT_SPEC, "--presets", "53,54", "--epochs", 1, "--workers", 2, *folders(tmp_path))
    assert (process.returncode, process.stderr) == (0, "")
    assert statuses(tmp_path) == ["finished"] * 4


def test_script_without_main_guard_can_use_workers(script, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        f"import sys; sys.path.insert(0, {str(PROJECT)!r})\nfrom mnist_mlp.notebook import train\n"
        f"print(len(train([53, 54], epochs=1, workers=2, {in_folder(tmp_path)})))\n"
    )
    process = script(file, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.endswith("\n2\n")
    assert statuses(tmp_path) == ["finished"] * 2
