"""The kinds of graphs that people have: types, axes, further inputs and outputs, masks, and what is no effect."""

import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto

import gancam
from export.graph import Graph
from gancam.errors import ModelError, ParameterError
from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.inference.importing import pictures
from gancam.inference.importing.adopt import Adapted, adapt
from tests.helpers.command import here
from tests.helpers.foreign import body
from tests.helpers.foreign_graphs import BOTH, FREE, Sides, adapted, clipped, number, numbers, planes, written

PLAIN = 'effect = "translate"\nrange = "0..1"\noutput_range = "0..1"\norder = "rgb"\n'


def played(found: Adapted, image: Image) -> Image:
    return np.asarray(gancam.load(found.path, device="cpu")(image), np.uint8)


def plain(scale: int = 1) -> Image:
    """What `sharpened` is to make of the photos at 64x64, by the usual way through the importer."""
    return pictures.truth(64 * scale, 64 * scale)


def sharpened(graph: Graph, x: str, scale: int = 1) -> str:
    return clipped(graph, body(graph, x, "sharpen", 3, scale, "rgb"))


def mask_of(graph: Graph, x: str) -> str:
    """How bright a pixel is, decided steeply."""
    grey = graph.add("ReduceMean", x, numbers(graph, 1), keepdims=1)
    return graph.add("Sigmoid", graph.add("Mul", graph.add("Sub", grey, number(graph, 0.5)), number(graph, 60.0)))


