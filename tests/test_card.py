import json

import pytest

from gancam.card import ModelCard
from gancam.errors import ModelError

CARD = ModelCard(
    name="x", effect="super_resolution", scale=4, receptive_field=5, quality={"psnr_y": 30.5}, layout="blocks"
)


def test_survives_the_way_through_metadata() -> None:
    metadata = CARD.to_metadata()
    assert all(key.startswith("gancam.") and isinstance(value, str) for key, value in metadata.items())
    assert ModelCard.from_metadata(metadata) == CARD


def test_ignores_what_others_wrote() -> None:
    assert ModelCard.from_metadata({**CARD.to_metadata(), "author": "x", "gancam.from_the_future": "1"}) == CARD


@pytest.mark.parametrize("key", ["name", "effect"])
def test_refuses_a_file_that_is_not_ours(key: str) -> None:
    metadata = CARD.to_metadata()
    del metadata[f"gancam.{key}"]
    with pytest.raises(ModelError, match="without a gancam card"):
        ModelCard.from_metadata(metadata, "a.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", "two"), ("scale", "0"), ("scale", "2.5"), ("scale", "true"), ("layout", "nchw"), ("multiple", "-1"),
        ("quality", "[]"), ("quality", '{"a": "b"}'), ("version", "99"), ("version", "x"), ("effect", "os.path"),
        ("precision", "fp8"), ("parameters", "null"),
    ],
)  # fmt: skip
def test_refuses_nonsense_and_names_it(key: str, value: str) -> None:
    with pytest.raises(ModelError, match=f"a.onnx.*{key}"):
        ModelCard.from_metadata({**CARD.to_metadata(), f"gancam.{key}": value}, "a.onnx")


def test_metadata_is_json_where_it_is_not_text() -> None:
    assert json.loads(CARD.to_metadata()["gancam.quality"]) == {"psnr_y": 30.5}
