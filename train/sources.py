"""What a run learns from, as it lies on disk: its classes, and its size, by which a run notices that it is another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.data import on_disk
from train.data.archives import is_archive
from train.data.items import is_stream, items
from train.data.named import NAMES, resolve
from train.recipe import Recipe

SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}  # folders that are no classes
OPTIONS = ("b", "style", "frames", "teacher")  # keys of [data], and options of the command line, that are paths
Sizes = dict[str, int]  # files, and bytes of all together; empty for what is no path


def class_tables(recipe: Recipe, data: Path) -> dict[str, dict[str, Any]]:
    """Return what the tables of `recipe` must say for the classes of `data`.

    The latent grows or shrinks with their number. Nothing is to be said where the recipe makes no classes, or insists
    on some by [data] `names`, or the pictures have none. Raises ``ValueError`` where the folders are parts of a data
    set rather than classes, and as `items` does.
    """
    count = recipe.network.get("classes")
    if not isinstance(count, int) or count < 1 or "names" in recipe.data or is_stream(data):
        return {}
    names = sorted({item.label for item in items(data)})
    if {name.lower() for name in names} <= SPLITS:
        first = data / min(names, key=lambda name: not name.lower().startswith("train"))
        raise ValueError(f"{data} has the folders {', '.join(names)}, which are no classes: give --data {first}")
    if len(names) < 2:
        return {}
    tables: dict[str, dict[str, Any]] = {"network": {"classes": len(names)}, "discriminator": {"classes": len(names)}}
    if isinstance(latent := recipe.network.get("latent"), int):
        tables["network"]["latent"] = latent - count + len(names)
    return tables | {"data": {"names": names}}


def sizes(recipe: Recipe, data: Path) -> dict[str, Sizes]:
    """Measure all that `recipe` learns from: `data`, and the paths that its [data] has, by the names of the options."""
    paths = {name: Path(str(recipe.data[name])) for name in OPTIONS if recipe.data.get(name)}
    return {name: _measured(path) for name, path in {"data": data, **paths}.items()}


def changes(before: Mapping[str, Sizes] | Sizes, now: Mapping[str, Sizes]) -> list[str]:
    """Tell what of `sizes` is not what it was, for a message each; what was not recorded then is taken to be the same.

    A run of before the others were recorded has those of its data alone, without their name.
    """
    then = {name: size for name, size in before.items() if isinstance(size, dict)}
    if "files" in before:
        then = {"data": {name: size for name, size in before.items() if isinstance(size, int)}}
    said = []
    for name in then.keys() & now.keys():
        was, here = then[name], now[name]
        if was != here:
            numbers = [size.get(key, 0) for size in (was, here) for key in ("files", "bytes")]
            said.append("--{}: {} files of {} bytes then, {} of {} now".format(name, *numbers))
    return sorted(said)


def _measured(path: Path) -> Sizes:
    if str(path) in NAMES:
        path = resolve(path)
    if "*" in path.name:
        found = [on_disk(file) for file in path.parent.glob(path.name)]
    else:
        # a folder within an archive is measured with all of it
        archive = next((one for one in (path, *path.parents) if is_archive(one) and one.is_file()), path)
        found = [on_disk(archive)]
        if path.suffix == ".param":  # of ncnn, whose weights lie beside
            found.append(on_disk(path.with_suffix(".bin")))
    return {key: sum(size[key] for size in found if size) for key in ("files", "bytes")} if any(found) else {}
