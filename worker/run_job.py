"""One training job in a fresh interpreter: started ahead of time as a spare, given its job over a pipe, gone afterwards.

Fresh because forking after torch has run hangs even on a CPU, and because optimiser state and device memory of one
user's job must not survive into the next. It writes its own progress and result, each fenced by the attempt; the
supervisor renews the lease. SIGTERM: checkpoint and stop. SIGKILL: the next attempt resumes from the last checkpoint.
Exit codes are for the log alone: the job's row says what happened.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

import torch

from worker import pretraining
from worker.child import be_humble, die_with_parent, told_to_stop
from worker.gateway import Gateway, evaluation, open_gateway, queue, training
from worker.gateway.queue import OUTAGES, Claimed, JobFailure, LeaseLost, Refused
from worker.learning import (
    Diverged,
    ExpertAdaptiveConfig,
    InvalidReading,
    LearningError,
    Personalised,
    Predictor,
    Reading,
    Stopped,
    Trained,
    methods,
)
from worker.learning.evaluation import evaluate as measure_styles
from worker.learning.gate import measure
from worker.learning.methods.expert_adaptive import held_out_of_pretraining
from worker.learning.readings import Case
from worker.reporter import Reporter

log = logging.getLogger(__name__)

PUBLISH_TRIES: Final = 10  # with a pause between them, a restart of the database is outlived


def main() -> int:
    """Wait for one line on standard input, {"job_id", "attempt"}, and do that job. End of input: nothing to do."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s training-child %(message)s")
    die_with_parent()
    be_humble()
    stop = told_to_stop()
    order = sys.stdin.readline()
    if not order:
        return 0
    facts = json.loads(order)
    gateway = open_gateway(pool_size=2)
    return work(gateway, UUID(facts["job_id"]), int(facts["attempt"]), stop)


def work(gateway: Gateway, job_id: UUID, attempt: int, stop: threading.Event) -> int:
    """Do one attempt of one job; whatever it raises becomes words in the job's row. This is the job edge."""
    try:
        job = queue.load_claimed(gateway, job_id, attempt)
    except LeaseLost:
        return 3
    except OUTAGES as problem:
        log.warning("job %s attempt %s did not begin: %s", job_id, attempt, type(problem).__name__)
        return 4
    try:
        device = _device(gateway)
        with Reporter(gateway, job, stop) as reporter:
            DO[job.kind](gateway, job, device, reporter)
    except (LeaseLost, Stopped):
        return 3  # stopping or lost: the supervisor settles it
    except OUTAGES as problem:
        log.warning("job %s attempt %s is tried again: %s", job_id, attempt, type(problem).__name__)
        queue.retry(gateway, job)
        return 4
    except Exception as problem:  # the job edge: whatever was raised becomes words, once
        failure = in_words(problem)
        if failure.code == "internal-error":
            log.exception("job %s attempt %s failed", job_id, attempt)
        queue.fail(gateway, job, failure)
        return 5
    return 0


def _device(gateway: Gateway) -> str:
    # One core stays free for the service and its predictions: two threads that wait for each other on a busy pair of
    # cores spend the time of both (LEARNING section 8).
    torch.set_num_threads(gateway.settings.threads or max(1, (os.cpu_count() or 1) - 1))
    wanted = gateway.settings.device
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def pretrain(gateway: Gateway, job: Claimed, device: str, reporter: Reporter) -> None:
    """Learn shared weights and every expert's row, compare with what is live, publish."""
    work_ = training.load_pretraining(gateway, job)
    begun = time.monotonic()
    trained = _with_smaller_batch(
        lambda config: pretraining.pretrain(gateway, job, work_.method, work_.readings, config, device, reporter),
        work_.config,
    )
    held_out = held_out_of_pretraining([reading.patient for reading in work_.readings], work_.config.held_out_every)
    better_by = compare(gateway, work_, trained, held_out, device)
    seconds = time.monotonic() - begun
    reporter.phase("publishing")
    _outlive_outages(
        lambda: training.publish_pretrained(
            gateway, job, work_, trained, held_out, better_by=better_by, seconds=seconds
        )
    )


