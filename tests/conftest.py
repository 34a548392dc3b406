"""Shared fixtures: MNIST, a small subset of it, the scripts as separate processes, a browser, small disks."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from selenium import webdriver

from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.host.cgroups import MOUNT
from tests.helpers import PROJECT, MadeOnce, Script, folders


def pytest_configure(config: pytest.Config) -> None:
    """Makes child processes react to Ctrl-C even if the test suite itself was started with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # for example in a shell script's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shown", type=Path, metavar="DIR", help="evaluated runs to show in TensorBoard (default: two small new runs)"
    )
    parser.addoption(
        "--screenshots", type=Path, metavar="DIR", help="save screenshots of TensorBoard in this directory"
    )


EXPENSIVE = {"trained", "evaluated", "tensorboard", "browser", "small_disk"}  # these run scripts or a browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that use expensive fixtures as slow."""
    for item in items:
        if EXPENSIVE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Kills processes that a test left running, for example after a failed assertion."""
    this = psutil.Process()
    earlier = set(this.children())
    yield
    for process in set(this.children()) - earlier:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "multiprocessing.resource_tracker" not in " ".join(process.cmdline()):  # shared by the whole session
                for started in (*process.children(recursive=True), process):
                    started.kill()


@pytest.fixture(scope="session")
def data() -> TrainingData:
    """The full MNIST training data."""
    return load_training_data(PROJECT / "MNIST_data")


@pytest.fixture(scope="session")
def small_data(data: TrainingData) -> TrainingData:
    """The first 1,000 training and 200 validation images, for very short epochs."""
    return TrainingData(
        train=LabeledImages(data.train.pixels[:1000], data.train.labels[:1000]),
        validation=LabeledImages(data.validation.pixels[:200], data.validation.labels[:200]),
    )


@pytest.fixture(scope="session")
def script() -> Script:
    """Runs a script in a separate process: script("MNIST_train.py", "--list") -> the completed process."""

    def run(
        *command: object, cwd: Path = PROJECT, before: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*before, sys.executable, *map(str, command)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> MadeOnce:
    """Creates a directory once for all test processes: made_once("trained", fill) -> the directory."""
    alone = worker_id == "master"
    shared = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent

    def folder_of(name: str, fill: Callable[[Path], None]) -> Path:
        folder, full = shared / name, shared / f"{name}.full"
        with FileLock(shared / f"{name}.lock"):
            if not full.exists():
                folder.mkdir()
                fill(folder)
                full.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def trained(made_once: MadeOnce, script: Script) -> Path:
    """Output of MNIST_train.py in runs/ and INFOS/: presets 1 and 8, two epochs each."""

    def train(folder: Path) -> None:
        process = script(
            "MNIST_train.py", "--presets", "1,8", "--epochs", 2, "--threads", 1, "--workers", 1, *folders(folder)
        )
        assert process.returncode == 0, process.stderr
        (folder / "stdout").write_text(process.stdout)
        (folder / "stderr").write_text(process.stderr)

    return made_once("trained", train)


@pytest.fixture(scope="session")
def evaluated(trained: Path, made_once: MadeOnce, script: Script) -> Path:
    """A copy of `trained` after MNIST_eval.py and make_report.py, with the report in out/."""

    def evaluate(folder: Path) -> None:
        for name in ("runs", "INFOS"):
            shutil.copytree(trained / name, folder / name)
        for command in (["MNIST_eval.py"], ["for_report/make_report.py", "--output-dir", folder / "out"]):
            process = script(*command, *folders(folder))
            assert (process.returncode, process.stderr) == (0, "")

    return made_once("evaluated", evaluate)


@pytest.fixture(scope="session")
def shown(request: pytest.FixtureRequest) -> Path:
    """The directory with the runs that TensorBoard shows: `evaluated`, or the value of --shown."""
    return request.config.getoption("--shown") or request.getfixturevalue("evaluated")


@pytest.fixture(scope="session")
def tensorboard(shown: Path) -> Iterator[str]:
    """URL at which tensorboard_run.py shows the runs. It is started with a port that is already in use."""
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "tensorboard_run.py", "--no-browser", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--runs-dir", str(shown / "runs")],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            lines = [process.stdout.readline(), process.stdout.readline()]
            assert lines[0].startswith(f"Port {port} is in use; using port "), process.stderr.read()
            yield re.search(r"http://localhost:\d+/", lines[1])[0]
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Headless Chromium, 1600 by 1000 pixels. Tests that use it are skipped if it is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("Chromium and chromedriver are not installed (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "window-size=1600,1000"),
        *("disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """A command prefix that makes file permissions apply even to root."""
    prefix = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        if not shutil.which((prefix or ["sh"])[0]) or not subprocess.run([*prefix, "touch", f"{folder}/a"]).returncode:
            pytest.skip("file permissions are not enforced here")
    return prefix


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, Path | None], Path]]:
    """Mounts a small file system: small_disk("24m") -> a new directory; small_disk("4k", path) -> that directory."""
    mounted = []

    def mount(size: str, folder: Path | None = None) -> Path:
        folder = folder or tmp_path / "small"
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a file system is not permitted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in filter(os.path.ismount, mounted):
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def real_group() -> Iterator[Callable[[int], Path]]:
    """Creates a control group with a memory limit in MiB: real_group(300). Needs root."""
    has_version_1 = (MOUNT / "memory").is_dir()
    group = MOUNT / ("memory" if has_version_1 else "") / f"mnist_mlp_{os.getpid()}"

    def create(limit: int) -> Path:
        try:
            group.mkdir()
            (group / ("memory.limit_in_bytes" if has_version_1 else "memory.max")).write_text(str(limit * 2**20))
        except OSError:
            pytest.skip("cannot create a control group")
        return group

    yield create
    with contextlib.suppress(OSError):
        group.rmdir()
