"""PyTorch's .pt2 files (``torch.export.save``), read without ``torch.export.load``.

That may run whatever a file asks for: it falls back to pickles that build any object, calls any function of PyTorch's
modules that the graph names, and compiles conditions that are written in Python. Here the graph is walked, its tensors
are read as plain bytes, and of its operations those of `OPERATIONS` are called, which compute and do nothing else.
"""

import json
import operator
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

MOST = 4 << 30  # bytes that a file may hold
OPERATIONS = {
    "abs", "adaptive_avg_pool2d", "add", "addmm", "amax", "amin", "arange", "avg_pool2d", "batch_norm", "bmm",
    "cat", "ceil", "chunk", "clamp", "clamp_max", "clamp_min", "clone", "constant_pad_nd", "contiguous", "conv2d",
    "conv_transpose2d", "convolution", "detach", "detach_", "div", "dropout", "einsum", "elu", "exp", "expand",
    "expand_as", "flatten", "flip", "floor", "full", "full_like", "gelu", "grid_sampler", "group_norm",
    "hardsigmoid", "hardswish", "hardtanh", "instance_norm", "layer_norm", "leaky_relu", "lift_fresh_copy",
    "linear", "log", "matmul", "max_pool2d", "maximum", "mean", "minimum", "mish", "mm", "mul", "narrow",
    "native_group_norm", "native_layer_norm", "neg", "ones", "ones_like", "pad", "permute", "pixel_shuffle",
    "pixel_unshuffle", "pow", "prelu", "reflection_pad2d", "relu", "relu6", "repeat", "replication_pad2d",
    "reshape", "roll", "round", "rsqrt", "rsub", "scaled_dot_product_attention", "select", "selu", "sigmoid",
    "silu", "slice", "softmax", "softplus", "split", "split_with_sizes", "sqrt", "square", "squeeze", "stack",
    "sub", "sum", "sym_size", "t", "tanh", "to", "transpose", "type_as", "unbind", "unflatten", "unsqueeze",
    "upsample_bicubic2d", "upsample_bilinear2d", "upsample_nearest2d", "var", "view", "where", "zeros",
    "zeros_like", "_native_batch_norm_legit_no_training", "_softmax", "_to_copy", "_unsafe_view",
    "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa",
}  # fmt: skip
ARITHMETIC: dict[str, Callable[..., Any]] = {  # of sizes
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floordiv": operator.floordiv, "mod": operator.mod,
    "neg": operator.neg, "truediv": operator.truediv,
}  # fmt: skip
DTYPES = {  # by the numbers of the format (torch/_export/serde/schema.py)
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16, 7: torch.float32,
    8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
# of what is no such file, or a damaged one
FAULTS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, AttributeError, LookupError, TypeError)
Values = dict[str, Any]


class ExportedTeacher(nn.Module):
    """The network of a .pt2 file, on the CPU.

    ``forward``: ``(n, c, h, w)`` float -> what the file's only output is. Raises ``ValueError`` for sizes that it was
    not exported for.

    Raises ``ValueError`` for what is no such file, holds pickled tensors or one that is not described right, asks for
    an operation that is not in `OPERATIONS`, or has more than one input or output.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(one.file_size for one in archive.infolist()) > MOST:
                    raise ValueError(f"it holds more than {MOST / 2**30:g} GiB")
                self._read(_Files(archive))
        except FAULTS as error:
            said = " ".join(str(error).split())[:120]
            raise ValueError(
                f"{path} is not a complete .pt2 of torch.export.save: {said or type(error).__name__}"
            ) from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}; an .onnx file would do") from error

    def _read(self, files: "_Files") -> None:
        model = json.loads(files.read("models/model.json"))["graph_module"]
        self._nodes = [_node(one) for one in model["graph"]["nodes"] if one["outputs"]]  # others assert something
        given, stored = [], files.tensors("weights") | files.tensors("constants")
        self._stored: dict[str, str] = {}  # names of buffers by those in the graph
        for spec in model["signature"]["input_specs"]:
            ((kind, said),) = spec.items()
            if kind == "user_input":
                given.append(said["arg"]["as_tensor"]["name"])
                continue
            buffer = f"tensor{len(self._stored)}"
            self._stored[said["arg"]["name"]] = buffer
            self.register_buffer(buffer, stored[said[f"{kind}_name"]])
        outputs = model["graph"]["outputs"]
        if len(given) != 1 or len(outputs) != 1:
            raise ValueError(
                f"its network has {len(given)} inputs and {len(outputs)} outputs: it must have one of each"
            )
        self._given, self._made = given[0], outputs[0]["as_tensor"]["name"]
        self._last = {name: index for index, node in enumerate(self._nodes) for name in node.uses}

    def forward(self, x: Tensor) -> Tensor:
        """Run the operations in the file's order."""
        held: Values = {name: self.get_buffer(buffer) for name, buffer in self._stored.items()}
        held[self._given] = x
        try:
            for index, node in enumerate(self._nodes):
                node.run(held)
                for name in node.uses:
                    if self._last[name] == index and name != self._made:
                        held.pop(name, None)
        except (RuntimeError, LookupError, TypeError) as error:
            said = " ".join(str(error).split())[:160]
            raise ValueError(
                f"{self._path} cannot be run on {tuple(x.shape)}: {said}; export it with dynamic_shapes for all but "
                "the colours"
            ) from error
        y: Tensor = held[self._made].float()
        return y


