"""What the tensors of somebody else's graph mean, and pixels turned into them and back.

A `Convention` is the whole answer of a probe. As a TOML file beside a model (``NAME.onnx`` and ``NAME.toml``) it is the
user's own answer, of which every entry is optional and none is questioned.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MALFORMED, GancamError, ModelError, ParameterError, did_you_mean, either
from gancam.frame import Image

Layout = Literal["nchw", "nhwc"]
Order = Literal["rgb", "bgr", "y"]
Kind = Literal["super_resolution", "translate", "faces", "inpaint", "morph", "background"]
MaskOne = Literal["hole", "known"]
Floats = NDArray[np.float32]
Answers: TypeAlias = Mapping[str, Any]
"""What a user said of a model, by the names of `Convention`'s entries; `checked` saw to the type of each."""
Constant: TypeAlias = float | str | list[float]
"""What a further input is given: a number, several, or the path of a picture or of numbers (.npy)."""
Tensor: TypeAlias = NDArray[Any]
"""A tensor in the graph's own dtype."""
OnnxModel: TypeAlias = Any
"""An ``onnx.ModelProto``; the package `onnx` is loaded only where a graph is adapted."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of red, green and blue in 0..1
# What is subtracted from a pixel of 0..255 (red, green, blue, and luma), and by what the rest is divided.
RANGES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0..1": ((0.0,) * 4, (255.0,) * 4),
    "0..255": ((0.0,) * 4, (1.0,) * 4),
    "-1..1": ((127.5,) * 4, (127.5,) * 4),
    "imagenet": (
        tuple(255 * one for one in (*_MEAN, 0.449)),
        tuple(255 * one for one in (*_STD, 0.226)),
    ),
    "imagenet255": (tuple(255 * one for one in (*_MEAN, 0.449)), (1.0,) * 4),
    "-0.5..0.5": ((127.5,) * 4, (255.0,) * 4),
}
LUMA = (0.114, 0.587, 0.299)  # of blue, green and red, ITU-R BT.601


@dataclass(frozen=True)
class Convention:
    """What a foreign graph takes and gives.

    Of a picture: its `effect`, `layout`, whether there is a `batch` axis, `channels` of the input, colour `order`,
    value `range` (a name of `RANGES`), the `output_order`, `output_range` and `output_layout`, the `scale`, and the
    `height` and `width` that it takes (0: any). `multiple` and `minimum` of its sides, `cut` pixels of the input that
    it drops at each border, `reach` (pixels of the input that an output pixel looks to each side; 0: everywhere).
    Of a network that carries something from frame to frame: `states` name, for inputs beside the picture, the output
    (or the picture's own input) that they are given with the next frame, and `state_sizes` into how many parts the
    picture's sides are divided for the first (0: one row and column). `frames` says how many it takes at once (1: one),
    and `frame` which of them comes out: those in front of it are the frames before, those behind it the same again;
    where it is 0, the newest comes first.
    `extras` are constants for further inputs (a number, several, or the path of a picture or a .npy), and `fourth` that
    of a fourth channel which is no mask. A `sigmoid` makes opacities of what comes out. Of one that fills: the name of
    its `mask` input ("" where the mask is a fourth channel), its `mask_layout` and `mask_dtype`, what 1 marks in it
    (`mask_one`), the values of 0 and 1 (`mask_range`), whether the mask is the first of four channels
    (`mask_first`), and how the hole is shown (`hole`: "zero" of the range, "black", or "any"). Of a generator:
    `latent` and `resolution`, and `spatial` where z has the shape ``(n, latent, 1, 1)``.

    `doubts` are said, in words, wherever the answer is.
    """

    effect: Kind = "translate"
    image: str = ""  # the name of the input that takes the picture, or the latent vector
    output: str = ""
    layout: Layout = "nchw"
    output_layout: Layout = "nchw"
    batch: bool = True
    dtype: str = "float32"
    channels: int = 3
    output_channels: int = 3
    order: Order = "rgb"
    output_order: Order = "rgb"
    range: str = "0..1"
    output_range: str = "0..1"
    scale: int = 1
    height: int = 0
    width: int = 0
    multiple: int = 1
    minimum: int = 1
    cut: int = 0
    reach: int = 0
    extras: Mapping[str, Constant] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    state_sizes: Mapping[str, int] = field(default_factory=dict)
    frames: int = 1
    frame: int = 0
    fourth: float = 1.0
    sigmoid: bool = False
    mask: str = ""
    mask_layout: str = "nchw"
    mask_dtype: str = "float32"
    mask_one: MaskOne = "hole"
    mask_range: str = "0..1"
    mask_first: bool = False
    hole: str = "any"
    latent: int = 0
    resolution: int = 0
    spatial: bool = False
    doubts: tuple[str, ...] = ()

    @property
    def fixed(self) -> bool:
        """Whether pictures of one size alone are taken."""
        return self.height > 0 and self.width > 0

    @property
    def recurrent(self) -> bool:
        """Whether anything is carried from frame to frame."""
        return bool(self.states) or self.frames > 1

    @property
    def squeezed(self) -> bool:
        """Whether frames are resized to the one size that is taken, as what makes masks of a whole picture needs."""
        return self.fixed and self.effect == "background"

    def doubted(self, *doubts: str) -> "Convention":
        """Give the same with more doubts."""
        return replace(self, doubts=(*self.doubts, *doubts))

    def describe(self) -> str:
        """One line for people: ``super_resolution x4, RGB 0..1 float32 NCHW, any size``."""
        if self.effect == "morph":
            return f"generator of {self.resolution}x{self.resolution} from {self.latent} numbers, {self._colours()}"
        size = f"{self.width}x{self.height} alone" if self.fixed else "any size"
        size = f"resized to {self.width}x{self.height}" if self.squeezed else size
        if not self.fixed and self.multiple > 1:
            size += f" (padded to multiples of {self.multiple})"
        what = f"super_resolution x{self.scale}" if self.effect == "super_resolution" else self.effect
        what = "background, by a mask of what is in front" if self.effect == "background" else what
        mask = f", mask 1 = {self.mask_one}" if self.effect == "inpaint" else ""
        more = {"fourth channel": self.fourth} if self.channels == 4 and self.effect != "inpaint" else {}
        constants: dict[str, Constant] = {**more, **self.extras}
        for name in self.states:
            constants.pop(name, None)
        given = "".join(f", {name} = {_short(value)}" for name, value in constants.items())
        return f"{what}, {self._colours()} {self.dtype} {self.layout.upper()}{mask}{given}{self._carried()}, {size}"

    def _carried(self) -> str:
        """What is carried from frame to frame, for people."""
        said = f", {', '.join(self.states)} from frame to frame" if self.states else ""
        return said + (f", the last {self.frame + 1 if self.frame else self.frames} frames" if self.frames > 1 else "")

    def _colours(self) -> str:
        takes = f"{self.order.upper()} {self.range}"
        gives = f"{self.output_order.upper()} {self.output_range}"
        if self.effect == "morph":
            return gives
        return takes if takes == gives else f"{takes} in, {gives} out"

    def to_toml(self) -> str:
        """All entries but the doubts, as a sidecar holds them."""
        lines = []
        for key, value in asdict(self).items():
            if key == "doubts" or isinstance(value, dict):
                continue
            lines.append(f"{key} = {json.dumps(value)}")  # what these are is written alike in TOML
        for table, entries in (("extras", self.extras), ("states", self.states), ("state_sizes", self.state_sizes)):
            if entries:
                lines.append(f"\n[{table}]")
                lines += [f'"{name}" = {json.dumps(value)}' for name, value in entries.items()]
        return "\n".join(lines) + "\n"


def _short(value: Constant) -> str:
    if isinstance(value, list):
        shown = ", ".join(format(one, ".3g") for one in value[:3])
        return f"[{shown}{', ...' if len(value) > 3 else ''}]"
    return value if isinstance(value, str) else format(value, ".3g")


NAMES = frozenset(one.name for one in fields(Convention)) - {"doubts"}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "effect": get_args(Kind), "layout": get_args(Layout), "output_layout": get_args(Layout), "order": get_args(Order),
    "output_order": get_args(Order), "range": tuple(RANGES), "output_range": tuple(RANGES),
    "mask_one": get_args(MaskOne), "mask_range": ("0..1", "0..255", "-0.5..0.5", "-1..1"),
    "hole": ("any", "zero", "black"), "mask_layout": ("nchw", "nhwc", "nhw", "hw"),
}  # fmt: skip


def checked(given: Mapping[str, object], where: str) -> Answers:
    """The entries `given` by a user, each known and of the right type; `where` begins the message.

    Raises ``ParameterError``.
    """
    plain = Convention()
    for key, value in given.items():
        if key not in NAMES:
            raise ParameterError(f"{where}: unknown entry {key!r}{did_you_mean(key, NAMES)}")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise ParameterError(f"{where}: {key} {value!r} must be {either(_CHOICES[key])}")
        kind = type(asdict(plain)[key])
        if kind is float and type(value) is int:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ParameterError(f"{where}: {key} {value!r} must be of type {kind.__name__}")
    return dict(given)


def sidecar(path: Path) -> Answers:
    """The entries of the TOML file beside the model `path`; none where there is no such file.

    Raises ``ModelError`` for a file that is no TOML, ``ParameterError`` for unknown or senseless entries.
    """
    file = path.with_suffix(".toml")
    try:
        found = checked(tomllib.loads(file.read_text(encoding="utf-8")), str(file))
        return _beside(found, path.parent)
    except FileNotFoundError:
        return {}
    except GancamError:
        raise
    except (OSError, *MALFORMED) as error:
        raise ModelError(f"{file} beside the model is no TOML: {error}") from error


def _beside(found: Answers, folder: Path) -> Answers:
    """`found` with the paths of pictures as the file in that folder means them."""
    if "extras" not in found:
        return found
    extras = {
        name: str(folder / value) if isinstance(value, str) else value if isinstance(value, list) else float(value)
        for name, value in found["extras"].items()
    }
    return {**found, "extras": extras}


def with_answers(convention: Convention, answers: Answers) -> Convention:
    """`convention` with those entries replaced; of `extras` those that are given."""
    if "extras" in answers:
        answers = {**answers, "extras": {**convention.extras, **answers["extras"]}}
    return replace(convention, **answers)


def encode(image: Image, convention: Convention) -> Tensor:
    """Turn a picture ``(h, w, 3)`` uint8 BGR into the tensor that `convention` has for it."""
    mean, deviation = RANGES[convention.range]
    pixels: Any = image.astype(np.float32)  # of float32 all along
    if convention.order == "y":
        pixels = np.asarray((pixels @ np.array(LUMA, np.float32))[..., None], np.float32)
        pixels = np.asarray((pixels - mean[3]) / deviation[3], np.float32)
    else:
        pixels = (pixels[..., ::-1] - np.array(mean[:3], np.float32)) / np.array(deviation[:3], np.float32)
        if convention.order == "bgr":
            pixels = pixels[..., ::-1]
    if convention.channels == 4:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], convention.fourth)], axis=2)
    if convention.dtype == "uint8":
        pixels = np.clip(np.round(pixels), 0, 255)
    return shaped(pixels, convention)


def shaped(pixels: Floats, convention: Convention) -> Tensor:
    """Planes ``(h, w, c)`` in the layout and type that `convention` says."""
    tensor = pixels.transpose(2, 0, 1) if convention.layout == "nchw" else pixels
    return np.ascontiguousarray(tensor[None] if convention.batch else tensor, np.dtype(convention.dtype))


def decode(tensor: Tensor, convention: Convention) -> Floats:
    """Turn a graph's output into a picture ``(h, w, 3)``, of luma ``(h, w, 1)``: float32 BGR in 0..255, not clipped."""
    pixels = np.asarray(tensor, np.float32)
    if convention.sigmoid:
        pixels = np.asarray(1 / (1 + np.exp(-np.clip(pixels, -60.0, 60.0))), np.float32)
    if convention.batch:
        pixels = pixels[0]
    pixels = pixels.transpose(1, 2, 0) if convention.output_layout == "nchw" else pixels
    mean, deviation = RANGES[convention.output_range]
    if pixels.shape[2] == 1:
        return np.asarray(pixels * np.float32(deviation[3]) + np.float32(mean[3]))
    pixels = pixels[..., :3]
    if convention.output_order == "bgr":
        pixels = pixels[..., ::-1]
    pixels = pixels * np.array(deviation[:3], np.float32) + np.array(mean[:3], np.float32)
    return np.ascontiguousarray(pixels[..., ::-1])


def coloured(luma: Floats, image: Image) -> Floats:
    """`luma` ``(h, w, 1)`` with the colours of `image`, enlarged to its size: ``(h, w, 3)`` BGR."""
    size = luma.shape[1], luma.shape[0]
    pixels = image.astype(np.float32)
    chroma = pixels - (pixels @ np.array(LUMA, np.float32))[..., None]
    if (chroma.shape[1], chroma.shape[0]) != size:
        chroma = np.asarray(cv2.resize(chroma, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(luma + chroma, np.float32)
