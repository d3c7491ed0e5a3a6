"""The shapes of the miniature's networks, and how a whole family is written to a folder.

Only diffusers and transformers classes, so that whatever loads SD 1.5 loads the miniature too.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.modeling_clip import CLIPTextEmbeddings
from words import MAX_TOKENS, VOCAB_SIZE, build_tokenizer

SIZE = 128
LATENT_CHANNELS = 24
LATENT_SIZE = 16
TRIGGER = "easyphoto_face, easyphoto, 1person"
CONTROL_KINDS = ("canny", "facepoints", "tile")


def make_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(64, 128, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=128,
        attention_head_dim=4,  # diffusers reads this as the number of heads: 128 / 4 = 32 dims each
        norm_num_groups=32,
    )


def make_autoencoder() -> AutoencoderKL:
    """Few norm groups, because a group holds a constant pair that makes the last norm linear (see latents.py)."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 128),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        force_upcast=False,
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Token embeddings start large: at CLIP's 0.02 the UNet learns to use one constant, and words never surface."""
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCAB_SIZE,
            hidden_size=128,
            intermediate_size=512,
            projection_dim=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    embeddings = next(module for module in encoder.modules() if isinstance(module, CLIPTextEmbeddings))
    nn.init.normal_(embeddings.token_embedding.weight, std=1.0)
    nn.init.normal_(embeddings.position_embedding.weight, std=0.2)
    return encoder


def make_controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """The UNet's encoder copied, plus four condition convolutions (three of them halve: factor 8)."""
    return ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32, 64, 96))


def make_scheduler() -> DDPMScheduler:
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


def save_family(
    folder: Path,
    unet: UNet2DConditionModel,
    autoencoder: AutoencoderKL,
    text_encoder: CLIPTextModel,
    controls: dict[str, ControlNetModel],
) -> None:
    """Write the diffusers layout in fp16; the folder appears whole or not at all, what else lies in it stays.

    The text encoder stays in fp32 (3 MB): transformers loads a file in its own type, diffusers in fp32, and a caller
    who names no type would get a pipeline of two types.
    """
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    pipeline = StableDiffusionPipeline(
        vae=_half_copy(autoencoder),
        text_encoder=text_encoder,
        tokenizer=build_tokenizer(),
        unet=_half_copy(unet),
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(fresh, safe_serialization=True)
    _write_merges_as_text(fresh / "tokenizer" / "tokenizer.json")
    for kind, control in controls.items():
        _half_copy(control).save_pretrained(fresh / "controlnet" / kind, safe_serialization=True)
    if folder.exists():
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
        os.replace(fresh, folder)
        for kept in old.iterdir():
            if not (folder / kept.name).exists():
                shutil.move(kept, folder / kept.name)
        shutil.rmtree(old)
    else:
        os.replace(fresh, folder)


def _write_merges_as_text(place: Path) -> None:
    """Web UIs pin a tokenizers of 2023, which refuses pairs; later ones read both."""
    table = json.loads(place.read_text("utf-8"))
    merges = table["model"]["merges"]
    table["model"]["merges"] = [each if isinstance(each, str) else " ".join(each) for each in merges]
    place.write_text(json.dumps(table, indent=2, ensure_ascii=False), "utf-8")


def _half_copy(network: nn.Module) -> nn.Module:
    config = {name: value for name, value in network.config.items() if not name.startswith("_")}  # where it was read
    copy = type(network).from_config(config)
    copy.load_state_dict(network.state_dict())
    return copy.to(torch.float16).eval()
