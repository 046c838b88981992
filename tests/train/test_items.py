"""Whatever people have is read by one reader: counted, bounded, and trusted with nothing."""

import gzip
import hashlib
import io
import json
import logging
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from gancam.media import images as played_images
from gancam.sources import VideoFile
from tests.helpers.clips import make_clip, scenery
from tests.helpers.heif import box, heic
from tests.helpers.training import GENERATOR
from train.__main__ import main
from train.data import Photos, Pictures, image_files, named, read_image
from train.data.items import items

CLASSES = ("cat", "dog")


def png(seed: int, size: tuple[int, int] = (32, 32)) -> bytes:
    kept = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(kept, "png")
    return kept.getvalue()


def stack(count: int = 20, side: int = 28) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, side, side), np.uint8)


def idx(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def as_npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", x_train=stack(), y_train=np.arange(20) % 2)
    return folder / "a.npz"


def as_other_npz(folder: Path) -> Path:
    np.savez(folder / "b.npz", images=stack()[:, None].astype(np.float32) / 255, labels=np.arange(20)[:, None] % 2)
    return folder / "b.npz"


def as_idx(folder: Path) -> Path:
    (folder / "train-images-idx3-ubyte").write_bytes(idx(stack()))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(20, dtype=np.uint8) % 2))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(stack(3)))
    return folder


def as_gzipped_idx(folder: Path) -> Path:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(stack())))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(20, dtype=np.uint8) % 2)))
    return folder / "train-images-idx3-ubyte.gz"


def batch(numbers: range) -> bytes:
    data = np.random.default_rng(numbers.start).integers(0, 256, (len(numbers), 3072), np.uint8)
    return pickle.dumps({"data": data, "labels": [number % 2 for number in numbers]}, protocol=2)


def as_cifar(folder: Path) -> Path:
    (folder / "data_batch_1").write_bytes(batch(range(12)))
    (folder / "data_batch_2").write_bytes(batch(range(8)))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}))
    return folder


def as_cifar_tar(folder: Path) -> Path:
    as_cifar(folder)
    with tarfile.open(folder / "cifar.tar.gz", "w:gz") as tar:
        for name in ("data_batch_1", "data_batch_2", "batches.meta"):
            tar.add(folder / name, f"cifar-10-batches-py/{name}")
    return folder / "cifar.tar.gz"


def as_folders(folder: Path) -> Path:
    for index in range(20):
        (folder / CLASSES[index % 2]).mkdir(exist_ok=True)
        (folder / CLASSES[index % 2] / f"{index}.png").write_bytes(png(index))
    return folder


def as_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for index in range(20):
            archive.writestr(f"set/{CLASSES[index % 2]}/{index}.png", png(index))
    return folder / "a.zip" / "set"


