"""Notes on single frames, for the notes of an effect."""

from collections.abc import Mapping

from gancam.params import Params, Value


class FrameNotes:
    """Notes on frames, each once, valid while the parameters stay those that the frames were made with."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._values: Mapping[str, Value] = {}

    def add(self, note: str, params: Params) -> None:
        """Keep a note on a frame that was made with `params`."""
        self._notes = self.of(params)
        self._values = params.values()
        if note not in self._notes:
            self._notes.append(note)

    def of(self, params: Params) -> list[str]:
        """List the notes that are valid with the current values of `params`."""
        return list(self._notes) if self._notes and self._values == params.values() else []

    def clear(self) -> None:
        """Forget the frames."""
        self._notes = []
