"""People and faces that bundled networks find, and what is behind them."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import gancam
from gancam import masks
from gancam.effects import load
from gancam.effects.inpainting.marks import Marks
from gancam.effects.inpainting.retrace import Retrace
from gancam.effects.inpainting.settings import InpaintParams
from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks.faces import Face
from gancam.vision.blend import composite
from tests.helpers.small import still

ROOT = Path(__file__).parent.parent.parent
SKIN, WALL, SHIRT = (
    (slice(150, 170), slice(290, 310)),
    (slice(20, 60), slice(60, 140)),
    (slice(330, 380), slice(270, 340)),
)


@pytest.fixture(scope="module")
def people() -> Image:
    image = cv2.imread(str(ROOT / "samples" / "people.jpg"))
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture
def effect() -> gancam.Background:
    return load("background", device="cpu", threads=1)


def test_people_stay_and_the_rest_is_blurred(effect: gancam.Background, people: Image) -> None:
    before, result = people.copy(), effect(people)
    assert np.array_equal(people, before)
    for place in (SKIN, SHIRT):
        assert np.array_equal(result[place], people[place])
    lines = slice(330, 420), slice(500, 600)  # of a chair's back
    assert cv2.Laplacian(result[lines], cv2.CV_32F).std() < 0.3 * cv2.Laplacian(people[lines], cv2.CV_32F).std()
    assert abs(float(result[WALL].mean()) - float(people[WALL].mean())) < 4


def test_it_is_told_that_nobody_was_found(effect: gancam.Background, people: Image) -> None:
    assert effect.detection_note == ""  # nothing was looked at
    effect(still("lake"))
    said = "no person was found in it, so all of it was blurred; who is small in it, far away, blurred or half hidden"
    assert effect.detection_note.startswith(said)
    effect.params.colour = "#00ff00"
    assert "all of it was replaced" in effect.detection_note
    effect(people)
    assert effect.detection_note == ""
    effect(still("lake"))
    assert effect.detection_note.startswith("a person was found in 33 % of its frames only, so in the others all")
    effect.reset()
    assert effect.detection_note == ""
    effect.params.strength = 0.0
    effect(still("lake"))
    assert effect.detection_note == ""


def test_nothing_may_be_behind_people(effect: gancam.Background, people: Image) -> None:
    assert effect.opacity is None
    effect.params.colour = "Transparent"
    assert effect.opacity is not None  # before the first frame, so that a file with a place for it is opened
    result = effect(people)
    assert effect.opacity.shape == people.shape[:2]
    assert (effect.opacity[SHIRT] == 255).all()
    assert np.array_equal(result[SHIRT], people[SHIRT])
    assert (effect.opacity[WALL] == 0).all()
    assert (result[WALL] == 0).all()  # what was there is in no file
    effect.params.strength = 0.5
    assert np.array_equal(effect(people), people)
    assert (effect.opacity[WALL] == 128).all()
    effect.params.strength = 0.0
    assert effect.opacity is None


def test_half_a_blur_has_no_sharp_edges_below_it(people: Image) -> None:
    half, weak = (
        load("background", device="cpu", threads=1, stabilise=0, strength=strength, blur=blur)(people)
        for strength, blur in ((0.5, 0.6), (1.0, 0.3))
    )
    assert np.array_equal(half, weak)


def test_a_colour_is_seen_behind_people_alone(effect: gancam.Background, people: Image) -> None:
    effect.params.colour = "#30c090"
    assert (effect(people)[WALL] == (0x90, 0xC0, 0x30)).all()  # of BGR
    effect.params.colour = "#00ff00"
    result = effect(people)
    assert (result[WALL] == (0, 255, 0)).all()
    assert np.array_equal(result[SHIRT], people[SHIRT])
    effect.params.strength = 0.5
    assert np.abs(effect(people)[WALL].astype(int) - people[WALL] / 2 - np.array([0, 127.5, 0])).max() <= 2
    effect.params.strength = 0.0
    assert effect(people) is people


def test_black_bars_stay_black_and_darken_nothing(people: Image) -> None:
    inner = people[60:420]
    framed = np.asarray(cv2.copyMakeBorder(inner, 60, 60, 0, 0, cv2.BORDER_CONSTANT), np.uint8)
    result = load("background", device="cpu", threads=1)(framed)
    assert result[:60].max() == result[-60:].max() == 0
    assert abs(float(result[60:70, 60:140].mean()) - float(inner[:10, 60:140].mean())) < 5, "the wall at the upper edge"


def test_edges_show_little_of_what_was_behind(people: Image) -> None:
    """Before another ground, a wall that was bright would be a pale rim."""
    sure = np.asarray(gancam.masks.Person().opacity(people) == 255, np.uint8)
    core, inner = (cv2.erode(255 * sure, np.ones((side, side), np.uint8)) for side in (5, 11))
    share = np.minimum(cv2.GaussianBlur(inner, (0, 0), 1.2), core)[..., None] / 255
    image = np.asarray(people * share + (1 - share) * (230, 240, 255), np.uint8)  # of people's colours all is known
    result = load("background", device="cpu", threads=1, stabilise=0, colour="#00ff00")(image)
    opacity = gancam.masks.Person(hold=0.0).opacity(image)
    green = np.full_like(image, (0, 255, 0))
    plain, ideal = (composite(green, one, "normal", opacity).astype(int) for one in (image, people))
    edge = (opacity > 10) & (opacity < 250) & (share[..., 0] > 0.02)
    assert np.abs(plain - ideal)[edge].mean() > 20
    assert np.abs(result - ideal)[edge].mean() < 12


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1280, 720), (90, 400), (33, 21), (1, 1)])
def test_a_picture_covers_what_is_behind(tmp_path: Path, people: Image, size: tuple[int, int]) -> None:
    halves = np.zeros((60, 60, 3), np.uint8)
    halves[:30], halves[30:] = (255, 0, 0), (0, 0, 255)
    cv2.imwrite(str(tmp_path / "halves.png"), halves)
    effect = load("background", device="cpu", threads=1, image=str(tmp_path / "halves.png"))
    frame = np.zeros((size[1], size[0], 3), np.uint8)  # nobody there
    result = effect(frame)
    assert result.shape == frame.shape
    assert (result[0, 0] == (255, 0, 0)).all() or size == (1, 1)
    assert (result[-1, -1] == (0, 0, 255)).all() or size == (1, 1)
    assert effect(np.asarray(cv2.resize(people, size), np.uint8)).shape == frame.shape


@pytest.mark.parametrize(("image", "colour"), [("", ""), ("", "red"), ("behind.png", ""), ("", "transparent")])
def test_a_frame_that_was_given_stays_as_it_was(tmp_path: Path, people: Image, image: str, colour: str) -> None:
    if image:  # of the frame's own size
        image = str(tmp_path / image)
        cv2.imwrite(image, np.full_like(people, 90))
    effect = load("background", device="cpu", threads=1, image=image, colour=colour)
    first = effect(people, time=0.0)
    kept = first.copy()
    again = effect(people[:, ::-1].copy(), time=0.04)
    assert np.array_equal(first, kept)  # what it works in is used again, what it gave is not
    assert not np.array_equal(again, kept)
    assert effect(people[:300], time=0.08).shape == people[:300].shape


def test_what_is_wrong_is_said_when_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(gancam.NotFound, match=r"image=none\.png: no such file"):
        load("background", device="cpu", image="none.png")
    with pytest.raises(gancam.ParameterError, match="only one can be behind people"):
        load("background", device="cpu", image=str(ROOT / "samples" / "people.jpg"), colour="#112233")
    with pytest.raises(gancam.GancamError, match="colour='nice'"):
        load("background", device="cpu", colour="nice")
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(gancam.GancamError, match=r"text\.png"):
        load("background", device="cpu", image=str(tmp_path / "text.png"))


def test_the_mask_has_the_person(people: Image) -> None:
    mask = gancam.masks.Person()(people)
    assert set(np.unique(mask)) == {0, 1}
    assert mask[SKIN].all()
    assert mask[SHIRT].all()
    assert not mask[WALL].any()
    assert 0.12 < mask.mean() < 0.3
    assert gancam.masks.Person()(still("lake")).mean() < 0.02


@pytest.mark.slow
def test_edges_do_not_tremble_and_a_cut_is_forgotten(people: Image) -> None:
    rng = np.random.default_rng(0)
    frames = [np.clip(people + rng.normal(0, 6, people.shape), 0, 255).astype(np.uint8) for _ in range(6)]

    def change(hold: float) -> float:
        person = gancam.masks.Person(hold=hold)
        found = [person.opacity(frame).astype(int) for frame in frames]
        return float(np.mean([np.abs(one - other).mean() for one, other in pairwise(found[2:])]))

    assert change(0.7) < 0.9 * change(0.0)
    person = gancam.masks.Person()
    first = person.opacity(people)
    person.opacity(frames[0])
    person.reset()
    assert np.array_equal(person.opacity(people), first)


def test_nobody_of_the_scene_before_is_seen_after_a_cut(effect: gancam.Background, people: Image) -> None:
    turned = np.ascontiguousarray(people[:, ::-1] // 2)
    alone = gancam.masks.Person().opacity(turned)
    person = gancam.masks.Person()
    person.opacity(people)
    assert np.array_equal(person.opacity(turned), alone)
    expected = effect(turned)
    effect.reset()
    effect(people)
    assert np.array_equal(effect(turned), expected)


def test_a_wide_mask_rather_marks_too_much_than_shows_somebody(people: Image) -> None:
    exact, person = gancam.masks.Person()(people), gancam.masks.Person(wide=True)
    wide = person(people, time=0.0)
    assert wide[exact > 0].all()
    assert wide.sum() < 1.15 * exact.sum()
    lake = np.asarray(cv2.resize(still("lake"), people.shape[1::-1]), np.uint8)
    empty = np.where(wide[..., None] > 0, people[:, 60:61], people)  # as the wall is beside him
    gone = [person(empty, time=step / 10) for step in range(1, 15)]
    assert gone[8][wide > 0].all()  # the network is mistaken, for all it knows
    assert gone[-1].mean() < 0.02
    person.reset()
    person(people, time=0.0)
    assert person(lake, time=0.1).mean() < 0.02  # a cut is no mistake


def test_a_wide_mask_reaches_over_the_rim_that_compression_smears(people: Image) -> None:
    """The outermost two pixels or so of somebody are half wall: left there, they are an outline of nobody."""
    rim = np.asarray(cv2.dilate(gancam.masks.Person()(people), np.ones((3, 3), np.uint8), iterations=2))
    assert gancam.masks.Person(wide=True)(people, time=0.0)[rim > 0].mean() > 0.999


def test_effects_take_people_and_faces_by_name(people: Image) -> None:
    styled = load("sketch", device="cpu", threads=1, mask="person")
    assert styled.remembers
    result = styled(people)
    assert np.array_equal(result[WALL], people[WALL])
    assert not np.array_equal(result[SHIRT], people[SHIRT])
    gone = load("inpaint", device="cpu", threads=1, mask="person", invert=True, memory=False)(people)
    assert np.array_equal(gone[SHIRT], people[SHIRT])
    assert not np.array_equal(gone[WALL], people[WALL])
    for name in ("faces", "mask"):
        eraser = load("inpaint", device="cpu", threads=1, memory=False)
        eraser.params.set(name, "on" if name == "faces" else "faces")
        hidden = eraser(people)
        assert not np.array_equal(hidden[SKIN], people[SKIN])
        assert np.array_equal(hidden[SHIRT], people[SHIRT])
    covered = load("morph-fruits", device="cpu", threads=1, where="object", faces="on")(people)
    assert not np.array_equal(covered[SKIN], people[SKIN])


def test_faces_are_found_without_a_file(people: Image) -> None:
    (face,) = gancam.masks.Faces().detect(people)
    x, y, width, height = face.box
    assert x < 300 < x + width
    assert y < 160 < y + height


@pytest.fixture(scope="module")
def cut(people: Image) -> tuple[Image, NDArray[np.uint8]]:
    """The man at the table, and how much of each pixel is him."""
    opacity = gancam.masks.Person().opacity(people)
    left, top, width, height = cv2.boundingRect(np.asarray(opacity > 127, np.uint8))
    place = slice(max(top - 4, 0), top + height), slice(max(left - 4, 0), left + width + 4)
    return np.ascontiguousarray(people[place]), np.ascontiguousarray(opacity[place])


Cut = tuple[Image, NDArray[np.uint8]]


def far(cut: Cut, *middles: int, tall: int = 90, back: str = "lake", grain: int = 0) -> Cut:
    """He at the lower side of another picture, `tall` pixels of 360, around columns `middles`; and where he is."""
    image = np.asarray(cv2.resize(still(back), (640, 360), interpolation=cv2.INTER_CUBIC), np.float32)
    truth, shrink = np.zeros(image.shape[:2], np.uint8), tall / cut[0].shape[0]
    one, share = (cv2.resize(part, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) for part in cut)
    for middle in middles:
        place = slice(360 - tall, 360), slice(middle - share.shape[1] // 2, middle + (share.shape[1] + 1) // 2)
        weight = share[..., None] / np.float32(255)
        image[place], truth[place] = image[place] * (1 - weight) + one * weight, share
    if grain:
        image += np.random.default_rng(grain).normal(0, 3, image.shape).astype(np.float32)
    return np.asarray(np.clip(image.round(), 0, 255), np.uint8), truth


def agreement(found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Pixels in both over pixels in either."""
    return float(((found > 127) & (truth > 127)).sum() / ((found > 127) | (truth > 127)).sum())


