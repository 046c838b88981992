"""The fp16 variant of a model, made of its fp32 file when it is opened: no file of its own repeats the weights.

Which part of a graph computes in 16 bits, its exporter says: a Cast from float32 to float32, which does nothing in
fp32, stands where 16 bits begin and where they end. A graph from pixels to pixels that has none computes in them
throughout; what numbers in float32 go into or come out of does not. Within, an operator that adds up many values or
leaves the range of 16 bits (means, norms, softmax, powers, roots, logarithms) still computes in float32.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from gancam.errors import ModelError
from gancam.inference.card import PREFIX, ModelCard
from gancam.inference.protobuf import Value, read_fields, read_text, write_field

RULES = 1  # another number where another graph is made of the same file
_FLOAT, _INT64, _FLOAT16 = 1, 7, 10  # of TensorProto.DataType
_SAFE = {  # operators that compute in 16 bits
    "Add", "Cast", "Clip", "Concat", "Conv", "ConvTranspose", "DepthToSpace", "Floor", "Gather", "Gemm", "HardSigmoid",
    "HardSwish", "Identity", "LeakyRelu", "MatMul", "Max", "Min", "Mul", "PRelu", "Pad", "Relu", "Reshape", "Resize",
    "Round", "Shape", "Sigmoid", "Slice", "SpaceToDepth", "Split", "Squeeze", "Sub", "Tanh", "Tile", "Transpose",
    "Unsqueeze",
}  # fmt: skip
_OTHERS = {  # those of which is known besides what type they give
    "ArgMax", "AveragePool", "Div", "Exp", "GlobalAveragePool", "Log", "Mod", "Neg", "OneHot", "Reciprocal",
    "ReduceMean", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Softmax", "Sqrt", "Where",
}  # fmt: skip
_TYPED_BY = {"Where": 1, "OneHot": 2}  # the input that has the type of the output; of others it is the first
_ALWAYS_FLOAT = {"Resize": (1, 2)}  # inputs that are float32 whatever the first one is
_Fields: TypeAlias = list[tuple[int, Value]]


def to_fp16(model: bytes, where: str = "model") -> bytes:
    """Make the fp16 variant of an fp32 model: both the content of an ONNX file, with the same inputs and outputs.

    Constants are rounded to 16 bits; those that are stored in 16 bits and widened by a Cast are taken as they are.

    Args:
        model: The fp32 model.
        where: The name of its file, for messages.

    Raises:
        ModelError: It has no card, nothing in it is for 16 bits, a constant is too large for them, or it has an
            operator of which is not known here what type it gives.
    """
    fields: _Fields = []
    entries: dict[str, str] = {}
    made = b""
    try:
        for number, value in read_fields(memoryview(model)):
            if number == 14 and isinstance(value, memoryview):
                pair = dict(read_fields(value))
                entries[read_text(pair.get(1, b""))] = read_text(pair.get(2, b""))
            elif number == 7 and isinstance(value, memoryview):
                made = _Graph(value).halved()
            else:
                fields.append((number, value))
    except (ValueError, IndexError, KeyError) as error:
        raise ModelError(f"{where}: no fp16 can be made of it: {error}") from None
    card = fp16_card(ModelCard.from_metadata(entries, where))
    entries = {key: text for key, text in entries.items() if not key.startswith(PREFIX)} | card.to_metadata()
    told = [(14, _written([(1, key.encode()), (2, text.encode())])) for key, text in entries.items()]
    return _written([*fields, (7, made), *told])


def fp16_card(card: ModelCard) -> ModelCard:
    """Give the card of what `to_fp16` makes: that of the fp32 file, but for what was measured of that."""
    return replace(card, precision="fp16", quality={}, parity={})


def _written(fields: Iterable[tuple[int, Value]]) -> bytes:
    return b"".join(write_field(number, value) for number, value in fields)


@dataclass
class _Node:
    """An operator, the names of its inputs and outputs, and, of a Cast, the type that it gives."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    to: int
    others: _Fields

    @classmethod
    def read(cls, data: memoryview) -> "_Node":
        made = cls("", [], [], 0, [])
        fields = list(read_fields(data))
        made.operator = next((read_text(value) for number, value in fields if number == 4), "")
        for number, value in fields:
            if number in (1, 2):
                (made.inputs if number == 1 else made.outputs).append(read_text(value))
            elif number == 5 and made.operator == "Cast" and isinstance(value, memoryview):
                to = dict(read_fields(value)).get(3)
                made.to = to if isinstance(to, int) else 0
            elif number != 4:
                made.others.append((number, value))
        return made

    def written(self) -> bytes:
        named = [*((1, one.encode()) for one in self.inputs), *((2, one.encode()) for one in self.outputs)]
        fields: _Fields = [*named, (4, self.operator.encode()), *self.others]
        if self.operator == "Cast":
            fields.append((5, _written([(1, b"to"), (3, self.to), (20, 2)])))  # 2: an attribute that is a number
        return _written(fields)


