"""The arrows between the rooms, read from the imports, and what `import gancam` brings along."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import gancam
from gancam.effects import Effect, EffectChain, EffectWrapper

ROOT = Path(__file__).parent.parent
# What each room may see of gancam; everything of the same folder comes on top for packages.
GROUND = {"_native", "errors", "files", "frame", "params", "threads", "units"}  # any room may see these
# What each wing may see of gancam beside the ground and itself.
ARROWS: dict[str, set[str]] = {
    "media": set(),
    "vision": set(),
    "inference": set(),
    "masks": {"inference", "vision"},
    "latent": {"inference", "sources"},
    "control": {"media", "vision"},
    "sources": {"media", "vision"},
    "sinks": {"control", "inference", "media", "vision"},
    "effects": {"inference", "latent", "masks", "media", "vision"},
    "pipeline": {"effects", "inference", "sinks", "sources", "vision"},
    "budget": {"effects", "pipeline", "vision"},
    "capture": {"effects", "media", "pipeline", "sources"},
    "jobs": {"control", "effects", "inference", "media", "pipeline", "sinks", "sources"},
    "studio": {
        "control",
        "effects",
        "inference",
        "jobs",
        "latent",
        "masks",
        "media",
        "pipeline",
        "sinks",
        "sources",
        "tools",
        "vision",
    },
    "tools": {"effects", "inference", "media", "sinks", "sources", "vision"},
}
FREE = {"cli", "__init__", "__main__"}
HEAVY = {"torch", "onnx", "train", "export", "PIL", "matplotlib", "tensorboard", "scipy", "torchmetrics"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def nodes(file: Path) -> list[ast.AST]:
    """All of a module, once for all tests."""
    return list(ast.walk(parsed(file)))


@cache
def imports(file: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def wing(module: str) -> str:
    return module.split(".")[1]


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("file", modules("gancam"), ids=lambda file: str(file.relative_to(ROOT)))
def test_runtime_arrows(file: Path) -> None:
    seen = imports(file)
    assert not {name.split(".")[0] for name in seen} & HEAVY
    here = file.stem if file.parent == ROOT / "gancam" else wing(name_of(file))
    if here in FREE:
        return
    allowed = GROUND if here in GROUND else GROUND | ARROWS[here] | {here}
    used = {wing(name) for name in seen if name.startswith("gancam.")} - {"__version__"}
    assert used <= allowed, f"{here} sees {used - allowed}"


def test_no_module_imports_itself_in_a_circle() -> None:
    files = {name_of(file): file for file in modules("gancam")}
    arrows = {
        name: {seen if seen in files else seen.rpartition(".")[0] for seen in imports(file)} & set(files) - {name}
        for name, file in files.items()
    }
    while free := [name for name, seen in arrows.items() if not seen & set(arrows)]:
        for name in free:
            del arrows[name]
    assert not arrows, f"in circles: {sorted(arrows)}"


def test_modules_are_short_and_few_stand_outside_the_wings() -> None:
    assert len(list((ROOT / "gancam").glob("*.py"))) <= 12
    for package in ("gancam", "export", "train"):
        for file in modules(package):
            assert len(file.read_text(encoding="utf-8").splitlines()) <= 450, f"{file}: more than one idea?"


@pytest.mark.parametrize("package", ["gancam", "export", "train", "benchmarks"])
def test_functions_are_short(package: str) -> None:
    for file in modules(package):
        for node in nodes(file):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                assert length <= 60, f"{file}: {node.name} has {length} lines"


def test_nothing_is_looked_for_by_name() -> None:
    """Effects, sinks and sources have base classes with defaults, so nothing asks whether a method is there."""
    foreign = {  # where something of others is asked for what not every version, system or error of it has
        "gancam/inference/card.py": "fields of its own dataclass",
        "gancam/inference/cuda.py": "functions of the CUDA driver, ONNX Runtime",
        "gancam/inference/session.py": "ONNX Runtime",
        "gancam/media/messages.py": "errors of FFmpeg and of the system",
        "gancam/params.py": "declared parameters",
        "gancam/sinks/_sender.py": "errors of FFmpeg and of the system",
        "gancam/tools/doctor/checks.py": "a function of a module, by its name",
        "gancam/tools/doctor/system.py": "PyAV, ONNX Runtime",
    }
    asking = set()
    for file in modules("gancam"):
        for node in nodes(file):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("hasattr", "delattr"), file
                assert node.func.id != "setattr" or file.name == "params.py", file
                if node.func.id == "getattr":
                    asking.add(file.relative_to(ROOT).as_posix())
    assert asking <= set(foreign)


def test_an_effect_of_effects_asks_those_inside_for_all_that_an_effect_has() -> None:
    of_its_own = {
        "card",
        "params",
        "level",
        "quality_levels",
        "bare_model",
    }  # how a chain plays those inside is its own
    assert {name for name in vars(Effect) if not name.startswith("_")} - set(vars(EffectChain)) == of_its_own
    assert "level" in vars(EffectWrapper)
    for file in modules("gancam"):
        for node in nodes(file):
            if isinstance(node, ast.ClassDef) and "Effect" in map(ast.unparse, node.bases):
                alone = node.name in ("ModelEffect", "FunctionEffect", "EffectChain")
                assert alone, f"{file}: {node.name} plays other effects? Then it is an EffectChain, which asks them"


def public_definitions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.AnnAssign]:
    """Functions, methods and annotated fields whose names, and those of their classes, do not begin with _."""
    waiting = list(parsed(file).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            waiting += node.body
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_") or node.name.startswith("__"):
                yield node
        elif isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
            yield node


def annotations(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.AnnAssign) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.AnnAssign):
        yield ast.unparse(node.target), node.annotation
        return
    rest = [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *rest):
        if argument.annotation is not None:
            yield argument.arg, argument.annotation
    if node.returns is not None:
        yield "return", node.returns


def test_no_signature_says_any() -> None:
    foreign = {  # what has no types of its own
        ("gancam/inference/binding.py", "__init__", "session"): "ONNX Runtime",
        ("gancam/inference/binding.py", "__init__", "value"): "ONNX Runtime",
        ("gancam/inference/network/recurrent.py", "__init__", "inputs"): "ONNX Runtime",
        ("gancam/inference/session.py", "session", "session"): "ONNX Runtime",
        ("gancam/inference/packages.py", "runtime", "return"): "ONNX Runtime",
        ("gancam/inference/session.py", "fallen", "session"): "ONNX Runtime",
        ("gancam/inference/session.py", "open_session", "return"): "ONNX Runtime",
    }
    found = set()
    for file in modules("gancam"):
        for node in public_definitions(file):
            name = ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else node.name
            for part, said in annotations(node):
                if re.search(r"\bAny\b", ast.unparse(said)):
                    found.add((file.relative_to(ROOT).as_posix(), name, part))
    assert found == set(foreign)


@pytest.mark.parametrize("package", ["gancam", "export", "train"])
def test_private_names_stay_in_their_module_and_private_modules_in_their_folder(package: str) -> None:
    for file in modules(package):
        for name in imports(file) - {"__future__.annotations"}:
            if name.split(".")[0] not in ("gancam", "export", "train"):
                continue
            hidden = [part for part in name.split(".") if part.startswith("_") and not part.startswith("__")]
            folder = name_of(file) if file.name == "__init__.py" else name_of(file).rpartition(".")[0]
            home = name.partition("._")[0]
            is_module = (ROOT / home.replace(".", "/") / f"{hidden[0]}.py").exists() if hidden else True
            assert not hidden or (is_module and (home == "gancam" or folder == home) and len(hidden) == 1), (file, name)


def test_tests_share_helpers_and_not_each_other() -> None:
    for file in modules("tests"):
        others = re.findall(r"^ *(?:from|import) (tests\.(?:\w+\.)*test_\w+)", file.read_text(encoding="utf-8"), re.M)
        assert not others, f"{file} imports {others}: what tests share stands in tests/helpers"


def test_train_does_not_know_the_runtime_nor_the_exporter() -> None:
    shared = {"gancam.media.played.Played"}  # a video is learnt from as it is played, and so is a photo of a phone
    shared |= {f"gancam.media.heif.{name}" for name in ("Heif", "is_heif")}
    shared |= {f"gancam.media.streams.{name}" for name in ("picture_of", "decode_on_threads")}
    for file in modules("train"):
        seen = imports(file) - shared
        assert not {name.split(".")[0] for name in seen} & {"gancam", "export", "onnx", "onnxruntime"}, file


def test_only_the_exporter_is_between() -> None:
    for file in modules("export"):
        ours = {".".join(name.split(".")[1:3]) for name in imports(file) if name.startswith("gancam.")}
        assert {name for name in ours if not name.startswith(("inference.", "errors."))} == set(), file


@pytest.mark.parametrize("package", ["gancam", "train", "export"])
def test_nothing_prints_below_the_command_line(package: str) -> None:
    for file in modules(package):
        if file.name == "__main__.py" or file.parent.name == "cli":
            continue
        text = file.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in text:  # a module with a command line of its own
            continue
        calls = [node for node in nodes(file) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("print", "exit")], (
            file
        )


def test_import_is_light() -> None:
    code = f"import sys, gancam; print([name for name in {sorted(HEAVY)} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_opencv_is_loaded_before_pyav() -> None:
    """OpenCV's windows hang in a process that has loaded PyAV first (OpenCV 5.0.0.93, PyAV 18.1.0)."""
    code = "import gancam.tools.doctor.display, sys; print(*(name for name in sys.modules if name in ('av', 'cv2')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.split() == ["cv2", "av"]


