"""Networks of aligned faces, played over faces wherever they are: aligned, put back, steady, and nothing else."""

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects.faces import TEMPLATE, FaceEffect
from gancam.errors import NotFound, ParameterError
from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.inference.variants import file_digest
from gancam.masks.faces import Face
from gancam.vision.align import Points, similarity, upright
from tests.helpers.faces import COLOURS, DOTS, SIDE, negative, painter
from tests.helpers.small import still

pytestmark = pytest.mark.usefixtures("shared_trials")


def at(x: float, y: float, size: float, degrees: float = 0.0) -> Points:
    """Landmarks of a face of that size (of its crop), turned around its middle."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray((TEMPLATE / 512 - 0.5) * size @ turn.T + (x, y), np.float32)


def seen(*faces: Points) -> Any:
    def find(image: Image) -> list[Face]:
        return [Face((float(x0), float(y0), 60.0, 60.0), one, 0.9)
                for one in faces for x0, y0 in [one.min(0)]]  # fmt: skip

    return find


def test_nothing_outside_the_faces_changes(tmp_path: Path) -> None:
    image = np.tile(still("sign"), (2, 2, 1))[:300, :400]
    faces = at(120, 130, 110, 20), at(320, 90, 90, -15)
    effect = gancam.load(negative(tmp_path), find=seen(*faces))
    assert isinstance(effect, FaceEffect)
    made = effect(image)
    square = np.zeros(image.shape[:2], np.uint8)
    for face in faces:
        inverse = cv2.invertAffineTransform(similarity(face, DOTS))
        corners = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]) @ inverse[:, :2].T + inverse[:, 2]
        cv2.fillConvexPoly(square, np.round(corners).astype(np.int32), (1,))
        x, y = np.round(face.mean(0)).astype(int)
        middle = slice(y - 12, y + 12), slice(x - 12, x + 12)
        assert np.abs(255 - image[middle].astype(float) - made[middle]).mean() < 12  # enlarged and shrunk once
    outside = cv2.dilate(square, np.ones((5, 5), np.uint8)) == 0
    assert np.array_equal(made[outside], image[outside])
    assert (made != image).any(2).sum() > 0.6 * square.sum()
    assert np.array_equal(gancam.load(tmp_path / "own.onnx", find=seen())(image), image)


@pytest.mark.parametrize(("size", "degrees"), [(60, 0), (128, 25), (200, -40), (430, 10)])
def test_a_face_comes_aligned_and_goes_back_to_where_it_was(tmp_path: Path, size: int, degrees: float) -> None:
    face = at(250, 240, size, degrees)
    image = np.full((480, 500, 3), 40, np.uint8)
    made = gancam.load(painter(tmp_path), find=seen(face))(image).astype(float)
    for place, colour in zip(face, COLOURS, strict=True):
        off = np.abs(made - colour).sum(2)
        weight = np.clip(200 - off, 0, None)
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        centre = (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()
        assert np.hypot(*(centre - place)) < 0.02 * size + 0.5


def test_a_crop_is_the_face_of_the_frame() -> None:
    image = np.full((400, 400, 3), 60, np.uint8)
    face = at(210, 190, 300, 30)
    for dot in face:
        cv2.circle(image, np.round(dot * 8).astype(int).tolist(), 8 * 8, (255, 255, 255), cv2.FILLED, cv2.LINE_AA, 3)
    crop = upright(image, similarity(face, DOTS), SIDE)
    for x, y in np.round(DOTS).astype(int):
        assert crop[y, x].min() > 200


def test_the_jitter_of_the_detector_hardly_shows_and_moves_are_followed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = np.full((240, 320, 3), 40, np.uint8)
    effects = {steady: gancam.load(painter(tmp_path), find=seen(), steady=steady) for steady in (0.0, 1.0)}
    spread = {}
    noisy = [at(150, 120, 120) + rng.normal(0, 0.7, (5, 2)).astype(np.float32) for _ in range(12)]
    for steady in effects:
        waiting = iter(noisy)
        effect = gancam.load(tmp_path / "own.onnx", find=lambda image, w=waiting: seen(next(w))(image), steady=steady)
        frames = np.stack([effect(image) for _ in noisy]).astype(float)[4:]
        spread[steady] = frames.std(0).mean()
    assert spread[1.0] < 0.5 * spread[0.0]
    path = iter([at(60 + 12 * step, 120, 100) for step in range(10)])
    effect = gancam.load(tmp_path / "own.onnx", find=lambda image: seen(next(path))(image), steady=1.0)
    made = [effect(image) for _ in range(10)][-1].astype(float)
    weight = np.clip(200 - np.abs(made - COLOURS[2]).sum(2), 0, None)
    nose = (np.arange(320) * weight).sum() / weight.sum()
    assert abs(nose - at(60 + 108, 120, 100)[2, 0]) < 2.5


def test_a_face_that_is_lost_fades_and_one_of_another_scene_goes(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 40, np.uint8)
    faces = iter([seen(at(150, 120, 120))] + [seen()] * 20)
    effect = gancam.load(painter(tmp_path), find=lambda image: next(faces)(image))
    changes = [np.abs(effect(image).astype(int) - image).mean() for _ in range(8)]
    assert all(a > b for a, b in pairwise(changes[:7]))
    assert changes[-1] == 0.0
    other = iter([seen(at(150, 120, 120)), seen()])
    effect = gancam.load(tmp_path / "own.onnx", find=lambda image: next(other)(image))
    effect(image)
    cut = np.full((240, 320, 3), 200, np.uint8)
    assert np.array_equal(effect(cut), cut)


def test_the_bundled_detector_is_used_unless_another_is_named(tmp_path: Path) -> None:
    path = negative(tmp_path)
    image = still("sign")
    effect = gancam.load(path, smallest=4096)
    assert np.array_equal(effect(image), image)
    assert effect.identity()["detector"] == file_digest(MODELS / "detectors" / "yunet.onnx")
    with pytest.raises(NotFound, match=r"face detector none\.onnx: no such file"):
        gancam.load(path, detector="none.onnx")
    with pytest.raises(ParameterError, match="must be a function"):
        gancam.load(path, find="yunet.onnx")


def test_a_copy_finds_faces_as_the_first_does_and_follows_its_own(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 40, np.uint8)
    effect = gancam.load(painter(tmp_path), find=seen(at(150, 120, 120)))
    made = effect(image)
    assert np.array_equal(copy.deepcopy(effect)(image), made)
