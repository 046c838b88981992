"""Live video to a URL: MPEG-TS over UDP, TCP or SRT, RTMP, RTSP, as H.264 that waits for nothing."""

import json
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from gancam.errors import GancamError, InputError, SinkError, did_you_mean
from gancam.frame import Frame
from gancam.media.live_sound import RATE, heard
from gancam.media.messages import cause, without_secrets
from gancam.sinks._canvas import Canvas
from gancam.sinks._sender import SOUND, SenderTask
from gancam.sinks._settings import VideoOptions
from gancam.sinks._sound import SteadySound
from gancam.sinks.contract import Sink, SinkContext
from gancam.units import counted, rate_of

FORMATS = {  # a URL's scheme -> FFmpeg's container
    "udp": "mpegts", "tcp": "mpegts", "srt": "mpegts", "rtp": "rtp_mpegts",
    "rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp",
}  # fmt: skip
_OPTIONS = {
    "mpegts": {"mpegts_flags": "resend_headers"},
    "flv": {"flvflags": "no_duration_filesize"},
    "rtsp": {"rtsp_transport": "tcp"},
}
_QUERY = {
    "udp": ("pkt_size", "1316"),  # whole packets of MPEG-TS, which many receivers insist on
    "tcp": ("send_buffer_size", "131072"),  # little waits in the system: what waits gets old
}
_BITS_A_PIXEL = 0.2  # at most
_TICKS = 90_000  # a second
_AHEAD = 2  # pictures that may wait; of more, the oldest are dropped
_CLOSING = 0.5  # seconds that close() gives it to take the rest
_CHILD = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"
)


def open(url: str, context: SinkContext) -> "StreamWriter":
    """Open a URL to send to."""
    with heard(context.sound) as tap:
        return StreamWriter(url, VideoOptions.of(context, tap))


def check(url: str, *, overwrite: bool) -> None:
    """Find nothing wrong: what is known of a URL is known when it is opened."""