@pytest.mark.parametrize("back", ["lake", "skyline"])
@pytest.mark.parametrize("tall", [120, 72])
def test_who_is_small_in_the_frame_is_seen_as_well_as_who_is_near(cut: Cut, tall: int, back: str) -> None:
    image, truth = far(cut, 400, tall=tall, back=back)
    assert agreement(gancam.masks.Person().opacity(image), truth) > 0.92


def test_several_who_are_small_are_followed(cut: Cut) -> None:
    person = gancam.masks.Person()
    for step in range(10):
        image, truth = far(cut, 100 + 9 * step, 560 - 6 * step, grain=step + 1)
        assert agreement(person.opacity(image), truth) > 0.88, step


def test_who_rides_past_smeared_is_seen_from_the_second_frame_on(cut: Cut) -> None:
    """Nobody was: of who moves quickly the network is half as sure, and their window stayed where they had been."""
    person = gancam.masks.Person()
    for step in range(8):
        image, truth = far(cut, 150 + 9 * step, grain=step + 1)
        smeared = cv2.dilate(truth, np.ones((3, 15), np.uint8))[..., None] > 0
        found = person.opacity(np.where(smeared, cv2.blur(image, (15, 1)), image), time=step / 25)
        assert not step or agreement(found, truth) > 0.6, step


