"""The resident, device-owning loop: networks stay warm, images stay decoded, experts share a batch.

One thread owns the device. It takes whatever waits at that moment, what a person asked for first; it waits up to
GATHER_SECONDS more only while other hands are still reading their images, so a lone prediction never waits. While
anything waits, training on this machine gives way (`courtesy`); an online update gives way between two of its own steps (`learn`). Nothing here knows projects or rights: a request names
files by hash, and two requests with one network's hash share its batch whoever they are for.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from worker.courtesy import BRIEF_SECONDS, Courtesy
from worker.gateway import Gateway, predictions
from worker.gateway.images import ImageArray, LabelArray, Volume, with_channels
from worker.gateway.predictions import ImageFacts, VersionFacts
from worker.learning import Case, Drawing, ExpertAdaptiveConfig, Predictor, load_safetensors, methods
from worker.learning.frames import Brightness, brightness_of
from worker.learning.propagate import Gap, Proxy

log = logging.getLogger(__name__)

Learning = Callable[[Predictor, Case, Callable[[], None]], Any]

GATHER_SECONDS: Final = 0.010
SLICES_PER_BATCH: Final = 32
IMAGE_CACHE_BYTES: Final = 512 * 2**20
PROXY_CACHE_BYTES: Final = 256 * 2**20
WARM_NETWORKS: Final = 4
WARM_STYLES: Final = 2048

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was used last, up to a total weight. Safe for several threads; a value may be made twice, never torn."""

    def __init__(self, limit: int, weight: Callable[[Value], int] = lambda _: 1) -> None:
        self.limit, self.weight = limit, weight
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The kept value, or a new one that pushes out the least recent."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept and self.weight(made) <= self.limit:
                self._kept[key] = made
                self._total += self.weight(made)
                while self._total > self.limit:
                    _, dropped = self._kept.popitem(last=False)
                    self._total -= self.weight(dropped)
        return made


class Opinions(NamedTuple):
    """own [D, H, W]; experts [E, D, H, W], one per style; samples [N, D, H, W], None where the network has no latent space."""

    own: LabelArray
    experts: LabelArray
    samples: LabelArray | None


@dataclass
class Request:
    """One image to draw in one style; with `question`, whatever else is asked of the network, which then has it to itself."""

    method: str
    weights_sha256: str
    config: ExpertAdaptiveConfig
    case: Case
    is_urgent: bool
    answer: "Future[Any]" = field(default_factory=Future)
    question: Callable[[Predictor], Any] | None = None

    @property
    def slices(self) -> int:
        """How much of a batch it fills."""
        return int(self.case.image_CDHW.shape[1])


