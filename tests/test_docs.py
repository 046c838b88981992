"""The documentation: its code runs, its links lead somewhere, what it takes from the program is all there."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
import typer

from export import arguments as export
from gancam.cli.app import app, load_commands
from gancam.effects._spec import EffectSpec, declared_for
from gancam.effects.morphing.settings import MorphParams
from gancam.errors import ParameterError
from gancam.inference.catalog import menu
from gancam.inference.figures import telling
from gancam.inference.variants import read_card
from gancam.params import Params
from gancam.sinks import virtualcam
from tests.helpers.clips import make_clip
from tests.helpers.faces import painter
from tests.helpers.small import still
from train import arguments as train

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
ABOUT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]  # read where the code is
CONTRIBUTING = (DOCS / "contributing.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r'^```python title="([\w/]+\.py)"\n(.*?)^```$', CONTRIBUTING, re.MULTILINE | re.DOTALL))


EXAMPLES = {
    str(page.relative_to(ROOT)): code
    for page in [ROOT / "README.md", *PAGES]
    if (code := re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    and page.relative_to(ROOT) not in (Path("docs/contributing.md"), Path("docs/learn/mlp.md"))
}  # by page: but for programs that have tests of their own, and an excerpt of one
STAND_INS = {'"runs/mnist"': '"mnist"', '"runs/inpaint"': '"inpaint"', '"RealESRGAN_x4.onnx"': '"sr-x4"'}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def desk(tmp_path: Path, clip: Path) -> Path:
    """A folder with the programs of contributing.md, and a small clip where they expect the bundled one."""
    write_programs(tmp_path)
    (tmp_path / "samples").mkdir()
    clip.rename(tmp_path / "samples" / "city.mp4")
    return tmp_path


@pytest.fixture
def checkout(desk: Path) -> Path:
    """`desk` with a copy of gancam (without models) that the effect and the sink of contributing.md are put into."""
    ignored = shutil.ignore_patterns("__pycache__", "*.onnx")
    shutil.copytree(ROOT / "gancam", desk / "gancam", ignore=ignored)
    shutil.copy(desk / "split.py", desk / "gancam" / "effects")
    shutil.move(desk / "brightness.py", desk / "gancam" / "sinks")
    python("negative.py", cwd=desk)
    return desk


def write_programs(folder: Path) -> None:
    """Write the programs of contributing.md into one folder."""
    for name, code in PROGRAMS.items():
        (folder / Path(name).name).write_text(code, encoding="utf-8")


def python(*arguments: str, cwd: Path, fails: int = 0) -> str:
    """What a program says: on stdout, or on stderr where it must end with the exit code `fails`."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, env=_environment()
    )
    assert done.returncode == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_the_command_that_gets_installed_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["gancam"].partition(":")
    code = f"import importlib; assert callable(importlib.import_module({module!r}).{name})"
    python("-c", code, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES)
