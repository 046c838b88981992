"""People beside holes: who is not copied into them, and whose faces stay smooth."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects import ModelEffect
from gancam.effects.inpainting import bystanders
from gancam.effects.inpainting.bystanders import Bystanders, Silhouettes
from gancam.frame import Image
from gancam.masks import Faces, Person
from tests.helpers.small import still

WALL = 40, 200, 60


@pytest.fixture(scope="module")
def people() -> Image:
    image = cv2.imread(str(Path(__file__).parents[2] / "samples" / "people.jpg"))
    assert image is not None
    return np.asarray(image, np.uint8)


def box(image: Image, rows: slice, columns: slice) -> np.ndarray:
    hole = np.zeros(image.shape[:2], np.uint8)
    hole[rows, columns] = 1
    return hole


def test_people_beside_a_hole_are_spared(people: Image) -> None:
    face = Faces().detect(people)[0].box
    hole = box(people, slice(10, 90), slice(10, 90))
    found = Bystanders()(people, hole)
    person = Person()(people)
    assert (found.spared & person).sum() > 0.9 * person.sum()
    assert found.spared[round(face[1] + face[3] / 2), round(face[0] + face[2] / 2)]
    assert not found.faces.any()


def test_a_face_in_a_hole_stays_smooth_and_the_rest_of_who_has_it_may_be_copied(people: Image) -> None:
    x, y, wide, tall = (round(value) for value in Faces().detect(people)[0].box)
    hole = box(people, slice(y, y + tall), slice(x, x + wide))
    found = Bystanders()(people, hole)
    assert found.faces[hole > 0].mean() > 0.9
    assert found.spared[y + tall // 2, x + wide // 2]
    assert not found.spared[min(y + 2 * tall, people.shape[0] - 1), x + wide // 2]


def test_a_person_who_is_removed_whole_leaves_no_smooth_face(people: Image) -> None:
    hole = cv2.dilate(Person(wide=True)(people), np.ones((9, 9), np.uint8))
    found = Bystanders()(people, np.asarray(hole, np.uint8))
    assert not found.faces.any()


def test_where_nobody_is_nothing_is_spared() -> None:
    image = still("lake")
    found = Bystanders()(image, box(image, slice(20, 60), slice(20, 60)))
    assert not found.spared.any()
    assert not found.faces.any()


def test_a_hidden_face_is_filled_without_pieces(people: Image) -> None:
    """What is filled of it has no more of edges than a blur has."""
    x, y, wide, tall = (round(value) for value in Faces().detect(people)[0].box)
    hole = box(people, slice(y, y + tall), slice(x, x + wide))
    filled = gancam.load("inpaint", device="cpu", threads=1)(people, mask=hole)
    inner = (slice(y + tall // 4, y + 3 * tall // 4), slice(x + wide // 4, x + 3 * wide // 4))
    edges = [float(np.abs(cv2.Sobel(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), cv2.CV_32F, 1, 0))[inner].max())
             for one in (people, filled)]  # fmt: skip
    assert edges[1] < 0.25 * edges[0]


def test_a_face_that_moves_leaves_nothing_of_its_hair_behind(people: Image) -> None:
    """With ``mask=faces`` each frame is filled by itself: only where the head's outline is found goes along."""
    moved = np.asarray(np.roll(people, 12, 1), np.uint8)
    effect = gancam.load("inpaint", device="cpu", threads=1, mask="faces")
    effect(people, time=0.0)
    after = effect(moved, time=1 / 30)
    effect.reset()
    away = cv2.absdiff(after, effect(moved, time=0.0)).max(axis=2)
    assert not away[cv2.dilate(Faces(grow=1.0)(moved), np.ones((3, 3), np.uint8)) == 0].any()
    assert np.count_nonzero(away > 12) < 0.01 * np.count_nonzero(Faces(grow=1.0)(moved))
    assert away.max() < 16  # hair is 100 levels away


