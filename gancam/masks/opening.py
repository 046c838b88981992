"""Files, whose frames nobody waits for: people are looked for more often, and before the first frame."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from gancam.frame import Frame, Image, room
from gancam.masks.mask import MaskSource
from gancam.masks.people.person import Person

_FRAMES, _BYTES = 15, 128 << 20  # first frames that are kept at most, and of all of these
_AGAIN = 3  # times that the first one is shown in the end


def room_for(many: int, image: Image) -> bool:
    """Say whether `image` may be kept as one of the first frames, beside so `many` others like it."""
    return many < room(image, _FRAMES, _BYTES)


def backwards(first: Sequence[Image]) -> list[Image]:
    """Return the `first` frames in the order in which they are shown: who has seen these knows whom the first shows."""
    return [*reversed(first), *(image for image in first[:1] for _ in range(_AGAIN - 1))]


def meet(sources: Iterable[MaskSource], frames: Callable[[], Iterable[Frame]]) -> None:
    """Show the first frames of a file, backwards, to those of `sources` that find people, and nobody in the first one.

    Args:
        sources: Masks.
        frames: Reads the file from its start; not called where nobody is looked for.
    """
    people = [source for source in sources if isinstance(source, Person) and source.hold > 0.0]
    if not people:
        return
    first: list[Image] = []
    for frame in islice(frames(), _FRAMES):
        if not first:
            people = [person for person in people if not _sees_somebody(person, frame.image)]
            if not people:
                return
        if room_for(len(first), frame.image):
            first.append(frame.image)
    for image in backwards(first):
        for person in people:
            person.opacity(image, time=0.0)


def _sees_somebody(person: Person, image: Image) -> bool:
    """Whether `person` finds somebody in `image` alone, which is forgotten again."""
    found = bool(person.opacity(image, time=0.0).any())
    person.reset()
    return found


def patiently(sources: Iterable[MaskSource]) -> None:
    """Let those of `sources` that find people look for them as often as in a file."""
    for source in sources:
        if isinstance(source, Person):
            source.prefer_quality()
