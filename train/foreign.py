"""Networks that were made elsewhere, read into PyTorch to be learnt from.

Images are RGB ``[NCHW]`` float in 0..1, in and out. Files are untrusted data: of ncnn's and PyTorch's
nothing is run but the layers and operations that are named here and in `train.exported`, and ONNX is OpenCV's to read.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train.exported import ExportedTeacher

HALF = 0x01306B47  # the flag that ncnn writes before weights of 16 bits
# what is raised by layers that are not described right
FAULTS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
RESIZE = {1: "nearest", 2: "bilinear", 3: "bicubic"}
ARITHMETIC: dict[int, Callable[[Tensor, Tensor | float], Tensor]] = {
    0: torch.add, 1: torch.sub, 2: torch.mul, 3: torch.div,
}  # fmt: skip


def teacher(path: Path) -> nn.Module:
    """Read the network of `path`, frozen.

    It is ncnn's (``.param``, its weights beside it in ``.bin``), ONNX (float in and out) or PyTorch's (``.pt2``, as
    ``torch.export.save`` writes it for dynamic sizes).

    ``forward``: ``(n, 3, h, w)`` float in 0..1 -> ``(n, 3, h * k, w * k)`` float, k its own scale. Raises
    ``FileNotFoundError``, and ``ValueError`` for another kind of file or a layer that is not known here.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no teacher {path}: give an ncnn .param, an .onnx or a .pt2 file")
    match path.suffix:
        case ".param":
            network: nn.Module = Ncnn(path)
        case ".onnx":
            network = OnnxTeacher(path)
        case ".pt2":
            network = ExportedTeacher(path)
        case _:
            raise ValueError(f"teacher {path}: {path.suffix!r} must be .param (ncnn), .onnx or .pt2 (torch.export)")
    return network.eval().requires_grad_(False)


class Ncnn(nn.Module):
    """A network in ncnn's text and weights.

    Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure, of which what restoration networks are
    made of: convolutions, PReLU, pixel shuffles, resizing and sums.

    ``forward``: ``(n, c, h, w)`` float -> what the last layer gives, float. One input, one output. Raises
    ``ValueError`` for pictures that its layers do not take.

    Raises ``ValueError``, which names the line, for a text that is none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        if lines[0].strip() != "7767517":
            raise ValueError(f"{path} is not an ncnn text: it begins with {lines[0][:20]!r}, not with 7767517")
        weights = _Weights(path.with_suffix(".bin"))
        self.layers = nn.ModuleList()
        self._wires: list[tuple[list[str], list[str]]] = []  # names in and out of each layer
        for number, line in enumerate(lines[2:], 3):
            if not (words := line.split()):
                continue
            try:
                self._add(words, weights)
            except FAULTS as error:
                if str(path.with_suffix("")) in str(error):  # it says all that there is to say
                    raise
                raise ValueError(f"{path}, line {number}, is not a layer of ncnn: {line.strip()[:120]!r}") from error
        weights.finish()

    def _add(self, words: list[str], weights: "_Weights") -> None:
        """Add the layer of one line: its kind, its name, how many it takes and gives, their names, and its options."""
        kind, _, takes, gives = words[0], words[1], int(words[2]), int(words[3])
        names, rest = words[4 : 4 + takes + gives], words[4 + takes + gives :]
        options = {int(key): value for key, value in (word.split("=") for word in rest)}
        if len(names) != takes + gives or not set(names[:takes]) <= {one for _, made in self._wires for one in made}:
            raise ValueError("it takes what none before it gives")
        self.layers.append(_layer(kind, options, weights, self._path))
        self._wires.append((names[:takes], names[takes:]))

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the layers in the file's order."""
        held: dict[str, Tensor] = {}
        try:
            for layer, (takes, gives) in zip(self.layers, self._wires, strict=True):
                y = layer(*(held[name] for name in takes)) if takes else x
                held |= dict.fromkeys(gives, y)
            return y.float()
        except FAULTS as error:
            raise ValueError(_cannot_run(self._path, x, error)) from error