def as_shards(folder: Path) -> Path:
    for shard in range(2):
        with tarfile.open(folder / f"shard-{shard}.tar", "w") as tar:
            for index in range(10):
                for suffix, data in ((".png", png(index)), (".cls", str(index % 2).encode())):
                    entry = tarfile.TarInfo(f"{shard}{index:04d}{suffix}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
    return folder / "shard-*.tar"


@pytest.mark.parametrize(
    "make", [as_npz, as_other_npz, as_idx, as_gzipped_idx, as_cifar, as_cifar_tar, as_folders, as_zip, as_shards]
)
def test_twenty_pictures_of_two_classes(make: Callable[[Path], Path], tmp_path: Path) -> None:
    pictures = Pictures(make(tmp_path), resolution=28, channels=1)
    assert pictures.images.shape == (20, 28, 28, 1)
    assert len(pictures.classes) == 2
    assert np.bincount(pictures.labels).tolist() == [10, 10]


def test_pixels_and_names_are_those_of_the_file(tmp_path: Path) -> None:
    for make in (as_npz, as_idx, as_gzipped_idx, as_other_npz):
        folder = tmp_path / make.__name__
        folder.mkdir()
        assert np.array_equal(Pictures(make(folder), resolution=28, channels=1).images[..., 0], stack()), make
    cifar = Pictures(as_cifar_tar(tmp_path), resolution=32)
    assert cifar.classes == CLASSES
    first = np.random.default_rng(0).integers(0, 256, (12, 3072), np.uint8)[0]
    assert np.array_equal(cifar.images[0], first.reshape(3, 32, 32).transpose(1, 2, 0))


def test_a_video_is_a_source_of_frames(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", images=scenery(count=24))
    assert len(Pictures(clip, resolution=32).images) == 24
    photos = Photos(clip, smallest=16, sizes=(1.0,), memory=10 * 96 * 64 * 3)
    assert 6 <= len(photos.images) <= 10


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1)])
def test_a_video_is_learnt_from_as_it_is_played(tmp_path: Path, matrix: tuple[float, float, float, float]) -> None:
    clip = make_clip(tmp_path / "phone.mp4", images=scenery(count=4), matrix_of_display=matrix)
    with VideoFile(clip) as source:
        played = [frame.image[..., ::-1] for frame in source]
    learnt = Photos(clip, smallest=16, sizes=(1.0,)).images
    assert [image.shape for image in learnt] == [image.shape for image in played]
    for one, other in zip(learnt, played, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 2


def test_what_was_found_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = as_folders(tmp_path)
    (folder / "cat" / "large.png").write_bytes(png(9, (64, 48)))
    (folder / "cat" / "cut.png").write_bytes(png(9)[:200])
    (folder / "cat" / "small.png").write_bytes(png(9, (4, 4)))
    pictures = Pictures(folder, resolution=28)
    assert pictures.skipped == 2
    assert f"21 pictures from {folder}, 32x32 to 48x64; skipped " in caplog.text
    assert "1 damaged (cat/cut.png)" in caplog.text
    assert "1 too small for 28x28 (cat/small.png)" in caplog.text


def test_memory_is_bounded_and_every_class_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = as_folders(tmp_path)
    pictures = Pictures(folder, resolution=32, memory=7 * 32 * 32 * 3)
    assert len(pictures.images) == 7
    assert len(pictures.classes) == 2
    assert "one of 3: all would not fit into memory" in caplog.text
    photos = Photos(folder, smallest=16, sizes=(1.0, 0.5), memory=7 * 32 * 32 * 3)
    assert 0 < photos.bytes <= 7 * 32 * 32 * 3


@pytest.mark.parametrize(
    ("kind", "colour"),
    [("CMYK", (10, 200, 30, 40)), ("I;16", 40000), ("L", 77), ("1", 1), ("RGBA", (1, 2, 3, 0)), ("LA", (9, 255))],
)
def test_pictures_of_every_mode_are_rgb(tmp_path: Path, kind: str, colour: tuple[int, ...] | int) -> None:
    name = "a.tif" if kind in ("CMYK", "I;16") else "a.png"
    Pillow.new(kind, (32, 32), colour).save(tmp_path / name)
    image = Pictures(tmp_path, resolution=32).images[0]
    expected = {"I;16": (40000 * 255 / 65535,) * 3, "L": (77,) * 3, "1": (255,) * 3, "RGBA": (255,) * 3, "LA": (9,) * 3}
    if kind in expected:
        assert np.abs(image[0, 0].astype(float) - expected[kind]).max() <= 1
    else:
        assert image[0, 0].tolist() == list(Pillow.new(kind, (1, 1), colour).convert("RGB").getpixel((0, 0)))  # type: ignore[arg-type]


def test_photos_stand_upright(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (64, 32))
    picture.paste((255, 255, 255), (0, 0, 32, 32))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    picture.save(tmp_path / "phone.jpg", exif=exif)
    (image,) = Photos(tmp_path, smallest=16, sizes=(1.0,)).images
    assert image.shape == (64, 32, 3)
    assert image[10, 10, 0] > 250


def test_parquet_of_the_hub(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow, an optional package, reads Parquet")
    from pyarrow import parquet

    rows = [{"bytes": png(index), "path": None} for index in range(4)] + [{"bytes": b"cut", "path": None}]
    names = {"info": {"features": {"label": {"names": ["cat", "dog"]}}}}
    table = pyarrow.table({"label": [0, 1, 0, 1, 0], "image": rows})
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(names)}), tmp_path / "a.parquet")
    pictures = Pictures(tmp_path / "a.parquet", resolution=32)
    assert pictures.classes == CLASSES
    assert pictures.labels.tolist() == [0, 1, 0, 1]
    assert np.array_equal(pictures.images[1], np.asarray(Pillow.open(io.BytesIO(png(1)))))
    assert "1 damaged (4)" in caplog.text
    parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="no column of pictures"):
        Pictures(tmp_path / "b.parquet", resolution=32)
    encoded = [{"bytes": png(index)} for index in range(9)]
    parquet.write_table(pyarrow.table({"image": encoded}), tmp_path / "c.parquet")
    whole = bytearray((tmp_path / "c.parquet").read_bytes())
    whole[4:40] = bytes(36)
    (tmp_path / "c.parquet").write_bytes(whole)
    with pytest.raises(ValueError, match=r"not a complete Parquet file|skipped"):
        Pictures(tmp_path / "c.parquet", resolution=32)


