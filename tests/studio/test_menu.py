"""The menu, and what each model makes of the picture that is shown."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.effects import declared
from gancam.inference.catalog import menu
from gancam.sources import TestPattern
from gancam.studio.menu import SIZE, Thumbnails, declarations
from tests.helpers.studio import play_test, studio


def test_the_menu_has_every_model_and_every_declaration(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        found = client.get("/api/models").json()
        assert {model["name"] for model in found["models"]} == set(menu())
        for effect, entries in found["effects"].items():
            params = declared(effect)
            assert params is not None
            assert [entry["name"] for entry in entries] == list(params.declared())
        region = next(entry for entry in found["effects"]["morph"] if entry["name"] == "region")
        assert (region["kind"], region["type"]) == ("region", "str")
    assert declarations(["nothing"]) == {"nothing": []}


def test_thumbnails_show_what_each_does_to_the_frame_and_are_made_once(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        number = client.post("/api/thumbnails").json()["number"]
        made = {name: client.get(f"/api/thumbnails/{number}/{name}").content for name in ("sketch", "sr-x2-fast")}
        for jpeg in made.values():
            image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            assert (image.shape[1], image.shape[0]) == SIZE
        assert made["sketch"] != made["sr-x2-fast"]
        assert client.get(f"/api/thumbnails/{number}/sketch").content == made["sketch"]
        assert client.get(f"/api/thumbnails/{number + 1}/sketch").status_code == 404
        assert client.get(f"/api/thumbnails/{number}/..%2Fsketch").status_code == 404
        assert client.get(f"/api/thumbnails/{number}/nothing").status_code == 404


@pytest.mark.parametrize("size", [(1, 1), (33, 700), (1920, 1080)])
def test_frames_of_any_shape_have_thumbnails(size: tuple[int, int]) -> None:
    thumbnails = Thumbnails()
    image = TestPattern(size).image(3)
    number = thumbnails.take(image)
    assert thumbnails.take(image) == number
    for name in ("sr-x2-fast", "inpaint", "mnist"):
        jpeg = thumbnails.get(name, number).result()
        assert jpeg is not None
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        assert shown.shape[1] <= SIZE[0]
        assert shown.shape[0] <= SIZE[1]
    thumbnails.close()


def test_seeds_are_shown_as_pictures(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        first, second = (client.get(f"/api/seeds/mnist/{seed}").content for seed in (1, 2))
        assert first[:2] == second[:2] == b"\xff\xd8"
        assert first != second
        assert client.get("/api/seeds/sketch/1").status_code == 400
        assert client.get(f"/api/seeds/mnist/{10**30}").status_code == 200


def test_thumbnails_are_of_the_file_that_is_asked_for(tmp_path: Path) -> None:
    photo = np.full((90, 160, 3), (0, 0, 255), np.uint8)
    with studio(tmp_path) as client:
        play_test(client)
        client.post("/api/uploads?name=red.png", content=cv2.imencode(".png", photo)[1].tobytes())
        question = "?reference=uploads%2Fred.png&at=0.000"
        number = client.post(f"/api/thumbnails{question}").json()["number"]
        assert client.post(f"/api/thumbnails{question}").json()["number"] == number
        jpeg = client.get(f"/api/thumbnails/{number}/background").content
        shown = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.int16)
        assert abs(shown - (0, 0, 255)).max() < 8
        assert client.post("/api/thumbnails").json()["number"] > number
        for wrong, status in (("reference=uploads/no.png", 404), ("reference=uploads", 400), ("at=soon", 400)):
            assert client.post(f"/api/thumbnails?{wrong}").status_code == status
