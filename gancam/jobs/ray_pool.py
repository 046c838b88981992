"""Workers of a Ray cluster on other machines."""

import hashlib
import importlib
import math
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gancam.effects import own_effect
from gancam.errors import InputError, MissingExtra, SinkError
from gancam.inference.catalog import find, menu
from gancam.inference.providers import kind_of
from gancam.inference.variants import variants
from gancam.jobs.identity import identity
from gancam.jobs.spec import EffectChainSpec
from gancam.jobs.worker import Worker, WorkItem, WorkResult

_THREADS = 2  # of a worker: beyond them small networks gain less than a second worker does
_CHUNK = 64 << 20  # bytes of a file on its way
_PATIENCE = 120.0  # seconds within which a worker must have started
_MATTERS = ("gancam", "av", "numpy", "opencv-python")  # packages whose versions pixels depend on


class RayPool:
    """Workers that are actors of a Ray cluster.

    Files that a worker does not find under their name with the same content are sent to it: the video, a model, a file
    that an effect was given. A worker that dies is replaced while its machine lives.

    Args:
        chain_spec: The effects that each of them loads.
        address: HOST:PORT of the cluster's head, or "auto" for the cluster that runs on this machine.
        workers: How many; None for one for every GPU of the cluster where the device may be one, else for every two
            cores.

    Raises:
        MissingExtra: Where Ray is not installed.
        InputError: Where no cluster answers, or an effect would write a file on a worker's machine.
        SinkError: Where no worker starts, or one has other versions of what pixels depend on.
    """

    def __init__(self, chain_spec: EffectChainSpec, address: str = "auto", workers: int | None = None) -> None:
        refuse_saving(chain_spec)
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise MissingExtra('a cluster needs Ray: pip install "gancam[cluster]"') from error
        self._mine = not self._ray.is_initialized()
        if self._mine:
            try:
                self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError) as error:
                cure = "`ray start --head` makes one, `ray start --address HOST:6379` joins it"
                raise InputError(f"--cluster {address}: no Ray cluster answers there; {cure}") from error
        self._chain_spec, self._folder = chain_spec, f"gancam-{uuid.uuid4().hex[:12]}"
        self._actors: dict[int, Any] = {}
        self._coming: dict[Any, int] = {}  # workers that start, until they answer
        self.pids: dict[int, int] = {}  # the process of each worker, on its machine
        self._nodes: dict[int, str] = {}
        self._has: dict[int, set[str]] = {}
        self._busy: dict[Any, int] = {}
        self._started = 0
        resources = self._ray.cluster_resources()
        total, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        self._cores = max(min(_THREADS, total) if workers is None else min(total // workers, _THREADS), 1)
        wanted = workers or max(total // self._cores, 1)
        if workers is None and kind_of(chain_spec.device) != "cpu" and gpus:
            wanted = min(wanted, gpus)
        self._gpu = gpu_share(chain_spec.device, gpus, wanted)
        self._class = self._ray.remote(_Remote)
        try:
            for _ in range(wanted):
                self._start()
            self.free()
        except BaseException:
            self.close()
            raise
        each = f"{self._cores} cores" + (f" and {self._gpu:g} of a GPU" if self._gpu else "")
        self.notes = [f"cluster: {wanted} workers with {each} each, on {len(self._living())} machines"]

    def _start(self) -> None:
        device = kind_of(self._chain_spec.device)  # Ray shows a worker the GPU that it got alone, as the first
        chain_spec = replace(self._chain_spec, device=device, threads=self._chain_spec.threads or self._cores)
        actor = self._class.options(num_cpus=self._cores, num_gpus=self._gpu).remote(chain_spec, self._folder)
        self._actors[self._started] = actor
        self._coming[actor.about.remote()] = self._started
        self._started += 1

    def _living(self) -> set[str]:
        return {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}

    def free(self) -> list[int]:
        """List the workers that wait for work; waits while none has started.

        Raises:
            SinkError: Where none starts, or none is left.
        """
        while self._coming:
            must = not self._busy and len(self._coming) == len(self._actors)
            ready, _ = self._ray.wait(list(self._coming), timeout=_PATIENCE if must else 0)
            if must and not ready:
                raise SinkError(
                    f"no worker of the cluster started within {_PATIENCE:.0f} s: is the cluster busy? see: ray status"
                )
            if not ready:
                break
            self._admit(ready[0])
        if not self._actors:
            raise SinkError("all workers of the cluster died; the same command with --resume continues")
        return [number for number in self._actors if number not in {*self._coming.values(), *self._busy.values()}]

    def _admit(self, ref: Any) -> None:
        number = self._coming.pop(ref)
        try:
            node, pid, versions = self._ray.get(ref)
        except self._ray.exceptions.RayError:
            self._actors.pop(number, None)
            return
        other = {name: (ours, versions.get(name)) for name, ours in _versions().items() if versions.get(name) != ours}
        if other:
            said = ", ".join(f"{name} {theirs} instead of {ours}" for name, (ours, theirs) in other.items())
            raise SinkError(
                f"a worker of the cluster has {said}, so its frames might differ: install the same versions"
            )
        self._nodes[number], self._has[number] = node, set()
        self.pids[number] = pid

    def give(self, worker: int, order: WorkItem) -> None:
        """Let a free worker make `order`, and send it the files that it lacks."""
        actor = self._actors[worker]
        try:
            for path in [order.source, order.options.params, *files_of(self._chain_spec)]:
                if path is not None and str(path) not in self._has[worker]:
                    self._send(actor, path)
                    self._has[worker].add(str(path))
        except self._ray.exceptions.RayError:
            pass  # it died, which `take` tells
        self._busy[actor.work.remote(order)] = worker

    def _send(self, actor: Any, path: Path) -> None:
        """Give a worker the file `path`, unless it has it."""
        if not path.is_file() or self._ray.get(actor.has.remote(str(path), identity(path))):
            return
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._ray.get(actor.supply.remote(str(path), chunk))

    def take(self) -> tuple[int, WorkResult | None]:
        """Wait until a worker is done, or has died (None)."""
        ref = self._ray.wait(list(self._busy), num_returns=1)[0][0]
        worker = self._busy.pop(ref)
        try:
            made: WorkResult = self._ray.get(ref)
            return worker, made
        except self._ray.exceptions.RayActorError:
            self._actors.pop(worker)
            if self._nodes.get(worker) in self._living():
                self._start()
            return worker, None
        except self._ray.exceptions.RayError as error:
            return worker, WorkResult(error=" ".join(str(error).split())[:500])

    def close(self) -> None:
        """Stop all workers, and leave the cluster where it was joined here."""
        idle = [actor for number, actor in self._actors.items() if number not in self._busy.values()]
        with suppress(self._ray.exceptions.RayError):
            self._ray.get([actor.leave.remote() for actor in idle], timeout=5)
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        if self._mine:
            self._ray.shutdown()


class _Remote:
    """A worker, on its machine."""

    def __init__(self, chain_spec: EffectChainSpec, folder: str) -> None:
        self._chain_spec = chain_spec
        self._shared = Path(tempfile.gettempdir()) / folder  # with the other workers of this machine
        self._shared.mkdir(exist_ok=True)
        self._own = Path(tempfile.mkdtemp(dir=self._shared))
        self._paths: dict[str, Path] = {}
        self._worker: Worker | None = None

    def about(self) -> tuple[str, int, dict[str, str]]:
        ray: Any = importlib.import_module("ray")
        return ray.get_runtime_context().get_node_id(), os.getpid(), _versions()

    def has(self, path: str, known: str) -> bool:
        with suppress(OSError):
            if identity(Path(path)) == known:
                self._paths.pop(path, None)
                return True
        # A folder for each that files come from, where names are kept: variants of a model stand side by side.
        came_from = os.path.dirname(os.path.normpath(path))
        folder = self._own / hashlib.sha256(os.fsencode(came_from)).hexdigest()[:16]
        folder.mkdir(exist_ok=True)
        self._paths[path] = folder / Path(path).name
        self._paths[path].unlink(missing_ok=True)
        return False

    def supply(self, path: str, chunk: bytes) -> None:
        with self._paths[path].open("ab") as file:
            file.write(chunk)

    def work(self, order: WorkItem) -> WorkResult:
        if self._worker is None:
            self._worker = Worker(moved(self._chain_spec, self._paths), self._own)
        options = order.options
        if options.params is not None:
            options = replace(options, params=self._paths.get(str(options.params), options.params))
        return self._worker(replace(order, source=self._paths.get(str(order.source), order.source), options=options))

    def leave(self) -> None:
        """Remove what this worker and all others of this machine keep on disk."""
        if self._worker is not None:
            self._worker.close()
        shutil.rmtree(self._shared, ignore_errors=True)  # also what one that was killed left there


def gpu_share(device: str, gpus: int, workers: int) -> float:
    """Say how much of a GPU each worker asks Ray for; Ray hides all GPUs from one that asks for none.

    Workers that must share one get equal parts, so that each finds its part on one GPU. Under "auto" on a cluster
    without GPUs it is none; where a GPU was asked for by name it is one all the same, which Ray then waits for.

    Args:
        device: Of the effects.
        gpus: How many the cluster has.
        workers: How many there will be.
    """
    kind = kind_of(device)
    if kind == "cpu" or (kind == "auto" and not gpus):
        return 0.0
    return 1.0 / math.ceil(workers / gpus) if gpus else 1.0


def refuse_saving(chain_spec: EffectChainSpec) -> None:
    """Refuse effects that write files of their own, left on the machine of some worker. Raises ``InputError``."""
    for spec in chain_spec.specs:
        if spec.params.get("save"):
            where = "is written where the effect runs, so not with --cluster"
            raise InputError(f"save={spec.params['save']}: {where}; --jobs 2 would do")


def files_of(chain_spec: EffectChainSpec) -> list[Path]:
    """List the files that the effects of `chain_spec` are made from.

    Those are models that are not bundled, in all precisions, and files given as parameters.
    """
    files: list[Path] = []
    for spec in chain_spec.specs:
        if spec.name not in menu() and own_effect(spec.name) is None:
            files += dict.fromkeys(variants(find(spec.name)).values())  # fp32 may stand for fp16, too
        files += [Path(value) for value in spec.params.values() if os.path.isfile(value)]
    return files


def moved(chain_spec: EffectChainSpec, paths: Mapping[str, Path]) -> EffectChainSpec:
    """Replace the files that `chain_spec` names by where they are here; `paths` has those by their old names."""
    places = {os.path.normpath(old): str(new) for old, new in paths.items()}

    def place(text: str) -> str:
        return places.get(os.path.normpath(text), text)

    specs = (
        replace(spec, name=place(spec.name), params={key: place(value) for key, value in spec.params.items()})
        for spec in chain_spec.specs
    )
    return replace(chain_spec, specs=tuple(specs))


def _versions() -> dict[str, str]:
    versions = {}
    for name in _MATTERS:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