def pickled(folder: Path, data: bytes) -> Path:
    (folder / "data_batch_1").write_bytes(data)
    return folder


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        import os

        return os.system, ("touch /tmp/gancam-was-here",)


def faults(folder: Path) -> dict[str, tuple[Path, str]]:
    """A broken source for each fault, and what must be said of it."""

    def at(name: str, data: bytes) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def array(name: str, values: NDArray[Any]) -> Path:
        np.save(folder / name, values)
        return folder / name

    made: dict[str, tuple[Path, str]] = {
        "absent": (folder / "absent", "no file or folder"),
        "absent pattern": (folder / "no-*.tar", "no file"),
        "absent zip": (folder / "no.zip", "no file"),
        "absent video": (folder / "no.mp4", "no file"),
        "cut npz": (at("cut.npz", b"PK\x03\x04" + bytes(99)), "not a complete .npz"),
        "npz of others": (at("other.npz", b"PK\x05\x06 damaged"), "not a complete .npz"),
        "one picture": (at("one.png", png(0)), "is one picture"),
        "one array": (array("one.npy", np.zeros((40, 30, 3), np.uint8)), "one picture"),
        "numbers": (array("many.npy", np.full((3, 40, 40), 70000)), "0..255 or 0..65535"),
        "empty npz": (at("empty.npz", b""), "not a complete .npz"),
        "text": (at("notes.txt", b"hello"), "pictures come from"),
        "parquet": (at("a.parquet", b"PAR1"), "Parquet"),
        "no video": (at("text.mp4", b"hello"), "not a complete video"),
        "no zip": (at("a.zip", b"hello"), "not a complete zip"),
        "no tar": (at("a.tar", b"hello" * 200), "not a complete tar"),
        "cut idx": (at("1/train-images-idx3-ubyte", idx(stack())[:500]).parent, "promises 15,680 bytes and has 484"),
        "text idx": (at("2/train-images-idx3-ubyte", b"hello world").parent, "not a complete idx file"),
        "short idx": (at("3/train-images-idx3-ubyte", b"a").parent, "not a complete idx"),
        "half gzip": (
            at("4/train-images-idx3-ubyte.gz", gzip.compress(idx(stack()))[:99]).parent,
            "not a complete idx",
        ),
        "half pickle": (at("5/data_batch_1", batch(range(4))[:99]).parent, "not a pickle of pictures"),
        "evil pickle": (at("6/data_batch_1", pickle.dumps({"data": Evil()})).parent, "which no pictures need"),
        "list": (at("7/data_batch_1", pickle.dumps([1])).parent, "it holds list"),
        "labels": (at("8/train-images-idx3-ubyte", idx(stack())).parent, "19 labels for 20 pictures"),
    }
    at("8/train-labels-idx1-ubyte", idx(np.zeros(19, np.uint8)))
    data = {"data": np.zeros((3, 3072), np.uint8), "labels": [1, 2]}
    made["labels of CIFAR"] = at("9/data_batch_1", pickle.dumps(data)).parent, "2 labels for 3 pictures"
    arrays = {
        "labels of npz": ({"x_train": stack(), "y_train": np.zeros(7)}, "7 labels for 20 pictures"),
        "no x_train": ({"a": stack(), "b": stack()}, "no x_train"),
        "flat": ({"x_train": np.zeros((3, 784))}, "not pictures"),
        "values": ({"x_train": np.full((3, 8, 8), -3.0)}, "0..1, -1..1 or 0..255"),
        "kind": ({"x_train": np.zeros((3, 8, 8), np.complex64)}, "is complex64"),
        "none": ({"x_train": np.zeros((0, 28, 28), np.uint8)}, "it is empty"),
    }
    for name, (table, said) in arrays.items():
        np.savez(folder / f"{name}.npz", **table)  # type: ignore[arg-type]
        made[name] = folder / f"{name}.npz", said
    with zipfile.ZipFile(folder / "bare.zip", "w") as archive:
        archive.writestr("notes.txt", "none")
    made["bare zip"] = folder / "bare.zip", "no image in"
    (folder / "bare").mkdir()
    made["bare folder"] = folder / "bare", "no image below"
    return made