class _Files:
    """The files of a .pt2 by their names within its one folder."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = [name for name in archive.namelist() if name.endswith("/models/model.json")]
        if len(names) != 1:
            raise ValueError("it holds no network in the form of PyTorch 2.9 or newer: save it again with such a one")
        self._folder = names[0].removesuffix("models/model.json")
        if self.read("byteorder") != b"little":
            raise ValueError("its tensors are not in little-endian order")

    def read(self, name: str) -> bytes:
        return self._archive.read(self._folder + name)

    def tensors(self, what: str) -> dict[str, Tensor]:
        """Those of ``weights`` or ``constants`` by their names in the network."""
        table = json.loads(self.read(f"data/{what}/model_{what}_config.json"))["config"]
        return {name: self._tensor(what, name, about) for name, about in table.items()}

    def _tensor(self, what: str, name: str, about: Mapping[str, Any]) -> Tensor:
        if about["use_pickle"] or about["tensor_meta"] is None:
            raise ValueError(f"{name} is pickled, and pickles may run any program: they are not read")
        meta = about["tensor_meta"]
        sizes, strides = ([_whole(one) for one in meta[key]] for key in ("sizes", "strides"))
        data, dtype = bytearray(self.read(f"data/{what}/{about['path_name']}")), DTYPES[meta["dtype"]]
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.zeros(0, dtype=dtype)
        return torch.as_strided(flat, sizes, strides, _whole(meta["storage_offset"])).clone()


def _whole(said: Mapping[str, Any]) -> int:
    return int(said["as_int"])


class _Node:
    """One operation: what it is called with, and the names of what it gives."""

    def __init__(
        self, function: Callable[..., Any], inputs: list[tuple[str, Any]], gives: list[Any], *, named: bool
    ) -> None:
        self._function, self._inputs, self._gives, self._named = function, inputs, gives, named
        self.uses = {name for _, said in inputs for name in _names(said)}

    def run(self, held: Values) -> None:
        """Compute it of what is `held`, where its own is put, too."""
        if self._named:
            made = self._function(**{name: _value(said, held) for name, said in self._inputs})
        else:
            made = self._function(*(_value(said, held) for _, said in self._inputs))
        for gives, one in zip(self._gives, [made] if len(self._gives) == 1 else made, strict=True):
            names = list(_names(gives))
            held |= zip(names, one if "as_tensors" in gives else [one], strict=True)


def _node(said: Mapping[str, Any]) -> _Node:
    target = str(said["target"])
    inputs = [(str(one["name"]), one["arg"]) for one in said["inputs"]]
    match target.split("."):
        case ["torch", "ops", "aten", name, overload] if _is_plain(name, overload):
            function = getattr(getattr(torch.ops.aten, name), overload)
            return _Node(function, inputs, said["outputs"], named=True)
        case ["_operator", name] if name in ARITHMETIC:
            return _Node(ARITHMETIC[name], inputs, said["outputs"], named=False)
    raise ValueError(f"it asks for {target[:60]}, which is not among what is computed here")


def _is_plain(name: str, overload: str) -> bool:
    known = name in OPERATIONS or name.removesuffix("_") in OPERATIONS
    return known and "out" not in overload and overload in getattr(torch.ops.aten, name).overloads()


def _names(said: Any) -> Iterator[str]:
    """The names of values in what describes an argument or a result."""
    if isinstance(said, dict):
        for key, value in said.items():
            if key in ("name", "as_name"):
                yield value
            else:
                yield from _names(value)
    elif isinstance(said, list):
        for one in said:
            yield from _names(one)


def _value(said: Mapping[str, Any], held: Values) -> Any:
    """An argument: of what is `held` where it has a name."""
    ((kind, value),) = said.items()
    match kind:
        case "as_none":
            return None
        case "as_int" | "as_float" | "as_bool" | "as_string" | "as_ints" | "as_floats" | "as_bools":
            return value
        case "as_tensor":
            return held[value["name"]]
        case "as_name":
            return held[value]
        case "as_tensors":
            return [held[one["name"]] for one in value]
        case "as_optional_tensors" | "as_sym_ints" | "as_sym_floats":
            return [_value(one, held) for one in value]
        case "as_sym_int" | "as_sym_float" | "as_sym_bool":
            return _value(value, held)
        case "as_scalar_type":
            return DTYPES[value]
        case "as_memory_format":
            return FORMATS[value]
        case "as_layout" if value == 7:
            return torch.strided
        case "as_device":
            return torch.device("cpu")
    raise ValueError(f"an argument of the kind {kind} is not known here")
