"""Fill in what these pages take from the code: the command line, the effects' parameters, the models' cards.

A page has lines such as ``<!-- generated: parameters morph -->``; mkdocs calls ``on_page_markdown`` (it is a hook of
mkdocs.yml), which puts the text there, and takes away the note that tells readers of the bare file (on GitHub, say)
what it lacks. ``python docs/generate.py PAGE`` prints a page as it will be built.
"""

import argparse
import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from gancam.inference.card import ModelCard
from gancam.inference.catalog import menu
from gancam.inference.variants import is_made, read_card, variants
from gancam.params import Parameter, Params

DOCS = Path(__file__).parent
MARKER = re.compile(r"^<!-- generated: (\w+) ?([\w-]*) -->$", re.MULTILINE)
NOT_BUILT = """\
> *Not built.* What this page takes from the code is missing here; in a checkout, `pip install ".[docs]"` and then
> `mkdocs serve` show all of it.

"""  # below the title of each page with markers
GALLERY = json.loads((DOCS / "gallery" / "gallery.json").read_text(encoding="utf-8"))  # what benchmarks/gallery wrote
TASKS = {  # effect of a card: the word for it, and its page
    "background": ("people, background", "effects/background.md"),
    "super_resolution": ("super-resolution", "effects/super-resolution.md"),
    "inpaint": ("inpainting", "effects/inpainting.md"),
    "morph": ("generator", "effects/morphs.md"),
    "translate": ("image to image", "effects/image-to-image.md"),
    "faces": ("faces", "effects/faces.md"),
}

OTHER_SIDE = {"train": "train.arguments", "export": "export.arguments"}  # commands whose options the other process has


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The hook that mkdocs calls with the text of each page."""
    return expand(markdown)


def expand(markdown: str) -> str:
    """Replace every marker by what it stands for. Raises ``ValueError`` for a marker that is unknown."""

    def fill(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name not in GENERATORS:
            raise ValueError(f"{match[0]}: there are {', '.join(GENERATORS)}")
        return GENERATORS[name](argument)

    return MARKER.sub(fill, markdown.replace(NOT_BUILT, "", 1))


def commands(_: str = "") -> str:
    """Every command of `gancam` with its arguments and options, as its ``--help`` has them."""
    import typer

    import_module("gancam.cli.app").load_commands()
    root = typer.main.get_command(import_module("gancam.cli.app").app)
    parts = []
    for name in root.list_commands(typer.Context(root)):  # type: ignore[attr-defined]
        command = root.commands[name]  # type: ignore[attr-defined]
        context = command.make_context(name, [], resilient_parsing=True)
        usage = _plain(" ".join(command.collect_usage_pieces(context)))
        rows = [_option_row(record) for one in command.params if (record := one.get_help_record(context)) is not None]
        if name in OTHER_SIDE:
            usage, rows = _parsed(import_module(OTHER_SIDE[name]).make_parser())
        parts += [
            f"## gancam {name}", " ".join((command.help or "").split()), f"```text\ngancam {name} {usage}\n```",
            table(["argument or option", "meaning"], rows),
        ]  # fmt: skip
    return "\n\n".join(parts)


def _option_row(record: tuple[str, str]) -> list[str]:
    names, meaning = record
    return [f"`{_plain(names)}`", " ".join(meaning.split())]


def _parsed(parser: argparse.ArgumentParser) -> tuple[str, list[list[str]]]:
    """The usage and the options of a command of PyTorch's side, as its ``--help`` has them."""
    actions = [action for action in parser._actions if "--help" not in action.option_strings]
    needed = [action for action in actions if action.required]
    words = [f"{action.option_strings[0]} {action.dest.upper()}" for action in needed if action.option_strings]
    usage = " ".join([*(one.dest.upper() for one in needed if not one.option_strings), *words, "[OPTIONS]"])
    rows = []
    for action in actions:
        value = "" if action.nargs == 0 else action.metavar or ("|".join(action.choices or []) or action.dest.upper())
        names = ", ".join(action.option_strings)
        rows.append([f"`{f'{names} {value}'.strip() if names else action.dest.upper()}`", action.help or ""])
    return usage, rows


def _plain(usage: str) -> str:
    """Shorten Typer's way to say several values: ``{IN... OUT}...`` to ``IN... OUT``, ``<list[str]>`` to ``<str>``."""
    usage = re.sub(r"\{(\w+)\}(?!\.)", r"\1", usage)
    usage = re.sub(r"\{(.+)\}\.\.\.", r"\1", usage).replace("[[NAME...]]...", "[NAME...]")
    usage = re.sub(r"<list\[(\w+)\]>", r"<\1>", usage).replace(" range>", ">")
    return " ".join(usage.replace("[NAME...] <str>", "[NAME...]").split())


def parameters(effect: str) -> str:
    """The declared parameters of an effect."""
    module = import_module(f"gancam.effects.{effect}")
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Params)]
    declared = next(kind for kind in kinds if kind is not Params).declared()
    rows = []
    for entry in declared.values():
        default = entry.text(entry.default)
        told = [f"`{default}`" if default else "", *_own_defaults(effect, entry)]
        rows.append([f"`{entry.name}`", entry.describe(), "; ".join(filter(None, told)), entry.help])
    return table(["parameter", "value", "default", "meaning"], rows)


