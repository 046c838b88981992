"""Plain surfaces: a drawing is even there, and as it was drawn elsewhere."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.plain import evened, softened, without_noise
from gancam.frame import Image
from tests.helpers.small import still


def spotted(image: Image, levels: float) -> Image:
    """A drawing, lighter and redder than `image`, with spots."""
    rng = np.random.default_rng(0)
    spots = cv2.resize(rng.uniform(-1, 1, (image.shape[0] // 24, image.shape[1] // 24)), image.shape[1::-1])
    drawn = image * 0.7 + (50, 55, 70) + levels * np.asarray(spots)[..., None]
    return np.asarray(drawn.clip(0, 255).round(), np.uint8)


def shaded(height: int = 360, width: int = 640) -> Image:
    """A sky that grows lighter downwards, with a codec's noise."""
    rows = np.linspace(60, 120, height)[:, None, None]
    noise = np.random.default_rng(1).normal(0, 0.7, (height, width, 3))
    return np.asarray((rows + noise + (20, 0, -10)).round(), np.uint8)


def apart(one: Image, other: Image) -> float:
    return float(np.abs(cv2.blur(one, (9, 9)).astype(int) - cv2.blur(other, (9, 9))).mean())


def test_spots_of_a_shaded_sky_are_taken_off_and_its_shade_and_colour_stay() -> None:
    sky = shaded()
    wanted, drawn = spotted(sky, 0), spotted(sky, 30)
    before = apart(drawn, wanted)
    assert before > 8
    assert apart(evened(drawn, sky), wanted) < 0.45 * before


def test_the_sky_is_even_up_to_what_stands_before_it_and_that_stays() -> None:
    sky = shaded()
    sky[160:, 220:420] = cv2.resize(still("otters"), (200, 200))
    wanted, drawn = spotted(sky, 0), spotted(sky, 30)
    made = evened(drawn.copy(), sky)
    busy = slice(190, 340), slice(250, 390)
    assert apart(made[busy], drawn[busy]) < 0.1 * apart(drawn, wanted)
    beside = slice(180, 350), slice(120, 200)
    assert apart(made[beside], wanted[beside]) < 0.6 * apart(drawn[beside], wanted[beside])


def test_surfaces_side_by_side_keep_their_own_colours() -> None:
    """Skin beside hair and a wall became grey, as all three were taken for one surface."""
    seen, drawn = np.empty((2, 360, 640, 3), np.uint8)
    places = (slice(0, 180), slice(0, 640)), (slice(180, 360), slice(0, 320)), (slice(180, 360), slice(320, 640))
    owns, tones = ((90, 130, 180), (170, 190, 230), (40, 40, 45)), ((40, 120, 225), (180, 205, 235), (60, 50, 50))
    for place, own, other in zip(places, owns, tones, strict=True):
        seen[place], drawn[place] = own, other
    inside = np.ones((360, 640), bool)
    inside[172:188], inside[172:, 312:328] = False, False  # where they meet
    assert np.abs(evened(drawn.copy(), seen).astype(int) - drawn)[inside].max() < 6


def test_a_sky_is_as_light_around_a_bird_as_elsewhere() -> None:
    """Networks make the light side of an edge lighter: a bird before a blue sky had a halo."""
    seen, drawn = np.empty((2, 360, 640, 3), np.uint8)
    seen[:], drawn[:] = (150, 110, 60), (200, 140, 50)
    bird = cv2.circle(np.zeros((360, 640), np.uint8), (320, 180), 60, 255, cv2.FILLED) > 0
    halo = 50 * np.clip(1 - (np.hypot(*(np.mgrid[:360, :640] - np.array([180, 320])[:, None, None])) - 60) / 60, 0, 1)
    drawn += np.rint(halo).astype(np.uint8)[..., None]
    seen[bird], drawn[bird] = 40, 25
    made = evened(drawn.copy(), seen)
    sky = (slice(176, 184), slice(388, 420))
    assert drawn[sky].mean() - drawn[0, 0].mean() > 20
    assert made[sky].mean() - made[0, 0].mean() < 16
    assert np.abs(made[0].astype(int) - (200, 140, 50)).max() < 6
    assert np.abs(made[170:190, 300:340].astype(int) - 25).max() < 6


def noisy_wall(seed: int) -> Image:
    """A wall in soft light, and otters, as a webcam sees them."""
    wall = np.tile(np.linspace(70, 130, 640)[None, :, None], (360, 1, 3))
    wall[160:, 220:420] = cv2.resize(still("otters"), (200, 200))
    return np.asarray((wall + np.random.default_rng(seed).normal(0, 4, wall.shape)).clip(0, 255).round(), np.uint8)


def test_a_plain_place_that_grows_is_evened_out_more_and_more_rather_than_at_once() -> None:
    """From a share of the picture on it was, so that frames of a video blinked by 11 levels of 18."""
    around = np.random.default_rng(0).integers(0, 60, (120, 213, 3), dtype=np.uint8)
    seen = np.asarray(cv2.resize(around, (1280, 720), interpolation=cv2.INTER_NEAREST), np.uint8)
    spots = []
    for right in range(700, 900, 4):
        seen[320:400, 600:right] = 200
        drawn = seen.copy()
        drawn[350:370, 630:650] = 235
        spots.append(int(evened(drawn, seen)[360, 640, 0]))
    assert spots[0] - spots[-1] > 10
    assert max(-np.diff(spots)) <= 4


