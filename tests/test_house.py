"""The arrows between the rooms, read from the imports, and what `import gancam` brings along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gancam

ROOT = Path(__file__).parent.parent
# What each room may see of gancam; everything of the same folder comes on top for packages.
ARROWS = {
    "gancam._native": set(),
    "gancam.errors": set(),
    "gancam.frame": {"errors"},
    "gancam.card": {"errors"},
    "gancam.params": {"errors"},
    "gancam.footage": {"frame"},
    "gancam.devices": {"_native", "errors"},
    "gancam.proof": {"devices", "errors", "frame"},
    "gancam.model": {"_native", "card", "devices", "errors", "frame", "proof"},
    "gancam.tiles": {"devices", "errors", "frame"},
    "gancam.motion": {"frame"},
    "gancam.masks": {"_native", "errors", "frame", "motion"},
    "gancam.blend": {"errors", "frame"},
    "gancam.latent": {"errors"},
    "gancam.background": {"frame", "motion"},
    "gancam.texture": {"background", "frame"},
    "gancam.finding": {"frame", "motion"},
    "gancam.effects": {
        "background",
        "blend",
        "card",
        "errors",
        "finding",
        "frame",
        "latent",
        "masks",
        "model",
        "params",
        "sound",
        "texture",
        "tiles",
    },
    "gancam.gallery": {"effects", "errors", "frame", "latent", "model"},
    "gancam.sound": {"errors", "footage"},
    "gancam.sources": {"_native", "errors", "footage", "frame"},
    "gancam.control": {"errors", "frame", "params", "sound"},
    "gancam.sinks": {"_native", "control", "devices", "errors", "footage", "frame", "lettering"},
    "gancam.doctor": {"_native", "devices", "effects", "errors", "model", "proof", "sinks"},
    "gancam.bench": {"devices", "effects", "errors", "frame", "lettering", "model", "proof", "sources"},
    "gancam.pipeline": {"errors", "frame", "sinks", "sources"},
    "gancam.lettering": {"frame"},
    "gancam.live": {"_native", "errors", "footage", "frame", "lettering", "sources"},
    "gancam.budget": {"errors", "frame", "pipeline"},
    "gancam.jobs": {"control", "effects", "errors", "footage", "frame", "pipeline", "sinks", "sources"},
    "gancam.crew": {"control", "devices", "effects", "errors", "frame", "jobs", "pipeline", "sinks", "sources"},
    "gancam.cluster": {"crew", "effects", "errors", "jobs", "model"},
    "gancam.batch": {"crew", "devices", "effects", "errors", "footage", "jobs", "pipeline", "sinks"},
    "gancam.preset": {"effects", "errors"},
    "gancam.verify": {"errors", "footage", "sources"},
    "gancam.capture": {"errors", "frame", "live", "pipeline", "sources"},
}
FREE = {"gancam.cli", "gancam.__init__", "gancam.__main__"}
HEAVY = {"torch", "onnx", "train", "export", "PIL", "matplotlib", "tensorboard", "scipy", "torchmetrics"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts)
    return name if name in FREE else ".".join(parts[:2])


@pytest.mark.parametrize("file", modules("gancam"), ids=lambda file: str(file.relative_to(ROOT)))
def test_runtime_arrows(file: Path) -> None:
    seen = imports(file)
    assert not {name.split(".")[0] for name in seen} & HEAVY
    here = room(file)
    if here in FREE:
        return
    allowed = ARROWS[here] | {here.split(".")[1]}
    used = {name.split(".")[1] for name in seen if name.startswith("gancam.")}
    assert used <= allowed, f"{here} sees {used - allowed}"


def test_train_does_not_know_the_runtime_nor_the_exporter() -> None:
    for file in modules("train"):
        assert not {name.split(".")[0] for name in imports(file)} & {"gancam", "export", "onnx", "onnxruntime"}, file


def test_only_the_exporter_is_between() -> None:
    for file in modules("export"):
        ours = {".".join(name.split(".")[:2]) for name in imports(file) if name.startswith("gancam.")}
        assert ours <= {"gancam.card", "gancam.model", "gancam.errors"}, file


@pytest.mark.parametrize("package", ["gancam", "train", "export"])
def test_nothing_prints_below_the_command_line(package: str) -> None:
    for file in modules(package):
        if file.name in ("cli.py", "__main__.py"):
            continue
        text = file.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in text:  # a module with a command line of its own
            continue
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("print", "exit")], (
            file
        )


def test_import_is_light() -> None:
    code = f"import sys, gancam; print([name for name in {sorted(HEAVY)} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_masks_are_there_without_asking() -> None:
    code = "import gancam; print(gancam.masks.Tracked.__name__)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "Tracked"


def test_public_names() -> None:
    assert sorted(gancam.__all__) == [
        "Budget", "Effect", "Frame", "GancamError", "Image", "Model", "ModelCard", "VideoCapture", "load",
    ]  # fmt: skip
    for name in gancam.__all__:
        assert getattr(gancam, name).__doc__ or name == "Image"


def test_errors_are_their_builtins() -> None:
    from gancam import errors

    tree = {
        errors.ImageError: ValueError, errors.ParameterError: ValueError, errors.NotFound: FileNotFoundError,
        errors.MaskError: ValueError,
        errors.OutputExists: FileExistsError, errors.SourceError: OSError, errors.SinkError: OSError,
        errors.ModelError: ValueError, errors.DeviceError: RuntimeError, errors.NoRoom: MemoryError,
        errors.MissingExtra: ImportError,
    }  # fmt: skip
    for error, builtin in tree.items():
        assert issubclass(error, builtin)
        assert issubclass(error, errors.GancamError)
        assert error.__name__ in (errors.__doc__ or "")


def test_version_is_said_once() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert gancam.__version__ == project["version"]
