"""Grain and lines for smoothly filled holes: what comes back, what stays, what there is too little of."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancam.effects.inpainting import pieces
from gancam.effects.inpainting.mixing import add, mixed
from gancam.effects.inpainting.pieces import Matches, melded, steps
from gancam.effects.inpainting.regions import Floats
from gancam.effects.inpainting.settings import InpaintParams
from gancam.effects.inpainting.texture import WIDE, Texture, _busy, _strength, textured, wide_parts
from gancam.frame import Image
from tests.helpers.clips import psnr
from tests.helpers.small import still

BOX = (slice(60, 110), slice(80, 150))


def holed(image: Image, box: tuple[slice, slice] = BOX) -> tuple[Image, np.ndarray]:
    """`image` with a smooth fill in a box, and the box."""
    hole = np.zeros(image.shape[:2], np.uint8)
    hole[box] = 1
    fill = cv2.GaussianBlur(np.asarray(cv2.inpaint(image, hole, 3, cv2.INPAINT_TELEA), np.uint8), (0, 0), 4)
    return np.where(hole[..., None] > 0, fill, image), hole


def grain(image: Image, where: np.ndarray) -> float:
    """How rough a picture is there."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[where].mean())


def knit() -> Image:
    """A woven pattern with noise, 200x240."""
    y, x = np.mgrid[:200, :240]
    weave = 40 * np.sin(x / 2.1) * np.cos(y / 3.3)
    noise = np.random.default_rng(3).normal(0, 12, (200, 240))
    return np.asarray(np.clip(np.dstack([110 + weave, 130 + weave + noise, 120 + noise]), 0, 255), np.uint8)


@pytest.mark.parametrize("image", [knit(), still("spices"), still("otters")])
def test_grain_comes_back(image: Image) -> None:
    before, after = grain_shares(image, BOX)
    assert before < 0.3
    assert 0.6 < after < 1.5


def grain_shares(image: Image, box: tuple[slice, slice]) -> tuple[float, float]:
    """The grain of a smooth fill of `box`, and of that with texture, over that of the picture."""
    smooth, hole = holed(image, box)
    inner = cv2.erode(hole, np.ones((17, 17), np.uint8)) > 0
    made = smooth.copy()
    add(made, hole, wide_parts(hole), 1.0)
    wanted = grain(image, inner)
    return grain(smooth, inner) / wanted, grain(made, inner) / wanted


@pytest.mark.parametrize(
    "box",
    [
        (slice(0, 140), slice(0, 120)),
        (slice(150, 300), slice(220, 360)),
        (slice(40, 260), slice(70, 290)),
    ],
    ids=["a corner", "the opposite one", "the middle"],
)
def test_grain_comes_back_where_few_large_patches_are_known(box: tuple[slice, slice]) -> None:
    """So deep a hole leaves no room around it, or on two sides alone, for patches of the size that it begins with."""
    image = np.asarray(np.tile(knit(), (2, 2, 1))[:300, :360], np.uint8)
    before, after = grain_shares(image, box)
    assert before < 0.3
    assert 0.5 < after < 1.5


def test_a_beam_goes_on() -> None:
    """A dark bar on a light ground crosses the hole at a slant; the smooth fill has a smudge there."""
    image = np.full((200, 240, 3), (190, 200, 180), np.uint8)
    cv2.line(image, (-10, 75), (250, 95), (30, 40, 60), 14, cv2.LINE_AA)
    smooth, hole = holed(image)
    smooth[BOX] = cv2.GaussianBlur(np.where(hole[..., None] > 0, np.uint8(150), image), (0, 0), 12)[BOX]
    made = smooth.copy()
    add(made, hole, wide_parts(hole), 1.0)
    assert psnr(made[BOX], image[BOX]) > psnr(smooth[BOX], image[BOX]) + 5
    middle = made[BOX][:, 35].mean(1)  # across the bar in the middle of the hole
    assert middle.min() < 80
    assert middle.max() > 170