def test_who_is_found_late_in_a_file_is_known_from_where_they_came_in(cut: Cut) -> None:
    """A pair walked through a surveillance view for two seconds, whole, and was gone from one frame to the next."""
    walk, retrace = [far(cut, 200 + 12 * step, grain=step + 1) for step in range(7)], Retrace()
    for index, (image, truth) in enumerate(walk):
        marked = np.asarray(truth > 127, np.uint8) if index == 6 else np.zeros_like(truth)
        retrace.look(image, marked, index / 10)
    covers(retrace, walk[:6])
    nobody = np.zeros_like(walk[0][1])
    assert retrace.earlier.with_them(nobody, 9.9) is nobody
    assert retrace.earlier.with_them(nobody, None) is nobody


def covers(retrace: Retrace, walk: list[tuple[Image, NDArray[np.uint8]]]) -> None:
    """They are known in the frames of a walk, 1/10 s apart from 0 on, where nobody was marked."""
    for index, (_, truth) in enumerate(walk):
        them = retrace.earlier.with_them(np.zeros_like(truth), index / 10) > 0
        assert them[truth > 127].mean() > 0.9, index
        assert them.sum() < 4 * (truth > 127).sum(), index


@pytest.mark.parametrize("marked", [2, 0])
def test_who_is_lost_or_not_found_before_a_scene_ends_is_known_in_its_last_frames(cut: Cut, marked: int) -> None:
    """In a piece of six frames a man was half there from the fifth on; in a longer one, where he is found, whole."""
    walk, ends = [far(cut, 200 + 12 * step, grain=step + 1) for step in range(6)], []
    for cuts in (True, False):
        retrace = Retrace()
        for index, (image, truth) in enumerate(walk):
            retrace.look(image, np.asarray((truth > 127) & (index < marked), np.uint8), index / 10)
        if cuts:
            other = far(cut, back="skyline")[0]
            retrace.look(other, np.zeros(other.shape[:2], np.uint8), 0.6)
        else:
            retrace.finish()
        covers(retrace, walk)
        ends.append(retrace.earlier)
    nobody = np.zeros(walk[0][1].shape, np.uint8)
    assert ends[0].with_them(nobody, 0.6) is nobody


