"""The gallery of the documentation: every bundled model on the same pictures and clips, beside what others have.

    python -m benchmarks.gallery                                   # the shipped samples, into docs/gallery
    python -m benchmarks.gallery --pictures DIR FILE --clips FILE --out DIR --peers DIR --contrib PYTHON --teachers DIR
    python -m benchmarks.gallery --only styles                     # one section anew
    python -m benchmarks.gallery --only-times                      # nothing but the times, on a machine at rest

Models are found by their cards. Files go below --out, a folder for each section; gallery.json has what stands under
the pictures, and the page (docs/gallery/index.md) is made from it when the documentation is built. sources.toml knows
pictures and clips by the end of their paths: title, source, licence, and the place that is shown; others are shown by
their names.
Networks of others are optional: --peers is a folder with FSRCNN_x2.pb and the like, which the Python of --contrib plays
(opencv-contrib-python in an environment of its own, as in benchmarks/against_opencv.py); --teachers one with
realesr-animevideov3-x2.param and .bin and the like, of ncnn.

The same files give the same pictures. Needs what training needs: pip install -e ".[train]".
"""

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.gallery import files, moving, tasks, times
from benchmarks.gallery.generators import write_generator
from benchmarks.gallery.pictures import Credit, Scene, gather
from benchmarks.gallery.tasks import TASKS, Sheet, Task, belonging
from benchmarks.gallery.ways import Peers, Way, ours, use_all_cores
from gancam.inference.card import ModelCard
from gancam.inference.catalog import menu
from gancam.inference.variants import read_card

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "samples"
GALLERY = ROOT / "docs" / "gallery"
SECTIONS = (*TASKS, "generators", "others")
FAIL_SIZE = (256, 192)  # of the pictures of a bad case


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the gallery."""
    options = parser().parse_args(arguments)
    use_all_cores()
    cards = {name: read_card(path) for name, path in menu().items() if not options.models or name in options.models}
    peers = Peers(options.peers, options.contrib, options.teachers)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    old = json.loads((out / "gallery.json").read_text()) if (out / "gallery.json").is_file() else {}
    sections = dict(old.get("sections", {}))
    if not options.only_times:
        scene = gather(options.pictures, options.clips, options.sources)
        sections = _made(options, cards, peers, scene, sections)
        old |= _about(scene)
    if not options.no_times:
        old["times"] = times.measure(_all_ways(cards, peers), peers)
    old["sections"] = {name: sections[name] for name in SECTIONS if name in sections}
    (out / "gallery.json").write_text(json.dumps(old, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    total = sum(file.stat().st_size for file in out.rglob("*") if file.suffix in (".webp", ".mp4"))
    print(f"{out}: {total / 1e6:.2f} MB of pictures and clips")
    return 0


def parser() -> argparse.ArgumentParser:
    """Name the options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    made.add_argument("--pictures", type=Path, nargs="+", default=[SAMPLES / "stills", SAMPLES / "people.jpg"])
    made.add_argument("--clips", type=Path, nargs="*", default=[SAMPLES / "city.mp4"])
    made.add_argument("--sources", type=Path, default=GALLERY / "sources.toml", help="what is known of them")
    made.add_argument("--out", type=Path, default=GALLERY)
    made.add_argument("--only", choices=SECTIONS, nargs="+", default=SECTIONS, help="sections that are made anew")
    made.add_argument("--models", nargs="+", default=[], help="of the bundled models, these alone")
    made.add_argument("--peers", type=Path, help="folder with FSRCNN_x2.pb and FSRCNN_x4.pb")
    made.add_argument("--contrib", default="", help="Python with opencv-contrib-python, which plays those")
    made.add_argument("--teachers", type=Path, help="folder with realesr-animevideov3-x2.param, ...")
    made.add_argument("--only-times", action="store_true", help="measure the times, and leave the rest as it is")
    made.add_argument("--no-times", action="store_true")
    return made


def _made(
    options: argparse.Namespace, cards: Mapping[str, ModelCard], peers: Peers, scene: Scene, sections: dict[str, object]
) -> dict[str, object]:
    """Make the sections that are asked for; the others stay."""
    for name in options.only:
        began = time.perf_counter()
        section = _section(name, cards, peers, scene, options.out, _fails(options.sources, name))
        if section is not None:
            sections[name] = section
        else:
            sections.pop(name, None)
        print(f"{name}: {time.perf_counter() - began:.1f} s", flush=True)
    return sections


