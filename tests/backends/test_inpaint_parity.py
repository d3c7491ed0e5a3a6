"""Repainting against diffusers' own inpaint pipelines: what the UNet is shown and says in every step, and the picture.

Networks are random and small. SD 1.5 and SDXL come out of checkpoints in their published layout, the miniature out of a
folder; it predicts v, the others noise. Both sides run the same networks in float32, so they may differ by rounding
alone: 1e-4 of the latents' deviation in each step, one byte in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Control, InpaintRequest, Sampler
from easyphoto.backends.components import Components, quiet_libraries
from easyphoto.backends.conditions import LoraCondition, loras_in
from easyphoto.backends.loading import load_components
from easyphoto.backends.local import LocalBackend
from easyphoto.progress import NullProgress
from tests.backends.contract import drawn_picture, pixels
from tests.backends.merges import write_merges
from tests.ldm_layout import write_checkpoint
from tests.tiny_family import write_tiny_lora

# Smaller, SD 1.5's deepest latents would be one cell, and its norms would blow rounding up to anything.
WIDTH, HEIGHT = 128, 96
STEPS = 8
ROUNDING, HEARD = 1e-4, 2e-3
KINDS = {"miniature": ("canny", "tile"), "sd15": ("canny", "tile"), "sdxl": ("canny", "openpose")}
SCHEDULERS: dict[Sampler, tuple[str, dict[str, Any]]] = {
    Sampler.DPMPP_2M_KARRAS: (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True, "final_sigmas_type": "zero"},
    ),
    Sampler.DPMPP_2M_SDE_KARRAS: (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True, "final_sigmas_type": "zero"},
    ),
    Sampler.EULER_A: ("EulerAncestralDiscreteScheduler", {}),
    Sampler.EULER_TRAILING: ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    Sampler.DDIM: ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": True}),
}


@dataclass(eq=False)
class Model:
    """A base model on disk, with ControlNets for two kinds in `folder`, and a LoRA for it."""

    base: Path
    folder: Path
    lora: Path
    family: Any

    @cached_property
    def components(self) -> Components:
        """Opened once, for whoever leaves the networks as they are."""
        return self.open()

    def open(self) -> Components:
        return load_components(self.family, self.base, dtype=torch.float32, device="cpu")

    def control_folder(self, kind: str) -> Path:
        return self.folder / "controlnet" / self.family.controls[kind]


def loud(control: Any) -> Any:
    """A ControlNet of random weights that is heard, and unlike another seed's."""
    for layer in (control.controlnet_mid_block, *control.controlnet_down_blocks):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return control


@pytest.fixture(scope="module", params=["miniature", "sd15", "sdxl"])
def model(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    torch.set_num_threads(1)
    folder: Path = tmp_path_factory.mktemp(request.param)
    lora = folder / "person.safetensors"
    if request.param == "miniature":
        return Model(tiny_base, tiny_base, write_tiny_lora(lora), MINIATURE)
    family = {"sd15": SD15, "sdxl": SDXL}[request.param]
    write_merges(folder)
    file, networks = write_checkpoint(folder, family)
    made = Model(file, folder, write_own_lora(lora, networks), family)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for kind in KINDS[family.id]:
            loud(networks["controlnet"]).save_pretrained(made.control_folder(kind))
    return made


def write_own_lora(path: Path, networks: dict[str, Any]) -> Path:
    """A kohya file for two layers of the UNet and of each text encoder, whatever their widths."""
    from safetensors.torch import save_file

    texts = [networks[name] for name in ("text_encoder", "text_encoder_2") if name in networks]
    prefixes = ("lora_te",) if len(texts) == 1 else ("lora_te1", "lora_te2")
    middle = networks["unet"].mid_block.attentions[0].transformer_blocks[0]
    block = "lora_unet_mid_block_attentions_0_transformer_blocks_0"
    layers = {f"{block}_attn1_to_q": middle.attn1.to_q, f"{block}_attn2_to_k": middle.attn2.to_k}
    for prefix, text in zip(prefixes, texts, strict=True):
        for part in ("q_proj", "out_proj"):
            layer = next(each for name, each in text.named_modules() if name.endswith(f"layers.0.self_attn.{part}"))
            layers[f"{prefix}_text_model_encoder_layers_0_self_attn_{part}"] = layer
    draw = torch.Generator().manual_seed(2)
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(4, layer.in_features, generator=draw) * 0.5
        tensors[f"{name}.lora_up.weight"] = torch.randn(layer.out_features, 4, generator=draw) * 0.5
        tensors[f"{name}.alpha"] = torch.tensor(2.0)
    save_file(tensors, path)
    return path


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


@contextmanager
def steps_of(unet: Any) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """What the network is shown and what it says, call by call."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    hook = unet.register_forward_hook(lambda _, given, said: seen.append((given[0].clone(), said[0].clone())))
    try:
        yield seen
    finally:
        hook.remove()


@dataclass(frozen=True)
class Painted:
    picture: np.ndarray
    steps: list[tuple[torch.Tensor, torch.Tensor]]


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
        for use in loras_in(request.conditions):
            pipeline.load_lora_weights(str(use.path.parent), weight_name=use.path.name, adapter_name="person")
            pipeline.set_adapters(["person"], [use.weight])
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


def pipeline_of(model: Model, components: Components, request: InpaintRequest) -> Any:
    import diffusers

    large = model.family.id == "sdxl"
    parts = {name: getattr(components, name) for name in ("unet", "vae", "scheduler")}
    for number, (encoder, tokenizer) in enumerate(zip(components.text_encoders, components.tokenizers, strict=True), 1):
        end = f"_{number}" if number > 1 else ""
        parts |= {f"text_encoder{end}": encoder, f"tokenizer{end}": tokenizer}
    parts |= (
        {"add_watermarker": False}
        if large
        else {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    )
    if request.controls:
        places = [model.control_folder(control.kind) for control in request.controls]
        parts["controlnet"] = [diffusers.ControlNetModel.from_pretrained(place) for place in places]
    kind = f"StableDiffusion{'XL' * large}{'ControlNet' * bool(request.controls)}InpaintPipeline"
    pipeline = getattr(diffusers, kind)(**parts)
    scheduler, options = SCHEDULERS[request.sampler]
    pipeline.scheduler = getattr(diffusers, scheduler).from_config(components.scheduler.config, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def controls_of(request: InpaintRequest) -> dict[str, Any]:
    controls = request.controls
    if not controls:
        return {}
    return {
        "control_image": [control.image for control in controls],
        "controlnet_conditioning_scale": [control.weight for control in controls],
        "control_guidance_start": [control.start for control in controls],
        "control_guidance_end": [control.end for control in controls],
    }


def assert_same(mine: Painted, other: Painted, request: InpaintRequest) -> None:
    assert len(mine.steps) == len(other.steps) == round(request.steps * request.denoise)
    for number, (one, two) in enumerate(zip(mine.steps, other.steps, strict=True)):
        for what, a, b in zip(("shown", "said"), one, two, strict=True):
            apart = float((a - b).abs().max() / b.std())
            assert apart <= ROUNDING, f"step {number}, {what}: {apart:.2g} of the latents' deviation"
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
    request = asked(conditions=(LoraCondition(model.lora, weight),), controls=two_controls(model)[:1])

    mine = ours(model, request)

    assert_same(mine, theirs(model, request), request)
    bare = ours(model, replace(request, conditions=()))
    assert float((mine.steps[0][1] - bare.steps[0][1]).abs().max()) > HEARD
