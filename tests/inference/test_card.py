import json
from dataclasses import replace

import pytest

from gancam.errors import ModelError
from gancam.inference.card import ModelCard
from gancam.inference.catalog import menu
from gancam.inference.figures import parse_figures, telling
from gancam.inference.variants import read_card

CARD = ModelCard(
    name="x",
    effect="super_resolution",
    scale=4,
    receptive_field=5,
    quality={"psnr_y": 30.5},
    layout="blocks",
    defaults={"stabilise": 1.0},
)


def test_survives_the_way_through_metadata() -> None:
    metadata = CARD.to_metadata()
    assert all(key.startswith("gancam.") and isinstance(value, str) for key, value in metadata.items())
    assert ModelCard.from_metadata(metadata) == CARD


def test_figures_tell_metric_and_data_apart() -> None:
    quality = {
        "psnr_y_set14_webcam": 28.9, "psnr_text_bsd100": 23.0, "chroma_gain_kodak": 1.15, "gain_box_bsd100": 0.99,
        "near_copies_of_reals_lite0, 5 samples": 0.1, "temporal_noise": 0.5, "new_thing_set14": 3.0,
    }  # fmt: skip
    figures = replace(CARD, quality=quality).figures
    assert [figure.key for figure in figures] == list(quality)
    assert [figure.dataset for figure in figures] == [
        "set14 webcam", "text bsd100", "kodak", "box bsd100", "lite0, 5 samples", "", "",
    ]  # fmt: skip
    assert str(figures[0]) == "PSNR of luma 28.9 dB on set14 webcam"
    assert str(figures[-1]) == "new thing set14 3"
    assert [figure.better for figure in figures] == ["higher", "higher", "higher", "higher", "", "lower", ""]
    assert figures[-1].metric == "new thing set14"
    assert telling(figures) == figures[0]
    assert telling(figures[1:]) == figures[3]
    assert telling(figures[-1:]) == figures[-1]
    assert telling(()) is None
    (agreement,) = parse_figures({"agreement_digit classifier, 28 pixels, 5000 samples": 0.98})
    assert (agreement.dataset, agreement.better) == ("digit classifier, 28 pixels, 5000 samples", "higher")
    seen = replace(CARD, quality={"psnr_y_set14": 30.1, "distance_set14": 0.2, "distance_set14_webcam": 0.3}).figures
    assert telling(seen) == seen[2]  # who undoes what a webcam did is judged by eye


def test_bundled_models_have_known_figures() -> None:
    for path in menu().values():
        assert all(figure.better or "of real" in figure.metric or "among real" in figure.metric
                   for figure in read_card(path).figures), path  # fmt: skip


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
        ("precision", "fp8"), ("parameters", "null"), ("seeds", "1,2"), ("seeds", "-1/2"),
        ("multiple", "20000"), ("minimum", "100000"), ("scale", "65"), ("fixed_height", "64"), ("fixed_width", "64"),
        ("defaults", '{"strength": 1e400}'), ("defaults", '{"a": 1' + 400 * "0" + "}"), ("defaults", 9999 * "["),
        ("brightens", '{"x": 3}'), ("brightens", '{"128": NaN}'), ("brightens", '{"256": 1}'), ("seeds", 5000 * "9"),
        ("seeds", "[1.5]"), ("seeds", "[true]"), ("seeds", "[-1]"), ("seeds", "3/17]"), ("classes", "[1, 2]"),
        ("classes", '["a", '), ("classes", "one,two"), ("name", "../x"), ("name", "a\\b"), ("name", ".."),
    ],
)  # fmt: skip
def test_refuses_nonsense_and_names_it(key: str, value: str) -> None:
    with pytest.raises(ModelError, match=f"a.onnx.*{key}"):
        ModelCard.from_metadata({**CARD.to_metadata(), f"gancam.{key}": value}, "a.onnx")


def test_a_generators_card_is_whole() -> None:
    card = ModelCard(name="x", effect="morph", layout="latent", latent=12, layers=5, resolution=16)
    assert ModelCard.from_metadata(card.to_metadata()) == card
    for key in ("latent", "layers", "resolution"):
        with pytest.raises(ModelError, match=key):
            ModelCard.from_metadata({**card.to_metadata(), f"gancam.{key}": "0"})


@pytest.mark.parametrize(
    ("licence", "restricted"),
    [
        ("CC BY-NC-SA 4.0", True), ("research use", True), ("non-commercial", True), ("CC BY-SA 4.0", False),
        ("CC0", False), ("unknown", False), ("SYNC-1.0", False),
    ],
)  # fmt: skip
def test_licences_that_forbid_commercial_use(licence: str, restricted: bool) -> None:
    assert ModelCard(name="x", effect="morph", licence=licence).restricted is restricted


def test_metadata_is_json_where_it_is_not_text() -> None:
    assert json.loads(CARD.to_metadata()["gancam.quality"]) == {"psnr_y": 30.5}


def test_lists_survive_whatever_is_in_their_names() -> None:
    card = ModelCard(
        name="x", effect="morph", layout="latent", latent=12, layers=1, resolution=16,
        classes=("apples", "bream, grilled", "T-shirt/top", ""), seeds=(3, 17),
    )  # fmt: skip
    metadata = card.to_metadata()
    assert ModelCard.from_metadata(metadata) == card
    metadata |= {"gancam.classes": "blue,green,red", "gancam.seeds": "3/17/42"}  # as cards were written before
    old = ModelCard.from_metadata(metadata)
    assert (old.classes, old.seeds) == (("blue", "green", "red"), (3, 17, 42))
    old = ModelCard.from_metadata(metadata | {"gancam.classes": "", "gancam.seeds": ""})
    assert (old.classes, old.seeds) == ((), ())


def test_old_names_of_fields_and_figures_are_read() -> None:
    card = replace(CARD, effect="translate", work_size=640, quality={"temporal_noise": 0.5})
    metadata = card.to_metadata()
    metadata["gancam.working"] = metadata.pop("gancam.work_size")
    metadata["gancam.quality"] = json.dumps({"unrest": 0.5})
    assert ModelCard.from_metadata(metadata) == card


def test_a_figure_that_is_no_number_is_left_out() -> None:
    metadata = CARD.to_metadata() | {
        "gancam.quality": '{"psnr_y": NaN, "gain": 2.5}',
        "gancam.parity": '{"psnr": Infinity}',
    }
    card = ModelCard.from_metadata(metadata)
    assert (card.quality, card.parity) == ({"gain": 2.5}, {})
    for name in ("defaults", "brightens"):
        with pytest.raises(ModelError, match="needs a number"):
            ModelCard.from_metadata(CARD.to_metadata() | {f"gancam.{name}": '{"1": NaN}'})
