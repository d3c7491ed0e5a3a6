"""Repainting against diffusers' own inpaint pipelines: what the UNet sees and says in every step, and the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from easyphoto.backends.base import Control, InpaintRequest, Sampler
from easyphoto.backends.components import quiet_libraries
from easyphoto.backends.conditions import LoraCondition, loras_in
from easyphoto.backends.local import LocalBackend
from easyphoto.progress import NullProgress
from tests.backends.contract import drawn_picture, pixels
from tests.backends.parity import (
    HEARD,
    HEIGHT,
    KINDS,
    SCHEDULERS,
    STEPS,
    WIDTH,
    Model,
    Painted,
    assert_same_steps,
    controls_of,
    lay_loras,
    made_model,
    pipeline_of,
    steps_of,
)


@pytest.fixture(scope="module", params=["miniature", "sd15", "sdxl"])
def model(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return made_model(request.param, tiny_base, tmp_path_factory.mktemp(request.param))


def cells_mask() -> np.ndarray:
    """Whole latent cells, so that every way of reducing a mask gives the same."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[24:72, 40:104] = 1
    return mask


def picture(seed: int = 0) -> Image.Image:
    return drawn_picture(seed).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def asked(**changes: Any) -> InpaintRequest:
    request = InpaintRequest(
        picture(), cells_mask(), prompt="a face", negative="blurry", seed=5, steps=STEPS, denoise=0.5, cfg=3.0,
        sampler=Sampler.DPMPP_2M_KARRAS,
    )  # fmt: skip
    return replace(request, **changes)


def two_controls(model: Model) -> tuple[Control, Control]:
    """Four steps are made: the first control is on in the first three, the second in the last two."""
    first, second = KINDS[model.family.id]
    return Control(first, picture(1), 0.6, end=0.75), Control(second, picture(2), 1.3, start=0.5)


def ours(model: Model, request: InpaintRequest) -> Painted:
    components = model.components
    with steps_of(components.unet) as steps:
        result = LocalBackend(components, model.folder).inpaint(request, NullProgress())
    return Painted(pixels(result.image).astype(int), steps)


def theirs(model: Model, request: InpaintRequest) -> Painted:
    """By diffusers' pipeline, with a scheduler of its own and its own loader for LoRA."""
    components = model.open() if loras_in(request.conditions) else model.components
    encode = components.vae.encode
    with quiet_libraries(), pytest.MonkeyPatch.context() as patch:
        # The pipelines draw latents from the autoencoder's distribution where it has one; ours are its mode.
        patch.setattr(components.vae, "encode", lambda seen: SimpleNamespace(latents=encode(seen).latent_dist.mode()))
        pipeline = pipeline_of(model, components, request)
        lay_loras(pipeline, request)
        more = controls_of(request)
        with steps_of(components.unet) as steps:
            made = pipeline(
                prompt=request.prompt, negative_prompt=request.negative, image=request.image, height=HEIGHT,
                width=WIDTH,
                mask_image=Image.fromarray(np.uint8(request.mask * 255)), num_inference_steps=request.steps,
                strength=request.denoise, guidance_scale=request.cfg, generator=torch.Generator().manual_seed(5),
                **more,
            )  # fmt: skip
    return Painted(pixels(made.images[0]).astype(int), steps)


def assert_same(mine: Painted, other: Painted, request: InpaintRequest) -> None:
    assert len(mine.steps) == len(other.steps) == round(request.steps * request.denoise)
    assert_same_steps(mine, other)
    inside = request.mask > 0
    assert np.abs(mine.picture - other.picture)[inside].max() <= 1
    assert (mine.picture[~inside] == pixels(request.image)[~inside]).all()


@pytest.mark.parametrize("sampler", list(SCHEDULERS))
def test_a_masked_part_is_repainted_as_diffusers_does(model: Model, sampler: Sampler) -> None:
    request = asked(sampler=sampler)

    assert_same(ours(model, request), theirs(model, request), request)


@pytest.mark.parametrize("denoise", [0.25, 1.0])
def test_from_little_noise_and_from_noise_alone(model: Model, denoise: float) -> None:
    request = asked(denoise=denoise)

    assert_same(ours(model, request), theirs(model, request), request)


def test_one_control_is_added_as_diffusers_adds_it(model: Model) -> None:
    request = asked(controls=(Control(KINDS[model.family.id][0], picture(1), 0.7),))

    mine = ours(model, request)

    assert_same(mine, theirs(model, request), request)
    assert np.abs(mine.picture - ours(model, asked()).picture).max() > 2


def test_two_controls_have_their_own_weights_and_spans(model: Model) -> None:
    request = asked(controls=two_controls(model))

    mine = ours(model, request)

    assert_same(mine, theirs(model, request), request)
    alone = [ours(model, replace(request, controls=(control,))) for control in request.controls]
    assert all(float((mine.steps[-1][1] - each.steps[-1][1]).abs().max()) > HEARD for each in alone)


@pytest.mark.parametrize("weight", [0.6, -0.4])
def test_a_lora_is_laid_on_as_strongly_as_diffusers_does(model: Model, weight: float) -> None:
    request = asked(conditions=(LoraCondition(model.loras[0], weight),), controls=two_controls(model)[:1])

    mine = ours(model, request)

    assert_same(mine, theirs(model, request), request)
    bare = ours(model, replace(request, conditions=()))
    assert float((mine.steps[0][1] - bare.steps[0][1]).abs().max()) > HEARD
