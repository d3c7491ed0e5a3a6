"""The family of a checkpoint by its header, or what the file is instead: told by names and shapes of tensors alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product
from types import MappingProxyType

from easyphoto.architectures.base import Family
from easyphoto.architectures.header import FIRST_CONVOLUTION, UNET, Header
from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import InputError
from easyphoto.messages import Text, text

Test = Callable[[Header], bool]
Stranger = tuple[str, Test, Text]
"""What a file is, the test for it, and the advice."""
TAKE = text(
    "Use a checkpoint (.safetensors) that can draw pictures from words by itself. These can be used: {families}.",
    families=", ".join(family.short for family in FAMILIES.from_files),
)
_LORA = re.compile(
    r"[._](lora_(down|up|A|B|mid)|lora\.(down|up)|lora_linear_layer\.(down|up))(\.default)?\.weight$"
    r"|\.(hada_w[12]_[ab]|lokr_w[12](_[ab])?|oft_diag|oft_blocks|dora_scale|diff|diff_b|on_input)$"
)
"""The ends of a LoRA's tensor names in kohya's, diffusers' and LyCORIS's files."""
_PREFIXES = ("", UNET, "transformer.", "diffusion_model.", "net.")
"""What stands before a network's own names, in files of a network alone and in those with everything."""
_EMBEDDING_WIDTHS = (768, 1024, 1280)


def family_of_header(header: Header) -> Family:
    """The family of a checkpoint. Raises InputError that says what the file is instead, and what to take."""
    for strangers in (_NO_MODELS, _ARCHITECTURES, _UNUSABLE):
        _refuse(header, strangers)
    family = FAMILIES.of_checkpoint(header)
    if family is not None:
        return family
    _refuse(header, _PARTS)
    if FAMILIES.of_unet(header) is not None:
        raise InputError(
            text("{name} holds a UNet without its text encoders.", name=header.name),
            advice=text("It is a pruned file. {take}", take=TAKE),
        )
    raise InputError(text("{name} holds a type of model that EasyPhoto does not know.", name=header.name), advice=TAKE)


def is_lora(header: Header) -> bool:
    return not header.has(UNET) and any(_LORA.search(key) for key in header.shapes)


def _refuse(header: Header, strangers: tuple[Stranger, ...]) -> None:
    for what, fits, advice in strangers:
        if fits(header):
            raise InputError(text("{source} is {what}.", source=header.name, what=what), advice=advice)


def _a(name: str) -> Text:
    return text("a {name} model", name=name)


def _an(name: str) -> Text:
    return text("an {name} model", name=name)


def _begins(*beginnings: str) -> Test:
    return lambda header: header.has(*beginnings)


def _network(*beginnings: str) -> Test:
    """The file has a network with such tensors, alone or with everything that belongs to it."""
    wanted = tuple(map("".join, product(_PREFIXES, beginnings)))
    return lambda header: header.has(*wanted)


def _only(*beginnings: str) -> Test:
    """The file has such tensors and no checkpoint's UNet."""
    return lambda header: header.has(*beginnings) and not header.has(UNET)


def _holds(*names: str) -> Test:
    return lambda header: any(name in header.shapes for name in names)


def _ends(*endings: str) -> Test:
    return lambda header: any(key.endswith(endings) for key in header.shapes)


def _named_within(*words: str) -> Test:
    return lambda header: any(word in key for key in header.shapes for word in words)


def _takes(channels: int) -> Test:
    return lambda header: header.size(FIRST_CONVOLUTION, 1) == channels


def _is_sd2(header: Header) -> bool:
    return header.has("cond_stage_model.model.") or header.words_width == 1024


def _is_refiner(header: Header) -> bool:
    return header.has("conditioner.embedders.0.model.") or header.words_width == 1280


def _is_turbo(header: Header) -> bool:
    # Its tensors are named and shaped as the ordinary model's, so renamed merges of it are not noticed.
    return "xl-turbo" in header.metadata.get("modelspec.architecture", "")


