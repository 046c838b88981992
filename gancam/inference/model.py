"""A model file that runs: the best of its variants on the best device, and another where that fails.

What is opened is chosen by ``gancam.inference.autotune`` and run by ``gancam.inference.network``.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Self, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from gancam.errors import DeviceError, ModelError, NotFound, OutOfMemory, ParameterError, did_you_mean, shown
from gancam.files import check_path
from gancam.frame import is_whole
from gancam.inference.autotune import Choice, beats_cpu, choose, usable
from gancam.inference.black import BlackGuard
from gancam.inference.card import ModelCard, Precision
from gancam.inference.cuda import cuda_is_likely
from gancam.inference.hardware import MOST_THREADS
from gancam.inference.network import GeneratorNetwork, ImageNetwork, MaskedNetwork, Network, open_network
from gancam.inference.place import Place
from gancam.inference.providers import GpuOptions, check_device, kind_of, number_of
from gancam.inference.variants import file_digest, variants
from gancam.inference.webgpu import webgpu_is_likely

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_WORDS = {"cpu": "the CPU", "cuda": "CUDA", "tensorrt": "CUDA", "webgpu": "WebGPU"}


@dataclass(frozen=True, slots=True)
class Playing:
    """What runs now; replaced as one when a device fails.

    Attributes:
        precision: Of its file.
        network: The open file.
        run: The network, or what guards it.
    """

    precision: str
    network: Network
    run: Callable[..., NDArray[np.uint8]]


class Model:
    """A network opened from an .onnx file, ready to run.

    ``card``, ``device`` (where it really runs: "cpu", "cuda", "tensorrt" or "webgpu"), ``precision`` and ``threads``
    tell what was chosen.

    With ``device="auto"`` CUDA is used where it works; else WebGPU, where its plugin is installed and a trial found it
    correct and faster than the CPU. If either fails later, the CPU takes over and the log says so. TensorRT must be
    asked for, as on first use it takes minutes to build an engine; CUDA runs what TensorRT refuses.

    With ``precision="auto"`` the fastest variant that is exact on the device is used (``gancam.inference.autotune``
    tries them on first use, which takes a moment): usually int8 on CPUs with 8-bit dot products, fp16 on CUDA, else
    fp32. Where a variant other than fp32 makes a picture black because a sum overflowed, fp32 makes that picture
    instead, and the log says so once.

    A call uses `threads` threads on the CPU; they sleep between calls instead of spinning. The default is one for each
    core that this process may use, or fewer where fewer are found to be as fast, since cores are shared or unequal.

    Several threads may call it; calls queue. A copy (``copy.deepcopy``, or ``pickle`` in another process) opens the
    same file again with the same arguments. A forked process opens it again at the first call, except on a GPU, which
    does not survive a fork.

    This class opens models of any kind; `ImageModel`, `MaskedModel` and `Generator` add what one kind alone can do.

    Args:
        path: The .onnx file; one without a precision in its name stands for the variants beside it, too.
        device: auto, cpu, cuda, tensorrt or webgpu; cuda:N is the NVIDIA GPU number N.
        precision: auto, fp32, fp16 or int8.
        threads: 1 to 1024.

    Raises:
        NotFound: There is no such file.
        ModelError: The file is damaged, has no card, does not do what its card says, or holds another kind of model; or
            int8 was asked for by name and saturates on this CPU, where fp32 does not.
        DeviceError: The device asked for by name cannot run it.
        ParameterError: The device is unknown, the precision has no file, or `threads` is out of range.
    """

    _kind: ClassVar[type[object]] = Network
    _kind_name: ClassVar[str] = "model"

    def __init__(
        self, path: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None
    ) -> None:
        check_path(path, "path")
        path = Path(path)
        files = variants(path)
        if not files:
            raise NotFound(f"no model file {path}")
        check_device(device)
        if precision != "auto" and precision not in get_args(Precision):
            known = get_args(Precision)
            raise ParameterError(f"precision {shown(precision)} must be auto, {', '.join(known[:-1])} or {known[-1]}")
        if precision != "auto" and precision not in files:
            raise ParameterError(f"{path} has no {precision!r} variant{did_you_mean(str(precision), files)}")
        if threads is not None and not (is_whole(threads) and 1 <= int(threads) <= MOST_THREADS):
            raise ParameterError(f"threads {threads!r} must be a whole number from 1 to {MOST_THREADS}")
        self._files, self._asked, self._by_itself = files, precision, device == "auto"
        self._again = partial(type(self), str(path.absolute()), device=device, precision=precision, threads=threads)
        self._lock = threading.Lock()  # of what is replaced when a device fails
        self._process = os.getpid()
        self._playing = _open(files, device, precision, threads)
        if not isinstance(self._playing.network, self._kind):
            raise ModelError(f"{self.card.name} is not a {self._kind_name}: it is for {self.card.effect}")

    @property
    def card(self) -> ModelCard:
        """The card in the file that runs."""
        return self._playing.network.card

    @property
    def precision(self) -> str:
        """The precision in use now: "fp32", "fp16" or "int8"."""
        return self._playing.precision

    @property
    def path(self) -> Path:
        """The file that runs; for fp16 without a file of its own, the fp32 file that it is converted from."""
        return self._playing.network.path

    @property
    def device(self) -> str:
        """The device in use: "cpu", "cuda", "tensorrt" or "webgpu"."""
        return self._playing.network.device

    @property
    def threads(self) -> int:
        """How many threads a call uses on the CPU."""
        return self._playing.network.threads

    @property
    def gpu(self) -> GpuOptions:
        """The GPU options that a trial chose; the defaults on the CPU."""
        return self._playing.network.gpu

    @property
    def fallen(self) -> Mapping[str, int]:
        """How many nodes of each kind run on the CPU because the GPU cannot run them."""
        return self._playing.network.fallen

    @property
    def spent(self) -> dict[str, float]:
        """Seconds spent in all calls so far, by stage.

        "network" is ONNX Runtime's whole graph; "conversion" and "copies" of pixels are there where the graph does not
        do them itself.
        """
        return self._playing.network.spent

    @property
    def digest(self) -> str:
        """The SHA-256 of the file that runs, in hexadecimal; fp16 that is converted from the fp32 file has its own."""
        return file_digest(self.path, self.precision)

    def __call__(self, *arrays: NDArray[np.generic], **named: NDArray[np.generic]) -> tuple[NDArray[np.uint8], ...]:
        """Run the network; the class of each kind of model says what it takes. Returns one array of images, in a tuple.

        Raises:
            InputError: An array has the wrong shape or dtype (``ImageError`` for images).
            ModelError: The graph cannot run, or its output is not what its card says.
            OutOfMemory: Memory is full.
            DeviceError: A GPU failed. Where "auto" had chosen it, the CPU takes over instead and the log says so.
        """
        return (self._guarded(lambda playing: playing.run(*arrays, **named)),)

    def alike(self, path: Path | None = None) -> list[Self]:
        """Open the model again on the same device and threads, once in each precision that is exact there.

        Where a precision was asked for by name, only in that one; the list is empty where there is no such variant.

        Args:
            path: The file of another model of the same kind; None for this model's.

        Raises:
            GancamError: Everything that opening a model raises.
        """
        files = self._files if path is None else variants(path)
        place = self._playing.network.place
        kinds = usable(files, place, self.threads) if self._asked == "auto" else [self._asked]
        return [
            type(self)(files[kind], device=place, precision=kind, threads=self.threads)
            for kind in kinds
            if kind in files
        ]

    def __reduce__(self) -> tuple[object, ...]:
        return self._again, ()

    def _current(self) -> Playing:
        """What runs now; opened anew after a fork, which brings along none of the session's threads."""
        playing = self._playing
        if self._process != os.getpid():
            if playing.network.device != "cpu":
                raise DeviceError(
                    playing.network.device,
                    f"{self.card.name} was loaded before this process was forked, which "
                    f"{_WORDS[playing.network.device]} does not survive",
                    "load it in the new process, or start that by spawn",
                )
            self._lock, self._process = threading.Lock(), os.getpid()
            playing = self._playing = self._on_the_cpu(playing)
        return playing

    def _guarded(self, call: Callable[[Playing], Result]) -> Result:
        """`call` with what runs; where its device fails, with what is put in its place."""
        while True:
            playing = self._current()
            try:
                return call(playing)
            except OutOfMemory:
                raise
            except DeviceError as error:
                with self._lock:  # of several threads that fail together the first replaces it, for all
                    if self._playing is playing:
                        self._playing = self._instead(playing, error)

    def _instead(self, failed: Playing, error: DeviceError) -> Playing:
        """Open what goes on where `failed` does not; raises `error` where nothing may."""
        network = failed.network
        if network.gpu.graph:
            log.warning("%s; continuing without CUDA graphs", error)
            try:
                gpu = replace(network.gpu, graph=False)
                choice = Choice(network.path, failed.precision, network.place, network.threads, gpu=gpu)
                return _playing(choice, network.spent)
            except DeviceError as again:
                error = again
        if network.device == "cpu" or not self._by_itself:
            raise error
        log.warning("%s; continuing on the CPU", error)
        return self._on_the_cpu(failed)

    def _on_the_cpu(self, before: Playing) -> Playing:
        choice = choose(self._files, "cpu", precision=self._asked, threads=before.network.threads)
        return _playing(choice, before.network.spent)


