"""What the interactive worker does with each kind of job: translators between the gateway and the resident device."""

from worker import interact, online, opinions, propagation
from worker.desk import Handler, Held
from worker.gateway import Gateway, imports, memory, predictions
from worker.inference import Inference

QUEUE = "interactive"
HANDS = 4


def handlers(gateway: Gateway, inference: Inference) -> dict[str, Handler]:
    """Kind → what to do."""

    def predict(held: Held) -> None:
        plan = predictions.load_plan(gateway, held.job)
        urgent = held.job.owner_id is not None
        labels = len(plan.label_values)
        largest = max(plan.images, key=lambda image: memory.predicting(image, labels), default=None)
        if largest is not None:
            held.until_end.enter_context(memory.room(memory.predicting(largest, labels), largest, "Predicting"))
        waiting = {
            image.image_id: inference.predict(plan.version, plan.style.weights_sha256, image, is_urgent=urgent)
            for image in plan.images
        }
        drawn = {image_id: answer.result() for image_id, answer in waiting.items()}
        predictions.publish(gateway, held.job, plan, drawn)

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