def test_examples_of_the_pages_run_as_pasted(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page by itself, its programs one after the other, in a folder with files of the names that they use.

    What a reader has trained or fetched has a bundled model in its place, a camera that clip; `frame` is given where
    the text is about a loop of the reader's own.
    """
    picture = cv2.resize(still("otters"), (320, 180), interpolation=cv2.INTER_AREA)
    (tmp_path / "samples").mkdir()
    for name in ("in.mp4", "samples/city.mp4"):
        make_clip(tmp_path / name, images=[np.ascontiguousarray(np.roll(picture, at, 1)) for at in range(3)])
    cv2.imwrite(str(tmp_path / "in.png"), picture)
    cv2.imwrite(str(tmp_path / "mask.png"), np.pad(np.full((30, 50), 255, np.uint8), ((60, 90), (100, 170))))
    network = painter(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"frame": picture} if page.endswith("python-api.md") else {}
    for code in EXAMPLES[page]:
        for theirs, ours in {**STAND_INS, '"gfpgan"': repr(str(network)), "Capture(0,": 'Capture("in.mp4",'}.items():
            code = code.replace(theirs, ours)
        exec(compile(code, page, "exec"), names)


def test_contributing_adds_an_effect(desk: Path) -> None:
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_grain.py", cwd=desk)
    assert "24 frames" in python("play.py", cwd=desk)
    assert (desk / "grainy.mp4").stat().st_size > 0


def test_contributing_adds_effects_of_a_package(desk: Path) -> None:
    """The very programs of the page, in the package that its entry points name."""
    package, about = desk / "mypackage", desk / "mypackage-1.0.dist-info"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("grain.py", "looks.py", "split.py"):
        (desk / name).rename(package / name)
    (entries,) = re.findall(r'^```toml title="pyproject.toml"\n(.*?)^```$', CONTRIBUTING, re.MULTILINE | re.DOTALL)
    named = tomllib.loads(entries)["project"]["entry-points"]["gancam.effects"]
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mypackage\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {what}" for name, what in named.items())
    (about / "entry_points.txt").write_text(f"[gancam.effects]\n{lines}\n")
    python("negative.py", cwd=desk)
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    cv2.imwrite(str(desk / "in.png"), image)
    python("-m", "gancam", "process", "in.png", "out.png", "-e", "grain:strength=1", cwd=desk)
    made = cv2.imread(str(desk / "out.png"))
    assert made is not None
    assert 5 < np.abs(made.astype(int) - image).mean() < 60
    listed = " ".join(python("-m", "gancam", "models", "grain", cwd=desk).split())
    assert "strength a number from 0 to 1 0.3 how much grain" in listed
    code = "import cv2, gancam; image = cv2.imread('in.png')"
    for name in ("grain:strength=0", "negative", "./split-negative.onnx:at=0.25"):
        code += f"; print(gancam.load({name!r})(image).tobytes().hex())"
    same, negative, split = python("-c", code, cwd=desk).split()
    assert same == image.tobytes().hex()
    assert negative == (255 - image).tobytes().hex()
    image[:, 8:] = 255 - image[:, 8:]
    assert split == image.tobytes().hex()


def test_contributing_adds_a_sink(desk: Path) -> None:
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_brightness.py", cwd=desk)
    assert "24 frames" in python("log.py", cwd=desk)
    lines = (desk / "brightness.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 24
    assert all(0 < float(line.split(",")[1]) < 255 for line in lines)


def test_contributing_adds_a_model(desk: Path) -> None:
    python("negative.py", cwd=desk)
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    cv2.imwrite(str(desk / "in.png"), image)
    python("-m", "gancam", "process", "in.png", "out.png", "-e", "./negative.onnx:region=0.5/0/0.5/1", cwd=desk)
    made = cv2.imread(str(desk / "out.png"))
    assert made is not None
    assert np.array_equal(made[:, :16], image[:, :16])
    assert np.array_equal(made[:, 16:], 255 - image[:, 16:])


def test_contributing_adds_an_effect_of_a_model(checkout: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    cv2.imwrite(str(checkout / "in.png"), image)
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_split.py", cwd=checkout)
    python("-m", "gancam", "process", "in.png", "out.png", "-e", "./split-negative.onnx:at=0.25", cwd=checkout)
    made = cv2.imread(str(checkout / "out.png"))
    assert made is not None
    assert np.array_equal(made[:, :8], image[:, :8])
    assert np.array_equal(made[:, 8:], 255 - image[:, 8:])
    listed = python("-m", "gancam", "models", "./split-negative.onnx", cwd=checkout)
    assert "at a number from 0 to 1 0.5 where the line is" in " ".join(listed.split())


def test_contributing_adds_an_output_of_live(checkout: Path) -> None:
    command = ["-m", "gancam", "live", "samples/city.mp4", "-e", "none", "--to", "brightness:brightness.csv"]
    assert "writing" in python(*command, cwd=checkout)
    assert (checkout / "brightness.csv").read_text(encoding="utf-8").count("\n") > 0
    assert "brightness.csv: exists" in python(*command, cwd=checkout, fails=2)
    assert "is an output of gancam live" in python(
        "-m", "gancam", "process", "samples/city.mp4", "brightness:x.csv", cwd=checkout, fails=2
    )


def test_programs_of_contributing_pass_ruff(tmp_path: Path) -> None:
    write_programs(tmp_path)
    settings = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), "--config", f"src = ['{ROOT.as_posix()}', '.']"]
    like_tests_and_samples = "test_*.py:D,play.py:D,play.py:T20,log.py:D,log.py:T20,negative.py:D"
    ignored = f"--extend-per-file-ignores={like_tests_and_samples}"
    python("-m", "ruff", "check", *settings, ignored, "--output-format=concise", ".", cwd=tmp_path)
    python("-m", "ruff", "format", "--check", "--diff", *settings, ".", cwd=tmp_path)


@pytest.mark.slow
def test_programs_of_contributing_pass_mypy(tmp_path: Path) -> None:
    write_programs(tmp_path)
    files = [str(file) for file in sorted(tmp_path.glob("*.py"))]
    python("-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache"), *files, cwd=ROOT)  # .ci/run has filled it


def test_every_page_can_be_made(generate: ModuleType) -> None:
    for page in PAGES:
        assert "<!-- generated:" not in generate.expand(page.read_text(encoding="utf-8")), page
    with pytest.raises(ValueError, match="there are"):
        generate.expand("<!-- generated: nothing -->")


def test_a_page_that_is_not_whole_on_github_says_so(generate: ModuleType) -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lacks = generate.MARKER.search(text) or re.search(r"^::: ", text, re.MULTILINE)
        rest = text.partition("\n\n")[2]
        assert rest.startswith(generate.NOT_BUILT) == bool(lacks), page
        assert generate.NOT_BUILT not in generate.expand(text), page


def test_every_option_of_the_command_line_is_there(generate: ModuleType) -> None:
    text = generate.commands()
    load_commands()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f"## gancam {name}" in text
        for option in command.params:
            assert all(word in text for word in option.opts if word.startswith("-"))
    for parser in (train.make_parser(), export.make_parser()):
        part = text.partition(f"## {parser.prog}\n")[2].partition("\n## ")[0]
        said = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(parser.format_help().split())))
        assert said - {"--standalone", "--nproc-per-node", "-m", "-h", "--help"} <= set(
            re.findall(r"--?[a-z][a-z-]*", part)
        )
        assert "| `RECIPE` |" in part or "| `RUN` |" in part


def test_every_parameter_is_there(generate: ModuleType) -> None:
    text = generate.parameters("morph")
    for name, entry in MorphParams.declared().items():
        assert f"| `{name}` | {entry.describe()} |" in text


def test_captions_of_the_gallery_are_html(generate: ModuleType) -> None:
    """Markdown is not read there, and a name and its unit stay in one line."""
    assert "with <code>readable</code> it recedes" in (fails := generate.gallery_fails())
    assert "`" not in fails
    assert "22,860\N{NO-BREAK SPACE}parameters · 32\N{NO-BREAK SPACE}KB<br>" in generate.gallery("x2")
    assert "<figcaption>Row by row: bicubic, sr-x2-fast," in generate.gallery_clip("restore")


def test_models_that_play_with_other_defaults_are_told(generate: ModuleType) -> None:
    assert "| `0`; `1` for `restore-x1`, `restore-x2`, `restore-x2-best` |" in generate.parameters("super_resolution")
    assert "| `0`; `1` for `colorize` |" in generate.parameters("translate")
    assert re.search(r"^\| `seed` .*`; `\d+` for `morph-fruits` \|", generate.parameters("morph"), re.MULTILINE)


def test_every_model_is_there(generate: ModuleType) -> None:
    models, cards, readme = generate.models(), generate.cards(), (ROOT / "README.md").read_text(encoding="utf-8")
    for name in generate.menu():
        assert f"[`{name}`](#{name})" in models
        assert f"### {name}\n" in cards
        assert f"| `{name}` |" in readme


def test_readme_has_the_licences_and_the_figure_of_the_cards() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cards = {name: read_card(path) for name, path in menu().items()}
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*\| ([^|]+) \|$", readme, re.MULTILINE))
    assert {name: licence.partition(" (")[0] for name, licence in rows.items()} == {
        name: card.licence for name, card in cards.items()
    }
    figure = telling(cards["sr-x2"].figures)
    assert figure is not None
    assert f"`sr-x2` has {figure.value:.2f} dB" in " ".join(readme.split())


def test_readme_has_the_times_of_the_benchmarks() -> None:
    """Rounded; rows of several models have a time for each; of a range the first is the network's."""
    told = dict(
        re.findall(
            r"^\| `([\w-]+)` \|.*\| ([\d.]+)(?: to \d+)? ms \|",
            (ROOT / "README.md").read_text(encoding="utf-8"),
            re.M,
        )
    )
    table = (DOCS / "benchmarks.md").read_text(encoding="utf-8").partition("| model | VNNI |")[2].partition("\n\n")[0]
    measured = dict[str, str]()
    for row in table.splitlines()[2:]:
        _, models, times, *_ = row.split("|")
        names, numbers = (
            re.findall(r"`([\w-]+)`", models),
            re.findall(r"[\d.]+(?=,? | and| ms)", times.partition(" ms")[0] + " ms"),
        )
        measured |= dict(zip(names, numbers, strict=True))
    assert len(measured) > 10
    for name, time in measured.items():
        assert told[name] == f"{float(time):.{len(told[name].partition('.')[2])}f}", name


def test_links_of_files_outside_the_site_lead_somewhere() -> None:
    """Those of README to a heading, too: mkdocs looks after the headings that the pages of the site link to."""
    for file in [*ABOUT, *PAGES]:
        for target, _ in links(file):
            assert "://" in target or (file.parent / target).exists(), f"{file.name}: {target}"
    for file in ABOUT:
        for target, heading in links(file):
            assert not heading or heading in headings(file.parent / target), f"{file.name}: {target}#{heading}"


def links(file: Path) -> list[tuple[str, str]]:
    """The links of a page: path and heading, "" where there is none."""
    return re.findall(r"\]\(([^)#]+)#?([^)]*)\)", without_code(file))


def headings(file: Path) -> set[str]:
    """The headings of a page, as they are linked to."""
    found = re.findall(r"^#+ (.*)$", without_code(file), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


def without_code(file: Path) -> str:
    return re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_code_of_the_pages_is_not_cut_off_on_a_common_screen() -> None:
    """As many letters as fit between the two lists at 1280 pixels; programs and drawings of developers may scroll."""
    for file in [page for page in PAGES if page.name not in ("contributing.md", "architecture.md")]:
        blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```$", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        assert [line for line in "".join(blocks).splitlines() if len(line) > 92] == [], file.name


def test_commands_of_the_pages_exist() -> None:
    load_commands()
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for file in [ROOT / "README.md", *PAGES]:
        blocks = re.findall(r"^```\n(.*?)^```$", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        said = re.findall(r"^(?:.*\| |.*&& )?gancam (\w+)(.*)$", "".join(blocks), re.MULTILINE)
        said += re.findall(r"`gancam ([a-z]+)([^`]*)`", without_code(file))
        for name, rest in said:
            assert name in known, f"{file.name}: gancam {name}"
            options = {word for option in known[name].params for word in option.opts}
            if name in ("train", "export"):  # their options are those of the other side
                if rest.split()[:1] in (["curves"], ["evaluate"], ["generation"]):
                    continue
                other = {"train": train.make_parser, "export": export.make_parser}[name]()
                options = {word for word in other.format_help().replace(",", " ").split() if word.startswith("--")}
            named = set(re.findall(r"(?<!\S)(--[a-z][a-z-]*)", rest.split("#")[0].split(" | ")[0])) - {"--help"}
            assert named <= options, f"{file.name}: gancam {name} {named - options}"


def test_the_page_makes_a_virtual_camera_as_the_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "live.md").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "platform", "linux")
    for command in [virtualcam.INSTALL, *virtualcam.how_to_make().split(" && ")]:
        assert f"`{command}`" in page


def test_every_effect_of_the_pages_can_be_asked_for() -> None:
    for file in [ROOT / "README.md", *PAGES]:
        text = file.read_text(encoding="utf-8")
        imported = set(re.findall(r"^gancam import .* --name ([\w-]+)", text, re.MULTILINE))
        for name in re.findall(r"^gancam (?:live|process).* -e (?!runs/)([\w-]+)", text, re.MULTILINE):
            own = name in ("grain", "negative") and file.name == "contributing.md"
            assert name in {*menu(), *imported, "none"} or own, f"{file.name}: {name}"


def test_every_parameter_of_the_pages_is_taken() -> None:
    """With the value that the page gives it: `NAME:key=value` by that model, `key=value` alone by an effect."""
    kinds = {name: suited(name) for name in menu()}
    for file in [ROOT / "README.md", *PAGES]:
        text = file.read_text(encoding="utf-8")
        for spec in re.findall(r"(?:-e |`)([a-z][\w-]*:[a-z_]+(?:=[^\s`]*)?)(?=[\s`])", text):
            name, _, _ = spec.partition(":")
            if name in kinds:
                kinds[name].of(**EffectSpec.parse(spec).params)
        if file.parent.name in ("effects", "help") or file.name in ("live.md", "offline.md", "studio.md"):
            for key, value in re.findall(r"`([a-z_]+)=([^`]+)`", text):
                taken = [kind for kind in kinds.values() if key in kind.declared()]
                assert any(accepts(kind, key, value) for kind in taken), f"{file.name}: {key}={value}"


def suited(name: str) -> type[Params]:
    """The parameters of a bundled model's effect."""
    kind = declared_for(read_card(menu()[name]))
    assert kind is not None
    return kind


def accepts(kind: type[Params], key: str, value: str) -> bool:
    try:
        kind.of(**{key: value})
    except ParameterError:
        return False
    return True


@pytest.mark.parametrize("name", ["upscale_image.py", "opencv_loop.py", "custom_effect.py", "masks_from_tracker.py"])
def test_samples_run(name: str, clip: Path, tmp_path: Path) -> None:
    arguments = {
        "upscale_image.py": [str(_small(tmp_path)), "out.png"], "custom_effect.py": [str(clip), "out.mp4"],
        "masks_from_tracker.py": [str(clip), "30", "20", "24", "24"],
    }  # fmt: skip
    assert python(str(ROOT / "samples" / name), *arguments.get(name, [str(clip)]), cwd=tmp_path)


def test_the_web_server_answers(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "samples" / "web_handler.py"), "0"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=quiet, text=True, env=_environment()) as it:
        try:
            assert it.stdout is not None
            url = it.stdout.readline().strip()
            with urlopen(url, data=_small(tmp_path).read_bytes(), timeout=300) as answer:
                image = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
        finally:
            it.kill()
    assert image is not None
    assert image.shape == (48, 64, 3)


def _small(folder: Path) -> Path:
    path = folder / "small.png"
    cv2.imwrite(str(path), np.full((24, 32, 3), 90, np.uint8))
    return path


def test_the_install_without_cuda_has_all_dependencies() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    needed = {re.split(r"[<>=; ]", one)[0] for one in about} - {"onnxruntime-gpu"}
    block = re.search(
        r"^ +pip install numpy.*?(?=```|pip install --no-deps)", (DOCS / "quickstart.md").read_text(), re.DOTALL | re.M
    )
    assert block is not None
    words = block[0].replace("pip install", "").split()
    assert {re.split(r"[<>=]", word.strip('"'))[0] for word in words} == needed
