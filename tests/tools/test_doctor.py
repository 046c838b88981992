"""Doctor and the diagnosis of devices, on this machine as it is and on faults made of real files and variables."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gancam.cli.main import main
from gancam.errors import DeviceError
from gancam.inference.catalog import find
from gancam.inference.cuda import needed, nvidia_traces, provider_file, unloadable
from gancam.inference.model import Model
from gancam.inference.packages import PROVIDERS, RUNTIME, runtime
from gancam.inference.trials import LEAST_PSNR
from gancam.inference.variants import variants
from gancam.sinks._codecs import CODECS
from gancam.tools.doctor import report
from gancam.tools.doctor.cameras import _judge_cameras, _measure, v4l2
from gancam.tools.doctor.checks import Check, in_child
from gancam.tools.doctor.devices import _judge
from gancam.tools.doctor.display import ENCODERS, _probe_encoders, display_checks
from gancam.tools.doctor.report import examine
from tests.helpers.small import STILLS

NAMES = ["system", "versions", "packages", "cpu", "cuda", "tensorrt", "webgpu", "auto", "cameras", "virtual-camera",
         "display", "codecs", "temp"]  # fmt: skip
HAS_CUDA = PROVIDERS["cuda"] in runtime().get_available_providers()
FAKE_DRIVER = r"""
#include <stdlib.h>
#include <string.h>
static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}
int cuInit(unsigned flags) {
    if (number("FAKE_CRASH", 0)) abort();
    return number("FAKE_INIT", 0);
}
int cuDriverGetVersion(int *version) { *version = number("FAKE_VERSION", 99000); return 0; }
int cuDeviceGetCount(int *count) { *count = number("FAKE_COUNT", 1); return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Fake GPU", length); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 1 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int what, int device) {
    *value = what == 75 ? number("FAKE_CAPABILITY", 9) : 0;
    return 0;
}
"""


def gancam(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A real process in an environment of `environment` alone: not even a PATH."""
    command = [sys.executable, "-m", "gancam", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def findings() -> list[Check]:
    return list(examine())


@pytest.fixture(scope="module")
def fake_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a libcuda.so.1 that says what the variables FAKE_... tell it to."""
    if sys.platform != "linux" or shutil.which("cc") is None or not HAS_CUDA:
        pytest.skip("needs Linux, a C compiler and an ONNX Runtime with CUDA")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(FAKE_DRIVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "libcuda.so.1", "driver.c"], cwd=folder, check=True)
    return folder


def test_every_finding_says_what_would_do(findings: list[Check]) -> None:
    assert [finding.name for finding in findings] == NAMES
    for finding in findings:
        assert finding.verdict in ("ok", "warning", "problem", "absent")
        assert finding.seen
        assert "\n" not in finding.seen + finding.cure
        assert (finding.cure == "") == (finding.verdict == "ok"), finding
        assert "could not be checked" not in finding.seen, finding
    assert json.loads(json.dumps([finding.to_dict() for finding in findings], allow_nan=False))


def test_the_cpu_is_proved_with_every_variant(findings: list[Check]) -> None:
    cpu = report.works("cpu", findings)
    said: Any = cpu.details  # as JSON
    runs = {run["precision"]: run for run in said["runs"]}
    assert set(runs) == set(variants(find("sr-x2")))
    assert runs["fp32"]["psnr"] == 100
    assert all(run["ms"] > 0 for run in runs.values())
    assert runs[said["chosen"]]["psnr"] >= LEAST_PSNR


def test_it_says_what_model_does(findings: list[Check]) -> None:
    auto = report.works("auto", findings)
    model = Model(find("sr-x2"))
    assert (auto.details["device"], auto.details["precision"]) == (model.device, model.precision)
    if model.device == "cuda":
        report.works("cuda", findings)
        return
    with pytest.raises(DeviceError) as told:
        report.works("cuda", findings)
    with pytest.raises(DeviceError) as same:
        Model(find("sr-x2"), device="cuda")
    assert str(same.value) == str(told.value)


def test_what_is_not_here_is_absent_and_no_error(findings: list[Check]) -> None:
    found = {finding.name: finding for finding in findings}
    if not nvidia_traces():
        assert found["cuda"].verdict == found["tensorrt"].verdict == "absent"
    if not list(Path("/dev").glob("video*")):
        assert found["cameras"].verdict == found["virtual-camera"].verdict == "absent"
    if not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        assert found["display"].verdict == "absent"


def test_encoders_are_those_that_gancam_writes_with(findings: list[Check]) -> None:
    assert {name: codec.encoder for name, codec in CODECS.items()} == ENCODERS
    details: Any = next(finding.details for finding in findings if finding.name == "codecs")
    assert set(details["codecs"]) == set(ENCODERS)
    assert set(details["encoders"].values()) <= {"works", "fails", "missing"}
    assert "cuda" in details["decoders"]  # NVIDIA's
    assert set(details["decoders"].values()) <= {"works", "fails", "missing"}


def test_clashing_wheels_and_a_lost_temporary_folder(tmp_path: Path, findings: list[Check]) -> None:
    for name in ("onnxruntime", "onnxruntime-gpu", "opencv-python", "opencv-contrib-python"):
        folder = tmp_path / f"{name.replace('-', '_')}-1.2.3.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n")
    lost = tmp_path / "nowhere"
    done = gancam("doctor", "--json", "--device", "cuda", PYTHONPATH=str(tmp_path), TMPDIR=str(lost))
    told = json.loads(done.stdout)
    found = {entry["name"]: entry for entry in told["findings"]}
    assert list(found) == NAMES
    assert all(set(entry) == {"name", "verdict", "seen", "cure", "details"} for entry in told["findings"])
    packages = found["packages"]
    assert packages["verdict"] == "problem"
    assert "overwrite each other" in packages["seen"]
    assert f"pip uninstall -y onnxruntime onnxruntime-gpu && pip install {RUNTIME}" in packages["cure"]
    assert "pip uninstall -y opencv-python opencv-contrib-python && pip install opencv-python" in packages["cure"]
    assert found["temp"]["verdict"] == "warning"
    assert str(lost) in found["temp"]["seen"]
    assert found["cpu"]["verdict"] in ("ok", "warning")
    works = {finding.name: finding for finding in findings}["cuda"].verdict in ("ok", "warning")
    assert (told["device"], told["works"]) == ("cuda", works)
    assert done.returncode == (0 if works else 2)
    assert done.stderr.count("\n") == (0 if works else 1)
    assert works or done.stderr.startswith(f"gancam: device 'cuda': {found['cuda']['seen']}; ")


def test_a_damaged_runtime_is_told_in_one_line_and_looked_at(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").touch()  # what is left after uninstalling one of two wheels
    done = gancam("doctor", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "ONNX Runtime is damaged" in done.stderr
    assert "pip install" in done.stderr
    assert all(any(f" {name} " in line for line in done.stdout.splitlines()) for name in NAMES)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    refused = gancam(
        "process", str(STILLS / "lake.webp"), str(tmp_path / "b.png"), "-e", "sr-x2", PYTHONPATH=str(tmp_path)
    )
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "ONNX Runtime is damaged" in refused.stderr


def test_importing_gancam_or_its_command_line_loads_neither_doctor_nor_onnxruntime() -> None:
    code = "import sys, gancam.cli; print(sorted({'gancam.tools.doctor', 'onnxruntime'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_device_it_does_not_know() -> None:
    said, before = io.StringIO(), signal.getsignal(signal.SIGTERM)
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
        main(["doctor", "--device", "tpu"])
    signal.signal(signal.SIGTERM, before)
    assert end.value.code == 2
    assert "tpu" in said.getvalue()


FAULTS: dict[str, tuple[dict[str, str], str, str]] = {
    "hidden": ({"FAKE_INIT": "100", "CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES='-1'", "unset"),
    "no gpu": ({"FAKE_INIT": "100"}, "no GPU", "nvidia-smi"),
    "none counted": ({"FAKE_COUNT": "0"}, "no GPU", "nvidia-smi"),
    "stub": ({"FAKE_INIT": "34"}, "stub", "LD_LIBRARY_PATH"),
    "mixed versions": ({"FAKE_INIT": "803"}, "version", "restart"),
    "unknown": ({"FAKE_INIT": "999"}, "999", "restart"),
    "other": ({"FAKE_INIT": "777"}, "777", "driver"),
    "old driver": ({"FAKE_VERSION": "11080"}, "CUDA 11.8", "update NVIDIA's driver"),
    "old gpu": ({"FAKE_CAPABILITY": "3"}, "capability 3.0", "--device cpu"),
    "whole": ({}, "", ""),
}


def test_why_cuda_does_not_work(fake_driver: Path) -> None:
    """Each fault of the driver is named with its cure, in a process that has only this driver."""
    code = """if True:
        import json, os
        from gancam.errors import DeviceError
        from gancam.inference import session
        answers = {}
        for name, variables in json.load(open(0)).items():
            os.environ.update(variables)
            try:
                session.prepare("cuda")
            except DeviceError as error:
                answers[name] = [error.why, error.cure]
            for variable in variables:
                del os.environ[variable]
        print(json.dumps(answers))
    """
    given = json.dumps({name: variables for name, (variables, _, _) in FAULTS.items()})
    environment = {"LD_LIBRARY_PATH": str(fake_driver), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for name, (_, why, cure) in FAULTS.items():
        if name != "whole":
            assert why in answers[name][0], name
            assert cure in answers[name][1], name
    missing = unloadable(needed(provider_file("cuda")))
    libraries = [library for library in missing if not library.startswith("libcuda.so")]
    if libraries:
        assert all(library in answers["whole"][0] for library in libraries)
        assert answers["whole"][1] == 'pip install "gancam[cuda]"'


def test_libraries_that_are_missing_are_one_line(fake_driver: Path, tmp_path: Path) -> None:
    """ONNX Runtime would fill stdout and stderr here, and run on the CPU."""
    if not unloadable(set(needed(provider_file("cuda"))) - {"libcuda.so.1"}):
        pytest.skip("CUDA's libraries are installed")
    still = Path(__file__).parent.parent.parent / "samples" / "stills" / "sign.webp"
    arguments = ("process", still, tmp_path / "out.png", "-e", "sr-x2")
    done = gancam(*arguments, "--device", "cuda", LD_LIBRARY_PATH=str(fake_driver))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "cannot be loaded" in done.stderr
    assert 'pip install "gancam[cuda]"' in done.stderr
    done = gancam(*arguments, LD_LIBRARY_PATH=str(fake_driver))
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert done.stdout.startswith("wrote ")
    assert "running on the CPU instead" in done.stderr


def test_a_driver_that_crashes_does_not_take_doctor_along(fake_driver: Path) -> None:
    code = "from gancam.tools.doctor import checks, devices; print(*devices._cuda(None).to_dict().values(), sep='|')"
    environment = {"LD_LIBRARY_PATH": str(fake_driver), "FAKE_CRASH": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.startswith("cuda|problem|the trial crashed (SIGABRT)"), done.stdout + done.stderr


def test_a_trial_that_does_not_end_is_ended() -> None:
    assert in_child(_probe_encoders, 0.01) == ([], "no end after 0.01 s")


def test_a_display_that_is_not_there(monkeypatch: pytest.MonkeyPatch, findings: list[Check]) -> None:
    toolkit = next(finding.details for finding in findings if finding.name == "display")["toolkit"]
    if sys.platform != "linux" or not toolkit:
        pytest.skip("needs Linux and an OpenCV with windows")
    monkeypatch.setenv("DISPLAY", ":987")
    (finding,) = display_checks()
    assert finding.verdict == "problem"
    assert ":987" in finding.seen
    assert finding.cure


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb, a virtual X server")
def test_a_window_opens_on_a_real_display(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "320x240x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as answer:
                monkeypatch.setenv("DISPLAY", f":{answer.readline().strip()}")
            (finding,) = display_checks()
        finally:
            server.terminate()
    assert finding.verdict == "ok", finding


def test_a_precision_that_is_inaccurate_is_a_fact_and_one_that_fails_a_warning() -> None:
    runs = [{"precision": "int8", "ms": 20.0, "psnr": 31.7}, {"precision": "fp32", "ms": 60.0, "psnr": 100.0}]
    finding = _judge("cpu", runs, "fp32", {})
    assert (finding.verdict, finding.cure) == ("ok", "")
    assert "int8: inaccurate here (31.7 dB vs fp32)" in finding.seen
    assert _judge("cpu", [{"precision": "int8", "error": "no room"}, runs[1]], "fp32", {}).verdict == "warning"


def test_what_an_elf_file_needs(fake_driver: Path, tmp_path: Path) -> None:
    assert "libc.so.6" in needed(fake_driver / "libcuda.so.1")
    for name, content in (("text", b"no ELF at all"), ("cut", (fake_driver / "libcuda.so.1").read_bytes()[:900])):
        (tmp_path / name).write_bytes(content)
        assert needed(tmp_path / name) == []
    assert needed(tmp_path / "none") == []
    assert unloadable(["libc.so.6", "libnowhere.so.7"]) == ["libnowhere.so.7"]


@pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is Linux's")
def test_device_files_that_are_no_cameras(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    assert v4l2(tmp_path / "video0")["camera"] is False
    gone = v4l2(tmp_path / "video1")
    assert gone["error"]
    assert gone["cure"]


def test_the_rate_of_a_camera_is_measured(clip: Path) -> None:
    """A file stands in for the camera: what OpenCV gives is read the same way."""
    import cv2

    measured = _measure(str(clip), cv2.CAP_FFMPEG)
    assert measured is not None
    assert (measured["width"], measured["height"], measured["promised_fps"]) == (96, 64, 30)
    assert measured["measured_fps"] > 0
    assert _measure(str(clip.with_name("none.mp4")), cv2.CAP_FFMPEG) is None


@pytest.mark.parametrize(("cameras", "trouble", "verdict"), [
    ([], "", "absent"),
    ([], "crashed (SIGSEGV)", "problem"),
    ([{"error": "no permission", "cure": "sudo usermod"}], "", "problem"),
    ([{"measured_fps": 29.9}], "", "ok"),
    ([{"measured_fps": 5.0}], "", "warning"),
    ([{"measured_fps": 30.0}, {"error": "gives no picture", "cure": "fuser"}], "", "warning"),
])  # fmt: skip
def test_verdicts_on_cameras(cameras: list[dict[str, Any]], trouble: str, verdict: str) -> None:
    whole = [{"device": "/dev/video0", "name": "Cam", "width": 1280, "height": 720, "format": "MJPG"} | camera
             for camera in cameras]  # fmt: skip
    finding = _judge_cameras(whole, trouble)
    assert finding.verdict == verdict
    assert (finding.cure == "") == (verdict == "ok")
