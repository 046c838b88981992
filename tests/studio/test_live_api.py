"""What the Live page asks for."""

import tomllib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.inference.variants import read_card
from gancam.sources import TestPattern
from tests.helpers.small import network, save, write_models
from tests.helpers.studio import play_test, state, studio, wait_for


def test_a_source_plays_and_stops(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        assert state(client)["source"]["state"] == "idle"
        assert client.get("/api/snapshot").status_code == 400
        play_test(client)
        png = client.get("/api/snapshot").content
        image = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        assert np.array_equal(image, TestPattern().image(TestPattern.index_in(image)))
        assert state(client)["source"] | {"error": ""} == {
            "state": "playing", "kind": "test", "label": "Test pattern", "error": "", "size": [640, 360],
            "output": [640, 360], "mirrored": False, "stands": False,
        }  # fmt: skip
        client.delete("/api/source")
        assert state(client)["source"]["state"] == "idle"


def test_a_source_has_the_size_that_is_asked_for(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        client.post("/api/source", json={"kind": "test", "width": 320, "height": 180})
        wait_for(lambda: state(client)["source"]["size"] == [320, 180])
        assert client.get("/api/command").json()["command"] == "gancam live test -e none --size 320x180"
        assert client.post("/api/source", json={"kind": "test", "width": 1e9}).status_code == 400


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "stream", "value": "file:///etc/passwd"}, "rtsp"),
        ({"kind": "stream", "value": "concat:/etc/passwd"}, "rtsp"),
        ({"kind": "camera", "value": "/etc/passwd"}, "index"),
        ({"kind": "file", "value": "/etc/passwd"}, "no such file"),
        ({"kind": "file", "value": "uploads/../../secret.mp4"}, "outside"),
        ({"kind": "nothing"}, "no such kind"),
        ({}, "needs a text"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path: Path, source: dict[str, str], words: str) -> None:
    (tmp_path / "secret.mp4").touch()
    with studio(tmp_path / "kept") as client:
        answer = client.post("/api/source", json=source)
        assert answer.status_code in (400, 404)
        assert words in answer.json()["error"]