def test_noise_is_taken_off_a_wall_so_that_a_step_between_two_tones_is_a_clean_line_that_does_not_boil() -> None:
    def steps(image: Image) -> np.ndarray:
        """How a network draws a step, whose place noise moves."""
        return np.asarray(np.clip((cv2.blur(image[:150], (5, 5)).astype(float) - 100) * 8, -30, 30))

    before, after = [], []
    for seed in range(2):
        seen = noisy_wall(seed)
        before.append(steps(seen))
        after.append(steps(without_noise(seen)))
    assert after[0].std(0).mean() < 0.5 * before[0].std(0).mean()
    assert np.abs(after[0] - after[1]).mean() < 0.4 * np.abs(before[0] - before[1]).mean()


def test_noise_of_what_has_a_shape_is_left() -> None:
    seen = noisy_wall(0)
    kept, busy = seen.copy(), (slice(190, 340), slice(250, 390))
    assert apart(without_noise(seen)[busy], seen[busy]) < 0.5
    assert (seen == kept).all()
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    assert without_noise(image) is image


def test_a_picture_full_of_shapes_is_left() -> None:
    image = still("otters")
    drawn = spotted(image, 30)
    assert apart(evened(drawn.copy(), image), drawn) < 1.5
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    assert evened(drawn[:90, :160], noise).base is drawn


def test_a_drawing_that_is_even_is_left_and_hatching_is_drawn() -> None:
    wall = np.full((360, 640, 3), 100, np.uint8)
    rows, columns = np.mgrid[:360, :640]
    lines = np.where((rows + columns) % 6 < 2, 60, 240).astype(np.uint8)
    hatched = np.dstack([lines] * 3)
    made = evened(hatched.copy(), wall, grey=True)
    assert np.abs(made.astype(int) - hatched).max() <= 8
    assert np.ptp(made, axis=2).max() == 0


def test_paper_that_is_white_stays_so_beside_hatching() -> None:
    wall = np.full((360, 640, 3), 165, np.uint8)
    drawn = np.full_like(wall, 248)
    drawn[:, 320:] = np.where(np.arange(320)[None, :, None] % 6 < 2, 120, 248)
    made = evened(drawn.copy(), wall, grey=True)
    assert (made[:, :300] == 248).all()


def test_washes_on_paper_are_less_even_where_they_are_light() -> None:
    sky = shaded()
    light, dark = sky + np.uint8(80), sky // 2
    left = [apart(evened(spotted(one, 20), one, paper=True), spotted(one, 0)) for one in (light, dark)]
    assert left[0] > 1.5 * left[1]


def test_a_pattern_is_taken_back_on_a_white_wall_and_nowhere_else() -> None:
    leads = np.full((360, 640, 3), 255, np.uint8)
    leads[::20], leads[:, ::20] = 20, 20

    def drawn(image: Image) -> Image:
        return np.asarray(cv2.multiply(image, leads, scale=1 / 255), np.uint8)

    def seen(level: int) -> Image:
        wall = np.full((360, 640, 3), level, np.uint8)
        wall[160:, 220:420] = cv2.resize(still("otters"), (200, 200))
        return wall

    before = drawn(seen(235))
    made = softened(before.copy(), seen(235))
    busy, wall = (slice(190, 340), slice(250, 390)), (slice(20, 140), slice(20, 600))
    assert np.abs(made[busy].astype(int) - before[busy]).mean() < 0.5
    assert 0.4 < made[wall].std() / before[wall].std() < 0.6
    assert made[wall].max() == 235
    sky = drawn(seen(150))
    assert (softened(sky.copy(), seen(150)) == sky).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 9), (181, 323)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_size_will_do(shape: tuple[int, int], grey: bool) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    made = evened(np.full_like(image, 120), image, grey=grey)
    assert made.shape == image.shape
    assert (made == 120).all()
    assert softened(image, np.full_like(image, 250)).shape == image.shape
    assert np.abs(without_noise(image).astype(int) - image).max() <= 1


def test_clouds_are_taken_off_a_grey_wall_beside_other_surfaces_and_stay_on_a_blue_one() -> None:
    rows, columns = np.mgrid[:240, :320]
    seen = np.full((240, 320, 3), (186, 190, 180), np.uint8)
    seen[:, 250:] = 40
    clouds = np.rint(14 * np.sin(rows / 9.0) * np.sin(columns / 9.0)).astype(np.int16)[..., None]
    drawn = np.clip(seen.astype(np.int16) + 25 + clouds, 0, 255).astype(np.uint8)
    made = evened(drawn.copy(), seen, paper=True)
    assert made[40:200, 40:200].std() < 0.7 * drawn[40:200, 40:200].std()
    seen[..., 2] //= 2
    blue = np.clip(seen.astype(np.int16) + 25 + clouds, 0, 255).astype(np.uint8)
    assert evened(blue.copy(), seen, paper=True)[40:200, 40:200, 0].std() > 0.8 * blue[40:200, 40:200, 0].std()
