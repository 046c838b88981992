"""Fill in what these pages take from the code: the command line, the effects' parameters, the models' cards.

A page has lines such as ``<!-- generated: parameters morph -->``; mkdocs calls ``on_page_markdown`` (it is a hook of
mkdocs.yml), which puts the text there. ``python docs/generate.py PAGE`` prints a page as it will be built.
"""

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from gancam.inference.card import ModelCard
from gancam.inference.catalog import menu
from gancam.inference.variants import read_card, variants
from gancam.params import Params

DOCS = Path(__file__).parent
MARKER = re.compile(r"^<!-- generated: (\w+) ?([\w-]*) -->$", re.MULTILINE)
TASKS = {  # effect of a card: the word for it, and its page
    "background": ("people, background", "effects/background.md"),
    "super_resolution": ("super-resolution", "effects/super-resolution.md"),
    "inpaint": ("inpainting", "effects/inpainting.md"),
    "morph": ("generator", "effects/morphs.md"),
    "translate": ("image to image", "effects/image-to-image.md"),
    "faces": ("faces", "effects/faces.md"),
}

OTHER_SIDE = {"train": "train.__main__", "export": "export.__main__"}  # commands whose options the other process has


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

    return MARKER.sub(fill, markdown)


def commands(_: str = "") -> str:
    """Every command of `gancam` with its arguments and options, as its ``--help`` has them."""
    import typer

    import_module("gancam.cli.main")  # it registers the commands
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
        rows.append([f"`{entry.name}`", entry.describe(), f"`{default}`" if default else "", entry.help])
    return table(["parameter", "value", "default", "meaning"], rows)


def models(_: str = "") -> str:
    """The bundled models, a row each, by task."""
    cards = {name: read_card(path) for name, path in menu().items()}
    rows = []
    for task, (word, page) in TASKS.items():
        for name, card in cards.items():
            if card.effect == task:
                link = f"[`{name}`](#{name})"
                rows.append([link, f"[{word}]({page})", _size(card), _sentence(card), card.licence])
    return table(["name", "task", "size", "what it does", "licence of the weights"], rows)


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
            ["files", ", ".join(f"{kind} {file.stat().st_size / 1e6:.2f} MB" for kind, file in files.items())],
            *([f"`{figure}`", f"{value:.4g}"] for figure, value in sorted(card.quality.items())),
        ]  # fmt: skip
        parts += [f"### {name}", f"{_sentence(card)}.", table(["", "on its card"], [row for row in rows if row[1]])]
    return "\n\n".join(parts)


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
    "tree": tree,
}  # fmt: skip

if __name__ == "__main__":
    print(expand((DOCS / sys.argv[1]).read_text(encoding="utf-8")))
