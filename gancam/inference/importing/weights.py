"""Weights alone (.pth, .pt, .ckpt, .safetensors), exported to ONNX.

spandrel (https://github.com/chaiNNer-org/spandrel) knows which network they are of. Nothing in such a file is ever
executed: PyTorch reads tensors and nothing else (``weights_only``), and objects of other classes become empty ones. The
packages are imported when first needed; none is used at run time.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from gancam.errors import GancamError, MissingExtra, ModelError, NotFound, first_line
from gancam.inference.importing.convention import Answers
from gancam.inference.importing.formats import other_format
from gancam.inference.importing.pictures import truth
from gancam.inference.importing.safety import MOST_BYTES, is_onnx
from gancam.inference.session import open_session

log = logging.getLogger(__name__)
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
_SIDE = 64  # pixels of the picture that a network is exported with
_FIXED = 192  # of those that can be exported for one size alone: what its tiles will be
_OPSET = 17
_WRAPPERS = (  # what published keys begin with, and entries of a checkpoint in which the weights are
    "params_ema", "model_ema", "ema_model", "g_ema", "ema", "params", "state_dict", "model_state_dict", "model",
    "module", "_orig_mod", "network", "net", "net_g", "netG", "generator", "gen", "G", "g",
)  # fmt: skip
_MOST_WRAPPERS = 4  # within one another
_COUNTER = "n_averaged"  # that PyTorch's averages of weights keep beside them
_NAMED = 3  # keys that a message names
_LEAST_PSNR = 60.0  # dB of the exported graph against the network in PyTorch


def holds_weights(path: Path) -> bool:
    """Tell whether the file `path` is one of weights, by its name, and no ONNX model of such a name."""
    return path.suffix.lower() in SUFFIXES and not is_onnx(path)


def export_weights(source: Path, target: Path) -> Answers:
    """Write the network of the weights in `source` to `target` as ONNX.

    Returns:
        What is known of it, entries of ``Convention``.

    Raises:
        NotFound: There is no such file.
        ModelError: It holds no weights, those of a network that spandrel does not know, or one that cannot be exported.
        MissingExtra: torch, spandrel or safetensors is not installed.
    """
    if not source.is_file():
        raise NotFound(f"no model file {source}")
    if other := other_format(source):
        raise ModelError(f"{source} is {other}")
    spandrel, torch = _package("spandrel"), _package("torch")  # the one first that may be missing: the other is slow
    described = _described(spandrel, _state(source, torch), source)
    masked = isinstance(described, spandrel.MaskedImageModelDescriptor)
    size = described.size_requirements
    multiple, minimum = max(int(size.multiple_of), 1), max(int(size.minimum), 1)
    channels = int(described.input_channels)
    described.model.eval()

    def given(height: int, width: int) -> list[Any]:
        rows, columns = (multiple * -(-max(side, minimum) // multiple) for side in (height, width))
        tensors = [torch.from_numpy(_picture(rows, columns, channels))]
        return [*tensors, _hole(torch, rows, columns)] if masked else tensors

    _exported(torch, _called(torch, described), given, target, source, can_be_free=not size.square)
    order = "y" if channels == 1 else "rgb"
    out = "y" if int(described.output_channels) == 1 else "rgb"
    known: dict[str, Any] = {
        "layout": "nchw", "order": order, "output_order": out, "range": "0..1", "output_range": "0..1",
    }  # fmt: skip
    if masked:
        return known | {"effect": "inpaint", "mask_one": "hole"}
    scale = int(described.scale)
    usual = "super_resolution" if scale > 1 else "translate"
    faces = described.purpose == "FaceSR" and scale == 1
    return known | {"scale": scale, "effect": "faces" if faces else usual}


def _called(torch: Any, described: Any) -> Any:
    """The network as spandrel calls it.

    That may be more than its own forward: DRUNet is given a level of noise, and of several outputs (FBCNN, GFPGAN,
    MM-RealSR) one is the picture. What it is given stays as it is, which RCAN multiplies in place.
    """

    class Called(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = described.model

        def forward(self, *given: Any) -> Any:
            return described(*(one.clone() for one in given))

    return Called().eval()


def _state(source: Path, torch: Any) -> Any:
    """The tensors in a file by name."""
    if source.stat().st_size > MOST_BYTES:
        raise ModelError(
            f"{source} has {source.stat().st_size / 1e9:.1f} GB, more than {MOST_BYTES / 1e9:.1f}: not read"
        )
    try:
        if source.suffix.lower() == ".safetensors":
            return _package("safetensors.torch").load_file(str(source))
    except GancamError:
        raise
    except Exception as error:  # of the package
        raise ModelError(f"{source} is damaged or cut off: download it again ({first_line(error)})") from error
    try:
        found = _unpickled(torch, source)
    except Exception as error:  # of PyTorch, and of zip and pickle below it
        raise ModelError(  # what PyTorch says here advises to run the code in it
            f"{source} holds no plain weights: it is damaged, or more than tensors. Code in a pickle is never run; "
            "save the network's state_dict, as .safetensors best"
        ) from error
    if not isinstance(found, dict):
        kind = "a network as Python objects" if isinstance(found, _Empty) else type(found).__name__
        raise ModelError(
            f"{source} holds {kind}, not weights by name. Code in a pickle is never run; save the network's state_dict"
        )
    return found


class _Empty:
    """What stands for an object of a class that PyTorch does not read: nothing of it is kept."""

    def __new__(cls, *_: Any, **__: Any) -> "_Empty":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass


def _unpickled(torch: Any, source: Path) -> Any:
    """What PyTorch saved in a file; checkpoints of a training hold options and figures of other classes, too."""
    try:
        return torch.load(str(source), map_location="cpu", weights_only=True)
    except Exception:
        others = torch.serialization.get_unsafe_globals_in_checkpoint(str(source))
        with torch.serialization.safe_globals([(_Empty, name) for name in others]):
            return torch.load(str(source), map_location="cpu", weights_only=True)


def _described(spandrel: Any, state: Any, source: Path) -> Any:
    """The network of the weights in `state`, as spandrel describes it."""
    loader = spandrel.ModelLoader(device="cpu")
    reason, names = "", list[str]()
    for one in _likely(state):
        try:
            return loader.load_from_state_dict(one)
        except spandrel.UnsupportedModelError:
            names = max(names, [str(name) for name in one], key=len)
        except Exception as error:  # whatever spandrel or a network raises for weights that do not fit
            reason = reason or " ".join(str(error).split())[:200]
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    reason = reason or (f"it has {named}" if named else "there are none in it")
    raise ModelError(f"{source}: spandrel knows no network of these weights ({reason})")


def _likely(state: dict[Any, Any], depth: int = 0) -> Iterator[dict[Any, Any]]:
    """`state`, and the weights that a checkpoint has in an entry, or under names that begin alike."""
    state = {name: one for name, one in state.items() if not isinstance(one, _Empty)}
    yield state
    if depth == _MOST_WRAPPERS:
        return
    for name in _WRAPPERS:
        if isinstance(inner := state.get(name), dict):
            yield from _likely(inner, depth + 1)
        begin = f"{name}."
        inner = {key.removeprefix(begin): one for key, one in state.items() if str(key).startswith(begin)}
        if inner:
            yield from _likely(inner, depth + 1)
    if _COUNTER in state:
        yield from _likely({key: one for key, one in state.items() if key != _COUNTER}, depth + 1)


def _picture(height: int, width: int, channels: int) -> Any:
    pixels = truth(height, width)[..., ::-1].astype(np.float32) / 255
    pixels = pixels.mean(2, keepdims=True) if channels == 1 else pixels
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def _hole(torch: Any, height: int, width: int) -> Any:
    mask = torch.zeros(1, 1, height, width)
    mask[..., height // 4 : height // 2, width // 4 : width // 2] = 1
    return mask


def _exported(
    torch: Any, network: Any, given: Callable[[int, int], list[Any]], target: Path, source: Path, *, can_be_free: bool
) -> None:
    """Write `network` to `target`, of free size where that can be done, and compare it with PyTorch.

    The trace of ``torch.jit`` takes seconds, but what follows from a picture's size may become a constant: the masks
    of shifted windows, say. So it is compared at a second size, and else exported for one size alone. What cannot be
    traced, as Fourier transforms, is left to the exporter of ``torch.export``, which may take minutes.
    """
    reasons: list[str] = []
    for export, side, free in ((_traced, _SIDE, True), (_traced, _FIXED, False), (_captured, _SIDE, True)):
        if free and not can_be_free:
            continue
        shown = given(side, side)
        pairs = [(one, _made(torch, network, one, source)) for one in (shown, *([given(side, 2 * side)] * free))]
        names = ["image", "mask"][: len(shown)]
        try:
            with warnings.catch_warnings(), torch.no_grad(), _hushed():
                warnings.simplefilter("ignore")  # of traces that hold for one size
                export(torch, network, shown, names, target, free)
            for one, wanted in pairs:
                _compare(one, wanted, names, target)
            return
        except Exception as error:  # PyTorch's and ONNX Runtime's own for each reason
            reasons.append(first_line(error.__cause__ or error))
    raise ModelError(f"{source}: its network cannot be exported to ONNX ({'; '.join(dict.fromkeys(reasons))})")


def _made(torch: Any, network: Any, given: list[Any], source: Path) -> Any:
    """What the network makes in PyTorch of what it is given."""
    try:
        with torch.no_grad():
            found = network(*given).numpy()
    except Exception as error:  # PyTorch's own for each reason
        raise ModelError(f"{source}: its network does not run in PyTorch ({first_line(error)})") from error
    if not np.isfinite(found).all():
        raise ModelError(f"{source}: its network gives numbers that are not finite (NaN or infinite): damaged weights?")
    return found


def _traced(torch: Any, network: Any, shown: list[Any], names: list[str], target: Path, free: bool) -> None:
    axes: dict[str, Any] = {name: {2: "height", 3: "width"} for name in names}
    axes["output"] = {2: "height_out", 3: "width_out"}
    torch.onnx.export(
        network, tuple(shown), str(target), input_names=names, output_names=["output"],
        dynamic_axes=axes if free else None, opset_version=_OPSET, dynamo=False,
    )  # fmt: skip


def _captured(torch: Any, network: Any, shown: list[Any], names: list[str], target: Path, free: bool) -> None:
    _package("onnxscript")
    log.warning("%s: exported by torch.export, which may take minutes, this once ...", target.name)
    sides = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    kept = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # where it fails, PyTorch logs tracebacks
    try:
        torch.onnx.export(
            network, tuple(shown), str(target), input_names=names, output_names=["output"],
            dynamic_shapes=(tuple(sides for _ in shown),) if free else None, dynamo=True, external_data=False,
            verbose=False,
        )  # fmt: skip
    finally:
        logging.disable(kept)


@contextmanager
def _hushed() -> Iterator[None]:
    """Drop what is written to stdout: where an export fails, PyTorch's own library prints the whole graph there."""
    sys.stdout.flush()
    kept = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def _compare(given: list[Any], wanted: Any, names: list[str], target: Path) -> None:
    """Raise ``ModelError`` where the graph in `target` does not make of `given` the picture that is `wanted`."""
    session = open_session(target, "cpu", 1)
    taken = {one.name for one in session.get_inputs()}
    tensors = {name: one.numpy() for name, one in zip(names, given, strict=True) if name in taken}
    found = session.run(None, tensors)[0]
    same = found.shape == wanted.shape
    lost = float(np.square(np.clip(found, 0, 1) - np.clip(wanted, 0, 1)).mean()) if same else 1.0
    psnr = 100.0 if lost < 1e-10 else -10 * float(np.log10(lost))
    if psnr < _LEAST_PSNR:
        raise ModelError(f"exported it makes another picture than in PyTorch ({psnr:.1f} dB)")


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"weights alone are read with {name.partition('.')[0]}, which cannot be imported ({first_line(error)}): "
            'pip install "gancam[import]"; or export the network to ONNX where it comes from'
        ) from error
