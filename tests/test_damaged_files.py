"""Each reader of a small text file says in one clear error, or passes over, whatever stands there instead."""

import json
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import cv2
import pytest

from gancam.control import Controls, Replay
from gancam.errors import GancamError
from gancam.inference.card import ModelCard
from gancam.inference.importing.adopt import convention_of
from gancam.inference.importing.convention import sidecar
from gancam.inference.importing.safety import ENTRY
from gancam.jobs import records
from gancam.jobs.inputs import LEDGER, BatchItem
from gancam.jobs.preset import read_preset
from gancam.jobs.records import Ledger
from gancam.masks.track_file import MaskTrack
from gancam.media.paths import SequencePath
from gancam.sinks.images import ImageStore
from gancam.sinks.piece_store import PieceStore, pieces_of
from gancam.sources import ImageFiles, TestPattern
from gancam.studio.jobs import Job
from gancam.studio.messages import Message
from gancam.tools.bench import baseline
from train import recipe

LONG = 10**400  # an integer that no float holds
VALUES: tuple[Any, ...] = (None, True, -1, LONG, math.nan, math.inf, 1e308, "", "x", [], [[]], {}, {"a": None})
TEXTS = (
    b"", b"\n", b"\xff\xfe\0", b"\0" * 9, b"null", b"1", b'"x"', b"[]", b"{}", b"9" * 9999, b"[" * 9999,
    b'{"a":' * 9999, b"[[[]]]", b'{"a"', b"a = 1", b"effect = " + b"[" * 9999, b"a = " + b"{b = " * 999, b"1e999999999",
    b"[[effect]]\nname = 1", b"[effect]\n[effect.name]\n", b"# time base 1/0\n0\n", b"# end x\n0\n", b"0 1 2\n",
    b"# time base -1\n0\n", b"9" * 999 + b"\n",
)  # fmt: skip


def changed(value: Any) -> Iterator[Any]:
    """A JSON value with each part of it, in turn, replaced or left out."""
    yield from VALUES
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        rest = deepcopy(value)
        del rest[key]
        yield rest
        for other in changed(value[key]):
            whole = deepcopy(value)
            whole[key] = other
            yield whole


def preset(folder: Path, path: Path) -> None:
    read_preset(path, {"effect": list, "jobs": int, "quality": float, "to": str, "resume": bool})


def ledger(folder: Path, path: Path) -> None:
    (folder / LEDGER).unlink(missing_ok=True)
    path.rename(folder / LEDGER)
    (folder / "a.png").write_bytes(b"1")
    item = BatchItem(path, folder / "a.png", "a.png")
    Ledger(folder).in_the_way(item, {"effects": [{"name": "a", "params": {"b": 1}}]})


def record(folder: Path, path: Path) -> None:
    if not (folder / "made").exists():
        records.keep(folder / "a.png", {}, [])
        (folder / "kept").write_text(str(*(folder / "made").glob("*.json")))
    path.rename((folder / "kept").read_text())
    records.is_known(folder / "a.png")
    records.in_the_way(folder / "a.png", {"effects": [{"name": "a", "params": {"b": 1}}]}, [])


def manifest_of_pieces(folder: Path, path: Path) -> None:
    pieces_of(folder / "a.mp4").mkdir(exist_ok=True)
    path.rename(pieces_of(folder / "a.mp4") / "manifest.json")
    PieceStore(folder / "a.mp4", {"effects": []}, resume=True).settle(1, (64, 48))


def manifest_of_images(folder: Path, path: Path) -> None:
    names = SequencePath.of(folder / "a-%d.png")
    assert names is not None
    pieces_of(names.path).mkdir(exist_ok=True)
    path.rename(pieces_of(names.path) / "manifest.json")
    ImageStore(names, {"effects": []}, resume=True, overwrite=False).close()


