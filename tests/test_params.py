from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gancam
from gancam.errors import InputError, ParameterError, did_you_mean, either
from gancam.params import Parameter, Params, parameter
from gancam.sinks.video import check_codec


@dataclass
class Knobs(Params):
    strength: float = parameter(1.0, minimum=0, maximum=2, help="how much")
    count: int = parameter(3, minimum=1, help="how many")
    blend: str = parameter("normal", choices=("normal", "screen"), help="how")
    on: bool = parameter(True, help="whether")


def test_defaults_and_texts_of_the_command_line() -> None:
    assert Knobs() == Knobs(1.0, 3, "normal", True)
    assert Knobs.of(strength="0.5", count="7", blend="screen", on="off") == Knobs(0.5, 7, "screen", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strength", 2.01), ("strength", -1), ("strength", "x"), ("strength", float("nan")), ("strength", True),
        ("strength", None), ("count", 0), ("count", 1.5), ("count", "1.5"), ("count", float("inf")),
        ("blend", "sreen"), ("blend", 3), ("on", "maybe"), ("on", 2),
    ],
)  # fmt: skip
def test_refuses_at_any_time_and_keeps_the_old_value(name: str, value: Any) -> None:
    knobs = Knobs()
    with pytest.raises(ParameterError, match=name):
        setattr(knobs, name, value)
    assert knobs == Knobs()


def test_unknown_name_tells_the_near_one() -> None:
    for ask in (lambda: Knobs.of(strenght=1), lambda: Knobs().value("strenght")):
        with pytest.raises(ParameterError, match=r"no parameter 'strenght' \(did you mean 'strength'\?\)"):
            ask()


def test_declaration_is_readable() -> None:
    declared = Knobs.declared()
    assert list(declared) == ["strength", "count", "blend", "on"]
    assert declared["strength"].describe() == "a number from 0 to 2"
    assert declared["blend"].describe() == "normal or screen"


def test_choices_are_named_once() -> None:
    assert [either(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a or b", "a, b or c"]
    with pytest.raises(ParameterError, match=r"^blend='deep': needs normal or screen$"):
        Knobs.of(blend="deep")
    with pytest.raises(ParameterError, match=r"^blend='sceen': needs normal or screen \(did you mean 'screen'\?\)$"):
        Knobs.of(blend="sceen")
    dotted = ["sr-x2-fast.on", "sr-x2-fast.strength"]
    assert did_you_mean("sr-x2-fast.nosuch", dotted) == " (there are: sr-x2-fast.on, sr-x2-fast.strength)"
    assert did_you_mean("SR-x2.strenght", dotted) == " (did you mean 'sr-x2-fast.strength'?)"
    assert did_you_mean("Comic", ["style-comic", "style-oil"]) == " (did you mean 'style-comic'?)"
    assert did_you_mean("sr", ["sr-x2-fast", "sr-x4-best"]) == " (there are: sr-x2-fast, sr-x4-best)"
    assert did_you_mean("int4", ["fp32"]) == " (there is only: fp32)"
    assert did_you_mean("int4", ["x", "fp16"]) == " (there are: fp16, x)"
    with pytest.raises(InputError, match=r"^no codec 'abc'; this build has h264, "):
        check_codec("a.mp4", "abc", None)
    with pytest.raises(InputError, match=r"^no codec 'h2644' \(did you mean 'h264'\?\); this build has h264, "):
        check_codec("a.mp4", "h2644", None)


def test_steps_stay_in_the_range() -> None:
    @dataclass
    class Turns(Params):
        amount: float = parameter(0.5, minimum=0.0, maximum=1.0, help="")
        count: int = parameter(3, minimum=1, maximum=4, help="")
        loud: bool = parameter(False, help="")
        mode: str = parameter("a", choices=("a", "b"), help="")
        free: float = parameter(0.0, help="")
        words: str = parameter("x", help="")

    params = Turns()
    declared = Turns.declared()
    assert [declared["amount"].step(0.5, up=up) for up in (True, False)] == [0.55, 0.45]  # twentieths of the range
    assert [declared["count"].step(2, up=up) for up in (True, False)] == [3, 1]
    assert [declared["mode"].step("a", up=up) for up in (True, False)] == ["b", "b"]
    assert declared["free"].step(0.0, up=True) == 0.05
    for name, entry in declared.items():
        for up in (True, False):
            for _ in range(26):
                setattr(params, name, entry.step(getattr(params, name), up=up))
        assert entry.text(getattr(params, name))
    assert params == Turns(0.0, 1, False, "a", 0.0, "x")


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(0, 1, float), (-180, 180, float), (0.001, 0.002, float), (0, 1e6, float), (0, 2**31, int)],
)
def test_places_in_the_range(low: float, high: float, kind: type) -> None:
    entry = Parameter("turn", kind, kind(low), low, high, (), "")
    for place in (0.0, 0.25, 0.5, 0.777, 1.0):
        value = entry.check(entry.at(place))
        there = entry.place(value)
        assert there is not None
        assert abs(there - place) < 0.0015
    assert (entry.at(-3), entry.at(7)) == (low, high)
    assert Parameter("turn", float, 0.0, 0.0, None, (), "").place(1.0) is None
    assert Parameter("turn", float, 0.5, 0.5, 0.5, (), "").at(0.7) == 0.5