class ImageModel(Model):
    """A model from images to images: of the layouts ``image``, ``blocks``, ``cells`` and ``recurrent``.

    One of layout ``recurrent`` takes images for frames of one video, in the order in which they come, each size for
    itself.
    """

    _kind = ImageNetwork
    _kind_name = "model from images to images"

    @property
    def network(self) -> ImageNetwork:
        """The network that runs now, for a chain of several."""
        network = self._current().network
        assert isinstance(network, ImageNetwork)
        return network

    def reset(self) -> None:
        """Forget the frames before, where the network carries anything of them: a cut, a seek, another video."""
        self.network.reset()

    def continue_from(self, before: "ImageModel") -> None:
        """Take what `before`, the same network in another precision, carries of the frames; see ``reset``."""
        if before is not self:
            self.network.continue_from(before.network)

    @property
    def texture_step(self) -> int:
        """Pixels of a picture by which its texture can be moved where it runs now; 0: that lies where it is."""
        return self.network.texture.step

    def __call__(self, images: NDArray[np.uint8], *, place: Place = (0, 0)) -> tuple[NDArray[np.uint8]]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR -> one array ``(n, h * scale, w * scale, 3)`` uint8 BGR.

        The result is the caller's: its memory is used for a later one when neither it nor a view of it is held any
        more.

        Args:
            images: Of one size.
            place: How far down and to the right in the model's texture they begin, in its `texture_step`.

        Raises:
            InputError: A place other than (0, 0) where there is no `texture_step`; the others as `Model` does.
        """
        return (self._guarded(lambda playing: playing.run(images, place=place)),)


class MaskedModel(Model):
    """A model that fills holes in images: of the layout ``masked``."""

    _kind = MaskedNetwork
    _kind_name = "model that fills holes"

    def __call__(self, images: NDArray[np.uint8], holes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8]]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR, with `holes` ``(n, h, w)`` uint8 filled where they are not 0.

        The result has the shape of `images`; what was not to be filled is unchanged to the byte. Raises as `Model`
        does.
        """
        return (self._guarded(lambda playing: playing.run(images, holes)),)