def repeating(kind: str) -> Image:
    """What surely goes on: slanting stripes, a chequered floor; 240x320."""
    y, x = np.mgrid[:240, :320]
    dark = {"stripes": (x + y) // 14 % 2 > 0, "chequered": (x // 16 + y // 16) % 2 > 0}[kind]
    image = np.where(dark[..., None], np.array([60, 60, 70.0]), np.array([190, 200, 210.0]))
    noise = np.random.default_rng(0).normal(0, 2, image.shape)
    return np.asarray((cv2.GaussianBlur(image, (0, 0), 0.8) + noise).round(), np.uint8)


@pytest.mark.parametrize("kind", ["stripes", "chequered"])
def test_what_surely_repeats_is_shown_whole_by_default(kind: str) -> None:
    image = repeating(kind)
    smooth, hole = holed(image, (slice(80, 150), slice(110, 200)))
    made = smooth.copy()
    add(made, hole, wide_parts(hole), InpaintParams().texture)
    assert psnr(smooth[hole > 0], image[hole > 0]) < 12
    assert psnr(made[hole > 0], image[hole > 0]) > 27


def test_strength_mixes_what_is_fine_more_than_colours() -> None:
    smooth, hole = holed(still("spices"))
    whole, half, none = (smooth.copy() for _ in range(3))
    for picture, strength in ((whole, 1.0), (half, 0.5), (none, 0.0)):
        add(picture, hole, wide_parts(hole), strength)
    assert np.array_equal(none, smooth)
    asked, given = whole.astype(float) - smooth, half.astype(float) - smooth
    coarse, got = (cv2.GaussianBlur(change, (0, 0), 8) for change in (asked, given))
    assert np.abs(got).max() < 0.25 * np.abs(coarse).max()
    fine, made = (change - cv2.GaussianBlur(change, (0, 0), 3) for change in (asked, given))
    assert 0.2 < (fine * made).sum() / np.square(fine).sum() < 0.7


@settings(max_examples=25)
@given(st.data())
def test_only_the_hole_changes_whatever_its_place_and_the_size(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 170))
    image = np.asarray(cv2.resize(still("lake"), (width, height)), np.uint8)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = slice(top, top + data.draw(st.integers(1, 120))), slice(left, left + data.draw(st.integers(1, 120)))
    smooth, hole = holed(image, box)
    again, made = smooth.copy(), smooth.copy()
    add(made, hole, wide_parts(hole), 1.0)
    add(again, hole, wide_parts(hole), 1.0)
    assert np.array_equal(made[hole == 0], smooth[hole == 0])
    assert np.array_equal(made, again)


def test_narrow_holes_stay() -> None:
    image = still("spices")
    smooth, hole = holed(image, (slice(60, 60 + 2 * WIDE - 3), slice(20, 300)))
    made = smooth.copy()
    add(made, hole, wide_parts(hole), 1.0)
    assert np.array_equal(made, smooth)


def test_where_much_is_hole_three_quarters_as_much_is_added() -> None:
    smooth, hole = holed(knit())  # all of which is near the hole
    for top in (10, 170):
        hole[top : top + 25] = 1  # too narrow by themselves
    made = smooth.copy()
    add(made, hole, wide_parts(hole), 1.0)
    texture = textured(smooth, hole)
    assert texture is not None
    assert texture.sure == 0
    inner = cv2.erode(hole, np.ones((29, 29), np.uint8)) > 0
    assert inner.sum() > 300
    assert np.abs(made - (smooth + 0.75 * (texture.picture - smooth)))[inner].max() <= 1
    assert np.array_equal(made[:40], smooth[:40])


def made_up(
    fine: np.ndarray,
    coarse: np.ndarray,
    fits: float,
    sure: float = 0.0,
    busy: float = 0.0,
    cut: float = 9.0,
    used: float = 1.0,
) -> tuple[Floats, Texture]:
    """A grey fill, and a texture of it that differs by what is given, ``(h, w)``."""
    smooth = np.full((*fine.shape, 3), 128, np.float32)
    picture = np.asarray(smooth + (fine + coarse)[..., None], np.float32)
    shares = [np.full(fine.shape, share, np.float32) for share in (fits, busy, used)]
    return smooth, Texture(picture, sure, shares[0], shares[1], cut, shares[2])


