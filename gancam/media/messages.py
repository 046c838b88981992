"""Messages of FFmpeg and the system for people: on one line, and without the secrets of URLs."""

import errno
import re


def cause(error: BaseException) -> str:
    """Return FFmpeg's, OpenCV's or the system's own words for `error`, on one line and without the path."""
    words = str(getattr(error, "strerror", None) or getattr(error, "err", None) or error).strip()
    return words.splitlines()[0][:120] if words else type(error).__name__


INDEX_MISSING = (
    "its index (moov), which is written last, is missing, so the recording or copy was cut off: copy it again, or let "
    "a tool such as untrunc make one after that of a whole file of the same camera"
)


def no_video(error: BaseException) -> str:
    """Say why a file could not be opened as a video: for what it is, or for a limit of the system, not its fault."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return (
            "cannot be opened, as more files are open than the system allows at once (ulimit -n): close what is no "
            "longer needed (release(), close()), or allow more"
        )
    return f"not a video, or damaged ({cause(error)})"


def without_secrets(url: str) -> str:
    """Return `url` without user name, password, query and fragment.

    >>> without_secrets("rtsp://me:se@cret@10.0.0.7:554/door?token=1")
    'rtsp://10.0.0.7:554/door'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    rest = rest.rpartition("@")[2]  # the last @: passwords may hold one, and so hide more rather than less
    return f"{scheme}://{re.split('[?#]', rest, maxsplit=1)[0]}"