def test_every_fault_is_one_line(tmp_path: Path) -> None:
    for name, (source, said) in faults(tmp_path).items():
        with pytest.raises((ValueError, FileNotFoundError), match=r".") as error:
            Pictures(source, resolution=28)
        assert said in str(error.value), name
        assert "\n" not in str(error.value), name
    assert not Path("/tmp/gancam-was-here").exists()


def test_damage_anywhere_is_one_error(tmp_path: Path) -> None:
    as_gzipped_idx(tmp_path)
    np.savez_compressed(tmp_path / "a.npz", x_train=stack(), y_train=np.arange(20) % 3)
    np.save(tmp_path / "a.npy", stack())
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", png(0))
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("0.png")
        entry.size = len(png(0))
        tar.addfile(entry, io.BytesIO(png(0)))
    rng = np.random.default_rng(0)
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        whole = path.read_bytes()
        for _ in range(25):
            torn = bytearray(whole)
            for place in rng.integers(len(torn), size=3):
                torn[place] ^= int(rng.integers(1, 256))
            path.write_bytes(torn[: len(torn) if rng.random() < 0.7 else int(rng.integers(len(torn)))])
            with suppress(ValueError, FileNotFoundError):
                Pictures(path, resolution=16)
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((2, 8, 8, 3), -0.5, np.float32), 64), (np.full((2, 8, 8), 0.5), 128), (np.full((2, 8, 8), 77), 77),
        (np.full((2, 8, 8), 2048, np.uint16), 128), (np.full((2, 8, 8), 40000), 156), (np.ones((2, 8, 8), bool), 255),
        (np.full((2, 8, 8, 4), (9, 9, 9, 0), np.uint8), 255), (np.full((2, 8, 8, 4), (9, 9, 9, 255), np.uint8), 9),
        (np.full((2, 4, 8, 8), 7, np.uint8), 248),
    ],
)  # fmt: skip
def test_arrays_of_every_kind_are_bytes(values: NDArray[Any], expected: int, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", values)
    assert Pictures(tmp_path / "a.npy", resolution=8).images[0, 4, 4].tolist() == [expected] * 3


def test_what_is_not_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Pillow.new("RGB", (16, 16), "red").save(tmp_path / "a.gif")
    for name in ("a.DNG", "b.dng", "c.svg", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "d.heic").write_bytes(b"no photo")
    for _ in range(2):
        Pictures(tmp_path, resolution=16)
    assert caplog.text.count("skipped 2 .dng, 1 .svg, which are not read: save them as .jpg or .png") == 1
    assert "skipped 1 damaged (d.heic)" in caplog.text


def test_photos_of_phones_are_learnt_from_as_they_are_played(tmp_path: Path) -> None:
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:, :24], picture[:8] = (200, 40, 20), (20, 60, 220)
    turned = box(b"irot", b"\1")
    (tmp_path / "a.heic").write_bytes(heic(picture, properties=[turned]))
    (tmp_path / "b.HIF").write_bytes(heic(picture))
    cv2.imwrite(str(tmp_path / "c.avif"), picture, [cv2.IMWRITE_AVIF_QUALITY, 95])
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(tmp_path / "a.heic", "cats/a.heic")
    for file in image_files(tmp_path):
        played = played_images.read_image(file)[0][..., ::-1]
        assert np.array_equal(read_image(file), played)
        upright = played if file.name != "a.heic" else np.rot90(played, -1)
        assert np.abs(upright.astype(int) - picture[..., ::-1]).mean() < 6
    assert len(image_files(tmp_path)) == 3
    assert [item.read().shape for item in items(tmp_path / "photos.zip")] == [(48, 32, 3)]