def _is_embedding(header: Header) -> bool:
    """A textual inversion: a few rows of a text encoder's width, one tensor for each encoder."""
    known = {"emb_params", "clip_l", "clip_g", "string_to_param.*"}
    if known & set(header.shapes):
        return True
    # Diffusers names the tensor by the word that was learned.
    widths = [shape[-1] for shape in header.shapes.values() if len(shape) in (1, 2)]
    return len(header.shapes) == 1 and bool(widths) and widths[0] in _EMBEDDING_WIDTHS


ORDINARY = text("Use the ordinary checkpoint of that type: EasyPhoto can inpaint with it too.")
_SPECIAL = text("a model with a special input (depth or upscaling)")
SPECIAL_INPUTS: Mapping[int, Text] = MappingProxyType(
    {
        9: text("an inpainting model (9 channels)"),
        8: text("an image-editing model (pix2pix, 8 channels)"),
        7: _SPECIAL,
        5: _SPECIAL,
    }
)
"""Channels that a UNet takes → the kind of model; an ordinary one takes 4."""
OTHER_WIDTHS: Mapping[int, Text] = MappingProxyType(
    {1024: text("an {name} model", name="SD 2"), 1280: text("the SDXL refiner")}
)
"""Width of the words that a UNet attends to → the model, of no supported family, that has it."""
_SIXTEEN_BIT = text("Use the 16-bit version, or the plain 8-bit one.")
_AS_LORA = text(
    "A LoRA works on top of a checkpoint: give it where a LoRA is asked for, and choose a checkpoint as the base."
)
_AS_CONTROL = text("Put it into the folder controlnet beside the checkpoint, and choose a checkpoint as the base.")
_BESIDE = text("It works beside a checkpoint: choose a checkpoint as the base.")
_FOLDER = text(
    "Use the whole folder in the diffusers layout (unet, vae, text_encoder, tokenizer, scheduler), or "
    "a checkpoint in one file as web UIs use it."
)
_NO_MODELS: tuple[Stranger, ...] = (
    (text("empty: it holds no tensors"), lambda header: not header.shapes, TAKE),
    (text("a ControlNet-LLLite"), _only("lllite_"), _BESIDE),
    (text("a LoRA"), is_lora, _AS_LORA),
    (text("a Control-LoRA"), _holds("lora_controlnet"), _AS_CONTROL),
    (text("a ControlNet"), _only("control_model.", "controlnet_", "input_hint_block.", "control_layers."), _AS_CONTROL),
    (text("a T2I-Adapter"), _only("adapter.body.", "body.0.block1."), _BESIDE),
    (
        text("an identity adapter (such as IP-Adapter, FaceID, InstantID)"),
        _only("image_proj.", "ip_adapter.", "id_encoder.", "pulid_encoder.", "pulid_ca."),
        _BESIDE,
    ),
    (text("a motion module (AnimateDiff)"), _named_within("motion_modules."), _BESIDE),
)
"""What needs a checkpoint beside it. The order matters: files of an earlier kind may also pass a later test."""
_ARCHITECTURES: tuple[Stranger, ...] = (
    (
        _a("HunyuanVideo"),
        _network("txt_in.individual_token_refiner.", "context_embedder.token_refiner."),
        TAKE,
    ),
    (_a("FLUX.2"), _network("double_stream_modulation_img.", "single_stream_modulation."), TAKE),
    (_a("Chroma"), _network("distilled_guidance_layer."), TAKE),
    (_an("AuraFlow"), _network("double_layers.", "joint_transformer_blocks.", "cond_seq_linear."), TAKE),
    (_a("FLUX"), _network("double_blocks.", "single_blocks.", "single_transformer_blocks."), TAKE),
    (_an("SD 3.5"), _network("joint_blocks.0.x_block.attn.ln_q.", "joint_blocks.0.x_block.attn.ln_k."), TAKE),
    (_an("SD 3"), _network("joint_blocks.", "pos_embed.pos_embed"), TAKE),
    (_a("Qwen-Image"), _network("transformer_blocks.0.img_mod.", "txt_in.text_norm."), TAKE),
    (
        _a("Sana"),
        _network("blocks.0.mlp.depth_conv.", "caption_norm.", "transformer_blocks.0.ff.conv_depth."),
        TAKE,
    ),
    (_a("Hunyuan-DiT"), _network("mlp_t5.", "time_extra_emb."), TAKE),
    (_an("LTX-Video"), _network("patchify_proj."), TAKE),
    (_a("PixArt"), _network("t_block.1.", "ar_embedder.", "adaln_single."), TAKE),
    (_a("Stable Cascade"), _network("clip_txt_mapper.", "effnet_mapper.", "clf.1."), TAKE),
    (_a("Wan"), _network("head.modulation", "vace_blocks.", "condition_embedder.text_embedder."), TAKE),
    (_a("Mochi"), _network("t5_yproj.", "blocks.0.attn.qkv_x."), TAKE),
    (_a("Lumina or Z-Image"), _network("noise_refiner.", "cap_embedder."), TAKE),
    (_a("HiDream"), _network("double_stream_blocks."), TAKE),
    (_a("Cosmos"), _network("x_embedder.proj.1.", "blocks.block0.blocks."), TAKE),
    (_a("Kolors"), _begins("encoder_hid_proj."), TAKE),
    (text("a video model (Stable Video Diffusion)"), _named_within(".time_stack.", ".time_mixer."), TAKE),
    (text("an SDXL model for EDM noise"), _begins("edm_mean", "edm_vpred."), TAKE),
    (OTHER_WIDTHS[1280], _is_refiner, text("Use the SDXL base model: EasyPhoto does not use the refiner.")),
    (OTHER_WIDTHS[1024], _is_sd2, TAKE),
)
"""Models that no version of this program can paint with, whatever their precision."""
_UNUSABLE: tuple[Stranger, ...] = (
    (
        text("SDXL Turbo, made for few steps at 512 pixels"),
        _is_turbo,
        text("Use the ordinary SDXL checkpoint; what makes it fast as well is the setting few_steps."),
    ),
    (
        text("a model in 4 bit (nf4, fp4)"),
        _named_within(".quant_state.", ".absmax", ".qweight", ".wscales"),
        _SIXTEEN_BIT,
    ),
    (
        text("a model in 8 bit with scales beside its tensors"),
        _ends("scaled_fp8", ".scale_weight", ".weight_scale", ".scale_input", ".comfy_quant", ".SCB"),
        _SIXTEEN_BIT,
    ),
    *((what, _takes(channels), ORDINARY) for channels, what in SPECIAL_INPUTS.items()),
)
"""Models of a family that cannot be used as they are."""
_PARTS: tuple[Stranger, ...] = (
    (text("a UNet in diffusers' names"), _only("down_blocks.", "unet.down_blocks."), _FOLDER),
    (
        text("a VAE"),
        _only("first_stage_model.", "encoder.conv_in.", "decoder.conv_in.", "decoder.middle.", "taesd_"),
        TAKE,
    ),
    (text("an image encoder (CLIP vision)"), _only("vision_model.", "visual."), _BESIDE),
    (
        text("a text encoder"),
        _only("text_model.", "cond_stage_model.", "conditioner.", "encoder.block.0.layer.", "model.embed_tokens."),
        TAKE,
    ),
    (
        text("an upscaler or a face restorer"),
        _only("conv_first.", "params_ema.", "params.", "model.1.sub.", "RRDB_trunk.", "stylegan_decoder."),
        text("Choose it as upscaler or restorer, and a checkpoint as the base."),
    ),
    (text("a textual inversion"), _is_embedding, text("Such words are not used by EasyPhoto. {take}", take=TAKE)),
)
"""Tested on files of no known family."""
