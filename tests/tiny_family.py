"""A family with random weights in the diffusers layout, small enough that a call takes a fraction of a second."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

SEED = 3
WIDTH = 32
TOKENS = 77
SECOND_WIDTH, POOLED_WIDTH = 48, 40
"""Of the tiny SDXL's second text encoder: other widths than the first's, so that a mix-up shows."""
END = "<|endoftext|>"
CONTROLS = ("canny", "tile")
"""Folders of ControlNets that are written: `facepoints` is missing on purpose."""


def write_tiny_family(folder: Path) -> Path:
    """Write it and give the folder back. The family says that it is the miniature, whose shapes it does not have."""
    import torch
    from diffusers import DDPMScheduler

    from easyphoto.storage.records import write_json

    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        unet, autoencoder, text_encoder = make_unet(), make_autoencoder(), make_text_encoder()
        for kind in CONTROLS:
            make_controlnet(unet).save_pretrained(folder / "controlnet" / kind)
    parts = {"unet": unet, "vae": autoencoder, "text_encoder": text_encoder, "tokenizer": make_tokenizer()}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    scheduler = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, steps_offset=1, timestep_spacing="leading",
    )  # fmt: skip
    scheduler.save_pretrained(folder / "scheduler")
    write_json(folder / "easyphoto.json", {"family": "miniature"})
    return folder


def write_tiny_sdxl(folder: Path) -> Path:
    """The same for SDXL: two text encoders, linear projections, a UNet that is told pooled words and sizes."""
    import torch
    from diffusers import EulerDiscreteScheduler

    from easyphoto.storage.records import write_json

    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        unet, autoencoder = make_unet_xl(), make_autoencoder(scaling_factor=0.13025, force_upcast=True)
        encoders = make_text_encoder(), make_second_text_encoder()
        # The folder of the catalogue's ControlNet is named as SDXL's family names it.
        make_controlnet(unet).save_pretrained(folder / "controlnet" / "diffusers_xl_canny_mid")
    tokenizers = make_tokenizer(), make_tokenizer(pad="!")
    parts = {"unet": unet, "vae": autoencoder, "text_encoder": encoders[0], "text_encoder_2": encoders[1]}
    for name, part in {**parts, "tokenizer": tokenizers[0], "tokenizer_2": tokenizers[1]}.items():
        part.save_pretrained(folder / name)
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"
    )
    scheduler.save_pretrained(folder / "scheduler")
    write_json(folder / "easyphoto.json", {"family": "sdxl"})
    return folder


def make_unet_xl() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=2,
        transformer_layers_per_block=(1, 1, 2),
        cross_attention_dim=WIDTH + SECOND_WIDTH,
        attention_head_dim=(2, 2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + POOLED_WIDTH,
        norm_num_groups=8,
    )


def make_unet() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=8,
    )


def make_autoencoder(*, scaling_factor: float = 0.5, force_upcast: bool = False) -> Any:
    """The last layer is louder than its random start, so that latents that differ give pictures that differ."""
    from diffusers import AutoencoderKL

    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
        scaling_factor=scaling_factor,
        mid_block_add_attention=False,
        force_upcast=force_upcast,
    )
    autoencoder.decoder.conv_out.weight.data.mul_(4)
    return autoencoder


def make_controlnet(unet: Any) -> Any:
    """Its last convolutions start at zero by design and would do nothing; here they do something."""
    from diffusers import ControlNetModel
    from torch import nn

    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
    silent = [control.controlnet_cond_embedding.conv_out, control.controlnet_mid_block]
    for layer in (*silent, *control.controlnet_down_blocks):
        nn.init.normal_(layer.weight, std=0.2)
    return control


def make_text_encoder() -> Any:
    from transformers import CLIPTextModel

    return CLIPTextModel(_text_config(WIDTH, projection=WIDTH, layers=2))


def make_second_text_encoder() -> Any:
    from transformers import CLIPTextModelWithProjection

    return CLIPTextModelWithProjection(_text_config(SECOND_WIDTH, projection=POOLED_WIDTH, layers=3, pad="!"))


def _text_config(width: int, *, projection: int, layers: int, pad: str = END) -> Any:
    from transformers import CLIPTextConfig

    tokenizer = make_tokenizer(pad)
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=projection,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def make_tokenizer(pad: str = END) -> Any:
    """Letters only: nothing is merged to longer tokens."""
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory() as name:
        vocabulary, merges = Path(name) / "vocab.json", Path(name) / "merges.txt"
        vocabulary.write_text(json.dumps({token: number for number, token in enumerate(_tokens())}), "utf-8")
        merges.write_text("#version: 0.2\n", "utf-8")
        # From files, because that is the one way that transformers 4 and 5 share.
        return CLIPTokenizer.from_pretrained(name, pad_token=pad, model_max_length=TOKENS)


def _tokens() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    return [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", END]


def write_tiny_lora(
    path: Path,
    *,
    seed: int = 0,
    rank: int = 2,
    strength: float = 0.5,
    text_prefix: str = "lora_te",
    cross: int = WIDTH,
) -> Path:
    """A kohya file of random factors for some layers of the UNet and the (first) text encoder.

    `cross` is the width of what the UNet attends to. In SDXL's layout `proj_in` is no convolution, and left out.
    """
    import torch
    from safetensors.torch import save_file

    inner = 64
    block = "lora_unet_mid_block_attentions_0_transformer_blocks_0"
    shapes = {
        f"{block}_attn1_to_q": (inner, inner),
        f"{block}_attn2_to_k": (cross, inner),
        f"{block}_ff_net_2": (4 * inner, inner),
        f"{text_prefix}_text_model_encoder_layers_0_self_attn_q_proj": (WIDTH, WIDTH),
        f"{text_prefix}_text_model_encoder_layers_0_self_attn_out_proj": (WIDTH, WIDTH),
    }
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (wide, out) in shapes.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(rank, wide, generator=generator) * strength
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, rank, generator=generator) * strength
        tensors[f"{name}.alpha"] = torch.tensor(float(rank))
    if cross == WIDTH:
        # proj_in is a 1×1 convolution in SD 1.5's layout, and kohya keeps its factors four-dimensional.
        conv = "lora_unet_mid_block_attentions_0_proj_in"
        tensors[f"{conv}.lora_down.weight"] = torch.randn(rank, inner, 1, 1, generator=generator) * strength
        tensors[f"{conv}.lora_up.weight"] = torch.randn(inner, rank, 1, 1, generator=generator) * strength
    save_file(tensors, path)
    return path
