"""The LoRA file: what is written, and what diffusers makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from election.merging import module_names

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.loading import load_components
from easyphoto.errors import InputError
from easyphoto.training.adapters import Adapted, add_adapters
from easyphoto.training.lora import (
    LoraFacts,
    kohya_state,
    lora_metadata,
    read_lora,
    safetensors_bytes,
    write_lora,
)

FACTS = LoraFacts(
    name="lena", trigger="easyphoto_face, 1person", base_version="sd_v1", architecture="stable-diffusion-v1/lora",
    base_name="sd15", resolution=512, rank=4, alpha=2.0, photos=5, steps=9, batch=2, unet_lr=1e-4, text_lr=5e-5, seed=0,
    min_snr_gamma=5.0, prediction_type="epsilon",
)  # fmt: skip


def adapted(tiny_base: Path, *, seed: int = 0, rank: int = 4, alpha: float = 2.0) -> tuple[Any, Adapted]:
    """The tiny family with adapters that do something (PEFT starts them at nothing)."""
    components = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")
    found = add_adapters(components, rank=rank, alpha=alpha, seed=seed, text_learns=True)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in found.parameters().items():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.1)
    return components, found


@torch.no_grad()
def answers(components: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What the text encoder and the UNet make of a fixed input."""
    draw = torch.Generator().manual_seed(5)
    tokens = torch.randint(0, 200, (1, 77), generator=draw)
    latents = torch.randn(1, 4, 16, 16, generator=draw)
    words = components.text_encoders[0](tokens)[0]
    return words, components.unet(latents, 500, encoder_hidden_states=words, return_dict=False)[0]


def in_diffusers(tiny_base: Path, state: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    from diffusers import StableDiffusionPipeline

    fresh = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")
    pipeline = StableDiffusionPipeline(
        **fresh.parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.load_lora_weights(dict(state))
    return answers(fresh)


def test_loaded_in_diffusers_it_equals_the_live_adapters(tiny_base: Path):
    components, live = adapted(tiny_base)
    words, guess = answers(components)

    loaded_words, loaded_guess = in_diffusers(tiny_base, kohya_state(live))

    # PEFT computes the same in other operators.
    assert float((loaded_words - words).norm() / words.norm()) < 1e-6
    assert float((loaded_guess - guess).norm() / guess.norm()) < 1e-6


def test_written_in_16_bit_it_differs_by_a_thousandth_at_most(tiny_base: Path, tmp_path: Path):
    components, live = adapted(tiny_base)
    words, guess = answers(components)
    file = tmp_path / "lora.safetensors"
    write_lora(file, kohya_state(live, dtype=torch.float16), {})

    loaded_words, loaded_guess = in_diffusers(tiny_base, read_lora(file)[0])

    assert float((loaded_words - words).norm() / words.norm()) <= 1e-3
    assert float((loaded_guess - guess).norm() / guess.norm()) <= 1e-3


def test_the_effect_of_the_adapters_is_no_rounding(tiny_base: Path):
    components, _ = adapted(tiny_base)
    bare = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")

    assert float((answers(components)[1] - answers(bare)[1]).norm() / answers(bare)[1].norm()) > 0.01


def test_names_and_alpha_are_kohyas(tiny_base: Path):
    _, live = adapted(tiny_base)
    state = kohya_state(live)

    assert len(module_names(state)) == 3 * 12 + 2 * 6 + 12
    assert state["lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight"].shape == (4, 32)
    assert state["lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"].shape == (64, 4, 1, 1)
    assert state["lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0.alpha"].item() == 2.0
    assert all(key.startswith(("lora_unet_", "lora_te_text_model_")) for key in state)


def test_our_own_inference_applies_the_same_change(tiny_base: Path, tmp_path: Path):
    from easyphoto.backends.conditions import LoraCondition
    from easyphoto.backends.lora_apply import loras_applied

    components, live = adapted(tiny_base)
    file = tmp_path / "lora.safetensors"
    write_lora(file, kohya_state(live), {})
    fresh = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")

    with loras_applied(fresh, (LoraCondition(file),)):
        _, guess = answers(fresh)

    assert float((guess - answers(components)[1]).abs().max()) < 1e-4


def test_the_same_content_gives_the_same_bytes_and_a_hash_over_the_tensors(tiny_base: Path, tmp_path: Path):
    import hashlib

    _, live = adapted(tiny_base)
    state = kohya_state(live, dtype=torch.float16)
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    digests = {write_lora(first, state, lora_metadata(FACTS)), write_lora(second, state, lora_metadata(FACTS))}
    content = first.read_bytes()
    body = content[8 + int.from_bytes(content[:8], "little") :]

    metadata = read_lora(first)[1]

    assert digests == {hashlib.sha256(content).hexdigest()}
    assert metadata["sshs_model_hash"] == hashlib.sha256(body).hexdigest()


def test_metadata_says_what_readers_look_for():
    metadata = lora_metadata(FACTS)

    assert metadata["ss_base_model_version"] == "sd_v1"
    assert (metadata["ss_network_dim"], metadata["ss_network_alpha"]) == ("4", "2.0")
    assert metadata["ss_v2"] == "False"
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert json.loads(metadata["ss_tag_frequency"]) == {"lena": {"easyphoto_face": 5, "1person": 5}}


def test_what_was_written_is_read_back(tiny_base: Path, tmp_path: Path):
    _, live = adapted(tiny_base)
    state = kohya_state(live, dtype=torch.float16)
    write_lora(tmp_path / "lora.safetensors", state, {"a": "b"})

    found, metadata = read_lora(tmp_path / "lora.safetensors")

    assert metadata["a"] == "b"
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_a_broken_file_is_refused_by_name(tmp_path: Path):
    (tmp_path / "lora.safetensors").write_bytes(b"nothing of the kind")

    with pytest.raises(InputError, match=r"lora\.safetensors"):
        read_lora(tmp_path / "lora.safetensors")


def test_empty_tensors_can_be_kept():
    content = safetensors_bytes({"losses": torch.zeros(0, dtype=torch.float64), "step": torch.tensor(3)}, {})

    from safetensors.torch import load

    assert load(content)["losses"].shape == (0,)
    assert load(content)["step"].item() == 3