def test_opacity_of_a_photo_is_laid_on_white(tmp_path: Path) -> None:
    veil = np.array([[0, 255]], np.uint8).repeat(16, 1).repeat(32, 0)
    picture = np.dstack([np.full((32, 32, 3), 40, np.uint8), veil])
    cv2.imwrite(str(tmp_path / "a.avif"), picture, [cv2.IMWRITE_AVIF_QUALITY, 95])
    made = read_image(tmp_path / "a.avif").astype(int)
    assert np.abs(made[:, :14] - 255).max() < 10
    assert np.abs(made[:, 18:] - 40).max() < 10


def test_twelve_bits_in_sixteen_are_not_dark(tmp_path: Path) -> None:
    Pillow.fromarray(np.full((16, 16), 4080, np.uint16)).save(tmp_path / "a.tif")
    assert Pictures(tmp_path, resolution=16).images.min() == 254


@pytest.mark.parametrize("top", [65535, 30000, 16383, 4000, 255])
def test_sixteen_bits_of_a_png_are_learnt_from_as_they_are_played(tmp_path: Path, top: int) -> None:
    """However dark the picture is: its scale is that of the file, not of what is in it."""
    Pillow.fromarray(np.linspace(0, top, 32 * 32).reshape(32, 32).astype(np.uint16)).save(tmp_path / "a.png")
    played = played_images.read_image(tmp_path / "a.png")[0][..., ::-1].astype(int)
    assert np.abs(read_image(tmp_path / "a.png") - played).max() <= 1


