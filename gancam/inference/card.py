"""What a model file says of itself. The card travels inside the .onnx as `metadata_props` under `gancam.*`.

Here is told, too, which models a parameter is for, by what their cards say.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin

from gancam.errors import MALFORMED, ModelError
from gancam.inference.figures import Figure, parse_figures
from gancam.params import Scope
from gancam.units import is_finite

PREFIX = "gancam."
_FORMERLY = {"working": "work_size"}  # fields of cards written before 0.2, and what they are called now
_FIGURES_FORMERLY = {"unrest": "temporal_noise"}
VERSION = 1  # of the contract below; a reader refuses newer ones
_SIDE = 8192  # pixels of a side at most
_RANGES = {  # that entries must lie in: what is opened is tried at the smallest size that it takes
    "scale": (1, 64), "minimum": (1, 2048), "multiple": (1, 1024), "receptive_field": (0, 1 << 16),
    "work_size": (0, _SIDE), "fixed_height": (0, _SIDE), "fixed_width": (0, _SIDE), "texture_step": (0, _SIDE),
    "latent": (0, 1 << 16), "layers": (0, 1024), "resolution": (0, _SIDE),
}  # fmt: skip
_SEEDS = 10**20  # that there may be
_OF_GENERATORS = ("latent", "layers", "resolution")  # that these need
Layout = Literal["image", "blocks", "cells", "latent", "masked", "recurrent"]
Keeps = Literal["nothing", "luma", "black"]
Strokes = Literal["any", "lines", "hatched", "laid", "panes"]
Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True)
class ModelCard:
    """The contract of one model file.

    ``layout`` says what the graph takes and gives; images are uint8 and channels last:

    - ``image``: ``(n, h, w, 3)`` BGR in, ``(n, h * scale, w * scale, 3)`` BGR out.
    - ``blocks``: ``(n, h, w, 4)`` BGR and an ignored byte in, ``(n, h, w, scale * scale * c)`` out: the sub-pixels of
      each input pixel, row by row, each of c = 3 (BGR) or 4 (BGR and an unused byte) bytes. It spares a CPU the
      shuffle inside the graph and lets every convolution meet the widths that the int8 kernels like; `Model` does the
      rest, so nobody else sees it.
    - ``cells``: ``(n, h / k, w / k, k * k * 4)`` in, the k x k pixels of each cell row by row, each BGR and an ignored
      byte; out as in ``blocks``, with k * scale for scale. k is told by the shape.
    - ``recurrent``: ``image (1, h, w, 3)`` BGR in, the next frame of one video, ``image_out`` BGR of `scale` times that
      size out; beside it ``first``, a bool that says that nothing came before, and any number of states, of which each
      comes out of ``NAME_out`` and goes into ``NAME`` with the next frame.
    - ``masked``: ``image (n, h, w, 3)`` BGR and ``hole (n, h, w)``, not 0 where to fill, in; ``(n, h, w, 3)`` BGR out,
      what was not to be filled unchanged to the byte, and what the image holds in the hole not looked at.
    - ``latent``: a generator, in two halves: ``z (n, latent)`` in, ``w (n, latent)`` out; ``ws (m, layers, latent)``
      in, ``image (m, resolution, resolution, 3)`` BGR out; and ``centre (1, latent)``, the mean w. All but the image
      are float32. The input of the half that is not wanted is empty (n or m = 0).

    A texture that is laid on all of a picture begins at its top left. Where ``texture_step`` is above 0, the graph has
    a constant ``place``, int64 (2,) of (0, 0): how far down and to the right in the texture the picture begins, in
    steps of so many input pixels. `ImageModel` makes it an input.
    """

    name: str
    effect: str  # a file of gancam/effects/
    scale: int = 1  # output pixels per input pixel along one side
    layout: Layout = "image"
    precision: Precision = "fp32"
    receptive_field: int = 0  # how far, in input pixels, an output pixel looks to each side; 0: everywhere
    minimum: int = 1  # smallest height and width taken
    multiple: int = 1  # height and width must be multiples of this
    fixed_height: int = 0  # of the only pictures that the graph takes; 0: any. `Model` cuts others into such tiles
    fixed_width: int = 0
    work_size: int = 0  # pixels of the longer side of pictures that it is best shown; 0: of any
    # what of the input the output still has: each pixel its luma; what is black, as a film's bars; or nothing certain
    keeps: Keeps = "nothing"
    # what it draws: lines along edges, hatching as well, or dabs, or panes of glass, laid on all of the picture
    strokes: Strokes = "any"
    texture_step: int = 0  # pixels by which the texture that it lays on pictures can be moved, see above; 0: it cannot
    latent: int = 0  # numbers in a z and in a w, for layout latent
    layers: int = 0  # how many w make a picture
    resolution: int = 0  # pixels along each side of a picture
    classes: tuple[str, ...] = ()  # names of the kinds of pictures; the largest of the last numbers of z chooses one
    seeds: tuple[int, ...] = ()  # of pictures worth showing: an endless walk goes from one of these to another
    parameters: int = 0  # weights of the network, after re-parameterisation
    licence: str = "unknown"  # of the weights, as the data they were trained on allows
    data: str = ""  # what it was trained on
    recipe: str = ""  # the name of the recipe that reproduces it
    commit: str = ""  # of the code that trained and exported it
    summary: str = ""  # one line for the menu
    defaults: Mapping[str, float] = field(default_factory=dict)  # what suits it of its effect's parameters
    # grey levels by which flat greys come out brighter, by their level; they are shown to it darker by as much
    brightens: Mapping[str, float] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)  # measured figures by name, this precision
    parity: Mapping[str, float] = field(default_factory=dict)  # this file against the network in PyTorch

    @property
    def restricted(self) -> bool:
        """Whether its licence allows no commercial use: it says NC, non-commercial or research."""
        return re.search(r"\bNC\b|non-?commercial|research", self.licence, re.IGNORECASE) is not None

    @property
    def recurrent(self) -> bool:
        """Whether what it makes of a frame depends on the frames before."""
        return self.layout == "recurrent"

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The measured figures of ``quality``, with metric and data set told apart."""
        return parse_figures(self.quality)

    def to_metadata(self) -> dict[str, str]:
        """Key and text pairs for ``metadata_props``; texts of other types are JSON."""
        entries = {"version": VERSION, **asdict(self)}
        return {PREFIX + key: value if isinstance(value, str) else json.dumps(value) for key, value in entries.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str = "model") -> "ModelCard":
        """The card in `metadata`; `where` names the file in messages.

        Raises ``ModelError`` when there is none, or when it is newer, incomplete or nonsense.
        """
        entries = {key.removeprefix(PREFIX): value for key, value in metadata.items() if key.startswith(PREFIX)}
        entries = {_FORMERLY.get(key, key): value for key, value in entries.items()}
        if "name" not in entries or "effect" not in entries:
            raise ModelError(f"{where} is an ONNX model without a gancam card: `gancam import` adds one")
        try:
            version = int(entries.pop("version", "1"))
        except ValueError:
            raise ModelError(f"{where}: its card's version is not a number") from None
        if version > VERSION:
            raise ModelError(
                f"{where}: its card has version {version}, this gancam reads up to {VERSION}: update gancam"
            )
        values = {entry.name: _parse(entry.type, entries[entry.name], f"{where}: its card's {entry.name}")
                  for entry in fields(cls) if entry.name in entries}  # fmt: skip
        for measured in ("quality", "parity"):  # a figure that is none plays no part: it is left out
            values[measured] = {key: one for key, one in values.get(measured, {}).items() if is_finite(one)}
        card = cls(**values)
        card._check(where)
        return card

    def _check(self, where: str) -> None:
        """Refuse what would make no sense, or take the machine's memory to find that out. Raises ``ModelError``."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if name in _OF_GENERATORS and self.layout == "latent":
                low = max(low, 1)
            if not low <= value <= high:
                wrong = f"under {low}" if value < low else f"above {high}"
                raise ModelError(f"{where}: its card's {name} is {value}, which is {wrong}")
        if (self.fixed_height == 0) != (self.fixed_width == 0):
            given, other = ("height", "width") if self.fixed_height else ("width", "height")
            raise ModelError(f"{where}: its card gives fixed_{given} without fixed_{other}")
        if not all(re.fullmatch("[0-9]{1,3}", level) and int(level) <= 255 for level in self.brightens):
            raise ModelError(f"{where}: its card's brightens has other keys than grey levels from 0 to 255")
        for name in ("defaults", "brightens"):
            for key, value in getattr(self, name).items():
                if not is_finite(value):
                    raise ModelError(f"{where}: its card's {name} has {value} for {key[:40]!r}: needs a number")
        if not self.effect.isidentifier():
            raise ModelError(f"{where}: its card's effect {self.effect!r} is not the name of an effect")
        if not all(0 <= seed < _SEEDS for seed in self.seeds):
            raise ModelError(f"{where}: its card's seeds have one that is below 0 or of more than 20 digits")
        if self.classes and len(self.classes) >= self.latent:
            raise ModelError(f"{where}: its card names {len(self.classes)} classes, and has latent {self.latent} alone")
        if re.search(r"[/\\:\0]", self.name) or self.name in (".", ".."):  # of which files are named
            raise ModelError(f"{where}: its card's name {self.name[:40]!r} must have no / or \\, nor : in it")


def _once_joined(text: str, kind: type[str] | type[int]) -> tuple[str | int, ...]:
    """Read a list as it was written before it was JSON: names joined by commas, numbers by /. Raises ``ValueError``."""
    if kind is str:
        return tuple(text.split(",")) if text else ()
    if not re.fullmatch(r"([0-9]{1,20}(/[0-9]{1,20})*)?", text):
        raise ValueError
    return tuple(map(int, text.split("/"))) if text else ()


def _parse(kind: Any, text: str, what: str) -> Any:
    try:
        if kind is str:
            return text
        if get_origin(kind) is Literal:
            if text in get_args(kind):
                return text
            raise ValueError
        if get_origin(kind) is tuple and not text.startswith("["):  # as older cards have lists
            return _once_joined(text, get_args(kind)[0])
        value = json.loads(text)
        if kind is int and type(value) is int:
            return value
        if get_origin(kind) is tuple and all(type(one) is get_args(kind)[0] for one in value):
            return tuple(value)
        if get_origin(kind) is Mapping and isinstance(value, dict):
            return {_FIGURES_FORMERLY.get(key, str(key)): float(number) for key, number in value.items()}
        raise ValueError
    except MALFORMED:
        raise ModelError(f"{what} is {text[:40]!r}, which makes no sense") from None


def scope(words: str, holds: Callable[[ModelCard], bool]) -> Scope:
    """Name the models that a parameter is for: in words, and by what their cards say."""
    return Scope(words, lambda card: isinstance(card, ModelCard) and holds(card))
