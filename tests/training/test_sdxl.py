"""SDXL: both encoders learn, the file is what the others read, and a whole run goes through."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from election.merging import module_names, product

from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.components import Components, quiet_libraries
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.loading import load_components
from easyphoto.backends.lora_apply import loras_applied
from easyphoto.backends.prompts import encoded_tokens
from easyphoto.progress import Cancelled, NullProgress, Progress
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import Adapted, add_adapters
from easyphoto.training.context import RunContext
from easyphoto.training.data import cache_dataset, read_entries
from easyphoto.training.events import Sample
from easyphoto.training.lora import (
    kohya_state,
    read_lora,
    write_lora,
)
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.session import TrainingModels, train_session
from tests.fakes import FakeEngine, RecordingProgress
from tests.training.conftest import TRIGGER, write_dataset


def adapted(tiny_sdxl: Path, *, seed: int = 0) -> tuple[Components, Adapted]:
    """The tiny SDXL with adapters that do something (PEFT starts them at nothing)."""
    components = load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu")
    found = add_adapters(components, rank=4, alpha=2, seed=seed, text_learns=True)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in found.parameters().items():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.1)
    return components, found


@torch.no_grad()
def answers(components: Components) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What both encoders and the UNet make of a fixed input."""
    draw = torch.Generator().manual_seed(5)
    tokens = torch.randint(0, 200, (1, 77), generator=draw)
    latents = torch.randn(1, 4, 16, 16, generator=draw)
    words, pooled = encoded_tokens(SDXL.text_encoders, components.text_encoders, [tokens, tokens])
    assert pooled is not None
    added = {"text_embeds": pooled, "time_ids": torch.tensor([[128.0, 128, 0, 0, 128, 128]])}
    guess = components.unet(latents, 500, words, added_cond_kwargs=added, return_dict=False)[0]
    return words, pooled, guess


def in_diffusers(base: Path, state: dict[str, torch.Tensor]) -> Components:
    from diffusers import StableDiffusionXLPipeline

    fresh = load_components(SDXL, base, dtype=torch.float32, device="cpu")
    with quiet_libraries():
        pipeline = StableDiffusionXLPipeline(**fresh.parts, add_watermarker=False)
        pipeline.load_lora_weights(dict(state))
    return fresh


