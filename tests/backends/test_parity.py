"""The own loop with every sampler's schedule against the loop of diffusers' pipeline, on tiny random networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.base import GenerateRequest, Sampler
from easyphoto.backends.components import Components, quiet_libraries
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.backends.sampling import make_schedule
from easyphoto.geometry import Size
from easyphoto.progress import NullProgress
from tests.backends.contract import pixels

WORDS = {"prompt": "a face", "negative_prompt": "blurry"}


@pytest.fixture(scope="module")
def components(tiny_base: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")


def pipeline_picture(pipeline: Any, components: Components, sampler: Sampler) -> np.ndarray:
    schedule = make_schedule(components.scheduler.config, sampler, steps=4, strength=1.0, device=torch.device("cpu"))
    pipeline.scheduler = schedule.scheduler
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn((4, 4, 6), generator=generator)[None]
    made = pipeline(
        **WORDS, height=32, width=48, num_inference_steps=4, guidance_scale=3.0, latents=latents, generator=generator,
        output_type="pil",
    )  # fmt: skip
    return pixels(made.images[0]).astype(int)


def parts(components: Components) -> dict[str, Any]:
    nothing = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return components.parts | nothing


@pytest.mark.parametrize("sampler", list(Sampler))
def test_words_give_the_picture_diffusers_gives(components: Components, sampler: Sampler) -> None:
    from diffusers import StableDiffusionPipeline

    request = GenerateRequest(
        Size(48, 32), prompt="a face", negative="blurry", seed=5, steps=4, cfg=3.0, sampler=sampler
    )

    ours = pixels(LocalBackend(components).generate(request, NullProgress()).image).astype(int)

    with quiet_libraries():
        theirs = pipeline_picture(StableDiffusionPipeline(**parts(components)), components, sampler)
    assert np.abs(ours - theirs).max() <= 1