def test_fractions_of_a_tiff_are_those_of_an_array(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ramp = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
    for factor in (1, 0.5, 255):
        np.save(tmp_path / "a.npy", ramp[None] * factor)
        Pillow.fromarray(ramp * np.float32(factor)).save(tmp_path / "a.tif")
        stored = Pictures(tmp_path / "a.npy", resolution=32).images[0]
        assert np.array_equal(read_image(tmp_path / "a.tif"), stored)
        assert stored.max() == (128 if factor == 0.5 else 255)
    ramp[0, 0] = np.nan
    Pillow.fromarray(ramp).save(tmp_path / "none.tif")
    with pytest.raises(ValueError, match=r"none.tif has values that are no numbers \(NaN\): pictures are floats"):
        read_image(tmp_path / "none.tif")
    np.save(tmp_path / "none.npy", ramp[None])
    with pytest.raises(ValueError, match=r"none.npy has values that are no numbers"):
        Pictures(tmp_path / "none.npy", resolution=32)
    Pictures(tmp_path, resolution=32)
    assert "skipped 1 of numbers that are no pixels (none.tif)" in caplog.text


def test_resource_forks_of_macos_are_no_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Beside each file of a disk that is not its own, macOS keeps a second one with ``._`` before its name."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(0))
    for name in ("._a.png", "._b.heic"):
        (folder / name).write_bytes(b"\0\5\26\7Mac OS X")
    assert [path.name for path in image_files(folder)] == ["a.png"]
    with zipfile.ZipFile(tmp_path / "shard.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"__MACOSX/{file.name}" if file.name.startswith("._") else file.name)
    (tmp_path / "._shard.zip").write_bytes(b"\0\5\26\7Mac OS X")
    for source in (folder, tmp_path / "shard.zip", tmp_path / "*.zip"):
        assert [item.name for item in items(source)] == ["a.png"]
    for file in folder.iterdir():
        file.rename(tmp_path / f"{file.stem}.kept")
    assert [item.name for item in items(tmp_path)] == ["a.png"]
    assert "heic" not in caplog.text


def test_captions_and_tables_of_shards(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        beside = {"0.txt": b"cat", "1.json": json.dumps({"label": "dog"}).encode(), "2.txt": b"x" * 300}
        for name, data in beside.items() | {f"{index}.png": png(index) for index in range(4)}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    assert [item.label for item in items(tmp_path / "a.tar")] == ["cat", "dog", "", ""]


def test_a_data_set_by_name_is_found_where_it_was_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCAM_DATA", str(tmp_path))
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    as_gzipped_idx(tmp_path / "MNIST" / "raw")
    assert Pictures(Path("mnist"), resolution=28, channels=1).images.shape[0] == 20
    as_cifar(tmp_path)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(as_cifar_tar(tmp_path).read_bytes())
    assert Pictures(Path("cifar10"), resolution=32).classes == CLASSES


def test_a_data_set_by_name_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCAM_DATA", str(tmp_path))
    fetched = []

    def download(known: named.Named, folder: Path) -> None:
        fetched.append(known.folder)
        (folder / known.folder).mkdir(parents=True)
        as_gzipped_idx(folder / known.folder)

    for _ in range(2):
        assert named.resolve(Path("fashion-mnist"), download=download) == tmp_path / "FashionMNIST" / "raw"
    assert fetched == ["FashionMNIST/raw"]


def test_without_a_network_one_line_says_which_file_goes_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCAM_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    def download(known: named.Named, folder: Path) -> None:
        raise OSError("Error downloading train-images:\nTried https://ossci, got:\n<urlopen error>\n")

    for name, file in (("mnist", "train-images-idx3-ubyte.gz"), ("cifar10", "cifar-10-python.tar.gz")):
        with pytest.raises(FileNotFoundError) as error:
            named.resolve(Path(name), download=download)
        assert file in str(error.value)
        assert str(tmp_path / named.NAMES[name].folder) in str(error.value)
        assert "\n" not in str(error.value)


def test_what_is_fetched_is_whole(tmp_path: Path) -> None:
    """From a folder as from the network: what is there stays, and what came damaged goes."""
    away, home = tmp_path / "away", tmp_path / "home"
    away.mkdir()
    as_gzipped_idx(away)
    files = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in sorted(away.iterdir())}
    known = named.Named(away.as_uri(), "MNIST/raw", files)
    named.fetch(known, home)
    for file in files:
        assert (home / "MNIST" / "raw" / file).read_bytes() == (away / file).read_bytes()
    first, *rest = files
    (home / "MNIST" / "raw" / first).write_bytes(b"mine")
    for file in rest:
        (home / "MNIST" / "raw" / file).unlink()
        (away / file).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is damaged, or another file by now"):
        named.fetch(known, home)
    assert [file.name for file in (home / "MNIST" / "raw").iterdir()] == [first]
    assert (home / "MNIST" / "raw" / first).read_bytes() == b"mine"
    assert all(re.fullmatch("[0-9a-f]{32}", digest) for one in named.NAMES.values() for digest in one.files.values())


def test_a_read_only_cache_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way of a folder")
    words = ["dcgan-mnist", "--data", "mnist", "--run", str(tmp_path / "run")]
    monkeypatch.setenv("GANCAM_DATA", str(blocked))
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.splitlines() == [said.strip()]
    assert f"Not a directory: '{blocked / 'MNIST'}" in said
    assert "put train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz into" in said


@pytest.mark.slow
def test_a_torchvision_of_another_pytorch_is_told_and_training_goes_on(tmp_path: Path) -> None:
    """Such a one cannot be imported, and torchmetrics imports it."""
    (tmp_path / "site" / "torchvision").mkdir(parents=True)
    broken = "raise RuntimeError('operator torchvision::nms does not exist')"
    (tmp_path / "site" / "torchvision" / "__init__.py").write_text(broken)
    root = str(Path(__file__).parents[2])
    environment = {
        "PATH": "", "GANCAM_DATA": str(tmp_path), "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([root, str(tmp_path / "site")]),
    }  # fmt: skip
    (tmp_path / "tiny.toml").write_text(GENERATOR.format(iterations=2))
    np.savez(tmp_path / "digits.npz", x_train=np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8))
    command = [sys.executable, "-W", "ignore", "-m", "train", "tiny.toml", "--data", "digits.npz", "--run", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "torchvision is of another PyTorch" in done.stderr
    assert "no Frechet distance" in done.stderr
    assert "Traceback" not in done.stderr
