"""A family with random weights in the diffusers layout, small enough that a call takes a fraction of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SEED = 3
WIDTH = 32
TOKENS = 77
CONTROLS = ("canny", "tile")
"""Folders of ControlNets that are written: `facepoints` is missing on purpose."""


def write_tiny_family(folder: Path) -> Path:
    """Write it and give the folder back. The family says that it is the miniature, whose shapes it does not have."""
    import torch
    from diffusers import DDPMScheduler

    from easyphoto.files import write_json

    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        unet, autoencoder, text_encoder = make_unet(), make_autoencoder(), make_text_encoder()
        for kind in CONTROLS:
            make_controlnet(unet).save_pretrained(folder / "controlnet" / kind)
    unet.save_pretrained(folder / "unet")
    autoencoder.save_pretrained(folder / "vae")
    text_encoder.save_pretrained(folder / "text_encoder")
    make_tokenizer().save_pretrained(folder / "tokenizer")
    scheduler = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, steps_offset=1, timestep_spacing="leading",
    )  # fmt: skip
    scheduler.save_pretrained(folder / "scheduler")
    write_json(folder / "easyphoto.json", {"family": "miniature"})
    return folder


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


def make_autoencoder() -> Any:
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
        scaling_factor=0.5,
        mid_block_add_attention=False,
        force_upcast=False,
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
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = make_tokenizer()
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def make_tokenizer() -> Any:
    """Letters only: nothing is merged to longer tokens."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=TOKENS)


def write_tiny_lora(path: Path, *, seed: int = 0, rank: int = 2, strength: float = 0.5) -> Path:
    """A kohya file of random factors for some layers of the UNet and the text encoder."""
    import torch
    from safetensors.torch import save_file

    inner = 64
    block = "lora_unet_mid_block_attentions_0_transformer_blocks_0"
    shapes = {
        f"{block}_attn1_to_q": (inner, inner),
        f"{block}_attn2_to_k": (WIDTH, inner),
        f"{block}_ff_net_2": (4 * inner, inner),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (WIDTH, WIDTH),
        "lora_te_text_model_encoder_layers_0_self_attn_out_proj": (WIDTH, WIDTH),
    }
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (wide, out) in shapes.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(rank, wide, generator=generator) * strength
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, rank, generator=generator) * strength
        tensors[f"{name}.alpha"] = torch.tensor(float(rank))
    # proj_in is a 1×1 convolution in SD 1.5's layout, and kohya keeps its factors four-dimensional.
    conv = "lora_unet_mid_block_attentions_0_proj_in"
    tensors[f"{conv}.lora_down.weight"] = torch.randn(rank, inner, 1, 1, generator=generator) * strength
    tensors[f"{conv}.lora_up.weight"] = torch.randn(inner, rank, 1, 1, generator=generator) * strength
    save_file(tensors, path)
    return path
