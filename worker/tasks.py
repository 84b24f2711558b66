"""What the interactive worker does with each kind of job: translators between the gateway and the resident device."""

import logging
from uuid import UUID

from worker import interact, online, opinions, propagation
from worker.desk import Handler, Held
from worker.gateway import Gateway, imports, memory, predictions
from worker.gateway.memory import NoRoom
from worker.gateway.predictions import PredictPlan
from worker.gateway.queue import JobFailure
from worker.inference import Inference

log = logging.getLogger(__name__)

QUEUE = "interactive"
HANDS = 4


def handlers(gateway: Gateway, inference: Inference) -> dict[str, Handler]:
    """Kind → what to do."""

    def predict(held: Held) -> None:
        plan = predictions.load_plan(gateway, held.job)
        too_large = take_room(held, plan)
        waiting = {
            image.image_id: inference.predict(
                plan.version, plan.style.weights_sha256, image, is_urgent=held.job.is_waited_for
            )
            for image in plan.images
            if image.image_id not in too_large
        }
        drawn = {image_id: answer.result() for image_id, answer in waiting.items()}
        predictions.publish(gateway, held.job, plan, drawn, plan.failed | too_large)

    def take_in(held: Held) -> None:
        imports.run(gateway, held.job)

    def answer(held: Held) -> None:
        interact.answer(gateway, inference, held)

    def carry(held: Held) -> None:
        propagation.run(gateway, inference, held)

    def give_opinions(held: Held) -> None:
        opinions.answer(gateway, inference, held)

    def learn(held: Held) -> None:
        online.run(gateway, inference, held)

    return {
        "predict": predict,
        "import": take_in,
        "interact": answer,
        "propagate": carry,
        "opinions": give_opinions,
        "update": learn,
    }


def take_room(held: Held, plan: PredictPlan) -> dict[UUID, JobFailure]:
    """Take the memory of the largest image that can be drawn; returns why those larger cannot. Raises NoRoom where none can."""
    too_large: dict[UUID, JobFailure] = {}
    needed = {image.image_id: memory.predicting(image, len(plan.label_values)) for image in plan.images}
    for image in sorted(plan.images, key=lambda image: needed[image.image_id], reverse=True):
        try:
            held.until_end.enter_context(memory.room(needed[image.image_id], image, "Predicting"))
        except NoRoom as problem:
            too_large[image.image_id] = problem.failure
            if len(too_large) == len(plan.images) and not plan.existing:
                raise
            log.warning("job %s leaves out image %s: %s", held.job.id, image.image_id, problem.failure.message)
        else:
            break
    return too_large