class _Weights:
    """A .bin file, read from front to back."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"no weights {path} beside its .param")
        self._path, self._data, self._at = path, path.read_bytes(), 0

    def plain(self, count: int) -> Tensor:
        return self._take(count, np.dtype("<f4"))

    def flagged(self, count: int) -> Tensor:
        flag = int.from_bytes(self._data[self._at : self._at + 4], "little")
        self._at += 4
        if flag not in (0, HALF):
            raise ValueError(f"{self._path}: weights with the flag {flag:#x} are neither fp32 nor fp16")
        return self._take(count, np.dtype("<f2" if flag else "<f4"))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise ValueError(f"{self._path} has {len(self._data)} bytes, of which its .param describes {self._at}")

    def _take(self, count: int, kind: np.dtype[Any]) -> Tensor:
        size = count * kind.itemsize
        if self._at + size > len(self._data):
            raise ValueError(f"{self._path} ends at {len(self._data)} bytes: its .param describes more")
        values: NDArray[np.float32] = np.frombuffer(self._data, kind, count, self._at).astype(np.float32)
        self._at += size + -size % 4
        return torch.from_numpy(values)


class _Call(nn.Module):
    """A layer without weights."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._function(*inputs)


def _layer(kind: str, options: dict[int, str], weights: _Weights, path: Path) -> nn.Module:

    def number(key: int, other: int = 0) -> int:
        return int(options.get(key, other))

    match kind:
        case "Input" | "Split" | "Noop":
            return nn.Identity()
        case "Convolution":
            return _convolution(number, weights, path)
        case "PReLU":
            prelu = nn.PReLU(number(0))
            prelu.weight.data = weights.plain(number(0))
            return prelu
        case "ReLU":
            return nn.LeakyReLU(float(options.get(0, 0.0)))
        case "PixelShuffle" if number(1) == 0:
            return nn.PixelShuffle(number(0))
        case "Interp" if number(0) in RESIZE and not number(6):
            return _resize(RESIZE[number(0)], float(options.get(2, 1.0)))
        case "BinaryOp" if number(0) in ARITHMETIC:
            function = ARITHMETIC[number(0)]
            if number(1):
                scalar = float(options.get(2, 0.0))
                return _Call(lambda x: function(x, scalar))
            return _Call(lambda a, b: function(a.float(), b.float()))
    raise ValueError(f"{path}: the layer {kind} {options} is not known here")


def _convolution(number: Callable[..., int], weights: _Weights, path: Path) -> nn.Module:
    cout, size, step, pad = number(0), number(1), number(3, 1), number(4)
    if number(11, size) != size or number(13, step) != step or number(14, pad) != pad or number(9) not in (0, 1):
        raise ValueError(f"{path}: a Convolution that is not square, or has activation {number(9)}, is not known here")
    cin = number(6) // (cout * size * size)
    convolution = nn.Conv2d(cin, cout, size, step, pad, dilation=number(2, 1), bias=bool(number(5)))
    convolution.weight.data = weights.flagged(number(6)).view(cout, cin, size, size)
    if convolution.bias is not None:
        convolution.bias.data = weights.plain(cout)
    return nn.Sequential(convolution, nn.ReLU()) if number(9) else convolution


def _resize(way: str, factor: float) -> nn.Module:
    corners = None if way == "nearest" else False
    return _Call(lambda x: F.interpolate(x.float(), scale_factor=factor, mode=way, align_corners=corners))


class OnnxTeacher(nn.Module):
    """An ONNX file that takes ``(n, 3, h, w)`` float and gives ``(n, 3, h * k, w * k)`` float.

    OpenCV runs it, on the CPU. Raises ``ValueError`` for what it cannot read, or run.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise ValueError(f"{path} is not an ONNX file that OpenCV can read: {error.err}") from error

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the file."""
        try:
            self._network.setInput(x.float().cpu().numpy())
            return torch.from_numpy(np.array(self._network.forward(), np.float32)).to(x.device)
        except cv2.error as error:
            raise ValueError(_cannot_run(self._path, x, error)) from error


def _cannot_run(path: Path, x: Tensor, error: Exception) -> str:
    return f"{path} cannot be run on {tuple(x.shape)}: {' '.join(str(error).split())[:160]}"
