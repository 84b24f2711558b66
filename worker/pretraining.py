"""Pretraining for a job: in this process, or in several of this machine, one for each GPU, under torchrun's own agent.

Of several, the training child stays outside: it gives out readings and recipe, waits, and then judges and publishes what the first
process brings back. Each is a fresh interpreter. They share every batch and decide together (worker/learning/distributed.py); the
first reports progress and writes checkpoints. What one of them raised is raised here again; where one was killed and said
nothing, the attempt ends as if the child had been killed, and the next one resumes.
"""

import json
import logging
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from worker.child import be_humble, die_with_parent, told_to_stop
from worker.gateway import Gateway, open_gateway
from worker.gateway.queue import Claimed, LeaseLost
from worker.learning import (
    Diverged,
    ExpertAdaptiveConfig,
    InvalidReading,
    LearningError,
    Reading,
    Stopped,
    Trained,
    load_safetensors,
    methods,
    save_safetensors,
)
from worker.learning.compiled_code import compiled_code_in
from worker.learning.distributed import joined
from worker.reporter import Reporter

log = logging.getLogger(__name__)

STOP_SECONDS = 8  # to save a checkpoint in; less than the supervisor gives the child
# What a process may raise that the job edge tells apart, the special before the general.
TOLD: Final[dict[str, type[Exception]]] = {
    kind.__name__: kind
    for kind in (
        InvalidReading, Diverged, Stopped, LearningError, LeaseLost, torch.OutOfMemoryError, MemoryError, OSError, ValueError,
    )
}  # fmt: skip


def pretrain(
    gateway: Gateway, job: Claimed, method: str, readings: Sequence[Reading], config: ExpertAdaptiveConfig,
    device: str, reporter: Reporter,
) -> Trained:  # fmt: skip
    """Learn shared weights and rows. Raises what the method raises."""
    count = processes(gateway, device, config.batch) if methods.load(method).shares_batches else 1
    if count > 1:
        trained = _together(gateway, job, method, readings, config, device, count)
        reporter(config.steps, config.steps, {}, "pretraining")  # the processes said all before
        return trained
    return _alone(gateway, job, method, readings, config, device, reporter)


def processes(gateway: Gateway, device: str, batch: int) -> int:
    """As many as the settings or the GPUs say, if they can share the batch evenly; else fewer."""
    wanted = gateway.settings.training_processes or (torch.cuda.device_count() if device == "cuda" else 1)
    if device.startswith("cuda:"):  # this one GPU and no other
        wanted = 1
    return next(count for count in range(min(wanted, batch), 0, -1) if batch % count == 0)


def _alone(
    gateway: Gateway, job: Claimed, method: str, readings: Sequence[Reading], config: ExpertAdaptiveConfig,
    device: str, reporter: Reporter,
) -> Trained:  # fmt: skip
    with compiled_code_in(gateway.settings.work_folder / "compiled"):
        return methods.load(method).pretrain(
            readings,
            config,
            generator_seed=config.seed,
            device=device,
            progress=reporter,
            should_stop=reporter.should_stop,
            checkpoint_dir=gateway.job_folder(job.id),
        )


def _together(
    gateway: Gateway, job: Claimed, method: str, readings: Sequence[Reading], config: ExpertAdaptiveConfig,
    device: str, count: int,
) -> Trained:  # fmt: skip
    """Learn in `count` processes what one would learn. Raises Stopped where one was killed or we are told to stop."""
    log.info("job %s pretrains in %s processes", job.id, count)
    folder = gateway.job_folder(job.id)
    launch = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=count, run_id=str(job.id), rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", local_addr="localhost", max_restarts=0, signals_to_handle="SIGTERM",
        shutdown_timeout=STOP_SECONDS,
    )  # fmt: skip
    ours = signal.getsignal(signal.SIGTERM)
    with TemporaryDirectory(dir=folder) as raised:
        try:
            again = partial(open_gateway, gateway.settings, pool_size=1)
            found = elastic_launch(launch, _one_of_them)(
                again, job, method, readings, config, device, Path(raised), count
            )
        except SignalException as told:
            raise Stopped("Stopped while several processes trained.") from told
        except ChildFailedError as failed:
            rank, failure = failed.get_first_failure()
            left = Path(raised) / str(rank)
            if not left.exists():
                raise Stopped(f"Process {rank} of {count} ended with {failure.exitcode} and said nothing.") from failed
            name, words = json.loads(left.read_text(encoding="utf-8"))
            raise TOLD.get(name, RuntimeError)(words) from failed
        finally:
            signal.signal(signal.SIGTERM, ours)  # the agent put its own there
    return _unpack(method, found[0])


def _one_of_them(
    gateway_again: Callable[[], Gateway], job: Claimed, method: str, readings: Sequence[Reading],
    config: ExpertAdaptiveConfig, device: str, raised: Path, count: int,
) -> bytes | None:  # fmt: skip
    """What each process does. Returns what was learnt, packed, from the first: tensors would travel through /dev/shm, small in containers."""
    die_with_parent()
    be_humble()
    stop = told_to_stop()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s training-process %(message)s")
    gateway = gateway_again()
    torch.set_num_threads(max(1, (gateway.settings.threads or (os.cpu_count() or 1) - 1) // count))
    with joined(torch.device(device)) as world:
        try:
            where = torch.device(device, world.rank) if device == "cuda" else torch.device(device)
            if where.type == "cuda":
                torch.cuda.set_device(where)
            with Reporter(gateway, job, stop) as reporter:
                trained = _alone(gateway, job, method, readings, config, str(where), reporter)
            return _pack(trained) if world.is_first else None
        except Exception as problem:
            known = next((name for name, kind in TOLD.items() if isinstance(problem, kind)), type(problem).__name__)
            (raised / str(world.rank)).write_text(json.dumps([known, str(problem)]), encoding="utf-8")
            raise
        finally:
            gateway.close()


def _pack(trained: Trained) -> bytes:
    tensors = {f"weight/{name}": tensor for name, tensor in trained.weights.items()}
    tensors |= {f"row/{expert}": row for expert, row in trained.rows.items()}
    card = {"config": trained.config.as_dict(), "metrics": trained.metrics, "experts": list(trained.rows)}
    return save_safetensors(tensors, card)


def _unpack(method: str, packed: bytes) -> Trained:
    tensors, card = load_safetensors(packed)
    weights = {name.removeprefix("weight/"): tensor for name, tensor in tensors.items() if name.startswith("weight/")}
    rows = {expert: tensors[f"row/{expert}"] for expert in card["experts"]}
    return Trained(weights, rows, methods.load(method).config(card["config"]), card["metrics"])
