"""Somebody else's graph, opened on the CPU of a process of its own to be tried."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gancam.errors import ModelError, NotFound
from gancam.frame import Image
from gancam.inference.hardware import usable_cores
from gancam.inference.importing.convention import Convention, Floats, Tensor, coloured, decode, encode
from gancam.inference.importing.extras import constant, divided
from gancam.inference.importing.trial import TrialFailed, TrialProcess
from gancam.inference.packages import runtime

_NAMED = 3  # inputs and outputs that a message names
_TYPES = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8", "tensor(double)": "float64",
    "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(bool)": "bool",
}  # fmt: skip


@dataclass(frozen=True)
class Port:
    """An input or output.

    Attributes:
        name: Its name.
        dtype: Its numpy type, "" where it is no tensor of numbers.
        shape: Its sides, 0 for those that are free.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def is_picture(self) -> bool:
        """Whether a picture may go through: three or four axes of floats or bytes."""
        return len(self.shape) in (3, 4) and self.dtype in ("float32", "float16", "float64", "uint8")


class Foreign:
    """A graph without a card: its `inputs` and `outputs`, and `run`.

    Args:
        path: The file.
        process: That in which it runs; None: one of its own.
        name: The user's file, for messages; None: `path`.

    Raises:
        NotFound: There is no such file.
        ModelError: It is damaged, or no ONNX model.
        MissingExtra: ONNX Runtime is missing.
    """

    def __init__(self, path: Path, process: TrialProcess | None = None, name: Path | None = None) -> None:
        if not path.is_file():
            raise NotFound(f"no model file {path}")
        runtime()
        self.path, self.process, self.name = path, process or TrialProcess(), name or path
        inputs, outputs = self.process.open(path, usable_cores())
        self.inputs, self.outputs = [_port(*one) for one in inputs], [_port(*one) for one in outputs]
        self.runs = 0

    def described(self) -> str:
        """Its inputs and outputs, for messages."""

        def said(ports: list[Port]) -> str:
            shapes = [", ".join("any" if side == 0 else str(side) for side in one.shape) for one in ports[:_NAMED]]
            named = [f"{one.name} {one.dtype} ({shape})" for one, shape in zip(ports, shapes, strict=False)]
            more = f" and {len(ports) - _NAMED} more" if len(ports) > _NAMED else ""
            return ", ".join(named) + more

        return f"takes {said(self.inputs)}; gives {said(self.outputs)}"

    def run(self, given: dict[str, Tensor], output: str) -> Tensor:
        """One output. Raises `TrialFailed`."""
        self.runs += 1
        return self.process.run(self.path, usable_cores(), given, output)

    def extras(self, convention: Convention, picture: Tensor) -> dict[str, Tensor]:
        """What the other inputs are given beside the tensor of a `picture`: constants, and states as they begin."""
        ports = {one.name: one for one in self.inputs}
        found = {name: picture for name in convention.states if name in ports}
        for name, value in convention.extras.items():
            if name in ports:
                like = divided(picture.shape, convention.state_sizes.get(name, 1), convention.layout)
                found[name] = constant(value, ports[name].shape, like, convention, ports[name].dtype)
        return found

    def raw(self, tensor: Tensor, convention: Convention, states: Mapping[str, Tensor] | None = None) -> Tensor:
        """What the graph gives for a picture's tensor, as it comes. Raises `TrialFailed`."""
        beside = {**self.extras(convention, tensor), **(states or {})}
        return self.run({convention.image: tensor, **beside}, convention.output)

    def picture(self, image: Image, convention: Convention) -> Floats:
        """What the graph makes of `image` ``(h, w, 3)`` BGR: ``(h', w', 3)`` float32 BGR in 0..255, not clipped.

        Raises `TrialFailed`.
        """
        return self.shown(encode(image, convention), image, convention)

    def shown(
        self, tensor: Tensor, image: Image, convention: Convention, states: Mapping[str, Tensor] | None = None
    ) -> Floats:
        """The same of the tensor that `image` was turned into, with these `states` where they are not the first."""
        found = self.raw(tensor, convention, states)
        if found.ndim != 3 + convention.batch:
            raise TrialFailed(f"{convention.output} has shape {found.shape}")
        pixels = decode(found, convention)
        if pixels.shape[2] == 1:
            return coloured(pixels, image) if convention.order == "y" else np.repeat(pixels, 3, axis=2)
        return pixels


def asked(file: str | Path, options: str) -> str:
    """The command that says of a model file what `options` say."""
    return f"gancam import {shlex.quote(str(file))} {options}"


def _port(name: str, kind: str, shape: list[int]) -> Port:
    return Port(name, _TYPES.get(kind, ""), tuple(max(side, 0) for side in shape))


def refuse(graph: Foreign, tried: str, cure: str | None = None) -> ModelError:
    """The error for a graph that nothing fits: what it is, what was `tried` or found, and what would do.

    An empty `cure`: nothing would. None: it may be said what it is.
    """
    if cure is None:
        cure = (
            f"Say what it is, as in {asked(graph.name, '--effect translate --order rgb --range=0..1')}, or in a .toml "
            "file beside it (gancam import --help)"
        )
    return ModelError(f"{graph.name} is not understood: it {graph.described()}. Tried: {tried}. {cure}".rstrip())
