"""Colours within outlines, along motion: what a network finds is given here by hand."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.effects.translation.levels import Levels
from gancam.effects.translation.tint import Tint, evened, vivid
from gancam.frame import Image
from gancam.vision.chroma import chroma_of
from tests.helpers.small import still

Chroma = NDArray[np.float32]
RED, BLUE, CYAN = (-30, -20, 50), (50, -8, -3), (30, 20, -50)


def grey_of(image: Image) -> Image:
    return np.asarray(cv2.merge([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] * 3), np.uint8)


def on_floor(image: Image) -> Image:
    """`image` (180, 320, 3) with a chequered floor, as of a picture without edges no colours are known, or faded."""
    rows, columns = np.mgrid[:44, :320] // 8
    floored = image.copy()
    floored[136:] = np.where((rows + columns) % 2, 250, 5)[..., None]
    return floored


def scene(left: int = 70, right: int = 160, edge: int = 160) -> Image:
    """A dark thing before a light wall, with some grain."""
    image = np.full((180, 320), right, np.int16)
    image[:, :edge] = left
    image += np.random.default_rng(0).integers(-3, 4, image.shape, np.int16)
    return on_floor(np.asarray(cv2.merge([image.astype(np.uint8)] * 3), np.uint8))


def saying(paint: Callable[[Chroma], None]) -> Callable[[Image], Image]:
    """A network that gives what `paint` paints into the picture that it is shown; shown mirrored ones, mirrored."""

    def look(seen: Image) -> Image:
        canvas = np.zeros((180, 320, 3), np.float32)
        paint(canvas)
        mirrored = seen.shape[1] < 320
        canvas = canvas[:, ::-1] if mirrored else canvas
        colours = cv2.resize(canvas, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_AREA)
        return np.asarray(np.clip(seen + colours, 0, 255).round(), np.uint8)

    return look


def test_a_halo_goes_and_colours_end_at_outlines() -> None:
    def paint(canvas: Chroma) -> None:
        canvas[:, :175] = RED  # 15 pixels into the wall
        canvas[:, 175:] = BLUE

    image = scene()
    found = chroma_of(Tint()(image, image, saying(paint), 1.0))
    thing, rim, wall = (found[20:160, columns].mean((0, 1)) for columns in (np.s_[20:157], np.s_[163:173], np.s_[220:]))
    assert thing[2] > 0.8 * RED[2]
    assert rim[0] > 0.4 * BLUE[0]
    assert np.abs(rim - wall).max() < 24  # as found: 80


def test_black_and_white_take_next_to_nothing_of_a_cast() -> None:
    """Hair and shirts were brown or blue as all else."""

    def paint(canvas: Chroma) -> None:
        canvas[:] = RED

    image = np.repeat(np.array([8, 120, 248], np.uint8), 107)[None, :320, None].repeat(180, 0).repeat(3, 2)
    image = on_floor(image)
    found = chroma_of(Tint()(image, image, saying(paint), 1.0))[60:120]
    black, middle, white = (np.abs(found[:, at : at + 60]).mean() for at in (20, 130, 240))
    assert middle > 20
    assert max(black, white) < 0.3 * middle


def test_what_contradicts_itself_within_an_outline_is_grey() -> None:
    def paint(canvas: Chroma) -> None:
        for column in range(160, 320, 20):
            canvas[:, column : column + 20] = RED if column % 40 else CYAN
        canvas[:, :160] = RED

    image = scene()
    found = np.abs(chroma_of(Tint()(image, image, saying(paint), 1.0))).astype(float)
    assert found[:, 180:300].mean() < 0.3 * np.abs(RED).mean()
    assert found[:130, 20:140].mean() > 0.8 * np.abs(RED).mean()


def test_a_surface_has_one_colour_from_end_to_end_or_little() -> None:
    def paint(canvas: Chroma) -> None:
        canvas[:] = RED
        canvas[60:, :160], canvas[60:, 160:] = BLUE, tuple(-0.7 * np.array(BLUE))  # one lawn

    image = scene(edge=0)
    image[:60] = scene(edge=320)[:60]
    found = chroma_of(Tint()(image, image, saying(paint), 1.0)).astype(float)
    above, left, right = found[:50].mean((0, 1)), found[90:122, :110].mean((0, 1)), found[90:122, 210:].mean((0, 1))
    assert above[2] > 0.8 * RED[2]
    assert np.abs(left - right).max() < 0.5 * 1.7 * BLUE[0]
    assert np.abs(left).max() < 0.6 * BLUE[0]


def test_luma_stays_and_any_size_is_taken() -> None:
    for shape in ((1, 1), (3, 200), (700, 33), (240, 320), (601, 1067)):
        image = np.asarray(cv2.resize(still("otters"), shape[::-1]), np.uint8)
        seen = image if max(shape) < 512 else np.asarray(cv2.resize(image, None, fx=0.25, fy=0.25), np.uint8)
        out = Tint()(image, seen, lambda shown: np.asarray(shown[..., ::-1] // 2 + 60, np.uint8), 1.0)
        assert out.shape == image.shape
        assert np.abs(grey_of(out).astype(int) - grey_of(image)).max() <= 1


def changing(image: Image, hold: float, frames: int = 12) -> list[Image]:
    rng, tint = np.random.default_rng(1), Tint()

    def paint(canvas: Chroma) -> None:
        canvas[:] = rng.normal(0, 30, 3) + np.array(RED)

    return [tint(image, image, saying(paint), hold) for _ in range(frames)]


def change(frames: list[Image]) -> float:
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]))


def test_colours_stay_where_nothing_changes() -> None:
    image = scene()
    held, loose = changing(image, 1.0), changing(image, 0.0)
    assert change(held[4:]) < 0.25 * change(loose[4:])
    assert 0.25 * change(loose[4:]) < change(changing(image, 0.1)[4:]) < change(loose[4:])


def test_colours_go_along_with_what_moves() -> None:
    texture = cv2.GaussianBlur(np.random.default_rng(2).integers(0, 256, (80, 80, 1), np.uint8), (7, 7), 0)
    tint, asked = Tint(), []

    def look(seen: Image) -> Image:
        asked.append(seen.shape)
        if len(asked) > 2:  # nothing is found from the second frame on
            return seen
        lit = cv2.inRange(cv2.cvtColor(cv2.blur(seen, (15, 15)), cv2.COLOR_BGR2GRAY), 60, 255)
        return np.asarray(np.clip(seen + np.where(lit[..., None] > 0, RED, 0), 0, 255), np.uint8)

    for step in range(6):
        image = np.full((180, 320, 3), 20, np.uint8)
        left = 40 + 8 * step
        image[50:130, left : left + 80] = cv2.normalize(texture, None, 80, 200, cv2.NORM_MINMAX)[..., None]  # type: ignore[call-overload]
        out = chroma_of(tint(image, image, look, 1.0))
    assert out[60:120, left + 10 : left + 70, 2].mean() > 0.2 * RED[2]  # found twice, and five times not
    assert np.abs(out[:, :36]).mean() < 3


def test_a_cut_and_a_reset_begin_anew() -> None:
    def paint(canvas: Chroma) -> None:
        canvas[:] = next(colours)

    one, two = scene(), np.asarray(scene()[:, ::-1], np.uint8)
    colours = iter([RED, RED, RED, BLUE, BLUE, RED, BLUE, BLUE])
    tint = Tint()
    for _ in range(2):
        tint(one, one, saying(paint), 1.0)
    after = tint(two, two, saying(paint), 1.0)
    assert chroma_of(after)[..., 0].mean() > 0.8 * BLUE[0]
    tint(two, two, saying(paint), 1.0)
    tint.reset()
    assert np.array_equal(tint(two, two, saying(paint), 1.0), after)


def test_colours_come_with_a_slow_fade() -> None:
    def look(seen: Image) -> Image:
        return np.asarray(np.clip(seen + seen / 160.0 * RED, 0, 255), np.uint8)  # in the dark there is little

    image, tint = scene(), Tint()
    for share in np.linspace(0.02, 1, 40):  # about 4 levels from frame to frame
        frame = np.asarray(np.round(image * share), np.uint8)
        out = tint(frame, frame, look, 1.0)
    fresh = chroma_of(Tint()(image, image, look, 1.0))[..., 2].mean()
    assert chroma_of(out)[..., 2].mean() > 0.8 * fresh


def test_light_that_flickers_or_fades_leaves_colours_and_light_that_stays_is_how_it_is() -> None:
    """Faces went from cream to rust as the light fell."""

    def look(seen: Image) -> Image:
        rusty = (200 - float(seen.mean())) / 100  # the darker the picture, the redder
        return np.asarray(np.clip(seen + rusty * np.array(RED), 0, 255), np.uint8)

    def redness(share: float) -> float:
        frame = np.asarray(np.round(image * share).clip(0, 255), np.uint8)
        found = tint(frame, frame, look, 1.0)[:130, 10:150].astype(float).mean((0, 1))
        return float((found[2] - found[0]) / found.mean())

    image, tint = scene(90, 150), Tint()
    begins = [redness(1.0) for _ in range(4)][-1]
    shown = [redness(1 + 0.18 * np.sin(2.1 * index)) for index in range(8)]
    shown += [redness(share) for share in np.linspace(0.95, 0.3, 10)]
    assert max(abs(one - begins) for one in shown) < 0.15 * begins
    for _ in range(120):
        stays = redness(0.5)
    tint = Tint()
    assert abs(stays - [redness(0.5) for _ in range(8)][-1]) < 0.2 * stays


def test_spreading_solves_the_equation() -> None:
    rng = np.random.default_rng(3)
    grey = np.asarray(cv2.GaussianBlur(rng.normal(128, 200, (32, 48)), (0, 0), 4), np.float32)
    grey[:, 20:] += 60
    wanted = rng.normal(0, 20, (2, 32, 48)).astype(np.float32)
    found = evened(wanted, grey)
    assert np.abs(evened(np.full_like(wanted, 7), grey) - 7).max() < 1e-3
    assert wanted.min() <= found.min() <= found.max() <= wanted.max()
    own, through, edge = 4e-3, 1e-3, 8.0
    places = np.arange(grey.size).reshape(grey.shape)
    matrix = np.diag(np.full(grey.size, own))
    for a, b, step in (
        (places[:, :-1], places[:, 1:], np.diff(grey, axis=1)),
        (places[:-1], places[1:], np.diff(grey, axis=0)),
    ):
        weight = (np.exp(-np.abs(step) / edge) + through).ravel()
        for one, other in ((a.ravel(), b.ravel()), (b.ravel(), a.ravel())):
            np.add.at(matrix, (one, one), weight)
            np.add.at(matrix, (one, other), -weight)
    true = np.linalg.solve(matrix, own * wanted.reshape(2, -1).T).T.reshape(wanted.shape)
    assert np.abs(found - true).mean() < 0.25 * true.std()


@pytest.mark.parametrize("hold", [0.0, 1.0])
def test_a_frame_that_shows_nothing_stays_grey(hold: float) -> None:
    image = np.full((90, 160, 3), 128, np.uint8)
    assert np.array_equal(Tint()(image, image, lambda seen: seen[..., ::-1] // 2 + 60, hold), image)


def test_a_wall_in_soft_light_has_no_colour_a_bare_room_little_and_a_landscape_has_a_sky() -> None:
    """A network made a blue sky of seven of eight grey pictures."""
    rng = np.random.default_rng(0)

    def lit(image: NDArray[np.float64]) -> Image:
        noisy = image + np.linspace(-20, 20, 320) + rng.normal(0, 5, image.shape)
        return np.asarray(cv2.merge([noisy.clip(0, 255).round().astype(np.uint8)] * 3), np.uint8)

    def chroma(image: Image) -> float:
        blue = np.array([40, 0, 0], np.uint8)
        return float(np.abs(chroma_of(Tint()(image, image, lambda seen: seen + blue, 1.0))[:80]).mean())

    wall = np.full((180, 320), 110.0)
    room, landscape = wall.copy(), wall.copy()
    room[70:160, 220:270], room[160:] = 80, 60
    landscape[100:] += cv2.GaussianBlur(rng.normal(0, 900, (80, 320)), (0, 0), 3)
    assert chroma(lit(wall)) < 3
    assert chroma(lit(room)) < 15
    assert chroma(lit(landscape)) > 17
    assert chroma(np.asarray(lit(landscape) // 4, np.uint8)) > 6  # a dark one too, which has less


def test_sure_colours_become_stronger_faint_ones_fainter_and_none_another() -> None:
    chroma = np.linspace(0, 120, 481, dtype=np.float32)
    for red, blue in ((0.6, -0.8), (-1.0, 0.0), (0.28, 0.96)):
        made = vivid(np.stack([blue * chroma, red * chroma])[:, None])
        length = np.hypot(*made[:, 0])
        assert np.allclose(made[0, 0] * red, made[1, 0] * blue, atol=1e-3)
        assert length[0] == 0
        assert (np.diff(length) > 0).all()
        assert (length[(chroma > 0) & (chroma < 8)] < chroma[(chroma > 0) & (chroma < 8)]).all()
        assert (length[(chroma > 20) & (chroma < 35)] > 1.3 * chroma[(chroma > 20) & (chroma < 35)]).all()
        assert np.allclose(length[chroma > 80], chroma[chroma > 80], rtol=0.01)


def passing(step: int) -> Image:
    """Something that goes to the right before ground as light as it is."""
    rng = np.random.default_rng(4)
    ground, thing = (
        cv2.normalize(
            cv2.GaussianBlur(rng.integers(0, 256, size, np.uint8), (0, 0), soft), None, *ends, cv2.NORM_MINMAX
        )  # type: ignore[call-overload]
        for size, soft, ends in (((180, 320), 3.0, (90, 150)), ((90, 60), 1.7, (60, 190)))
    )
    ground[50:140, 10 + 8 * step : 70 + 8 * step] = thing
    return np.asarray(cv2.merge([ground] * 3), np.uint8)


@pytest.mark.parametrize("later", [BLUE, CYAN])  # the network may change its mind about the ground
def test_what_goes_by_leaves_no_colour_behind(later: tuple[int, int, int]) -> None:
    tint = Tint()

    def paint(canvas: Chroma) -> None:
        canvas[:] = BLUE if step < 12 else later
        canvas[50:140, 10 + 8 * step : 70 + 8 * step] = RED

    for step in range(26):
        image = passing(step)
        found = chroma_of(tint(image, image, saying(paint), 1.0)).astype(float)
    behind, beside = found[60:130, 110:200].mean((0, 1)), found[10:40, 110:200].mean((0, 1))
    assert np.abs(behind - beside).max() < 14


def test_a_shot_that_was_read_ahead_begins_with_what_several_frames_say() -> None:
    one, two = scene(), np.asarray(scene()[:, ::-1], np.uint8)
    clip = [one] * 12 + [two] * 12
    said: list[tuple[int, int, int]] = []

    def play(tint: Tint) -> list[NDArray[np.float64]]:
        shown = []
        for index, image in enumerate(clip):

            def paint(canvas: Chroma, place: int = index % 12) -> None:
                canvas[:] = BLUE if place < 2 else RED

            shown.append(chroma_of(tint(image, image, saying(paint), 1.0)).astype(float)[:130].mean((0, 1)))
        return shown

    def ahead(canvas: Chroma) -> None:
        said.append(RED)
        canvas[:] = RED

    blind, seeing = Tint(), Tint()
    seeing.read_ahead(iter(clip), saying(ahead))
    assert len(said) == 2 * 7  # every second frame, the last seen twice
    jump, calm = (
        [np.abs(x[11] - x[0]).max() for x in (shown[:12], shown[12:])] for shown in map(play, (blind, seeing))
    )
    assert min(jump) > 20
    assert max(calm) < 0.3 * min(jump)
    seeing.reset()
    assert np.allclose(play(seeing), play(Tint()))


def test_a_faded_picture_is_shown_with_black_and_white_and_keeps_its_own_luma() -> None:
    """Of faded film skies and lawns were blue sheets and green ones."""
    image = grey_of(still("otters"))
    faded = np.asarray(np.rint(80 + image * 0.4), np.uint8)
    shown: list[Image] = []

    def look(seen: Image) -> Image:
        shown.append(seen)
        return seen

    made = Tint()(faded, faded, look, 1.0)
    assert np.abs(made.astype(int) - faded).max() <= 1
    assert faded.std() < 0.45 * image.std()
    assert all(one.std() > 0.9 * image.std() for one in shown)
    assert all(np.percentile(one, 1) < 40 for one in shown)  # as it came: 84


def test_levels_of_a_shot_change_slowly() -> None:
    shown: list[float] = []

    def look(seen: Image) -> Image:
        shown.append(float(seen.mean()))
        return seen

    image, tint = grey_of(still("otters")), Tint()
    faded = np.asarray(np.rint(80 + image * 0.4), np.uint8)
    flash = faded.copy()
    flash[:40, :60] = 255
    for frame in (faded, faded, flash, faded):
        tint(frame, frame, look, 1.0)
    before, after = shown[-3], shown[-1]
    at_once = float(Levels.of(flash[..., 0]).spread(faded).mean())
    assert abs(after - before) < 0.3 * abs(at_once - before)
