"""What a run learns from, as it lies on disk: by which a run that goes on notices that it is not what it was."""

from collections.abc import Mapping
from pathlib import Path

from train.data import on_disk
from train.data.archives import is_archive
from train.data.named import NAMES, resolve
from train.recipe import Recipe

OPTIONS = ("b", "style", "frames", "teacher")  # keys of [data], and options of the command line, that are paths
Sizes = dict[str, int]  # files, and bytes of all together; empty for what is no path


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
