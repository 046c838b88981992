"""Who of those that a network finds is somebody."""

import numpy as np
from numpy.typing import NDArray

from gancam.masks.people.belief import Belief, near_parts, without_isles
from gancam.masks.people.regions import Window

Plane = NDArray[np.float32]
FRAME = (0, 0, 640, 360)


def thing(left: int, level: float = 0.98) -> Plane:
    """Something of 40 by 60 pixels that the network is as sure of."""
    found = np.zeros((144, 256), np.float32)
    found[40:100, left : left + 40] = level
    return found


class Judge:
    """Asks, and counts how often the network and the detector are asked."""

    def __init__(self) -> None:
        self.belief, self.looks, self.searches = Belief(), 0, 0

    def __call__(
        self,
        found: Plane,
        mirrored: Plane,
        *faces: Window,
        looks: bool = True,
        known: bool = True,
        moved: float = 0.0,
        soon: bool = False,
        sheds: bool = False,
    ) -> Plane:
        asked: list[bool] = []

        def both() -> tuple[Plane, Plane]:
            self.looks += not asked
            asked.append(True)
            return found, mirrored

        def search() -> list[Window]:
            self.searches += 1
            return list(faces)

        share = np.full_like(found, moved)
        return self.belief(
            found, FRAME, both, search, looks=looks, known=known, moved=lambda: share, soon=soon, sheds=sheds
        )


def test_what_the_network_says_of_its_mirror_image_too_is_somebody() -> None:
    judge = Judge()
    assert np.array_equal(judge(thing(50), thing(50)), thing(50))
    assert (judge.looks, judge.searches) == (1, 0)
    assert not Judge()(thing(50), thing(50, 0.4)).any(), "not of its mirror image"
    assert not Judge()(thing(50), thing(60)).any(), "of another part"
    assert not Judge()(thing(50, 0.7), thing(50, 0.7)).any(), "not sure"


def test_whoever_has_a_face_is_somebody() -> None:
    face = (150, 110, 50, 60)  # of the frame: columns 60 to 80 of what the network was shown
    assert Judge()(thing(50, 0.7), thing(50, 0.7), face).any()
    assert not Judge()(thing(50, 0.7), thing(50, 0.7), (300, 110, 50, 60)).any(), "another's"
    assert not Judge()(thing(50, 0.7), thing(50, 0.7), (-40, 110, 50, 60)).any()


def test_who_moves_is_somebody_if_the_network_is_half_as_sure_and_stays_that_once_they_rest() -> None:
    """Who rides past is smeared, and bent over: the network was never sure enough of them."""
    assert not Judge()(thing(50, 0.85), thing(55, 0.85)).any()
    judge = Judge()
    assert judge(thing(50, 0.85), thing(55, 0.85), moved=0.8).any()
    for _ in range(15):
        assert judge(thing(50, 0.8), thing(50, 0.5)).any()
    for _ in range(10):
        judge(thing(50, 0.8), thing(50, 0.5))
    assert not judge(thing(50, 0.8), thing(50, 0.5)).any(), "but not forever"
    assert not Judge()(thing(50, 0.85), thing(120, 0.85), moved=0.8).any(), "of its mirror image it says another thing"


def test_who_comes_in_is_looked_at_sooner_than_what_stands_there() -> None:
    judge = Judge()
    assert not judge(thing(50), thing(50), looks=False, known=False, soon=True).any()
    assert judge.looks == 0, "nothing that stands there is asked about more often"
    assert judge(thing(50), thing(50), looks=False, known=False, soon=True, moved=0.8).any()
    for _ in range(4):
        assert judge(thing(50), thing(50), looks=False, known=False, soon=True, moved=0.8).any()
    assert judge.looks == 1, "who is known is not asked about again"


