"""Small random networks of every family, run by diffusers' own pipelines: the oracle of the backend that paints here.

SD 1.5 and SDXL come out of checkpoints in their published layout, the miniature out of a folder; it predicts v, the
others noise. Both sides run the same networks in float32, so they may differ by rounding alone: 1e-4 of the latents'
deviation in each step, one byte in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import InpaintRequest, Request, Sampler
from easyphoto.backends.components import Components
from easyphoto.backends.conditions import loras_in
from easyphoto.backends.loading import load_components
from tests.backends.merges import write_merges
from tests.ldm_layout import write_checkpoint
from tests.tiny_family import write_tiny_lora

# Smaller, SD 1.5's deepest latents would be one cell, and its norms would blow rounding up to anything.
WIDTH, HEIGHT = 128, 96
STEPS = 8
ROUNDING, HEARD = 1e-4, 2e-3
KINDS = {"miniature": ("canny", "tile"), "sd15": ("canny", "openpose"), "sdxl": ("canny", "openpose")}
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
    """A base model on disk, with ControlNets for two kinds in `folder`, and two LoRAs for it."""

    base: Path
    folder: Path
    loras: tuple[Path, Path]
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


def made_model(name: str, tiny_base: Path, folder: Path) -> Model:
    torch.set_num_threads(1)
    files = folder / "person.safetensors", folder / "scene.safetensors"
    if name == "miniature":
        person, scene = (write_tiny_lora(file, seed=seed) for seed, file in enumerate(files))
        return Model(tiny_base, tiny_base, (person, scene), MINIATURE)
    family = {"sd15": SD15, "sdxl": SDXL}[name]
    write_merges(folder)
    file, networks = write_checkpoint(folder, family)
    person, scene = (write_own_lora(file, networks, seed) for seed, file in enumerate(files, 2))
    made = Model(file, folder, (person, scene), family)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for kind in KINDS[family.id]:
            loud(networks["controlnet"]).save_pretrained(made.control_folder(kind))
    return made


def write_own_lora(path: Path, networks: dict[str, Any], seed: int) -> Path:
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
    draw = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(4, layer.in_features, generator=draw) * 0.5
        tensors[f"{name}.lora_up.weight"] = torch.randn(layer.out_features, 4, generator=draw) * 0.5
        tensors[f"{name}.alpha"] = torch.tensor(2.0)
    save_file(tensors, path)
    return path


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


def pipeline_of(model: Model, components: Components, request: Request) -> Any:
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
    way = "Inpaint" * isinstance(request, InpaintRequest)
    kind = f"StableDiffusion{'XL' * large}{'ControlNet' * bool(request.controls)}{way}Pipeline"
    pipeline = getattr(diffusers, kind)(**parts)
    scheduler, options = SCHEDULERS[request.sampler]
    pipeline.scheduler = getattr(diffusers, scheduler).from_config(components.scheduler.config, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def controls_of(request: Request) -> dict[str, Any]:
    controls = request.controls
    if not controls:
        return {}
    return {
        ("control_image" if isinstance(request, InpaintRequest) else "image"): [control.image for control in controls],
        "controlnet_conditioning_scale": [control.weight for control in controls],
        "control_guidance_start": [control.start for control in controls],
        "control_guidance_end": [control.end for control in controls],
    }


def lay_loras(pipeline: Any, request: Request) -> None:
    """The request's LoRAs by diffusers' own loader, each as an adapter of its weight."""
    uses = loras_in(request.conditions)
    for use in uses:
        pipeline.load_lora_weights(str(use.path.parent), weight_name=use.path.name, adapter_name=use.path.stem)
    if uses:
        pipeline.set_adapters([use.path.stem for use in uses], [use.weight for use in uses])


def assert_same_steps(mine: Painted, other: Painted) -> None:
    assert len(mine.steps) == len(other.steps)
    for number, (one, two) in enumerate(zip(mine.steps, other.steps, strict=True)):
        for what, a, b in zip(("shown", "said"), one, two, strict=True):
            apart = float((a - b).abs().max() / b.std())
            assert apart <= ROUNDING, f"step {number}, {what}: {apart:.2g} of the latents' deviation"