def _own_defaults(effect: str, entry: Parameter) -> list[str]:
    """The other values with which models play, by their cards, unless something else is asked for."""
    own = dict[str, list[str]]()
    for name, path in menu().items():
        card = read_card(path)
        value = entry.text(entry.type(card.defaults.get(entry.name, entry.default)))
        if card.effect == effect and value != entry.text(entry.default):
            own.setdefault(value, []).append(f"`{name}`")
    return [f"`{value}` for {', '.join(names)}" for value, names in own.items()]


def models(_: str = "") -> str:
    """The bundled models, a row each, by task."""
    cards = {name: read_card(path) for name, path in menu().items()}
    rows = []
    for task, (word, page) in TASKS.items():
        for name, card in cards.items():
            if card.effect == task:
                does = f"{_sentence(card)} ([{word}]({page}))"
                rows.append([f"[`{name}`](#{name})", does, _size(card), card.licence])
    return table(["name", "what it does", "size", "licence of the weights"], rows)


def cards(_: str = "") -> str:
    """The card of every bundled model."""
    parts = []
    for name, path in menu().items():
        card, files = read_card(path), variants(path)
        rows = [
            ["task", f"[{TASKS[card.effect][0]}]({TASKS[card.effect][1]})"], ["size", _size(card)],
            ["parameters", f"{card.parameters:,}"], ["licence", card.licence], ["trained on", card.data],
            ["recipe", f"`{card.recipe}`" if card.recipe else ""],
            ["plays with", ", ".join(f"`{name}={value:g}`" for name, value in card.defaults.items())],
            ["files", ", ".join(_file(kind, file) for kind, file in files.items())],
            *([f"`{figure}`", f"{value:.4g}"] for figure, value in sorted(card.quality.items())),
        ]  # fmt: skip
        parts += [f"### {name}", f"{_sentence(card)}.", table(["", "on its card"], [row for row in rows if row[1]])]
    return "\n\n".join(parts)


def _file(kind: str, file: Path) -> str:
    return f"{kind} made of fp32" if is_made(file, kind) else f"{kind} {file.stat().st_size / 1e6:.2f} MB"


def gallery(section: str) -> str:
    """The pictures of a section of the gallery, with size and time under each; "" where there are none."""
    shown = GALLERY["sections"].get(section)
    if shown is None:
        return ""
    columns, rows = shown["columns"], shown.get("rows", [])
    first = shown.get("first", 0)
    kind = "gallery wide" if section == "generators" or shown["across"] else "gallery"
    width, folded = (f' style="--cell: {max(shown.get(one, 0), 150) / 20:.2f}rem"' for one in ("width", "folded"))
    figures = [_figure(one["image"], _caption(one), f"{one['name']}: {', '.join(rows[:first])}") for one in columns]
    parts = [f'<div class="{kind}"{width}>{"".join(figures)}</div>']
    if rows[first:]:
        figures = [_named(one["more"], one["name"]) for one in columns]
        told = f"the same for {len(rows) - first} more: {', '.join(rows[first:])}"
        inside = f'<div class="gallery"{folded}>{"".join(figures)}</div>'
        parts.append(f"<details><summary>{escape(told)}</summary>{inside}</details>")
    return "\n".join(parts)


def gallery_films(section: str) -> str:
    """How the pictures of the generators turn into each other."""
    figures = [
        _figure(one["film"], f"<b>{escape(one['name'])}</b>", f"{one['name']}: from seed to seed")
        for one in GALLERY["sections"][section]["columns"]
    ]
    return f'<div class="gallery wide">{"".join(figures)}</div>'


def gallery_clip(section: str) -> str:
    """The clip of a section; "" where there is none. Its tiles are named below, too: controls may hide its last row."""
    shown = GALLERY["sections"].get(section, {})
    if "clip" not in shown:
        return ""
    names = escape(f"Row by row: {', '.join(shown['tiles'])}.")
    video = f'<video src="{shown["clip"]}" autoplay loop muted playsinline controls aria-label="{names}"></video>'
    return f'<div class="gallery wide"><figure>{video}<figcaption>{names}</figcaption></figure></div>'


def gallery_fails(_: str = "") -> str:
    """The bad cases of all sections."""
    parts = []
    for section in GALLERY["sections"].values():
        for case in section.get("fails", []):
            told = "".join(f"<span>{escape(name)}</span>" for name in case["columns"])
            said = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(case["text"]))
            caption = f"<b>{escape(case['title'])}</b> · {escape(case['picture'])}. {said}"
            caption = f'<div class="columns">{told}</div><figcaption>{caption}</figcaption>'
            alt = escape(f"{case['title']}: {', '.join(case['columns'])}")
            image = f'<img src="{case["image"]}" alt="{alt}">'
            width = 13.1 * len(case["columns"])
            parts.append(f'<figure style="max-width: {width:.1f}rem">{image}{caption}</figure>')
    return f'<div class="gallery wide fails">{"".join(parts)}</div>'