def test_what_only_the_last_frame_of_a_scene_shows_for_somebody_is_nobody(cut: Cut) -> None:
    retrace, (empty, truth) = Retrace(), far(cut)
    frames = [*[empty] * 4, far(cut, 300)[0]]
    for index, image in enumerate(frames):
        retrace.look(image, np.zeros_like(truth), index / 10)
    retrace.finish()
    nobody = np.zeros(truth.shape, np.uint8)
    assert all((retrace.earlier.with_them(nobody, index / 10) > 0).mean() < 0.01 for index in range(5))


def test_who_comes_into_an_empty_frame_is_seen_within_half_a_second(cut: Cut) -> None:
    person = gancam.masks.Person()
    for step in range(15):
        assert (person.opacity(far(cut, grain=step + 1)[0]) > 127).mean() < 0.01
    image, truth = far(cut, 300)
    assert agreement(person.opacity(image), truth) > 0.88


def test_where_there_is_time_all_parts_are_looked_at_within_nine_frames(cut: Cut) -> None:
    """In files, which nobody waits for: it took twice as long, in which they walk through much of the picture."""
    person = gancam.masks.Person(wide=True)
    person.prefer_quality()
    for step in range(16):
        person.opacity(far(cut, grain=step + 1)[0], time=step / 25)
    frames = (far(cut, 320, tall=40, grain=step + 17) for step in range(9))
    assert any(
        agreement(person.opacity(image, time=step / 25), truth) > 0.6 for step, (image, truth) in enumerate(frames, 16)
    )


