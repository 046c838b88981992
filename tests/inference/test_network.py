"""Which calls of a network become CUDA graphs, told on the CPU."""

import itertools

from gancam.inference.network.image import CapturedCalls

FRAME, FACE, OTHER = (1, 360, 640, 3), (1, 224, 184, 3), (1, 180, 320, 3)


def numbers(calls: CapturedCalls, *shapes: tuple[int, ...]) -> list[int]:
    """The number of the graph of each call; 0: none."""
    found = (calls.find(shape, shape) for shape in shapes)
    return [0 if one is None else one.number for one in found]


def test_frames_become_a_graph_and_so_do_the_faces_between_them() -> None:
    assert numbers(CapturedCalls("cpu"), *[FRAME] * 4) == [0, 0, 1, 1]
    assert numbers(CapturedCalls("cpu"), *[FRAME, FACE] * 4) == [0, 0, 0, 0, 1, 2, 1, 2]


def test_a_folder_of_pictures_of_many_sizes_makes_none() -> None:
    sizes = [(1, side, side, 3) for side in range(100, 108)]
    assert not any(numbers(CapturedCalls("cpu"), *sizes * 3))


def test_there_are_three_at_most() -> None:
    calls = CapturedCalls("cpu")
    shapes = FRAME, FACE, OTHER, (1, 90, 160, 3)
    made = numbers(calls, *itertools.chain.from_iterable([shape] * 4 for shape in shapes))
    assert made == [0, 0, 1, 1, 0, 0, 2, 2, 0, 0, 3, 3, 0, 0, 0, 0]
    assert numbers(calls, FRAME) == [1]
