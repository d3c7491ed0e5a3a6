"""Drawing from words against diffusers' own pipelines: what the UNet sees and says in every step, and the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.backends.base import Control, GenerateRequest, Sampler
from easyphoto.backends.components import quiet_libraries
from easyphoto.backends.conditions import LoraCondition, loras_in
from easyphoto.backends.latents import LATENT_FACTOR
from easyphoto.backends.local import LocalBackend
from easyphoto.geometry import Size
from easyphoto.progress import NullProgress
from tests.backends.contract import drawn_picture, pixels
from tests.backends.parity import (
    HEARD,
    HEIGHT,
    KINDS,
    SCHEDULERS,
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


def asked(**changes: Any) -> GenerateRequest:
    request = GenerateRequest(
        Size(WIDTH, HEIGHT), prompt="a violinist on a stage", negative="blurry", seed=5, steps=4, cfg=3.0,
        sampler=Sampler.DPMPP_2M_SDE_KARRAS,
    )  # fmt: skip
    return replace(request, **changes)


def posed(model: Model) -> tuple[Control, Control]:
    """Four steps are made: the first control is on in all of them, the second in the first two."""
    first, second = KINDS[model.family.id]
    guides = [drawn_picture(seed).resize((WIDTH, HEIGHT)) for seed in (1, 2)]
    return Control(second, guides[0], 0.5), Control(first, guides[1], 1.2, end=0.5)


def person_and_scene(model: Model) -> tuple[LoraCondition, LoraCondition]:
    person, scene = model.loras
    return LoraCondition(person, 0.25), LoraCondition(scene, 0.8)


def ours(model: Model, request: GenerateRequest) -> Painted:
    components = model.components
    with steps_of(components.unet) as steps:
        result = LocalBackend(components, model.folder).generate(request, NullProgress())
    return Painted(pixels(result.image).astype(int), steps)


def theirs(model: Model, request: GenerateRequest) -> Painted:
    """By diffusers' pipeline, with its own loader for LoRAs, and our scheduler's numbers from its own classes."""
    components = model.open() if loras_in(request.conditions) else model.components
    generator = torch.Generator().manual_seed(request.seed)
    shape = (components.unet.config.in_channels, HEIGHT // LATENT_FACTOR, WIDTH // LATENT_FACTOR)
    latents = torch.randn(shape, generator=generator)[None]
    with quiet_libraries():
        pipeline = pipeline_of(model, components, request)
        lay_loras(pipeline, request)
        with steps_of(components.unet) as steps:
            made = pipeline(
                prompt=request.prompt, negative_prompt=request.negative, height=HEIGHT, width=WIDTH,
                num_inference_steps=request.steps, guidance_scale=request.cfg, latents=latents, generator=generator,
                **controls_of(request),
            )  # fmt: skip
    return Painted(pixels(made.images[0]).astype(int), steps)


def assert_same(mine: Painted, other: Painted) -> None:
    assert_same_steps(mine, other)
    assert np.abs(mine.picture - other.picture).max() <= 1


@pytest.mark.parametrize("sampler", list(SCHEDULERS))
def test_words_draw_what_they_draw_in_diffusers(model: Model, sampler: Sampler) -> None:
    request = asked(sampler=sampler)

    assert_same(ours(model, request), theirs(model, request))


def test_controls_steer_a_drawing_as_they_do_in_diffusers(model: Model) -> None:
    request = asked(controls=posed(model))

    mine = ours(model, request)

    assert_same(mine, theirs(model, request))
    for control in request.controls:
        without = ours(
            model, replace(request, controls=tuple(each for each in request.controls if each is not control))
        )
        assert float((mine.steps[0][1] - without.steps[0][1]).abs().max()) > HEARD


def test_two_loras_at_once_have_their_weights_as_in_diffusers(model: Model) -> None:
    request = asked(conditions=person_and_scene(model))

    mine = ours(model, request)

    assert_same(mine, theirs(model, request))
    for lora in request.conditions:
        alone = ours(model, replace(request, conditions=(lora,)))
        assert float((mine.steps[0][1] - alone.steps[0][1]).abs().max()) > HEARD


def test_a_pose_and_two_loras_together(model: Model) -> None:
    request = asked(controls=posed(model)[:1], conditions=person_and_scene(model))

    assert_same(ours(model, request), theirs(model, request))
