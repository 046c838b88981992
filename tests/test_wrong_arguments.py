"""What somebody gets who gives the public functions something else than they take: one line that says what would do."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pictures

import gancam
from gancam.effects import FunctionEffect
from gancam.errors import GancamError, ImageError, InputError, MaskError
from gancam.frame import Image, check_image

FRAME = np.full((6, 8, 3), 90, np.uint8)
ANY: Any = gancam  # as a program sees it that no type checker has read


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        (cv2.UMat(FRAME), r"image\.get\(\)"),  # type: ignore[call-overload]
        (torch.from_numpy(FRAME), r"image\.cpu\(\)\.numpy\(\)"),
        (Pictures.fromarray(FRAME), r"numpy\.asarray\(image\.convert"),
        (FRAME.tolist(), r"numpy\.asarray\(image, numpy\.uint8\)"),
        (np.ascontiguousarray(FRAME.transpose(2, 0, 1)), r"channels first .*image\.transpose\(1, 2, 0\)"),
    ],
    ids=["UMat", "tensor", "PIL", "list", "channels first"],
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
        (lambda: ANY.load("sr-x2", kind="Morph"), InputError, r"kind 'Morph' is str: needs a class"),
        (lambda: ANY.VideoCapture(effects=FunctionEffect(lambda image: image)), InputError, r"give \[effect\]"),
        (lambda: ANY.run(None, FunctionEffect(lambda image: image), []), InputError, r"give \[effect\]"),
        (lambda: ANY.Budget(lambda image: image, "fast"), InputError, r"a budget of 'fast' s a frame: needs a number"),
        (lambda: ANY.masks.Boxes("left"), MaskError, r"box 'left': needs four numbers"),
    ],
)  # fmt: skip
def test_arguments_of_another_type(call: Callable[[], object], kind: type[GancamError], line: str) -> None:
    with pytest.raises(kind, match=line):
        call()


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