def _section(
    name: str, cards: Mapping[str, ModelCard], peers: Peers, scene: Scene, out: Path, fails: list[dict[str, object]]
) -> dict[str, object] | None:
    """Make a section's files; returns what stands in the JSON, None where there is nothing to show."""
    folder = out / name
    for old in [*folder.glob("*.webp"), *folder.glob("*.mp4")]:
        old.unlink()
    if name == "generators":
        return _generators(folder, cards, scene)
    names = belonging(name, cards)
    if not names:
        return None
    task = _task(name)
    ways = task.ways(names, peers)
    sheet = task.sheet(ways, scene)
    if not sheet.rows:
        return None
    section: dict[str, object] = {
        "rows": [one.credit.title for one in sheet.rows], "first": sheet.first, "width": sheet.size[0],
        "folded": sheet.folded_size[0],
        "across": sheet.across,
        "columns": [{**_facts(column.way), **{figure: round(value, 3) for figure, value in column.figures.items()},
                     **files.write_column(folder, sheet, column)} for column in sheet.columns],
        "fails": [made for fail in fails if (made := _fail(folder, sheet, fail)) is not None],
    }  # fmt: skip
    return section | _clip(folder, name, [way for way in ways if way.key], scene)


def _clip(folder: Path, name: str, ways: Sequence[Way], scene: Scene) -> dict[str, object]:
    """Write the clip of a section; what stands of it in the JSON, nothing where there is none."""
    if name not in moving.MOVING or not scene.clips:
        return {}
    frames = moving.shown(name, ways, scene.clips)
    written = files.write_clip(folder / "clip.mp4", frames, moving.MOVING[name].most)
    return {"clip": written, "tiles": moving.names(name, ways)}


def _task(name: str) -> Task:
    return TASKS[name] if name in TASKS else Task(lambda card: True, tasks.models, tasks.before_and_after)


def _generators(folder: Path, cards: Mapping[str, ModelCard], scene: Scene) -> dict[str, object] | None:
    names = belonging("generators", cards)
    if not names:
        return None
    ways = [ours(name) for name in names]
    columns = [{**_facts(way), **write_generator(folder, name)} for way, name in zip(ways, names, strict=True)]
    return {"columns": columns, **_clip(folder, "generators", ways, scene)}


def _facts(way: Way) -> dict[str, object]:
    facts = {"name": way.name, "model": way.model, "key": way.key, "said": way.said, "parameters": way.parameters,
             "kilobytes": round(way.kilobytes, 1)}  # fmt: skip
    return {key: value for key, value in facts.items() if value}


def _fails(sources: Path, section: str) -> list[dict[str, object]]:
    with sources.open("rb") as file:
        return [fail for fail in tomllib.load(file).get("fail", []) if fail["section"] == section]


def _fail(folder: Path, sheet: Sheet, fail: Mapping[str, object]) -> dict[str, object] | None:
    """Write a bad case, where its picture and its columns are there."""
    rows = [place for place, row in enumerate(sheet.rows) if row.credit.file == fail["file"]]
    by_name = {column.way.name: column for column in sheet.columns}
    columns = [str(name) for name in fail["columns"]]  # type: ignore[attr-defined]
    if not rows or not set(columns) <= set(by_name):
        return None
    place = rows[int(fail.get("which", 0))]  # type: ignore[call-overload]
    row = sheet.rows[place]
    at = fail.get("at", sheet.place(place))
    images = [by_name[name].images[place] for name in columns]
    if sheet.whole and at is None:
        cells = [row.whole(image, FAIL_SIZE) for image in images]
    else:
        cells = [row.crop(image, FAIL_SIZE, at) for image in images]  # type: ignore[arg-type]
    written = files.save(folder / f"fail-{fail['name']}.webp", files.stacked(cells, across=True), files.FAIL_QUALITY)
    return {
        "image": written,
        "columns": columns,
        "title": fail["title"],
        "text": fail["text"],
        "picture": row.credit.title,
    }


def _all_ways(cards: Mapping[str, ModelCard], peers: Peers) -> list[Way]:
    return [way for name in SECTIONS if (names := belonging(name, cards)) for way in _task(name).ways(names, peers)]


def _about(scene: Scene) -> dict[str, object]:
    def told(credit: Credit) -> dict[str, str]:
        return {"file": credit.file, "title": credit.title, "source": credit.source, "licence": credit.licence}

    return {
        "pictures": [told(one.credit) for one in scene.pictures],
        "clips": [told(one.credit) for one in scene.clips],
    }


if __name__ == "__main__":
    sys.exit(main())
