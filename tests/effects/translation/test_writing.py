"""Writing: lines of letters are found, and nothing that is as narrow and as dark."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.writing import Writing, in_ink, written
from gancam.frame import Image
from gancam.vision.scenes import Scenes
from gancam.vision.text import draw_text


class Video(Writing):
    """Writing in frames that follow each other."""

    def __init__(self) -> None:
        super().__init__()
        self._scenes = Scenes()

    def show(self, frame: Image) -> None:
        self.look(frame, self._scenes(frame))


def _slide(ground: int = 245, ink: tuple[int, int, int] = (40, 40, 40), *, right: int = 0) -> Image:
    image = np.full((360, 640, 3), ground, np.uint8)
    draw_text(image, "Revenue and costs", (40 + right, 100), 14, ink)
    draw_text(image, "small print, see page 17", (40 + right, 160), 9, ink)
    return image


@pytest.mark.parametrize(("ground", "ink"), [(245, (40, 40, 40)), (60, (240, 240, 240)), (200, (200, 60, 20))])
def test_lines_of_letters_are_found_dark_and_light(ground: int, ink: tuple[int, int, int]) -> None:
    found = written(_slide(ground, ink))
    letters = np.abs(_slide(ground, ink).astype(int) - ground).max(2) > 30
    assert (found[letters] > 200).mean() > 0.98
    assert found[200:].max() == 0


def test_railings_twigs_noise_and_an_eye_are_none() -> None:
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(190, 5, (360, 640, 3)), 0, 255).astype(np.uint8)
    image[40:70, 60:400:9] = 40  # a railing
    cv2.ellipse(image, (500, 60), (24, 9), 0, 0, 360, (50, 40, 40), -1)
    cv2.circle(image, (500, 60), 3, (240, 240, 240), -1)
    for _ in range(60):
        ends = rng.integers((60, 150), (580, 340), (2, 2))
        cv2.line(image, ends[0].tolist(), ends[1].tolist(), rng.integers(20, 120, 3).tolist(), 2, cv2.LINE_AA)
    assert written(image).max() == 0


def _gleam(seed: int) -> Image:
    """Five blurred strokes of unlike heights and shades on an even ground: light on water, in an eye, on a lamp."""
    rng, image = np.random.default_rng(seed), np.full((360, 640, 3), 40, np.uint8)
    for x in range(300, 330, 7):
        tall, level = int(rng.integers(3, 15)), int(rng.integers(110, 230))
        top = 200 + int(rng.integers(0, 16 - tall))
        image[top : top + tall, x : x + 4] = level
    image[206:209, 300:330] = np.maximum(image[206:209, 300:330], 120)
    return np.asarray(cv2.GaussianBlur(image, (5, 5), 0), np.uint8)


def test_gleams_are_no_words_and_several_are_no_page() -> None:
    assert all(written(_gleam(seed)).max() == 0 for seed in range(8))
    many = np.max([np.roll(_gleam(seed), 40 * (seed - 4), 0) for seed in range(1, 8)], axis=0)
    assert written(many).max() == 0


def test_a_title_that_is_known_stays_where_clouds_pass_behind_it() -> None:
    title = np.full((360, 640, 3), 60, np.uint8)
    draw_text(title, "CITY NEWS", (400, 60), 18, (190, 190, 190))
    clouds = np.broadcast_to(np.interp(np.arange(640), (400, 520), (0, 36))[:, None], title.shape)
    cloudy = np.asarray(cv2.add(title, clouds.astype(np.uint8)), np.uint8)
    known = written(title)
    assert known.max() == 255
    assert (written(cloudy) > 200).sum() < 0.6 * (known > 200).sum(), "letters at most, not what is between them"
    assert (written(cloudy, known)[known == 255] == 255).mean() > 0.9


def test_it_comes_at_once_at_a_cut_goes_softly_and_a_gleam_does_not_come() -> None:
    writing, plain = Video(), np.full((360, 640, 3), 245, np.uint8)
    writing.show(plain[:, ::-1] // 4)
    assert writing.shown((640, 360)) is None
    writing.show(_slide())
    first = writing.shown((640, 360))
    assert first is not None
    assert first.max() == 255
    levels = []
    for _ in range(10):
        writing.show(plain)
        seen = writing.shown((640, 360))
        levels.append(0 if seen is None else int(seen.max()))
    assert levels[-1] == 0
    assert max(np.subtract(levels[:-1], levels[1:])) <= 64
    for frame in range(12):
        writing.show(_slide() if frame == 4 else plain)
        assert writing.shown((640, 360)) is None


def _page(down: int = 0) -> Image:
    image = np.full((900, 640, 3), 245, np.uint8)
    for line in range(40):
        words = ("several words", "of small print", "see the page", "costs and revenue")
        draw_text(image, " ".join(np.roll(words, line)[: 2 + line % 3]), (150, 20 + 22 * line), 9, (40, 40, 40))
    draw_text(image, "an", (60, 180), 9, (40, 40, 40))
    return image[down : down + 360]


def test_a_page_is_found_with_its_short_words_and_scrolls_without_change() -> None:
    writing = Video()
    for frame in range(16):
        page = np.ascontiguousarray(_page(5 * frame))
        writing.show(page)
        seen = writing.shown((640, 360))
        assert seen is not None
        letters = page.max(2) < 150
        letters[:8], letters[-36:] = False, False  # what comes in is seen within four frames
        assert (seen[letters] > 200).mean() > 0.99, frame


def test_a_page_that_stays_is_shown_as_it_was_and_what_is_added_is_found() -> None:
    writing, page, rng = Video(), _page(), np.random.default_rng(0)
    page[180:] = 245
    shown = []
    for frame in range(24):
        if frame == 14:
            draw_text(page, "a line that was added", (150, 300), 9, (40, 40, 40))
        writing.show(np.clip(page + rng.normal(0, 1, page.shape), 0, 255).astype(np.uint8))
        seen = writing.shown((640, 360))
        assert seen is not None
        shown.append(seen)
    assert all(np.array_equal(seen, shown[6]) for seen in shown[6:14])
    assert shown[13][290:300, 150:240].max() == 0
    assert shown[-1][290:300, 150:240].min() > 200


def test_a_title_stays_where_it_is_when_the_scene_behind_it_moves() -> None:
    rng = np.random.default_rng(0)
    scene = np.repeat(np.repeat(rng.integers(60, 110, (60, 160, 3), np.uint8), 6, 0), 6, 1)
    writing, places = Video(), []
    for frame in range(8):
        image = np.ascontiguousarray(scene[:, 6 * frame : 6 * frame + 640])
        image[280:340, 40:420] = 30
        draw_text(image, "CITY NEWS AT EIGHT", (60, 300), 18, (240, 240, 240))
        writing.show(image)
        seen = writing.shown((640, 360))
        assert seen is not None
        places.append(np.argwhere(seen > 127).mean(0))
    assert np.ptp(places, axis=0).max() < 3


def test_frames_of_another_size_begin_anew() -> None:
    writing = Video()
    for image in (_slide(), _slide()[:180], _slide()[:180]):
        writing.show(image)
        seen = writing.shown((image.shape[1], image.shape[0]))
        assert seen is not None
        assert seen.max() == 255


def test_ink_is_on_paper() -> None:
    grey = in_ink(_slide(170))
    assert (grey[250:] >= 245).all()
    assert grey.min() < 80
    assert np.ptp(grey, axis=2).max() == 0
    coloured = in_ink(_slide(245, (210, 140, 90)))
    assert coloured.min() < 110, "pale letters are ink, too"


def test_a_table_is_found_as_a_whole_with_its_rules() -> None:
    """Some of its cells were, and some of their digits."""
    sheet = np.full((540, 960, 3), 255, np.uint8)
    for line in range(4):
        draw_text(sheet, "The quick brown fox jumps over the lazy dog", (40, 60 + 24 * line), 12, (30, 30, 30))
    table = sheet.copy()
    for row in range(9):
        cv2.line(table, (500, 240 + 26 * row), (900, 240 + 26 * row), (200, 200, 200), 1)
    for column in range(5):
        cv2.line(table, (500 + 100 * column, 240), (500 + 100 * column, 448), (200, 200, 200), 1)
    for row in range(8):
        for column in range(4):
            text = f"{91.1 * column + 37 * row:.1f}"
            draw_text(table, text, (508 + 100 * column, 259 + 26 * row), 12, (30, 30, 30))
    found = written(table)
    assert found[240:449, 500:901].min() > 200
    assert written(sheet)[230:].max() == 0
    assert found[460:].max() == 0


def test_a_line_goes_on_to_its_last_sign_beside_an_outline() -> None:
    """Signs that are joined to the outline of a balloon were no part of it, and were drawn as blobs."""
    image = np.full((360, 640, 3), (240, 190, 120), np.uint8)
    cv2.ellipse(image, (220, 100), (190, 60), 0, 0, 360, (255, 255, 255), cv2.FILLED)
    cv2.ellipse(image, (220, 100), (190, 60), 0, 0, 360, (0, 0, 0), 3)
    draw_text(image, "WHERE IS THE CAT NOW?!", (80, 108), 20, (0, 0, 0))
    box = (slice(85, 115), slice(60, 399))
    ink = image[box].max(2) < 60
    x = np.flatnonzero(ink.any(0))
    assert (written(image)[box][ink] > 200).mean() > 0.97, (x.min(), x.max())
