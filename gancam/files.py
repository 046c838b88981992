"""Work on files that outlives a crash: what it is made from, and a video through effects into another."""

from pathlib import Path

from gancam.errors import OutputExists, SinkError


def write_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write beside and rename. Raises ``OutputExists`` and ``SinkError``."""
    if path.exists() and not overwrite:
        raise OutputExists(f"{path}: exists; give another name, or --overwrite")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error
