"""The miniature's identity adapter ships whole, in FaceID's names, and tells people apart."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from easyphoto.architectures.base import models_folder
from easyphoto.backends.adapter_files import AdapterKind, layout_of
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.folders import base_model
from easyphoto.backends.headers import read_header
from easyphoto.backends.loading import load_components
from easyphoto.backends.lora_apply import read_changes
from easyphoto.backends.lora_names import targets
from easyphoto.bench.persons import photo_of
from easyphoto.drawings.identity import sample_identity
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.images.pictures import as_picture

FOLDER = models_folder() / "miniature" / "identity"
ADAPTER, LORA = FOLDER / "faceid.safetensors", FOLDER / "faceid_lora.safetensors"
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def components() -> Components:
    family, base = base_model("miniature")
    return load_components(family, base, dtype=torch.float32, device="cpu")


@pytest.fixture(scope="module")
def state() -> State:
    return {name: value.float() for name, value in load_file(ADAPTER).items()}


def tokens_of(state: State, vectors: torch.Tensor) -> torch.Tensor:
    """FaceID's projection, written out: two layers with GELU between them, four tokens, a norm."""
    hidden = vectors @ state["image_proj.proj.0.weight"].T + state["image_proj.proj.0.bias"]
    flat = functional.gelu(hidden) @ state["image_proj.proj.2.weight"].T + state["image_proj.proj.2.bias"]
    weight, bias = state["image_proj.norm.weight"], state["image_proj.norm.bias"]
    return functional.layer_norm(flat.view(len(vectors), 4, 128), (128,), weight, bias)


def vector_of(engine: DrawnEngine, seed: int, photo: int) -> np.ndarray:
    picture = as_picture(photo_of(sample_identity(seed), photo).image)
    (face,) = engine.detect(picture)
    vector = engine.embed(picture, face)
    assert vector is not None
    return vector


def test_the_files_are_those_of_the_list() -> None:
    listed = dict(reversed(line.split()) for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.safetensors")}
    assert set(found) == {"faceid.safetensors", "faceid_lora.safetensors"}
    assert found == listed


def test_the_header_has_faceids_names_and_the_miniatures_shapes() -> None:
    attention = {f"ip_adapter.{n}.to_{part}_ip.weight": (128, 128) for n in (1, 3, 5, 7, 9, 11, 13) for part in "kv"}
    assert {name: tuple(shape) for name, shape in read_header(ADAPTER).shapes.items()} == attention | {
        "image_proj.proj.0.weight": (512, 128),
        "image_proj.proj.0.bias": (512,),
        "image_proj.proj.2.weight": (512, 512),
        "image_proj.proj.2.bias": (512,),
        "image_proj.norm.weight": (128,),
        "image_proj.norm.bias": (128,),
    }


def test_it_is_told_as_a_faceid_of_the_drawings_own_embedder() -> None:
    layout = layout_of(read_header(ADAPTER))
    assert (layout.kind, layout.embedder) == (AdapterKind.FACEID, "miniature-embedder-1")
    assert layout.kind.takes_unit_vectors


def test_its_numbers_are_those_of_the_unets_cross_attentions(components: Components) -> None:
    names = [name.removesuffix(".processor") for name in components.unet.attn_processors]
    cross = {number for number, name in enumerate(names) if name.endswith("attn2")}
    assert {int(key.split(".")[1]) for key in load_file(ADAPTER) if key.startswith("ip_adapter.")} == cross
    assert [names[n].partition(".transformer")[0] for n in (1, 5, 13)] == [
        "down_blocks.1.attentions.0", "up_blocks.0.attentions.0", "mid_block.attentions.0"
    ]  # fmt: skip


def test_the_lora_beside_it_changes_every_attention_and_counts_one(components: Components) -> None:
    changes = read_changes(LoraCondition(LORA), targets(components))
    changed = {change.weight for change in changes}
    projections = (".to_q.weight", ".to_k.weight", ".to_v.weight", ".to_out.0.weight")
    expected = {weight for name, weight in components.unet.named_parameters() if name.endswith(projections)}
    assert changed == expected
    assert {change.scale for change in changes} == {1.0}
    assert all(float(change.delta().abs().max()) > 0 for change in changes)


def test_two_photos_of_a_person_give_nearly_one_set_of_tokens_and_another_person_other_ones(state: State) -> None:
    engine = DrawnEngine(models_folder() / "miniature" / "faces")
    vectors = np.stack(
        [vector_of(engine, 7_000_000, 0), vector_of(engine, 7_000_000, 1), vector_of(engine, 7_000_001, 0)]
    )
    one, same, other = tokens_of(state, torch.from_numpy(vectors)).flatten(1)
    assert functional.cosine_similarity(one, same, dim=0) > 0.9
    assert functional.cosine_similarity(one, other, dim=0) < 0.8


def test_a_zero_vector_stands_for_nobody(state: State) -> None:
    """The unconditional half: the same tokens whoever is painted, and none of a person's."""
    engine = DrawnEngine(models_folder() / "miniature" / "faces")
    vectors = torch.from_numpy(np.stack([np.zeros(128, np.float32), vector_of(engine, 7_000_000, 0)]))
    nobody, person = tokens_of(state, vectors).flatten(1)
    assert torch.isfinite(nobody).all()
    assert functional.cosine_similarity(nobody, person, dim=0) < 0.9


def test_it_takes_the_unit_vector_as_it_is(state: State) -> None:
    """The first layer's weights hold the input's scale: at length one its answer is of GELU's own range."""
    answer = functional.normalize(torch.randn(64, 128), dim=1) @ state["image_proj.proj.0.weight"].T
    assert 0.3 < float(answer.std()) < 3
