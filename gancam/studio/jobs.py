"""A queue of files to process: each is the command line's own job, in a process of its own."""

import json
import logging
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import psutil

from gancam.errors import MALFORMED, GancamError, InputError, NotFound
from gancam.files import make_folder, replace_file
from gancam.media.messages import cause
from gancam.studio.following import FollowPlan, Stopped

log = logging.getLogger(__name__)
State: TypeAlias = Literal["waiting", "running", "paused", "done", "failed"]
_NICE = 5  # what is shown live goes first
_PATIENCE = 20.0  # seconds that a process may take to finish what it began; then it is killed


@dataclass
class Job:
    """One file to be made.

    Attributes:
        number: Its name among the jobs.
        source: The path of the file to read.
        options: Of ``gancam process``.
        frames: How many frames there will be, about.
        state: What becomes of it.
        frame: How many frames are made.
        eta: Seconds that it will still take, about; None where that is not known.
        target: The path of the file that is made, once its name is known.
        error: Why it failed.
        notes: What the user should know.
        seconds: How long it took, since it went on last.
        plan: The path of what is to be followed in it first; empty where nothing is.
        trial: Whether it is a part, to see what will become of the whole: it goes before all that is none.
        doing: What it does before frames are made.
    """

    number: str
    source: str
    options: list[str]
    frames: int
    state: State = "waiting"
    frame: int = 0
    eta: float | None = None
    target: str = ""
    error: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    plan: str = ""
    trial: bool = False
    doing: str = ""

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Read what was kept. Raises ``InputError`` for anything else."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            later = {"plan": "", "trial": False, "doing": ""}  # which those of older studios lack
            job = cls(**{one.name: {**later, **found}[one.name] for one in fields(cls)})
        except (OSError, *MALFORMED) as error:
            raise InputError(f"{path}: not a job") from error
        texts = (job.source, job.target, job.error, job.number, job.plan, job.doing)
        lists = isinstance(job.options, list) and isinstance(job.notes, list)
        if not lists or not all(isinstance(text, str) for text in (*texts, *job.options, *job.notes)):
            raise InputError(f"{path}: not a job")
        if job.number != path.stem or not re.match(r"\d+-", job.number) or job.state not in get_args(State):
            raise InputError(f"{path}: not a job")
        return job

    def moment(self, option: str) -> Fraction | None:
        """Give the seconds that a job's ``--from`` or ``--to`` names; None where it has no such option."""
        values = dict(zip(self.options, self.options[1:], strict=False))
        return Fraction(values[option].removesuffix("s")) if option in values else None


