"""Whether a live picture can be played: ``python -m gancam.cli.probe SOURCE OUTPUT ...`` plays nothing.

For programs that play one later. The exit code is 0, or 2 with one line on stderr that says what is wrong.
"""

import sys
from collections.abc import Sequence

from gancam.cli.checks import check_source
from gancam.errors import GancamError
from gancam.sinks import check_target
from gancam.sources.open import open_live


def probe(source: str, outputs: Sequence[str]) -> None:
    """Open `source`, and look at the names of `outputs`. Raises ``GancamError`` for what cannot be played."""
    check_source(source)
    for output in outputs:
        check_target(output, overwrite=True)
    open_live(source).close()


def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        probe(words[0], words[1:])
    except GancamError as error:
        sys.stderr.write(f"gancam: {' '.join(str(error).split())}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
