"""Writing: lines of letters on an even ground, as slides, screens and signs have, where a style is to recede."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.effects.translation.glyphs import groups, paint_glyphs
from gancam.frame import Image
from gancam.vision.fit import within
from gancam.vision.motion import Grey, shift
from gancam.vision.scenes import Look

Place = tuple[int, int, int, int]  # left, top, width and height of a box
_SEEN = 960  # pixels of the longer side on which letters are looked for
_STROKE = 15  # pixels that strokes are narrower than
_INK = 28  # levels by which they differ from the ground at least
_JOINED = 13  # pixels between letters of a line
_TALL, _LONG = (4, 1 / 8), 2.0  # pixels of a line's height, share of the frame's; times as long as high, at least
_FILLED, _FULL = (0.12, 0.75), 0.4  # shares of a line's box: of strokes, and of these with what is between them
_ACROSS, _DOWN = (1.3, 9.0), (1.2, 5.0)  # edges of strokes in a row as long as the line is high; in a column of it
_EVEN = 6.0  # levels that the ground varies by, at most
_CLEAR, _SHARP = 42.0, 8.0  # levels that strokes differ from it by, and that these differences vary by, at least
_FEW, _MANY = 7, 16  # strokes that a row of a line crosses: that those of few letters do, and that say enough
_LETTERS, _HIGH = 3, 0.6  # letters that it shows then, at least; of its height
_ALIKE, _NEARLY = 0.5, 0.7  # share of their pixels that is nearly as clear as most of them
_HALF = 127.0  # of 255, on average: a line was found before
_KNOWN = 2.4  # times as uneven, and as unclear, such a line may be
_PAGE, _APART = 4, 3.0  # lines, from which on it is a page; times as high as lines are: what is between them on one
_WORD = 6.0  # times as long as high are short words, at most
_RULE, _BROAD = 48, 5  # pixels that a rule of a table is as long as at least, and not as broad as
# of a line's height: what is between its words at most, how far signs reach beyond it, and how high they are; share of
# its clearness that they have at least
_SPACE, _BAND, _SIGN, _STRENGTH = 0.9, 0.3, (0.5, 1.4), 0.5
_SHEET, _CELLS = 10, 4  # levels by which what those are on may differ; cells with lines that make a table
_EVERY, _EVERY_KNOWN = 6, 2  # frames: in one of so many it is looked for, and in which where there is some
_PAPER, _AROUND, _SMALL = 250.0, 9, 320  # level of paper; window, on a longer side of so many, whose lightest is it
_DARKER = np.clip(_PAPER - 1.4 * (_PAPER - np.arange(256)), 20, _PAPER).astype(np.uint8)
_NEAR = np.ones((15, 15), np.uint8)  # around what was found before: what is not found again there was a gleam
_MUCH = 25.0  # of 255, on average: where so much is written on, what is found anew is no gleam
_UNCHANGED = 4  # levels by which a small picture may differ that needs no other look
_LEAST_SHIFTED, _STAYED = 8, 0.7  # pixels of what is moved; share of a change that a motion leaves, at most
_FADE, _SCROLLS = 64, 128  # levels of 255 by which what is seen of it changes in a frame, and comes on a page


class Writing:
    """Follows where there is writing in a video."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._frame = 0
        self._looked: Grey | None = None  # the frame in which it was looked for last
        self._found = self._sure = self._shown = np.zeros((1, 1), np.uint8)
        self._much = False  # whether so much is written on that it is a page
        self._rest = np.zeros(2)  # pixels of these that writing went, and those did not

    def look(self, image: Image, look: Look) -> None:
        """Look at the next frame, uint8 ``(H, W, 3)`` BGR, for writing: at some, and at the first of a scene.

        Args:
            image: The frame.
            look: What `Scenes` gives of it.
        """
        begins = look.before is None
        if look.before is not None and max(self._found.any(), self._shown.any()):
            self._go_along(look.before, look.grey)
        self._frame = 0 if begins else self._frame + 1
        if self._frame % (_EVERY_KNOWN if self._found.any() else _EVERY) == 0:
            before = self._found
            if begins or self._looked is None or cv2.norm(look.grey, self._looked, cv2.NORM_INF) > _UNCHANGED:
                self._found = written(image, None if begins else self._sure)
                self._looked = None if begins else look.grey  # what is known decides, too: a second look may find more
            if begins:
                self._sure = self._found
            else:  # what is missed in one look stays for another
                again = self._found if self._much else cv2.min(self._found, cv2.dilate(before, _NEAR))
                self._sure = np.asarray(cv2.max(again, cv2.min(before, self._sure)), np.uint8)
            self._much = float(self._found.mean()) > _MUCH
        if begins:
            self._shown = self._sure
        elif self._sure is not self._shown:
            shown = self._shown.astype(np.int16)
            comes = _SCROLLS if self._much else _FADE
            self._shown = np.clip(self._sure, shown - _FADE, shown + comes).astype(np.uint8)

    def _go_along(self, before: Grey, now: Grey) -> None:
        """Let what was found scroll or pan as far as what is there did from one small picture to another."""
        known = cv2.max(self._found, self._shown)
        there = cv2.resize(known, now.shape[::-1], interpolation=cv2.INTER_LINEAR) > _HALF
        x, y, wide, tall = cv2.boundingRect(there.view(np.uint8))
        if min(wide, tall) < _LEAST_SHIFTED:
            return
        box = slice(y, y + tall), slice(x, x + wide)
        went = np.array(shift(before[box], now[box])[0])
        if np.abs(went).max() > min(wide, tall) / 4:
            return
        way = np.array([[1, 0, went[0]], [0, 1, went[1]]])
        moved = cv2.warpAffine(before, way, now.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        changes = [float(cv2.absdiff(one, now)[there].mean()) for one in (moved, before)]
        if changes[0] > _STAYED * changes[1]:  # a title stays where it is when the scene behind it moves
            self._rest = np.zeros(2)
            return
        self._rest = self._rest + went * known.shape[1] / now.shape[1]
        whole = np.rint(self._rest)
        self._rest = self._rest - whole
        if whole.any():
            right, down = (int(pixels) for pixels in whole)
            self._found, self._sure, self._shown = (
                _shifted(mask, right, down) for mask in (self._found, self._sure, self._shown)
            )

    def shown(self, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Give how far each place of the frame that was looked at last is written on: 0 to 255; None: nowhere.

        Args:
            size: Width and height of what is given, ``(height, width)``.
        """
        if not self._shown.any():
            return None
        return np.asarray(cv2.resize(self._shown, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def written(image: Image, before: Grey | None = None) -> NDArray[np.uint8]:
    """Find lines of letters: 255 on them and close by, 0 elsewhere, soft between.

    Strokes are narrow, far darker or lighter than a ground that is even, and alternate with it along and across a line.
    Twigs, hair and gleams lack an even ground or one shade, railings what runs along. Gleams of water, eyes and
    lamps may look like one short word: a line that is not on a page shows several letters, or is long.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        before: What was found in a frame before; there, lines may be less clear, as where clouds pass behind a title.

    Returns:
        ``(h, w)``, a longer side of 960 at most.
    """
    size = within((image.shape[1], image.shape[0]), _SEEN)
    grey, found = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.zeros(size[::-1], np.uint8)
    if size != image.shape[1::-1]:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    known = before if before is not None and before.shape == grey.shape else found
    lines: list[Place] = []
    clear: list[bool] = []
    painted = False
    layers: list[tuple[Grey, list[Place], MatLike]] = []
    tables: list[Place] = []
    for way in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):  # dark letters, then light ones
        ground = np.asarray(cv2.morphologyEx(grey, way, np.ones((_STROKE, _STROKE), np.uint8)), np.uint8)
        apart = np.asarray(cv2.absdiff(ground, grey), np.uint8)
        there, boxes = _lines(ground, apart, known)
        painted |= paint_glyphs(ground, apart, found)
        layers.append((ground, there, boxes))
        if there:
            tables += _tables(ground, apart, known)
        for whole, (x, y, wide, tall) in zip(_whole_lines(there, ground, apart), there, strict=True):
            box = slice(y, y + tall), slice(x, x + wide)
            lines.append(whole)
            clear.append(float(known[box].mean()) > _HALF or _has_letters(apart[box]))
    page = len(lines) >= _PAGE and any(clear)
    if page:
        lines += [word for layer in layers for word in _words(*layer)]
    lines = lines if page else [line for line, shows in zip(lines, clear, strict=True) if shows]
    for x, y, wide, tall in lines:
        more = tall // 3 + 2
        if page or (min(x, y) > 0 and x + wide < size[0] and y + tall < size[1]):  # at the border gleams are cut short
            cv2.rectangle(found, (x - more, y - more), (x + wide + more, y + tall + more), (255,), -1)
    for x, y, wide, tall in tables if page else ():
        cv2.rectangle(found, (x - 2, y - 2), (x + wide + 2, y + tall + 2), (255,), -1)
    if page:
        between = round(_APART * float(np.median([tall for *_, tall in lines])))
        found = np.asarray(cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((between, 1), np.uint8)), np.uint8)
    return np.asarray(cv2.blur(found, (5, 5)), np.uint8) if lines or painted else found


def _rules(apart: Grey) -> NDArray[np.uint8] | None:
    """Mark thin straight strokes longer than letters, as between cells of a table; None: there are none."""
    ink = cv2.threshold(apart, _INK, 255, cv2.THRESH_BINARY)[1]
    rules = np.zeros_like(ink)
    for long, broad in (((1, _RULE), (_BROAD, 1)), ((_RULE, 1), (1, _BROAD))):
        along = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(long, np.uint8))
        bars = cv2.morphologyEx(along, cv2.MORPH_OPEN, np.ones(broad, np.uint8))
        rules = np.asarray(cv2.max(rules, cv2.subtract(along, bars)), np.uint8)
    return np.asarray(cv2.dilate(rules, np.ones((3, 3), np.uint8)), np.uint8) if cv2.countNonZero(rules) else None


def _tables(ground: Grey, apart: Grey, known: Grey) -> list[Place]:
    """Find rules that hang together around cells with lines of letters, on one paper: all of a table is writing."""
    rules = _rules(apart)
    if rules is None:
        return []
    grids = [(x, y, w, h) for x, y, w, h, _ in groups(rules)[2][1:].tolist() if min(w, h) >= _RULE]
    lines = _lines(ground, np.where(rules > 0, np.uint8(0), apart), known)[0] if grids else []
    found = list[Place]()
    for x, y, wide, tall in grids:
        box = slice(y, y + tall), slice(x, x + wide)
        cells = groups(np.asarray(cv2.bitwise_not(rules[box]), np.uint8))[1]
        middles = [(b - y + h // 2, a - x + w // 2) for a, b, w, h in lines]
        filled = {int(cells[b, a]) for b, a in middles if 0 <= b < tall and 0 <= a < wide} - {0}
        if len(filled) >= _CELLS and float(ground[box].std()) < _EVEN:
            found.append((x, y, wide, tall))
    return found


def _whole_lines(lines: list[Place], ground: Grey, apart: Grey) -> list[Place]:
    """Add to each of `lines` the signs that go on beside it: as clear, on the same paper, and no higher than it is."""
    if not lines:
        return lines
    ink = cv2.threshold(apart, _INK, 255, cv2.THRESH_BINARY)[1]
    boxes = groups(np.asarray(ink, np.uint8))[2][1:, :4].astype(np.int64)
    _, top, wide, tall = boxes.T
    whole = list[Place]()
    for x, y, w, h in lines:
        first, last = x, x + w
        box = slice(y, y + h), slice(x, x + w)
        paper, clear = float(np.median(ground[box])), float(apart[box][apart[box] > _INK].mean())
        near = (top >= y - _BAND * h) & (top + tall <= y + h + _BAND * h)
        near &= (tall >= _SIGN[0] * h) & (tall <= _SIGN[1] * h) & (wide <= 2 * h)
        signs = sorted(boxes[near].tolist())
        for way in (1, -1):
            for a, b, across, down in signs[::way]:
                gap = a - last if way > 0 else first - a - across
                if not -_BAND * h <= gap <= _SPACE * h:
                    continue
                sign = slice(b, b + down), slice(a, a + across)
                strong = float(apart[sign][apart[sign] > _INK].mean()) >= _STRENGTH * clear
                if strong and abs(float(np.median(ground[sign])) - paper) < _SHEET:
                    first, last = min(first, a), max(last, a + across)
        whole.append((first, y, last - first, h))
    return whole


def _words(ground: Grey, lines: list[Place], boxes: MatLike) -> list[Place]:
    """Those of `boxes` as high as `lines` of a page or lower, and on the same paper: short words, parts of them."""
    if not lines:
        return []
    papers = np.array([np.median(ground[y : y + tall, x : x + wide]) for x, y, wide, tall in lines])
    high = 2 * float(np.median([tall for *_, tall in lines]))
    lined, found = set(lines), list[Place]()
    for x, y, wide, tall, _ in boxes.tolist():
        if not 2 <= tall <= high or wide > _WORD * high or (x, y, wide, tall) in lined:
            continue
        mean, varies = cv2.meanStdDev(ground[max(y - tall, 0) : y + 2 * tall, max(x - tall, 0) : x + wide + tall])
        if float(np.abs(papers - mean[0]).min()) < _EVEN > float(varies[0, 0]):
            found.append((x, y, wide, tall))
    return found


def _shifted(mask: NDArray[np.uint8], right: int, down: int) -> NDArray[np.uint8]:
    """Give `mask`, moved by pixels; what comes in is as what is beside it."""
    way = np.array([[1, 0, right], [0, 1, down]], np.float64)
    moved = cv2.warpAffine(mask, way, mask.shape[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _has_letters(apart: Grey) -> bool:
    """Whether a line's box shows several letters as high as it is and of one shade, or many strokes."""
    ink = apart > _INK
    across = int((ink[:, 1:] != ink[:, :-1]).sum(1).max()) // 2
    if across >= _MANY:
        return True
    high = cv2.connectedComponentsWithStats(ink.view(np.uint8))[2][1:, cv2.CC_STAT_HEIGHT]
    level = apart[ink]
    alike = float((level > _NEARLY * np.percentile(level, 90)).mean())
    return across >= _FEW and int((high >= _HIGH * len(apart)).sum()) >= _LETTERS and alike >= _ALIKE


def _lines(ground: Grey, apart: Grey, known: Grey) -> tuple[list[Place], MatLike]:
    """Find lines, by what is `apart` from their ground and where some are `known`.

    Returns:
        Their boxes, and those of all that is joined: ``(n, 5)``, left, top, width, height and area.
    """
    ink = cv2.threshold(apart, _INK, 255, cv2.THRESH_BINARY)[1]
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, _JOINED), np.uint8))
    count, labels, boxes, _ = groups(np.asarray(joined, np.uint8))
    _, _, wide, tall, area = boxes.T
    box = wide * tall
    fits = (tall >= _TALL[0]) & (tall <= _TALL[1] * len(ground)) & (wide >= _LONG * tall) & (area > _FULL * box)
    fits[0] = False
    if not fits.any():
        return [], boxes[1:]
    at = np.flatnonzero(joined)
    at = at[fits[labels.reshape(-1)[at]]]  # pixels of what may be lines: few of the picture
    label, row = labels.reshape(-1)[at], ground.shape[1]
    dark, left, above = (ink.reshape(-1)[at - before] > 0 for before in (0, 1, row))
    level, inside = ground.reshape(-1)[at].astype(np.float32), np.float32(dark) * apart.reshape(-1)[at]

    def per_line(values: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(label, values, count))

    strokes = per_line(dark)
    across, down = (dark != left) & (at % row > 0), (dark != above) & (at >= row)
    mean = per_line(level) / area
    clear = per_line(inside) / np.maximum(strokes, 1)
    varies = per_line(level * level) / area - mean**2
    sharp = per_line(inside * inside) / np.maximum(strokes, 1) - clear**2
    ease = np.where(per_line(known.reshape(-1)[at]) > _HALF * area, _KNOWN, 1.0)
    fits &= (varies < (_EVEN * ease) ** 2) & (clear * ease > _CLEAR) & (sharp * ease**2 > _SHARP**2)
    for value, (least, most) in (
        (strokes / box, _FILLED),
        (per_line(across) / wide, _ACROSS),
        (per_line(down) / wide, _DOWN),
    ):
        fits &= (value > least) & (value < most)
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h, _ in boxes[fits]], boxes[1:]


def in_ink(image: Image) -> Image:
    """Give `image`, uint8 ``(H, W, 3)``, in grey, what is lightest around each place as light as paper."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    size = within((image.shape[1], image.shape[0]), _SMALL)
    window = np.ones((_AROUND, _AROUND), np.uint8)
    lightest = cv2.blur(cv2.dilate(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), window), (_AROUND, _AROUND))
    paper = cv2.resize(lightest, (image.shape[1], image.shape[0]))
    ink = cv2.LUT(cv2.divide(grey, paper, scale=_PAPER), _DARKER)  # of grey and coloured letters too
    return np.asarray(cv2.cvtColor(ink, cv2.COLOR_GRAY2BGR), np.uint8)
