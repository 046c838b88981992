"""From somebody else's file to one of ours: probe, wrap, check, remember."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gancam.errors import MALFORMED, GancamError, ModelError, NotFound
from gancam.files import CACHE_VARIABLE, cache_folder
from gancam.frame import Image
from gancam.inference.card import ModelCard
from gancam.inference.hardware import usable_cores
from gancam.inference.importing import pictures, wrap
from gancam.inference.importing.classes import OF_TWO, merged
from gancam.inference.importing.convention import Answers, Convention, Floats, OnnxModel, checked, decode, sidecar
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.freeing import freed, probed
from gancam.inference.importing.latent import generated, wrap_latent
from gancam.inference.importing.masked import filled, wrap_masked
from gancam.inference.importing.measure import usual_side
from gancam.inference.importing.ports import alone, count_at_once, drawn, mended, trained, usual
from gancam.inference.importing.safety import ENTRY, FILE_ENTRY, check_safe, metadata
from gancam.inference.importing.sayings import plain_name, said
from gancam.inference.importing.states import PAST, own_frame, past_begins, second, with_past
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.importing.weights import export_weights, holds_weights
from gancam.inference.network import Network, open_network
from gancam.inference.packages import runtime
from gancam.inference.variants import file_digest

log = logging.getLogger(__name__)
LEAST_PSNR = 60.0  # dB of the adapted file against the graph as it came
_MIDWAY = 0.51  # grey levels between a number and a level that it may be rounded to
_EVERYWHERE = "it looks at all of a picture: frames too large for the memory are made in tiles, a little otherwise"
_TRAINED = "it was exported in training mode: each picture changes by its own mean and contrast (export after .eval())"
_FRAMES, _STILL = 8, 16.0  # of a still that states are carried over, and grey levels by which it may change then
_MATTE = 512  # pixels of the longer side of what a network of masks of any size is shown
VERSION = 7  # of what is remembered


@dataclass(frozen=True)
class Adapted:
    """A file of ours made of somebody else's.

    Attributes:
        path: The file.
        card: Its card.
        convention: What was found out about the graph.
        psnr: dB of the file against the graph as it came, 100 at most.
    """

    path: Path
    card: ModelCard
    convention: Convention
    psnr: float


@np.errstate(over="ignore", invalid="ignore")  # under a wrong range values may be of any size
def adapt(
    source: Path,
    target: Path,
    *,
    name: str = "",
    answers: Mapping[str, object] | None = None,
    given_as: Path | None = None,
) -> Adapted:
    """Find out what the graph in `source` takes and gives, and write to `target` the same graph in our contract.

    `source` is not touched. `answers` (entries of `Convention`) and those of the TOML beside `source` are not
    questioned; the former come first. Messages call it `given_as`, the user's file, where that is another.

    Raises:
        NotFound: no such file.
        ModelError: it is damaged, not harmless (`check_safe`), or nothing fits: the message says what was tried.
        ParameterError: an unknown or senseless answer.
        MissingExtra: the package `onnx` is not installed.
    """
    given = {**sidecar(source), **checked(answers or {}, str(source))}
    if holds_weights(source):
        with tempfile.TemporaryDirectory() as folder:
            exported = Path(folder) / f"{source.stem}.onnx"
            known = export_weights(source, exported)
            named = name or plain_name(source)
            return adapt(exported, target, name=named, answers={**known, **given}, given_as=given_as or source)
    with tempfile.TemporaryDirectory() as folder:
        return _adapted(source, target, name or plain_name(source), given, Path(folder), given_as or source)


def _adapted(source: Path, target: Path, name: str, given: Answers, folder: Path, given_as: Path) -> Adapted:
    """`adapt` for a graph; `folder` is for what is written meanwhile."""
    facts = check_safe(source)
    graph = Foreign(source, name=given_as)
    model = wrap.load(source)
    count = count_at_once(graph)
    one = alone(model, graph, folder) if count > 1 else None
    model, graph = one or (model, graph)
    mend = mended(model)
    changed, frames = usual(model, int(given.get("frames", 1)))
    if changed or mend:
        wrap.onnx().save(model, str(folder / "usual.onnx"))
        graph = Foreign(folder / "usual.onnx", graph.process, given_as)
    two = merged(model, graph, given)
    if two:
        wrap.onnx().save(model, str(folder / "merged.onnx"))
        graph = Foreign(folder / "merged.onnx", graph.process, given_as)
    known = {**given, "effect": "background"} if two else given
    model, graph, convention = probed(model, graph, known, folder if frames == 1 else None)
    if trained(model):
        convention = convention.doubted(_TRAINED)
    if two and "effect" not in given:
        convention = convention.doubted(OF_TWO)
    if count > 1 and one is None:
        doubt = f"it takes {count} pictures at once and gives others for one: each frame is computed {count} times"
        convention = convention.doubted(doubt)
    if frames > 1:
        convention = _placed(model, graph, replace(convention, frames=frames), given, folder)
    free = convention.effect in ("translate", "super_resolution") and not convention.states
    if convention.fixed and "height" not in given and free:
        model, graph, convention = freed(model, graph, convention, given)
    if convention.fixed and convention.effect == "translate" and convention.height == convention.width:
        hint = f"it may be of aligned faces, {convention.height}x{convention.height} each (--effect faces)"
        convention = convention.doubted(*([] if "effect" in given else [hint]))
    cut = convention.effect == "super_resolution" and not (convention.recurrent or convention.fixed)
    if cut and not convention.reach and "reach" not in given:
        convention = convention.doubted(_EVERYWHERE)
    licence = next((text for key, text in facts.metadata.items() if key.lower() in ("license", "licence") and text), "")
    licence = licence or "unknown"
    try:
        card, psnr = _made(model, graph, convention, (name, licence), facts.metadata, target)
        drift = _drift(target, convention)
        if drift > _STILL:
            begun = [name for name in convention.states if name in convention.extras]
            doubt = (
                f"what it keeps of the frames before ({', '.join(begun)}) is left out: carried along, a still changes "
            )
            doubt += f"by {drift:.0f} grey levels in {_FRAMES} frames"
            others = {name: one for name, one in convention.states.items() if name not in begun}
            convention = replace(convention, states=others).doubted(doubt)
            card, psnr = _made(model, graph, convention, (name, licence), facts.metadata, target)
    except (GancamError, TrialFailed) as error:
        target.unlink(missing_ok=True)
        if isinstance(error, TrialFailed):
            raise ModelError(
                f"{given_as} does not run as it is taken for ({convention.describe()}): {error}"
            ) from error
        raise
    return Adapted(target, card, convention, psnr)


def _made(
    model: OnnxModel, graph: Foreign, convention: Convention, named: tuple[str, str], metadata: Mapping[str, str],
    target: Path,
) -> tuple[ModelCard, float]:  # fmt: skip
    """Write the adapted file, of that name and licence, and check it. Gives its card and how near it is, in dB."""
    card = _card(*named, convention, wrap.parameters(model), graph.name.name)
    made_of = {ENTRY: json.dumps(asdict(convention)), FILE_ENTRY: graph.name.name}
    entries = {**metadata, **card.to_metadata(), **made_of}
    wrap.write(_wrapped(model, convention), entries, target)
    try:
        return card, _checked(graph, convention, target)
    except ModelError as error:
        draws = drawn(model)
        if not draws:
            raise
        raise ModelError(
            f"{graph.name} draws random numbers ({', '.join(draws)}): two runs on the same picture differ, so that it "
            "cannot be checked, and a video made twice would not be the same. Export it with constants in their place"
        ) from error


def _placed(model: OnnxModel, graph: Foreign, convention: Convention, given: Answers, folder: Path) -> Convention:
    """`convention` of a graph of several frames, with the one that comes out."""
    if convention.effect in ("inpaint", "morph"):
        raise ModelError(f"{graph.name}: it takes {convention.frames} frames of a video at once, which is played of "
                         f"networks that keep or enlarge a picture alone, not of {convention.effect}")  # fmt: skip
    if "frame" in given:
        return convention
    frame = own_frame(model, graph, convention, folder)
    behind = convention.frames - 1 - frame
    if frame == 0 or behind == 0:
        return replace(convention, frame=frame)
    doubt = f"it looks {behind} frames ahead, which live pictures have not: the newest stands for them"
    return replace(convention, frame=frame).doubted(doubt)


def _drift(target: Path, convention: Convention) -> float:
    """Grey levels by which a still changes from its first frame to a later one, where outputs are carried along."""
    if not set(convention.states) & set(convention.extras):
        return 0.0
    model = open_network(target, "cpu", usable_cores())
    still = pictures.shown(*usual_side(convention), 1)
    made = [model(still[None])[0].astype(np.float32) for _ in range(_FRAMES)]
    return float(np.abs(made[-1] - made[0]).mean())


def adopted(source: Path) -> Path:
    """Give the file of ours that was made of `source`, and make it if it was not made before.

    It stays in the user's cache folder for as long as `source`, the TOML beside it, and ONNX Runtime are the same.
    Raises as `adapt` does.
    """
    beside_it = () if holds_weights(source) else check_safe(source).external
    if not source.is_file():
        raise NotFound(f"no model file {source}")
    digest = hashlib.sha256()
    for file in (source, *(source.parent / name for name in sorted(set(beside_it)))):
        digest.update(file_digest(file).encode())
    beside = source.with_suffix(".toml")
    digest.update(beside.read_bytes() if beside.is_file() else b"")
    for value in sidecar(source).get("extras", {}).values():
        if isinstance(value, str) and Path(value).is_file():
            digest.update(file_digest(Path(value)).encode())
    digest.update(f"{VERSION} {runtime().__version__}".encode())
    place = Path("imported", digest.hexdigest()[:32], f"{plain_name(source)}.onnx")
    try:
        target = cache_folder() / place
        if _is_whole(target):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except (OSError, NotFound) as error:
        target = Path(_passing(str(error)).name) / place
        if _is_whole(target):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
    log.warning("%s: without a card; it is tried out, once ...", source)
    adapt(source, target)
    return target


def _is_whole(target: Path) -> bool:
    """Whether an adapted file is there, and not what a crash left of one: its end is read, too."""
    try:
        return target.is_file() and convention_of(metadata(target)) is not None
    except GancamError:
        return False


@cache
def _passing(why: str) -> "tempfile.TemporaryDirectory[str]":
    """A folder for what is adapted that goes with this process, where the user's cannot be written. Said once."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="gancam-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ModelError(f"no folder can be written for the adapted model: {error}; set TMPDIR to one") from error
    log.warning(
        "the cache folder cannot be written (%s): what is found out about models of others is kept in %s until this "
        "program ends, and found out anew by the next; set %s to a folder that can be written",
        why, folder.name, CACHE_VARIABLE,
    )  # fmt: skip
    return folder