def apart(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


def adapter_tensors(components: Components) -> int:
    return sum(".lora_" in name for network in components.networks for name, _ in network.named_parameters())


def test_loaded_in_diffusers_every_key_is_used_and_it_equals_the_live_adapters(tiny_sdxl: Path):
    components, live = adapted(tiny_sdxl)
    state = kohya_state(live)

    loaded = in_diffusers(tiny_sdxl, state)

    assert adapter_tensors(loaded) == 2 * len(module_names(state))
    assert apart(answers(loaded), answers(components)) < 1e-5
    bare = load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu")
    assert all(apart((a,), (b,)) > 0.01 for a, b in zip(answers(components), answers(bare), strict=True))


def test_names_are_those_that_web_uis_and_kohya_look_for(tiny_sdxl: Path):
    _, live = adapted(tiny_sdxl)
    names = module_names(kohya_state(live))

    attention, middle = "lora_unet_down_blocks_1_attentions_0", "lora_unet_mid_block_attentions_0"
    assert f"{attention}_transformer_blocks_0_attn1_to_out_0" in names
    assert f"{middle}_transformer_blocks_1_ff_net_0_proj" in names
    assert "lora_te1_text_model_encoder_layers_0_self_attn_q_proj" in names
    assert "lora_te2_text_model_encoder_layers_2_mlp_fc2" in names
    assert sum(name.startswith("lora_te1_text_model_encoder_layers_") for name in names) == 2 * 6
    assert sum(name.startswith("lora_te2_text_model_encoder_layers_") for name in names) == 3 * 6
    # 2 + 2 + 1 blocks with attention down and in the middle, 3 + 3 up; the deep ones have two transformers each.
    assert sum(name.startswith("lora_unet_") for name in names) == 11 * 2 + (2 * 1 + 3 * 1 + 2 * 2 + 1 * 2 + 3 * 2) * 10


def test_our_own_inference_applies_the_same_change(tiny_sdxl: Path, tmp_path: Path):
    components, live = adapted(tiny_sdxl)
    write_lora(tmp_path / "lora.safetensors", kohya_state(live), {})
    fresh = load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu")

    with loras_applied(fresh, (LoraCondition(tmp_path / "lora.safetensors"),)):
        found = answers(fresh)

    assert apart(found, answers(components)) < 1e-4


def test_a_text_learning_rate_of_nothing_freezes_both_encoders(tiny_sdxl: Path):
    components = load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu")

    frozen = add_adapters(components, rank=4, alpha=2, seed=0, text_learns=False)

    assert all(name.startswith("unet.") for name in frozen.parameters())
    assert all(name.startswith("lora_unet_") for name in kohya_state(frozen))
    texts = components.text_encoders
    assert not any(each.requires_grad for encoder in texts for each in encoder.parameters())


def test_the_unet_is_told_what_size_a_picture_had(tiny_sdxl: Path, tmp_path: Path):
    folder = write_dataset(tmp_path, photos=3)
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    rows[0] |= {"original_size": [640, 480], "corner": [16, 8]}
    rows[1] |= {"original_size": [90, 90]}
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    components = load_components(replace(SDXL, resolution=64), tiny_sdxl, dtype=torch.float32, device="cpu")

    cached = cache_dataset(components, read_entries(folder), NullProgress(), flip=False, device="cpu")

    assert cached.times is not None
    # Height, width, top, left of what was cut, then what is drawn; a picture of which nothing is told has its own size.
    assert cached.times.tolist() == [[480, 640, 16, 8, 64, 64], [90, 90, 0, 0, 64, 64], [128, 128, 0, 0, 64, 64]]
    assert len(cached.tokens) == 2
    assert not torch.equal(*cached.tokens)


@pytest.fixture
def train_sdxl(tiny_sdxl: Path, dataset: Path, templates: tuple[str, ...]) -> Callable[..., list[Any]]:
    from easyphoto.backends.local import LocalBackend

    def train(
        folder: Path, progress: Progress | None = None, templates: tuple[str, ...] = templates, **changes: Any
    ) -> list[Any]:
        chosen = {"steps": 4, "rank": 4, "validations": 2, "validation_steps": 2, "batch": 2, "resolution": 128}
        settings = TrainSettings(**{**chosen, "learning_rate": 1e-2, **changes})
        run = TrainRun(
            person="lena", trigger=TRIGGER, family="sdxl", base=str(tiny_sdxl), dataset=str(dataset),
            templates=templates, settings=settings, threads=1,
        )  # fmt: skip
        run.write(folder)
        components = load_components(run.kind, tiny_sdxl, dtype=torch.float32, device="cpu")
        said: list[Any] = []
        context = RunContext(run, RunFolder(folder), said.append, progress or NullProgress())
        said.append(
            train_session(context, TrainingModels(components, LocalBackend(components, tiny_sdxl), FakeEngine()))
        )
        return said

    return train


def test_a_run_leaves_a_judged_sdxl_lora(train_sdxl: Callable[..., list[Any]], tmp_path: Path):
    said = train_sdxl(tmp_path, checkpointing="on", micro_batch=1)

    state, metadata = read_lora(tmp_path / "lora.safetensors")
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert metadata["ss_resolution"] == "(128, 128)"
    # Nobody looks at the first encoder's last layer: SDXL takes the states before it.
    idle = [name for name in module_names(state) if float(product(state, name).norm()) == 0]
    assert len(idle) == 6
    assert all(name.startswith("lora_te1_text_model_encoder_layers_1_") for name in idle)
    # One picture at the half for the eye, and both templates at the end.
    assert len([event for event in said if isinstance(event, Sample)]) == 1 + 2
    assert said[-1].last is not None
    assert "Stable Diffusion XL at 128 px, batch 2 as 2×1, checkpointing on" in said[-1].plan


def test_a_cancelled_run_goes_on_to_the_same_bytes(train_sdxl: Callable[..., list[Any]], tmp_path: Path):
    whole = train_sdxl(tmp_path / "whole", templates=())[-1]
    with pytest.raises(Cancelled):
        train_sdxl(tmp_path / "parts", RecordingProgress(cancel_at=8), templates=())
    assert RunFolder(tmp_path / "parts").resume.is_file()

    again = train_sdxl(tmp_path / "parts", templates=())[-1]

    assert again.sha256 == whole.sha256