def test_masks_are_there_without_asking() -> None:
    code = "import gancam; print(gancam.masks.Tracked.__name__)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "Tracked"


def test_public_names() -> None:
    errors = {name for name, one in vars(gancam.errors).items() if isinstance(one, type) and one.__doc__}
    assert set(gancam.__all__) - errors == {
        "Background", "Budget", "Effect", "Frame", "Image", "Inpaint", "Model", "ModelCard", "Morph", "Params",
        "Report", "Sink", "SinkContext", "Source", "SuperResolution", "Translate", "VideoCapture", "VideoFile", "load",
        "masks", "open_live", "open_sink", "parameter", "run",
    }  # fmt: skip
    assert errors < set(gancam.__all__)
    assert {name for name in dir(gancam) if not name.startswith("__")} == set(gancam.__all__)
    for name in gancam.__all__:
        assert getattr(gancam, name).__doc__ or name == "Image"


def test_errors_are_their_builtins() -> None:
    from gancam.errors import (
        DeviceError,
        GancamError,
        ImageError,
        MaskError,
        MissingExtra,
        ModelError,
        NotFound,
        OutOfMemory,
        OutputExists,
        ParameterError,
        SinkError,
        SourceError,
    )

    tree = {
        ImageError: ValueError, ParameterError: ValueError, NotFound: FileNotFoundError,
        MaskError: ValueError,
        OutputExists: FileExistsError, SourceError: OSError, SinkError: OSError,
        ModelError: ValueError, DeviceError: RuntimeError, OutOfMemory: MemoryError,
        MissingExtra: ImportError,
    }  # fmt: skip
    for error, builtin in tree.items():
        assert issubclass(error, builtin)
        assert issubclass(error, GancamError)
        assert error.__name__ in (gancam.errors.__doc__ or "")


def test_version_is_said_once() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert gancam.__version__ == project["version"]