def convention_of(metadata: Mapping[str, str]) -> Convention | None:
    """What was found out about an adapted file with that metadata; None where it is one of our own."""
    if ENTRY not in metadata:
        return None
    try:
        entries = json.loads(metadata[ENTRY])
        doubts = tuple(str(one) for one in entries.pop("doubts", ()))
        return replace(Convention(**entries), doubts=doubts)
    except MALFORMED:
        return None


def _wrapped(model: OnnxModel, convention: Convention) -> OnnxModel:
    """`model` in the layout of ours that fits its effect."""
    if convention.effect == "inpaint":
        return wrap_masked(model, convention)
    if convention.effect == "morph":
        return wrap_latent(model, convention)
    if convention.frames == 1:
        return wrap.wrap_image(model, convention)
    model = with_past(model, convention)
    return wrap.wrap_image(model, convention, {PAST: partial(past_begins, model=model, convention=convention)})


def _card(name: str, licence: str, convention: Convention, parameters: int, file: str) -> ModelCard:
    plain = "recurrent" if convention.recurrent else "image"
    layout: Any = {"inpaint": "masked", "morph": "latent"}.get(convention.effect, plain)
    generator = convention.effect == "morph"
    tiles = layout == plain and convention.fixed and not convention.squeezed
    return ModelCard(
        name=name, effect=convention.effect, scale=convention.scale, layout=layout, licence=licence,
        receptive_field=_overlap(convention), parameters=parameters,
        fixed_height=convention.height if tiles else 0, fixed_width=convention.width if tiles else 0,
        work_size=_work_size(convention),
        latent=convention.latent, layers=1 if generator else 0, resolution=convention.resolution,
        summary=f"somebody else's: {convention.describe()}{said(convention, file, name)}",
    )  # fmt: skip