@dataclass
class _Constant:
    """A tensor of the file, and the values of it in float32, where it has such."""

    kind: int
    fields: _Fields
    values: memoryview | None

    @classmethod
    def read(cls, data: memoryview) -> "tuple[str, _Constant]":
        fields: _Fields = list(read_fields(data))
        about = dict(fields)
        kind, values = about.get(2), about.get(9, about.get(4))
        made = cls(kind if isinstance(kind, int) else 0, fields, None)
        if kind == _FLOAT and isinstance(values, memoryview):
            made.values = values
        return read_text(about.get(8, b"")), made

    def halved(self, name: str) -> bytes:
        """It in 16 bits, under that name."""
        if self.values is None:
            raise ValueError(f"the values of {name} are held in a way that is not read here")
        with np.errstate(over="ignore"):
            values = np.frombuffer(self.values, "<f4").astype("<f2")
        if np.isinf(values).any():
            raise ValueError(f"values of {name} are too large for 16 bits")
        sides = [(number, value) for number, value in self.fields if number == 1]
        return _written([*sides, (2, _FLOAT16), (8, name.encode()), (9, values.tobytes())])


class _Graph:
    """The graph of a model, and which of its tensors are for 16 bits."""

    def __init__(self, data: memoryview) -> None:
        self._nodes: list[_Node] = []
        self._constants: dict[str, _Constant] = {}
        self._others: _Fields = []
        self._ports: dict[str, int] = {}  # inputs and outputs, and their types
        for number, value in read_fields(data):
            if not isinstance(value, memoryview):
                raise ValueError("it is damaged")
            if number == 1:
                self._nodes.append(_Node.read(value))
            elif number == 5:
                name, constant = _Constant.read(value)
                self._constants[name] = constant
            elif number != 13:  # which says again what types tensors have
                self._others.append((number, value))
                if number in (11, 12):
                    self._ports.update([_port(value)])
        self._kinds = self._ports | {name: one.kind for name, one in self._constants.items()}
        self._stored: dict[str, str] = {}  # constants in float32 by name, and the one in 16 bits that each is cast from
        self._towards: dict[str, str] = {}  # from tensor to tensor, of all that must be of one type to the same
        self._fences: list[tuple[str, str]] = []
        for node in self._nodes:
            self._see(node)
        self._half = self._regions()

    def halved(self) -> bytes:
        """The same graph with what is for 16 bits in them, as the content of a field."""
        nodes: list[_Node] = []
        for node in self._nodes:
            if not any(map(self._is_half, node.inputs + node.outputs)):
                nodes.append(node)
            elif node.operator == "Cast":
                to = _FLOAT16 if self._is_half(node.outputs[0]) else node.to
                nodes.append(replace(node, to=to))
            elif node.operator in _SAFE:
                kept = _ALWAYS_FLOAT.get(node.operator, ())
                inputs = [name if place in kept else self._in_half(name) for place, name in enumerate(node.inputs)]
                nodes.append(replace(node, inputs=inputs))
            else:
                nodes += self._widened(node)
        read = {name for node in nodes if node.outputs[0] not in self._stored for name in node.inputs}
        nodes = [node for node in nodes if node.outputs[0] not in self._stored or node.outputs[0] in read]
        read |= {name for node in nodes for name in node.inputs} | set(self._ports)
        made: _Fields = [(1, node.written()) for node in nodes]
        for name, constant in self._constants.items():
            if name in read:
                made.append((5, _written(constant.fields)))
            if (half := _named(name)) in read and half not in self._constants:
                made.append((5, constant.halved(half)))
        return _written([*made, *self._others])

    def _see(self, node: _Node) -> None:
        """Find the types of what `node` gives, and what must be of the same type."""
        if node.operator not in _SAFE | _OTHERS:
            raise ValueError(f"nothing is known here of the operator {node.operator}")
        inputs = [name for name in node.inputs if name]
        if node.operator == "Cast":
            (given,), (made,) = inputs, node.outputs
            self._kinds[made] = node.to
            if node.to == _FLOAT and given in self._constants and self._kinds[given] == _FLOAT16:
                self._stored[made] = given
            elif node.to == _FLOAT and self._flows(given):
                self._fences.append((given, made))
            return
        kind = self._kinds[inputs[_TYPED_BY.get(node.operator, 0)]]
        self._kinds |= dict.fromkeys(node.outputs, _INT64 if node.operator in ("Shape", "ArgMax") else kind)
        flowing = [name for name in inputs + node.outputs if self._flows(name)]
        for name in flowing[1:]:
            if (one := self._root(name)) != (other := self._root(flowing[0])):
                self._towards[one] = other

    def _flows(self, name: str) -> bool:
        """Whether it is a tensor in float32 that is no constant."""
        return self._kinds.get(name) == _FLOAT and name not in self._constants and name not in self._stored

    def _root(self, name: str) -> str:
        """The one that stands for all that must be of the type of `name`."""
        passed = []
        while name in self._towards:
            passed.append(name)
            name = self._towards[name]
        self._towards |= dict.fromkeys(passed, name)  # or chains grow as long as the graph
        return name

    def _regions(self) -> set[str]:
        """The tensors that stand for all of one type, where that is to be of 16 bits."""
        ends = {self._root(name) for name in self._ports if self._flows(name)}
        if not self._fences:
            half = {self._root(name) for name in self._kinds if self._flows(name)} - ends
        else:
            ends |= {self._root(node.outputs[0]) for node in self._nodes
                     if node.operator == "Cast" and node.to == _FLOAT and node.inputs[0] in self._ports}  # fmt: skip
            half = self._between(ends)
        if not half:
            raise ValueError("nothing in it is for 16 bits")
        return half

    def _between(self, ends: set[str]) -> set[str]:
        """What lies behind an odd number of fences from `ends`."""
        is_half = dict.fromkeys(ends, False)
        pairs = [(self._root(one), self._root(other)) for one, other in self._fences]
        for _ in pairs:
            for one, other in [*pairs, *((other, one) for one, other in pairs)]:
                if one in is_half and is_half.setdefault(other, not is_half[one]) == is_half[one]:
                    raise ValueError("it does not say where 16 bits begin and end")
        return {name for name, yes in is_half.items() if yes}

    def _is_half(self, name: str) -> bool:
        return self._flows(name) and self._root(name) in self._half

    def _in_half(self, name: str) -> str:
        """The name of an input in 16 bits; a constant in float32 has another then."""
        if name in self._stored:
            return self._stored[name]
        return _named(name) if name in self._constants and self._kinds[name] == _FLOAT else name

    def _widened(self, node: _Node) -> list[_Node]:
        """`node` in float32, between what is in 16 bits."""
        where = f"{node.outputs[0]}_wide"  # names that no other node takes
        wide = {name: f"{where}_{name}" for name in node.inputs + node.outputs if self._is_half(name)}
        inputs, outputs = ([wide.get(name, name) for name in names] for names in (node.inputs, node.outputs))
        before = [_Node("Cast", [name], [wide[name]], _FLOAT, []) for name in wide if name in node.inputs]
        after = [_Node("Cast", [wide[name]], [name], _FLOAT16, []) for name in wide if name in node.outputs]
        return [*before, replace(node, inputs=inputs, outputs=outputs), *after]


def _named(name: str) -> str:
    """The name of a constant in 16 bits, as `export.storage` gives it."""
    return f"{name}_half"


def _port(data: memoryview) -> tuple[str, int]:
    """Name and type of an input or output."""
    about = dict(read_fields(data))
    kind: Value = about.get(2, b"")
    for _ in range(2):  # of a tensor, which is of a type
        kind = dict(read_fields(kind)).get(1, b"") if isinstance(kind, memoryview) else 0
    return read_text(about.get(1, b"")), kind if isinstance(kind, int) else 0
