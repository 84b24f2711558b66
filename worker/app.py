"""A worker process: `python -m worker.app interactive` or `python -m worker.app training`.

Celery carries the doorbell and nothing else: its one task tells the desk to look. Who claims, renews, runs and ends a
job is the desk and PostgreSQL, so a lost, doubled or late message changes nothing but the moment. Nor does a broken bell: Celery ends
by itself at a message it cannot read (kombu's filesystem transport shows one before it is written), and is begun again
beside the desk, whose networks stay warm and whose other bell goes on.
The training worker never imports torch: its children do, hence the imports inside functions here.
"""

import contextlib
import gc
import logging
import signal
import sys
import threading
import warnings
from importlib import metadata
from pathlib import Path
from typing import Final

from celery.signals import worker_ready, worker_shutting_down
from celery.worker import state

from worker.desk import Desk, worker_name
from worker.gateway import Gateway, open_gateway, queue

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 12.0
MEND_SECONDS: Final = 1.0  # before a bell that broke is hung up again
asked_to_stop: Final = threading.Event()


def main(arguments: list[str]) -> int:
    """Serve one queue until SIGTERM or SIGINT."""
    if len(arguments) != 2 or arguments[1] not in ("interactive", "training"):
        sys.stderr.write("usage: python -m worker.app interactive|training\n")
        return 2
    gateway = open_gateway()
    level = getattr(logging, gateway.settings.log_level.upper())
    logging.basicConfig(level=level, format=f"%(asctime)s %(levelname)s {arguments[1]} %(message)s")
    warnings.filterwarnings("ignore", message=".*superuser privileges.*")  # a trial as root; the images are non-root
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)  # filesystem:// has no host, and it says so each time
    signal.signal(signal.SIGTERM, leave)  # until Celery listens: loading torch takes a while
    name = worker_name(arguments[1])
    with contextlib.suppress(*queue.OUTAGES):  # the desk's ticker says it again and again
        queue.beat(gateway, name, arguments[1], device_of_children(gateway.settings.device))
    with contextlib.suppress(SystemExit):  # asked to stop before it was up
        (serve_interactive if arguments[1] == "interactive" else serve_training)(gateway)
    with contextlib.suppress(*queue.OUTAGES):  # it is shown as silent, and forgotten within the hour
        queue.sign_off(gateway, name)
    gateway.close()
    return 0


def serve_interactive(gateway: Gateway) -> None:
    """Predictions and imports, on a device that stays warm."""
    gc.disable()  # as in supervisor.CHILD
    from worker import tasks  # noqa: PLC0415 brings torch, which the training worker must not load
    from worker.inference import Inference  # noqa: PLC0415 the same

    gc.freeze()
    gc.enable()
    inference = Inference(gateway)
    inference.start()
    handlers = tasks.handlers(gateway, inference)
    desk = Desk(gateway, tasks.QUEUE, handlers, tasks.HANDS, inference.device_words, inference.expect)
    serve(gateway, desk)
    inference.stop()


def serve_training(gateway: Gateway) -> None:
    """Pretraining and personalisation, each in a child of its own."""
    from worker import supervisor  # noqa: PLC0415 beside tasks, not above it

    watcher = supervisor.Supervisor()
    with contextlib.suppress(*queue.OUTAGES):
        if queue.has_model(gateway):
            watcher.nursery.prepare()
    desk = Desk(gateway, supervisor.QUEUE, {}, supervisor.HANDS, device_of_children(gateway.settings.device))
    desk.handlers.update(watcher.handlers(desk.stopping))
    serve(gateway, desk)
    watcher.nursery.close()


def device_of_children(wanted: str) -> str:
    """The device a training child will find, told without torch, which this process must not load.

    `auto` takes a GPU where the driver shows one and torch was built for it: the build says "+cpu" where it was not.
    """
    if wanted != "auto":
        return wanted
    build = metadata.version("torch")
    return "cpu" if "+cpu" in build or not Path("/proc/driver/nvidia/version").exists() else "cuda"


def leave(*_: object) -> None:
    """Stop at once: while this loads, or in Celery's wait for a message, which would go on for seconds.

    Python swallows an exit that is raised in a finaliser, so it is noted as well.
    """
    if asked_to_stop.is_set():  # on the way already
        return
    asked_to_stop.set()
    state.should_stop = 0
    sys.exit(0)


def serve(gateway: Gateway, desk: Desk) -> None:
    """Look for work until a signal; then let go of what is in hand, in order."""
    if asked_to_stop.is_set():
        return
    worker_ready.connect(take_over)
    worker_shutting_down.connect(note_stop)
    desk.start()
    log.info("%s is ready", desk.name)
    try:
        while not asked_to_stop.is_set():
            hear(gateway, desk)
            if not asked_to_stop.is_set():
                log.error(
                    "Celery ended without being asked to and is begun again; the database's bell goes on meanwhile."
                )
                asked_to_stop.wait(MEND_SECONDS)
    finally:  # `leave` raises wherever this thread is
        log.info("%s is stopping", desk.name)
        desk.stop(STOP_SECONDS)


def hear(gateway: Gateway, desk: Desk) -> None:
    """Ring the desk at every message from the broker, until Celery ends."""
    celery = queue.make_celery(gateway)
    queue.answer_bell(celery, desk.ring)
    with contextlib.suppress(SystemExit):
        celery.worker_main(
            ["--quiet", "worker", "--pool=threads", "--concurrency=1", f"--queues={desk.queue}", "--without-gossip"]
            + ["--without-mingle", "--without-heartbeat", "--loglevel=WARNING", f"--hostname={desk.name}"]
        )


def take_over(**_: object) -> None:
    """Celery has put its handlers in place of `leave`, which comes back; what a signal said before is heeded.

    Celery's own answer to SIGHUP starts another program of this name, in which `worker` cannot be imported.
    """
    for asks_to_stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(asks_to_stop, leave)
    if asked_to_stop.is_set():
        state.should_stop = 0


def note_stop(**_: object) -> None:
    """A signal reached Celery's own handlers, before `leave` had taken their place."""
    asked_to_stop.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
