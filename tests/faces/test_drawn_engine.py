"""The engine of drawings over tiny random networks: shapes, places and what is said where a file is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from easyphoto.architectures.base import models_folder
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import PARTS, Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.errors import WeightsMissing
from easyphoto.faces.engine import FACE_PARTS, Domain, Face, part_mask
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.preprocess.identity import majority

torch = pytest.importorskip("torch")

SHIPPED = models_folder() / "miniature" / "faces"
CONFIGS: dict[str, dict[str, object]] = {
    "detector": {
        "kind": "detector", "id": "tiny-detector", "widths": [4, 4, 4, 4, 4], "refiner_widths": [4, 4, 4, 4],
        "pyramid": [128], "coarse_threshold": 0.1, "max_candidates": 4, "threshold": 0.5,
    },
    "parser": {"kind": "parser", "id": "tiny-parser", "widths": [4, 4, 4, 4], "labels": list(PARTS), "input_size": 128},
    "embedder": {
        "kind": "embedder", "id": "tiny-embedder", "widths": [4, 4, 4, 4], "blocks": [1, 1, 1], "squeeze": 4,
        "hidden": 8, "dimensions": 16, "parameters": ["one"], "input_size": 112,
        "cosine_quantiles": {
            "genuine": [value / 100 for value in range(101)],
            "impostor": [value / 200 for value in range(101)],
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from easyphoto.faces import networks

    target = tmp_path_factory.mktemp("faces")
    torch.manual_seed(0)
    for name, config in CONFIGS.items():
        networks.save_network(networks.build(config), config, target, name)
    return target


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    identity = sample_identity(5)
    return draw(identity, sample_scene(5, identity), 256)


def face_of(drawing: Drawing) -> Face:
    return Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)


def test_the_engine_states_its_domain_and_its_embedder(folder: Path) -> None:
    from easyphoto.faces.drawn_engine import DrawnEngine

    engine = DrawnEngine(folder)

    assert (engine.id, engine.domain, engine.embedder) == ("drawings", Domain.DRAWINGS, "tiny-embedder")
    # The 99th of 101 even steps from 0 to 0.5.
    assert engine.same_person_limit == pytest.approx(0.495)
    assert engine.scale is not None
    assert (engine.scale.embedder, len(engine.scale.strangers)) == ("tiny-embedder", 101)
    assert engine.weights == ()


def test_an_embedding_has_unit_length_and_parts_have_the_pictures_size(folder: Path, drawing: Drawing) -> None:
    from easyphoto.faces.drawn_engine import DrawnEngine

    engine, picture = DrawnEngine(folder), as_picture(drawing.image)

    vector = engine.embed(picture, face_of(drawing))
    labels = engine.parse(picture, face_of(drawing))

    assert vector is not None
    assert vector.shape == (16,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)
    assert labels.shape == (256, 256)
    assert labels.dtype == np.uint8


def test_a_folder_without_an_embedder_gives_an_engine_that_checks_no_identity(
    folder: Path, tmp_path: Path, drawing: Drawing
) -> None:
    from easyphoto.faces.drawn_engine import DrawnEngine

    for name in ("detector", "parser"):
        for suffix in ("json", "safetensors"):
            (tmp_path / f"{name}.{suffix}").write_bytes((folder / f"{name}.{suffix}").read_bytes())

    engine = DrawnEngine(tmp_path)

    assert engine.embedder is None
    assert engine.same_person_limit is None
    assert engine.scale is None
    assert engine.embed(as_picture(drawing.image), face_of(drawing)) is None


def test_an_empty_folder_is_a_named_error(tmp_path: Path) -> None:
    from easyphoto.faces.drawn_engine import DrawnEngine

    with pytest.raises(WeightsMissing, match="ships with EasyPhoto"):
        DrawnEngine(tmp_path)


@pytest.mark.skipif(not (SHIPPED / "parser.safetensors").is_file(), reason="the trained networks are not here")
class TestShipped:
    """The networks that ship with the miniature."""

    def test_the_face_is_found_where_it_was_drawn(self, drawing: Drawing) -> None:
        from easyphoto.faces.drawn_engine import DrawnEngine

        faces = DrawnEngine(SHIPPED).detect(as_picture(drawing.image))

        assert len(faces) == 1
        assert faces[0].box.intersection_over_union(face_of(drawing).box) > 0.7
        eye_distance = float(np.linalg.norm(face_of(drawing).points[1] - face_of(drawing).points[0]))
        errors = np.linalg.norm(faces[0].points - face_of(drawing).points, axis=1) / eye_distance
        assert errors.mean() < 0.1

    def test_the_face_region_is_parsed(self, drawing: Drawing) -> None:
        from easyphoto.faces.drawn_engine import DrawnEngine

        labels = DrawnEngine(SHIPPED).parse(as_picture(drawing.image), face_of(drawing))

        found, true = part_mask(labels, FACE_PARTS) > 0, part_mask(drawing.parts, FACE_PARTS) > 0
        assert (found & true).sum() / (found | true).sum() > 0.85

    def test_photos_of_one_person_agree_and_a_stranger_does_not(self) -> None:
        from easyphoto.faces.drawn_engine import DrawnEngine

        engine, vectors = DrawnEngine(SHIPPED), []
        for seed, index in ((900_001, 0), (900_001, 1), (900_001, 2), (900_001, 3), (900_077, 0)):
            identity = sample_identity(seed)
            drawing = draw(identity, sample_scene(seed, identity, framing="close", photo_index=index), 256)
            vectors.append(engine.embed(as_picture(drawing.image), face_of(drawing)))

        group = majority([vector for vector in vectors if vector is not None], engine.same_person_limit or 0)

        assert group.members == (True, True, True, True, False)


def test_a_small_face_in_a_large_picture_is_found_where_the_whole_shows_none() -> None:
    from easyphoto.faces.drawn_engine import DrawnEngine

    identity = sample_identity(5)
    drawing = draw(identity, sample_scene(5, identity), 144)
    scene = np.full((4000, 6000, 3), 128, np.uint8)
    scene[1900:2044, 3700:3844] = drawing.image

    (found,) = DrawnEngine(SHIPPED).detect(as_picture(scene))

    truth = face_of(drawing)
    assert np.abs(found.points - truth.points - (3700, 1900)).max() < 0.1 * truth.box.width
