"""Files that appear whole or not at all, and never in place of something of the user's.

What is made is written beside its name, hidden, and renamed when all of it is there: who is killed, or meets a full
disk, leaves what was there before. A rename replaces only where that was asked for. Where a symbolic link leads is what
is replaced, and the link stays, as FFmpeg, ImageMagick and git have it. Bytes that are too many for the memory are kept
in a temporary file.
"""

import errno
import os
import secrets
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from unicodedata import category, normalize

from gancam.errors import InputError, NotFound, OutputExists, SinkError, shown

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be replaced anyway
    fcntl = None  # type: ignore[assignment]

_IN_MEMORY = 64 << 20  # bytes up to which a `Spool` has no file
AnyPath = str | os.PathLike[str]
REPLACING = "give another name, or --overwrite (in Python overwrite=True)"  # what would do for a file that is there
_LONGEST = 255  # bytes of a file's name
_JOINERS = "\u200c\u200d"  # within words of Persian and Indic scripts, and emoji of several
_CLEAN = 200  # bytes of a clean name: what is made of a file adds to its name
_SHOWN = 160  # characters of a path in a message
_OF_PATHS = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EROFS)
_RESERVED = {  # names of Windows' devices, with any ending: learn.microsoft.com/windows/win32/fileio/naming-a-file
    "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
    *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"),
}  # fmt: skip
_locked: dict[int, tuple[int, int]] = {}  # what this process holds: device and inode, by descriptor


CACHE_VARIABLE = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"  # names the folder of caches


def cache_folder() -> Path:
    """Name gancam's folder in the user's cache folder; what is in it can be made again.

    Raises:
        NotFound: this user has no home folder, as in a container that is run as a user without a name.
    """
    named = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    if named and Path(named).is_absolute():
        return Path(named) / "gancam"
    return home("XDG_CACHE_HOME") / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "gancam"


def home(instead: str) -> Path:
    """Name the user's home folder.

    Args:
        instead: the environment variable that names a folder where there is none, for the message.

    Raises:
        NotFound: there is none: HOME is not set, and the system does not know this user.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise NotFound(f"this user has no home folder; set {instead} to a folder that can be written") from None


def check_path(value: object, what: str) -> None:
    """Raise ``InputError`` for a `value` that is no path; the message calls it `what`."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{what} {shown(value)} is {type(value).__name__}: needs a file's path")


def wrong_path(error: BaseException) -> str | None:
    """Say what is wrong with the path that the system would not take, or not let this user use; None for all else.

    Wherever a name is looked for, one of 300 letters is an ``OSError`` rather than not there.
    """
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "a path has a character of number 0, which none can have"
    if not isinstance(error, OSError) or error.filename is None or error.errno not in _OF_PATHS:
        return None
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else str(error.filename)
    cure = "; give a shorter name" if error.errno == errno.ENAMETOOLONG else ""
    return f"{name if len(name) <= _SHOWN else f'{name[:_SHOWN]}...'}: {error.strerror}{cure}"


