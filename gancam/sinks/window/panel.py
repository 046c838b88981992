"""Keys, and sliders and switches over the window's picture, for everything that can be turned."""

from typing import NamedTuple

import cv2
import numpy as np

from gancam.control import Control, Controls
from gancam.frame import Image
from gancam.params import Value
from gancam.vision.text import GREY, WHITE, YELLOW, draw_text, text_width

_THROUGH = 0.25  # of the picture is seen behind the panel
_GROUND, _ROW, _POINTED = (12, 12, 12), (56, 54, 52), (84, 80, 76)  # BGR
_FILL, _FILL_OFF = (158, 104, 36), (96, 84, 72)


class ControlKeys:
    """Turns `controls` by keys: 1 to 9 switch an effect, [ and ] choose a parameter, - and + turn it.

    Attributes:
        effects: Whether there is an effect to switch.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._switches = [f"{effect.name}.on" for effect in controls.effects]
        self._turns = [one for one in controls.by_name.values() if not one.is_switch and not one.entry.free]
        self._turn = 0
        self.effects = bool(self._switches)

    @property
    def chosen(self) -> str:
        """The name of the parameter that is turned; empty where there is none."""
        return self._turns[self._turn].name if self._turns else ""

    def press(self, letter: str) -> str | None:
        """Do what a key wants, and return what to say; None for a key that is none of these."""
        if "1" <= letter <= "9" and int(letter) <= len(self._switches):
            name = self._switches[int(letter) - 1]
            on = not self._controls.value(name)
            self._controls.request({name: on})
            return f"{self._controls.by_name[name].effect.name} {'on' if on else 'off'}"
        if letter not in "[]-_+=" or not self._turns:
            return None
        if letter in "[]":
            self._turn = (self._turn + (1 if letter == "]" else -1)) % len(self._turns)
        control = self._turns[self._turn]
        if letter not in "[]":
            value = control.entry.step(self._controls.value(control.name), up=letter in "+=")
            self._controls.request({control.name: value})
        return self._assignment(control)

    def help(self, letters: int, room: int) -> list[str]:
        """List effects and parameters with their values, in capitals of `letters` pixels and `room` pixels wide."""
        lines = []
        for number, name in enumerate(self._switches[:9], 1):
            state = "on" if self._controls.value(name) else "off"
            lines.append(f"\t{number}: {self._controls.effects[number - 1].name} is {state}")
        for number, control in enumerate(self._turns):
            mark = ">" if number == self._turn else " "
            short = f"\t{mark} {self._assignment(control)}"
            long = f"{short} ({control.entry.describe()})"
            lines.append(long if text_width(long, letters) < room else short)
        return lines

    def _assignment(self, control: Control) -> str:
        return f"{control.name} = {control.entry.text(self._controls.value(control.name))}"


class _State(NamedTuple):
    """What a line of the panel shows."""

    control: Control | None  # None: how many more there are
    value: Value
    on: bool  # the effect
    pointed: bool
    chosen: bool


class Panel:
    """Lists controls at the right edge: an effect's switch, and below it a row for each of its parameters.

    A number with a range is a bar that the mouse drags, a switch is clicked, a choice (and a number without a range)
    goes back on the left and on on the right; a free text has no row. Rows that do not fit are scrolled to, by a click
    on "more" or by choosing one (``chosen``, a name). It is drawn anew only when something changed.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._rows = [control for control in controls.by_name.values() if control.is_switch or not control.entry.free]
        self.chosen = ""
        self._shown = ""  # the choice that was scrolled to
        self._first, self._visible = 0, len(self._rows)
        self._above = self._below = False  # whether there are more rows than are seen
        self._place = (0, 0, 0, 0)  # left, top, right, bottom of the lines
        self._step = 1  # from line to line
        self._line: int | None = None  # that the mouse is on
        self._dragged: Control | None = None
        self._widths: dict[int, int] = {}  # by the letters' size
        self._shape = (0, 0, 0)  # width, height, letters
        self._drawn: dict[int, _State] = {}  # by line
        self._sheet: Image = np.zeros((1, 1, 3), np.uint8)

    @property
    def pointed(self) -> Control | None:
        """The control that the mouse is on."""
        return self._dragged or (None if self._line is None else self._control(self._line))

    def draw(self, canvas: Image, letters: int) -> int:
        """Draw into `canvas`, in place, with capitals of `letters` pixels.

        Returns:
            How many columns are left beside it.
        """
        tall, wide = canvas.shape[:2]
        pad, gap = max(letters // 2, 3), max(letters // 6, 2)
        step = round(letters * 2.1) + gap
        width = min(self.width(letters), wide)
        fits = max((tall - 2 * pad + gap) // step, 1)
        self._scroll(fits)
        lines = self._above + self._visible + self._below
        height = min(lines * step - gap + 2 * pad, tall)
        self._place, self._step = (wide - width + pad, pad, wide - pad, height - pad), step
        if (width, height, letters) != self._shape:
            self._shape, self._drawn = (width, height, letters), {}
            self._sheet = np.full((height, width, 3), _GROUND, np.uint8)
        for line in range(lines):
            state = self._state(line)
            if state != self._drawn.get(line):
                self._drawn[line] = state
                row = self._sheet[pad + line * step :][: step - gap, pad : width - pad]
                if row.size:
                    self._draw_line(row, state, letters)
        under = canvas[:height, wide - width :]
        cv2.addWeighted(under, _THROUGH, self._sheet, 1.0, 0.0, dst=under)
        return int(wide - width)

    def mouse(self, event: int, x: int, y: int, flags: int) -> bool:
        """Do what the mouse at (x, y) wants. Returns whether it was meant for the panel."""
        left, top, right, bottom = self._place
        inside = left <= x < right and top <= y < bottom
        self._line = (y - top) // self._step if inside else None
        pressed = event in (cv2.EVENT_LBUTTONDOWN, cv2.EVENT_LBUTTONDBLCLK)  # two quick clicks are two clicks
        if pressed or not flags & cv2.EVENT_FLAG_LBUTTON:
            self._dragged = None
        if self._dragged is not None:
            self._drag(self._dragged, x)
            return True
        if pressed and self._line is not None:
            control = self.pointed
            if control is None:
                self._first += self._visible * (-1 if self._above and self._line == 0 else 1)
            else:
                self._press(control, x)
        return inside

    def leave(self) -> None:
        """Forget the mouse: the panel is not shown any more."""
        self._place, self._line, self._dragged = (0, 0, 0, 0), None, None

    def _press(self, control: Control, x: int) -> None:
        left, _, right, _ = self._place
        value = self._controls.value(control.name)
        if control.entry.type is bool:
            self._controls.request({control.name: not value})
        elif control.entry.ranged:
            self._dragged = control
            self._drag(control, x)
        else:
            self._controls.request({control.name: control.entry.step(value, up=x > (left + right) / 2)})

    def _drag(self, control: Control, x: int) -> None:
        left, _, right, _ = self._place
        self._controls.request({control.name: control.entry.at((x - left) / max(right - 1 - left, 1))})

    def _scroll(self, fits: int) -> None:
        """Keep the view within the rows, and what was newly chosen within the view, where `fits` lines fit."""
        rows = len(self._rows)
        least = max(fits - 2, 1)  # rows that are seen where there are more on both sides
        if self.chosen != self._shown:
            self._shown = self.chosen
            number = next((i for i, control in enumerate(self._rows) if control.name == self.chosen), self._first)
            self._first = min(max(self._first, number - least + 1), number)
        self._first = max(min(self._first, rows - max(fits - 1, 1)), 0) if rows > fits else 0
        self._above = self._first > 0
        self._visible = min(rows - self._first, max(fits - self._above, 1))
        self._below = self._first + self._visible < rows
        if self._below:
            self._visible = max(self._visible - 1, 1)

    def _control(self, line: int) -> Control | None:
        """What is in `line` of the panel; None for "more"."""
        number = line - self._above
        return self._rows[self._first + number] if 0 <= number < self._visible else None

    def width(self, letters: int) -> int:
        """Give its width for capitals of `letters` pixels: that of the widest row there can be."""
        if letters in self._widths:
            return self._widths[letters]
        widest = 15 * letters
        for control in self._rows:
            entry, name = control.entry, control.entry.name
            values = [*entry.choices, entry.below, "-0.999" if entry.type is float else "off"]
            if control.is_switch:
                name, values = control.effect.name, ["9"]
            elif entry.ranged:
                values += [entry.text(limit) for limit in (entry.minimum, entry.maximum) if limit is not None]
            widest = max(widest, *(text_width(f"{name}  < {value} >", letters) for value in values))
        self._widths[letters] = widest + letters + 2 * max(letters // 2, 3)
        return self._widths[letters]

    def _state(self, line: int) -> _State:
        control, pointed = self._control(line), line == self._line
        if control is None:
            hidden = self._first if line == 0 and self._above else len(self._rows) - self._first - self._visible
            return _State(None, hidden, True, pointed, False)
        on = bool(self._controls.value(f"{control.effect.name}.on"))
        return _State(control, self._controls.value(control.name), on, pointed, control.name == self.chosen)

    def _draw_line(self, row: Image, state: _State, letters: int) -> None:
        control, value, on, pointed, chosen = state
        tall, wide = row.shape[:2]
        baseline, pad = (tall + letters) // 2, letters // 2 + 1
        row[:] = _POINTED if pointed else _ROW
        if control is None:
            draw_text(row, f"{value} more", (pad, baseline), letters, GREY)
            return
        entry, colour = control.entry, WHITE if on else GREY
        if control.is_switch:
            row[:] = _POINTED if pointed else _GROUND
            number = self._controls.effects.index(control.effect) + 1
            _check_box(row, (pad, (tall - letters) // 2), letters, bool(value))
            draw_text(row, control.effect.name, (pad + 2 * letters, baseline), letters, YELLOW)
            if number < 10:
                draw_text(row, str(number), (wide - pad, baseline), letters, GREY, right=True)
            return
        if entry.ranged:
            row[:, : round((entry.place(value) or 0.0) * wide)] = _FILL if on else _FILL_OFF
        if entry.type is bool:
            _check_box(row, (wide - pad - letters, (tall - letters) // 2), letters, bool(value))
            said = ""
        else:
            said = entry.text(value)
            said = f"< {said} >" if not entry.ranged and not entry.free else said
        if chosen:
            row[:, : max(letters // 4, 2)] = YELLOW
        room = wide - 2 * pad - text_width(f"{entry.name} ", letters)
        while said and text_width(said, letters) > room:
            said = said.removesuffix("..")[:-1] + ".." if len(said) > 3 else ""
        draw_text(row, entry.name, (pad, baseline), letters, colour)
        draw_text(row, said, (wide - pad, baseline), letters, colour, right=True)


def _check_box(row: Image, place: tuple[int, int], size: int, on: bool) -> None:
    x, y = place
    cv2.rectangle(row, (x, y), (x + size, y + size), WHITE, max(size // 9, 1))
    if on:
        inset = max(size // 4, 2)
        cv2.rectangle(row, (x + inset, y + inset), (x + size - inset, y + size - inset), WHITE, -1)
