"""SDXL in the local backend, on tiny random networks: the contract, and diffusers' own pipelines beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Control, GenerateRequest, Sampler
from easyphoto.backends.components import Components, autoencoder_dtype, quiet_libraries
from easyphoto.backends.face_condition import FaceCondition
from easyphoto.backends.guides import draw_guide
from easyphoto.backends.latents import encoded
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.backends.prompts import encode_prompts
from easyphoto.backends.sampling import make_schedule
from easyphoto.errors import WeightsMissing
from easyphoto.geometry import Size
from easyphoto.progress import NullProgress
from tests.backends.contract import BackendContract, canny, drawn_picture, inpaint_request, pixels
from tests.backends.face_files import faces_for
from tests.tiny_family import POOLED_WIDTH, SECOND_WIDTH, WIDTH, write_tiny_lora

ASKED = {"prompt": "a face", "negative_prompt": "blurry", "guidance_scale": 3.0}


@pytest.fixture(scope="module")
def components(tiny_sdxl: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu")


@pytest.fixture
def local(components: Components, tiny_sdxl: Path) -> LocalBackend:
    return LocalBackend(components, tiny_sdxl)


class TestSdxlBackend(BackendContract):
    second_control = "canny"
    """No other model lies there."""

    @pytest.fixture
    def backend(self, local: LocalBackend) -> LocalBackend:
        return local

    @pytest.fixture
    def lora(self, tmp_path: Path) -> Path:
        return write_tiny_lora(tmp_path / "tiny.safetensors", text_prefix="lora_te1", cross=WIDTH + SECOND_WIDTH)

    @pytest.fixture
    def second_lora(self, tmp_path: Path) -> Path:
        cross = WIDTH + SECOND_WIDTH
        return write_tiny_lora(tmp_path / "second.safetensors", text_prefix="lora_te1", cross=cross, seed=1)

    @pytest.fixture
    def face(
        self, components: Components, tiny_sdxl: Path, face_encoder: Path, tmp_path: Path
    ) -> Callable[[str, int], FaceCondition]:
        return faces_for(
            components.unet, tmp_path, face_encoder, control=tiny_sdxl / "controlnet" / "diffusers_xl_canny_mid"
        )

    def test_controls_add_up(self, backend: LocalBackend) -> None:
        """Of canny with itself: no other model lies there."""
        once = self.paint(backend, controls=(canny(0.5),))

        result = backend.inpaint(inpaint_request(controls=(canny(0.5), canny(0.7))), NullProgress())

        assert result.applied_controls == ("canny", "canny")
        assert (pixels(result.image) != once).any()


def pipeline_of(kind: str, components: Components, sampler: Sampler, **more: Any) -> Any:
    import diffusers

    parts = components.parts
    schedule = make_schedule(components.scheduler.config, sampler, steps=4, strength=1.0, device=torch.device("cpu"))
    # Where a watermarking package is installed, the pipeline would mark its picture.
    pipeline = getattr(diffusers, kind)(**parts, **more, add_watermarker=False)
    pipeline.scheduler = schedule.scheduler
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def noise_and_generator() -> tuple[torch.Tensor, torch.Generator]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn((4, 4, 6), generator=generator)[None], generator


@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize("negative", ["blurry", None])
def test_words_give_the_picture_diffusers_gives(components: Components, sampler: Sampler, negative: str | None) -> None:
    request = GenerateRequest(
        Size(48, 32), prompt="a face", negative=negative or "", seed=5, steps=4, cfg=3.0, sampler=sampler
    )

    ours = pixels(LocalBackend(components).generate(request, NullProgress()).image).astype(int)

    latents, generator = noise_and_generator()
    with quiet_libraries():
        pipeline = pipeline_of("StableDiffusionXLPipeline", components, sampler)
        asked = {**ASKED, "negative_prompt": negative}
        theirs = pipeline(**asked, height=32, width=48, num_inference_steps=4, latents=latents, generator=generator)
    assert np.abs(ours - pixels(theirs.images[0]).astype(int)).max() <= 1


def test_guidance_of_one_asks_for_no_negative(components: Components) -> None:
    request = GenerateRequest(
        Size(48, 32), prompt="a face", negative="blurry", seed=5, steps=4, cfg=1.0, sampler=Sampler.LCM
    )

    ours = pixels(LocalBackend(components).generate(request, NullProgress()).image).astype(int)

    latents, generator = noise_and_generator()
    with quiet_libraries():
        pipeline = pipeline_of("StableDiffusionXLPipeline", components, Sampler.LCM)
        theirs = pipeline(
            "a face", height=32, width=48, num_inference_steps=4, guidance_scale=1.0, latents=latents,
            generator=generator,
        )  # fmt: skip
    assert np.abs(ours - pixels(theirs.images[0]).astype(int)).max() <= 1


def test_a_control_gives_the_picture_diffusers_gives(components: Components, tiny_sdxl: Path) -> None:
    from diffusers import ControlNetModel

    guide = draw_guide("canny", drawn_picture())
    request = GenerateRequest(
        Size(48, 32),
        prompt="a face",
        negative="blurry",
        controls=(Control("canny", guide, 0.6),),
        seed=5,
        steps=4,
        cfg=3.0,
    )

    ours = pixels(LocalBackend(components, tiny_sdxl).generate(request, NullProgress()).image).astype(int)

    latents, generator = noise_and_generator()
    with quiet_libraries():
        net = ControlNetModel.from_pretrained(tiny_sdxl / "controlnet" / "diffusers_xl_canny_mid")
        pipeline = pipeline_of(
            "StableDiffusionXLControlNetPipeline", components, Sampler.DPMPP_2M_KARRAS, controlnet=net
        )
        theirs = pipeline(
            **ASKED, height=32, width=48, num_inference_steps=4, latents=latents, generator=generator, image=guide,
            controlnet_conditioning_scale=0.6,
        )  # fmt: skip
    assert np.abs(ours - pixels(theirs.images[0]).astype(int)).max() <= 1


@pytest.mark.parametrize("sampler", [Sampler.DPMPP_2M_KARRAS, Sampler.EULER_TRAILING, Sampler.DDIM_TRAILING])
@pytest.mark.parametrize("whole", [True, False], ids=["whole picture", "under a mask"])
def test_a_picture_is_repainted_as_diffusers_does(components: Components, sampler: Sampler, whole: bool) -> None:
    mask = np.zeros((32, 48), np.float32)
    mask[8:24, 16:40] = 1
    mask = np.ones_like(mask) if whole else mask
    request = inpaint_request(mask=mask, denoise=0.5, sampler=sampler, prompt="a face", negative="blurry")

    ours = pixels(LocalBackend(components).inpaint(request, NullProgress()).image).astype(int)

    # The picture as latents: the pipelines would draw them from the autoencoder's distribution, we take its mode.
    with torch.no_grad():
        latents = encoded(components.vae, [request.image])
    kind = "StableDiffusionXLImg2ImgPipeline" if whole else "StableDiffusionXLInpaintPipeline"
    more: dict[str, Any] = (
        {} if whole else {"mask_image": torch.from_numpy(mask)[None, None], "height": 32, "width": 48}
    )
    with quiet_libraries():
        pipeline = pipeline_of(kind, components, sampler)
        theirs = pipeline(
            **ASKED, **more, image=latents, strength=0.5, num_inference_steps=4,
            generator=torch.Generator().manual_seed(5),
        )  # fmt: skip
    apart = np.abs(ours - pixels(theirs.images[0]).astype(int))
    assert apart[mask > 0].max() <= 1


def test_both_encoders_say_their_last_but_one_and_the_second_pools(components: Components) -> None:
    words = encode_prompts(components, ["a face", "", "a face"])

    assert words.states.shape == (3, 77, WIDTH + SECOND_WIDTH)
    assert words.pooled is not None
    assert words.pooled.shape == (3, POOLED_WIDTH)
    assert torch.equal(words.states[0], words.states[2])
    assert float(words.states[1].abs().max()) == float(words.pooled[1].abs().max()) == 0
    times = words.added(Size(48, 32))["time_ids"]
    assert times.tolist() == [[32, 48, 0, 0, 32, 48]] * 3


def test_an_autoencoder_that_overflows_in_16_bit_stays_in_32(tiny_sdxl: Path) -> None:
    halved = load_components(SDXL, tiny_sdxl, dtype=torch.float16, device="cpu")

    assert halved.vae.dtype == torch.float32
    assert halved.unet.dtype == halved.text_encoders[1].dtype == torch.float16
    # bfloat16 has float32's range.
    assert autoencoder_dtype({"force_upcast": True}, torch.bfloat16) == torch.bfloat16
    assert autoencoder_dtype({}, torch.float16) == torch.float16


def test_a_folder_without_its_second_encoder_is_refused(tiny_sdxl: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_sdxl, base)
    shutil.rmtree(base / "text_encoder_2")

    with pytest.raises(WeightsMissing, match="text_encoder_2"):
        load_components(SDXL, base, dtype=torch.float32, device="cpu")

    shutil.rmtree(base / "tokenizer_2")
    with pytest.raises(WeightsMissing, match="text_encoder_2"):
        load_components(SDXL, base, dtype=torch.float32, device="cpu")