def times_of_images(folder: Path, path: Path) -> None:
    if not (folder / "i-0.png").exists():
        cv2.imwrite(str(folder / "i-0.png"), TestPattern((32, 32)).image(0))
    path.rename(folder / "i-times.txt")
    ImageFiles(folder / "i-%d.png").close()


def card(folder: Path, path: Path) -> None:
    text = path.read_bytes().decode(errors="replace")
    for name in ("classes", "seeds", "quality", "defaults", "brightens", "scale", "layout", "version"):
        metadata = ModelCard(name="a", effect="sr", scale=2).to_metadata() | {f"gancam.{name}": text}
        try:
            ModelCard.from_metadata(metadata)
        except GancamError:
            continue


def recipe_of(folder: Path, path: Path) -> None:
    try:
        recipe.parse(path.read_bytes().decode(errors="replace"))
    except ValueError as error:  # as it is in train/
        raise GancamError(str(error)) from error


TRACK = {
    "format": "gancam mask track", "version": 2, "width": 4, "height": 2, "masks": [{"size": [2, 4], "counts": [3, 5]}],
    "frames": [[0.0, 0]],
}  # fmt: skip
JOB = {"effects": [{"name": "a", "params": {"b": 2}}]}
RUNS: dict[str, tuple[Callable[[Path, Path], object], Any]] = {
    "preset": (preset, None),
    "ledger": (ledger, {"output": "a.png", "job": JOB, "instead": None, "made": [1, 2]}),
    "record": (record, {"output": "a.png", "made": [1, 2], "job": JOB, "beside": ["x"]}),
    "manifest of pieces": (
        manifest_of_pieces, {"format": 3, "job": JOB, "threads": 1, "frames": 120, "quartered": 2},
    ),
    "manifest of images": (manifest_of_images, JOB | {"quality": 80.0}),
    "times of images": (times_of_images, None),
    "replay": (lambda folder, path: Replay(path, Controls([])), {"time": 1, "after": 0.5, "set": {}, "effects": []}),
    "mask track": (lambda folder, path: MaskTrack(path), TRACK),
    "card": (card, {"psnr_y_set14": 1.0}),
    "beside a model": (lambda folder, path: sidecar(path.with_suffix(".onnx")), None),
    "convention": (lambda folder, path: convention_of({ENTRY: path.read_bytes().decode(errors="replace")}), {"a": 1}),
    "studio's job": (
        lambda folder, path: Job.read(path).moment("--from"),
        {"number": "1-a", "source": "a", "options": ["--from", "1s"], "frames": 1, "state": "done", "frame": 1,
         "eta": None, "target": "b", "error": "", "notes": [], "seconds": 1.0},
    ),
    "request": (lambda folder, path: Message.parse(path.read_bytes()), {"a": "b"}),
    "baseline": (lambda folder, path: baseline(path), {"version": 1, "machine": {}, "rows": [{"median_ms": 1}]}),
    "recipe": (recipe_of, None),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_no_text_is_a_fault_of_the_reader(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, whole = RUNS[name]
    monkeypatch.setattr(records, "cache_folder", lambda: tmp_path)
    (tmp_path / "a.png").write_bytes(b"1")
    texts = [*TEXTS, *(json.dumps(one).encode() for one in ([] if whole is None else changed(whole)))]
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}-a.toml"
        path.write_bytes(text)
        try:
            read(tmp_path, path)
        except GancamError as error:
            said = str(error)
        except Exception as error:
            raise AssertionError(f"{text[:80]!r}: {error!r}") from error
        else:
            said = "nothing"
        assert len(said.splitlines()) == 1, text[:80]
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["preset", "replay", "mask track", "beside a model", "studio's job", "baseline"])
def test_nor_is_a_folder_in_its_place(name: str, tmp_path: Path) -> None:
    (tmp_path / "1-a.toml").mkdir()
    with pytest.raises(GancamError):
        RUNS[name][0](tmp_path, tmp_path / "1-a.toml")
