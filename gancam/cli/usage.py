"""What a call of a command lacks, in words that stand alone."""

from collections.abc import Sequence

from typer.core import TyperArgument, TyperOption

_EXAMPLES = {  # a whole call, by the name of the command
    "process": "gancam process in.mp4 out.mp4 -e sr-x2",
    "sample": "gancam sample morph-fruits grid.png",
    "morph": "gancam morph morph-fruits loop.mp4",
    "import": "gancam import model.onnx --name mine",
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
