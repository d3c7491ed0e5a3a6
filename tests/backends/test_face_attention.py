"""Faces in the cross-attention: against diffusers' own IP-Adapter and PuLID's own code, and what stays untouched."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from easyphoto.backends.face_attention import (
    Along,
    AttendedFace,
    FaceAttention,
    Layers,
    cross_attentions,
    faces_applied,
    grid_of,
    require_layers,
)
from easyphoto.errors import MissingCapability
from tests.backends.face_steps import (
    BREADTH,
    COUNT,
    GOLDEN,
    HEIGHT,
    ROWS,
    UNETS,
    WEIGHT,
    layers_of,
    random,
    small_unet,
    step,
    tokens_of,
    told,
)
from tests.tiny_family import WIDTH

VECTOR = 24
PULID = {"off": (Along.KEPT, 0), "v1": (Along.TAKEN_AWAY, 16), "v2": (Along.ATTENDED, 8)}


@pytest.fixture(scope="module", params=list(UNETS))
def unet(request: pytest.FixtureRequest) -> Any:
    torch.set_num_threads(1)
    return small_unet(request.param)


@pytest.mark.parametrize("asked", list(GOLDEN))
def test_a_step_is_the_one_the_papers_authors_take(asked: str) -> None:
    by, *form, name = asked.split()
    along, sink = PULID[form[0]] if by == "pulid" else (Along.KEPT, 0)
    unet = small_unet(name)

    ours = with_faces(unet, AttendedFace(layers_of(unet), tokens_of(unet), WEIGHT, along=along, sink=sink))

    assert told(ours) == pytest.approx(GOLDEN[asked], abs=1e-5)


def with_faces(unet: Any, *faces: AttendedFace) -> torch.Tensor:
    with faces_applied(unet, dict(enumerate(faces))):
        return step(unet)


def projection(width: int, seed: int = 20) -> dict[str, torch.Tensor]:
    """FaceID's projection of a vector into tokens, by its file's names."""
    shapes = {"proj.0": (2 * VECTOR, VECTOR), "proj.2": (COUNT * width, 2 * VECTOR)}
    state = {}
    for number, (name, shape) in enumerate(shapes.items()):
        state[f"{name}.weight"] = random(*shape, seed=seed + number, scale=0.2)
        state[f"{name}.bias"] = random(shape[0], seed=seed + 9 + number, scale=0.2)
    return {**state, "norm.weight": 1 + random(width, seed=41, scale=0.2), "norm.bias": random(width, seed=42)}


@torch.no_grad()
def of_diffusers(
    unet: Any, layers: Layers, weight: float, vectors: torch.Tensor, masks: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens, and the step with them, as diffusers makes them from an adapter's file."""
    adapter = {
        f"{number}.{name}.weight": matrix
        for number, both in layers.items()
        for name, matrix in zip(("to_k_ip", "to_v_ip"), both, strict=True)
    }
    state = {"image_proj": projection(unet.config.cross_attention_dim), "ip_adapter": adapter}
    plain = dict(unet.attn_processors)
    unet._load_ip_adapter_weights([state], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = [weight]
    masked = {} if masks is None else {"ip_adapter_masks": [masks]}
    answer = step(unet, added={"image_embeds": [vectors[:, None]]}, **masked)
    tokens = unet.encoder_hid_proj([vectors[:, None]])[0][:, 0]
    unet.encoder_hid_proj = unet.config.encoder_hid_dim_type = None
    unet.set_attn_processor(plain)
    return tokens, answer


def vectors() -> torch.Tensor:
    """Those of two people, behind the zeros of the negative half."""
    return torch.cat([torch.zeros(2, VECTOR), functional.normalize(random(2, VECTOR, seed=30), dim=-1)])


@pytest.mark.parametrize("weight", [1.0, 0.4])
def test_a_step_is_the_one_diffusers_takes(unet: Any, weight: float) -> None:
    tokens, theirs = of_diffusers(unet, layers_of(unet), weight, vectors())

    ours = with_faces(unet, AttendedFace(layers_of(unet), tokens, weight))

    assert (ours - theirs).abs().max() < 1e-5
    assert (ours - step(unet)).abs().max() > 1e-2


def test_masks_are_laid_on_as_diffusers_lays_them_on(unet: Any) -> None:
    mask = torch.zeros(1, 8 * HEIGHT, 8 * BREADTH)
    mask[:, 20:100, 60:] = 0.5
    mask[:, 40:80, 100:] = 1
    tokens, theirs = of_diffusers(unet, layers_of(unet), 0.8, vectors(), mask[None])

    ours = with_faces(unet, AttendedFace(layers_of(unet), tokens, 0.8, mask.repeat(2, 1, 1)))

    assert (ours - theirs).abs().max() < 1e-5
    assert (ours - with_faces(unet, AttendedFace(layers_of(unet), tokens, 0.8))).abs().max() > 1e-2


@pytest.mark.parametrize("along", list(Along))
def test_a_weight_or_a_mask_of_zero_and_what_is_switched_off_leave_every_bit(unet: Any, along: Along) -> None:
    plain, layers, tokens = step(unet), layers_of(unet), tokens_of(unet)

    assert torch.equal(with_faces(unet, AttendedFace(layers, tokens, 0.0, along=along)), plain)
    nowhere = torch.zeros(2, 8 * HEIGHT, 8 * BREADTH)
    assert torch.equal(with_faces(unet, AttendedFace(layers, tokens, 1.0, nowhere, along=along)), plain)
    with faces_applied(unet, {0: AttendedFace(layers, tokens, along=along)}) as applied:
        assert not torch.equal(step(unet), plain)
        applied.switch(())
        assert torch.equal(step(unet), plain)


def test_afterwards_the_networks_are_what_they_were(unet: Any) -> None:
    plain, processors = step(unet), dict(unet.attn_processors)
    names = list(unet.state_dict())

    def fail() -> None:
        with faces_applied(unet, {0: AttendedFace(layers_of(unet), tokens_of(unet))}):
            assert list(unet.state_dict()) == names
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()

    assert dict(unet.attn_processors) == processors
    assert torch.equal(step(unet), plain)


def test_the_negative_half_does_not_know_whose_face_it_is(unet: Any) -> None:
    nobody = tokens_of(unet, rows=2)
    faces = [AttendedFace(layers_of(unet), torch.cat([nobody, tokens_of(unet, seed, rows=2)])) for seed in (8, 9)]

    anna, bert = (with_faces(unet, face) for face in faces)

    assert torch.equal(anna[:2], bert[:2])
    assert (anna[2:] != bert[2:]).any()


def test_each_picture_has_its_own_face(unet: Any) -> None:
    tokens = tokens_of(unet)
    other = tokens.clone()
    other[3] += 1

    first, second = (with_faces(unet, AttendedFace(layers_of(unet), each)) for each in (tokens, other))

    assert torch.equal(first[:3], second[:3])
    assert (first[3] != second[3]).any()


def test_two_faces_add_up_in_every_layer(unet: Any) -> None:
    """Half a face and half of it again are the face."""
    layers, tokens = layers_of(unet), tokens_of(unet)

    halves = with_faces(unet, AttendedFace(layers, tokens, 0.5), AttendedFace(layers, tokens, 0.5))

    assert (halves - with_faces(unet, AttendedFace(layers, tokens))).abs().max() < 1e-5
    both = with_faces(unet, AttendedFace(layers, tokens), AttendedFace(layers_of(unet, 2), tokens_of(unet, 8)))
    assert (both - halves).abs().max() > 1e-2


def test_two_people_keep_to_their_masks() -> None:
    """In a single layer: behind it the networks mix the cells."""
    unet = small_unet("miniature")
    name = next(iter(cross_attentions(unet).values())).removesuffix(".processor")
    attention = unet.get_submodule(name)
    left = torch.zeros(2, 32, 48)
    left[..., :24] = 1
    layers = layers_of(unet)
    states, words = random(ROWS, 4 * 6, attention.inner_dim, seed=1), random(ROWS, 9, WIDTH, seed=2)

    def answered(*faces: AttendedFace) -> torch.Tensor:
        with faces_applied(unet, dict(enumerate(faces))):
            return attention(states, words).unflatten(1, (4, 6))

    anna = AttendedFace(layers, tokens_of(unet, 8), masks=left)
    bert = AttendedFace(layers, tokens_of(unet, 9), masks=1 - left)
    both = answered(anna, bert)

    assert torch.equal(both[:, :, 0], answered(anna)[:, :, 0])
    assert torch.equal(both[:, :, 5], answered(bert)[:, :, 5])
    assert torch.equal(answered(anna)[:, :, 5], answered()[:, :, 5])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("along", list(Along))
def test_16_bit_networks_take_faces(along: Along, dtype: torch.dtype) -> None:
    unet = small_unet("miniature").to(dtype)
    layer = unet.get_submodule(next(iter(cross_attentions(unet).values())).removesuffix(".processor"))
    layers = {number: tuple(matrix.to(dtype) for matrix in both) for number, both in layers_of(unet).items()}
    masks = torch.ones(2, 32, 48)
    masks[..., 24:] = 0.3
    face = AttendedFace(layers, tokens_of(unet).to(dtype), 0.8, masks, along, 8)

    with faces_applied(unet, {0: face}):
        answer = layer(random(ROWS, 24, layer.inner_dim, seed=1).to(dtype), random(ROWS, 9, WIDTH, seed=2).to(dtype))

    assert answer.dtype == dtype
    assert answer.isfinite().all()


@pytest.mark.parametrize(
    ("size", "cells", "grid"),
    [
        ((1024, 768), 128 * 96, (128, 96)),
        ((1024, 768), 64 * 48, (64, 48)),
        ((72, 48), 5 * 3, (5, 3)),
        ((72, 48), 3 * 2, (3, 2)),
        ((32, 48), 1, (1, 1)),
    ],
)
def test_a_layers_grid_follows_from_its_number_of_cells(
    size: tuple[int, int], cells: int, grid: tuple[int, int]
) -> None:
    assert grid_of(size, cells) == grid


@pytest.mark.parametrize("change", ["other width", "one missing", "one more"])
def test_an_adapter_of_another_family_is_refused_by_name(unet: Any, change: str) -> None:
    layers = dict(layers_of(unet))
    require_layers(unet, layers, "ours.bin")
    match change:
        case "other width":
            layers = {number: tuple(each[:, :-1] for each in both) for number, both in layers.items()}
        case "one missing":
            del layers[max(layers)]
        case "one more":
            layers[999] = next(iter(layers.values()))

    with pytest.raises(MissingCapability, match=r"theirs\.bin is not an adapter for this model"):
        require_layers(unet, layers, "theirs.bin")


def test_the_plain_processor_is_asked_while_no_face_acts() -> None:
    unet = small_unet("miniature")
    asked = []

    def plain(*given: Any, **_: Any) -> torch.Tensor:
        asked.append(given)
        return given[1]

    with faces_applied(unet, {0: AttendedFace(layers_of(unet), tokens_of(unet))}) as applied:
        processor = FaceAttention(plain, {}, applied)
        states = random(1, 4, WIDTH, seed=1)
        assert processor(None, states, None) is states
    assert len(asked) == 1