def _work_size(convention: Convention) -> int:
    """Pixels of the longer side of pictures that a network of masks is shown; 0 for others."""
    if convention.effect != "background":
        return 0
    return max(convention.height, convention.width) if convention.fixed else _MATTE


def _overlap(convention: Convention) -> int:
    """What the card says of the receptive field."""
    if convention.effect in ("inpaint", "morph", "background"):
        return 0
    if convention.fixed and not convention.reach:
        return min(convention.height, convention.width) // 4
    return convention.reach


def _checked(graph: Foreign, convention: Convention, target: Path) -> float:
    """DB of what `target` makes against what the graph itself makes.

    Raises ``ModelError`` where it is not the same, or where the file does not run.
    """
    model = open_network(target, "cpu", usable_cores())
    if convention.effect == "inpaint":
        return _checked_holes(graph, convention, model)
    if convention.effect == "morph":
        return _checked_pictures(graph, convention, model)
    height, width = usual_side(convention)
    sizes = [(height, width)] if convention.fixed else [(height, width), (height + 5, width + 3)]
    found = []
    for size in sizes:
        image = pictures.shown(*size, 1)
        truth = _direct(graph, convention, image)
        made = model(image[None])[0]
        if convention.states and not convention.fixed and size == sizes[0]:
            found.append(_alike(second(graph, image, convention), model(image[None])[0]))
        if truth.shape != made.shape:
            raise ModelError(f"{graph.name}: adapted it gives {made.shape} for {image.shape}, not {truth.shape}")
        found.append(_alike(truth, made))
    if min(found) < LEAST_PSNR:
        raise ModelError(
            f"{graph.name}: adapted it gives another picture than before ({min(found):.1f} dB, less than "
            f"{LEAST_PSNR:.0f}): not used"
        )
    return min(found)