def test_what_somebody_leaves_behind_is_asked_about_at_once() -> None:
    """A towel beside which somebody sat, and who is gone to the left."""
    sleeve = np.zeros_like(thing(50))
    sleeve[80:100, 86:110] = 0.98
    doubted = sleeve * np.float32(0.6)
    for said, sheds, stays in ((sleeve, True, True), (doubted, True, False), (doubted, False, True)):
        judge, joined = Judge(), np.maximum(thing(50), sleeve)
        joined[80:100] = np.maximum(joined[80:100], 0.98 * (np.arange(256) < 110) * (np.arange(256) >= 50))
        assert np.array_equal(judge(joined, joined), joined)
        apart, mirrored = np.maximum(thing(40), sleeve), np.maximum(thing(40), said)
        assert np.array_equal(judge(joined, joined, looks=False, known=False), joined)
        found = judge(apart, mirrored, looks=False, known=False, sheds=sheds)
        assert np.array_equal(found, apart if stays else thing(40))
        assert judge.looks == 1 + sheds


def test_two_who_part_are_not_asked_about() -> None:
    judge, joined = Judge(), thing(50)
    joined[40:100, 90:130] = 0.98
    judge(joined, joined)
    both = thing(45) + thing(100)
    assert np.array_equal(judge(both, both, looks=False, known=False, sheds=True), both)
    assert judge.looks == 1


def test_one_of_two_goes_and_the_other_stays() -> None:
    both = thing(50) + thing(180, 0.7)
    assert np.array_equal(Judge()(both, both), thing(50))


def test_a_speck_is_nobody() -> None:
    found = thing(50)
    found[10:13, 10:13] = 1
    assert np.array_equal(Judge()(found, found), thing(50))


def test_it_stays_as_it_was_said_until_it_is_looked_at_again() -> None:
    judge = Judge()
    judge(thing(50) + thing(180, 0.7), thing(50))
    for step in range(1, 5):
        found = judge(thing(50 + 3 * step, 0.9) + thing(180), thing(50), looks=False, known=False)
        assert found[:, 50:120].any()
        assert not found[:, 180:].any()
    assert judge.looks == 1
    assert judge(thing(62) + thing(180), thing(62) + thing(180), known=False)[:, 180:].any()


def test_somebody_may_be_seen_badly_once_but_not_twice() -> None:
    judge = Judge()
    judge(thing(50), thing(50))
    assert judge(thing(50, 0.85), thing(50, 0.85)).any(), "as sure as is too little for somebody who comes"
    assert judge(thing(50, 0.6), thing(50, 0.1)).any()
    assert not judge(thing(50, 0.6), thing(50, 0.1)).any()
    assert not judge(thing(50, 0.85), thing(50, 0.85)).any(), "now they would have to come anew"


def test_it_goes_along_with_a_window() -> None:
    judge = Judge()
    judge(thing(50), thing(50))
    judge.belief.move(FRAME, (100, 0, 640, 360), (256, 144))
    assert judge(thing(10), thing(10), looks=False, known=False).any()
    other = Judge()
    other(thing(180), thing(180))
    judge.belief.add(other.belief)
    assert judge(thing(10) + thing(180), thing(10), looks=False, known=False)[:, 180:].any()


def test_specks_beside_somebody_are_nobody_and_their_edge_stays() -> None:
    found = thing(50, 1.0)
    found[40:100, 49] = 0.4
    speckled = found.copy()
    speckled[60:66, 93:98] = 1
    speckled[66, 93:98] = 0.4
    np.testing.assert_array_equal(without_isles(speckled), found)
    hand = found.copy()
    hand[60:80, 93:103] = 1
    np.testing.assert_array_equal(without_isles(hand), hand)
    assert not without_isles(0 * found).any()


def test_what_is_low_counts_near_somebody_alone() -> None:
    found = np.full((144, 256), 0.28, np.float32)
    found[40:100, 50:90] = 0.98
    kept = near_parts(found)
    assert np.array_equal(kept[37:103, 47:93], found[37:103, 47:93])
    assert not kept[:30].any()
