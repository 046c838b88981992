"""Weights alone (.pth, .pt, .safetensors), exported to ONNX.

spandrel (https://github.com/chaiNNer-org/spandrel) knows which network they are of. Nothing in such a file is ever
executed: PyTorch reads tensors and nothing else (``weights_only``). The packages are imported when first needed; none
is used at run time.
"""

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

SUFFIXES = (".pth", ".pt", ".safetensors")
_SIDE = 64  # pixels of the picture that a network is exported with
_FIXED = 192  # of those that can be exported for one size alone: what its tiles will be
_OPSET = 17
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
    state = _state(source, torch)
    try:
        described = spandrel.ModelLoader(device="cpu").load_from_state_dict(state)
    except Exception as error:  # spandrel's own, and whatever a network raises for weights that do not fit
        raise ModelError(f"{source}: spandrel knows no network of these weights ({first_line(error)})") from error
    masked = isinstance(described, spandrel.MaskedImageModelDescriptor)
    size = described.size_requirements
    multiple, minimum = max(int(size.multiple_of), 1), max(int(size.minimum), 1)
    channels = int(described.input_channels)
    network = described.model.eval()

    def given(least: int) -> list[Any]:
        side = multiple * -(-max(least, minimum) // multiple)
        tensors = [torch.from_numpy(_picture(side, channels))]
        return [*tensors, torch.zeros(1, 1, side, side)] if masked else tensors

    shown = _exported(torch, network, given, target, source)
    _compared(torch, network, shown, target, source)
    order = "y" if channels == 1 else "rgb"
    out = "y" if int(described.output_channels) == 1 else "rgb"
    known: dict[str, Any] = {
        "layout": "nchw", "order": order, "output_order": out, "range": "0..1", "output_range": "0..1",
    }  # fmt: skip
    if masked:
        return known | {"effect": "inpaint", "mask_one": "hole"}
    scale = int(described.scale)
    return known | {"scale": scale, "effect": "super_resolution" if scale > 1 else "translate"}


def _state(source: Path, torch: Any) -> Any:
    """The tensors in a file by name."""
    if source.stat().st_size > MOST_BYTES:
        raise ModelError(
            f"{source} has {source.stat().st_size / 1e9:.1f} GB, more than {MOST_BYTES / 1e9:.1f}: not read"
        )
    try:
        if source.suffix.lower() == ".safetensors":
            return _package("safetensors.torch").load_file(str(source))
        found = torch.load(str(source), map_location="cpu", weights_only=True)
    except GancamError:
        raise
    except Exception as error:  # of either package, and of zip and pickle below them
        raise ModelError(  # what PyTorch says here advises to run the code in it
            f"{source} holds no plain weights: it is damaged, or more than tensors. Code in a pickle is never run; "
            "save the network's state_dict, as .safetensors best"
        ) from error
    if not isinstance(found, dict):
        raise ModelError(f"{source} holds {type(found).__name__}, not weights by name: save the state_dict")
    return found


def _picture(side: int, channels: int) -> Any:
    pixels = truth(side, side)[..., ::-1].astype(np.float32) / 255
    pixels = pixels.mean(2, keepdims=True) if channels == 1 else pixels
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def _exported(torch: Any, network: Any, given: Callable[[int], list[Any]], target: Path, source: Path) -> list[Any]:
    """Write `network` to `target`, of free size where that can be done; gives what it was shown."""
    axes: dict[str, Any] = {name: {2: "height", 3: "width"} for name in ("image", "mask")}
    axes["output"] = {2: "height_out", 3: "width_out"}
    last: Exception | None = None
    for free, side in ((True, _SIDE), (False, _FIXED)):
        shown = given(side)
        names = ["image", "mask"][: len(shown)]
        options = {name: axes[name] for name in (*names, "output")} if free else None
        try:
            with warnings.catch_warnings(), torch.no_grad(), _hushed():
                warnings.simplefilter("ignore")  # of traces that hold for one size; `_compared` and the probe look
                torch.onnx.export(
                    network, tuple(shown), str(target), input_names=names, output_names=["output"],
                    dynamic_axes=options, opset_version=_OPSET, dynamo=False,
                )  # fmt: skip
            return shown
        except Exception as error:  # PyTorch's own for each reason
            last = error
    raise ModelError(f"{source}: its network cannot be exported to ONNX ({first_line(last) if last else ''})")


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


def _compared(torch: Any, network: Any, given: list[Any], target: Path, source: Path) -> None:
    with torch.no_grad():
        wanted = network(*given).numpy()
    session = open_session(target, "cpu", 1)
    names = [one.name for one in session.get_inputs()]
    try:
        found = session.run(None, dict(zip(names, (one.numpy() for one in given), strict=True)))[0]
    except Exception as error:  # ONNX Runtime raises a class of its own for each reason
        raise ModelError(f"{source}: exported to ONNX it does not run ({first_line(error)})") from error
    same = found.shape == wanted.shape
    lost = float(np.square(np.clip(found, 0, 1) - np.clip(wanted, 0, 1)).mean()) if same else 1.0
    psnr = 100.0 if lost < 1e-10 else -10 * float(np.log10(lost))
    if psnr < _LEAST_PSNR:
        raise ModelError(f"{source}: exported it makes another picture than in PyTorch ({psnr:.1f} dB): not used")


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"weights alone are read with {name.partition('.')[0]}, which cannot be imported ({first_line(error)}): "
            'pip install "gancam[import]"; or export the network to ONNX where it comes from'
        ) from error
