"""What a checkpoint's file is, told from the names and shapes in its header; everything else is named."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from easyphoto.architectures.header import Header
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.folders import base_model
from easyphoto.backends.strangers import family_of_header
from easyphoto.errors import InputError
from tests.backends.test_headers import SD15_SHAPES, SDXL_SHAPES, UNET, write_hole

Shapes = Mapping[str, tuple[int, ...]]
TAKE = "Use a checkpoint (.safetensors) that can draw pictures from words by itself. These can be used: SD 1.5, SDXL."
BESIDE = "It works beside a checkpoint: choose a checkpoint as the base."
ORDINARY = "Use the ordinary checkpoint of that type: EasyPhoto can inpaint with it too."
SIXTEEN_BIT = "Use the 16-bit version, or the plain 8-bit one."
LORA = "A LoRA works on top of a checkpoint: give it where a LoRA is asked for, and choose a checkpoint as the base."
CONTROL = "Put it into the folder controlnet beside the checkpoint, and choose a checkpoint as the base."
FOLDER = (
    "Use the whole folder in the diffusers layout (unet, vae, text_encoder, tokenizer, scheduler), or a checkpoint in "
    "one file as web UIs use it."
)
# Names of tensors as the published files have them.
ARCHITECTURES: list[tuple[str, Shapes]] = [
    ("a FLUX model", {"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}),
    ("a FLUX model", {f"{UNET}double_blocks.0.img_attn.qkv.weight": (9216, 3072), "vae.decoder.conv_in.weight": (1,)}),
    ("a FLUX model", {"single_transformer_blocks.0.attn.to_k.weight": (3072, 3072)}),
    ("a FLUX model", {f"{UNET}double_blocks.0.img_attn.qkv.weight.quant_state.bitsandbytes__nf4": (80,)}),
    ("a FLUX.2 model", {"double_stream_modulation_img.lin.weight": (9, 3), "double_blocks.0.a": (9, 3)}),
    ("a Chroma model", {"distilled_guidance_layer.in_proj.bias": (5120,), "double_blocks.0.a": (9, 3)}),
    ("an SD 3 model", {f"{UNET}joint_blocks.0.context_block.attn.qkv.weight": (4608, 1536)}),
    ("an SD 3.5 model", {f"{UNET}joint_blocks.0.x_block.attn.ln_q.weight": (64,), f"{UNET}joint_blocks.0.a": (1,)}),
    ("a PixArt model", {"t_block.1.weight": (6912, 1152), "ar_embedder.mlp.0.weight": (384, 256)}),
    ("a PixArt model", {"adaln_single.emb.timestep_embedder.linear_1.bias": (1152,), "pos_embed.proj.bias": (1152,)}),
    ("a Sana model", {"blocks.0.mlp.depth_conv.conv.weight": (11200, 1, 3, 3), "t_block.1.weight": (6, 2)}),
    ("a Kolors model", {"encoder_hid_proj.weight": (2048, 4096), "down_blocks.0.resnets.0.conv1.weight": (1, 1, 3, 3)}),
    ("a Hunyuan-DiT model", {"mlp_t5.0.weight": (8192, 2048)}),
    ("a HunyuanVideo model", {f"{UNET}txt_in.individual_token_refiner.blocks.0.norm1.weight": (3072,)}),
    ("a Stable Cascade model", {"clip_txt_mapper.weight": (2048, 1280), "clf.1.weight": (64, 2048, 1, 1)}),
    ("a Stable Cascade model", {"effnet_mapper.0.weight": (1280, 16, 1, 1)}),
    (
        "an LTX-Video model",
        {
            f"{UNET}patchify_proj.weight": (2048, 128),
            # As wide as SDXL's.
            f"{UNET}transformer_blocks.0.attn2.to_k.weight": (2048, 2048),
            f"{UNET}adaln_single.emb.timestep_embedder.linear_1.bias": (2048,),
        },
    ),
    ("a Wan model", {"head.modulation": (1, 2, 1536), "blocks.0.self_attn.q.weight": (1536, 1536)}),
    ("a Qwen-Image model", {"transformer_blocks.0.img_mod.1.weight": (18432, 3072)}),
    ("an AuraFlow model", {"double_layers.0.attn.w1q.weight": (3072, 3072)}),
    ("a Lumina or Z-Image model", {f"{UNET}noise_refiner.0.attention.k_norm.weight": (96,)}),
    ("a HiDream model", {"double_stream_blocks.0.block.adaLN_modulation.1.bias": (1,)}),
    ("a Mochi model", {"t5_yproj.weight": (1536, 4096)}),
    ("a Cosmos model", {"net.x_embedder.proj.1.weight": (4096, 68)}),
    (
        "a video model (Stable Video Diffusion)",
        {
            f"{UNET}input_blocks.0.0.weight": (320, 8, 3, 3),
            f"{UNET}input_blocks.1.1.time_stack.0.attn2.to_k.weight": (320, 1024),
        },
    ),
    ("an SDXL model for EDM noise", {**SDXL_SHAPES, "edm_vpred.sigma_max": ()}),
    (
        "an SD 2 model",
        {
            f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 1024),
            f"{UNET}input_blocks.0.0.weight": (320, 9, 3, 3),
            "cond_stage_model.model.positional_embedding": (77, 1024),
        },
    ),
]  # fmt: skip
OTHERS: list[tuple[str, str, Shapes]] = [
    ("empty: it holds no tensors", TAKE, {}),
    ("a LoRA", LORA, {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (8, 1280, 1, 1)}),
    ("a LoRA", LORA, {"unet.mid_block.attentions.0.proj_in.lora_A.weight": (8, 1280)}),
    ("a LoRA", LORA, {"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (8, 3072)}),
    ("a LoRA", LORA, {"lora_unet_down_blocks_0_attentions_0_proj_in.oft_blocks": (4, 8, 8)}),
    ("a LoRA", LORA, {"lora_unet_down_blocks_0_attentions_0_proj_in.hada_w1_b": (8, 320)}),
    ("a ControlNet-LLLite", BESIDE, {"lllite_unet_input_blocks_4_1_attn1_to_k.down.0.weight": (64, 640)}),
    ("a ControlNet", CONTROL, {"control_model.zero_convs.0.0.weight": (320, 320, 1, 1)}),
    ("a ControlNet", CONTROL, {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3), "down_blocks.0.x": (1,)}),
    ("a ControlNet", CONTROL, {"controlnet_x_embedder.weight": (3072, 64), "double_blocks.0.a": (1,)}),
    ("a Control-LoRA", CONTROL, {"lora_controlnet": (0,), "input_blocks.1.0.in_layers.2.up": (320, 256)}),
    ("a T2I-Adapter", BESIDE, {"body.0.block1.weight": (320, 320, 3, 3)}),
    ("an identity adapter (such as IP-Adapter, FaceID, InstantID)", BESIDE, {"image_proj.latents": (1, 16, 768)}),
    ("a motion module (AnimateDiff)", BESIDE, {"down_blocks.0.motion_modules.0.temporal_transformer.a": (320,)}),
    ("a model in 8 bit with scales beside its tensors", SIXTEEN_BIT, {**SD15_SHAPES, "scaled_fp8": (2,)}),
    (
        "a model in 8 bit with scales beside its tensors",
        SIXTEEN_BIT,
        {**SDXL_SHAPES, f"{UNET}input_blocks.4.1.proj_in.scale_weight": (1,)},
    ),
    (
        "a model in 4 bit (nf4, fp4)",
        SIXTEEN_BIT,
        {**SDXL_SHAPES, f"{UNET}out.2.weight.quant_state.bitsandbytes__nf4": (80,)},
    ),
    (
        "an inpainting model (9 channels)",
        ORDINARY,
        {**SDXL_SHAPES, f"{UNET}input_blocks.0.0.weight": (320, 9, 3, 3)},
    ),
    (
        "an image-editing model (pix2pix, 8 channels)",
        ORDINARY,
        {**SD15_SHAPES, f"{UNET}input_blocks.0.0.weight": (320, 8, 3, 3)},
    ),
    (
        "a model with a special input (depth or upscaling)",
        ORDINARY,
        {**SD15_SHAPES, f"{UNET}input_blocks.0.0.weight": (320, 5, 3, 3)},
    ),
    (
        "the SDXL refiner",
        "Use the SDXL base model: EasyPhoto does not use the refiner.",
        {f"{UNET}x": (1,), "conditioner.embedders.0.model.positional_embedding": (77, 1280)},
    ),
    ("a UNet in diffusers' names", FOLDER, {"down_blocks.0.resnets.0.conv1.weight": (320, 320, 3, 3)}),
    ("a VAE", TAKE, {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 4, 3, 3)}),
    ("a VAE", TAKE, {"first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3)}),
    ("an image encoder (CLIP vision)", BESIDE, {"vision_model.embeddings.class_embedding": (1280,)}),
    ("a text encoder", TAKE, {"text_model.embeddings.position_embedding.weight": (77, 768)}),
    ("a text encoder", TAKE, {"encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)}),
    (
        "an upscaler or a face restorer",
        "Choose it as upscaler or restorer, and a checkpoint as the base.",
        {"params_ema.conv_first.weight": (64, 3, 3, 3)},
    ),
    ("a textual inversion", f"Such words are not used by EasyPhoto. {TAKE}", {"emb_params": (4, 768)}),
    ("a textual inversion", f"Such words are not used by EasyPhoto. {TAKE}", {"clip_l": (4, 768), "clip_g": (4, 1280)}),
    ("a textual inversion", f"Such words are not used by EasyPhoto. {TAKE}", {"<my-word>": (768,)}),
]  # fmt: skip


def header(shapes: Shapes, **metadata: str) -> Header:
    return Header("model.safetensors", shapes, {key.replace("__", "."): said for key, said in metadata.items()})


@pytest.mark.parametrize(("what", "shapes"), ARCHITECTURES)
def test_a_model_of_another_architecture_is_refused_by_name(what: str, shapes: Shapes):
    with pytest.raises(InputError) as refused:
        family_of_header(header(shapes))

    assert str(refused.value) == f"model.safetensors is {what}. {TAKE}"


@pytest.mark.parametrize(("what", "advice", "shapes"), OTHERS)
def test_what_is_no_checkpoint_is_named_with_what_to_do(what: str, advice: str, shapes: Shapes):
    with pytest.raises(InputError) as refused:
        family_of_header(header(shapes))

    assert str(refused.value) == f"model.safetensors is {what}. {advice}"


def test_sdxl_turbo_is_told_by_its_metadata_and_other_merges_of_sdxl_are_not_refused():
    with pytest.raises(InputError, match=r"is SDXL Turbo, made for few steps at 512 pixels\. Use the ordinary SDXL"):
        family_of_header(header(SDXL_SHAPES, modelspec__architecture="stable-diffusion-xl-turbo-v1"))

    assert family_of_header(header(SDXL_SHAPES, modelspec__architecture="stable-diffusion-xl-v1-base")) is SDXL
    # Pony, Illustrious and the like have the names and shapes of SDXL, and work.
    assert family_of_header(header(SDXL_SHAPES, modelspec__title="Pony Diffusion V6 XL")) is SDXL


def test_a_pruned_file_and_an_unknown_one_are_named():
    unet = {key: shape for key, shape in SD15_SHAPES.items() if key.startswith(UNET)}

    with pytest.raises(InputError) as pruned:
        family_of_header(header(unet))
    with pytest.raises(InputError) as unknown:
        family_of_header(header({"blocks.0.attn.weight": (64, 64)}))

    assert str(pruned.value) == (
        f"model.safetensors holds a UNet without its text encoders. It is a pruned file. {TAKE}"
    )
    assert str(unknown.value) == f"model.safetensors holds a type of model that EasyPhoto does not know. {TAKE}"


def test_a_plain_8_bit_checkpoint_is_used(tmp_path: Path):
    entries, end = {}, 0
    for name, shape in SDXL_SHAPES.items():
        count = 1
        for side in shape:
            count *= side
        entries[name] = {"dtype": "F8_E4M3", "shape": shape, "data_offsets": [end, end + count]}
        end += count
    content = json.dumps(entries).encode()
    with (tmp_path / "half.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", len(content)) + content)
        stream.truncate(8 + len(content) + end)

    assert base_model(str(tmp_path / "half.safetensors"))[0] is SDXL


def test_the_same_error_is_raised_for_the_file(tmp_path: Path):
    file = write_hole(tmp_path / "flux1-dev.safetensors", {"double_blocks.0.img_attn.norm.key_norm.scale": (128, 1)})

    with pytest.raises(InputError, match=r"^flux1-dev\.safetensors is a FLUX model\. Use a checkpoint"):
        base_model(str(file))
