"""What happened in frames, for an effect's notes."""

from collections.abc import Mapping

from gancam.params import Params, Value


class Told:
    """Lines about frames, each once, which hold as long as the parameters are those that the frames were made with."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._values: Mapping[str, Value] = {}

    def tell(self, line: str, params: Params) -> None:
        """Keep `line` about a frame that was made with `params`."""
        self._lines = self.of(params)
        self._values = params.values()
        if line not in self._lines:
            self._lines.append(line)

    def of(self, params: Params) -> list[str]:
        """List what holds with `params` as they are now."""
        return list(self._lines) if self._lines and self._values == params.values() else []

    def clear(self) -> None:
        """Forget the frames."""
        self._lines = []