class Generator(Model):
    """A generator of images, in its two halves as the network in PyTorch has them: of the layout ``latent``."""

    _kind = GeneratorNetwork
    _kind_name = "generator"

    def __call__(self, z: NDArray[np.float32]) -> tuple[NDArray[np.uint8]]:  # type: ignore[override]
        """Numbers z ``(n, latent)`` float32 -> images ``(n, resolution, resolution, 3)`` uint8 BGR.

        Raises as `Model` does, ``InputError`` for values that are not finite, too.
        """
        return (self._guarded(lambda playing: playing.run(z)),)

    @property
    def layers(self) -> int:
        """How many w make a picture."""
        return self.card.layers

    @property
    def centre(self) -> NDArray[np.float32]:
        """The mean w, ``(1, latent)``."""
        return _halves(self._playing).centre

    def mapping(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map z ``(n, latent)`` float32 to w, of the same shape. Raises as a call does."""
        return self._guarded(lambda playing: _halves(playing).mapping(z))

    def synthesis(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Make images ``(n, resolution, resolution, 3)`` uint8 BGR of a w for each layer.

        Args:
            ws: ``(n, layers, latent)`` float32.

        Raises:
            InputError: And the others that a call raises.
        """
        return self._guarded(lambda playing: _halves(playing).synthesis(ws))


def model_class(card: ModelCard) -> type[ImageModel] | type[MaskedModel] | type[Generator]:
    """Name the class of models of the kind that `card` says."""
    if card.layout == "latent":
        return Generator
    return MaskedModel if card.layout == "masked" else ImageModel


def _open(files: Mapping[str, Path], device: str, precision: str, threads: int | None) -> Playing:
    """What is chosen of `files`, open on `device` or, where that is "auto", on the first that works."""
    devices = [device]
    if device == "auto":
        devices = [*_gpus_for(files, precision, threads), "cpu"]
    elif kind_of(device) == "tensorrt":
        devices = [device, f"cuda:{number_of(device)}"]
    for one, following in zip(devices, [*devices[1:], ""], strict=True):
        try:
            return _playing(choose(files, one, precision=precision, threads=threads))
        except DeviceError as error:
            if not following:
                raise
            log.warning("%s; running on %s instead", error, _WORDS[kind_of(following)])
    raise AssertionError


def _gpus_for(files: Mapping[str, Path], precision: str, threads: int | None) -> list[str]:
    """The GPU that "auto" tries before the CPU, if any."""
    if precision == "int8":  # which is for the CPU
        return []
    if cuda_is_likely():
        return ["cuda"]
    try:
        return ["webgpu"] if webgpu_is_likely() and beats_cpu(files, "webgpu", precision, threads) else []
    except DeviceError as error:
        log.warning("%s; running on the CPU instead", error)
        return []


def _playing(choice: Choice, spent: dict[str, float] | None = None) -> Playing:
    """Open what was chosen, with an eye on sums that are too large for its precision."""
    network = open_network(
        choice.path, choice.device, choice.threads, spent,
        precision=choice.precision, wide_sums=choice.wide_sums, gpu=choice.gpu,
    )  # fmt: skip
    if isinstance(network, ImageNetwork) and choice.precision != "fp32":
        return Playing(choice.precision, network, BlackGuard(network, choice.precision))
    return Playing(choice.precision, network, network)


def _halves(playing: Playing) -> GeneratorNetwork:
    assert isinstance(playing.network, GeneratorNetwork)
    return playing.network