def _alike(truth: Floats, made: Image) -> float:
    """DB between numbers and the picture of them, 100 at most; what is midway between two levels may become either."""
    if not np.isfinite(truth).all():
        return 0.0
    truth = np.clip(truth, 0, 255)
    nearest = np.where(np.abs(truth - made) <= _MIDWAY, made, np.round(truth)).astype(np.uint8)
    return min(float(cv2.PSNR(nearest, made)), 100.0)


def _checked_holes(graph: Foreign, convention: Convention, model: Network) -> float:
    """The same for one that fills holes, at a size that it takes as it is."""
    height, width = usual_side(convention)
    if convention.fixed and height != width:  # there the picture is squeezed
        return 100.0
    image = pictures.truth(height, width)
    hole = np.zeros((height, width), np.bool_)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    made = model(image[None], hole[None].astype(np.uint8))[0]
    found = filled(graph, image, hole, convention)
    psnr = _alike(np.where(hole[..., None], found, image).astype(np.float32), made)
    if psnr < LEAST_PSNR:
        raise ModelError(f"{graph.name}: adapted it fills otherwise than before ({psnr:.1f} dB): not used")
    return psnr


def _checked_pictures(graph: Foreign, convention: Convention, model: Network) -> float:
    """The same for a generator."""
    z = np.random.default_rng(2).standard_normal((2, convention.latent), np.float32)
    made = model(z)
    one = replace(convention, batch=True)
    for index, picture in enumerate(made):
        found = decode(generated(graph, z[index : index + 1], convention), one)
        psnr = _alike(np.asarray(np.broadcast_to(found, picture.shape), np.float32), picture)
        if psnr < LEAST_PSNR:
            raise ModelError(f"{graph.name}: adapted it makes other pictures than before ({psnr:.1f} dB): not used")
    return psnr


def _direct(graph: Foreign, convention: Convention, image: Image) -> Floats:
    """What the graph itself makes of an image of any size: enlarged by its border as the adapted file does it."""
    if convention.fixed:
        return graph.picture(image, convention)
    cut, multiple = convention.cut, convention.multiple
    least = multiple * -(-convention.minimum // multiple)
    more = [max(multiple * -(-(side + 2 * cut) // multiple), least) - side - cut for side in image.shape[:2]]
    padded = np.pad(image, ((cut, more[0]), (cut, more[1]), (0, 0)), "edge")
    made = graph.picture(np.ascontiguousarray(padded), convention)
    height, width = (convention.scale * side for side in image.shape[:2])
    return made[:height, :width]