def test_what_fails_in_opening_is_told(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        (tmp_path / "uploads" / "a.mp4").write_bytes(b"no video")
        client.post("/api/source", json={"kind": "file", "value": "uploads/a.mp4"})
        wait_for(lambda: state(client)["source"]["state"] == "failed")
        assert "a.mp4" in state(client)["source"]["error"]


def test_effects_come_go_and_change_places_while_a_source_plays(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        for model in ("sketch", "sketch", "sr-x2-fast"):
            assert client.post("/api/effects", json={"model": model}).status_code == 200
        names = [effect["name"] for effect in state(client)["effects"]]
        assert names == ["sketch", "sketch#2", "sr-x2-fast"]
        wait_for(lambda: state(client)["source"]["output"] == [1280, 720])
        order = ["sr-x2-fast", "sketch#2", "sketch"]
        assert client.put("/api/effects", json={"names": order}).status_code == 200
        assert [effect["name"] for effect in state(client)["effects"]] == order
        assert client.put("/api/effects", json={"names": order[:2]}).status_code == 400
        assert client.delete("/api/effects/sketch%232").status_code == 200
        assert [effect["name"] for effect in state(client)["effects"]] == ["sr-x2-fast", "sketch"]


def test_parameters_change_all_or_none(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        client.post("/api/effects", json={"model": "sr-x2-fast", "params": {"strength": 0.5}})
        assert state(client)["effects"][0]["values"]["strength"] == 0.5
        wrong = client.patch("/api/controls", json={"sr-x2-fast.strength": 0.25, "sr-x2-fast.on": "perhaps"})
        assert wrong.status_code == 400
        assert state(client)["effects"][0]["values"]["strength"] == 0.5
        right = client.patch("/api/controls", json={"sr-x2-fast.strength": 0.25, "sr-x2-fast.on": False})
        assert right.json() == {"set": {"sr-x2-fast.strength": 0.25, "sr-x2-fast.on": False}}
        effect = state(client)["effects"][0]
        assert (effect["values"]["strength"], effect["on"]) == (0.25, False)


def test_what_a_model_s_card_says_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    monkeypatch.setenv("GANCAM_MODELS", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    path = write_models(tmp_path, network())
    card = replace(read_card(path), name="calm", defaults={"stabilise": 1.0})
    save(onnx.load(path), tmp_path / "own" / "calm.onnx", card)
    with studio(tmp_path) as client:
        client.post("/api/effects", json={"model": "calm"})
        effect = state(client)["effects"][0]
        assert effect["defaults"] == effect["values"]
        assert effect["values"]["stabilise"] == 1.0
        assert client.get("/api/command").json()["command"].endswith("-e calm")
        client.patch("/api/controls", json={"calm.stabilise": 0.0})
        assert state(client)["effects"][0]["defaults"]["stabilise"] == 1.0
        assert client.get("/api/command").json()["command"].endswith("-e calm:stabilise=0.0")


def test_an_effect_that_fails_is_turned_off_and_tells_why(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        client.post("/api/effects", json={"model": "inpaint"})
        client.patch("/api/controls", json={"inpaint.track": True})  # and nothing to follow
        play_test(client)
        wait_for(lambda: state(client)["effects"][0]["error"])
        effect = state(client)["effects"][0]
        assert "needs a mask" in effect["error"]
        assert not effect["on"]
        assert state(client)["source"]["state"] == "playing"
        client.patch("/api/controls", json={"inpaint.track": False})
        effect = state(client)["effects"][0]
        assert (effect["on"], effect["error"]) == (True, "")


def test_presets_and_the_command_say_the_same(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        client.post("/api/effects", json={"model": "sr-x2-fast", "params": {"strength": "0.5"}})
        client.post("/api/effects", json={"model": "sketch"})
        client.patch("/api/controls", json={"sketch.on": False})
        assert client.get("/api/command").json()["command"] == "gancam live test -e sr-x2-fast:strength=0.5"
        preset = client.get("/api/preset").text
        assert tomllib.loads(preset) == {"effect": [{"name": "sr-x2-fast", "strength": "0.5"}]}
        client.delete("/api/effects/sr-x2-fast")
        assert client.put("/api/preset", content=preset.encode()).status_code == 200
        assert [effect["name"] for effect in state(client)["effects"]] == ["sr-x2-fast"]
        assert state(client)["effects"][0]["values"]["strength"] == 0.5
        assert client.put("/api/preset", content=b"[[effect]]\nname = '/etc/passwd.onnx'").status_code == 404
        assert client.put("/api/preset", content=b"\xff").status_code == 400
        assert [effect["name"] for effect in state(client)["effects"]] == ["sr-x2-fast"]


def test_files_of_parameters_are_references_and_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "mask.png"
    cv2.imwrite(str(outside), np.zeros((360, 640), np.uint8))
    with studio(tmp_path / "kept") as client:
        client.post("/api/effects", json={"model": "inpaint"})
        for value in (str(outside), "uploads/../../mask.png", "/etc/passwd"):
            assert client.patch("/api/controls", json={"inpaint.mask": value}).status_code in (400, 404)
            assert client.post("/api/effects", json={"model": "inpaint", "params": {"mask": value}}).status_code in (
                400,
                404,
            )
        stored = client.post("/api/uploads?name=mask.png", content=outside.read_bytes()).json()
        assert client.patch("/api/controls", json={"inpaint.mask": stored["reference"]}).status_code == 200
        assert state(client)["effects"][0]["values"]["mask"] == "uploads/mask.png"
        assert client.patch("/api/controls", json={"inpaint.save": "../../here.json"}).status_code == 200
        assert state(client)["effects"][0]["values"]["save"] == "results/here.json"


def test_what_is_drawn_is_filled(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        client.post("/api/effects", json={"model": "inpaint"})
        box = {"act": "box", "points": [[0.1, 0.6], [0.3, 0.7]]}
        assert client.post("/api/effects/inpaint/draw", json=box).status_code == 400  # drawing is off
        client.patch("/api/controls", json={"inpaint.draw": True})
        wait_for(lambda: client.post("/api/effects/inpaint/draw", json=box).status_code == 200)

        def is_changed() -> bool:
            png = client.get("/api/snapshot").content
            image = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)
            return not np.array_equal(image, TestPattern().image(TestPattern.index_in(image)))

        wait_for(is_changed)
        client.post("/api/effects/inpaint/draw", json={"act": "undo"})
        wait_for(lambda: not is_changed())
        for wrong in (
            {"act": "brush"},
            {"act": "box", "points": [[0, 0]]},
            {"act": "burn"},
            {"act": "brush", "points": [[9, 9]]},
        ):
            assert client.post("/api/effects/inpaint/draw", json=wrong).status_code == 400


def test_a_recording_is_kept(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        assert client.post("/api/recording", json={"on": True}).status_code == 400
        play_test(client)
        assert client.post("/api/recording", json={"on": True}).json()["recording"]
        wait_for(lambda: state(client)["recording"])
        assert not client.post("/api/recording", json={"on": False}).json()["recording"]
        (entry,) = client.get("/api/files/recordings").json()["entries"]
        assert entry["kind"] == "video"
        assert client.get(f"/api/downloads/{entry['reference']}").content[4:8] == b"ftyp"


def test_pictures_are_mirrored_whatever_plays(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        assert state(client)["source"]["mirrored"] is False
        assert client.post("/api/mirror", json={"on": "yes"}).status_code == 400
        assert client.post("/api/mirror", json={"on": True}).json()["source"]["mirrored"] is True
        play_test(client)
        png = np.frombuffer(client.get("/api/snapshot").content, np.uint8)
        image = np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8)
        as_it_is = np.ascontiguousarray(image[:, ::-1])
        assert np.array_equal(as_it_is, TestPattern().image(TestPattern.index_in(as_it_is)))
        assert client.get("/api/command").json()["command"] == "gancam live test -e none --mirror"
        assert client.post("/api/mirror", json={"on": False}).json()["source"]["mirrored"] is False


def test_no_message_names_a_path_of_this_machine(tmp_path: Path) -> None:
    own, holidays = tmp_path / "kept", tmp_path / "holidays"
    (holidays / "2025").mkdir(parents=True)
    (holidays / "2025" / "b.mp4").write_bytes(b"no video")
    with studio(own, holidays) as client:
        (own / "uploads" / "a.mp4").write_bytes(b"no video")
        client.post("/api/source", json={"kind": "file", "value": "uploads/a.mp4"})
        wait_for(lambda: state(client)["source"]["state"] == "failed")
        assert state(client)["source"]["error"].startswith("a.mp4: not a video")
        told = client.get("/api/media/holidays/2025/b.mp4").json()["error"]
        assert told.startswith("2025/b.mp4: not a video")
        assert str(tmp_path) not in client.get("/api/state").text + told


def test_effects_are_there_again_at_the_next_start(tmp_path: Path) -> None:
    mask = cv2.imencode(".png", np.zeros((36, 64), np.uint8))[1].tobytes()
    with studio(tmp_path) as client:
        reference = client.post("/api/uploads?name=mask 🎉.png", content=mask).json()["reference"]
        client.post("/api/effects", json={"model": "mnist"})
        client.post("/api/effects", json={"model": "inpaint", "params": {"mask": reference}})
        client.post("/api/effects", json={"model": "mnist", "params": {"seed": "7"}})
        client.patch("/api/controls", json={"mnist.on": False})
        client.put("/api/effects", json={"names": ["mnist#2", "inpaint", "mnist"]})
    with studio(tmp_path) as client:
        wait_for(lambda: len(state(client)["effects"]) == 3)
        wait_for(lambda: not state(client)["effects"][2]["on"])
        seven, erased, off = state(client)["effects"]
        assert (seven["model"], seven["on"], seven["values"]["seed"]) == ("mnist", True, 7)
        assert (erased["model"], erased["values"]["mask"]) == ("inpaint", reference)
        assert (off["model"], off["values"]["seed"]) == ("mnist", off["defaults"]["seed"])
        client.delete(f"/api/files/{reference}")
    with studio(tmp_path) as client:  # what cannot be any more takes nothing else along
        wait_for(lambda: [effect["model"] for effect in state(client)["effects"]] == ["mnist", "mnist"])
        assert client.put("/api/preset", content=b"effect = []").status_code == 200
    with studio(tmp_path) as client:
        client.get("/api/state")
    assert (tmp_path / "effects.json").read_text() == "[]"


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"model": "sketch"}]', '[{"model": "", "params": {}, "on": true}]'])
def test_damaged_effects_of_the_last_time_are_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "effects.json").write_text(text)
    with studio(tmp_path) as client:
        assert state(client)["effects"] == []