def choose_device(wanted: str) -> str:
    """The device of a setting: `auto` is the first GPU where there is one."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


class Inference:
    """The loop and its caches. `predict` is called by many hands, the device is touched by one thread."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.device = choose_device(gateway.settings.device)
        self.courtesy = Courtesy(gateway.courtesy_file)
        self._networks: Recent[str, Predictor] = Recent(WARM_NETWORKS)
        self._styles: Recent[str, dict[str, Tensor]] = Recent(WARM_STYLES)
        self._volumes: Recent[Any, Volume] = Recent(IMAGE_CACHE_BYTES, lambda volume: volume.size_bytes)
        self._brightness: Recent[Any, list[Brightness]] = Recent(4096)
        self.proxies: Recent[Any, Proxy] = Recent(PROXY_CACHE_BYTES, lambda proxy: proxy.size_bytes)
        self.gaps: Recent[Any, Gap] = Recent(PROXY_CACHE_BYTES, lambda gap: gap.size_bytes)
        self._urgent: deque[Request] = deque()
        self._patient: deque[Request] = deque()
        self._changed = threading.Condition()
        self._reading = 0
        self._expected_until = 0.0  # by the monotonic clock
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="device", daemon=True)

    @property
    def device_words(self) -> str:
        """The device by name, for the health page: "cuda NVIDIA H200, 139 GiB", "cpu, 1 thread"."""
        if self.device.startswith("cuda"):
            properties = torch.cuda.get_device_properties(self.device)
            return f"{self.device} {properties.name}, {properties.total_memory // 2**30} GiB"[:60]
        threads = torch.get_num_threads()
        return f"{self.device}, {threads} thread{'' if threads == 1 else 's'}"

    def start(self) -> None:
        """Begin, with the networks that are live now warm."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    def predict(
        self, version: VersionFacts, style_sha256: str, image: ImageFacts, *, is_urgent: bool
    ) -> "Future[Drawing]":
        """A label map with its uncertainty, on the image's own grid, some time soon."""
        with self._changed:
            self._reading += 1
            self.courtesy.ask()
        request: Request | None = None
        try:
            request = self._request(version, style_sha256, image, is_urgent)
        finally:
            with self._changed:
                self._reading -= 1
                if request is not None:
                    (self._urgent if is_urgent else self._patient).append(request)
                self._changed.notify_all()
        return request.answer

    def chances(
        self, version: VersionFacts, style_sha256: str, image: ImageFacts, value: int, slices: slice
    ) -> "Future[ImageArray]":
        """Probability of one label, float32 [slices, H, W], soon: somebody clicked and waits."""
        volume = self.volume(image)
        request = self._request(version, style_sha256, image, True)
        case = request.case

        def chances(predictor: Predictor) -> ImageArray:
            config = predictor.config
            key = (image.image_id, config.clip_deviations)
            brightness = self._brightness.get(key, lambda: brightness_of(volume.image_CDHW, config))
            return predictor.chances(case, value, slices, brightness * (case.image_CDHW.shape[0] // len(brightness)))

        return self._ask(request, chances)

    def plausible(
        self,
        version: VersionFacts,
        own_sha256: str,
        style_sha256s: Sequence[str],
        image: ImageFacts,
        count: int,
        most_experts: int,
        seed: int,
        *,
        is_urgent: bool,
    ) -> "Future[Opinions]":
        """What the own style draws, what the first `most_experts` of these styles draw, and `count` samples between all of them."""
        request = self._request(version, own_sha256, image, is_urgent)
        own = request.case
        styles = [self._style(sha256) for sha256 in style_sha256s]
        rows = torch.stack([style["row"] for style in styles])
        styled = [own._replace(row=one["row"], adapter=one.get("adapter")) for one in styles[:most_experts]]

        def opinions(predictor: Predictor) -> Opinions:
            cases = [own, *styled]
            together = max(1, SLICES_PER_BATCH // request.slices)  # a volume's logits alone are large
            parts = [predictor.predict(cases[at : at + together]) for at in range(0, len(cases), together)]
            drawn, *others = (labels for part in parts for labels in part)
            samples = predictor.plausible(own, rows, count, seed) if predictor.is_sampled else None
            return Opinions(drawn, np.stack(others), samples)

        return self._ask(request, opinions)

    def probabilities(
        self, version: VersionFacts, style_sha256: str, image: ImageFacts
    ) -> "Future[tuple[tuple[int, ...], ImageArray]]":
        """The network's label values and the probability of each, float32 [L, D, H, W], soon: somebody waits for a proxy."""
        request = self._request(version, style_sha256, image, True)
        return self._ask(
            request, lambda predictor: (predictor.config.labels, predictor.probabilities([request.case])[0])
        )

    def learn(self, version: VersionFacts, style_sha256: str, image: ImageFacts, work: Learning) -> "Future[Any]":
        """Let `work` learn from an image with the resident network, when nobody waits.

        work(predictor, the image in the style to begin from, give_way) runs on the device's thread and calls give_way() before each of its
        steps, which answers what people wait for by then. It must leave the network's weights as they are.
        """
        request = self._request(version, style_sha256, image, False)
        request.question = lambda predictor: work(predictor, request.case, self._give_way)
        with self._changed:
            self._patient.append(request)
            self._changed.notify_all()
        return request.answer

    def expect(self, seconds: float = BRIEF_SECONDS) -> None:
        """A bell rang: most likely a question is on its way, and neither training nor an update begins a step so long."""
        self.courtesy.expect()
        with self._changed:
            self._expected_until = time.monotonic() + seconds

    def _give_way(self) -> None:
        """Answer everything urgent; hold still while a question is on its way here, or its answer to the database.

        On the device's thread alone, between two steps. A step leaves the service one core, as training does.
        """
        while True:
            while (batch := self._urgent_batch()) is not None:
                self._answer(batch)
                self.expect()
            with self._changed:
                left = self._expected_until - time.monotonic()
                if left <= 0 or self._stopping:
                    break
                if not self._urgent:
                    self._changed.wait(left)
        torch.set_num_threads(max(1, self._threads - 1))

    def _urgent_batch(self) -> list[Request] | None:
        with self._changed:
            if not self._urgent or self._stopping:
                return None
            first = self._urgent[0]
            return [self._urgent.popleft()] if first.question is not None else self._take(first.weights_sha256)

    def _ask(self, request: Request, question: Callable[[Predictor], Any]) -> "Future[Any]":
        """Alone, and next where somebody waits for it."""
        request.question = question
        with self._changed:
            self.courtesy.ask()
            (self._urgent if request.is_urgent else self._patient).append(request)
            self._changed.notify_all()
        return request.answer

    def volume(self, image: ImageFacts) -> Volume:
        """An image's voxels, decoded once while it is in use."""
        return self._volumes.get(image.image_id, lambda: predictions.load_volume(self.gateway, image))

    def _request(self, version: VersionFacts, style_sha256: str, image: ImageFacts, is_urgent: bool) -> Request:
        volume = self.volume(image)
        style = self._style(style_sha256)
        config = methods.load(version.method).config(version.config)
        image_CDHW = with_channels(volume, config.in_channels).image_CDHW
        case = Case(image_CDHW, volume.spacing_mm, style["row"], style.get("adapter"))
        return Request(version.method, version.weights_sha256, config, case, is_urgent)

    def _style(self, sha256: str) -> dict[str, Tensor]:
        return self._styles.get(sha256, lambda: self._load(sha256))

    def _load(self, sha256: str) -> dict[str, Tensor]:
        return load_safetensors(predictions.load_file(self.gateway, sha256))[0]

    def _network(self, method: str, weights_sha256: str, config: ExpertAdaptiveConfig) -> Predictor:
        return self._networks.get(
            weights_sha256,
            lambda: methods.load(method).predictor(self._load(weights_sha256), config, self.device),
        )

    def _loop(self) -> None:
        self._threads = self.gateway.settings.threads or torch.get_num_threads()
        self._warm_up()
        while (batch := self._next_batch()) is not None:
            self._answer(batch)
            with self._changed:
                if self._urgent or self._patient or self._reading:
                    self.courtesy.ask()
                else:
                    self.courtesy.thank()

    def _warm_up(self) -> None:
        """Load what is live, so that the first prediction of the day is as fast as the second."""
        try:
            for version in predictions.load_live_versions(self.gateway, WARM_NETWORKS):
                config = methods.load(version.method).config(version.config)
                self._network(version.method, version.weights_sha256, config)
        except Exception as problem:  # noqa: BLE001 only a head start is lost; the job that needs it will say what is wrong
            log.warning("warming up failed: %s", type(problem).__name__)

    def _next_batch(self) -> list[Request] | None:
        """What waits now for one network, urgent first; None when stopping."""
        with self._changed:
            while not (self._urgent or self._patient or self._stopping):
                self._changed.wait()
            if self._stopping:
                return None
            deadline = time.monotonic() + GATHER_SECONDS
            while self._reading and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            first = (self._urgent or self._patient)[0]
            if first.question is not None:
                return [(self._urgent or self._patient).popleft()]
            return self._take(first.weights_sha256)

    def _take(self, weights_sha256: str) -> list[Request]:
        """Requests for this network, urgent first, until a batch is full; at least one."""
        batch: list[Request] = []
        slices = 0
        for waiting in (self._urgent, self._patient):
            for request in list(waiting):
                fits = not batch or slices + request.slices <= SLICES_PER_BATCH
                if request.weights_sha256 == weights_sha256 and fits and request.question is None:
                    waiting.remove(request)
                    batch.append(request)
                    slices += request.slices
        return batch

    def _answer(self, batch: list[Request]) -> None:
        try:
            torch.set_num_threads(max(1, self._threads - self.courtesy.is_worked))
            predictor = self._network(batch[0].method, batch[0].weights_sha256, batch[0].config)
            drawings: Sequence[Any]
            if (question := batch[0].question) is not None:
                drawings = [question(predictor)]
            else:
                drawings = predictor.draw([request.case for request in batch])
        except Exception as problem:  # noqa: BLE001 the device must serve the next batch; the job edge words it
            for request in batch:
                request.answer.set_exception(problem)
            return
        for request, one in zip(batch, drawings, strict=True):
            request.answer.set_result(one)