def _pair(text: str) -> tuple[float, float]:
    left, _, right = text.partition("/")
    if not right:
        raise ValueError("one number")
    return float(left), float(right)


@dataclass
class Formed(Params):
    period: float = parameter(8.0, minimum=0.5, maximum=60, unit="s", help="how long")
    place: str = parameter("0/0", form="x/y, as 0.5/0.5", parse=_pair, help="where")


def test_units_and_texts_with_a_form() -> None:
    formed = Formed.of(period="2.5s", place="1/2")
    assert formed == Formed(2.5, "1/2")
    assert Formed.of(period="3") == Formed.of(period=3) == Formed.of(period=" 3 s")
    declared = Formed.declared()
    assert declared["period"].describe() == "a number (s) from 0.5 to 60"
    assert declared["period"].text(2.5) == "2.5s"
    assert declared["place"].describe() == "x/y, as 0.5/0.5"
    with pytest.raises(ParameterError, match="place='7': one number; needs x/y"):
        formed.place = "7"
    for wrong in ("2m", "s", "61s", "", "nans"):
        with pytest.raises(ParameterError, match="period"):
            formed.period = wrong  # type: ignore[assignment]
    assert formed == Formed(2.5, "1/2")


def test_a_renamed_parameter_answers_to_its_old_name(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass
    class Renamed(Params):
        stabilise: float = parameter(0.0, minimum=0.0, maximum=1.0, formerly="before_stabilise", help="how much")

    params: Any = Renamed.of(before_stabilise="0.5")
    params.before_stabilise += 0.25
    assert params.values() == {"stabilise": 0.75}
    assert params.value("before_stabilise") == params.before_stabilise == 0.75
    assert list(Renamed.declared()) == ["stabilise"]
    assert caplog.messages == ["the parameter before_stabilise is called stabilise now; the old name still works"]
    with pytest.raises(ParameterError, match="stabilise=2"):
        params.before_stabilise = 2


@dataclass
class Placed(Params):
    box: str = parameter("", kind="box", help="where")
    polygon: str = parameter("", kind="polygon", help="where")


CORNERS = ((0, 0), (2.5, 0), (0, 3))


@pytest.mark.parametrize(
    ("name", "numbers", "text"),
    [
        ("box", (1, 2.5, 3, 4), "1/2.5/3/4"),
        ("box", np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), "1/2/3/4+5/6/7/8"),
        ("polygon", CORNERS, "0/0/2.5/0/0/3"),
        ("polygon", np.array(CORNERS).ravel(), "0/0/2.5/0/0/3"),
        ("polygon", [CORNERS, [*CORNERS, (1, 1)]], "0/0/2.5/0/0/3+0/0/2.5/0/0/3/1/1"),
    ],
)  # fmt: skip
def test_numbers_are_taken_where_a_text_is_of_numbers(name: str, numbers: Any, text: str) -> None:
    assert Placed.of(**{name: numbers}).value(name) == text
    for wrong in (("a", 1), [(1, 2, 3, 4), "b"], [True, False], [1, None]):
        with pytest.raises(ParameterError, match=name):
            Placed.of(**{name: wrong})


@dataclass
class Worded(Params):
    share: float = parameter(-1.0, minimum=-1.0, maximum=1.0, below="auto", help="how much")
    seed: int = parameter(-1, minimum=-1, below="none", help="which")


def test_a_word_for_what_is_below_nought() -> None:
    params = Worded.of(share="auto", seed="NONE")
    assert (params.share, params.seed) == (-1.0, -1)
    share, seed = Worded.declared()["share"], Worded.declared()["seed"]
    assert (share.text(-1.0), share.text(-0.3), share.text(0.25), seed.text(-1), seed.text(7)) == (
        "auto", "auto", "0.25", "none", "7",
    )  # fmt: skip
    assert share.describe() == "a number from 0 to 1, or auto"
    assert seed.describe() == "a whole number of 0 or more, or none"
    with pytest.raises(ParameterError, match="needs a number from 0 to 1, or auto"):
        Worded.of(share="none")


def test_what_an_own_parser_needs_is_said_once() -> None:
    with pytest.raises(ParameterError) as error:
        gancam.load("background:colour=greeen")
    text = str(error.value)
    assert text.startswith("colour='greeen': needs #rrggbb, red, green")
    assert text.endswith("(did you mean 'green'?); transparent leaves nothing there")
    assert (text.count("greeen"), text.count("needs")) == (1, 1)
    with pytest.raises(ParameterError, match=r"^box='1/2/3': not four numbers; needs x/y/width/height in pixels"):
        gancam.load("inpaint:box=1/2/3")