def test_where_somebody_is_expected_is_looked_at_once(cut: Cut) -> None:
    """Something came there: who it is is seen in that frame, not in the next; what is nobody stays that."""
    image, truth = far(cut, 300)
    found = []
    for expected in (True, False):
        person = gancam.masks.Person()
        for step in range(7):
            person.opacity(far(cut, grain=step + 1)[0])
        left, top, width, height = cv2.boundingRect(truth)
        person.expect([(left, top, width, height), (500, 100, 40, 90)] if expected else [])
        last = person.opacity(image)
        found.append(agreement(last, truth))
    assert found[0] > 0.88
    assert found[1] < 0.1
    assert (last[:, 480:560] > 127).sum() == 0


def test_who_comes_in_far_away_is_looked_at_where_there_is_time(cut: Cut) -> None:
    """Somebody of 33 lines of 576 walked through a surveillance view, unmarked: less than a sixteenth was nobody."""
    image, truth = far(cut, 450, tall=21, back="skyline")
    for patient in (True, False):
        person = gancam.masks.Person()
        if patient:
            person.prefer_quality()
        person.opacity(far(cut, grain=1, back="skyline")[0])
        left, top, width, height = cv2.boundingRect(truth)
        person.expect([(left, top, width, height)])
        assert (agreement(person.opacity(image), truth) > 0.6) == patient


def test_a_small_person_at_rest_does_not_tremble_and_one_who_left_is_gone(cut: Cut) -> None:
    person = gancam.masks.Person()
    found = [person.opacity(far(cut, 300, grain=step + 1)[0]).astype(int) for step in range(18)]
    area = (found[0] > 127).sum()
    assert max(np.abs(one - other).sum() / 255 / area for one, other in pairwise(found[1:])) < 0.02
    assert (person.opacity(far(cut)[0]) > 127).mean() < 0.01


def test_who_comes_near_is_one_person_all_the_way(cut: Cut) -> None:
    person = gancam.masks.Person()
    for tall in (*range(90, 350, 20), *range(340, 90, -25)):
        image, truth = far(cut, 320, tall=tall)
        assert agreement(person.opacity(image), truth) > 0.85, tall


