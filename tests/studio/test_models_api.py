"""The Models page: what is there, how fast here, new ones, the doctor's table."""

import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gancam.inference.catalog import menu
from tests.helpers.browser import serving
from tests.helpers.foreign import Case, write_case
from tests.helpers.studio import BEARER, studio


def test_all_models_are_listed_with_licence_quality_and_size(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        found = {model["name"]: model for model in client.get("/api/catalogue").json()["models"]}
        assert set(found) >= set(menu())
        model = found["sr-x2"]
        assert (model["task"], model["size"], model["own"]) == ("super-resolution", "x2", False)
        assert model["licence"]
        assert model["figure"]
        assert model["mb"] > 0.1
        assert found["colorize"]["restricted"]


def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        stored = client.post("/api/uploads?name=text.onnx", content=b"hello").json()
        answer = client.post("/api/catalogue", json={"reference": stored["reference"]})
        assert answer.status_code == 400
        assert answer.json()["error"].count("text.onnx") == 1
        assert "\n" not in answer.json()["error"]
        assert client.post("/api/catalogue", json={"reference": "/etc/passwd"}).status_code == 404
        assert client.post("/api/catalogue/nothing/speed").status_code == 404
        assert client.post("/api/catalogue/..%2Fx/speed").status_code == 404


@pytest.mark.slow
def test_a_studio_that_ends_waits_for_no_model_that_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, begun = subprocess.Popen, threading.Event()

    def popen(_: list[str], **options: Any) -> "subprocess.Popen[str]":
        begun.set()
        return real([sys.executable, "-I", "-S", "-c", "import time; time.sleep(120)"], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with ThreadPoolExecutor(1) as page:
        with serving(tmp_path) as url:
            (tmp_path / "uploads" / "net.onnx").write_bytes(b"x")
            headers = {**BEARER, "Content-Type": "application/json"}
            asking = urllib.request.Request(
                f"{url.partition('?')[0]}api/catalogue", b'{"reference": "uploads/net.onnx"}', headers
            )
            page.submit(urllib.request.urlopen, asking)
            assert begun.wait(120)
            began = time.monotonic()
        assert time.monotonic() - began < 100


@pytest.mark.slow
def test_a_foreign_model_becomes_one_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCAM_MODELS", str(tmp_path / "models"))
    source = write_case(Case("blur"), tmp_path / "net.onnx")
    with studio(tmp_path / "kept") as client:
        stored = client.post("/api/uploads?name=net.onnx", content=source.read_bytes()).json()
        found = client.post("/api/catalogue", json={"reference": stored["reference"], "name": "mine"})
        assert found.status_code == 200, found.text
        assert found.json()["name"] == "mine"
        models = {model["name"]: model for model in client.get("/api/models").json()["models"]}
        assert models["mine"]["own"]
        assert client.post("/api/effects", json={"model": "mine"}).status_code == 200
        again = client.post("/api/catalogue", json={"reference": stored["reference"], "name": "mine"})
        assert "exists" in again.json()["error"]


@pytest.mark.slow
def test_speed_is_measured_here_and_the_machine_checked(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        speed = client.post("/api/catalogue/sr-x2-fast/speed").json()
        assert speed["fps"] > 0
        assert speed["size"] == [640, 360]
        checks = {check["name"]: check for check in client.get("/api/doctor").json()["checks"]}
        assert checks["cpu"]["verdict"] == "ok"
