"""Which frames of a video are there in another, by their times."""

import itertools
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction

NEAR = Fraction(1, 1000)  # seconds: what is no difference, as some containers hold no finer times
_TOLD = 3  # places where frames are missing that are told one by one


def compare_times(was: Sequence[Fraction], now: Sequence[Fraction]) -> tuple[bool, str]:
    """Compare when the frames come that two videos have, and tell which of the first are missing in the second.

    Args:
        was: When the frames of the first come, in seconds, in order; not empty.
        now: Those of the second, likewise; it may begin elsewhere on its clock.

    Returns:
        Whether the frames of the second that the first has, all but those beyond its number, have their times to a
        millisecond; and what there is to say.
    """
    pairs = _pair_times(was, now)
    worst = max((abs(was[place] - moment) for place, moment in pairs.items()), default=Fraction(0))
    gone, new = [place for place in range(len(was)) if place not in pairs], len(now) - len(pairs)
    said = "exact" if worst == 0 else f"up to {float(worst) * 1000:.3f} ms off"
    if gone or new:
        are = f"{len(pairs)} frames have their times" if worst == 0 else f"{len(pairs)} frames: {said}"
        missing = [f"{len(gone)} missing: {_told_places(was, gone)}"] if gone else []
        said = "; ".join([are, *missing, *([f"{new} new"] if new else [])])
    return worst <= NEAR and (not new or len(now) > len(was)), said


def _pair_times(was: Sequence[Fraction], now: Sequence[Fraction]) -> dict[int, Fraction]:
    """Give the times `now`, on the clock of `was`, by the places in `was` that are nearest, within half a frame.

    Where that suits few, and there are as many of both, they are paired one after the other.
    """
    moves = [was[0] - now[0], Fraction(0), was[-1] - now[-1]]  # where its first, none or its last frames are missing
    pairs = max((_paired(was, [one + move for one in now]) for move in moves), key=lambda made: _likeness(was, made))
    if len(was) == len(now) and 10 * _likeness(was, pairs)[0] < 9 * len(was):
        return {place: moment + moves[0] for place, moment in enumerate(now)}
    return pairs


def _paired(was: Sequence[Fraction], now: Sequence[Fraction]) -> dict[int, Fraction]:
    gaps = sorted(later - one for one, later in itertools.pairwise(was))
    slack = max(gaps[len(gaps) // 2] / 2 if gaps else NEAR, NEAR)
    made: dict[int, Fraction] = {}

    def around(moment: Fraction) -> list[int]:
        behind = bisect_left(was, moment)
        return [place for place in (behind - 1, behind) if 0 <= place < len(was)]

    # The nearest first, else a new frame between two old ones would take the place of the later.
    for moment in sorted(now, key=lambda one: min(abs(was[place] - one) for place in around(one))):
        near = [place for place in around(moment) if place not in made]
        place = min(near, key=lambda one: abs(was[one] - moment), default=None)
        if place is not None and abs(was[place] - moment) <= slack:
            made[place] = moment
    return made


def _likeness(was: Sequence[Fraction], pairs: Mapping[int, Fraction]) -> tuple[int, Fraction]:
    """How many pairs are near, and how near they all are."""
    off = [abs(was[place] - moment) for place, moment in pairs.items()]
    return sum(one <= NEAR for one in off), -sum(off, Fraction(0))


def _told_places(times: Sequence[Fraction], gone: Sequence[int]) -> str:
    """Say when the frames at the places `gone` of `times` are missing, those in a row together.

    >>> _told_places([Fraction(one, 10) for one in range(9)], [2, 3, 7])
    '0.200 to 0.300 s, 0.700 s'
    """
    runs = [[gone[0], gone[0]]]
    for place in gone[1:]:
        if place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    told = []
    for first, last in runs[:_TOLD]:
        begin, end = (f"{float(times[place]):.3f}" for place in (first, last))
        told.append(f"{begin} s" if first == last else f"{begin} to {end} s")
    more = len(runs) - _TOLD
    return ", ".join(told) + (f" and in {more} more place{'s' * (more > 1)}" if more > 0 else "")
