"""Text on pictures: scripts, widths, and what no font has."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision.text import draw_lines, draw_text, text_width

ALL_SCRIPTS = int(cv2.__version__.split(".")[0]) >= 5
SECOND_FONT = ALL_SCRIPTS and bool(cv2.FontFace().set("uni"))  # OpenCV's wheel for Linux on ARM comes without


def written(words: str, height: int = 20) -> Image:
    image = np.zeros((3 * height, 40 * height, 3), np.uint8)
    draw_text(image, words, (height, 2 * height), height, (255, 255, 255))
    return image


@pytest.mark.skipif(not ALL_SCRIPTS, reason="the font of OpenCV 4 has ASCII alone")
@pytest.mark.parametrize("words", ["Grüße", "façade Łódź", "Ελλάδα", "Привет", "日本語", "한국어"])
def test_letters_of_other_scripts_are_drawn(words: str) -> None:
    if not SECOND_FONT and words in ("Ελλάδα", "日本語", "한국어"):
        assert (written(words) == written("?" * len(words))).all()
        return
    asked = words.encode("ascii", "replace").decode()
    assert (written(words) != written(asked)).any()
    drawn = {written(letter).tobytes() for letter in words}
    assert written("?").tobytes() not in drawn
    assert len(drawn) == len(set(words))


@pytest.mark.parametrize("height", [6, 9, 13, 20, 40])
@pytest.mark.parametrize("words", ["sr-x2 12.5 ms", "Grüße aus Łódź", "Привет, Ελλάδα", "日本語"])
def test_text_is_as_wide_as_it_is_measured(words: str, height: int) -> None:
    columns = np.flatnonzero(written(words, height).max(axis=(0, 2)))
    wide = text_width(words, height)
    assert height - 1 <= columns[0]
    assert wide - height / 2 - 1 <= columns[-1] + 1 - height <= wide + 1


def test_accents_that_stand_apart_are_joined() -> None:
    assert (written("e\u0301") == written("é")).all()


def test_what_cannot_be_written_is_a_question_mark() -> None:
    assert (written("a\udcffb\nc") == written("a?b?c")).all()  # a byte of a file name that is no text, a line's end


def test_a_line_of_another_script_stays_on_its_backdrop() -> None:
    image = np.full((60, 400, 3), 200, np.uint8)
    draw_lines(image, ["Ångström Ññ gjpq"], "top left", height=16, backdrop=1.0)
    rows, columns = np.nonzero((image != 200).any(axis=2))
    panel = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    rim = np.concatenate([panel[0], panel[-1], panel[:, 0], panel[:, -1]])
    assert (panel != 200).any(axis=2).mean() > 0.9
    assert rim.max() == 0