class StreamWriter(Sink):
    """Sends frames to a URL: udp://, tcp://, srt:// and rtp:// as MPEG-TS, rtmp(s):// as FLV, rtsp(s)://.

    The encoder looks at no later frame (x264's zerolatency), and gives a key frame every second, so that a receiver who
    comes late waits no longer than that. Seen over UDP on loopback, 640x360 at 30 fps on a busy machine: 76 ms (95 %:
    83) from capture until gancam's own ``Stream`` has the picture, of which a frame's time is the receiver's parser.

    ``write`` never waits: it hands the frame to a hidden thread and drops the oldest of those that still wait, which
    ``dropped`` counts. Encoder and network are in a process of their own, since FFmpeg's network calls can only be
    ended, not interrupted. ``close`` lets the receiver take the rest for half a second, then ends it.

    User name, password, query and RTMP's stream key are never in a message, and not in the list of processes.

    Args:
        url: Where to.
        options: As those of a ``VideoWriter``: rate, size, quality, the source's properties and the sound count. The
            quality is 60 by default: the bit rate follows the picture, up to a fifth of a bit a pixel.
        patience: Seconds that the receiver may take to accept, and later may take nothing, before that is an error.

    Raises:
        InputError: A value makes no sense.
        SinkError: The scheme is unknown, or there is no answer (UDP needs none); what goes wrong later is raised by the
            next ``write`` or by ``close``.
    """

    action = "sending"

    def __init__(self, url: str, options: VideoOptions, *, patience: float = 10.0) -> None:
        scheme, fps = url.partition("://")[0].lower(), options.fps
        quality = 60.0 if options.quality is None else float(options.quality)
        if scheme not in FORMATS:
            raise SinkError(
                f"{without_secrets(url)}: nothing can be sent to {scheme}://{did_you_mean(scheme, FORMATS)}"
            )
        if not 0 < fps <= 1000:
            raise InputError(f"fps is {fps}: needs more than 0 and at most 1000")
        if not 0 <= quality <= 100:
            raise InputError(f"quality is {quality}: needs 0 to 100")
        if not patience > 0:
            raise InputError(f"patience is {patience}: needs more than 0 seconds")
        self._name = _spoken(url)
        self._canvas = Canvas(options.size, self._name, options.source_info)
        self._patience = patience
        self._sound = None if options.sound is None else SteadySound(options.sound)
        self._notes: list[str] = [self._canvas.note] if self._canvas.note else []
        self._change = threading.Condition()
        self._waiting: deque[Frame] = deque()
        self._dropped = 0
        self._handing_since: float | None = None  # when the thread began to hand over the picture it has
        self._ended = False
        self._error: GancamError | None = None
        self._told = False
        self._worker_seconds = 0.0
        self._connected = threading.Event()  # or never will be
        self._gone = threading.Event()  # up to Python 3.12, a join that Ctrl-C ended takes the thread for gone
        command = [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(Path(__file__).with_name("_sender.py"))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
        )
        task = self._task(url, scheme, fps, quality)
        self._thread = threading.Thread(target=self._work, args=(task,), name="gancam-send", daemon=True)
        self._thread.start()
        try:
            if not self._connected.wait(patience):
                raise SinkError(f"{self._name}: no answer within {patience:g} s")
            self._raise_error()
        except BaseException:
            self.close(interrupted=True)
            raise

    def _task(self, url: str, scheme: str, fps: float, quality: float) -> SenderTask:
        """What the sender is told."""
        option, value = _QUERY.get(scheme, ("", ""))
        if option and f"{option}=" not in url:
            url += f"{'&' if '?' in url else '?'}{option}={value}"
        form = FORMATS[scheme]
        bits = max(round(_BITS_A_PIXEL * self._canvas.even[0] * self._canvas.even[1] * fps), 300_000)
        return {
            "url": url,
            "format": form,
            "options": _OPTIONS.get(form, {}),
            "rate": str(rate_of(fps)),
            "ticks": _TICKS,
            "sound": 0 if self._sound is None else RATE,
            "picture": self._canvas.format(),
            "aspect": str(self._canvas.aspect),
            "encoder": {
                "preset": "superfast", "tune": "zerolatency", "g": str(max(round(fps), 1)),
                "crf": f"{48 - 0.4 * quality:g}", "maxrate": str(bits), "bufsize": str(bits // 4),
            },
        }  # fmt: skip

    @property
    def worker_seconds(self) -> float:
        """How many seconds the sender has worked; known after ``close``."""
        return self._worker_seconds

    @property
    def dropped(self) -> int:
        """Frames that were not sent because encoder or receiver were too slow."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Frames that wait to be sent."""
        return len(self._waiting)

    def write(self, frame: Frame) -> None:
        """Queue `frame` to be sent, in place of the oldest that still waits where there are too many."""
        if self._closed:
            raise SinkError(f"{self._name}: already closed")
        self._raise_error()
        self._canvas.check(frame)
        with self._change:
            if len(self._waiting) == _AHEAD:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(frame)
            self._change.notify_all()
            since = self._handing_since
        if since is not None and time.monotonic() - since > self._patience:
            raise SinkError(f"{self._name}: the receiver has taken nothing for {self._patience:g} s")

    def close(self, *, interrupted: bool = False) -> None:
        """Let the receiver take the rest for half a second, then end the sending process."""
        if self._closed:
            return
        try:
            with self._change:
                self._closed = True
                self._change.notify_all()
            if self._sound is not None:
                self._sound.close()
            self._gone.wait(0 if interrupted and not self._connected.is_set() else _CLOSING)
        finally:  # also when Ctrl-C comes meanwhile
            self._ended = not self._gone.is_set()
            self._process.kill()  # whatever it waits for: this ends it, and so the thread
            self._gone.wait()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        if self._dropped:
            self._notes.append(
                f"{self._name}: {counted(self._dropped, 'frame')} not sent, encoder or receiver were too slow"
            )
        if not self._told:
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            self._told = True
            raise self._error

    # The hidden thread, from here on. It alone talks with the sender.

    def _work(self, task: SenderTask) -> None:
        try:
            self._send(task)
        except GancamError as error:  # raised by the next write or by close, whatever it is
            self._error = error
        except Exception as error:
            self._error = SinkError(f"{self._name}: {cause(error)}")
            self._error.__cause__ = error
        finally:
            self._connected.set()
            self._gone.set()

    def _send(self, task: SenderTask) -> None:
        sender, answers = self._process.stdin, self._process.stdout
        assert sender is not None
        assert answers is not None
        said: dict[str, Any] = {}
        with suppress(OSError):  # the sender is gone: its last words say why
            sender.write(json.dumps(task).encode() + b"\n")
            sender.flush()
            said = _answer(answers)
            if "connected" in said:
                self._connected.set()
                while (frame := self._next()) is not None:
                    self._hand_over(frame, sender)
                sender.close()
        what = "the receiver is gone" if "connected" in said else "cannot be reached"
        said = said if "error" in said else _answer(answers)
        self._worker_seconds = float(said.get("busy", 0))
        reason = said.get("error", "its process ended without a word")
        if reason and not self._ended:
            if reason == "Protocol not found":
                reason = f"this build of PyAV knows no {self._name.partition(':')[0]}"
            self._error = SinkError(f"{self._name}: {what} ({reason})")
        self._connected.set()

    def _next(self) -> Frame | None:
        """Wait for a frame; None when there are no more."""
        with self._change:
            self._handing_since = None
            self._change.wait_for(lambda: self._waiting or self._closed)
            self._handing_since = time.monotonic()
            return self._waiting.popleft() if self._waiting else None

    def _hand_over(self, frame: Frame, sender: IO[bytes]) -> None:
        self._hand_over_sound(frame.time, sender)
        tick = round(frame.time * _TICKS)
        picture = self._canvas.picture(frame, tick, Fraction(1, _TICKS))
        sender.write(tick.to_bytes(8, "little", signed=True))
        for plane in picture.planes:
            sender.write(memoryview(plane))
        sender.flush()

    def _hand_over_sound(self, until: float, sender: IO[bytes]) -> None:
        if self._sound is not None and len(samples := self._sound.until(until)):
            sender.write(SOUND.to_bytes(8, "little", signed=True) + len(samples).to_bytes(8, "little"))
            sender.write(samples.astype("<i2").tobytes())


def _answer(answers: IO[bytes]) -> dict[str, Any]:
    """The sender's next line; empty when it ended without one."""
    try:
        said = json.loads(answers.readline())
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _spoken(url: str) -> str:
    """`url` for messages: without user name, password and query, and without RTMP's last part, which is a key."""
    name = without_secrets(url)
    place, _, key = name.rpartition("/")
    return f"{place}/..." if name.startswith("rtmp") and key and name.count("/") > 3 else name
