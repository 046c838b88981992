"""Painters: what they draw follows the picture, is the same every time, and repeats where a pattern must know it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train import grain
from train.data import Pixels, read_image
from train.painters import PAINTERS, VERSIONS, paint
from train.painters.cells import net
from train.painters.filters import along, blur, crowded, detail, flow, kuwahara, lines
from train.painters.strokes import brushed, laid

STILLS = Path(__file__).parents[2] / "samples" / "stills"
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def photo() -> Pixels:
    found = read_image(next(path for path in sorted(STILLS.iterdir()) if "otters" in path.name))
    return np.ascontiguousarray(found[60:156, 80:208])


def flat(value: int, side: int = 96) -> Pixels:
    return np.full((side, side, 3), value, np.uint8)


@pytest.mark.parametrize("name", PAINTERS)
def test_the_same_picture_gives_the_same_painting(name: str, photo: Pixels) -> None:
    photo = np.ascontiguousarray(photo[:48, :96])
    before = photo.copy()
    painting = paint(name, photo)
    assert (painting.shape, painting.flags.c_contiguous) == (photo.shape, True)
    assert painting.dtype == np.uint8
    assert np.array_equal(painting, paint(name, photo))
    assert np.array_equal(photo, before)
    assert 4 < np.abs(painting.astype(int) - photo).mean() < 120


@pytest.mark.parametrize("name", PAINTERS)
def test_pictures_of_any_size_are_painted(name: str) -> None:
    for shape in ((33, 17), (8, 40)):
        picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
        assert paint(name, picture).shape == picture.shape
    black, white = (float(np.median(paint(name, flat(value, 24)))) for value in (0, 255))
    assert black < (100 if name == "watercolour" else 50)  # which is transparent
    assert white > 205


@pytest.mark.parametrize(
    ("name", "side", "grey"),
    [
        ("watercolour", grain.SIDE, 150),
        ("oil", grain.SIDE, 150),
        ("mosaic", grain.GLASS, 150),
        ("ink", grain.HATCH, 90),
    ],
)
def test_what_is_not_of_the_picture_repeats(name: str, side: int, grey: int) -> None:
    picture = np.full((56, side + 192, 3), grey, np.uint8)
    painting = paint(name, picture).astype(int)
    one, other = painting[:, 80:112], painting[:, side + 80 : side + 112]  # far from what the borders do
    assert np.abs(one - other).max() <= 2
    assert one.std() > 1.5
    assert np.abs(one - painting[:, 88:120]).mean() > 1.0


def test_ink_is_paper_where_nothing_is_and_black_where_an_edge_is(photo: Pixels) -> None:
    assert paint("ink", flat(255)).min() > 235
    assert paint("ink", flat(0)).max() < 40
    square = flat(235)
    square[30:70, 30:70] = 150
    drawn = paint("ink", square).min(2)
    inside = drawn[31:69, 31:69].min(0)
    assert drawn[5:20, 5:20].min() > 235
    assert inside[:4].min() < 90 or drawn[30:70, 27:34].min() < 90
    assert np.ptp(paint("ink", photo).astype(int), axis=2).mean() < 25  # nearly grey


def test_a_comic_has_fewer_tones_and_more_colour(photo: Pixels) -> None:
    ramp = np.repeat(np.linspace(20, 235, 200).astype(np.uint8)[None, :, None], 3, 2).repeat(40, 0)
    steps = np.diff(paint("comic", ramp)[20, 10:-10, 0].astype(int))
    assert (steps >= -1).all()
    assert np.sort(steps)[-len(steps) // 4 :].sum() > 0.6 * steps.sum()  # most of the way in a quarter of the places
    spread = [np.ptp(one.astype(int), axis=2).mean() for one in (paint("comic", photo), photo)]
    assert spread[0] > spread[1]


def test_tones_of_skin_are_softer_in_a_comic_than_those_of_other_things() -> None:
    """Faces had patches with frayed edges, as of camouflage."""
    light = np.linspace(0.5, 1.0, 128)[None, :, None]

    def steepest(colour: tuple[int, int, int]) -> float:
        painted = paint("comic", np.broadcast_to(light * colour, (96, 128, 3)).astype(np.uint8))
        return float(np.abs(np.diff(painted[48].astype(float).mean(-1)))[8:-8].max())

    assert steepest((230, 170, 140)) < 0.75 * steepest((170, 170, 230))


def test_what_is_dark_stays_so_in_a_comic() -> None:
    """On the whole: each tone goes to the nearest of few."""
    tones = range(24, 100, 4)
    painted = [float(paint("comic", flat(tone, 48)).mean()) for tone in tones]
    assert 0.8 < np.mean(painted) / np.mean(tones) < 1.25


def test_oil_smears_what_is_fine_along_its_edges() -> None:
    """Hair: narrow stripes, broken up, become strokes that lead as they do and are as light."""
    rng = np.random.default_rng(0)
    hair = np.full((128, 128, 3), 110, np.uint8)
    for column in range(4, 128, 6):
        for row in range(0, 128, 8):
            hair[row : row + 6, column : column + 2] = rng.integers(40, 180)
    picture = np.asarray(hair / 255, np.float32)
    smeared, before = (each[24:104, 24:104] for each in (brushed(picture), picture))
    assert np.abs(np.diff(smeared, axis=0)).mean() < 0.4 * np.abs(np.diff(before, axis=0)).mean()
    assert np.abs(np.diff(smeared, axis=1)).mean() > 2 * np.abs(np.diff(smeared, axis=0)).mean()
    assert abs(float(smeared.mean() - before.mean())) < 0.03


def test_watercolour_is_lighter_and_leaves_white_paper(photo: Pixels) -> None:
    assert paint("watercolour", photo).mean() > photo.mean() + 8
    assert paint("watercolour", flat(255)).min() > 235


def test_watercolour_is_flat_washes_with_dark_rims() -> None:
    halves = flat(190)
    halves[:, 48:] = (205, 60, 50)
    painting = paint("watercolour", halves)[20:76].astype(int)
    red = painting[:, 64:88].mean((0, 1))
    assert red[0] > 190 > 120 > red[2]  # as strong a colour, no darker
    assert painting[:, 48:54].mean(0).sum(1).min() < red.sum() - 60  # a line or a rim where the wash ends
    assert painting[:, 38:48].mean(0).sum(1).max() > painting[:, 10:30].mean(0).sum(1).max()  # paper beside it
    assert paint("watercolour", flat(45))[20:76, 20:76].mean() < 120  # as dark hair is


def test_every_painter_has_a_version() -> None:
    assert VERSIONS.keys() == PAINTERS.keys()


def test_oil_keeps_the_colours_of_what_it_paints() -> None:
    halves = flat(60)
    halves[:, 48:] = (200, 120, 90)
    painting = paint("oil", halves).astype(float)
    assert np.abs(painting[20:76, 8:36].mean((0, 1)) - 60).max() < 12
    assert np.abs(painting[20:76, 60:88].mean((0, 1)) - (200, 120, 90)).max() < 42  # they are stronger
    assert painting[20:76, 60:88].std((0, 1)).max() > 1.5


def test_dabs_of_oil_are_faint_where_there_is_detail() -> None:
    picture = flat(120, 192)
    plain = paint("oil", picture)[48:144, 48:144].astype(float)
    picture[:, np.arange(192) % 8 < 4] = 150
    busy = paint("oil", picture)[48:144, 48:144].astype(float)
    assert plain.std() > 3  # dabs can be seen
    residual = busy - busy.mean(0)  # the stripes are alike in all rows
    assert residual.std() < 0.6 * plain.std()


@pytest.mark.parametrize("face", [(235, 200, 180), (200, 150, 120), (110, 75, 55)])
def test_dabs_of_oil_are_faint_on_the_colours_of_skin(face: tuple[int, int, int]) -> None:
    spreads = []
    for colour in (face, face[::-1]):
        picture = np.empty((128, 128, 3), np.uint8)
        picture[:] = colour
        spreads.append(paint("oil", picture)[32:96, 32:96].astype(float).std((0, 1)).mean())
    assert 0.5 < spreads[0] < 0.7 * spreads[1]


@pytest.mark.parametrize("degrees", [0, 30, 75, 90, 135])
def test_dabs_of_oil_follow_the_edges_around_them(degrees: int) -> None:
    angle = np.radians(degrees)
    rows, columns = np.mgrid[:192, :192].astype(np.float32)
    across = columns * np.sin(angle) - rows * np.cos(angle)
    stripes = np.repeat((0.5 + 0.3 * np.sin(across / 8))[:, :, None], 3, 2).astype(np.float32)
    dabs = laid(stripes)[32:160, 32:160]
    slopes = np.gradient(dabs)
    along = np.abs(slopes[1] * np.cos(angle) + slopes[0] * np.sin(angle)).mean()
    assert along < 0.85 * np.abs(slopes[0] * np.cos(angle) - slopes[1] * np.sin(angle)).mean()
    wandering = laid(np.full((192, 192, 3), 0.5, np.float32))
    assert np.abs(wandering - grain.strokes()[-1][:192, :192]).max() < 1e-5  # nothing leads them


def test_ink_is_hatched_where_it_is_dark_the_more_the_darker() -> None:
    strokes, crossing = grain.laid(grain.hatching(), (96, 96))
    light, shade, deep = (paint("ink", flat(value)).astype(float).mean(2) for value in (200, 110, 60))
    assert light.std() < 1 < 8 < shade.std()
    assert light.mean() > shade.mean() + 20 > deep.mean() + 60
    assert shade[strokes > 0.9].mean() < shade[strokes < 0.3].mean() - 60  # in the middle of strokes, and between them
    between = strokes < 0.4
    assert deep[between & (crossing > 0.9)].mean() < deep[between & (crossing < 0.3)].mean() - 40
    assert abs(shade[between & (crossing > 0.9)].mean() - shade[between & (crossing < 0.3)].mean()) < 10


def test_ink_hatches_skin_less() -> None:
    shares = []
    for colour in ((150, 112, 90), (90, 112, 150)):
        picture = np.empty((96, 96, 3), np.uint8)
        picture[:] = colour
        shares.append((paint("ink", picture)[16:80, 16:80].mean(2) < 150).mean())
    assert shares[0] < 0.5 * shares[1]


def test_a_mosaic_is_panes_between_leads() -> None:
    leads = net(np.zeros((96, 96), np.float32))[0]
    painting = paint("mosaic", flat(120)).astype(int)
    assert painting[leads > 0.9].mean() < 0.4 * painting[leads < 0.1].mean()
    assert painting[leads < 0.1].std() > 3  # tones of panes, and light on them


def test_narrow_panes_grow_between_wide_ones_where_it_is_busy() -> None:
    nearer, gap, tone, shade, *_ = grain.laid(grain.panes(), (192, 192))
    counts = []
    for busy in (0.0, 0.6, 1.0):
        leads, tones, shades = net(np.full((192, 192), busy, np.float32))
        counts.append(len(np.unique(tones[leads < 0.3])))
        if busy == 0.0:
            assert np.array_equal(tones, tone)
            assert np.array_equal(shades, shade)
            assert np.abs(leads - np.exp(-((grain.GAP * gap / 2.3) ** 2))).max() < 1e-6
        if busy == 1.0:
            assert (leads[np.abs(nearer) < 0.01] > 0.98).all()  # as far from one as from the other
    assert 1.2 * counts[0] < counts[1] < counts[2]
    assert 2.5 * counts[0] < counts[2]


def test_panes_are_narrow_and_their_leads_faint_where_there_is_much_to_see() -> None:
    stripes = np.full((192, 192, 3), 120, np.uint8)
    stripes[:, np.arange(192) % 8 < 4] = 180
    assert crowded(np.asarray(stripes[:, :, 0] / 255, np.float32))[48:144, 48:144].min() > 0.9
    step = flat(60)
    step[:, 48:] = 200
    assert crowded(np.asarray(step[:, :, 0] / 255, np.float32)).max() < 0.5  # a single edge, as strong as it may be
    leads = net(np.ones((192, 192), np.float32))[0] > 0.9
    noise = np.random.default_rng(0).normal(0, 40, (192, 192)).astype(np.float32)
    texture = np.repeat((140 + blur(noise, 1.0) * 2).clip(0, 255).astype(np.uint8)[:, :, None], 3, 2)
    plain, busy = (paint("mosaic", picture).astype(float).mean(2) for picture in (flat(140, 192), texture))
    faint = busy[leads].mean() - busy[~leads].mean(), plain.min() - plain.mean()
    assert 0.6 * faint[1] < faint[0] < -4


def test_panes_are_narrow_all_over_a_face() -> None:
    """A smooth forehead had an island of wide panes in it."""

    def leads(colour: tuple[int, int, int]) -> int:
        painted = paint("mosaic", np.full((192, 192, 3), colour, np.uint8)).mean(-1).astype(np.float32)
        dark = painted < blur(painted, 4.0) - 2
        return int(np.count_nonzero(np.diff(dark.astype(int), axis=1) == 1))

    assert leads((225, 175, 150)) > 1.5 * leads((150, 185, 225))


def test_panes_are_of_one_colour() -> None:
    ramp = np.repeat(np.linspace(60, 200, 192).astype(np.uint8)[None, :, None], 3, 2).repeat(192, 0)
    leads, tones, _ = net(np.zeros((192, 192), np.float32))
    painting = paint("mosaic", ramp).astype(float)[:, :, 1]
    glass = leads < 0.05
    glass[:, :32] = glass[:, 160:] = False
    spreads = [np.ptp(painting[glass & (tones == one)]) for one in np.unique(tones[48:144, 64:128])]
    assert np.median(spreads) < 0.45 * 140  # of the whole ramp: tones repeat every 13 panes


def test_a_mosaic_has_leads_along_contours() -> None:
    halves = flat(180)
    halves[:, 48:] = (30, 30, 200)
    painting = paint("mosaic", halves)[8:-8].astype(int)
    assert painting[:, 44:52].min(1).max() < 60  # in every row
    assert painting[:, 8:40, 2].mean() < painting[:, 56:88, 2].mean()


@pytest.mark.parametrize("name", ["watercolour", "mosaic"])
def test_what_is_nearly_black_gets_no_colour(name: str) -> None:
    dark = np.zeros((96, 96, 3), np.uint8)
    dark[:] = (26, 24, 32)  # as black hair is
    painting = paint(name, dark)[24:72, 24:72].astype(float)
    assert np.ptp(painting.mean((0, 1))) < 40  # indigo, no blue


@pytest.mark.parametrize("name", grain.GRAINS)
def test_fields_repeat_and_are_the_same_every_time(name: str) -> None:
    fields = grain.GRAINS[name]()
    assert fields.dtype == np.float32
    _, side, width = fields.shape
    assert side == width >= 192
    assert -3 < fields.mean() < 8
    seam = np.abs(fields[:, 0] - fields[:, -1]).mean()
    assert seam < 1.5 * np.abs(np.diff(fields, axis=1)).mean() + 0.02  # no edge where it begins anew
    twice = grain.laid(fields, (side + 30, 50))
    assert np.array_equal(twice[:, side:], fields[:, :30, :50])


def test_lines_follow_edges_and_are_clean() -> None:
    rows, columns = np.mgrid[:64, :64].astype(np.float32)
    step = (rows + columns > 64).astype(np.float32) * 0.6 + 0.2
    noisy = step + np.random.default_rng(0).normal(0, 0.03, step.shape).astype(np.float32)
    picture: Floats = np.repeat(noisy[:, :, None], 3, 2)
    field = flow(picture, 2.5)
    here = np.abs(rows + columns - 64) < 3
    assert np.abs(field.x[here] * field.y[here]).mean() > 0.47  # 45 degrees
    drawn = lines(noisy, field, fine=1.0, edge=-0.01, steep=80.0, length=5.0, sharp=1.0)
    near, far = np.abs(rows + columns - 62) < 4, np.abs(rows + columns - 64) > 14
    assert drawn[near].min() < 0.1
    assert drawn[far].mean() > 0.9


def test_smoothing_keeps_edges(photo: Pixels) -> None:
    step: Floats = np.zeros((40, 40, 3), np.float32)
    step[:, 20:] = 1.0
    noisy = (step + np.random.default_rng(0).normal(0, 0.05, step.shape)).astype(np.float32)
    smooth = kuwahara(noisy, 4.0)
    assert np.abs(smooth - step)[:, [17, 22]].mean() < np.abs(blur(noisy, 2.0) - step)[:, [17, 22]].mean() / 2
    assert smooth[:, :12].std() < 0.5 * noisy[:, :12].std()
    led = along(noisy, flow(noisy, 3.0), 4.0)
    assert np.abs(led - step).mean() < 0.7 * np.abs(noisy - step).mean()
    share = detail(np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255))
    assert 0 <= share.min() < share.max() <= 1
    assert detail(np.full((30, 30), 0.5, np.float32)).max() < 1e-3


@pytest.mark.parametrize("level", [45, 90, 170])
def test_a_watercolour_of_a_grey_wall_is_grey_and_of_a_teal_one_teal(level: int) -> None:
    grey = paint("watercolour", np.full((64, 64, 3), level, np.uint8)).mean((0, 1))
    assert np.ptp(grey) < 18
    red, green, blue = paint("watercolour", np.full((64, 64, 3), (level // 2, level, level), np.uint8)).mean((0, 1))
    assert abs(green - blue) < 0.25 * (min(green, blue) - red)
