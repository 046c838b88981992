"""What type checkers and editors know of the effects: names of bundled models, and parameters as keyword arguments.

Only they read this; what is declared in the effects' ``Params`` is what holds, and a test keeps the two alike.
"""

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from gancam.masks import MaskLike
from gancam.masks.faces import Finder

Numbers: TypeAlias = (
    str | Sequence[float] | Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]] | NDArray[np.generic]
)
PathLike: TypeAlias = str | os.PathLike[str]

SuperResolutionName: TypeAlias = Literal[
    "restore-x1",
    "restore-x2",
    "restore-x2-best",
    "sr-faces-x4",
    "sr-x2",
    "sr-x2-best",
    "sr-x2-fast",
    "sr-x2-gan",
    "sr-x4",
    "sr-x4-best",
    "sr-x4-gan",
]
TranslateName: TypeAlias = Literal[
    "apple2tomato", "colorize", "sketch", "style-comic", "style-mosaic", "style-oil", "style-watercolour"
]
InpaintName: TypeAlias = Literal["inpaint"]
BackgroundName: TypeAlias = Literal["background"]
MorphName: TypeAlias = Literal["mnist", "morph-flowers", "morph-fruits"]


class ModelOptions(TypedDict, total=False):
    """How any model is opened."""

    device: str
    precision: str
    threads: int | None


class SuperResolutionOptions(ModelOptions, total=False):
    """Parameters of ``gancam.SuperResolution``."""

    strength: float
    stabilise: float
    clean: float
    threshold: float


class TranslateOptions(ModelOptions, total=False):
    """Parameters of ``gancam.Translate``."""

    strength: float
    work_size: int
    scale: float
    readable: float
    clarity: float
    faces: float
    colours: float
    stabilise: float
    anchor: Literal["scene", "frame"]
    region: Numbers
    mask: MaskLike
    outside: bool


class InpaintOptions(ModelOptions, total=False):
    """Parameters of ``gancam.Inpaint``."""

    mask: MaskLike
    invert: bool
    box: Numbers
    polygon: Numbers
    track: bool
    draw: bool
    key: str
    tolerance: float
    letters: Literal["auto", "on", "off"]
    faces: PathLike
    find: Literal["nothing", "overlay", "scratches"]
    from_: float
    to: float
    grow: int
    feather: int
    memory: bool
    ahead: bool
    texture: float
    save: PathLike


class BackgroundOptions(ModelOptions, total=False):
    """Parameters of ``gancam.Background``."""

    blur: float
    image: PathLike
    colour: str
    strength: float
    stabilise: float


class PictureOptions(SuperResolutionOptions, TranslateOptions, BackgroundOptions, total=False):
    """Parameters of any of these, for a name or a file of which a type checker does not know what plays it."""


class FacesOptions(ModelOptions, total=False):
    """Parameters of the effect of networks for faces, which are files."""

    strength: float
    detector: PathLike
    score: float
    most: int
    smallest: int
    steady: float
    find: Finder


class MorphOptions(ModelOptions, total=False):
    """Parameters of ``gancam.Morph``."""

    region: Numbers
    where: Literal["auto", "region", "object", "inside", "outside"]
    mask: MaskLike
    box: Numbers
    faces: PathLike
    colour: str
    draw: bool
    fit: Literal["auto", "contain", "cover", "stretch"]
    blend: Literal["normal", "screen", "add", "multiply", "overlay", "soft-light", "luminosity", "clone"]
    opacity: float
    feather: float
    shape: Literal["auto", "box", "ellipse", "cutout"]
    shadow: float
    speed: float
    seed: int
    keyframes: Numbers
    loop: float
    ease: Literal["linear", "smooth", "hold"]
    space: Literal["auto", "w", "z"]
    truncation: float
    mix: int
    mix_layer: int
    drive: Literal["time", "motion", "audio", "level"]
    level: float
    audio: PathLike
