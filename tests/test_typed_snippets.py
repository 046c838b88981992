"""The Python in README and in the documentation, as strict type checkers see it in a reader's editor."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "learn")]  # its own run
CODE = re.compile(r'^```python(?: title="([\w/]+\.py)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
GIVEN = """\
from pathlib import Path
import cv2
import cv2.typing
import numpy as np
import gancam
from gancam import SinkContext

frame: cv2.typing.MatLike = np.zeros((360, 640, 3), np.uint8)  # what OpenCV's functions are said to give
"""
RULES = """\
erase = gancam.load("inpaint", box=(10, 10, 50, 50))
erase.params.box = "10/10/50/50"
erase.params.set("box", (10, 10, 50, 50))
erase.params.set("mask", Path("m.png"))

def blurred(image: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.GaussianBlur(image, (3, 3), 0)

gancam.Budget(blurred, 0.04)
gancam.Budget([blurred, "sketch"], 0.04)
upscale = gancam.load("sr-x2", strength=0.5)
upscale.params.strength = 1
own = gancam.load("own.onnx", strength=0.5)
own.params.strength = 1  # which class plays it, and so what it has, only the file says
capture = gancam.VideoCapture("in.mp4", effects=[blurred])
ok, read = capture.read()
if ok:
    upscale(read)
gancam.run(gancam.VideoFile("in.mp4"), [blurred], [])
"""  # what the text around the programs teaches
WRONG = {
    "a misspelt parameter": 'gancam.load("sr-x2", strenght=2)',
    "a misspelt parameter of a file": 'gancam.load("own.onnx", strenght=2)',
    "a misspelt attribute": 'gancam.load("sr-x2").params.strenght = 2',
    "an attribute that is not there": 'print(gancam.load("sr-x2").params.strenght)',
}  # what a checker must find
OWN = {"Grain(": "from grain import Grain", "BrightnessLog": "from brightness import BrightnessLog"}


@pytest.fixture(scope="module")
def snippets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a reader would type: programs under their names, the rest of a page as one program."""
    folder = tmp_path_factory.mktemp("snippets")
    for page in PAGES:
        blocks = CODE.findall(page.read_text(encoding="utf-8"))
        for title, code in blocks:
            if title:
                (folder / Path(title).name).write_text(code, encoding="utf-8")
        loose = [code for title, code in blocks if not title]
        if loose:
            name = "_".join(page.relative_to(ROOT).with_suffix("").parts).replace("-", "_").lower()
            named = [line for used, line in OWN.items() if used in "".join(loose)]
            (folder / f"page_{name}.py").write_text("\n".join([GIVEN, *named, *loose]), encoding="utf-8")
    (folder / "rules.py").write_text(GIVEN + RULES, encoding="utf-8")
    assert len(list(folder.glob("page_*.py"))) >= 8
    return folder


def mypy(folder: Path, work: Path) -> subprocess.CompletedProcess[str]:
    """Check all programs of a folder."""
    files = sorted(path.name for path in folder.glob("*.py"))
    settings = work / "mypy.ini"
    settings.write_text(
        "[mypy]\nstrict = True\nfollow_imports = silent\ndisable_error_code = empty-body\nmypy_path = " + str(ROOT)
    )
    command = [sys.executable, "-m", "mypy", "--config-file", settings, "--cache-dir", work / "cache", *files]
    return subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)


def pyright(folder: Path) -> list[str]:
    """Give the errors in all programs of a folder, in the standard mode."""
    settings = {
        "typeCheckingMode": "standard", "extraPaths": [str(ROOT)], "include": ["."], "reportMissingImports": True,
    }  # fmt: skip
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [f"{Path(one['file']).name}: {one['message']}" for one in found if one["severity"] == "error"]


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A folder with a program for each mistake."""
    folder = tmp_path / "wrong"
    folder.mkdir()
    for what, code in WRONG.items():
        (folder / f"{what.replace(' ', '_')}.py").write_text(f"import gancam\n\n{code}\n", encoding="utf-8")
    return folder


@pytest.mark.slow
def test_mypy_has_nothing_to_say(snippets: Path, tmp_path: Path) -> None:
    done = mypy(snippets, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_finds_what_is_misspelt(wrong: Path, tmp_path: Path) -> None:
    said = mypy(wrong, tmp_path).stdout
    assert [path.name for path in wrong.glob("*.py") if f"{path.name}:3: error" not in said] == [], said


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("basedpyright") is None, reason="basedpyright is not installed (pip install basedpyright)"
)
def test_pyright_has_no_error(snippets: Path) -> None:
    errors = pyright(snippets)
    assert not errors, "\n".join(errors)


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("basedpyright") is None, reason="basedpyright is not installed (pip install basedpyright)"
)
def test_pyright_finds_what_is_misspelt(wrong: Path) -> None:
    errors = pyright(wrong)
    assert [path.name for path in wrong.glob("*.py") if not any(path.name in error for error in errors)] == [], errors