def gallery_table(_: str = "") -> str:
    """All that is shown in the gallery, with sizes, times and figures."""
    rows = []
    for section, shown in GALLERY["sections"].items():
        for one in shown["columns"]:
            if "key" in one:
                code = f"`{one['name']}`" if "model" in one else one["name"]
                rows.append([code, _milliseconds(one), f"{one['db']:.2f}" if "db" in one else "",
                             f"{one['distance']:.3f}" if "distance" in one else "",
                             f"{one['parameters']:,}" if "parameters" in one else "", _kilobytes(one),
                             section])  # fmt: skip
    return table(["played", "time", "dB", "apart", "parameters", "file", "section"], rows)


def gallery_sources(_: str = "") -> str:
    """The pictures and clips of the gallery, with sources and licences."""
    kinds = ("pictures", "clips")
    shown = [(kind.removesuffix("s"), one) for kind in kinds for one in GALLERY[kind]]
    rows = [[one["title"], kind, one["source"], one["licence"]] for kind, one in shown]
    return table(["what", "", "source", "licence"], rows)


def gallery_machine(_: str = "") -> str:
    """Where the times of the gallery were measured."""
    machine = GALLERY["times"]["machine"]
    busy = f" **It was busy then (load {machine['load']:.0f}): times are too long.**" if machine["load"] > 2 else ""
    return (f"{machine['cores']} cores of {machine['cpu']} ({machine['kernel_instructions']}), ONNX Runtime "
            f"{machine['onnxruntime']}, OpenCV {machine['opencv']}.{busy}")  # fmt: skip


def _figure(image: str, caption: str, alt: str) -> str:
    shown = f'<img src="{image}" alt="{escape(alt)}">'
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _named(image: str, name: str) -> str:
    """A column that is higher than a screen, with its name above."""
    return f'<figure><figcaption><b>{escape(name)}</b></figcaption><img src="{image}" alt="{escape(name)}"></figure>'


def _caption(one: Mapping[str, Any]) -> str:
    """Name, size, time and figures, in three lines, which break between figures alone."""
    name = f"<b>{escape(one['name'])}</b>"
    if "model" in one:
        name = f'<a href="../models/#{one["model"]}">{name}</a>'
    size = [f"{one['parameters']:,} parameters" if "parameters" in one else one.get("said", ""), _kilobytes(one)]
    figures = [_milliseconds(one), f"{one['db']:.1f} dB" if "db" in one else "",
               f"{one['distance']:.2f} apart" if "distance" in one else ""]  # fmt: skip
    lines = [name, *(" · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in filter(None, line))
                     for line in (size, figures))]  # fmt: skip
    return "<br>".join(filter(None, lines))


def _kilobytes(one: Mapping[str, Any]) -> str:
    return f"{one['kilobytes']:,.0f}\N{NO-BREAK SPACE}KB" if "kilobytes" in one else ""


def _milliseconds(one: Mapping[str, Any]) -> str:
    took = GALLERY["times"]["ms"].get(one.get("key"))
    return "" if took is None else f"{took:.{0 if took >= 9.95 else 1}f}\N{NO-BREAK SPACE}ms"


def _sentence(card: ModelCard) -> str:
    """What the card says the model does, as a sentence begins (but x2 stays x2)."""
    return card.summary if card.summary[1:2].isdigit() else card.summary[:1].upper() + card.summary[1:]


def _size(card: ModelCard) -> str:
    if card.layout == "latent":
        return f"{card.resolution}x{card.resolution} pictures"
    return f"x{card.scale}" if card.scale > 1 else "as the frame"


def tree(_: str = "") -> str:
    """Every module of gancam with the first sentence of its docstring, folder by folder."""
    package, parts = DOCS.parent / "gancam", []
    for folder in [package, *sorted(path.parent for path in package.glob("*/**/__init__.py"))]:
        rows = []
        for file in sorted(folder.glob("*.py"), key=lambda file: (file.name != "__init__.py", file.name)):
            said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            sentence = " ".join(said.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")
            if sentence:
                rows.append([f"`{file.name}`", f"{sentence}."])
        parts += [f"### `{folder.relative_to(DOCS.parent).as_posix()}/`", table(["module", ""], rows)]
    return "\n\n".join(parts)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table. A bar outside of code is escaped; within code, Python-Markdown takes it as it is."""

    def escaped(cell: str) -> str:
        return "`".join(part if code % 2 else part.replace("|", "\\|") for code, part in enumerate(cell.split("`")))

    lines = [heads, ["---"] * len(heads), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


GENERATORS: dict[str, Callable[[str], str]] = {
    "commands": commands, "parameters": parameters, "models": models, "cards": cards,
    "tree": tree, "gallery": gallery, "gallery_films": gallery_films, "gallery_clip": gallery_clip,
    "gallery_fails": gallery_fails, "gallery_table": gallery_table, "gallery_sources": gallery_sources,
    "gallery_machine": gallery_machine,
}  # fmt: skip

if __name__ == "__main__":
    print(expand((DOCS / sys.argv[1]).read_text(encoding="utf-8")))
