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
"""  # what the text around the programs teaches
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


@pytest.mark.slow
def test_mypy_has_nothing_to_say(snippets: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in snippets.glob("*.py"))
    settings = tmp_path / "mypy.ini"
    settings.write_text(
        "[mypy]\nstrict = True\nfollow_imports = silent\ndisable_error_code = empty-body\nmypy_path = " + str(ROOT)
    )
    command = [sys.executable, "-m", "mypy", "--config-file", settings, "--cache-dir", tmp_path / "cache", *files]
    done = subprocess.run(list(map(str, command)), cwd=snippets, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("basedpyright") is None, reason="basedpyright is not installed (pip install basedpyright)"
)
def test_pyright_has_no_error(snippets: Path) -> None:
    settings = {
        "typeCheckingMode": "standard",
        "extraPaths": [str(ROOT)],
        "include": ["."],
        "reportMissingImports": True,
        "reportIncompatibleVariableOverride": False,
        "reportIncompatibleMethodOverride": False,
        "reportAssignmentType": False,  # attributes in place of properties,
    }
    (snippets / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=snippets, capture_output=True, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [f"{Path(one['file']).name}: {one['message']}" for one in found if one["severity"] == "error"]
    assert not errors, "\n".join(errors)