class JobQueue:
    """Processes files one after the other, until `close`.

    Each job is ``gancam process`` with its manifest and pieces: one that is paused, or whose process or machine dies,
    goes on where it was.

    Args:
        folder: Where jobs are kept, and below which files are made, in a folder for each.
        results: The folder of what is made.
    """

    def __init__(self, folder: Path, results: Path) -> None:
        self._folder, self._results = folder, results
        make_folder(folder, parents=True)
        self._lock = threading.RLock()
        self._ended = threading.Condition(self._lock)  # told when `_running` runs no more
        self._jobs: dict[str, Job] = {}
        self._process: subprocess.Popen[str] | None = None
        self._running: Job | None = None
        self._over = False
        self._thread: threading.Thread | None = None
        for path in sorted(folder.glob("*.json")):
            with suppress(InputError):
                job = Job.read(path)
                job.state = "paused" if job.state in ("running", "waiting") else job.state
                self._jobs[job.number] = job

    def jobs(self) -> list[Job]:
        """List all jobs, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def job(self, number: str) -> Job:
        """Find a job. Raises ``NotFound``."""
        if number not in self._jobs:
            raise NotFound(f"no job {number[:40]!r}")
        return self._jobs[number]

    def add(
        self, source: Path, options: Sequence[str], frames: int, *, plan: FollowPlan | None = None, trial: bool = False
    ) -> Job:
        """Put a file at the end of the queue.

        Args:
            source: The file to read.
            options: Of ``gancam process``.
            frames: How many frames there will be, about.
            plan: What is to be followed in it first.
            trial: Whether it goes before all others, of which the one that runs waits meanwhile.
        """
        with self._lock:
            number = f"{max([int(name.partition('-')[0]) for name in self._jobs], default=0) + 1:04d}"
            job = Job(f"{number}-{secrets.token_hex(3)}", str(source), list(options), frames)
            job.plan, job.trial = "" if plan is None else str(plan.path), trial
            self._jobs[job.number] = job
            self._keep(job)
            if trial and self._running is not None and not self._running.trial:
                self._stop(self._running, "waiting")
            self._begin()
        return job

    def pause(self, number: str) -> None:
        """Stop a job, which keeps what it made. Raises ``NotFound``."""
        with self._lock:
            self._stop(self.job(number), "paused")

    def resume(self, number: str) -> None:
        """Have a job go on, or try again. Raises ``NotFound``."""
        with self._lock:
            job = self.job(number)
            if job.state in ("paused", "failed"):
                job.state, job.error = "waiting", ""
                self._keep(job)
                self._begin()

    def remove(self, number: str) -> None:
        """Forget a job, with its plan if no other has it, and what it made unless it is done. Raises ``NotFound``.

        One that runs is stopped first, which takes as long as what it began, up to about 20 s.
        """
        with self._lock:
            job = self.job(number)
            self._stop(job, "paused")
            del self._jobs[number]  # before anything is waited for: so nobody resumes it, and nothing keeps it again
            (self._folder / f"{number}.json").unlink(missing_ok=True)
            self._ended.wait_for(lambda: self._running is not job, 2 * _PATIENCE)
            if job.plan and all(other.plan != job.plan for other in self._jobs.values()):
                FollowPlan(Path(job.plan)).delete()
        if job.state != "done" or job.trial:
            shutil.rmtree(self._out(job), ignore_errors=True)

    def close(self) -> None:
        """Pause what runs, and wait until it has stopped."""
        with self._lock:
            self._over = True
            thread = self._thread
            if self._running is not None:
                self._stop(self._running, "paused")
        if thread is not None:
            thread.join()

    def _out(self, job: Job) -> Path:
        return self._results / (f".{job.number}" if job.trial else job.number)  # of which no list tells

    def _keep(self, job: Job) -> None:
        if self._jobs.get(job.number) is job:  # not one that was removed: it would be there again at the next start
            with suppress(OSError):  # a full disk: the job itself will tell
                replace_file(self._folder / f"{job.number}.json", json.dumps(asdict(job)).encode())

    def _stop(self, job: Job, state: State) -> None:
        if job.state in ("waiting", "running"):
            job.state, job.eta = state, None
            self._keep(job)
        if job is self._running and self._process is not None:
            self._process.terminate()
            patience = threading.Timer(_PATIENCE, _kill, [self._process])
            patience.daemon = True
            patience.start()

    def _begin(self) -> None:
        if self._thread is None and not self._over:
            thread = threading.Thread(target=self._work, name="gancam-studio-jobs", daemon=True)
            thread.start()  # which may fail: then the next that is added tries again
            self._thread = thread

    # The hidden thread, from here on; it ends when nothing waits.

    def _work(self) -> None:
        while True:
            with self._lock:
                waiting = [job for job in self._jobs.values() if job.state == "waiting"]
                job = min(waiting, key=lambda one: not one.trial, default=None)
                if job is None or self._over:
                    self._thread = None
                    return
                job.state, self._running = "running", job
            try:
                self._run(job)
            except GancamError as error:
                self._fail(job, str(error))
            except Exception as unexpected:  # those that wait behind it are not to wait for ever
                log.exception("studio: a fault of gancam's own")
                self._fail(job, f"a fault of gancam's own: {unexpected!r}")
            with self._lock:
                self._running = self._process = None
                self._keep(job)
                self._ended.notify_all()

    def _run(self, job: Job) -> None:
        if job.plan:
            self._look(job, FollowPlan(Path(job.plan)))
        with self._lock:
            if job.state != "running":  # it was paused, or removed, meanwhile
                return
            process = self._process = self._open(job)
        try:
            self._follow(job, process)
        finally:
            _kill(process)

    def _look(self, job: Job, plan: FollowPlan) -> None:
        """Follow what was drawn through the video, before its frames are made. Raises ``GancamError``."""

        def goes_on(share: float) -> bool:
            job.doing = f"following what was drawn, {round(100 * share)} %"
            return job.state == "running" and not self._over

        try:
            notes = plan.carry_out(goes_on)
            with self._lock:
                job.options = [plan.adapted(option) for option in job.options]
                job.notes += [note for note in notes if note not in job.notes]
                self._keep(job)
        except Stopped:
            return
        finally:
            job.doing = ""

    def _fail(self, job: Job, error: str) -> None:
        """Note the end of a job that is neither done nor paused."""
        with self._lock:
            job.eta = None
            if job.state == "running":
                job.state, job.error = "failed", job.error or error

    def _open(self, job: Job) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gancam", "process", job.source, f"{self._out(job)}/", "--json", *job.options]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                encoding="utf-8", errors="replace", start_new_session=True,
                env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )  # fmt: skip
        except (OSError, ValueError) as error:  # no memory or descriptors; an option that is no text of the system's
            raise GancamError(f"its process cannot be started ({cause(error)}); go on once that is mended") from error
        with suppress(psutil.Error, OSError, AttributeError):
            psutil.Process(process.pid).nice(_NICE if sys.platform != "win32" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return process

    def _follow(self, job: Job, process: subprocess.Popen[str]) -> None:
        said = deque[str](maxlen=1)  # the last line
        assert process.stdout is not None
        assert process.stderr is not None
        errors = process.stderr
        reader = threading.Thread(target=lambda: said.extend(errors), name="gancam-studio-errors", daemon=True)
        reader.start()
        for line in process.stdout:
            with suppress(ValueError):
                self._hear(job, json.loads(line))
        process.wait()
        reader.join()
        process.stdout.close()
        errors.close()
        last = said[-1].strip() if said else _ended(process.returncode)
        self._fail(job, last.removeprefix("gancam: "))

    def _hear(self, job: Job, event: Mapping[str, object]) -> None:
        """Take note of an event that ``gancam process --json`` writes."""
        with self._lock:
            match event:
                case {"event": "file", "output": str(target)}:
                    job.target = target
                case {"event": "progress", "frame": int(frame)}:
                    eta = event.get("eta")
                    job.frame, job.eta = frame, float(eta) if isinstance(eta, int | float) else None
                case {"event": "note", "note": str(note)}:
                    job.notes = [*(one for one in job.notes[-9:] if one != note), note]
                case {"event": "failed", "error": str(error)}:
                    job.error = error
                case {
                    "event": "summary",
                    "made": int(made),
                    "done": int(done),
                    "seconds": int(seconds) | float(seconds),
                } if (
                    made + done  # neither where it was interrupted
                ):
                    job.state, job.seconds, job.frame = "done", float(seconds), max(job.frame, 1)
                    if not job.target:  # an earlier process made it
                        job.target = next((str(path) for path in self._out(job).glob("[!.]*")), "")


def _ended(code: int) -> str:
    """Say what became of a process that said nothing."""
    if code >= 0:
        return f"it ended with {code}"
    name = next((one.name for one in signal.Signals if one == -code), f"signal {-code}")
    return f"the system ended it ({name}), as it does where memory runs out; --resume continues"


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process that still runs, and those that it started, which may hold its pipes open."""
    if process.poll() is None:
        with suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    child.kill()
        process.kill()
