"""What an ONNX file contains, read from its bytes before any library opens it, and what is refused.

A model file is data from a stranger. It is walked for the few fields that matter: operators, their domains, files that
it names, and its metadata.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from gancam.errors import GancamError, ModelError, NotFound
from gancam.inference.card import PREFIX
from gancam.inference.importing.formats import other_format
from gancam.inference.protobuf import CutOff, read_fields, read_text

ENTRY = f"{PREFIX}import"  # of the metadata of an adapted file: its convention as JSON
FILE_ENTRY = f"{PREFIX}import_file"  # the name of the file that it was made of
MOST_BYTES = 2**31 - 1  # of a file with what it names beside it: protobuf's own limit
MOST_NODES = 20_000  # operators; the largest public picture networks have about 6,000
MOST_DEPTH = 8  # of graphs within graphs
_DOMAINS = {"", "ai.onnx", "com.microsoft", "ai.onnx.ml"}  # whose operators ONNX Runtime has itself
_VERSION_KEY, _MOST_VERSION = 8, 99  # the first byte of every ONNX model, before the version of its format
_LAST_FIELD = 32  # numbers of a model's outermost fields are smaller


@dataclass(frozen=True)
class GraphFacts:
    """What a file contains.

    Attributes:
        nodes: How many operators, those of graphs within graphs included.
        domains: The domains of those, without those that the file defines itself.
        external: The files that it names.
        metadata: Its metadata.
    """

    nodes: int
    domains: frozenset[str]
    external: tuple[str, ...]
    metadata: dict[str, str]


def is_foreign(path: Path) -> bool:
    """Whether the file `path` has no card of ours. Nothing but its outermost fields is read.

    Raises ``NotFound``, and ``ModelError`` for what is no ONNX file.
    """
    return not any(key.startswith(PREFIX) for key in metadata(path))


def is_onnx(path: Path) -> bool:
    """Tell whether the file `path` is an ONNX model by what is in it, whatever its name."""
    try:
        return facts_of(path).nodes > 0
    except GancamError:
        return False


def metadata(path: Path) -> dict[str, str]:
    """The metadata of the file `path`, at the cost of its outermost fields. Raises as `is_foreign` does."""
    return _metadata(path, _mapped(path))


def check_safe(path: Path) -> GraphFacts:
    """What the file `path` contains, when that is harmless.

    Raises:
        NotFound: no such file.
        ModelError: it is no ONNX file, too large, has operators that are not ONNX Runtime's own, or names files outside
            its own folder.
    """
    facts = facts_of(path)
    unknown = sorted(facts.domains - _DOMAINS)
    if unknown:
        raise ModelError(
            f"{path} has operators of {', '.join(repr(one) for one in unknown)}, which need code that is not ONNX "
            "Runtime's own: custom operators are not run; export it with standard operators"
        )
    if facts.nodes > MOST_NODES:
        raise ModelError(f"{path} has {facts.nodes} operators, more than {MOST_NODES}: not run")
    if not facts.nodes:
        raise ModelError(f"{path} is no ONNX model: it has no operators")
    size = path.stat().st_size + sum(_external(path, name).stat().st_size for name in set(facts.external))
    if size > MOST_BYTES:
        raise ModelError(
            f"{path} has {size / 1e9:.1f} GB with what it names, more than {MOST_BYTES / 1e9:.1f}: not run"
        )
    return facts


def facts_of(path: Path) -> GraphFacts:
    """What the file `path` contains, harmless or not. Raises ``NotFound``, and ``ModelError`` for no ONNX file."""
    data = _mapped(path)
    walk = _Walk()
    try:
        for field, value in read_fields(data):
            if field == 7 and isinstance(value, memoryview):
                walk.graph(value, 0)
            elif field == 25 and isinstance(value, memoryview):
                walk.function(value)
    except (ValueError, IndexError, RecursionError):
        raise _no_model(path) from None
    own = frozenset(walk.domains - walk.functions)
    return GraphFacts(walk.nodes, own, tuple(walk.external), _metadata(path, data))


class _Walk:
    """Counts what is in graphs, those within others included."""

    def __init__(self) -> None:
        self.nodes = 0
        self.domains: set[str] = set()
        self.functions: set[str] = set()  # domains that the file itself defines, by standard operators
        self.external: list[str] = []

    def graph(self, data: memoryview, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise ValueError("graphs within graphs")
        for field, value in read_fields(data):
            if not isinstance(value, memoryview):
                continue
            if field == 1:
                self._node(value, depth)
            elif field == 5:
                self._tensor(value)
            elif field == 15:
                for _, part in read_fields(value):
                    if isinstance(part, memoryview):
                        self._tensor(part)

    def function(self, data: memoryview) -> None:
        for field, value in read_fields(data):
            if field == 7 and isinstance(value, memoryview):
                self._node(value, 0)
            elif field == 10:
                self.functions.add(read_text(value))

    def _node(self, data: memoryview, depth: int) -> None:
        self.nodes += 1
        domain = ""
        for field, value in read_fields(data):
            if field == 7:
                domain = read_text(value)
            elif field == 5 and isinstance(value, memoryview):
                for kind, part in read_fields(value):
                    if kind in (6, 11) and isinstance(part, memoryview):
                        self.graph(part, depth + 1)
                    elif kind in (5, 10) and isinstance(part, memoryview):
                        self._tensor(part)
        self.domains.add(domain)

    def _tensor(self, data: memoryview) -> None:
        for field, value in read_fields(data):
            if field == 13 and isinstance(value, memoryview):
                pair = dict(read_fields(value))
                if read_text(pair.get(1, b"")) == "location":
                    self.external.append(read_text(pair.get(2, b"")))


def _external(path: Path, name: str) -> Path:
    """The file that `path` names as `name`, which must be in the same folder or below."""
    plain = PurePosixPath(name), PureWindowsPath(name)
    inside = path.parent.resolve()
    if not name or any(one.is_absolute() or one.drive or ".." in one.parts for one in plain):
        raise ModelError(f"{path} names the file {name!r}, which is outside its own folder: not read")
    found = path.parent / name
    if not found.resolve().is_relative_to(inside):
        raise ModelError(f"{path} names the file {name!r}, a link out of its own folder: not read")
    if not found.is_file():
        raise ModelError(f"{path} names the file {name!r}, which is not beside it: put it there")
    return found


def _mapped(path: Path) -> memoryview:
    try:
        if not path.is_file():
            raise NotFound(f"no model file {path}")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ModelError(f"{path} has {size / 1e9:.1f} GB, more than {MOST_BYTES / 1e9:.1f}: not run")
        if size == 0:
            raise ModelError(f"{path} is empty")
        return np.memmap(path, np.uint8, "r").data.cast("B")
    except OSError as error:
        if isinstance(error, NotFound):
            raise
        raise ModelError(f"{path} cannot be read ({error.strerror or error})") from error


def _metadata(path: Path, data: memoryview) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        for field, value in read_fields(data):
            if field == 14 and isinstance(value, memoryview):
                pair = dict(read_fields(value))
                found[read_text(pair.get(1, b""))] = read_text(pair.get(2, b""))
    except (ValueError, IndexError):
        raise _no_model(path) from None
    return found


def _no_model(path: Path) -> ModelError:
    known = other_format(path)
    if not known and (missing := _missing(path)):
        known = f"cut off, {missing:,} bytes before its end or more: download it again"
    return ModelError(f"{path} is {known}" if known else f"{path} is damaged or no ONNX model")


def _missing(path: Path) -> int:
    """How many bytes an ONNX model lacks of the field in which it ends; 0 for what is not cut off, or is none."""
    data = np.memmap(path, np.uint8, "r").data.cast("B")
    if len(data) < 2 or data[0] != _VERSION_KEY or not 0 < data[1] <= _MOST_VERSION:
        return 0
    try:
        for field, _ in read_fields(data):
            if field > _LAST_FIELD:
                return 0
    except CutOff as error:
        return error.missing
    except (ValueError, IndexError):
        return 0
    return 0
