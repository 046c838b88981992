"""What somebody gets who gives the public functions something else than they take: one line that says what would do."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pictures

import gancam
from gancam.effects import FunctionEffect
from gancam.effects.inpainting.settings import InpaintParams
from gancam.errors import GancamError, ImageError, InputError, MaskError, ParameterError, shown
from gancam.frame import Image, check_image
from gancam.sources.pattern import TestPattern

FRAME = np.full((6, 8, 3), 90, np.uint8)
CONTEXT = gancam.SinkContext(fps=25, size=(8, 6))
PATTERN = TestPattern((8, 6), frames=1)
ANY: Any = gancam  # as a program sees it that no type checker has read


def _opened_png() -> Pictures.Image:
    """A picture as Pillow opens it, whose class is one for its format."""
    file = io.BytesIO()
    Pictures.fromarray(FRAME).save(file, "png")
    return Pictures.open(file)


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        (cv2.UMat(FRAME), r"image\.get\(\)"),  # type: ignore[call-overload]
        (torch.from_numpy(FRAME), r"image\.cpu\(\)\.numpy\(\)"),
        (Pictures.fromarray(FRAME), r"numpy\.asarray\(image\.convert"),
        (_opened_png(), r"numpy\.asarray\(image\.convert"),
        ("a.png", r"cv2\.imread\(path\)"),
        (Path("a.png"), r"cv2\.imread\(path\)"),
        (FRAME.tolist(), r"numpy\.asarray\(image, numpy\.uint8\)"),
        (np.ascontiguousarray(FRAME.transpose(2, 0, 1)), r"channels first .*image\.transpose\(1, 2, 0\)"),
    ],
    ids=["UMat", "tensor", "PIL", "PIL file", "text", "path", "list", "channels first"],
)  # fmt: skip
def test_pictures_of_other_packages(given: object, cure: str) -> None:
    with pytest.raises(ImageError, match=cure):
        check_image(given)


def test_what_the_cures_say_is_right() -> None:
    for made in (
        cv2.UMat(FRAME).get(),  # type: ignore[call-overload]
        torch.from_numpy(FRAME).cpu().numpy(),
        np.asarray(Pictures.fromarray(FRAME).convert("RGB"))[..., ::-1],
        np.ascontiguousarray(FRAME.transpose(2, 0, 1)).transpose(1, 2, 0),
    ):
        assert np.array_equal(check_image(made), FRAME)


@pytest.mark.parametrize(
    ("call", "kind", "line"),
    [
        (lambda: ANY.load(3), InputError, r"name 3 is int: needs a model's name"),
        (lambda: ANY.load(None), InputError, r"name None is NoneType"),
        (lambda: ANY.load("none"), GancamError, r"'none' is the word for no effect, not a model: leave it out"),
        (lambda: ANY.VideoCapture(effects=["none", "sr-x2"]), InputError, r"'none', which is no effect, and others"),
        (lambda: ANY.load("sr-x2", kind="Morph"), InputError, r"kind 'Morph' is str: needs a class"),
        (lambda: ANY.VideoCapture(effects=FunctionEffect(lambda image: image)), InputError, r"give \[effect\]"),
        (lambda: ANY.run(None, FunctionEffect(lambda image: image), []), InputError, r"give \[effect\]"),
        (lambda: ANY.Budget(lambda image: image, "fast"), InputError, r"a budget of 'fast' for a frame: needs a"),
        (lambda: ANY.Budget(lambda image: image, FRAME), InputError, r"a budget of an array \(6, 8, 3\) of uint8 for"),
        (lambda: ANY.Budget(lambda image: image, 33), InputError, r"5 at most; 33 ms are 0\.033 s, and 33 .* 1 / 33$"),
        (lambda: ANY.Budget(lambda image: image, True), InputError, r"a budget of True for a frame: needs a number"),
        (lambda: ANY.Budget(None, 1 / 30), InputError, r"effects\[0\] is None: needs an effect, a function"),
        (lambda: ANY.VideoCapture(effects="sr-x2"), InputError, r"'sr-x2', not a list of effects: give \['sr-x2'\]"),
        (lambda: ANY.VideoCapture(0, "sr-x2"), InputError, r"'sr-x2', not a list of effects: give \['sr-x2'\]"),
        (lambda: ANY.VideoCapture(effects=[FRAME]), InputError, r"effects\[0\] is an array \(6, 8, 3\) of uint8"),
        (lambda: ANY.run(None, [lambda image: image, 3], []), InputError, r"effects\[1\] is 3: needs an effect"),
        (lambda: ANY.run(None, [gancam.Inpaint], []), InputError, r"Inpaint is a class: give an effect of that class"),
        (lambda: ANY.run(None, ["sr-x2:strenght=1"], []), GancamError, r"did you mean 'strength'"),
        (lambda: ANY.load("sr-x2:strength=0.5", strength=1), InputError, r"has strength, which is given as strength=1"),
        (lambda: ANY.load("background", image=FRAME), ParameterError, r"^image=an array \(6, 8, 3\) of uint8: needs"),
        (lambda: ANY.load("inpaint", box=(1, 2, 3)), ParameterError, r"^box='1/2/3': not four numbers; needs x/y/"),
        (lambda: ANY.load("inpaint", box=((1, 2), "a")), ParameterError, r"^box=\(\(1, 2\), 'a'\): needs x/y/width"),
        (lambda: ANY.load("inpaint", key=(0, 0, 255)), ParameterError, r"^key=\(0, 0, 255\): needs #rrggbb"),
        (lambda: ANY.load("inpaint")(FRAME, 0.5), MaskError, r"mask is float, not a numpy array"),
        (lambda: ANY.masks.Boxes("left"), MaskError, r"box 'left': needs four numbers"),
        (lambda: ANY.masks.Boxes(3), MaskError, r"box 3: needs four numbers"),
        (lambda: ANY.masks.Polygons(3), MaskError, r"polygons \(3,\): each needs corners"),
        (lambda: ANY.masks.ColourKey(3), MaskError, r"colour 3: needs \(r, g, b\)"),
        (lambda: ANY.masks.MaskFile(None), InputError, r"mask None is NoneType: needs a file's path"),
        (lambda: ANY.masks.MaskTrack(3), InputError, r"mask track 3 is int: needs a file's path"),
        (lambda: ANY.Model(None), InputError, r"path None is NoneType: needs a file's path"),
        (lambda: ANY.VideoFile(None), InputError, r"path None is NoneType: needs a file's path"),
        (lambda: ANY.VideoFile(b"a.mp4"), InputError, r"path b'a.mp4' is bytes: needs a file's path"),
        (lambda: ANY.VideoCapture(b"a.mp4"), InputError, r"source is b'a.mp4': needs a camera's index, a file or URL"),
        (lambda: ANY.VideoCapture(True), InputError, r"source is True: needs a camera's index, a file or URL"),
        (lambda: ANY.open_live(False), InputError, r"source False: needs a camera's index"),
        (lambda: ANY.VideoCapture(size=(True, 6)), InputError, r"^size \(True, 6\): needs"),
        (lambda: ANY.load("sr-x2-fast", threads=True), ParameterError, r"^threads True must be a whole number from 1"),
        (lambda: ANY.load("sr-x2-fast", strength=True), ParameterError, r"^strength=True: "),
        (lambda: ANY.SinkContext(fps=True, size=(8, 6)), InputError, r"fps True: needs frames a second"),
        (lambda: ANY.VideoCapture(FRAME), InputError, r"source is an array \(6, 8, 3\) of uint8: needs a camera's"),
        (lambda: ANY.VideoCapture([FRAME]), InputError, r"source is \[array.*: needs .*gancam\.VideoFile\(path\)$"),
        (lambda: ANY.VideoCapture(FRAME for _ in range(2)), InputError, r"source is <generator"),
        (lambda: ANY.VideoCapture().open(3.5), InputError, r"source is 3\.5: needs a camera's index"),
        (lambda: ANY.load("sr-x2-fast").output_size((0, -3)), InputError, r"^size \(0, -3\): needs \(width, height\)"),
        (lambda: ANY.load("sr-x2-fast").output_size("x"), InputError, r"^size 'x': needs \(width, height\), two whole"),
        (lambda: ANY.load("sketch").output_size((8, 6, 3)), InputError, r"^size \(8, 6, 3\): needs"),
        (lambda: ANY.load("inpaint").output_size(None), InputError, r"^size None: needs"),
        (lambda: ANY.effects.FunctionEffect(abs).output_size((8.5, 6)), InputError, r"^size \(8\.5, 6\): needs"),
        (lambda: ANY.Budget(lambda image: image, 1 / 30).output_size(8), InputError, r"^size 8: needs"),
        (lambda: ANY.VideoCapture(size="vga"), InputError, r"^size 'vga': needs"),
        (lambda: ANY.open_live("test", size=(0, 6)), InputError, r"^size \(0, 6\): needs"),
        (lambda: ANY.open_live(None), InputError, r"source None: needs a camera's index"),
        (lambda: ANY.open_sink(None, CONTEXT), InputError, r"target None is NoneType: needs a file's path"),
        (lambda: ANY.open_sink("a.mp4", None), InputError, r"context None: needs a gancam\.SinkContext\(fps="),
        (lambda: ANY.SinkContext(fps=None, size=(8, 6)), InputError, r"fps None: needs frames a second"),
        (lambda: ANY.SinkContext(fps=25, size=8), InputError, r"size 8: needs \(width, height\)"),
        (lambda: ANY.SinkContext(fps=25, size=(8, 6, 3)), InputError, r"size \(8, 6, 3\): needs \(width, height\)"),
        (lambda: ANY.run("a.mp4", [], []), InputError, r"source is 'a.mp4': needs .* gancam\.VideoFile\('a.mp4'\) or"),
        (lambda: ANY.run([FRAME], [], []), InputError, r"source is \[array.*: needs a source, such as"),
        (lambda: ANY.run(PATTERN, [], "a.mp4"), InputError, r"sinks is 'a.mp4', not a list of sinks: give \[gancam"),
        (lambda: ANY.run(PATTERN, [], None), InputError, r"sinks is None, not a list of sinks"),
        (lambda: ANY.run(PATTERN, [], [None]), InputError, r"sinks\[0\] is None: needs a sink, such as"),
        (lambda: ANY.load("sr-x2:mask"), InputError, r"'mask' is not key=value, and sr-x2 has no switches"),
        (lambda: ANY.load("sr-x2:"), InputError, r"'' is not key=value: remove the colon"),
    ],
)  # fmt: skip
def test_arguments_of_another_type(call: Callable[[], object], kind: type[GancamError], line: str) -> None:
    with pytest.raises(kind, match=line):
        call()


def test_sizes_of_numpy_are_sizes() -> None:
    effect: Any = gancam.load("sr-x2-fast")
    assert effect.output_size(np.array([8, 6])) == effect.output_size([8, 6]) == (16, 12)


def test_what_is_long_is_shown_in_short() -> None:
    assert (shown("sr-x2"), shown(0.5), shown(FRAME)) == ("'sr-x2'", "0.5", "an array (6, 8, 3) of uint8")
    assert shown([FRAME, FRAME]) == shown([FRAME, FRAME])[:60] + "... (list)"
    assert "\n" not in shown(torch.from_numpy(FRAME))


def test_the_texts_of_the_command_line_are_effects(tmp_path: Path) -> None:
    upscale = gancam.load("sr-x2-fast:strength=0")
    assert isinstance(upscale, gancam.SuperResolution)
    assert upscale.params.strength == 0
    big = upscale(FRAME)
    cv2.imwrite(str(tmp_path / "a.png"), FRAME)
    kept = tmp_path / "track:draw=off.json"
    text = f'inpaint:box=1/1/2/2:save="{kept}"'
    capture = gancam.VideoCapture(str(tmp_path / "a.png"), effects=["sr-x2-fast:strength=0", text])
    _, read = capture.read()
    assert read is not None
    assert np.array_equal(read, gancam.load(text.rpartition(":save")[0])(big))
    assert not kept.exists()
    capture.release()
    assert kept.exists()  # what the capture has loaded is closed by it
    capture.release()
    kept.unlink()
    ends: list[gancam.Sink] = []
    gancam.run(gancam.sources.TestPattern((8, 6), frames=1), ["sr-x2-fast:strength=0", text], ends)
    assert kept.exists()
    assert gancam.Budget("sr-x2-fast", 1 / 30).output_size((8, 6)) == (16, 12)


def test_a_parameter_is_not_set_on_the_effect_itself() -> None:
    effect: Any = gancam.load("sr-x2-fast")
    around: list[Any] = [effect, gancam.effects.EffectSlot(effect), gancam.Budget(effect, 1 / 30)]
    for one in around:
        with pytest.raises(AttributeError, match=r"parameter of sr-x2-fast: .* effect\.params\.strength = 0\.5"):
            one.strength = 0.5
    effect.mine = 0.5  # anything else is the user's own
    effect.params.strength = 0.5


@dataclass
class Turns(gancam.Params):
    """One that can be turned."""

    turn: float = gancam.parameter(0.5, minimum=0.0, maximum=1.0, help="how far")


class Turning(gancam.Effect):
    """Has an attribute of its own that is called as its parameter is."""

    turn = 3.0

    def __init__(self) -> None:
        self.params = Turns()
        self.turn = 4.0

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return image


def test_an_attribute_of_the_class_may_be_called_as_a_parameter() -> None:
    assert (Turning().turn, Turning().params) == (4.0, Turns(0.5))


def test_a_mask_may_come_second() -> None:
    erase, mask = gancam.load("inpaint"), np.eye(6, 8, dtype=np.uint8)
    assert np.array_equal(erase(FRAME, mask), erase(FRAME, mask=mask))


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("box", (10, 10, 50.5, 50), "10/10/50.5/50"),
        ("box", np.array([1, 2, 3, 123456.125]), "1/2/3/123456.125"),
        ("box", [(1, 2, 3, 4), [5, 6, 7, 8]], "1/2/3/4+5/6/7/8"),
        ("polygon", [(1, 2), (30, 4), (5, 60)], "1/2/30/4/5/60"),
        ("polygon", [[(1, 2), (30, 4), (5, 60)], [(0, 0), (9, 0), (9, 9), (0, 9)]], "1/2/30/4/5/60+0/0/9/0/9/9/0/9"),
        ("mask", Path("a") / "b.png", str(Path("a") / "b.png")),
    ],
)  # fmt: skip
def test_numbers_and_paths_are_taken_as_their_texts(name: str, given: object, text: str) -> None:
    assert InpaintParams.of(**{name: given}) == InpaintParams.of(**{name: text})


def test_a_function_that_gives_no_image() -> None:
    nothing: Any = lambda image: None
    with pytest.raises(ImageError, match=r"the effect <lambda> gives None: does its function return the image\?"):
        FunctionEffect(nothing)(FRAME)
    with pytest.raises(ImageError, match=r"what the effect <lambda> gives is float64: needs uint8"):
        ANY.effects.as_effect(lambda image: image / 2)(FRAME)


class _Giving(gancam.Effect):
    """Gives what it is told to, of the size that it is told to promise."""

    def __init__(self, make: Callable[[Image], Any], promised: Any = (8, 6)) -> None:
        self._make, self._promised = make, promised

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        made: Image = self._make(image)
        return made

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        promised: tuple[int, int] = self._promised
        return promised


@pytest.mark.parametrize(
    ("effect", "line"),
    [
        (_Giving(lambda image: None), r"^the effect _Giving gives None: does its __call__ return the image\?"),
        (_Giving(lambda image: image / 255), r"^what the effect _Giving gives is float64: needs uint8"),
        (_Giving(lambda image: image[::2]), r"^the effect _Giving makes 8x3 of 8x6, and its output_size says 8x6"),
        (
            _Giving(lambda image: image, None),
            r"^the effect _Giving: its output_size gives None: needs",
        ),
    ],
    ids=["none", "floats", "size", "no size"],
)
@pytest.mark.parametrize("next_", [[], [_Giving(lambda image: image)]], ids=["alone", "with another"])
def test_a_class_that_gives_no_image(effect: gancam.Effect, next_: list[gancam.Effect], line: str) -> None:
    with pytest.raises(InputError, match=line):
        gancam.run(TestPattern((8, 6), frames=1), [effect, *next_], [])
    with pytest.raises(InputError, match=line):
        gancam.VideoCapture(TestPattern((8, 6), frames=1), effects=[effect, *next_]).read()


def test_effects_are_closed_at_the_end_of_a_block() -> None:
    class Counting(gancam.Effect):
        closed = 0

        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            return image

        def close(self) -> None:
            self.closed += 1

    with Counting() as effect:
        assert effect(FRAME) is FRAME
    assert effect.closed == 1