@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
def test_a_single_layer_keeps_its_weights(operator: str, tmp_path: Path) -> None:
    """Between bytes on both sides ONNX Runtime would round them to 8 bits."""
    weights = np.zeros((3, 3, 3, 3), np.float32)
    weights[np.arange(3), np.arange(3)] = [[0, -0.21, 0], [-0.17, 1.77, -0.2], [0.01, -0.2, 0]]
    graph = Graph()
    clipped(graph, graph.add(operator, "x", graph.constant(weights, np.float32), pads=[1, 1, 1, 1]), "y")
    found = adapted(written(graph, tmp_path, {"x": BOTH}, {"y": BOTH}))
    image = plain()
    kernel = weights[0, 0] if operator == "Conv" else weights[0, 0, ::-1, ::-1]
    exact = cv2.filter2D(image.astype(np.float64), -1, kernel.astype(np.float64), borderType=cv2.BORDER_CONSTANT)
    assert np.abs(played(found, image) - exact.clip(0, 255)).max() < 0.51


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The photos sharpened by the plain float32 graph."""
    graph = Graph()
    graph.add("Identity", sharpened(graph, "x"), name="y")
    found = adapted(written(graph, tmp_path_factory.mktemp("plain"), {"x": BOTH}, {"y": BOTH}))
    return played(found, plain())


@pytest.mark.parametrize(
    ("kind", "most", "least"),
    [(TensorProto.INT32, 255, 0), (TensorProto.INT8, 255, 128), (TensorProto.UINT16, 65535, 0),
     (TensorProto.BFLOAT16, 1, 0)],
    ids=["int32", "int8", "uint16", "bfloat16"],
)  # fmt: skip
def test_types_of_tensors(kind: int, most: int, least: int, wanted: Image, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.add("Add", graph.add("Cast", "x", to=TensorProto.FLOAT), number(graph, least))
    x = sharpened(graph, graph.add("Div", x, number(graph, most)))
    x = graph.add("Sub", graph.add("Mul", x, number(graph, most)), number(graph, least))
    graph.add("Cast", graph.add("Round", x) if most > 1 else x, to=kind, name="y")
    model = graph.model({"x": BOTH}, {"y": BOTH})
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.elem_type = kind
    onnx.save(model, tmp_path / "a.onnx")
    made = played(adapted(tmp_path / "a.onnx"), plain())
    assert cv2.PSNR(made, wanted) >= (40.0 if most == 1 else 50.0)


@pytest.mark.parametrize("count", [1, "t"])
def test_one_frame_of_a_video_network(count: str | int, wanted: Image, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.add("Squeeze", "x", numbers(graph, 1))
    graph.add("Unsqueeze", sharpened(graph, x), numbers(graph, 1), name="y")
    kind = np.float32, (1, count, 3, "h", "w")
    made = played(adapted(written(graph, tmp_path, {"x": kind}, {"y": kind})), plain())
    assert np.array_equal(made, wanted)


def test_several_pictures_at_once(wanted: Image, tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Reshape", sharpened(graph, "x"), numbers(graph, 4, 3, 64, 64), name="y")
    kind = np.float32, (4, 3, 64, 64)
    made = played(adapted(written(graph, tmp_path, {"x": kind}, {"y": kind})), plain())
    assert np.array_equal(made, wanted)


def test_an_opacity_beside_the_colours(tmp_path: Path) -> None:
    graph = Graph()
    y = sharpened(graph, planes(graph, "x", 0, 3), 2)
    opacity = graph.add("Resize", planes(graph, "x", 3, 4), "", graph.constant([1, 1, 2, 2], np.float32))
    seen = graph.add("Mul", y, opacity)
    graph.add("Concat", seen, opacity, axis=1, name="y")
    source = written(
        graph, tmp_path, {"x": (np.float32, (1, 4, "h", "w"))}, {"y": (np.float32, (1, 4, "H", "W"))}
    )  # fmt: skip
    found = adapted(source)
    assert (found.convention.scale, found.convention.fourth) == (2, 1.0)
    assert cv2.PSNR(played(found, pictures.shown(64, 64, 2)), plain(2)) > 19.0


def test_an_opacity_that_goes_in_alone(tmp_path: Path) -> None:
    graph = Graph()
    seen = graph.add("Mul", planes(graph, "x", 0, 3), planes(graph, "x", 3, 4))
    graph.add("Clip", sharpened(graph, seen), graph.constant(0, np.float32), graph.constant(1, np.float32), name="y")
    kinds = {"x": (np.float32, (1, 4, "h", "w"))}, {"y": (np.float32, (1, 3, "h", "w"))}
    found = adapted(written(graph, tmp_path, *kinds))
    assert (found.convention.range, found.convention.fourth) == ("0..1", 1.0)
    assert cv2.PSNR(played(found, pictures.shown(64, 64, 1)), plain()) > 19.0


@pytest.mark.parametrize("kind", ["map", "plane", "scalar"])
def test_levels_of_noise_are_not_holes(kind: str, tmp_path: Path) -> None:
    graph = Graph()
    x = planes(graph, "x", 0, 3) if kind == "plane" else "x"
    level = planes(graph, "x", 3, 4) if kind == "plane" else "sigma"
    kernel = graph.constant(np.full((3, 1, 3, 3), 1 / 9), np.float32)
    low = graph.add("Conv", x, kernel, group=3, pads=[1] * 4)
    share = clipped(graph, graph.add("Mul", level, number(graph, 10.0)))
    change = graph.add("Mul", graph.add("Sub", low, x), share)
    clipped(graph, graph.add("Add", x, change), "y")
    takes: dict[str, Any] = {"x": (np.float32, (1, 4 if kind == "plane" else 3, "h", "w"))}
    if kind != "plane":
        takes["sigma"] = np.float32, ((1, 1, "h", "w") if kind == "map" else (1, 1, 1, 1))
    convention = adapted(written(graph, tmp_path, takes, {"y": BOTH})).convention
    assert convention.effect == "translate"
    if kind != "plane":
        assert convention.extras["sigma"] in (0.03, 0.06, 0.1)
        assert "sigma = 0." in convention.describe()


@pytest.mark.parametrize(("most", "levels"), [(0.2, (0.03, 0.06, 0.1)), (50.0, (8.0, 15.0, 25.0))])
def test_levels_of_noise_that_change_nothing_do_not_win(most: float, levels: tuple[float, ...], tmp_path: Path) -> None:
    """A plain blur makes photos worse at every level: the best of a level counted in 0..50 is none at all."""
    graph = Graph()
    kernel = graph.constant(np.full((3, 1, 3, 3), 1 / 9), np.float32)
    low = graph.add("Conv", "x", kernel, group=3, pads=[1] * 4)
    share = clipped(graph, graph.add("Div", "sigma", number(graph, most)))
    graph.add("Add", "x", graph.add("Mul", graph.add("Sub", low, "x"), share), name="y")
    takes: dict[str, Any] = {"x": BOTH, "sigma": (np.float32, (1, 1, 1, 1))}
    convention = adapted(written(graph, tmp_path, takes, {"y": BOTH})).convention
    assert convention.extras["sigma"] in levels
    assert not any("does anything" in doubt for doubt in convention.doubts)


def test_states_that_nothing_fits_are_left_out_and_said(tmp_path: Path) -> None:
    graph = Graph()
    weights = graph.constant(np.full((8, 19, 1, 1), 0.01), np.float32)
    graph.add("Conv", graph.add("Concat", "x", "hidden", axis=1), weights, name="hidden_out")
    graph.add("Identity", sharpened(graph, "x"), name="y")
    takes, gives = ((np.float32, (1, count, "h", "w")) for count in (16, 8))
    found = adapted(written(graph, tmp_path, {"x": BOTH, "hidden": takes}, {"y": BOTH, "hidden_out": gives}))
    assert any("of the frames before (hidden) is left out" in doubt for doubt in found.convention.doubts)
    assert dict(found.convention.extras) == {"hidden": 0.0}


def test_a_second_picture_must_be_named(tmp_path: Path) -> None:
    graph = Graph()
    axes = numbers(graph, 2, 3)
    mean, other = (graph.add("ReduceMean", name, axes, keepdims=1) for name in ("content", "style"))
    clipped(graph, graph.add("Add", graph.add("Sub", "content", mean), other), "y")
    takes = {"content": BOTH, "style": (np.float32, (1, 3, "sh", "sw"))}
    source = written(graph, tmp_path, takes, {"y": BOTH})
    with pytest.raises(ModelError, match=r"style is a second picture beside content.*\[extras\]"):
        adapted(source)
    cv2.imwrite(str(tmp_path / "blue.png"), np.full((40, 50, 3), (230, 90, 40), np.uint8))
    source.with_suffix(".toml").write_text('effect = "translate"\nrange = "0..1"\n[extras]\nstyle = "blue.png"\n')
    found = adapted(source)
    made = played(found, np.full((64, 64, 3), 100, np.uint8))
    assert np.abs(made.mean((0, 1)) - (230, 90, 40)).max() < 2.0
    (tmp_path / "again.toml").write_text(found.convention.to_toml())
    source.rename(tmp_path / "again.onnx")
    assert adapted(tmp_path / "again.onnx").convention == found.convention


def test_of_several_styles_one_is_chosen(tmp_path: Path) -> None:
    graph = Graph()
    shift = graph.add("MatMul", "style_weights", graph.constant(np.outer(np.arange(6) * 0.04, np.ones(3)), np.float32))
    shift = graph.add("Reshape", shift, numbers(graph, 1, 3, 1, 1))
    clipped(graph, graph.add("Add", sharpened(graph, "x"), shift), "y")
    source = written(graph, tmp_path, {"x": BOTH, "style_weights": (np.float32, (6,))}, {"y": BOTH})
    grey = np.full((64, 64, 3), 100, np.uint8)
    found = adapted(source)
    assert found.convention.extras["style_weights"] == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert any("what style_weights (6 numbers) is to be" in doubt for doubt in found.convention.doubts)
    assert played(found, grey)[32, 32, 0] == 100
    source.with_suffix(".toml").write_text(PLAIN + "[extras]\nstyle_weights = [0, 0, 0, 0, 0, 1]\n")
    assert abs(int(played(adapted(source), grey)[32, 32, 0]) - 151) <= 1
    np.save(tmp_path / "w.npy", np.eye(6)[3])
    source.with_suffix(".toml").write_text(PLAIN + '[extras]\nstyle_weights = "w.npy"\n')
    assert abs(int(played(adapted(source), grey)[32, 32, 0]) - 131) <= 1
    source.with_suffix(".toml").write_text("[extras]\nstyle = 1\n")
    with pytest.raises(ParameterError, match="extras: no input 'style'"):
        adapted(source)
    source.with_suffix(".toml").write_text("[extras]\nstyle_weights = [1, 0]\n")
    with pytest.raises(ModelError, match=r"does not fit an input of \[6\]"):
        adapted(source)


@pytest.mark.parametrize("name", ["u2net", "some"])
def test_masks_of_what_is_in_front_change_the_background(name: str, tmp_path: Path) -> None:
    """A name that says it, of the file or of the output; the first of seven outputs, at 64x64 alone."""
    graph = Graph()
    steps = graph.constant(np.array([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1), np.float32)
    means = graph.constant(np.array([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1), np.float32)
    mask = mask_of(graph, graph.add("Add", graph.add("Mul", "input.1", steps), means) if name == "u2net" else "input.1")
    outputs = [f"{1959 + index}" for index in range(7)] if name == "u2net" else ["alpha"]
    for one in outputs:
        graph.add("Identity", mask, name=one)
    side: list[str | int] = [64, 64] if name == "u2net" else ["h", "w"]
    gives = {one: (np.float32, [1, 1, *side]) for one in outputs}
    found = adapted(written(graph, tmp_path, {"input.1": (np.float32, [1, 3, *side])}, gives, f"{name}.onnx"))
    assert found.convention.effect == "background"
    assert found.card.work_size == (64 if name == "u2net" else 512)
    if name == "u2net":
        assert found.convention.range == "imagenet"
    effect = gancam.load(found.path, device="cpu", kind=gancam.Background, colour="#00ff00", stabilise=0.0)
    image = np.full((90, 160, 3), 20, np.uint8)
    image[20:70, 40:120] = 240
    made = effect(image)
    assert np.array_equal(made[30:60, 60:100], image[30:60, 60:100])
    assert np.abs(made[:5, :5].astype(int) - (0, 255, 0)).max() < 3


def test_logarithms_of_odds_are_a_mask(tmp_path: Path) -> None:
    graph = Graph()
    grey = graph.add("ReduceMean", "x", numbers(graph, 1), keepdims=0)
    graph.add("Mul", graph.add("Sub", grey, number(graph, 0.5)), number(graph, 50.0), name="matte")
    found = adapted(written(graph, tmp_path, {"x": BOTH}, {"matte": (np.float32, (1, "h", "w"))}))
    assert found.convention.sigmoid
    made = gancam.load(found.path, device="cpu", kind=gancam.Background)
    assert made.model(np.full((1, 64, 64, 3), 255, np.uint8))[0].min() == 255


def test_a_picture_is_found_behind_other_outputs(tmp_path: Path) -> None:
    graph = Graph()
    heat = graph.add("Mul", mask_of(graph, "x"), number(graph, 255.0))
    graph.add("Cast", heat, to=TensorProto.UINT8, name="heat")
    for index in (1, 2):
        graph.add("Identity", sharpened(graph, "x"), name=f"stage{index}")
    gives = {"heat": (np.uint8, (1, 1, "h", "w")), "stage1": BOTH, "stage2": BOTH}
    found = adapted(written(graph, tmp_path, {"x": BOTH}, gives))
    assert found.convention.output == "stage1"
    assert any("it gives stage2, too" in doubt for doubt in found.convention.doubts)


def test_grey_becomes_colours(tmp_path: Path) -> None:
    graph = Graph()
    warm = graph.constant(np.array([1.0, 0.9, 0.7]).reshape(3, 1, 1, 1), np.float32)
    clipped(graph, graph.add("Conv", "x", warm), "y")
    found = adapted(written(graph, tmp_path, {"x": (np.float32, (1, 1, "h", "w"))}, {"y": BOTH}))
    blue, green, red = played(found, np.full((64, 64, 3), 200, np.uint8))[32, 32].tolist()
    assert (blue, green, red) == (140, 180, 200)


def _pooled(graph: Graph) -> None:
    graph.add("GlobalAveragePool", "x", name="pooled")
    graph.add("Flatten", "pooled", name="y")


def _classes(graph: Graph) -> None:
    graph.add("ArgMax", "x", axis=1, keepdims=0, name="y")


def _logits(graph: Graph) -> None:
    graph.add("Concat", *["x"] * 7, axis=1, name="y")


def _classes_last(graph: Graph) -> None:
    graph.add("Concat", *["x"] * 7, axis=3, name="y")


def _larger(graph: Graph) -> None:
    sizes = graph.constant([1, 1, 1.5, 1.5], np.float32)
    graph.add("Resize", "x", "", sizes, mode="linear", name="y")


def _smaller(graph: Graph) -> None:
    graph.add("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2], name="y")


def _depth(graph: Graph) -> None:
    mean = graph.add("ReduceMean", "x", numbers(graph, 1), keepdims=0)
    graph.add("Div", number(graph, 500.0), graph.add("Add", graph.add("Abs", mean), number(graph, 0.2)), name="y")


def _frames(graph: Graph) -> None:
    planes_of = graph.add("Slice", "x", numbers(graph, 0), numbers(graph, 3), numbers(graph, 1))
    graph.add("Identity", planes_of, name="y")


def test_a_detector_is_refused_in_a_line_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="none of its 12 outputs is a picture") as error:
        adapt(MODELS / "detectors" / "yunet.onnx", tmp_path / "made.onnx", given_as=Path("my detector.onnx"))
    text = str(error.value)
    assert text.startswith("my detector.onnx: none of its ")
    assert re.search(r"takes input float32 \(1, 3, any, any\); gives cls_8 float32 \(.*\), .* and 9 more$", text)
    assert len(text) < 400


def test_numbers_that_are_not_finite_are_told(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Log", graph.add("Sub", "x", number(graph, 10.0)), name="y")  # of less than nothing
    source = written(graph, tmp_path, {"x": BOTH}, {"y": BOTH})
    with pytest.raises(ModelError, match=r"a\.onnx: it runs, but 100 % of the numbers that it gives are not"):
        adapted(source)


def test_doubts_name_the_command_that_settles_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    graph, square = Graph(), (np.float32, (1, 3, 64, 64))
    graph.add("Reshape", "x", numbers(graph, 1, 3, 64, 64), name="y")
    source = written(graph, tmp_path, {"x": square}, {"y": square}, name="my faces.onnx")
    gancam.load(source)
    assert f"64x64 each (gancam import '{source}' --effect faces)" in caplog.text


def test_what_is_not_understood_says_the_command_that_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCAM_MODELS", str(tmp_path / "models"))
    graph = Graph()
    graph.add("Sub", number(graph, 1.0), "x", name="y")  # a negative
    source = written(graph, tmp_path, {"x": BOTH}, {"y": BOTH}, name="my negative.onnx")
    with pytest.raises(ModelError, match=r"not understood: .*grey levels off") as error:
        gancam.load(source)
    words = shlex.split(str(error.value).partition(", as in ")[2].partition(", or in")[0])
    assert words[:3] == ["gancam", "import", str(source)]
    done = here(*words[1:], "--name", "negative")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(gancam.load("negative")(plain()), 255 - plain())


@pytest.mark.parametrize(
    ("make", "takes", "gives", "reason"),
    [
        (_pooled, FREE, (np.float32, (1, 3)), "gives numbers, as classifiers do"),
        (_classes, FREE, (np.int64, (1, "h", "w")), "the number of a class for each pixel"),
        (_logits, FREE, (np.float32, (1, 21, "h", "w")), "gives 21 planes, as segmentation does"),
        (_larger, FREE, (np.float32, (1, 3, "H", "W")), "1.5 times its sides: what keeps"),
        (_smaller, FREE, (np.float32, (1, 3, "H", "W")), "gives 32x32 for 64x64, 0.5 times its sides"),
        (_depth, FREE, (np.float32, (1, "h", "w")), "as networks that find depth do"),
        (_classes_last, (1, 65, 65, 3), (np.float32, (1, 65, 65, 21)), "gives 21 planes, as segmentation does"),
        (_frames, (1, 7, "h", "w"), (np.float32, (1, 2, "h", "w")), "1, 3 or 4 of them channels"),
        (_frames, (1, 15, "h", "w"), (np.float32, (1, 2, "h", "w")), "15 channels, as 5 frames at once have"),
        (_frames, (1, 5, 6, "h", "w"), (np.float32, (1, 3, 6, "h", "w")), "takes 5 frames of a video at once"),
    ],
    ids=["classifier", "classes", "logits", "x1.5", "half", "depth", "last", "seven", "channels", "frames"],
)  # fmt: skip
def test_what_is_no_effect_is_said_in_a_line(make: Any, takes: Sides, gives: Any, reason: str, tmp_path: Path) -> None:
    graph = Graph()
    make(graph)
    source = written(graph, tmp_path, {"x": (np.float32, takes)}, {"y": gives})
    with pytest.raises(ModelError, match=reason) as error:
        adapted(source)
    text = str(error.value)
    assert text.startswith(str(source))
    assert "\n" not in text
    assert len(text.replace(str(source), "")) < 900
    assert "ONNXRuntimeError" not in text


@pytest.mark.parametrize("white", [True, False], ids=["on-white", "on-black"])
def test_lines_are_drawings_and_no_masks(white: bool, tmp_path: Path) -> None:
    """However busy the photos are that it is tried on: of a disc they are its outline."""
    graph = Graph()
    kernel = np.full((1, 3, 3, 3), -1 / 3)
    kernel[:, :, 1, 1] = 8 / 3
    edges = graph.add("Abs", graph.add("Conv", "x", graph.constant(kernel, np.float32), pads=[1] * 4))
    edges = graph.add("Mul", edges, number(graph, -18.0 if white else 18.0))
    graph.add("Sigmoid", graph.add("Add", edges, number(graph, 4.0 if white else -4.0)), name="y")
    found = adapted(written(graph, tmp_path, {"x": BOTH}, {"y": (np.float32, (1, 1, "h", "w"))}))
    assert found.convention.effect == "translate"
    assert any("that it draws" in doubt for doubt in found.convention.doubts)
    assert abs(int(played(found, np.full((64, 64, 3), 90, np.uint8))[32, 32, 0]) - (250 if white else 5)) <= 2


def test_real_inverse_transforms_run(tmp_path: Path) -> None:
    """``torch.fft.irfft``, as PyTorch's newer exporter writes it: ONNX Runtime alone fails of it."""
    graph = Graph()
    x = graph.add("Unsqueeze", sharpened(graph, "x"), numbers(graph, 4))
    axis, width = graph.constant(3, np.int64), graph.add("Gather", graph.add("Shape", "x"), graph.constant(3, np.int64))
    spectrum = graph.add("Identity", x)
    back = graph.add("Identity", spectrum)
    graph.add("Identity", graph.add("Squeeze", back, numbers(graph, 4)), name="y")
    model = graph.model({"x": BOTH}, {"y": BOTH})
    model.opset_import[0].version = 20
    for name, more, flags in ((spectrum, ["", axis], {}), (back, [width, axis], {"inverse": 1})):
        node = next(one for one in model.graph.node if one.output[0] == name)
        node.op_type = "DFT"
        node.input.extend(more)
        node.attribute.extend(onnx.helper.make_attribute(*one) for one in {"onesided": 1, **flags}.items())
    onnx.save(model, tmp_path / "a.onnx")
    (tmp_path / "a.toml").write_text(PLAIN)
    found = adapted(tmp_path / "a.onnx")
    assert played(found, plain()).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("first", "last", "scale"), [("aux", "up", 2), ("a", "b", 1), ("coarse", "result", 1), ("lr", "img_out", 2)]
)
def test_of_several_pictures_the_one_that_it_is_for_is_played(
    first: str, last: str, scale: int, tmp_path: Path
) -> None:
    """Whatever stands first: the larger one, what is not the input in other grey levels, or what is named so."""
    graph = Graph()
    beside = graph.add("Mul", "x", number(graph, 0.5)) if first != "coarse" else sharpened(graph, "x")
    graph.add("Identity", beside, name=first)
    graph.add("Identity", sharpened(graph, "x", scale), name=last)
    path = written(graph, tmp_path, {"x": BOTH}, {first: BOTH, last: (np.float32, [1, 3, "sh", "sw"])})
    found = adapted(path)
    assert (found.convention.output, found.convention.scale) == (last, scale)
    assert any(f"{last} of its pictures is taken; it gives {first}, too" in doubt for doubt in found.convention.doubts)
    (tmp_path / "a.toml").write_text(f'output = "{first}"\nrange = "0..1"\neffect = "translate"\n')
    assert adapted(path).convention.output == first


@pytest.mark.parametrize("mixed", [False, True])
def test_a_fixed_number_of_pictures_is_dropped_where_nothing_needs_it(mixed: bool, tmp_path: Path) -> None:
    """One is computed for a frame; where pictures depend on each other, or their number, all, and that is told."""
    graph = Graph()
    x = graph.add("Reshape", "x", numbers(graph, 4, 3, 64, 64)) if mixed else "x"
    graph.add("Identity", sharpened(graph, x), name="y")
    kind = np.float32, (4, 3, 64, 64)
    found = adapted(written(graph, tmp_path, {"x": kind}, {"y": kind}))
    told = [doubt for doubt in found.convention.doubts if "it takes 4 pictures at once" in doubt]
    assert bool(told) == mixed
    repeated = [node for node in onnx.load(found.path).graph.node if node.op_type == "Concat" and len(node.input) == 4]
    assert bool(repeated) == mixed
    assert cv2.PSNR(played(found, pictures.shown(64, 64, 1)), plain()) > 25
