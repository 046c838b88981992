"""python -m export.tflite FILE.tflite -o background.onnx: a TensorFlow Lite network that finds people, as a model file.

Made for MediaPipe's selfie segmentation (Apache-2.0; the npm package @mediapipe/selfie_segmentation has it); takes the
operators that it is made of and refuses others by name. Needs the package `tflite`, which reads the format. Formulas
are those of https://github.com/tensorflow/tensorflow/tree/master/tensorflow/lite/kernels/internal/reference.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export import storage
from gancam.errors import GancamError, MissingExtra, ModelError
from gancam.inference.card import ModelCard
from train.program import Parser, fail

SAME = 0  # padding
_KINDS = {0: np.float32, 1: np.float16, 2: np.int32}  # of tensors, by number
_DEEP = (3, 0, 1, 2)  # (out, h, w, in) of a convolution's weights, as ONNX has them: (out, in, h, w)


class Converter:
    """A TensorFlow Lite graph of images, operator by operator: channels last there, first here.

    Args:
        data: The file.

    Raises:
        ModelError: It is no such file, or has an operator that is not known here.
    """

    def __init__(self, data: bytes) -> None:
        try:
            import tflite
        except ImportError:
            raise MissingExtra("TensorFlow Lite files need the package tflite: pip install tflite") from None

        if data[4:8] != b"TFL3":
            raise ModelError("no TensorFlow Lite file")
        self._lite = tflite
        self._model = tflite.Model.GetRootAsModel(data, 0)
        self._graph = self._model.Subgraphs(0)
        self._constants: dict[int, NDArray[Any]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, NDArray[Any]] = {}
        names = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
        self._names = names

    def convert(self, image: str) -> str:
        """Add the nodes of the whole graph to `nodes`, from the tensor `image` on; the name of what comes out."""
        assert self._graph.InputsLength() == self._graph.OutputsLength() == 1
        self._image = {self._graph.Inputs(0): image}
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            name = self._name(operator)
            write = _OPERATORS.get(name)
            if write is None:
                raise ModelError(f"operator {name} is not one of {', '.join(sorted(_OPERATORS))}")
            write(self, operator)
        return self.tensor(self._graph.Outputs(0))

    def _name(self, operator: Any) -> str:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        name = self._names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return str(code.CustomCode().decode()) if name == "CUSTOM" else name

    def tensor(self, index: int) -> str:
        """Name a tensor by its number."""
        return self._image.get(index, f"t{index}")

    def constant(self, index: int) -> NDArray[Any] | None:
        """The values of a tensor that the file holds; None for one that is computed."""
        if index not in self._constants:
            about = self._graph.Tensors(index)
            data = self._model.Buffers(about.Buffer()).DataAsNumpy()
            if not isinstance(data, np.ndarray) or not data.size:
                return None
            self._constants[index] = data.view(_KINDS[about.Type()]).reshape(about.ShapeAsNumpy())
        return self._constants[index]

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of a tensor, channels last."""
        return tuple(map(int, self._graph.Tensors(index).ShapeAsNumpy()))

    def options(self, operator: Any, kind: str) -> Any:
        """The options of an operator, of the class `kind` of the package."""
        found, table = getattr(self._lite, kind)(), operator.BuiltinOptions()
        found.Init(table.Bytes, table.Pos)
        return found

    def add(self, kind: str, operator: Any, inputs: list[str], **attributes: Any) -> None:
        """Add an ONNX node for the operator's output."""
        self.nodes.append(helper.make_node(kind, inputs, [self.tensor(operator.Outputs(0))], **attributes))

    def weight(self, name: str, values: NDArray[Any]) -> str:
        """Keep `values` as an initialiser."""
        self.weights[name] = np.ascontiguousarray(values.astype(np.float32))
        return name

    def dequantize(self, operator: Any) -> None:
        """Take weights stored in half precision as they are."""
        values = self.constant(operator.Inputs(0))
        if values is None:
            raise ModelError("operator DEQUANTIZE of what is computed")
        self._constants[operator.Outputs(0)] = values.astype(np.float32)

    def convolution(self, operator: Any, options: Any, *, depthwise: bool) -> None:
        """Write a convolution; "same" padding puts the odd pixel after, as TensorFlow does."""
        source, weights, bias = (operator.Inputs(place) for place in range(3))
        values = self.constant(weights)
        assert values is not None
        stride, size = (options.StrideH(), options.StrideW()), values.shape[1:3]
        if (options.DilationHFactor(), options.DilationWFactor(), options.FusedActivationFunction()) != (1, 1, 0):
            raise ModelError("a convolution with dilation or an activation of its own")
        kernel = values.transpose(_DEEP) if depthwise else values.transpose(0, 3, 1, 2)
        pads = [0, 0, 0, 0]
        if options.Padding() == SAME:
            missing = [max((-(-side // step) - 1) * step + width - side, 0) for side, step, width in
                       zip(self.shape(source)[1:3], stride, size, strict=True)]  # fmt: skip
            pads = [missing[0] // 2, missing[1] // 2, -(-missing[0] // 2), -(-missing[1] // 2)]
        inputs = [self.tensor(source), self.weight(f"w{weights}", kernel), self._bias(bias)]
        self.add("Conv", operator, inputs, strides=stride, pads=pads, group=kernel.shape[0] if depthwise else 1)

    def _bias(self, index: int) -> str:
        values = self.constant(index)
        assert values is not None
        return self.weight(f"b{index}", values)

    def transposed(self, operator: Any) -> None:
        """Write MediaPipe's own operator: a transposed convolution of 2x2 with stride 2, and a bias."""
        source, weights, bias = (operator.Inputs(place) for place in range(3))
        values = self.constant(weights)
        assert values is not None
        size = values.shape[1:3]
        if self.shape(operator.Outputs(0))[1:3] != tuple(2 * side for side in self.shape(source)[1:3]) or size != (
            2,
            2,
        ):
            raise ModelError("a transposed convolution that does not double the size by 2x2")
        kernel = values.transpose(3, 0, 1, 2)
        inputs = [self.tensor(source), self.weight(f"w{weights}", kernel), self._bias(bias)]
        self.add("ConvTranspose", operator, inputs, strides=(2, 2))

    def resize(self, operator: Any) -> None:
        """Write bilinear enlarging by a whole factor."""
        options = self.options(operator, "ResizeBilinearOptions")
        before, after = self.shape(operator.Inputs(0)), self.shape(operator.Outputs(0))
        scales = [after[1] / before[1], after[2] / before[2]]
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise ModelError("a resize that aligns corners")
        given = self.weight(f"s{operator.Outputs(0)}", np.array([1, 1, *scales]))
        self.add(
            "Resize", operator, [self.tensor(operator.Inputs(0)), "", given], mode="linear",
            coordinate_transformation_mode="half_pixel",
        )  # fmt: skip

    def mean(self, operator: Any) -> None:
        """Write the mean over height and width."""
        axes = self.constant(operator.Inputs(1))
        if axes is None or sorted(axes.tolist()) != [1, 2]:
            raise ModelError(f"a mean over {axes}")
        self.add("GlobalAveragePool", operator, [self.tensor(operator.Inputs(0))])

    def arithmetic(self, operator: Any, kind: str) -> None:
        """Write a sum or a product; one with an activation of its own would be another function without it."""
        if operator.BuiltinOptions() is not None and self.options(operator, f"{kind}Options").FusedActivationFunction():
            raise ModelError(f"operator {kind.upper()} with an activation of its own")
        self.simple(operator, kind)

    def simple(self, operator: Any, kind: str) -> None:
        """Write what ONNX has under another name."""
        inputs = [self.tensor(operator.Inputs(place)) for place in range(operator.InputsLength())]
        self.add(kind, operator, inputs)


_OPERATORS: dict[str, Callable[[Converter, Any], None]] = {
    "DEQUANTIZE": Converter.dequantize,
    "CONV_2D": lambda to, one: to.convolution(one, to.options(one, "Conv2DOptions"), depthwise=False),
    "DEPTHWISE_CONV_2D": lambda to, one: to.convolution(one, to.options(one, "DepthwiseConv2DOptions"), depthwise=True),
    "Convolution2DTransposeBias": Converter.transposed,
    "RESIZE_BILINEAR": Converter.resize,
    "MEAN": Converter.mean,
    "RELU": lambda to, one: to.simple(one, "Relu"),
    "HARD_SWISH": lambda to, one: to.simple(one, "HardSwish"),
    "LOGISTIC": lambda to, one: to.simple(one, "Sigmoid"),
    "ADD": lambda to, one: to.arithmetic(one, "Add"),
    "MUL": lambda to, one: to.arithmetic(one, "Mul"),
}


def _before(image: str) -> Iterator[onnx.NodeProto]:
    """From ``uint8 (n, h, w, 3)`` BGR to RGB from 0 to 1, channels first."""
    yield helper.make_node("Cast", [image], ["float"], to=TensorProto.FLOAT)
    yield helper.make_node("Transpose", ["float"], ["planes"], perm=(0, 3, 1, 2))
    yield helper.make_node("Gather", ["planes", "rgb"], ["swapped"], axis=1)
    yield helper.make_node("Mul", ["swapped", "unit"], ["given"])


def _after(found: str) -> Iterator[onnx.NodeProto]:
    """From probabilities ``(n, 1, h, w)`` to ``uint8 (n, h, w, 3)``, three times the same."""
    yield helper.make_node("Mul", [found, "full"], ["levels"])
    yield helper.make_node("Round", ["levels"], ["rounded"])
    yield helper.make_node("Cast", ["rounded"], ["byte"], to=TensorProto.UINT8)
    yield helper.make_node("Concat", ["byte"] * 3, ["three"], axis=1)
    yield helper.make_node("Transpose", ["three"], ["found"], perm=(0, 2, 3, 1))


def to_onnx(data: bytes) -> onnx.ModelProto:
    """Convert a TensorFlow Lite file that gives a mask of an image of any size.

    Returns:
        A graph of the layout ``image``: BGR in; out, three times, 0 to 255 for how surely a pixel is of a person.

    Raises:
        ModelError: It is no such file, or has an operator that is not known here.
    """
    converter = Converter(data)
    out = converter.convert("given")
    fixed = {"rgb": np.array([2, 1, 0], np.int64), "unit": np.float32(1 / 255), "full": np.float32(255)}
    values = {**converter.weights, **fixed}
    graph = helper.make_graph(
        [*_before("image"), *converter.nodes, *_after(out)], "person",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ("n", "h", "w", 3))],
        [helper.make_tensor_value_info("found", TensorProto.UINT8, ("n", "h", "w", 3))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = Parser(prog="python -m export.tflite", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        if options.output.exists():
            raise FileExistsError(f"{options.output} exists: give another name")
        model = storage.halved(to_onnx(options.file.read_bytes()))
    except (OSError, GancamError) as error:
        return fail(error)
    weights = sum(int(np.prod(one.dims)) for one in model.graph.initializer)
    card = ModelCard(
        name=options.output.stem, effect="background", multiple=16, minimum=32, work_size=256, parameters=weights,
        licence="Apache-2.0", data="MediaPipe Selfie Segmentation, landscape (Google)",
        summary="blur, picture or colour behind people; mask=person for other effects",
    )  # fmt: skip
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