def test_strong_texture_is_softened_and_weak_texture_is_not() -> None:
    """Left it is twelve times as strong as on the right: by default less of that shows, and nowhere more than all."""
    noise = np.random.default_rng(0).normal(0, 1, (120, 200))
    noise *= np.where(np.arange(200) < 100, 24, 2)
    smooth, texture = made_up(noise, np.zeros_like(noise), 1.0)
    change = mixed(smooth, texture, np.ones(noise.shape, np.float32), InpaintParams().texture)[..., 0]
    left, right = (
        float((change * noise)[:, at].sum() / np.square(noise[:, at]).sum()) for at in (slice(20, 80), slice(120, 180))
    )
    assert 0.3 < left < 0.7
    assert left + 0.2 < right <= 1.0


def test_colours_of_patches_that_do_not_fit_hardly_show() -> None:
    light = np.full((60, 80), 40.0)
    shares = []
    for fits in (1.0, 0.0):
        smooth, texture = made_up(np.zeros_like(light), light, fits)
        change = mixed(smooth, texture, np.ones(light.shape, np.float32), InpaintParams().texture)
        shares.append(float(change.mean()) / 40)
    assert 0.3 < shares[0] < 0.5
    assert shares[1] < 0.1


@pytest.mark.parametrize(
    ("depth", "deepest", "shows"),
    [(5, 30, True), (44, 44, False), (5, 80, False)],
    ids=["rim", "inside", "of a deep one"],
)
def test_a_piece_of_other_colours_than_the_fill_leaves_no_outline(depth: float, deepest: float, shows: bool) -> None:
    """A lamp that was found for a grey place; not even its contour is shown, which would be a ghost."""
    lamp = np.zeros((120, 160), np.float32)
    cv2.circle(lamp, (80, 60), 25, 90.0, -1)
    fine = lamp - cv2.GaussianBlur(lamp, (0, 0), 2)
    smooth, texture = made_up(fine, lamp - fine, 1.0)
    depths = np.full(lamp.shape, depth, np.float32)
    depths[0, 0] = deepest
    change = np.abs(mixed(smooth, texture, depths, InpaintParams().texture)).max()
    assert change > 20 if shows else change < 4


@pytest.mark.parametrize(("depth", "shows"), [(44, True), (100, False)])
def test_far_from_what_is_known_there_is_grain_and_no_lines(depth: float, shows: bool) -> None:
    lines = np.random.default_rng(0).normal(0, 1, (120, 160)).astype(np.float32)
    lines[::20] += 40
    smooth, texture = made_up(lines - lines.mean(), np.zeros_like(lines), 1.0)
    change = mixed(smooth, texture, np.full(lines.shape, depth, np.float32), InpaintParams().texture)[..., 0]
    assert change[::20].mean() > 5 if shows else np.abs(change).max() < 2
    assert change[5::20].std() > 0.1


@pytest.mark.parametrize(("strength", "sure"), [(1.0, 0.0), (0.6, 1.0)], ids=["all that is asked for", "what repeats"])
def test_all_of_a_texture_shows(strength: float, sure: float) -> None:
    rng = np.random.default_rng(0)
    smooth, texture = made_up(rng.normal(0, 20, (60, 80)), np.full((60, 80), 30.0), 0.2, sure)
    change = mixed(smooth, texture, np.full((60, 80), 50, np.float32), strength)
    assert np.allclose(change, texture.picture - smooth, atol=1e-3)