def told_until_somebody_is_found(effect: ModelEffect, people: Image, says: str) -> None:
    assert not effect.detection_note
    effect(still("spices"))
    assert says in effect.detection_note
    effect(people)
    assert not effect.detection_note
    for second in (10.0, 20.0, 30.0):
        effect(still("spices"), time=second)
    held = "face" in says  # for a while after they were seen
    assert held or "a person was found in 20 % of its frames only, so in the others " in effect.detection_note
    effect.reset()
    assert not effect.detection_note


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("sketch", {"mask": "faces"}, "no face was found in it, so nothing was changed"),
        ("sketch", {"mask": "person", "outside": True}, "no person was found in it, so all of it was changed"),
        ("mnist", {"where": "object", "faces": "on"}, "no face was found in it, so the pictures are not seen"),
        ("mnist", {"where": "outside", "mask": "faces"}, "no face was found in it, so the pictures are all over"),
    ],
)
def test_so_it_is_by_every_effect_with_a_mask(people: Image, name: str, values: dict[str, Any], says: str) -> None:
    """Styles and morphs changed nothing and said nothing."""
    told_until_somebody_is_found(gancam.load(name, device="cpu", threads=1, **values), people, says)
    own = {"outside": True} if name == "sketch" else {"where": "inside", "box": "8/8/40/40", "faces": "on"}
    other = gancam.load(name, device="cpu", threads=1, **own)
    other(still("spices"))
    assert not other.detection_note


@pytest.mark.parametrize(("mask", "says"), [("person", "no person was found"), ("faces", "no face was found")])
def test_that_nobody_was_found_is_told(people: Image, mask: str, says: str) -> None:
    effect = gancam.load("inpaint", device="cpu", threads=1, mask=mask)
    told_until_somebody_is_found(effect, people, says)
    effect(still("spices"), mask=np.zeros(still("spices").shape[:2], np.uint8))
    assert not effect.detection_note


@pytest.fixture(scope="module")
def person() -> Image:
    """Somebody near, with a face turned to the camera, before a wall of a colour that is nowhere on them."""
    image = cv2.imread(str(Path(__file__).parents[2] / "samples" / "people.jpg"))
    assert image is not None
    x, y, wide, tall = (round(value) for value in Faces().detect(np.asarray(image, np.uint8))[0].box)
    near = image[max(y - tall, 0) : y + 3 * tall, max(x - 2 * wide, 0) : x + 3 * wide]
    share = Person().opacity(np.asarray(near, np.uint8)).astype(np.float32)[..., None] / 255
    return np.asarray(near * share + np.array(WALL, np.float32) * (np.float32(1) - share), np.uint8)


def green(image: np.ndarray) -> np.ndarray:
    blue, level, red = (image[..., channel].astype(int) for channel in range(3))
    return np.asarray(level - np.maximum(blue, red))


def test_no_wall_flows_in_over_a_face_and_none_is_filled(person: Image) -> None:
    filled = gancam.load("inpaint", device="cpu", threads=1, mask="faces")(person, time=0.0)
    face = Faces(grow=1.0)(person)
    inner = (cv2.erode(face, np.ones((9, 9), np.uint8)) > 0) & (green(person) < 20)
    assert np.abs(filled[face > 0].astype(int) - person[face > 0]).mean() > 10
    assert green(filled)[inner].max() < 40
    wall = (face > 0) & (green(person) > 120) & (cv2.blur(np.asarray(person[..., 2]), (7, 7)) < 64)
    assert np.array_equal(filled[wall], person[wall])


def test_who_is_not_found_is_filled_all_over() -> None:
    """A face is hidden also where the network sees nobody around it."""
    image = still("spices")
    face = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(face, (60, 60), (25, 35), 0, 0, 360, 1, cv2.FILLED)
    assert not Silhouettes()(image, 0.0, face)[face > 0].any()


def test_between_looks_the_wall_goes_along_with_a_face(person: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    face = Faces(grow=1.0)(person)
    found = Silhouettes()
    first = found(person, 0.0, face)
    monkeypatch.setattr(found, "_looked", lambda *_: pytest.fail("was looked for"))
    moved = found(np.asarray(np.roll(person, 6, 1), np.uint8), 1 / 30, np.asarray(np.roll(face, 6, 1), np.uint8))
    near = np.asarray(np.roll(face, 6, 1)) > 0
    assert (moved == np.roll(first, 6, 1))[near].mean() > 0.98


def test_in_a_file_each_frame_is_looked_at(person: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    face = Faces(grow=1.0)(person)
    found, looks, look = Silhouettes(), [], Silhouettes._looked

    def counted(self: Silhouettes, small: Image, time: float | None) -> np.ndarray:
        looks.append(time)
        return look(self, small, time)

    monkeypatch.setattr(Silhouettes, "_looked", counted)
    for frame in range(bystanders._EVERY + 1):
        found(person, frame / 30, face)
    assert len(looks) == 2
    found.prefer_quality()
    found(person, 1.0, face)
    found(person, 1.1, face)
    assert len(looks) == 4