def is_film(data: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is a video, or an animation."""
    ebml, kinds = b"\x1aE\xdf\xa3", (b"GIF8", b"OggS", b"FLV\x01")
    return data[4:8] in (b"ftyp", b"moov") or data.startswith((ebml, *kinds)) or data[8:12] == b"AVI "


def hidden_name(path: Path, ending: str) -> str:
    """Return a hidden name for what is made on the way to `path`, no longer than file systems allow.

    Args:
        path: the file to be; its stem is the stem of the name.
        ending: the end of the name, as ``.partial.mp4``.
    """
    name = f".{path.stem}{ending}"
    if len(os.fsencode(name)) > _LONGEST:
        name = f".{path.stem[:40]}-{zlib.crc32(os.fsencode(path.name)):08x}{ending}"
    return name


def is_reserved(name: str) -> bool:
    """Tell whether Windows takes `name` for that of a device: ``nul``, ``CON.mp4``. No file has it there."""
    return name.partition(".")[0].strip().upper() in _RESERVED


def cut_name(name: str, most: int) -> str:
    """Cut `name` to at most `most` bytes, as file systems count, from its front, so that its ending stays."""
    data = os.fsencode(name)
    return name if len(data) <= most else data[-most:].decode(sys.getfilesystemencoding(), "ignore")


def folded(name: str) -> str:
    """Write `name` as disks compare it that take upper and lower case, and accents in whatever form, for the same."""
    return normalize("NFC", name.casefold())


def clean_name(text: str) -> str:
    """Make of any `text` the name of one file or folder, which every system takes; empty where nothing is left of it.

    Of ASCII all but letters, digits and ``.,()+ -`` becomes ``_``, what separates folders too; of the rest what is no
    character, or is not seen and may deceive, as one that turns the direction of writing. Dots and spaces at the ends
    go, the name of a device of Windows gets a ``_`` in front, and of a long text the end stays, 200 bytes at most.
    """
    name = "".join(one if _is_plain(one) else "_" for one in text).strip(" .")
    name = cut_name(name[-120:], _CLEAN).lstrip(" .")
    return f"_{name}" if is_reserved(name) else name


def _is_plain(one: str) -> bool:
    """Whether a character may stand in a `clean_name`: accents of their own and emoji, which are several, do."""
    if one.isascii():
        return one.isalnum() or one in "_.,()+ -"
    return one in _JOINERS or category(one)[0] not in "CZ" or category(one) == "Zs"


def distinct_names(texts: Iterable[str]) -> list[str]:
    """Make a `clean_name` of each text, of which no disk takes two for one: the later gets a number, as ``top-2``."""
    made: list[str] = []
    taken: set[str] = set()
    for text in texts:
        name = plain = clean_name(text) or "_"
        number = 2
        while folded(name) in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(folded(name))
        made.append(name)
    return made


def destination(path: Path) -> Path:
    """Return the file that is written under the name `path`: where a symbolic link leads, or `path` itself."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path.absolute()


def hidden_path(path: Path, ending: str) -> Path:
    """Return where what becomes `path` is made: beside its `destination`, on the same disk, under a `hidden_name`."""
    place = destination(path)
    return place.parent / hidden_name(place, ending)


def partial_path(path: Path) -> Path:
    """Return where a file is written until it is whole: hidden, beside its `destination`, with the ending of `path`."""
    return hidden_path(path, f".partial{path.suffix}")


def refuse_existing(path: AnyPath, *, overwrite: bool) -> None:
    """Raise ``OutputExists`` where `path` names something, also a broken link, that may not be replaced."""
    if not overwrite and os.path.lexists(path):
        raise OutputExists(f"{path}: exists; {REPLACING}")


def same_file(one: AnyPath, other: AnyPath) -> bool:
    """Tell whether two names are those of one file, also of one that is not there yet."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def refuse_source(path: Path, source: AnyPath | None) -> None:
    """Raise ``SinkError`` where `path`, or its name while it is being written, is the file `source`; None: no file."""
    if source is not None and any(same_file(mine, source) for mine in (path, partial_path(path))):
        raise SinkError(f"{path}: the output is the same file as the input ({source}); give it another name")


def check_target(path: Path, *, overwrite: bool, sources: Iterable[AnyPath | None] = ()) -> None:
    """Find what would keep a file from being written to `path`, while there is nothing to write yet.

    Args:
        path: the file to be.
        overwrite: whether an older file may be replaced.
        sources: the files that it is made from, which are never replaced, under any name; None is no file.

    Raises:
        SinkError: `path` has no folder, or one that takes no files; is a folder, a device, one of `sources`, or no
            name.
        OutputExists: it exists, and `overwrite` is false.
    """
    folder = destination(path).parent
    if not folder.is_dir():
        raise SinkError(f"{path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise SinkError(f"{path}: cannot be written in {folder} ({os.strerror(errno.EACCES)})")
    for source in sources:
        refuse_source(path, source)
    try:
        path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:  # a name too long, say
        raise SinkError(f"{path}: cannot be written ({_cause(error)})") from error
    if path.is_dir():
        raise SinkError(f"{path}: is a folder")
    refuse_existing(path, overwrite=overwrite)
    try:
        _replaceable(path)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({_cause(error)})") from error


def write_file(path: Path, data: bytes | Iterable[bytes], *, overwrite: bool) -> None:
    """Write a whole file for the user, or leave everything as it was.

    Args:
        path: the file to be.
        data: all that is in it, whole or in pieces.
        overwrite: whether `path` may exist.

    Raises:
        OutputExists: `path` exists, or has come to exist meanwhile, and `overwrite` is false.
        SinkError: it cannot be written.
    """
    refuse_existing(path, overwrite=overwrite)
    try:
        _write(partial_path(path), path, data, overwrite=overwrite, durable=False)
    except FileExistsError as error:
        raise OutputExists(f"{path}: exists; {REPLACING}") from error
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({_cause(error)})") from error


def replace_file(path: Path, data: bytes, *, durable: bool = False, shared: bool = False) -> None:
    """Write a whole file of the program's own, in place of an older one.

    Args:
        path: the file to be.
        data: all that is in it.
        durable: wait until the disk has it, so that it outlives a crash of the machine.
        shared: other processes may write the same file now; the last to finish wins, and none sees half of one.

    Raises:
        OSError: it cannot be written; what was there before is.
    """
    ending = f"{path.suffix}.{secrets.token_hex(8)}" if shared else path.suffix
    partial = hidden_path(path, f"{ending}.partial")  # none that looks for `path.suffix` finds it
    _write(partial, path, data, overwrite=True, durable=durable)


def _write(partial: Path, path: Path, data: bytes | Iterable[bytes], *, overwrite: bool, durable: bool) -> None:
    try:
        with partial.open("wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
        if durable:
            sync_file(partial)
        give_name(partial, path, overwrite=overwrite)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Wait until the disk has the file `path`: else a rename may outlive a crash of the machine that its data does not.

    Raises:
        OSError: the disk does not take it.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def give_name(partial: Path, path: Path, *, overwrite: bool) -> None:
    """Rename the finished file `partial` to `path`, or with `overwrite` to its `destination`.

    Without `overwrite` nothing is ever replaced, also not what appeared a moment ago: a hard link fails where a rename
    would overwrite, but for Windows, whose rename does not. Where the file system has no such links, it is looked for
    first.

    Raises:
        FileExistsError: `path` exists, and `overwrite` is false.
        OSError: it cannot have this name. `partial` is still there in both cases.
    """
    if overwrite:
        os.replace(partial, _replaceable(path))
        return
    if sys.platform == "win32":  # where a file in use could have two names, and keep both
        os.rename(partial, path)
        return
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(partial, path)
    else:
        try:
            partial.unlink()
        except OSError:
            path.unlink()
            raise


def _replaceable(path: Path) -> Path:
    """Return the `destination` of `path`. Raises ``OSError`` for links in a circle, devices and pipes."""
    place = destination(path)
    with suppress(FileNotFoundError):
        mode = place.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise OSError(errno.EINVAL, "it is a device or a pipe, no file", os.fspath(path))
    return place


def lock_file(path: Path, target: Path) -> int | None:
    """Create the file `path` and hold it against other processes until `unlock_file`.

    One that a crash left behind is taken.

    Args:
        path: the file that is locked: what is being written, or a file for the purpose.
        target: the output that it belongs to, for messages.

    Returns:
        What `unlock_file` takes; None where the system has no such lock.

    Raises:
        SinkError: it cannot be created, or another output of this process, or another process, holds it.
    """
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise SinkError(f"{target}: cannot be written in {path.parent} ({_cause(error)})") from error
    if fcntl is None:
        os.close(held)
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file = _identity(held)
        os.close(held)
        who = "another output of this run" if file in _locked.values() else "another gancam"
        raise SinkError(f"{target}: is being written by {who} ({path.name}); give it another name") from error
    except OSError:  # a file system without locks
        os.close(held)
        return None
    _locked[held] = _identity(held)
    return held


def unlock_file(held: int | None) -> None:
    """Give back what `lock_file` returned."""
    if held is not None:
        _locked.pop(held, None)
        with suppress(OSError):
            os.close(held)


def make_folder(path: Path, *, parents: bool = False, cure: str = "") -> None:
    """Make the folder `path` where it is not there; with `parents`, those above it too.

    Raises:
        SinkError: it cannot be made, with the `cure` behind it.
    """
    try:
        path.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        after = f"; {cure}" if cure else ""
        raise SinkError(f"{path}: cannot be made a folder ({_cause(error)}){after}") from error


def _identity(held: int) -> tuple[int, int]:
    about = os.fstat(held)
    return about.st_dev, about.st_ino


def _cause(error: OSError) -> str:
    return error.strerror or str(error)


class Slot(NamedTuple):
    """Where something is kept: for `Spool.load`."""

    start: int
    length: int


class Spool:
    """A temporary file for compressed pieces of bytes; it goes with this object."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with this
        weakref.finalize(self, self._file.close)

    def store(self, data: bytes) -> Slot:
        """Keep `data`; return where."""
        packed = zlib.compress(data, 1)
        slot = Slot(self._file.seek(0, 2), len(packed))
        self._file.write(packed)
        return slot

    def load(self, slot: Slot) -> bytes:
        """Return what was stored there."""
        self._file.seek(slot.start)
        return zlib.decompress(self._file.read(slot.length))

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