def _with_smaller_batch(train: Callable[[ExpertAdaptiveConfig], Trained], config: ExpertAdaptiveConfig) -> Trained:
    """Train; when the device's memory does not suffice, once more with half the batch."""
    try:
        return train(config)
    except torch.OutOfMemoryError:
        log.warning("out of device memory at batch %s; trying half", config.batch)
        torch.cuda.empty_cache()
        return train(replace(config, batch=max(1, config.batch // 2)))


def compare(
    gateway: Gateway, work_: training.Pretraining, trained: Trained, held_out: frozenset[str], device: str
) -> float | None:
    """Dice points of the new network over the live one, each expert in their own style; None without one to compare.

    On the patients the new one has not trained on, or on all where none were held out; a live network that takes no colours is
    compared on grey images.
    """
    live = training.load_live_version(gateway, work_.plan)
    if live is None:
        return None
    judged = [r for r in work_.readings if (not held_out or r.patient in held_out) and r.expert in trained.rows]
    known = {str(row.revision_id): work_.plan.images[row.image_id].channels for row in work_.plan.readings}
    judged = [r for r in judged if r.expert in live.styles and known[r.revision] <= live.config.in_channels]
    if not judged:
        return None
    rows = {expert: {"row": row} for expert, row in trained.rows.items()}
    new = _mean_dice(methods.load(work_.method).predictor(trained.weights, trained.config, device), judged, rows)
    old = _mean_dice(methods.load(live.method).predictor(live.weights, live.config, device), judged, live.styles)
    return round(new - old, 2)


def _mean_dice(predictor: Predictor, readings: list[Reading], styles: Mapping[str, dict[str, torch.Tensor]]) -> float:
    channels = predictor.config.in_channels
    candidates = []
    for reading in readings:
        image_CDHW, style = reading.image_CDHW, styles[reading.expert]
        if image_CDHW.shape[0] != channels:  # a grey one: the same in every channel
            image_CDHW = image_CDHW[:1].repeat(channels, axis=0)
        candidates.append({"own": Case(image_CDHW, reading.spacing_mm, style["row"], style.get("adapter"))})
    cases = measure(predictor, readings, candidates, predictor.config.labels)
    return sum(case.dice["own"] for case in cases) / len(cases)


def personalise(gateway: Gateway, job: Claimed, device: str, reporter: Reporter) -> None:
    """Find or learn one expert's style, let the gate judge it, publish."""
    work_ = training.load_personalisation(gateway, job)
    begun = time.monotonic()
    made: Personalised = methods.load(work_.plan.version.method).personalise(
        work_.weights,
        work_.config,
        work_.rows,
        work_.corrections,
        work_.replay,
        live_row=work_.live_row,
        live_adapter=work_.live_adapter,
        live_trained_on=work_.live_trained_on,
        generator_seed=work_.config.seed,
        device=device,
        progress=reporter,
        should_stop=reporter.should_stop,
    )
    seconds = time.monotonic() - begun
    reporter.phase("publishing")
    _outlive_outages(lambda: training.publish_personalised(gateway, job, work_, made, seconds=seconds))


def evaluate(gateway: Gateway, job: Claimed, device: str, reporter: Reporter) -> None:
    """Judge every live style by readings that nothing has learnt from."""
    plan = evaluation.load_plan(gateway, job)
    predictor = evaluation.load_predictor(gateway, plan, device)
    rows = measure_styles(
        predictor,
        evaluation.load_judged(gateway, plan, predictor.config.in_channels),
        len(plan.unseen),
        in_px=evaluation.experts_in_px(plan),
        generator_seed=predictor.config.seed,
        progress=reporter,
        should_stop=reporter.should_stop,
    )
    _outlive_outages(lambda: evaluation.publish(gateway, job, plan, rows))


DO: Final[dict[str, Callable[[Gateway, Claimed, str, Reporter], None]]] = {
    "pretrain": pretrain,
    "personalise": personalise,
    "evaluate": evaluate,
}


def _outlive_outages(publish: Callable[[], None]) -> None:
    """Publish, again after a pause while the database or the disk is away. One transaction: all of it or nothing.

    A commit whose answer was lost has ended the job, and the next try meets LeaseLost: published once all the same.
    """
    for left in reversed(range(PUBLISH_TRIES)):
        try:
            publish()
            return
        except OUTAGES:
            if left == 0:
                raise
            time.sleep(1.0)


def in_words(problem: Exception) -> JobFailure:
    """What a person reads instead of an exception."""
    if isinstance(problem, Refused):
        remedy = problem.extra.get("remedy", "Put that right, then start the job again.")
        return JobFailure(problem.code, problem.detail, remedy)
    if isinstance(problem, InvalidReading):
        return JobFailure(
            "invalid-reading", str(problem), "Correct or withdraw that reading, then start the job again."
        )
    if isinstance(problem, Diverged):
        return JobFailure("diverged", str(problem), "Start again with a lower learning_rate.")
    if isinstance(problem, LearningError | ValueError):
        return JobFailure("learning-refused", str(problem), "Change the job's options, then start it again.")
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return JobFailure(
            "gpu_oom", "The device's memory does not suffice.", "Start again with a smaller size or batch."
        )
    return JobFailure(
        "internal-error",
        f"The training ended unexpectedly ({type(problem).__name__}).",
        "Start the job again; if it happens again, send the job's id to your administrator.",
    )