@pytest.mark.parametrize(
    ("busy", "deepest", "strength", "shows"),
    [(1.0, 60, 0.6, 1.0), (1.0, 20, 0.6, 0.75), (0.0, 60, 0.6, 0.2), (1.0, 60, 0.3, 0.75)],
    ids=["busy and wide", "narrow", "calm", "little asked for"],
)
def test_amid_detail_a_wide_hole_is_filled_with_detail(
    busy: float, deepest: float, strength: float, shows: float
) -> None:
    """A patch of fog in a bed of tulips is what nobody takes for tulips, whatever is right on the mean."""
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.normal(0, 60, (12, 16)), np.ones((10, 10))).astype(np.float32)
    smooth, texture = made_up(blocks - blocks.mean(), np.zeros_like(blocks), 0.2, busy=busy)
    depths = np.full(blocks.shape, min(deepest, 44), np.float32)
    depths[0, 0] = deepest
    change = mixed(smooth, texture, depths, strength)
    share = float((change * (texture.picture - smooth)).sum() / np.square(texture.picture - smooth).sum())
    assert share > 0.99 if shows == 1.0 else share < shows


@pytest.mark.parametrize(
    ("used", "deepest", "sure", "shows"),
    [(400, 60, 0.0, False), (400, 30, 0.0, True), (20, 60, 0.0, True), (400, 60, 1.0, True)],
    ids=["few pieces for much", "near what is known", "many pieces", "what repeats"],
)
def test_what_few_pieces_must_do_for_is_no_pattern(used: float, deepest: float, sure: float, shows: bool) -> None:
    """Of combs or scales, where four people fill a picture; beside them there is too little for that much."""
    comb = np.where(np.arange(160) // 4 % 2 > 0, 40.0, -40.0) * np.ones((120, 1))
    smooth, texture = made_up(comb, np.zeros_like(comb), 0.7, sure, busy=1.0, used=used)
    depths = np.full(comb.shape, min(deepest, 40), np.float32)
    depths[0, 0] = deepest
    change = mixed(smooth, texture, depths, InpaintParams().texture)[..., 0]
    share = float((change * comb).sum() / np.square(comb).sum())
    assert share > 0.4 if shows else abs(share) < 0.2


def test_pieces_are_counted() -> None:
    rows, columns = (one.ravel() for one in np.indices((20, 30)))
    unlike = np.zeros(len(rows), np.float32)
    moved = Matches(rows, columns, 4 * rows + 200, 4 * columns, unlike)
    assert np.allclose(pieces.repetition(moved, 4, (24, 34))[2:22, 2:32], 1)
    same = Matches(
        rows, columns, np.where(columns < 15, 0, 4 * rows + 200), np.where(columns < 15, 0, 4 * columns), unlike
    )
    counted = pieces.repetition(same, 4, (24, 34))
    assert np.allclose(counted[5:, 2:8], 300)
    assert np.allclose(counted[5:20, 26:30], 1)


@pytest.mark.parametrize(
    ("cut", "apart", "deepest", "shows"),
    [(0.3, 10, 60, True), (0.8, 10, 60, False), (0.8, 30, 60, True), (0.3, 30, 20, False)],
    ids=["few cuts", "many cuts", "many cuts and a fill that shows nothing of it", "narrow"],
)
def test_pieces_that_fit_each_other_are_shown_whole(cut: float, apart: float, deepest: float, shows: bool) -> None:
    """The edge of a sofa that was found is better than the fog between sofa and wall."""
    halves = np.where(np.arange(120) < 60, -apart, apart)[:, None] * np.ones((1, 160))
    smooth, texture = made_up(np.zeros_like(halves), halves, 0.2, cut=cut)
    depths = np.full(halves.shape, min(deepest, 44), np.float32)
    depths[0, 0] = deepest
    change = mixed(smooth, texture, depths, InpaintParams().texture)
    share = float((change * (texture.picture - smooth)).sum() / np.square(texture.picture - smooth).sum())
    assert share > 0.95 if shows else share < 0.5


def test_a_horizon_goes_on_through_fog() -> None:
    """Sky above the sea, with a wide hole that was filled with their mean."""
    rng = np.random.default_rng(0)
    image = np.full((300, 420, 3), (220, 200, 180), np.float32)
    image[150:] = (110, 70, 40)
    image += rng.normal(0, 2, image.shape)
    hole = np.zeros(image.shape[:2], np.uint8)
    hole[80:220, 120:300] = 1
    foggy = np.where(hole[..., None] > 0, cv2.GaussianBlur(image, (0, 0), 30), image).clip(0, 255).astype(np.uint8)
    made = foggy.copy()
    add(made, hole, wide_parts(hole), InpaintParams().texture)
    inner = slice(140, 280)
    step = [float(np.abs(np.diff(one[140:160, inner].astype(float).mean((1, 2)))).max()) for one in (foggy, made)]
    assert step[0] < 10
    assert step[1] > 40


def test_nothing_is_taken_from_what_is_spared() -> None:
    """A red beam that ends at a hole on both sides, once it may be copied and once not."""
    rng = np.random.default_rng(0)
    image = np.full((200, 300, 3), 120, np.float32) + rng.normal(0, 10, (200, 300, 3))
    image[90:114] = (0, 0, 250)
    hole = np.zeros(image.shape[:2], np.uint8)
    hole[60:140, 105:195] = 1
    spared = np.zeros_like(hole)
    spared[86:118] = 1 - hole[86:118]
    known = image.clip(0, 255).astype(np.uint8)
    beam = cv2.GaussianBlur(known, (0, 0), 12)
    smooth = np.where(hole[..., None] > 0, beam, known)
    reds = []
    for barred in (None, spared):
        texture = textured(smooth, hole, barred)
        assert texture is not None
        inside = texture.picture[80:124, 130:170]
        reds.append(float((inside[..., 2] - inside[..., 0]).max()))
    assert reds[0] > 150
    assert reds[1] < 60


def test_seams_between_pieces_that_nearly_agree_are_closed_and_edges_stay() -> None:
    """Four flat pieces side by side in a hole, with steps of 20, 20 and 150 levels."""
    levels = np.repeat([60.0, 80.0, 60.0, 210.0], 30)
    picture = np.asarray(np.broadcast_to(levels[None, :, None], (60, 120, 3)), np.float32).copy()
    picture = np.asarray(cv2.blur(picture, (9, 1)), np.float32)  # as pieces pass into each other
    hole = np.zeros(picture.shape[:2], np.bool_)
    hole[5:55, 5:115] = True
    joined = melded(picture, np.zeros((60, 120, 6), np.float32), hole, 10)
    made = picture + joined.change
    assert (
        np.abs(np.diff(made[20:40, 22:70], axis=1)).max() < 1.5 < np.abs(np.diff(picture[20:40, 22:70], axis=1)).max()
    )
    assert made[30, 100, 0] - made[30, 80, 0] > 100
    assert (joined.change[~hole] == 0).all()
    assert joined.cut > 0.5
    same = melded(picture, steps(picture), hole, 10)
    assert np.abs(same.change).max() < 1e-3
    assert same.cut == 0.0


def test_the_weave_of_a_network_is_evened_out_deep_inside_and_edges_stay() -> None:
    hole = np.zeros((240, 320), np.uint8)
    hole[40:200, 60:260] = 1
    y, x = np.mgrid[:240, :320]
    walls = np.dstack([np.where(y < 120, 60.0, 180.0)] * 3)
    weave = 3 * (np.sin(x * np.pi / 8) + np.sin(y * np.pi / 8))
    before = np.round(walls + (weave * hole)[..., None]).astype(np.uint8)
    made = before.copy()
    add(made, hole, wide_parts(hole), InpaintParams().texture)
    deep = (slice(148, 164), slice(110, 210))
    assert before[deep].std() > 2.5
    assert made[deep].std() < 1.2
    assert made[124:130, 110:210].mean() - made[110:116, 110:210].mean() > 110
    assert np.array_equal(made[hole == 0], before[hole == 0])


def test_an_edge_makes_nothing_busy() -> None:
    """Two plain walls, and a heap of bricks."""
    walls = np.full((200, 240, 3), 60, np.uint8)
    walls[:, 120:] = 200
    bricks = np.kron(np.random.default_rng(0).integers(0, 256, (20, 24, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    busy = []
    for picture in (walls, bricks):
        smooth, hole = holed(picture, (slice(60, 140), slice(80, 160)))
        texture = textured(smooth, hole)
        assert texture is not None
        assert texture.busy.shape == hole.shape
        busy.append(float(texture.busy[hole > 0].mean()))
    assert busy == [0.0, 1.0]


def test_detail_is_that_of_the_size_at_which_patches_are_found() -> None:
    """Bricks 80 pixels wide are plain in patches of 21; eight times smaller, as in a very large hole, they are not."""
    bricks = np.kron(np.random.default_rng(0).integers(0, 256, (12, 16, 3)), np.ones((80, 80, 1))).astype(np.uint8)
    hole = np.zeros(bricks.shape[:2], np.bool_)
    hole[320:640, 400:880] = True
    assert _busy(bricks, hole, 1)[hole].mean() < 0.1
    assert _busy(bricks, hole, 8)[hole].mean() > 0.9


def test_patches_fit_where_the_surroundings_repeat_and_not_elsewhere() -> None:
    """Stripes, and an edge of the hole that meets another picture."""
    fits = []
    for image in (repeating("stripes"), still("spices")):
        smooth, hole = holed(image, (slice(60, 130), slice(60, 140)))
        texture = textured(smooth, hole)
        assert texture is not None
        assert texture.fits.shape == hole.shape
        assert 0 <= texture.fits.min() <= texture.fits.max() <= 1
        fits.append(float(texture.fits[hole > 0].mean()))
    assert fits[0] > fits[1]


def test_nothing_known_is_nothing_to_learn_from() -> None:
    image = still("lake")
    assert textured(image, np.ones(image.shape[:2], np.uint8)) is None


def test_a_side_beyond_what_opencv_counts_gets_no_texture() -> None:
    image = np.zeros((48, 1 << 15, 3), np.uint8)
    hole = np.zeros(image.shape[:2], np.uint8)
    hole[8:40, 1000:1040] = 1
    assert textured(image, hole) is None
    made = image.copy()
    everything = np.ones(image.shape[:2], np.uint8)
    add(made, everything, wide_parts(everything), 1.0)
    assert np.array_equal(made, image)


def test_very_large_holes_take_coarser_patches() -> None:
    image = np.asarray(cv2.resize(still("spices"), (960, 720), interpolation=cv2.INTER_CUBIC), np.uint8)
    smooth = image.copy()
    hole = np.zeros(image.shape[:2], np.uint8)
    hole[150:550, 250:650] = 1
    smooth[hole > 0] = cv2.GaussianBlur(image, (0, 0), 30)[hole > 0]
    made = smooth.copy()
    add(made, hole, wide_parts(hole), 1.0)
    inner = cv2.erode(hole, np.ones((61, 61), np.uint8)) > 0
    assert grain(made, inner) > 3 * grain(smooth, inner)


def test_what_is_usual_around_a_hole_is_expected_in_it() -> None:
    """Grain is; an edge beside it is not: a seam at the side of a board would come up in the middle of it."""
    board = np.full((240, 300, 3), (170, 110, 40), np.uint8)
    board[:, 205:212] = 235
    hole = np.zeros(board.shape[:2], bool)
    hole[40:200, 100:200] = True
    seam = _strength(board, np.zeros_like(hole))[..., 0].max()
    assert _strength(board, hole)[80:160, 130:170].max() < 0.05 * seam
    grainy = np.random.default_rng(0).normal(120, 30, board.shape).clip(0, 255).astype(np.uint8)
    whole, expected = _strength(grainy, np.zeros_like(hole)), _strength(grainy, hole)
    assert np.abs(expected[hole].mean(0) / whole[~hole].mean(0) - 1).max() < 0.1
    assert np.array_equal(expected[:30], whole[:30])