def test_a_small_person_after_a_cut_is_seen_at_once(cut: Cut) -> None:
    image, _ = far(cut, 450, back="skyline")
    alone = gancam.masks.Person().opacity(image)
    person = gancam.masks.Person()
    person.opacity(far(cut, 150)[0])
    assert np.array_equal(person.opacity(image), alone)
    larger = np.asarray(cv2.resize(image, (1280, 720)), np.uint8)  # as if a camera changed its size
    assert np.array_equal(person.opacity(larger), gancam.masks.Person().opacity(larger))


class Counted(ImageModel):
    """Counts how often it is asked."""

    asked = 0

    def __call__(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8]]:  # type: ignore[override]
        self.asked += 1
        return super().__call__(images)


def test_a_closer_look_costs_no_second_one(cut: Cut, people: Image) -> None:
    """But for the frames in which others are looked for: where nobody is near, in one part of every other one."""
    for image, most in ((people, 14), (far(cut, 300)[0], 28)):
        model = Counted(MODELS / "background.onnx", device="cpu")
        person = gancam.masks.Person(model)
        person.opacity(image)
        first = model.asked
        for _ in range(14):
            person.opacity(image)
        assert 14 <= model.asked - first <= most


def test_edges_of_people_are_no_haze(people: Image) -> None:
    """What is half transparent is a line along the edge, of a pixel or two, and no wisps or blobs."""
    opacity = gancam.masks.Person().opacity(people)
    half = (opacity > 25) & (opacity < 230)
    outline = cv2.morphologyEx(np.asarray(opacity > 127, np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    assert half.sum() < 2.5 * outline.sum()
    assert not cv2.erode(np.asarray(half, np.uint8), np.ones((9, 9), np.uint8)).any()


@pytest.mark.parametrize(
    "name",
    ["osprey", "sign", "skyline", *(pytest.param(name, marks=pytest.mark.slow) for name in ("spices", "colosseum"))],
)
def test_what_is_no_person_is_background(name: str) -> None:
    assert (gancam.masks.Person().opacity(still(name)) > 25).mean() < 0.005
    wide = gancam.masks.Person(wide=True)
    assert max(wide(still(name), time=step / 25).mean() for step in range(3)) < 0.005


@pytest.mark.slow
def test_a_tower_is_background_in_all_frames() -> None:
    clip, person = cv2.VideoCapture(str(ROOT / "samples" / "city.mp4")), gancam.masks.Person()
    wide = gancam.masks.Person(wide=True)
    for step in range(20):
        image = np.asarray(clip.read()[1], np.uint8)
        assert (person.opacity(image) > 25).mean() < 0.005
        assert wide(image, time=step / 25).mean() < 0.005


@pytest.fixture(scope="module")
def faceless(people: Image) -> Image:
    """The man at the table with his hair all over his face, as from behind."""
    image, (face,) = people.copy(), gancam.masks.Faces().detect(people)
    x, y, width, height = (round(one) for one in face.box)
    hair = image[y - 12 : y - 6, x + width // 2 - 10 : x + width // 2 + 10].mean(axis=(0, 1))
    cv2.ellipse(image, (x + width // 2, y + height // 2), (width // 2, height // 2), 0, 0, 360, hair.tolist(), -1)
    return np.asarray(np.clip(image + np.random.default_rng(2).normal(0, 4, image.shape), 0, 255), np.uint8)


def test_who_shows_no_face_does_not_vanish(people: Image, faceless: Image) -> None:
    assert not gancam.masks.Faces(long=640).detect(faceless)
    truth, person = gancam.masks.Person().opacity(people), gancam.masks.Person()
    for _ in range(17):
        assert agreement(person.opacity(faceless), truth) > 0.9


def test_several_who_show_no_face_are_all_seen(faceless: Image, people: Image) -> None:
    opacity = gancam.masks.Person().opacity(people)
    left, top, width, height = cv2.boundingRect(np.asarray(opacity > 127, np.uint8))
    place = slice(top, top + height), slice(left, left + width)
    one = np.ascontiguousarray(faceless[place]), np.ascontiguousarray(opacity[place])
    image, truth = far(one, 90, 240, 390, 540, tall=80)
    assert agreement(gancam.masks.Person().opacity(image), truth) > 0.85


def test_what_moves_leaves_no_ghost(people: Image) -> None:
    """Between two frames the man jumps to the right: where he was, he is not, for all that the network hesitates."""
    person, steps = gancam.masks.Person(), (0, 14, 28, 42, 56)
    for step in steps:
        image = np.ascontiguousarray(np.roll(people, step, axis=1))
        found, alone = person.opacity(image).astype(int), gancam.masks.Person(hold=0.0).opacity(image)
    assert np.abs(found - alone).sum() / 255 < 0.02 * (alone > 127).sum()


def test_without_memory_each_frame_is_seen_as_if_alone(cut: Cut) -> None:
    person = gancam.masks.Person(hold=0.0)
    for middle in (100, 500):
        image, _ = far(cut, middle)
        assert np.array_equal(person.opacity(image), gancam.masks.Person(hold=0.0).opacity(image))


def test_without_mixing_a_video_is_not_searched_anew_in_each_frame(cut: Cut) -> None:
    looks = []
    for hold in (0.0, 0.01):
        model = Counted(MODELS / "background.onnx", device="cpu", threads=1)
        person = gancam.masks.Person(model, hold=hold)
        for step in range(6):
            person.opacity(far(cut, 100 + step)[0], time=step / 30)
        looks.append(model.asked)
    assert looks[0] <= 2 * looks[1]


@pytest.mark.parametrize("named", ["before", "after"])
def test_inpaint_finds_small_newcomers_sooner_where_nobody_waits(people: Image, named: str) -> None:
    room = np.random.default_rng(0).integers(90, 200, (360, 480, 3), np.uint8)
    wall = np.asarray(cv2.GaussianBlur(room, (0, 0), 6), np.uint8)
    small = cv2.resize(people[70:480, 180:430], (75, 123), interpolation=cv2.INTER_AREA)
    come = wall.copy()
    come[-123:, 300:375] = small
    effect = load("inpaint", device="cpu", threads=1, memory=False, mask="person" if named == "before" else "")
    effect.prefer_quality()
    effect.params.mask = "person"
    effect(wall, time=0.0)
    assert any((effect(come, time=index / 30) != come).any() for index in range(1, 7)), "13 frames where somebody waits"


def test_what_is_filled_of_a_face_ends_within_the_head(people: Image) -> None:
    """All features are, in faces that are turned away, too; the outline of cheeks and jaw stays."""
    marks = Marks(None)
    mask = marks.mask(InpaintParams.of(mask="faces"), people, 0.0)
    assert mask is not None
    faces = masks.Faces().detect(people)
    assert faces
    for face in faces:
        x, y, wide, tall = (round(side) for side in face.box)
        for across, down in face.landmarks.round().astype(int):
            assert mask[down, across]
        assert not mask[y + tall // 4 : y + 3 * tall // 4, x - wide // 8].any()
    turned = Face((100.0, 50.0, 100.0, 150.0), np.array([[104, 100], [150, 95], [101, 130], [106, 160], [145, 158]],
                                                             np.float32), 1.0)  # fmt: skip
    source = masks.Faces(grow=0.95)
    source.detect = lambda image: [turned]  # type: ignore[method-assign]
    found = source(people)
    assert found[95:106, 95:108].all()
    assert found[155:166, 100:110].all()


@pytest.mark.parametrize(("found", "kept"), [(range(3), set()), (range(8), set(range(8))), ({0, 5, 6, 7}, {5, 6, 7})])
def test_who_is_found_far_before_the_end_alone_was_not_lost(
    found: Iterable[int], kept: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lobsters went after a cut: seen backwards, they were taken for people in the first frames of their scene."""
    times, seen = [index / 10 for index in range(8)], iter(reversed(range(8)))
    picture, nobody = np.zeros((96, 128, 3), np.uint8), np.zeros((96, 128), np.uint8)
    somebody = nobody.copy()
    somebody[30:60, 40:60] = 255
    retrace = Retrace()
    monkeypatch.setattr(retrace._person, "opacity", lambda image, *, time: somebody if next(seen) in found else nobody)
    for time in times:
        retrace.look(picture, nobody, time)
    retrace.finish()
    assert {index for index, time in enumerate(times) if retrace.earlier.with_them(nobody, time).any()} == kept
