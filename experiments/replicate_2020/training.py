"""The runs of the presets as the 2020 code ran them and as it was meant to, and their evaluation in both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.replicate_2020.evaluation import BestEpoch, Evaluation
from experiments.replicate_2020.runs_file import FinishedRun, Penalty
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.environment import current_machine, current_versions
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.schedule import longest_first
from mnist_mlp.training.results import EpochResult

VALIDATION, TEST = 0, 1  # part of the key of dropout masks
CUMULATIVE = 200  # preset 231 is preset 31 with the penalty of 2020


def jobs_of(presets: Mapping[int, Preset], seeds: Iterable[int]) -> list[Job]:
    """Returns all runs in training order: seed by seed, the longest first.

    A preset with weight decay is trained with each penalty, any other preset once. Every run has one thread, which
    makes its bits independent of the number of runs that are left.
    """
    variants = dict(presets)
    for number, preset in presets.items():
        if preset.weight_decay:
            variants[CUMULATIVE + number] = preset.but(cumulative_weight_decay=True)
    jobs: list[Job] = []
    for seed in seeds:
        jobs += longest_first([Job(number, preset, seed, threads=1) for number, preset in variants.items()])
    return jobs


def penalty_of(preset: Preset) -> Penalty:
    """Returns the penalty that a preset is trained with."""
    if not preset.weight_decay:
        return Penalty.NONE
    return Penalty.CUMULATIVE if preset.cumulative_weight_decay else Penalty.INTENDED


def number_of(job: Job) -> int:
    """Returns the number of the published preset that the job repeats."""
    return job.preset_number - CUMULATIVE if penalty_of(job.preset) is Penalty.CUMULATIVE else job.preset_number


def key_of(job: Job) -> tuple[int, Penalty, int, int]:
    """Returns the `FinishedRun.key` of the run that the job trains."""
    return number_of(job), penalty_of(job.preset), job.seed, job.preset.epochs


def environment_texts() -> tuple[str, str]:
    """Returns the machine and the versions of the main packages, each as one line."""
    machine, versions = current_machine(), current_versions()
    names = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}
    return (
        f"{machine['model'] or machine['processor']}, {machine['cores']} cores",
        ", ".join(f"{title} {versions[name]}" for name, title in names.items()),
    )


@dataclass(frozen=True)
class Images:
    """The images that runs are evaluated on. Only the networks of the best epochs get the test images."""

    validation: Evaluation
    test: Evaluation


class RunInProgress:
    """Evaluates a run after every epoch, with dropout left on and with dropout off, and keeps both best networks."""

    def __init__(self, job: Job, images: Images) -> None:
        self._job, self._images = job, images
        self._on, self._off = BestEpoch(), BestEpoch()
        self._seconds = 0.0
        self._last: EpochResult | None = None

    def see(self, result: EpochResult) -> None:
        """Evaluates the network after an epoch. Epochs without a finite loss cannot be the best."""
        self._seconds += result.seconds
        self._last = result
        if result.diverged:
            return
        accuracy, weights = result.validation.accuracy, result.state.evaluated_weights
        self._off.see(result.epoch, accuracy, weights)
        if self._job.preset.dropout:
            accuracy = self._with_dropout(self._images.validation, VALIDATION, result.epoch, weights)
        self._on.see(result.epoch, accuracy, weights)

    def finish(self) -> FinishedRun:
        """Evaluates both best networks on the test images, and returns the results of the run."""
        job, last, on, off = self._job, self._last, self._on, self._off
        on_test = off_test = None
        if on.epoch and off.epoch:
            on_test = self._with_dropout(self._images.test, TEST, on.epoch, on.weights)
            off_test = self._images.test.accuracy(off.weights)
        machine, versions = environment_texts()
        return FinishedRun(
            preset=number_of(job),
            penalty=penalty_of(job.preset),
            seed=job.seed,
            epochs=job.preset.epochs,
            status="diverged" if last.diverged else "finished",
            dropout_on_epoch=on.epoch,
            dropout_on_validation=on.accuracy if on.epoch else None,
            dropout_on_test=on_test,
            dropout_off_epoch=off.epoch,
            dropout_off_validation=off.accuracy if off.epoch else None,
            dropout_off_test=off_test,
            train_cross_entropy=last.train.cross_entropy,
            validation_cross_entropy=last.validation.cross_entropy,
            l2_penalties=tuple(layer.l2_penalty for layer in last.layers.values()),
            weight_norms=tuple(layer.weight_norm for layer in last.layers.values()),
            seconds=self._seconds,
            machine=machine,
            versions=versions,
        )

    def _with_dropout(self, images: Evaluation, part: int, epoch: int, weights: Sequence) -> float:
        key = self._job.seed, number_of(self._job), epoch, part
        return images.accuracy(weights, self._job.preset.dropout, key)


class Evaluator:
    """Watches a sweep, evaluates its runs, and reports those that have ended.

    Args:
        finished: called with the results of every run that has finished or diverged.
        failed: called with the reason if a run cannot be trained.
    """

    def __init__(
        self, images: Images, finished: Callable[[Job, FinishedRun], object], failed: Callable[[Job, str], object]
    ) -> None:
        self._images, self._finished, self._failed = images, finished, failed
        self._running: dict[str, tuple[Job, RunInProgress]] = {}

    def run_started(self, job: Job, run: RunFolder) -> None:
        self._running[run.name] = job, RunInProgress(job, self._images)

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None:
        self._running[run.name][1].see(result)

    def run_retried(self, run: RunFolder, reason: str) -> None:
        """Does nothing: the run continues after its last epoch."""

    def run_ended(self, run: RunFolder) -> None:
        job, in_progress = self._running.pop(run.name)
        if run.record.status is RunStatus.FAILED:
            self._failed(job, run.record.reason)
        elif run.record.is_done:
            self._finished(job, in_progress.finish())
