"""The application of the command line, and which module has which of its commands."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from gancam.errors import InputError
from gancam.inference.catalog import menu

COMMANDS = {  # in the order of the help: those that everybody uses first
    "process": ("process", "Apply effects to videos and images, and write new files."),
    "live": ("live", "Play a camera, a stream or a video file through effects."),
    "studio": ("studio", "Open gancam as a page in your browser."),
    "demo": ("demo", "Upscale a short bundled clip and show the difference."),
    "models": ("models", "List models and effects, or show one of them."),
    "sample": ("generate", "Make pictures with a generator, as a grid or as files."),
    "morph": ("generate", "Make a video that morphs through pictures of a generator."),
    "train": ("training", "Train a GAN of your own, or continue a training."),
    "export": ("training", "Export a training run to model files."),
    "import": ("importing", "Add somebody else's model to your own, under a name."),
    "compare": ("compare", "Show before and after, in one picture or video with labels."),
    "verify": ("inspect", "Compare a processed file with its original."),
    "bench": ("bench", "Measure how fast models are on this machine."),
    "doctor": ("inspect", "Check what works on this machine, and suggest remedies."),
}
"""All commands: the module that has each, and what the list says of it, the first sentence of its help."""
_EXAMPLES = {  # a whole call, by the name of the command
    "process": "gancam process in.mp4 out.mp4 -e sr-x2",
    "sample": "gancam sample morph-fruits grid.png",
    "morph": "gancam morph morph-fruits loop.mp4",
    "import": "gancam import model.onnx --name mine",
    "compare": "gancam compare in.mp4 out.mp4 both.png",
    "verify": "gancam verify in.mp4 out.mp4",
}
_VALUES = {"effect": "sr-x2", "start": "10s", "stop": "20s", "to": "window", "size": "1280x720"}  # by parameter


def missing(command: str, said: str, params: Sequence[object]) -> str:
    """Say what a call lacks, and give one that has it.

    Args:
        command: The command's name.
        said: What Typer says.
        params: The command's arguments and options.

    Returns:
        One line; empty where `said` is of something else.
    """
    more = f"gancam {command} --help says more"
    if said.startswith("Missing argument"):
        needed = [str(one.metavar or one.name) for one in params if isinstance(one, TyperArgument) and one.required]
        example = f"as in {_EXAMPLES[command]}" if command in _EXAMPLES else more
        return f"{command} needs {' and '.join(needed)}, {example}"
    if said.endswith("requires an argument."):
        for one in params:
            name = next((name for name in one.opts if repr(name) in said), "") if isinstance(one, TyperOption) else ""
            if isinstance(one, TyperOption) and name:
                example = f", as in {name} {_VALUES[one.name]}" if one.name in _VALUES else ""
                return f"{command}: {name} needs a value ({one.metavar}){example}; {more}"
    return ""


def _no_command(word: str) -> str:
    """Say what to write instead of a word that is no command: one that is near, or the command for what it is."""
    if word.partition(":")[0] in menu():
        made = f"gancam process in.mp4 out.mp4 -e {word} takes a file through it"
        return f"{word!r} is an effect: gancam live -e {word} plays it, and {made}"
    live = word.isdecimal() or "://" in word
    if live or Path(word).suffix or Path(word).exists():
        made = "" if live else f", and gancam process {word} OUT makes a file of it"
        return f"{word!r} is no command: gancam live {word} plays it{made}"
    near = get_close_matches(word, COMMANDS, n=1, cutoff=0.7)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"no command {word!r}{meant}; gancam --help lists them"


class Command(TyperCommand):
    """A command whose help names what it takes as manuals do: `IN... OUT`, not `{IN... OUT}... <list[str]>`."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        """Write the help without Typer's signs for what is required, and for types."""
        text = re.sub(r"\{(.+?)\}(\.\.\.)?", r"\1", super().get_help(ctx))
        return re.sub(r" <(?:list\[)?(?:str|path|Path|int|float)\]?>", lambda found: " " * len(found[0]), text)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read a call. Raises ``InputError`` where an argument, or the value of an option, is missing."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if said := missing(ctx.info_name or "", error.format_message(), self.params):
                raise InputError(said) from error
            raise


class _Commands(TyperGroup):
    """Lists the commands as they are needed, first those that everybody uses, also those that are not loaded.

    In their help the value of an option is called after the option (`--device DEVICE`) where it has no better name.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, (_, does) in COMMANDS.items():
            self.commands.setdefault(name, Command(name, help=does))
        for command in self.commands.values():
            for option in command.params:
                if isinstance(option, TyperOption) and not option.is_flag and option.metavar is None:
                    option.metavar = option.opts[-1].lstrip("-").upper()

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Find the command that a call names. Raises ``InputError`` where there is none, with what may be meant."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise InputError(_no_command(args[0]))
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(self.commands, key=list(COMMANDS).index)


app = typer.Typer(
    name="gancam", cls=_Commands, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Run GANs on live video, video files and images: enlarge, erase objects, restyle, colour, or morph generated "
    "pictures over them; in real time on a plain CPU.",
    epilog="\b\nExamples:\n"
    "  gancam live -e background               blur what is behind you\n"
    "  gancam process in.mp4 out.mp4 -e sr-x2  make a video twice as large\n"
    "  gancam models                           list the effects\n"
    "  gancam process --help                   show the options of a command",
)  # fmt: skip


def load_commands(arguments: Sequence[str] | None = None) -> None:
    """Add to the application the command that `arguments` name, or none where they name none; all of them by default.

    Only that of the command that is asked for is loaded, which takes half the time; the list of commands is complete
    without any of them.
    """
    if arguments is None:
        modules = [module for module, _ in COMMANDS.values()]
    else:
        named = next((word for word in arguments if not word.startswith("-")), "")
        modules = [COMMANDS[named][0]] if named in COMMANDS else []
    for module in dict.fromkeys(modules):
        import_module(f"gancam.cli.{module}")
